import { createHash } from 'node:crypto'
import { chargerVerdicts, linkLossTraits, nonResponses } from './model.ts'
import type { Resumes } from './resume.ts'
import { grown } from './rows.ts'
import type { Fleet } from './state.ts'

/**
 * How likely a charger does what it is told, learned from verified events: from what meters showed, never from what a charger answered. A charger's
 * chance is the mean of a Beta posterior over its own trials, which fade by half in 20 of them. Chargers of one maker or backend (`fleet.group`)
 * also fail together; that is two numbers per group: how often all of it is out, and how much more than chance its events scatter otherwise.
 */
export type Learned = Resumes & {
  /** Chance as told at import, 1/1000, for want of trials. */
  prior: Uint16Array
  /** By charger number, faded counts in 1/`COUNT`: obeyed; did not, though linked; lost its limit with its link. */
  obeyed: Uint16Array
  failed: Uint16Array
  dropped: Uint16Array
  groups: Map<number, GroupRecord>
  /** What intervals of forecasts are stretched by, so that as many events as promised fall inside; see `scored`. */
  width: number
}
/** Faded sums over the events in which enough of a group took part. */
export type GroupRecord = {
  readonly events: number
  readonly outages: number
  /** Of the events that were no outage: trials and those obeyed, and the scatter beyond chance with its weight. */
  readonly trials: number
  readonly obeyed: number
  readonly scatter: number
  readonly scatterEvents: number
}
/** A verified event, as far as reliability goes: indexes in `chargerVerdicts` and `nonResponses` per charger. */
export type Trials = { readonly who: Uint32Array; readonly verdict: Uint8Array; readonly cause: Uint8Array }

/**
 * Number of a group in `fleet.group`, from the name of what fails together, in whatever letter case. A number and not the name is in the log; two names
 * in one number (one pair in 65,535) are one group.
 */
export const groupOf = (name: string): number =>
  name.trim() === '' ? 0 : 1 + (createHash('sha256').update(name.trim().toLowerCase()).digest().readUInt32BE(0) % 65_535)

const fadeIn = (events: number): number => 2 ** (-1 / events)
/** A charger's own trials (firmware and cars change), and what is common to a group: outages are too rare to be forgotten so soon. */
const FADE = fadeIn(20)
const GROUP_FADE = fadeIn(200)
/** A faded count ends below 1 / (1 - FADE) = 29.4, so it fits 16 bits. */
const COUNT = 2_048
/** Weight of what is known before any trial, in trials (Beta(8, 2) is 10 of them), and of what was told of a group against what it showed. */
export const PRIOR_TRIALS = 10
const TOLD_TRIALS = 30
/** Before an outage is seen: one in a hundred events, on the strength of a hundred events over all groups; of a group against all of them fifty. */
const OUTAGE = 0.01
const OUTAGE_EVENTS = 100
const GROUP_EVENTS = 50
/** Scatter (rho of a beta-binomial) before any event is seen, and in how many events' worth. */
const RHO = 0.02
const RHO_EVENTS = 5
/** Fewer of a group at once say nothing of the group. */
const ENOUGH = 8
const HOLDS = linkLossTraits.indexOf('holds')

export const emptyLearned = (): Learned => ({
  prior: new Uint16Array(0),
  obeyed: new Uint16Array(0),
  failed: new Uint16Array(0),
  dropped: new Uint16Array(0),
  resumed: new Uint16Array(0),
  stuck: new Uint16Array(0),
  groups: new Map(),
  width: 1.2,
})

/** After a fleet fact: whoever was never tried stands where the import says, whoever was stays as learned. `told`: the numbers in the fact. */
export function afterFleet(l: Learned, f: Fleet, told: Uint32Array): void {
  for (const column of ['prior', 'obeyed', 'failed', 'dropped'] as const) l[column] = grown(l[column], f.chargers).slice(0, f.chargers)
  for (const i of told) {
    if (l.obeyed[i] === 0 && l.failed[i] === 0 && l.dropped[i] === 0) l.prior[i] = f.reliability[i]!
    else f.reliability[i] = standing(l, f, i)
  }
}

const [UNTRIED, OBEYED, FAILED, DROPPED] = [0, 1, 2, 3]
const COMPLIANT = chargerVerdicts.indexOf('compliant')
const failures: ReadonlySet<number> = new Set(
  (['offline', 'refused', 'noAnswer', 'acceptedButUnmoved'] as const).map(c => nonResponses.indexOf(c)),
)
const IDLE = nonResponses.indexOf('idle')
const LOST_LINK = nonResponses.indexOf('resumedOnLinkLoss')

/** Who was not told, opted out, has no data, or drew nothing to begin with was not tried. */
function trialOf(verdict: number, cause: number): number {
  if (verdict === COMPLIANT) return cause === IDLE ? UNTRIED : OBEYED
  if (cause === LOST_LINK) return DROPPED
  return failures.has(cause) ? FAILED : UNTRIED
}

/**
 * Takes a verified event into account, in place, `fleet.reliability` included. Where a whole group failed, that is the group's outage and nobody's own
 * trial. O(chargers of the event).
 */
export function learn(l: Learned, f: Fleet, { who, verdict, cause }: Trials): void {
  const tallies = new Map<number, Tally>()
  for (let k = 0; k < who.length; k++) {
    const i = who[k]!
    const trial = i < f.chargers ? trialOf(verdict[k]!, cause[k]!) : UNTRIED
    if (trial === UNTRIED) continue
    const group = f.group[i]!
    let t = tallies.get(group)
    if (!t) tallies.set(group, (t = { trials: 0, obeyed: 0, hoped: 0, own: 0, root: 0 }))
    const r = f.reliability[i]! / 1000
    t.trials++
    t.hoped += r
    t.own += r * (1 - r)
    t.root += Math.sqrt(r * (1 - r))
    if (trial === OBEYED) t.obeyed++
  }
  for (const [group, t] of tallies) l.groups.set(group, recordAfter(l.groups.get(group) ?? newRecord, t))
  for (let k = 0; k < who.length; k++) {
    const i = who[k]!
    const trial = i < f.chargers ? trialOf(verdict[k]!, cause[k]!) : UNTRIED
    if (trial === UNTRIED || isOutage(tallies.get(f.group[i]!)!)) continue
    for (const column of [l.obeyed, l.failed, l.dropped]) column[i] = Math.round(column[i]! * FADE)
    const column = trial === OBEYED ? l.obeyed : trial === FAILED ? l.failed : l.dropped
    column[i] = column[i]! + COUNT
    f.reliability[i] = standing(l, f, i)
  }
}

type Tally = { trials: number; obeyed: number; hoped: number; own: number; root: number }
const newRecord: GroupRecord = { events: 0, outages: 0, trials: 0, obeyed: 0, scatter: 0, scatterEvents: 0 }

/** Less than half of what was to be hoped, and far beyond what chance does. */
const isOutage = (t: Tally): boolean =>
  t.trials >= ENOUGH && t.obeyed < t.hoped / 2 && (t.hoped - t.obeyed) ** 2 > 9 * Math.max(t.own, 0.01 * t.trials)

function recordAfter(g: GroupRecord, t: Tally): GroupRecord {
  if (t.trials < ENOUGH) return { ...g, trials: g.trials + t.trials, obeyed: g.obeyed + t.obeyed }
  const faded = { ...g, events: g.events * GROUP_FADE + 1, outages: g.outages * GROUP_FADE + (isOutage(t) ? 1 : 0) }
  if (isOutage(t)) return faded
  return {
    ...faded,
    trials: g.trials * FADE + t.trials,
    obeyed: g.obeyed * FADE + t.obeyed,
    scatter: g.scatter * GROUP_FADE + scatterOf(t),
    scatterEvents: g.scatterEvents * GROUP_FADE + 1,
  }
}
/** Moment estimate of a beta-binomial's rho from one event: E[(obeyed - hoped)^2] = sum r(1-r) + rho ((sum sqrt(r(1-r)))^2 - sum r(1-r)). */
function scatterOf(t: Tally): number {
  const pairs = t.root ** 2 - t.own
  return pairs <= 0 ? 0 : Math.max(-1, Math.min(1, ((t.obeyed - t.hoped) ** 2 - t.own) / pairs))
}

/**
 * The chance, 1/1000, that charger i obeys while its group is up. What is expected before its own trials is what was told of it, drawn towards what
 * its group has shown. One that is free without its link must keep it as well.
 */
function standing(l: Learned, f: Fleet, i: number): number {
  const g = l.groups.get(f.group[i]!) ?? newRecord
  const prior = (TOLD_TRIALS * (l.prior[i]! / 1000) + g.obeyed) / (TOLD_TRIALS + g.trials)
  const obeyed = l.obeyed[i]! / COUNT
  const failed = l.failed[i]! / COUNT
  const dropped = l.dropped[i]! / COUNT
  const own = (PRIOR_TRIALS * prior + obeyed) / (PRIOR_TRIALS + obeyed + failed)
  const away = f.onLinkLoss[i] === HOLDS ? 0 : dropped / (PRIOR_TRIALS + obeyed + failed + dropped)
  return Math.round(1000 * own * (1 - away))
}

/** What the groups of some chargers have in common, by dense index: chance of an outage in an event, and scatter beyond chance otherwise. */
export type Common = { readonly outage: Float64Array; readonly rho: Float64Array }

/** Groups of `members` numbered densely in order of first sight, and what was learned of each. */
export function commonOf(l: Learned, f: Fleet, members: Uint32Array): { readonly group: Uint16Array; readonly common: Common } {
  const dense = new Int32Array(65_536).fill(-1)
  const group = new Uint16Array(members.length)
  const found: number[] = []
  for (let m = 0; m < members.length; m++) {
    const g = f.group[members[m]!]!
    if (dense[g]! < 0) dense[g] = found.push(g) - 1
    group[m] = dense[g]!
  }
  return { group, common: learnedOf(l, found) }
}
function learnedOf(l: Learned, groups: readonly number[]): Common {
  let events = OUTAGE_EVENTS
  let outages = OUTAGE * OUTAGE_EVENTS
  // a sum hangs on the order of its terms, and that of a Map on who failed first: a start from a snapshot knows only the numbers
  for (const no of [...l.groups.keys()].sort((a, b) => a - b)) {
    events += l.groups.get(no)!.events
    outages += l.groups.get(no)!.outages
  }
  const usual = outages / events
  const records = groups.map(g => l.groups.get(g) ?? newRecord)
  return {
    outage: Float64Array.from(records, g => (GROUP_EVENTS * usual + g.outages) / (GROUP_EVENTS + g.events)),
    rho: Float64Array.from(records, g => Math.max(0, (RHO_EVENTS * RHO + g.scatter) / (RHO_EVENTS + g.scatterEvents))),
  }
}

/** A little more than the 80 % that P10 to P90 claims: an interval that is found a little too wide does no harm. */
const AIM = 0.85
const WIDTH_STEP = 0.1
/** What was not in the model (cars that leave, drivers who override) is in the scores: each miss widens the intervals to come, each hit narrows them less. */
export function scored(l: Learned, inside: boolean): void {
  l.width = Math.min(8, Math.max(0.5, l.width * Math.exp(WIDTH_STEP * (inside ? AIM - 1 : AIM))))
}
