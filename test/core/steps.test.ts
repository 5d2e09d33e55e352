import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { toProfile } from '../../adapters/chargers/toProfile.ts'
import { type AllocationPolicy, type Ask, allocationPolicies } from '../../src/core/model.ts'
import { fromBytes, toBytes } from '../../src/core/snapshot.ts'
import { told } from '../../src/engine/capabilities.ts'
import { assumedCapabilities } from '../../src/operations/fleetPlan.ts'
import { at, bed, during, fleetOfN, T } from './bed.ts'

/** 6, 8, 10, 13 and 16 A on one phase, of a box that is fused at 20. */
const AMPS = [6, 8, 10, 13, 16]
const W = AMPS.map(a => a * 230)
const boxes = (n: number, pauses = true) => fleetOfN(n, { maxA: 20, steps: W, pauses })
const wantsUnder = (ask: Ask, n = 8) => {
  const b = bed(boxes(n))
  b.signal({ spread: at, ...during(T + 60, T + 7_200, ask) })
  return b.wants(T + 100)
}

describe('a box that takes only some limits of its maker’s', () => {
  test.each<[string, Ask, number | null]>([
    ['a limit between two is the lower', { kind: 'limitEach', limitA: 12 }, 10 * 230],
    ['one that it has is that', { kind: 'limitEach', limitW: 13 * 230 }, 13 * 230],
    ['above the highest it is the highest', { kind: 'limitEach', limitA: 19 }, 16 * 230],
    ['at its maximum it is free', { kind: 'limitEach', limitA: 20 }, null],
    ['below the lowest it is paused', { kind: 'limitEach', limitA: 5 }, 0],
    ['a share of it as well', { kind: 'keep', fraction: 0.5 }, 10 * 230],
  ])('%s', (_, ask, w) => expect(wantsUnder(ask, 1)).toEqual([w]))

  test('what steps leave over of a ceiling goes to whoever can use one step more', () => {
    const wants = wantsUnder({ kind: 'cap', totalW: 8 * 11 * 230 })
    const usedW = wants.reduce<number>((sum, w) => sum + (w ?? 20 * 230), 0)
    expect(wants.every(w => w === null || w === 0 || W.includes(w))).toBe(true)
    expect(usedW).toBeLessThanOrEqual(8 * 11 * 230)
    expect(usedW).toBeGreaterThan(8 * 11 * 230 - 3 * 230)
  })

  test('a programme’s floor is rounded up to one of them', () => {
    const b = bed(boxes(1), { floorW: 9 * 230 })
    b.signal({ spread: at, ...during(T + 60, T + 7_200, { kind: 'keep', fraction: 0 }) })
    expect(b.wants(T + 100)).toEqual([10 * 230])
  })

  test('is known from its capabilities, in the state and on the wire alike', () => {
    const c = { ...assumedCapabilities, maxA: 20, stepsA: AMPS }
    expect(told(c)).toMatchObject({ steps: W, minW: 6 * 230, maxW: 20 * 230, stepW: 3 * 230 })
    const limitOn = (limitW: number) => {
      const { requests } = toProfile(
        { schedule: [{ fromS: T, toS: T + 600, limitW, because: 0 }], urgent: false },
        c,
        { purpose: 'txDefault', at: 'evse', unit: 'A', stack: 'free' },
        {
          protocol: 'ocpp1.6',
          nowS: T,
          clockOffsetS: 0,
          evseId: 1,
          evseIds: [1],
          stackLevel: 1,
          transactionOf: () => null,
          ceilingW: () => null,
        },
      )
      return JSON.stringify(requests[0]!.payload).match(/"limit":([\d.]+)/)![1]
    }
    expect(W.map(limitOn)).toEqual(['6', '8', '10', '13', '16'])
    expect([limitOn(12 * 230), limitOn(5 * 230), limitOn(19 * 230)]).toEqual(['10', '0', '16'])
    const b = bed([...boxes(2), {}])
    expect(b.s.fleet.stepSets).toEqual([W])
    expect(fromBytes(toBytes(b.s)).fleet.stepSets).toEqual([W])
    expect([...b.s.fleet.stepSet]).toEqual([1, 1, 0])
  })

  test('that changes its steps in mid-event is told one of the new', () => {
    const b = bed(boxes(4))
    b.signal({ spread: at, ...during(T + 60, T + 7_200, { kind: 'cap', totalW: 4 * 10 * 230 }) })
    b.until(T + 120)
    const fewer = [6 * 230, 9 * 230]
    b.turn({ ...b.fleet, chargers: { ...b.fleet.chargers, stepSet: new Uint16Array(4).fill(1), stepSets: [fewer] } })
    expect(b.wants(T + 200).every(w => w === null || w === 0 || fewer.includes(w))).toBe(true)
  })

  test('whatever is asked, by whatever policy: one of its steps, and never above the ask', () => {
    const sets = fc
      .uniqueArray(fc.integer({ min: 6, max: 31 }), { minLength: 1, maxLength: 6 })
      .map(x => x.sort((a, b) => a - b).map(a => a * 230))
    fc.assert(
      fc.property(
        fc.array(fc.option(sets, { nil: undefined }), { minLength: 1, maxLength: 12 }),
        fc.integer({ min: 0, max: 90_000 }),
        fc.constantFrom<AllocationPolicy>(...allocationPolicies),
        (of, totalW, allocation) => {
          const b = bed(
            of.map(steps => (steps ? { steps } : {})),
            { allocation },
          )
          b.signal({ spread: at, ...during(T + 60, T + 7_200, { kind: 'cap', totalW }) })
          const wants = b.wants(T + 100)
          wants.forEach((w, i) => expect(w === null || w === 0 || (of[i]?.includes(w) ?? true)).toBe(true))
          expect(wants.reduce<number>((sum, w) => sum + (w ?? 7_360), 0)).toBeLessThanOrEqual(totalW)
        },
      ),
      { numRuns: 60 },
    )
  })
})
