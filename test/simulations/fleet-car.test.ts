import { describe, expect, test } from 'vitest'
import { arrive, type CarSpec, step } from '../../simulations/fleet/car.ts'
import { stream } from '../../simulations/fleet/chance.ts'
import { demoFleet } from '../../simulations/fleet/demo.ts'

const SPEC: CarSpec = { phases: 3, maxA: 16, batteryWh: 50_000, soc: 0.5 }
const drawn = (spec: Partial<CarSpec>, ...offers: number[]): number[] => {
  const car = arrive({ ...SPEC, ...spec })
  return offers.map(a => step(car, 1, a, 3, 230))
}

describe('a car on a cable', () => {
  test.each<[string, Partial<CarSpec>, number[], number[]]>([
    ['takes what is offered up to its own maximum', {}, [8, 32], [8, 16]],
    ['pauses below 6 A (IEC 61851)', {}, [16, 5.9, 0, 6], [16, 0, 0, 6]],
    ['some need a while to wake', { wakeS: 3 }, [16, 0, 16, 16, 16, 16], [16, 0, 0, 0, 16, 16]],
    ['some never wake from a pause', { wakesAfterPause: false }, [16, 0, 16, 16], [16, 0, 0, 0]],
    ['takes half at 90 % charge', { soc: 0.9 }, [32], [8]],
    ['never tapers below 6 A', { soc: 0.99 }, [32], [6]],
    ['takes nothing when full', { soc: 1 }, [32], [0]],
  ])('%s', (_what, spec, offers, amps) => {
    expect(drawn(spec, ...offers).map(a => Math.round(a * 10) / 10)).toEqual(amps)
  })

  test('an hour at 16 A on three phases is 11.04 kWh', () => {
    const car = arrive(SPEC)
    for (let i = 0; i < 3600; i++) step(car, 1, 16, 3, 230)
    expect(car.storedWh - 25_000).toBeCloseTo(11_040, 3)
  })
})

describe('the demo fleet', () => {
  test('a bigger fleet has the same first chargers', () => expect(demoFleet(50, 7)).toEqual(demoFleet(80, 7).slice(0, 50)))
  test('another seed is another fleet', () => expect(demoFleet(50, 7)).not.toEqual(demoFleet(50, 8)))
  test('half speak 1.6 and half 2.0.1, about 80 % charge, a share ignores', () => {
    const fleet = demoFleet(1000, 3, { ignoreShare: 0.3 })
    const share = (n: number) => n / fleet.length
    expect(share(fleet.filter(c => c.version === '1.6').length)).toBe(0.5)
    expect(share(fleet.filter(c => c.cars[0] !== undefined).length)).toBeCloseTo(0.8, 1)
    expect(share(fleet.filter(c => c.traits?.ignores).length)).toBeCloseTo(0.3, 1)
  })
  test('shares of nothing are a fleet without faults', () => {
    const none = { ignoreShare: 0, rejectShare: 0, lagShare: 0, offlineShare: 0, resumeShare: 0 }
    const quirks = demoFleet(300, 3, none).flatMap(c => Object.keys(c.traits ?? {}))
    expect(new Set(quirks)).toEqual(new Set(['meterNoise', 'clockSkewS', 'phasesOnly', 'kiloUnits']))
  })
  test('streams of different names differ, the same name repeats', () => {
    const three = (label: string) => Array.from({ length: 3 }, stream(1, label))
    expect(three('a')).toEqual(three('a'))
    expect(three('a')).not.toEqual(three('b'))
  })
})
