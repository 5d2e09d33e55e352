import { describe, expect, test } from 'vitest'
import { everyoneEnrolled, fleetOf } from '../../simulations/virtual/fleet.ts'
import { signerOf } from '../../src/audit/note.ts'
import { canonicalJson } from '../../src/core/codec.ts'
import { type Programme, quality, type Readings } from '../../src/core/model.ts'
import { exclusionOf } from '../../src/core/state.ts'
import type { Metered, Verification, Verified } from '../../src/core/verify/record.ts'
import { recomputed } from '../../src/core/verify/revision.ts'
import { entries } from '../../src/engine/recover.ts'
import { evidenceFiles } from '../../src/operations/evidence.ts'
import { checkPack } from '../../src/operations/evidenceCheck.ts'
import { sourceOf } from '../../src/operations/evidencePacks.ts'
import { nominatedFact } from '../../src/operations/nominations.ts'
import { eventReport } from '../../src/operations/report.ts'
import { settleRecorded } from '../../src/operations/settle.ts'
import { reportPage } from '../../src/report/page.ts'
import { gridEvent, type Stage, stage, start } from './stage.ts'

/** Live events whose baseline is made of more than meters: what a unit nominated, chargers that were held out by draw, days alike in temperature. */
const HOUR_S = 3_600
const DAY_S = 24 * HOUR_S
const midnight = start - 17 * HOUR_S
const verificationOf = (s: Stage): Verification => s.engine().state().events.get(0)!.verification!
const programmeWith = (verification: Programme['verification'], rest: Partial<Programme> = {}): Partial<Programme> => ({
  startSpreadS: 0,
  endSpreadS: 0,
  verification,
  ...rest,
})
async function facts(s: Stage): Promise<{ metered: Metered; verified: Verified }[]> {
  const out: { metered: Metered; verified: Verified }[] = []
  let metered: Metered | undefined
  for await (const { fact } of entries(s.journal, 0)) {
    if (fact.kind === 'metered') metered = fact
    if (fact.kind === 'verified') out.push({ metered: metered!, verified: fact })
  }
  return out
}
/** All that an outsider does with the pack of the event: by line, what came of it. */
async function checked(s: Stage, without?: string): Promise<Record<string, string>> {
  const nowMs = s.now() * 1000
  const source = await sourceOf(s.journal, { seedKey: new Uint8Array(32).fill(7), cosigned: undefined, nowMs })
  const whole = (await evidenceFiles(source, '0', { nowMs, version: '0' }))!
  const isLeft = ([name, bytes]: [string, Uint8Array]): boolean =>
    without === undefined || !name.startsWith('entries/') || !Buffer.from(bytes).includes(without)
  const files = Object.fromEntries(Object.entries(whole).filter(isLeft))
  const { verifier } = signerOf('memory.gridbridge.invalid/log', new Uint8Array(32).fill(7))
  return Object.fromEntries(checkPack(files, { keys: [verifier] }).lines.map(l => [l.what, l.result === 'failed' ? l.why : l.result]))
}
const settledBy = (s: Stage) => settleRecorded(s, '0', { split: 'delivered', by: 'charger', scheme: 'proportional', gbpPerMWh: 300 })
const pageOf = async (s: Stage): Promise<string> =>
  reportPage((await eventReport(s, '0', { nowMs: s.now() * 1000, version: '0', command: 'verify' }))!, {
    library: { script: '', style: '' },
    files: [],
  })
async function expectRecomputed(s: Stage): Promise<void> {
  const all = await facts(s)
  all.forEach(({ metered, verified }, k) => {
    expect(canonicalJson(recomputed(verified, metered, all[k - 1]?.verified))).toBe(canonicalJson(verified))
  })
}
function steady(charger: number, fromS: number, toS: number, powerW: number, stepS = 300): Readings {
  const starts = Array.from({ length: (toS - fromS) / stepS }, (_, k) => (fromS + k * stepS) * 1000)
  return {
    charger: new Uint32Array(starts.length).fill(charger),
    fromMs: Float64Array.from(starts),
    toMs: Float64Array.from(starts, ms => ms + stepS * 1000),
    powerW: new Float64Array(starts.length).fill(powerW),
    registerWh: new Float64Array(starts.length).fill(Number.NaN),
    quality: new Uint8Array(starts.length),
  }
}

describe('an event that is verified by nominated baselines', () => {
  // it is Tuesday, 17:00; the event is on Thursday, so that noon of Wednesday is the deadline
  const from = midnight + 2 * DAY_S + 18 * HOUR_S
  const to = from + HOUR_S
  const WEDNESDAY_NOON = midnight + DAY_S + 12 * HOUR_S
  const thursday = (w: number) => Array.from({ length: 48 }, (_, k) => ({ fromS: midnight + 2 * DAY_S + k * 1_800, w }))
  const homes = (silent: readonly number[] = []) =>
    stage({
      specs: Array.from({ length: 8 }, () => ({ maxA: 32 })),
      programme: programmeWith({ ruleset: 'nominated', gbpPerMWh: 300 }),
      meterEveryS: 300,
      silent,
    })
  const nominate = (s: Stage, node: number, w: number) => s.engine().handle(nominatedFact(node, thursday(w), 'test')!)
  const off = gridEvent('hour', from, to, { ask: { kind: 'off' } })

  test('stands on what was said by the deadline; what came after it is on record and does not count', async () => {
    const s = await homes()
    await nominate(s, 0, 12_000)
    await s.until(start + HOUR_S)
    await nominate(s, 0, 16_000)
    await s.until(WEDNESDAY_NOON + 1)
    await nominate(s, 0, 80_000)
    await s.submit(off)
    await s.until(to + HOUR_S)
    const v = verificationOf(s)
    expect(v).toMatchObject({
      baselineRule: 'nominated@1',
      verdict: 'delivered',
      nomination: { units: 1, chargers: 8, ignored: 1 },
      baseline: { insufficient: 0 },
    })
    expect(v.unsettleable).toBeUndefined()
    expect([v.baselineWh, v.askedWh, v.deliveredWh]).toEqual([16_000, 16_000, 16_000].map(wh => expect.closeTo(wh, 6)))
    // 16 kWh at 300 GBP per MWh, an eighth of it for each
    const settled = await settledBy(s)
    expect(settled).toMatchObject({ ok: true, value: { pence: 480, baselineRule: 'nominated@1' } })
    expect(settled.ok && settled.value.statements.map(x => x.pence)).toEqual(Array(8).fill(60))
    expect(await pageOf(s)).toMatch(/by units: 1, with 8 chargers; nominations that came after it and do not count: 1/)
    await expectRecomputed(s)
    expect(await checked(s)).toMatchObject({ nominations: 'ok', verdict: 'ok', readings: 'ok' })
    // without the entry in which the unit said it, the verdict may be made again, but nobody said its baseline
    expect(await checked(s, '"kind":"nominated"')).toMatchObject({
      nominations: expect.stringMatching(/other baselines than the units nominated in time/),
    })
    await s.transcript()
  })
  test.each([
    ['nobody nominated', async () => undefined],
    ['it was said too late', async (s: Stage) => s.until(WEDNESDAY_NOON + 1).then(() => nominate(s, 0, 16_000))],
    ['one half hour of the event is missing', async (s: Stage) => s.engine().handle(nominatedFact(0, thursday(16_000).slice(0, 37), 'x')!)],
  ] as const)('has no baseline where %s: nothing is delivered, and nobody is paid', async (_, before) => {
    const s = await homes()
    await before(s)
    await s.submit(off)
    await s.until(to + HOUR_S)
    expect(verificationOf(s)).toMatchObject({ verdict: 'unverifiable', unsettleable: 'baseline', deliveredWh: 0, nomination: { units: 0 } })
    await expectRecomputed(s)
  })
  test('takes a unit at its word only where all of it was asked; of its parts each for itself', async () => {
    const s = await homes()
    const [siteA, siteB] = [...s.engine().state().fleet.nodeKind.keys()].filter(no => s.engine().state().fleet.nodeKind[no] === 4)
    await nominate(s, 0, 80_000)
    await nominate(s, siteA!, 6_000)
    await nominate(s, siteB!, 9_000)
    await s.submit({ ...off, targets: [{ kind: 'node', node: siteA! }] })
    await s.until(to + HOUR_S)
    expect(verificationOf(s)).toMatchObject({ nomination: { units: 1, chargers: 4 }, baselineWh: expect.closeTo(6_000, 6) })
  })
  test('a charger without readings takes its share along; when they come late, revision 2 says how many kWh and pounds that was', async () => {
    const s = await homes([3])
    await nominate(s, 0, 16_000)
    await s.submit(off)
    await s.until(to + HOUR_S)
    expect(verificationOf(s)).toMatchObject({ verdictRevision: 1, deliveredWh: expect.closeTo(14_000, 6) })
    const late = steady(3, from - 600, to, 0)
    s.engine().sink.readings({ ...late, quality: late.quality.fill(quality.late) })
    await s.until(to + 3 * HOUR_S)
    expect(verificationOf(s)).toMatchObject({ verdictRevision: 2, deliveredWh: expect.closeTo(16_000, 6) })
    expect(verificationOf(s).changed).toMatchObject({ chargers: 1, deliveredWh: expect.closeTo(2_000, 6), gbp: expect.closeTo(0.6, 9) })
    await expectRecomputed(s)
  })
  test('survives a crash between nomination and event', async () => {
    const s = await homes()
    await nominate(s, 0, 16_000)
    s.kill()
    await s.restart()
    await s.submit(off)
    await s.until(to + HOUR_S)
    expect(verificationOf(s)).toMatchObject({ nomination: { units: 1, ignored: 0 }, baselineWh: expect.closeTo(16_000, 6) })
    await s.transcript()
  })
})

describe('an event that is verified by a control group', () => {
  const [from, to] = [start + 3 * HOUR_S, start + 4 * HOUR_S]
  const N = 120
  const wantsW = (i: number): number => 4_000 + ((i * 7_919) % 101) * 30
  const street = async (
    verification: Programme['verification'] = { ruleset: 'control-group', values: { 'method.minGroup': 20, 'method.maxBalanceT': 4 } },
    silent: readonly number[] = [],
    perSite = 4,
  ) => {
    const s = await stage({
      specs: Array.from({ length: N }, (_, i) => ({ maxA: 32, station: Math.floor(i / 2) })),
      programme: programmeWith(verification, { holdOut: 0.3 }),
      meterEveryS: 300,
      shape: { perSite },
      silent,
    })
    for (const c of s.chargers) c.wantsW = wantsW(c.no)
    return s
  }
  const off = gridEvent('hour', from, to, { ask: { kind: 'off' } })
  const heldOut = (s: Stage): number[] => {
    const e = s.engine().state().events.get(0)!
    return [...e.excluded.keys()].filter(i => exclusionOf(e, i) === 'heldOut')
  }
  /** In the hour of the event cars take less anyhow: 0.7 of what they took before. */
  async function evening(s: Stage, event = off) {
    await s.submit(event)
    const out = heldOut(s)
    await s.until(from)
    for (const c of s.chargers) c.wantsW = 0.7 * wantsW(c.no)
    await s.until(to + HOUR_S)
    return out
  }
  const mean = (who: readonly number[], of: (i: number) => number): number => who.reduce((sum, i) => sum + of(i), 0) / who.length

  test('is credited with what it did, not with what the evening did: difference in differences, with an interval', async () => {
    const s = await street()
    const out = await evening(s)
    expect(out.length).toBeGreaterThan(25)
    expect(out.length % 2).toBe(0)
    for (const i of out) expect(out).toContain(i ^ 1)
    const asked = s.chargers.map(c => c.no).filter(i => !out.includes(i))
    const effectW = mean(out, i => -0.3 * wantsW(i)) - mean(asked, i => -wantsW(i))
    const v = verificationOf(s)
    expect(v.baselineRule).toBe('control-group@1 (method.maxBalanceT 4, method.minGroup 20)')
    expect(v.control).toMatchObject({ asked: asked.length, heldOut: out.length, neither: 0, disturbed: 0, doubt: null })
    // switching takes a moment, and the registers say so
    expect(v.control!.effectW! / effectW).toBeCloseTo(1, 2)
    expect(v.deliveredWh).toBeCloseTo(asked.length * v.control!.effectW!, 3)
    expect(v.control!.lowW!).toBeLessThan(v.control!.effectW!)
    expect(v.measured!.highWh - v.deliveredWh).toBeGreaterThan(asked.length * (v.control!.highW! - v.control!.effectW!))
    expect([v.verdict, v.unsettleable]).toEqual(['delivered', undefined])
    const settled = await settledBy(s)
    expect(settled).toMatchObject({ ok: true, value: { deliveredWh: expect.closeTo(v.deliveredWh, 3) } })
    expect(await pageOf(s)).toMatch(
      /control-group@1[\s\S]*chargers asked, \d+ held out by draw[\s\S]*Difference in differences per charger/,
    )
    await expectRecomputed(s)
    expect(await checked(s)).toMatchObject({ 'control group': 'ok', verdict: 'ok' })
    await s.transcript()
  })
  test('nobody is paid by it where the groups are smaller than the rule wants, or differed before', async () => {
    const small = await street({ ruleset: 'control-group' })
    await evening(small)
    expect(verificationOf(small)).toMatchObject({ unsettleable: 'groupTooSmall', control: { doubt: 'groupTooSmall' } })
    const s = await street()
    await s.submit(off)
    // whom the draw left alone drew far more from the first minute on
    for (const i of heldOut(s)) s.chargers[i]!.wantsW = 7_360
    await s.until(to + HOUR_S)
    expect(verificationOf(s)).toMatchObject({ unsettleable: 'unbalanced', control: { doubt: 'unbalanced' } })
    expect(Math.abs(verificationOf(s).control!.balanceT!)).toBeGreaterThan(4)
    expect(await settledBy(s)).toMatchObject({ ok: false, refusal: { code: 'not-settleable' } })
  })
  test('who opted out after the draw stays in its group: leaving it out would make the groups differ', async () => {
    const s = await street()
    await s.submit(off)
    const out = heldOut(s)
    const [asked] = s.chargers.map(c => c.no).filter(i => !out.includes(i))
    await s.engine().handle({ kind: 'optOut', who: Uint32Array.of(asked!), fromS: from - 60, toS: to, reason: 'driver' })
    await s.until(to + HOUR_S)
    expect(verificationOf(s).control).toMatchObject({ asked: N - out.length, heldOut: out.length })
  })
  test('whom another event acted on is in neither group', async () => {
    const s = await street()
    const [site] = [...s.engine().state().fleet.nodeKind.keys()].filter(no => s.engine().state().fleet.nodeKind[no] === 4)
    await s.submit(off)
    await s.submit(gridEvent('other', from - HOUR_S, from - 1_800, { ask: { kind: 'off' }, targets: [{ kind: 'node', node: site! }] }))
    await s.until(to + 2 * HOUR_S)
    const { control } = verificationOf(s)
    expect(control!.disturbed).toBeGreaterThan(0)
    expect(control!.asked + control!.heldOut + control!.neither).toBe(N)
    await expectRecomputed(s)
  })
  test('an emergency holds nobody out, and is verified by meters before', async () => {
    const s = await street()
    expect(await evening(s, { ...off, class: 'emergency', basis: 'supply limitation' })).toEqual([])
    expect(verificationOf(s).baselineRule).toBe('meterBefore-1')
  })
  test('boxes that come in mid-event are drawn as the others were, and the pack shows that', async () => {
    const s = await street(undefined, [], 200)
    await s.submit(off)
    const out = heldOut(s)
    await s.until(from + 600)
    const grown = Array.from({ length: N + 40 }, (_, i) => ({ maxA: 32, station: Math.floor(i / 2) }))
    await s.engine().handle(fleetOf(grown, { perSite: 200 }), everyoneEnrolled(N + 40))
    const e = s.engine().state().events.get(0)!
    const late = Array.from({ length: 40 }, (_, k) => exclusionOf(e, N + k) === 'heldOut')
    expect(late.includes(true) && late.includes(false)).toBe(true)
    expect(heldOut(s).filter(i => i < N)).toEqual(out)
    await s.until(to + HOUR_S)
    expect(await checked(s)).toMatchObject({ 'control group': 'ok', verdict: 'ok' })
  })
  test('readings of the control group that come late make revision 2', async () => {
    const s = await street(undefined, [0, 1])
    const out = await evening(s)
    const first = verificationOf(s)
    expect(first.control!.neither).toBe(2)
    for (const i of [0, 1]) {
      const duringW = out.includes(i) ? 0.7 * wantsW(i) : 0
      s.engine().sink.readings(steady(i, start + 600, from, wantsW(i)))
      s.engine().sink.readings(steady(i, from, to, duringW))
    }
    await s.until(to + 4 * HOUR_S)
    const second = verificationOf(s)
    expect(second).toMatchObject({ verdictRevision: 2, changed: { chargers: 2 }, control: { neither: 0 } })
    expect(second.deliveredWh).not.toBe(first.deliveredWh)
    await expectRecomputed(s)
  })
})

describe('an event that is verified by days alike in temperature', () => {
  // 12:00 to 13:00 in Los Angeles, on Tuesday
  const [from, to] = [midnight + 20 * HOUR_S, midnight + 21 * HOUR_S]
  const today = midnight / DAY_S
  const LA_S = -8 * HOUR_S
  const HOT = new Set([today - 6, today - 13, today - 26, today - 34])
  const localMidnight = (day: number): number => day * DAY_S - LA_S - (day < today - 9 ? HOUR_S : 0)
  async function valley() {
    const s = await stage({
      specs: [{ maxA: 32 }],
      programme: programmeWith({ ruleset: 'caiso-weather-match', weather: 'airfield', gbpPerMWh: 100 }),
      meterEveryS: 300,
    })
    for (const c of s.chargers) c.wantsW = 3_000
    // days before that are unknown: no reason for more than that
    for (let day = today - 35; day < today; day++)
      for (const c of s.chargers)
        s.meters.put(steady(c.no, localMidnight(day), localMidnight(day + 1), HOT.has(day) ? 3_000 : 1_000, 1_800))
    // from midnight to when the chargers begin to be metered
    for (const c of s.chargers) s.meters.put(steady(c.no, localMidnight(today), start + 180, 3_000, 180))
    return s
  }
  async function airfield(s: Stage) {
    const { no } = await s.witnesses.declare({
      name: 'airfield',
      node: 0,
      kind: 'weather',
      stepS: HOUR_S,
      unit: 'degC',
      sign: 'consumption',
      stamp: 'start',
    })
    return async (days: readonly number[], receivedS = s.now()) => {
      const fromMs = days.flatMap(day =>
        Array.from({ length: (localMidnight(day + 1) - localMidnight(day)) / HOUR_S }, (_, h) => (localMidnight(day) + h * HOUR_S) * 1000),
      )
      const wh = days.flatMap(day => {
        const hours = (localMidnight(day + 1) - localMidnight(day)) / HOUR_S
        // warmest at 15:00, after the event
        return Array.from({ length: hours }, (_, h) => (HOT.has(day) || day === today ? 25 : 12 + (day % 5)) - Math.abs(h - 15) / 2)
      })
      await s.witnesses.put(no, {
        fromMs: Float64Array.from(fromMs),
        toMs: Float64Array.from(fromMs, ms => ms + HOUR_S * 1000),
        wh: Float64Array.from(wh),
        receivedMs: new Float64Array(fromMs.length).fill(receivedS * 1000),
      })
    }
  }
  const days = Array.from({ length: 90 }, (_, k) => today - 90 + k)
  const off = gridEvent('noon', from, to, { ask: { kind: 'off' } })

  test('is held against the days that were as warm, once its day is over', async () => {
    const s = await valley()
    const put = await airfield(s)
    await put(days)
    await s.submit(off)
    await s.until(to + 2 * HOUR_S)
    expect(s.engine().state().events.get(0)!.verification).toBeNull()
    await s.until(localMidnight(today + 1) + 60)
    await put([today])
    await s.until(localMidnight(today + 1) + HOUR_S)
    const v = verificationOf(s)
    expect(v).toMatchObject({
      baselineRule: 'caiso-weather-match@1',
      baseline: { insufficient: 0 },
      weather: { name: 'airfield', days: 91, missing: 0 },
    })
    const [{ verified } = undefined as never] = await facts(s)
    const selected = [...verified.days!.day].filter((_, k) => verified.days!.patterns[k] === 1)
    expect(new Set(selected)).toEqual(HOT)
    expect(v.deliveredWh / 3_000).toBeCloseTo(1, 1)
    await expectRecomputed(s)
    expect(await checked(s)).toMatchObject({ readings: 'ok', verdict: 'ok' })
    await s.transcript()
  })
  test('has no baseline while its day has no temperature; when that comes late, revision 2 says so', async () => {
    const s = await valley()
    const put = await airfield(s)
    await put(days)
    await s.submit(off)
    await s.until(localMidnight(today + 1) + HOUR_S)
    expect(verificationOf(s)).toMatchObject({ unsettleable: 'baseline', deliveredWh: 0, weather: { missing: 1, late: expect.any(Number) } })
    await s.until(localMidnight(today + 2) + 6 * HOUR_S)
    await put([today])
    await s.until(localMidnight(today + 2) + 8 * HOUR_S)
    const v = verificationOf(s)
    expect(v).toMatchObject({ verdictRevision: 2, changed: { weather: true, chargers: 0 }, weather: { missing: 0 } })
    expect(v.unsettleable).toBeUndefined()
    expect(v.changed!.gbp!).toBeCloseTo((v.deliveredWh * 100) / 1e6, 9)
    await expectRecomputed(s)
  })
  test('where nobody has the series, it has no baseline either, and is made anew when somebody brings it', async () => {
    const s = await valley()
    await s.submit(off)
    await s.until(localMidnight(today + 1) + HOUR_S)
    expect(verificationOf(s)).toMatchObject({ unsettleable: 'baseline', weather: { count: 0, days: 0, missing: 91 } })
    const put = await airfield(s)
    await put([...days, today])
    await s.until(localMidnight(today + 1) + 3 * HOUR_S)
    expect(verificationOf(s)).toMatchObject({ verdictRevision: 2, weather: { days: 91 } })
  })
})
