import { expect, test } from 'vitest'
import type { ChargerNo } from '../../src/core/model.ts'
import { ASK_S } from '../../src/engine/spots.ts'
import type { ChargerLink } from '../../src/ports.ts'
import { gridEvent, type Stage, stage } from './stage.ts'

/** A fleet that says nothing of its own accord, and answers within two seconds when it is asked. */
async function silentFleet(powerW: (i: ChargerNo) => number = () => 7_360) {
  const s = await stage({ specs: Array.from({ length: 4 }, () => ({})), meterEveryS: 86_400 })
  const asked: { atS: number; who: ChargerNo[] }[] = []
  const link = s.sim.link as { -readonly [K in keyof ChargerLink]: ChargerLink[K] }
  link.measure = chargers => {
    asked.push({ atS: s.now(), who: [...chargers] })
    s.runtime.at(`answers.${asked.length}`, s.runtime.now() + 2_000, () => {
      const n = chargers.length
      const at = s.runtime.now()
      s.engine().sink.readings({
        charger: Uint32Array.from(chargers),
        fromMs: new Float64Array(n).fill(at - 1_000),
        toMs: new Float64Array(n).fill(at),
        powerW: Float64Array.from(chargers, powerW),
        registerWh: new Float64Array(n).fill(Number.NaN),
        quality: new Uint8Array(n),
      })
    })
  }
  return { s, asked }
}
const everyone = [0, 1, 2, 3]
const basis = (s: Stage) => Array.from(s.engine().state().events.get(0)!.basisW)

test('who has said nothing is asked when an event is announced, and again before the plan looks at the meters for the last time', async () => {
  const { s, asked } = await silentFleet()
  const from = s.now() + 3_600
  await s.submit(gridEvent('later', from, from + 1_800, { ask: { kind: 'cap', totalW: 20_000 } }))
  expect(asked).toEqual([{ atS: s.now(), who: everyone }])
  await s.until(from - ASK_S - 1)
  expect(asked).toHaveLength(1)
  await s.until(from - 301)
  expect(asked).toHaveLength(2)
  expect(asked[1]).toEqual({ atS: from - ASK_S, who: everyone })
  expect(basis(s)).toEqual([7_360, 7_360, 7_360, 7_360])
})

test('who has said something of late is not asked', async () => {
  const { s, asked } = await silentFleet()
  s.engine().chargers.measure([1, 2])
  await s.until(s.now() + 5)
  asked.length = 0
  await s.submit(gridEvent('soon', s.now() + 600, s.now() + 1_800, { ask: { kind: 'cap', totalW: 20_000 } }))
  expect(asked.map(a => a.who)).toEqual([[0, 3]])
})

test('an event at short notice: the plan is made with what is known, and again with the answers before it begins', async () => {
  const { s } = await silentFleet(i => (i === 0 ? 7_360 : 0))
  const from = s.now() + 60
  await s.submit(gridEvent('short', from, from + 1_800, { ask: { kind: 'shed', totalW: 5_000 } }))
  expect(basis(s)).toEqual([-1, -1, -1, -1])
  await s.until(from - 1)
  expect(basis(s)).toEqual([7_360, 0, 0, 0])
  expect(s.engine().state().events.get(0)!.missingW).toBe(0)
})

test('after an emergency’s answers the meters are read within ten seconds, and when a car has had time to follow', async () => {
  const { s, asked } = await silentFleet()
  await s.submit(gridEvent('now', s.now(), s.now() + 1_800, { ask: { kind: 'off' }, class: 'emergency' }))
  const sentS = s.now()
  asked.length = 0
  await s.until(sentS + 120)
  expect(asked.length).toBeGreaterThanOrEqual(2)
  expect(new Set(asked.flatMap(a => a.who))).toEqual(new Set(everyone))
  expect(asked[0]!.atS - sentS).toBeLessThanOrEqual(10)
  expect(asked.at(-1)!.atS - sentS).toBeLessThanOrEqual(60)
})

test('a test of the line asks nobody, and an event that is cancelled is not asked for again', async () => {
  const { s, asked } = await silentFleet()
  const from = s.now() + 3_600
  const event = gridEvent('gone', from, from + 1_800, { ask: { kind: 'off' } })
  await s.submit({ ...event, id: 'dso:line', upstreamRef: 'line', test: true })
  expect(asked).toHaveLength(0)
  await s.submit(event)
  await s.submit({ ...event, revision: 1, intervals: [] })
  asked.length = 0
  await s.until(from)
  expect(asked).toHaveLength(0)
})
