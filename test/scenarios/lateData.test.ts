import { describe, expect, test } from 'vitest'
import { inclusionProof, treeOf, verifyInclusion } from '../../src/audit/merkle.ts'
import { canonicalJson, decode, encode } from '../../src/core/codec.ts'
import type { Fact, Programme, Readings } from '../../src/core/model.ts'
import { quality } from '../../src/core/model.ts'
import { readingsTree } from '../../src/core/verify/readingsRoot.ts'
import type { Metered, Verified } from '../../src/core/verify/record.ts'
import { recomputed } from '../../src/core/verify/revision.ts'
import { readingsOf } from '../../src/core/verify/worked.ts'
import { entries } from '../../src/engine/recover.ts'
import { gridEvent, type Stage, stage, start } from './stage.ts'

/** Late, corrected and bad readings: what a verdict says of them, that it names them, and that it is never edited. */
const DAY_S = 86_400
const [from, to] = [start + 3_600, start + 7_200]

type One = { readonly charger: number; readonly fromS: number; readonly toS: number; readonly powerW: number; readonly registerWh?: number }
const columns = (list: readonly One[], flags = 0): Readings => ({
  charger: Uint32Array.from(list, r => r.charger),
  fromMs: Float64Array.from(list, r => r.fromS * 1000),
  toMs: Float64Array.from(list, r => r.toS * 1000),
  powerW: Float64Array.from(list, r => r.powerW),
  registerWh: Float64Array.from(list, r => r.registerWh ?? Number.NaN),
  quality: new Uint8Array(list.length).fill(flags),
})
const minutes = (charger: number, fromS: number, toS: number, of: (s: number) => Partial<One>): One[] => {
  const out: One[] = []
  for (let s = fromS; s < toS; s += 60) out.push({ charger, fromS: s, toS: s + 60, powerW: 0, ...of(s) })
  return out
}

/** Ten homes asked to stop for an hour; `own` brings readings of some chargers in place of what their meters sent. */
async function evening(
  change: { readonly silent?: readonly number[]; readonly programme?: Partial<Programme>; readonly meterEveryS?: number } = {},
) {
  const s = await stage({
    specs: Array.from({ length: 10 }, () => ({ maxA: 32 })),
    programme: { startSpreadS: 0, endSpreadS: 0, ...change.programme },
    meterEveryS: change.meterEveryS ?? 300,
    ...(change.silent ? { silent: change.silent } : {}),
  })
  await s.submit(gridEvent('hour', from, to, { ask: { kind: 'off' } }))
  return s
}
const verifiedOf = async (s: Stage) => {
  const out: { metered: Metered; verified: Verified }[] = []
  let metered: Metered | undefined
  for await (const { fact } of entries(s.journal, 0)) {
    if (fact.kind === 'metered') metered = fact
    if (fact.kind === 'verified') out.push({ metered: metered!, verified: fact })
  }
  return out
}
const deliveredOf = ({ who, energy }: Verified, charger: number): number => {
  const row = who.indexOf(charger)
  const periods = energy!.actualWh.length / who.length
  let wh = 0
  for (let cell = row * periods; cell < (row + 1) * periods; cell++) {
    const [b, a] = [energy!.baselineWh[cell]!, energy!.actualWh[cell]!]
    if (!Number.isNaN(a) && !Number.isNaN(b)) wh += b - a
  }
  return wh
}
const asBytes = (fact: Fact): string => canonicalJson(fact)

describe('readings that come a day late', () => {
  const silent = [3]
  const lateOnes = minutes(3, from - 600, to, s => ({ powerW: s < from ? 7_000 : 0 }))
  const untilLate = async (programme: Partial<Programme> = {}) => {
    const s = await evening({ silent, programme: { verification: { gbpPerMWh: 300 }, ...programme } })
    await s.until(to + DAY_S)
    return s
  }

  test('make revision 2, which says what changed by how many kWh and pounds; revision 1 stays', async () => {
    const s = await untilLate()
    const first = s.engine().state().events.get(0)!.verification!
    expect(first).toMatchObject({ verdictRevision: 1, counts: { noData: 1 } })
    s.engine().sink.readings(columns(lateOnes, quality.late))
    await s.until(to + DAY_S + 7_200)
    const all = await verifiedOf(s)
    const second = s.engine().state().events.get(0)!.verification!
    expect(all).toHaveLength(2)
    expect(second).toMatchObject({
      verdictRevision: 2,
      counts: { compliant: 10, noData: 0 },
      changed: { chargers: 1, named: [{ charger: 3, what: 'late' }] },
      former: [{ verdictRevision: 1, deliveredWh: first.deliveredWh, root: first.readings!.root }],
    })
    expect(second.changed!.deliveredWh).toBeCloseTo(7_000)
    expect(second.changed!.named[0]!.deliveredWh).toBeCloseTo(7_000)
    expect(second.changed!.gbp).toBeCloseTo(7e-3 * 300)
    expect(second.findingCounts).toMatchObject({ late: 1 })
    for (let charger = 0; charger < 10; charger++)
      if (charger !== 3) expect(deliveredOf(all[1]!.verified, charger)).toBe(deliveredOf(all[0]!.verified, charger))
    await s.transcript()
  })
  test('and that are of the hours before the event, by which its ruleset moves the baseline, make one as well', async () => {
    const s = await untilLate({ verification: { ruleset: 'elexon-bl01' } })
    const slot = Math.floor((from - 3 * 3_600) / 1_800) * 1_800
    s.engine().sink.readings(
      columns(
        minutes(3, slot, slot + 1_800, () => ({ powerW: 7_000 })),
        quality.late,
      ),
    )
    await s.until(to + DAY_S + 7_200)
    expect(s.engine().state().events.get(0)!.verification).toMatchObject({ verdictRevision: 2, changed: { chargers: 1 } })
  })
  test('are found after a crash, and after a restart in between', async () => {
    const s = await untilLate()
    s.engine().sink.readings(columns(lateOnes, quality.late))
    s.kill()
    await s.restart()
    await s.until(to + DAY_S + 7_200)
    expect(s.engine().state().events.get(0)!.verification).toMatchObject({ verdictRevision: 2, changed: { chargers: 1 } })
  })
  test('are found at the end of the correction period where nobody saw them come, and never after it', async () => {
    const s = await untilLate({ verification: { correctionS: 2 * DAY_S } })
    s.meters.put(columns(lateOnes, quality.late))
    await s.until(to + DAY_S + 7_200)
    expect(s.engine().state().events.get(0)!.verification!.verdictRevision).toBe(1)
    await s.until(to + 2 * DAY_S + 60)
    expect(s.engine().state().events.get(0)!.verification!.verdictRevision).toBe(2)
    s.engine().sink.readings(columns(minutes(4, from, to, () => ({ powerW: 5_000 }))))
    await s.until(to + 4 * DAY_S)
    expect(s.engine().state().events.get(0)!.verification!.verdictRevision).toBe(2)
    await s.transcript()
    expect(s.engine().state().events.get(0)!.kept).toBe(null)
  })
  test('that say what was known already change nothing', async () => {
    const s = await evening({ meterEveryS: 60 })
    await s.until(to + 3_600)
    s.engine().sink.readings(columns(minutes(3, from + 60, from + 120, () => ({ powerW: 0 }))))
    await s.until(to + 10_800)
    expect(await verifiedOf(s)).toHaveLength(1)
  })
  test('a reading corrected to another value is a correction, and named as one', async () => {
    const s = await evening({ meterEveryS: 60 })
    await s.until(to + 3_600)
    s.engine().sink.readings(columns(minutes(3, from + 60, from + 120, () => ({ powerW: 6_000 }))))
    await s.until(to + 10_800)
    const { changed } = s.engine().state().events.get(0)!.verification!
    expect(changed).toMatchObject({ chargers: 1, named: [{ charger: 3, what: 'corrected' }] })
    expect(changed!.deliveredWh).toBeCloseTo(-100)
  })
  test('readings that were erased are no correction', async () => {
    const s = await evening()
    await s.until(to + 3_600)
    await s.meters.erase(Uint32Array.of(3))
    s.engine().sink.readings(columns(minutes(4, from + 60, from + 120, () => ({ powerW: 6_000 }))))
    await s.until(to + 10_800)
    expect(await verifiedOf(s)).toHaveLength(1)
  })
})

describe('an outsider with the readings', () => {
  test('makes every revision of the verdict again, to the last digit, from what the log gives', async () => {
    const s = await evening({ silent: [3] })
    await s.until(to + 3_600)
    s.engine().sink.readings(columns(minutes(3, from - 600, to, m => ({ powerW: m < from ? 6_543.21 : 33.3 }))))
    await s.until(to + 10_800)
    const [first, second] = (await verifiedOf(s)).map(({ metered, verified }) => ({ metered, verified: again(verified) }))
    expect(asBytes(recomputed(first!.verified, first!.metered)!)).toBe(asBytes(first!.verified))
    expect(asBytes(recomputed(second!.verified, second!.metered, first!.verified)!)).toBe(asBytes(second!.verified))
    // and sees it when a reading is another
    const other = readingsOf(second!.metered)
    other.readings.powerW[7]! += 0.001
    expect(asBytes(recomputed(second!.verified, { ...other, salt: second!.metered.salt! }, first!.verified)!)).not.toBe(
      asBytes(second!.verified),
    )
  })
  test('proves the readings of one charger without those of the others', async () => {
    const s = await evening()
    await s.until(to + 3_600)
    const [{ metered, verified } = undefined as never] = await verifiedOf(s)
    const tree = readingsTree(verified.who, readingsOf(metered).readings, metered.salt!)
    const root = Buffer.from(verified.verification.readings!.root, 'hex')
    const proof = inclusionProof(treeOf(tree.leafHashes), 4, tree.leafHashes.length)
    expect(tree.root).toBe(verified.verification.readings!.root)
    expect(verifyInclusion(tree.leafHashes[4]!, 4, tree.leafHashes.length, proof, root)).toEqual({ ok: true })
    expect(verifyInclusion(tree.leafHashes[5]!, 4, tree.leafHashes.length, proof, root).ok).toBe(false)
  })
  const again = (fact: Verified): Verified => {
    const { leaf, blobs } = encode({ turn: 1, at: 0, fact }, () => new Uint8Array(16))
    const bodies = new Map(blobs.map(b => [b.hash, b.salted.subarray(16)]))
    return decode(leaf, hash => bodies.get(hash)).fact as Verified
  }
})

test('a ruleset with history reads the days before that it needs, no more, and late readings of such a day make revision 2', async () => {
  const s = await evening({ meterEveryS: 60, programme: { verification: { ruleset: 'elexon-bl01-unadjusted' } } })
  // the event is on Tuesday 14 November 2023: ten working days before it lie between 31 October and 13 November
  const days = Array.from({ length: 28 }, (_, k) => Math.floor(from / DAY_S) - 1 - k)
  const halfHours = (charger: number, day: number, powerW: number): One[] =>
    Array.from({ length: 48 }, (_, k) => ({ charger, fromS: day * DAY_S + k * 1_800, toS: day * DAY_S + (k + 1) * 1_800, powerW }))
  const isMissing = (charger: number, day: number) => charger === 2 && day === days[3]
  for (const day of days)
    for (let charger = 0; charger < 10; charger++) if (!isMissing(charger, day)) s.meters.put(columns(halfHours(charger, day, 2_000)))
  await s.until(to + 3_600)
  const v = s.engine().state().events.get(0)!.verification!
  expect(v).toMatchObject({ baselineRule: 'elexon-bl01-unadjusted@1', baseline: { insufficient: 0 }, verdictRevision: 1 })
  expect(v.baselineWh).toBeCloseTo(10 * 2_000)
  const [{ metered, verified } = undefined as never] = await verifiedOf(s)
  const daysOf = (charger: number) => readingsOf(metered).history!.who.filter(i => i === charger).length
  // ten complete ones: one further back where one is missing; nothing of the event's own day, because this rule does not look at it
  expect([daysOf(1), daysOf(2)]).toEqual([10, 10])
  expect(recomputed(verified, metered)).toEqual(verified)

  s.engine().sink.readings(columns(halfHours(2, days[3]!, 8_000)))
  s.engine().sink.readings(columns(minutes(2, from + 60, from + 120, () => ({ powerW: 0 }))))
  await s.until(to + 10_800)
  expect(s.engine().state().events.get(0)!.verification).toMatchObject({ verdictRevision: 2, changed: { named: [{ charger: 2 }] } })
  expect(s.engine().state().events.get(0)!.verification!.changed!.deliveredWh).toBeCloseTo(600)
})

describe('a reading that comes late for a day before the event', () => {
  const halfHours = (charger: number, day: number, powerW: number): One[] =>
    Array.from({ length: 48 }, (_, k) => ({ charger, fromS: day * DAY_S + k * 1_800, toS: day * DAY_S + (k + 1) * 1_800, powerW }))
  // the event is on Tuesday 14 November 2023
  const today = Math.floor(from / DAY_S)
  async function verified() {
    const s = await evening({ meterEveryS: 60, programme: { verification: { ruleset: 'elexon-bl01-unadjusted' } } })
    for (let day = today - 28; day < today; day++)
      for (let charger = 0; charger < 10; charger++) s.meters.put(columns(halfHours(charger, day, 2_000)))
    await s.until(to + 3_600)
    const { history } = s.meters
    const looked = { times: 0 }
    s.meters.history = (...asked) => {
      looked.times++
      return history(...asked)
    }
    return { s, looked }
  }
  const verdictOf = (s: Stage) => s.engine().state().events.get(0)!.verification!

  test('that its baseline stands on makes revision 2 within the hour, also over a restart', async () => {
    const { s } = await verified()
    s.engine().sink.readings(columns(halfHours(2, today - 5, 8_000).slice(36, 38), quality.late))
    s.kill()
    await s.restart()
    await s.until(to + 3 * 3_600)
    expect(verdictOf(s)).toMatchObject({ verdictRevision: 2, changed: { chargers: 1, named: [{ charger: 2, what: 'corrected' }] } })
    expect(verdictOf(s).changed!.deliveredWh).toBeCloseTo(600)
    await s.transcript()
  })
  test('that it did not get to, because a later one was complete, changes nothing', async () => {
    const { s } = await verified()
    s.engine().sink.readings(columns(halfHours(2, today - 26, 8_000)))
    await s.until(to + 3 * 3_600)
    expect(verdictOf(s).verdictRevision).toBe(1)
  })
  test.each([
    ['a Sunday', 2, today - 2],
    ['somebody who is not in it', 11, today - 5],
    ['before any day that the rule looks at', 2, today - 75],
  ])('of %s is not even looked at', async (_, charger, day) => {
    const { s, looked } = await verified()
    s.engine().sink.readings(columns(halfHours(charger, day, 8_000).slice(36, 38)))
    await s.until(to + 3 * 3_600)
    expect([verdictOf(s).verdictRevision, looked.times]).toEqual([1, 0])
  })
})

test('a reset, a gap over the event, a duplicate, one late by a day and kWh sent as Wh: each is named, none changes another', async () => {
  const [RESET, GAP, DUPLICATE, LATE, KWH] = [1, 2, 3, 4, 5]
  const bad = [RESET, GAP, DUPLICATE, LATE, KWH]
  const good = await evening()
  await good.until(to + 3_600)
  const s = await evening({ silent: bad })
  const drawn = (at: number) => (at < from ? 7_360 : 0)
  const put = (list: readonly One[], flags = 0) => s.meters.put(columns(list, flags))
  // its register counts down to nothing in the middle of the event, and from there
  const registerAt = (at: number) => (at < from + 600 ? 50_000 + (7_360 * Math.min(0, at + 60 - from)) / 3_600 : 12)
  put(minutes(RESET, from - 600, to, at => ({ powerW: drawn(at), registerWh: registerAt(at) })))
  put(minutes(GAP, from - 600, from, at => ({ powerW: drawn(at) })))
  put(minutes(DUPLICATE, from - 600, to, at => ({ powerW: drawn(at) })))
  put(
    minutes(DUPLICATE, from + 300, from + 360, at => ({ powerW: drawn(at) })),
    quality.duplicate,
  )
  const kWh = (at: number) =>
    (80_000 + (7_360 * (Math.min(at + 60, from) - from)) / 3_600) / (at >= from + 300 && at < from + 420 ? 1_000 : 1)
  put(minutes(KWH, from - 600, to, at => ({ powerW: Number.NaN, registerWh: kWh(at) })))
  await s.until(to + DAY_S)
  const first = s.engine().state().events.get(0)!.verification!
  s.engine().sink.readings(
    columns(
      minutes(LATE, from - 600, to, at => ({ powerW: drawn(at) })),
      quality.late,
    ),
  )
  await s.until(to + DAY_S + 7_200)

  const second = s.engine().state().events.get(0)!.verification!
  const named = (charger: number) => (second.findings ?? []).filter(x => x.charger === charger).map(x => x.kind)
  expect(named(RESET)).toContain('reset')
  expect(named(GAP)).toContain('gap')
  expect(named(DUPLICATE)).toContain('duplicate')
  expect(named(LATE)).toContain('late')
  expect(named(KWH)).toContain('implausible')
  expect((first.findings ?? []).map(x => x.charger)).toContain(LATE)
  expect(second).toMatchObject({ verdictRevision: 2, changed: { chargers: 1, named: [{ charger: LATE, what: 'late' }] } })
  const [all, undisturbed] = [await verifiedOf(s), await verifiedOf(good)]
  for (const { verified } of all)
    for (let charger = 0; charger < 10; charger++)
      if (!bad.includes(charger)) expect(deliveredOf(verified, charger)).toBe(deliveredOf(undisturbed[0]!.verified, charger))
  // what is wrong with a meter does not cost what it tells all the same
  for (const charger of [RESET, DUPLICATE, LATE, KWH]) expect(deliveredOf(all[1]!.verified, charger), `${charger}`).toBeCloseTo(7_360, 0)
  expect(deliveredOf(all[1]!.verified, GAP)).toBe(0)
})
