import { NEVER_S, type Second } from '../model.ts'
import type { State } from '../state.ts'
import {
  type Changed,
  type FormerVerdict,
  MOST_NAMED,
  type ReadingMarks,
  type VerdictTerms,
  type Verification,
  type Verified,
} from './record.ts'
import { verdictOn } from './verdict.ts'
import type { Evidence } from './worked.ts'

/** So many rows of verdicts are kept for corrections, over all events; of the oldest events late data then change nothing any more. */
const KEPT_ROWS = 1_000_000
/** A last look at the readings may come so much later than it is due. */
const LAST_LOOK_S = 86_400

/** What is kept of a verdict for as long as late or corrected readings may change it: enough to make the next revision and to say what is different. */
export type Kept = {
  /** Later readings change nothing any more. */
  readonly untilS: Second
  readonly who: Uint32Array
  readonly terms: VerdictTerms
  readonly salt: Uint8Array
  /** By row, Wh. */
  readonly deliveredWh: Float64Array
  readonly marks: ReadingMarks
}

/** Null where there is nothing to revise: no terms (logs of before), no correction period, or the readings are gone. */
export function keptOf({ who, terms, energy, marks, verification }: Verified, salt: Uint8Array): Kept | null {
  if (!terms || !energy || !marks || terms.rules.correctionS === 0 || verification.window.toS >= NEVER_S) return null
  const periods = who.length === 0 ? 0 : energy.actualWh.length / who.length
  const deliveredWh = Float64Array.from(who, (_, r) => deliveredOf(energy, r, periods))
  return { untilS: verification.window.toS + terms.rules.correctionS, who, terms, salt, deliveredWh, marks }
}
function deliveredOf({ baselineWh, actualWh }: NonNullable<Verified['energy']>, row: number, periods: number): number {
  let wh = 0
  for (let cell = row * periods; cell < (row + 1) * periods; cell++)
    if (!Number.isNaN(actualWh[cell]! - baselineWh[cell]!)) wh += baselineWh[cell]! - actualWh[cell]!
  return wh
}

/** Forgets what cannot be corrected any more, and of the oldest events what is too much. In place. */
export function forgetKept(s: State, nowS: Second): void {
  let rows = 0
  for (const e of [...s.events.values()].reverse()) {
    if (!e.kept) continue
    rows += e.kept.who.length
    if (e.kept.untilS + LAST_LOOK_S < nowS || rows > KEPT_ROWS) e.kept = null
  }
}

/**
 * The next revision of a verdict, by the same terms from the readings as they are now; undefined where they are what they were. The verdict before it
 * stays in the log, and in `former`.
 */
export function revised(before: Verification, kept: Kept, evidence: Evidence): Verified | undefined {
  const { event, revision } = before
  const now = verdictOn({ event, revision, who: kept.who, terms: kept.terms }, { ...evidence, salt: kept.salt })
  const isOtherWeather = now.verification.weather?.root !== before.weather?.root
  if (now.verification.readings?.root === before.readings?.root && !isOtherWeather) return undefined
  const verdictRevision = (before.verdictRevision ?? 1) + 1
  const former = [...(before.former ?? []), formerOf(before)].slice(-MOST_NAMED)
  return { ...now, verification: { ...now.verification, verdictRevision, changed: changedIn(before, kept, now), former } }
}
const formerOf = (v: Verification): FormerVerdict => ({
  verdictRevision: v.verdictRevision ?? 1,
  verdict: v.verdict,
  askedWh: v.askedWh,
  deliveredWh: v.deliveredWh,
  ratio: v.ratio,
  root: v.readings?.root ?? '',
})

function changedIn(before: Verification, kept: Kept, now: Verified): Changed {
  const after = keptOf(now, kept.salt)
  const rows = Array.from(kept.who, (_, r) => r).filter(
    r => now.marks?.mark[r] !== kept.marks.mark[r] || now.marks?.readings[r] !== kept.marks.readings[r],
  )
  const named = rows.map(r => ({
    charger: kept.who[r]!,
    what: (now.marks?.readings[r] ?? 0) > kept.marks.readings[r]! ? ('late' as const) : ('corrected' as const),
    deliveredWh: (after?.deliveredWh[r] ?? 0) - kept.deliveredWh[r]!,
  }))
  named.sort((a, b) => Math.abs(b.deliveredWh) - Math.abs(a.deliveredWh) || a.charger - b.charger)
  const v = now.verification
  const { gbpPerMWh } = kept.terms.rules
  return {
    deliveredWh: v.deliveredWh - before.deliveredWh,
    actualWh: v.actualWh - before.actualWh,
    baselineWh: v.baselineWh - before.baselineWh,
    ...(gbpPerMWh === null ? {} : { gbp: ((v.deliveredWh - before.deliveredWh) * gbpPerMWh) / 1e6 }),
    ...(v.weather?.root === before.weather?.root ? {} : { weather: true as const }),
    chargers: rows.length,
    named: named.slice(0, MOST_NAMED).map(({ charger, what }) => ({ charger, what })),
  }
}

/** A revision with how much each charger changed it, which the record has in its energies only. */
export function withDeltas({ verification, who, energy }: Verified, before: Kept | null): Verification {
  const { changed } = verification
  if (!changed || !before || !energy || energy.actualWh.length === 0) return verification
  const periods = energy.actualWh.length / who.length
  const named = changed.named.map(x => {
    const row = who.indexOf(x.charger)
    return { ...x, deliveredWh: deliveredOf(energy, row, periods) - before.deliveredWh[before.who.indexOf(x.charger)]! }
  })
  return { ...verification, changed: { ...changed, named } }
}

/**
 * The verdict made again by whoever has its fact and the readings (`metered` of the same turn; for a later revision the `verified` before it too): the same,
 * to the last digit, in every column, or somebody has changed something. Undefined where the fact has no terms: a log of before.
 */
export function recomputed(verified: Verified, evidence: Evidence, before?: Verified): Verified | undefined {
  const { who, terms, verification } = verified
  if (!terms) return undefined
  if ((verification.verdictRevision ?? 1) === 1)
    return asRecorded(verified, verdictOn({ event: verification.event, revision: verification.revision, who, terms }, evidence))
  const kept = before ? keptOf(before, evidence.salt ?? new Uint8Array(0)) : null
  const again = before && kept ? revised(before.verification, { ...kept, terms }, evidence) : undefined
  return again && asRecorded(verified, again)
}
/** Without what a log of before does not say. */
function asRecorded({ energy: recorded }: Verified, again: Verified): Verified {
  if (!again.energy || !recorded || recorded.meteredS) return again
  const { meteredS: _, ...energy } = again.energy
  return { ...again, energy }
}
