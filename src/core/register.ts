import { applyBudgetAlarm, countingUses, countTime } from './budget.ts'
import { spentRule, unrested } from './calendar.ts'
import { chargersOf, honoursOptOut, rangesOf } from './members.ts'
import {
  type Alarm,
  type EventNo,
  type Exemption,
  type Fact,
  type GridEvent,
  NEVER_S,
  type ResortStep,
  type Second,
  type Verification,
} from './model.ts'
import { cutsBeyondBound } from './ramp.ts'
import { type EventState, firstS, lastS, type State } from './state.ts'

/**
 * The register of emergencies: one record for each, from its signal to its review, folded from the facts and kept when State has forgotten the
 * event. Who: `source`; what: `targets` and `intervals`; why: `reason` and `basis`; how long: the intervals and `cancelledS`; effect: `seen` while
 * it runs and `verification` in the end; and each step of the last resort and each override with its instant. Chargers are numbers here.
 */
export type EmergencyUse = {
  readonly event: EventNo
  readonly id: string
  readonly source: GridEvent['source']
  readonly programme: string
  readonly targets: GridEvent['targets']
  readonly intervals: GridEvent['intervals']
  readonly revision: number
  readonly basis: string | null
  /** The ground claimed for acting without random delay; null: none was. Absent in states of before it was kept. */
  readonly exemption?: Exemption | null
  readonly test: boolean
  readonly receivedS: Second
  /** NEVER_S: it ran, or runs, to its end. */
  readonly cancelledS: Second
  readonly state: 'received' | 'accepted' | 'declined'
  /** Reason code and name of the operator; null where it came from a grid's own system. */
  readonly reason: string | null
  readonly by: string | null
  readonly usable: number
  readonly excluded: number
  /** How many were sent a limit, and when the first of them. 0: nobody. */
  commanded: number
  firstSentS: Second
  /** Before it, of those with a fresh reading: how many drew anything, and how much. */
  readonly drawing: number
  readonly drawnW: number
  /** By the newest look at the meters, of those with a reading then and before: W before and now. */
  readonly seen: { readonly atS: Second; readonly metered: number; readonly beforeW: number; readonly nowW: number } | null
  /** Until when its time is counted in the budget. */
  countedS: Second
  readonly steps: readonly { readonly step: ResortStep; readonly atS: Second; readonly who: Uint32Array; readonly carriedOut: number }[]
  readonly overrides: readonly { readonly atS: Second; readonly chargers: number; readonly reason: string; readonly honoured: boolean }[]
  /** Rules of a routine event that it went beyond: then it needs a review. Empty for a test. */
  readonly beyond: readonly RoutineRule[]
  readonly budget: { readonly near: number; readonly passed: number }
  readonly verification: Verification | null
  readonly review: { readonly by: string; readonly note: string; readonly atS: Second } | null
}
/** What a routine event would have had to keep to. `ramp`: its spread start; `consent`: chargers were used without it, on the basis given. */
export const routineRules = ['notice', 'duration', 'ramp', 'eventsPerDay', 'eventsPerSeason', 'rest', 'consent'] as const
export type RoutineRule = (typeof routineRules)[number]
export const needsReview = (u: EmergencyUse): boolean => u.beyond.length > 0 && u.review === null
export const beginsS = (u: EmergencyUse): Second => u.intervals[0]?.fromS ?? u.receivedS
/** When it asks nothing more; NEVER_S while it is open-ended. */
export const useEndsS = (u: EmergencyUse): Second => Math.min(u.intervals.at(-1)?.toS ?? 0, u.cancelledS)

/** So many uses stay in State; the log has them all. */
export const MOST_USES = 10_000
const MOST_OVERRIDES = 200

/** Enters what a fact says of an emergency. `e` of a fact is as it was left by `apply`. */
export function register(s: State, fact: Fact, nowS: Second): void {
  switch (fact.kind) {
    case 'signal':
      return enter(s, s.events.get(s.eventNoById.get(fact.event.id) ?? -1), nowS)
    case 'accepted':
      return change(s, fact.event, (u, e) => ({
        ...u,
        state: 'accepted',
        ...(fact.exemption ? { exemption: fact.exemption } : {}),
        usable: chargersOf(s.fleet, rangesOf(s.fleet, e?.event.targets ?? [])).length - fact.excluded.length,
        excluded: fact.excluded.length,
      }))
    case 'declined':
      return change(s, fact.event, (u, e) => ({
        ...u,
        cancelledS: e?.cancelledS ?? u.cancelledS,
        state: e?.status === 'accepted' ? 'accepted' : 'declined',
      }))
    case 'observed':
      return observed(s, fact, nowS)
    case 'lastResort':
      return change(s, fact.event, u => ({
        ...u,
        steps: [...u.steps, { step: fact.step, atS: nowS, who: fact.who, carriedOut: 0 }],
      }))
    case 'forced':
      for (const charger of fact.who) carriedOut(s, fact.step, charger)
      return
    case 'optOut':
      return overridden(s, fact, nowS)
    case 'alarm':
      applyBudgetAlarm(s, fact)
      return change(s, fact.event, u => alarmed(u, fact))
    case 'verified':
      return change(s, fact.verification.event, u => ({ ...u, verification: fact.verification }))
    case 'erased':
      for (const event of fact.reviews ?? []) change(s, event, u => ({ ...u, review: u.review && { ...u.review, by: '', note: '' } }))
      return
    case 'noted':
      return noted(s, fact.what, fact.about, nowS)
    default:
      return
  }
}

function change(s: State, event: EventNo, by: (u: EmergencyUse, e: EventState | undefined) => EmergencyUse): void {
  const use = s.register.get(event)
  if (use) s.register.set(event, by(use, s.events.get(event)))
}

function enter(s: State, e: EventState | undefined, nowS: Second): void {
  if (!e) return
  const known = s.register.get(e.no)
  if (!known && e.event.class !== 'emergency') return
  const { id, source, programme, targets, intervals, revision, basis, test } = e.event
  const told = { id, source, programme, targets, intervals, revision, basis, test, cancelledS: e.cancelledS }
  s.register.set(e.no, { ...(known ?? blank(e.no, nowS)), ...told })
  for (const no of s.register.keys()) {
    if (s.register.size <= MOST_USES) break
    s.register.delete(no)
  }
}
const blank = (event: EventNo, receivedS: Second) => ({
  event,
  receivedS,
  state: 'received' as const,
  reason: null,
  by: null,
  usable: 0,
  excluded: 0,
  commanded: 0,
  firstSentS: 0,
  drawing: 0,
  drawnW: 0,
  seen: null,
  countedS: 0,
  steps: [],
  overrides: [],
  beyond: [],
  budget: { near: 0, passed: 0 },
  verification: null,
  review: null,
})

/** What counts a charger that is sent its first limit of this event; undefined where nobody is counted: it is no emergency, or is over. */
export function commanding(s: State, e: EventState, nowS: Second): ((charger: number) => void) | undefined {
  const use = s.register.get(e.no)
  if (!use || e.event.class !== 'emergency' || nowS >= lastS(e)) return undefined
  const beganS = Math.max(nowS, firstS(e))
  const countUse = countingUses(s, e)
  return charger => {
    countUse(charger, use.commanded === 0)
    // in place: a feeder's thousands come one by one
    use.commanded++
    use.firstSentS ||= nowS
    use.countedS ||= beganS
  }
}

function observed(s: State, { event, who, powerW }: Extract<Fact, { kind: 'observed' }>, nowS: Second): void {
  const e = s.events.get(event)
  if (!e || !s.register.has(event)) return
  const basisW = (i: number) => (i < e.basisW.length ? e.basisW[i]! : -1)
  let [drawing, drawnW, metered, beforeW, nowW] = [0, 0, 0, 0, 0]
  who.forEach((i, k) => {
    const before = basisW(i)
    if (before > 0) {
      drawing++
      drawnW += before
    }
    if (before < 0 || !(powerW[k]! >= 0)) return
    metered++
    beforeW += before
    nowW += powerW[k]!
  })
  change(s, event, u => {
    if (u.countedS > 0) countTime(s, e, who, Math.min(nowS, lastS(e)) - u.countedS, nowS)
    const countedS = u.countedS > 0 ? Math.max(u.countedS, nowS) : 0
    // the plan's own basis is no effect, nor is what is drawn on the way back
    const isEffect = e.basisAtS !== nowS && beginsS(u) <= nowS && nowS < useEndsS(u)
    return { ...u, drawing, drawnW, countedS, seen: isEffect ? { atS: nowS, metered, beforeW, nowW } : u.seen }
  })
}

function carriedOut(s: State, step: ResortStep, charger: number): void {
  for (const u of [...s.register.values()].reverse()) {
    const at = u.steps.findLastIndex(x => x.step === step && x.who.includes(charger))
    if (at < 0) continue
    s.register.set(u.event, { ...u, steps: u.steps.map((x, k) => (k === at ? { ...x, carriedOut: x.carriedOut + 1 } : x)) })
    return
  }
}

/** Every opt-out that touches a running emergency is in its record, with whether the programme lets it act. */
function overridden(s: State, fact: Extract<Fact, { kind: 'optOut' }>, nowS: Second): void {
  for (const e of s.events.values()) {
    const use = s.register.get(e.no)
    if (!use || e.status !== 'accepted' || fact.fromS >= lastS(e) || fact.toS <= firstS(e) || lastS(e) <= nowS) continue
    const ranges = rangesOf(s.fleet, e.event.targets)
    const isMember = (i: number) => i < s.fleet.chargers && ranges.some(r => r.from <= s.fleet.position[i]! && s.fleet.position[i]! < r.to)
    const chargers = fact.who.reduce((n, i) => n + (isMember(i) ? 1 : 0), 0)
    if (chargers === 0) continue
    const entry = { atS: nowS, chargers, reason: fact.reason, honoured: honoursOptOut(s, e) }
    s.register.set(e.no, { ...use, overrides: [...use.overrides, entry].slice(-MOST_OVERRIDES) })
  }
}

function alarmed(u: EmergencyUse, { what, who, rules }: Alarm): EmergencyUse {
  if (what === 'beyondRoutine') return { ...u, beyond: [...new Set([...u.beyond, ...(rules as RoutineRule[])])] }
  const { near, passed } = u.budget
  return { ...u, budget: what === 'budgetNear' ? { near: near + who.length, passed } : { near, passed: passed + who.length } }
}

/** Who fired it and why, and what was found afterwards, come as notes that name the event by its id. */
export const OPERATED = 'emergencyOperated'
export const REVIEWED = 'emergencyReviewed'
function noted(s: State, what: string, about: Readonly<Record<string, unknown>>, nowS: Second): void {
  if (what !== OPERATED && what !== REVIEWED) return
  const use = [...s.register.values()].findLast(u => u.id === about['event'])
  if (!use) return
  const text = (key: string) => (typeof about[key] === 'string' ? about[key] : '')
  if (what === OPERATED) s.register.set(use.event, { ...use, reason: text('reason') || null, by: text('by') || null })
  else s.register.set(use.event, { ...use, review: { by: text('reviewer') || text('by'), note: text('note'), atS: nowS } })
}

/** An emergency is exempt from the rules of a routine event. Which of them it went beyond is said when it is accepted, and calls for a review. */
export function beyondRoutine(s: State, e: EventState): Alarm | undefined {
  const p = s.programmes.get(e.event.programme)
  const use = s.register.get(e.no)
  if (!p || !use || e.event.class !== 'emergency' || e.event.test || e.status !== 'accepted') return undefined
  const fromS = e.event.intervals[0]?.fromS ?? 0
  const toS = e.event.intervals.at(-1)?.toS ?? 0
  const members = chargersOf(s.fleet, rangesOf(s.fleet, e.event.targets))
  const enrolment = s.enrolments.get(p.id)
  const resting = unrested(s, e, p)
  const spent = spentRule(s, e, p)
  const broken: Record<RoutineRule, boolean> = {
    notice: fromS - e.receivedS < p.minNoticeS,
    duration: toS === NEVER_S || toS - fromS > p.maxDurationS,
    ramp: p.startSpreadS > 0 || cutsBeyondBound(s, e),
    eventsPerDay: spent === 'eventsPerDay',
    eventsPerSeason: spent === 'eventsPerSeason',
    rest: resting !== undefined && members.some(i => resting[i] === 1),
    consent: e.event.basis !== null && members.some(i => (enrolment?.[i] ?? 0) !== 1),
  }
  const rules = routineRules.filter(rule => broken[rule] && !use.beyond.includes(rule))
  if (rules.length === 0) return undefined
  return { kind: 'alarm', event: e.no, what: 'beyondRoutine', who: new Uint32Array(0), nodes: new Uint32Array(0), rules }
}
