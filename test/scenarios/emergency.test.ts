import { describe, expect, test } from 'vitest'
import type { Fact, GridEvent } from '../../src/core/model.ts'
import { useEndsS } from '../../src/core/register.ts'
import { gridEvent, type Stage, stage } from './stage.ts'

const atOnce: Partial<GridEvent> = { class: 'emergency', basis: 'supply limitation', programme: 'flex' }
/** The times, counted from the receipt of the signal, s. */
const [ZERO_S, STOP_S, SPOT_S] = [60, 120, 10]

type Step = { readonly step: string; readonly afterS: number; readonly who: readonly number[] }
function stepsOf(s: Stage): Step[] {
  const out: Step[] = []
  const fromS = s.now()
  s.engine().listen((facts: readonly Fact[], at) => {
    for (const f of facts) if (f.kind === 'lastResort') out.push({ step: f.step, afterS: at / 1000 - fromS, who: [...f.who] })
  })
  return out
}

describe('an emergency, by the clock', () => {
  test.each([
    ['a limit of 4.2 kW', { kind: 'limitEach', limitW: 4_200 }, 60],
    ['a limit of 4.2 kW, meters that speak every 15 min', { kind: 'limitEach', limitW: 4_200 }, 900],
    ['everything off', { kind: 'off' }, 60],
    ['a shed that falls short of others too', { kind: 'shed', totalW: 29_000 }, 60],
    ['a cap', { kind: 'cap', totalW: 5_000 }, 10],
  ] as const)(
    '%s: who ignores it is at 0 A within 60 s, stopped or disabled within 120 s, enabled in the end',
    async (_, ask, meterEveryS) => {
      const s = await stage({ specs: [{}, {}, {}, {}], programme: { lastResort: true }, meterEveryS, answersSpots: true })
      s.chargers[1]!.ignores = true
      const steps = stepsOf(s)
      const from = s.now()
      await s.submit(gridEvent('e', from, from + 600, { ask, ...atOnce }))
      await s.until(from + 130)
      const at = (step: string) => steps.find(x => x.step === step)
      expect(at('zero')?.who).toEqual([1])
      expect(at('zero')!.afterS).toBeLessThanOrEqual(ZERO_S)
      expect(at('stop')!.afterS).toBeLessThanOrEqual(STOP_S)
      expect(s.sim.forced[0]).toMatchObject({ charger: 1, action: 'stop' })
      expect((s.sim.forced[0]!.atMs - from * 1000) / 1000).toBeLessThanOrEqual(STOP_S)
      await s.until(from + 1_400)
      expect(steps.flatMap(x => x.who).every(i => i === 1)).toBe(true)
      expect(s.sim.forced.at(-1)).toMatchObject({ charger: 1, action: 'enable' })
    },
  )
  test('frames leave in the turn of the signal, and a reading is asked for within 10 s of the answers', async () => {
    const s = await stage({ specs: Array.from({ length: 200 }, () => ({})), programme: { startSpreadS: 600 }, answersSpots: true })
    const [from, before] = [s.now(), s.sim.sends.length]
    await s.submit(gridEvent('e', from, from + 600, { ask: { kind: 'off' }, ...atOnce }))
    await s.until(from + 1)
    const sent = s.sim.sends.slice(before)
    expect(sent).toHaveLength(200)
    expect(Math.max(...sent.map(x => x.atS)) - from).toBeLessThanOrEqual(1)
    await s.until(from + 1 + SPOT_S)
    expect(new Set(s.sim.measured.filter(m => m.atMs >= from * 1000).flatMap(m => m.who)).size).toBe(200)
  })
  test('an idle charger holds the limit for when it starts, and is no suspect', async () => {
    const s = await stage({ specs: [{}, {}], programme: { lastResort: true }, answersSpots: true })
    s.chargers[1]!.wantsW = 0
    const from = s.now()
    await s.until(from + 61)
    const steps = stepsOf(s)
    await s.submit(gridEvent('e', s.now(), from + 900, { ask: { kind: 'limitEach', limitW: 4_200 }, ...atOnce }))
    await s.until(from + 200)
    s.chargers[1]!.wantsW = 7_360
    await s.until(from + 400)
    expect(s.sim.powerW(1)).toBe(4_200)
    expect(steps).toEqual([])
  })
  test('where the programme knows no last resort nobody is stopped', async () => {
    const s = await stage({ specs: [{}, {}], answersSpots: true })
    s.chargers[0]!.ignores = true
    const steps = stepsOf(s)
    await s.submit(gridEvent('e', s.now(), s.now() + 600, { ask: { kind: 'off' }, ...atOnce }))
    await s.until(s.now() + 700)
    expect([steps, s.sim.forced]).toEqual([[], []])
  })
})

describe('the register', () => {
  test('tells who, what, why, how long, what it did, each step and each override, and is there after the event is forgotten', async () => {
    const s = await stage({
      specs: [{}, {}, {}, {}],
      programme: { lastResort: true, startSpreadS: 600 },
      meterEveryS: 10,
      answersSpots: true,
    })
    s.chargers[1]!.ignores = true
    const from = s.now()
    const source = { adapter: 'webhook', peer: 'dno-west', credential: 'key-7' }
    await s.submit(gridEvent('e', from, from + 900, { ask: { kind: 'limitEach', limitW: 4_200 }, ...atOnce, source }))
    await s.until(from + 300)
    s.engine().sink.override(3, 'button')
    await s.until(from + 2_000)
    const use = s.engine().state().register.get(0)!
    expect(use).toMatchObject({
      source,
      basis: 'supply limitation',
      state: 'accepted',
      usable: 4,
      commanded: 4,
      firstSentS: from,
      drawing: 4,
      drawnW: 4 * 7_360,
      beyond: ['ramp'],
      review: null,
      overrides: [{ chargers: 1, reason: 'driver', honoured: true }],
    })
    expect(use.steps.map(x => x.step)).toEqual(['zero', 'stop', 'disable', 'enable'])
    expect(useEndsS(use)).toBe(from + 900)
    expect(use.seen).toMatchObject({ metered: 4, beforeW: 4 * 7_360 })
    expect(use.seen!.atS).toBeLessThan(from + 900)
    expect(use.verification?.counts.notCompliant).toBeGreaterThan(0)
    s.kill()
    await s.until(from + 60 * 86_400)
    await s.restart()
    await s.engine().handle({ kind: 'noted', what: 'day', about: {} })
    expect(s.engine().state().events.size).toBe(0)
    expect(s.engine().state().register.get(0)).toEqual(use)
    await s.transcript()
  })
})
