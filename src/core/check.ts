import { endsS, ownDelayS, releasedS, spanFromS, spanToS } from './edges.ts'
import { chargersOf, honoursOptOut, rangesOf, taking } from './members.ts'
import { type Alarm, type ChargerNo, type EventNo, type Interval, linkLossTraits, NEVER_S, type NodeNo, type Second } from './model.ts'
import { isOutage } from './outage.ts'
import { limitAt, NONE, rowEnd, rowStart, UNKNOWN } from './rows.ts'
import { type EventState, firstEndS, type State, tailS } from './state.ts'
import { limitOf } from './views.ts'
import { waitsToS } from './waits.ts'

/** A cap is checked second by second this far ahead; every later turn checks again. */
const HORIZON_S = 2 * 86_400

/**
 * Is what is wanted lawful? Written apart from `plan`, from the asks alone: rows sorted and positive; limits that can be signalled; nobody limited
 * who is excluded, refused or opted out; nobody limited after their own end; every cap kept at every second; every shed covered as far as it
 * can be. Returns the first thing that is wrong, in words, or undefined. Runs after every plan and before every send, see `decide`.
 */
export function check(s: State, nowS: Second, missing: ReadonlyMap<number, number> = new Map()): string | undefined {
  const saysNo = whoSayNo(s)
  const bounds = [...s.events.values()].map(e => boundOf(s, e, saysNo))
  const byNo: (Bound | undefined)[] = []
  for (const b of bounds) byNo[b.e.no] = b
  for (let i = 0; i < s.want.length; i++) {
    if (s.want[i] === 0) continue
    const wrong = checkRow(s, i, nowS, byNo)
    if (wrong) return wrong
  }
  for (const { e } of bounds) {
    const wrong = e.status === 'accepted' && !e.event.test ? checkAsk(s, e, nowS, missing.get(e.no) ?? 0) : undefined
    if (wrong) return wrong
    const above = e.event.class === 'emergency' ? loosened(s, e, nowS) : undefined
    if (above !== undefined) return `charger ${above}: may draw more than emergency ${e.no} allows`
    const i = letGoEarly(s, e, nowS)
    if (i !== undefined) return `charger ${i}: let go by the restore of event ${e.no} before its end`
  }
  return undefined
}

/** What is the same for all whom an event limits. */
type Bound = {
  readonly e: EventState
  readonly endS: Second
  readonly isHeld: boolean
  readonly isOutage: boolean
  readonly honours: boolean
  /** By charger, 1: it has refused or opted out of something. */
  readonly saysNo: Uint8Array
}
const boundOf = (s: State, e: EventState, saysNo: Uint8Array): Bound => ({
  e,
  endS: plannedEndS(e),
  isHeld: (e.restore?.heldW.length ?? 0) > 0,
  isOutage: isOutage(e.event),
  honours: honoursOptOut(s, e),
  saysNo,
})

function checkRow(s: State, i: number, nowS: Second, events: readonly (Bound | undefined)[]): string | undefined {
  const { fleet: f, rows } = s
  const first = rowStart(rows, s.want[i]!)
  const end = rowEnd(rows, s.want[i]!)
  const isSum = f.limitsAtStation[i] === 1
  const minW = leastW(s, i)
  let last = 0
  for (let k = first; k < end; k++) {
    const fromS = rows.fromS[k]!
    const toS = rows.toS[k]!
    const limitW = rows.limitW[k]!
    if (fromS < last || toS <= fromS) return `charger ${i}: segments out of order at ${fromS}`
    const isFromFree = fromS > nowS && !isSum && (k === first || last < fromS)
    last = toS
    if (toS <= nowS) continue
    if (limitW < 0 || (limitW !== 0 && limitW < minW)) return `charger ${i}: ${limitW} W cannot be signalled`
    if (!isSum && limitW > f.maxW[i]!) return `charger ${i}: ${limitW} W is above its ${f.maxW[i]} W`
    const bound = events[rows.because[k]!]
    if (bound?.e.status !== 'accepted') return `charger ${i}: limited by event ${rows.because[k]}, which is not accepted`
    if (!isSum && !mayUse(s, bound, i, fromS, toS)) return `charger ${i}: limited by event ${bound.e.no}, which may not use it`
    if (f.stepSet[i]! > 0 && !bound.isHeld && !isSum && limitW !== 0 && !f.stepSets[f.stepSet[i]! - 1]?.includes(limitW))
      return `charger ${i}: ${limitW} W is none of its steps`
    const late = isFromFree ? comesLate(bound.e, i, fromS) : undefined
    if (late) return late
    const early = bound.isOutage ? checkOutage(bound.e, i, fromS) : undefined
    if (early) return early
    if (toS > latestEndS(bound, i, isSum)) {
      const wrong = checkHold(s, bound, i, limitW, toS, nowS)
      if (wrong) return wrong
    }
  }
  return undefined
}

/** A box with a random delay of its own is told so early that it has acted when the ramp is over, or with the first where the ramp is the shorter. */
function comesLate(e: EventState, i: ChargerNo, fromS: Second): string | undefined {
  const ownS = ownDelayS(e, i)
  const begun = ownS === 0 || e.waits.has(i) ? undefined : e.event.intervals.findLast(x => x.fromS + e.spread.startShiftS <= fromS)
  if (!begun || begun.failsafe) return undefined
  const latestS = begun.fromS + e.spread.startShiftS + Math.max(0, e.spread.startS - ownS)
  return fromS > latestS ? `charger ${i}: limited from ${fromS} by event ${e.no}, too late for its own delay of ${ownS} s` : undefined
}
/** An outage asks for nothing of its own: it limits only whom its restore holds, and nobody before it was seen. */
function checkOutage({ no, event, restore }: EventState, i: ChargerNo, fromS: Second): string | undefined {
  const seenS = event.intervals.at(-1)?.toS ?? 0
  if (fromS < seenS - 1) return `charger ${i}: limited from ${fromS} by outage ${no}, which was seen at ${seenS}`
  return restore && restore.heldW.length > 0 ? undefined : `charger ${i}: limited by outage ${no}, which holds nobody`
}
/** The least that can be signalled but 0, W; of a box that takes one limit, to whichever of its chargers can do with the least. */
function leastW({ fleet: f }: State, i: ChargerNo): number {
  if (f.limitsAtStation[i] === 0) return f.minW[i]!
  const station = f.station[i]!
  let least = f.minW[i]!
  for (let p = f.nodeFrom[station]!; p < f.nodeTo[station]!; p++)
    if (f.station[f.order[p]!] === station) least = Math.min(least, f.minW[f.order[p]!]!)
  return least
}

/** A limit past its event's own end: only where a level cap holds the charger, as low as it was, within its time, and until it is let in or says no. */
function checkHold(s: State, { e, endS }: Bound, i: ChargerNo, limitW: number, toS: Second, nowS: Second): string | undefined {
  const r = e.restore
  const isSum = s.fleet.limitsAtStation[i] === 1
  if (!r || (e.event.stopAtOnce && e.cancelledS !== NEVER_S)) return `charger ${i}: limited until ${toS}, past the end of event ${e.no}`
  const askedToS = Math.min(e.event.intervals.at(-1)?.toS ?? 0, e.cancelledS)
  if (toS > Math.max(endS, askedToS + r.maxS)) return `charger ${i}: held until ${toS}, longer than the restore of event ${e.no} may`
  if (isSum) return undefined
  if ((r.admittedS[i] ?? 0) > 0) return `charger ${i}: held until ${toS}, though the restore of event ${e.no} has let it in`
  if (s.optOuts.get(i)?.some(o => o.toS > askedToS && o.fromS <= nowS)) return `charger ${i}: held by event ${e.no} against its driver`
  if (r.heldW.length > 0 && limitW !== r.heldW[i])
    return `charger ${i}: held at ${limitW} W by event ${e.no}, which had it at ${r.heldW[i]} W`
  return undefined
}
/** Somebody whom a restore lets go before its own end by the event. */
function letGoEarly(s: State, e: EventState, nowS: Second): ChargerNo | undefined {
  const r = e.restore
  if (!r || r.heldW.length === 0 || e.event.stopAtOnce) return undefined
  const lastToS = e.event.intervals.at(-1)?.toS ?? 0
  for (let i = 0; i < r.heldW.length; i++) {
    if (r.heldW[i]! < 0 || s.fleet.limitsAtStation[i] === 1 || s.optOuts.has(i) || s.refusals.has(i)) continue
    if (nowS >= Math.min(endsS(e, i, lastToS), releasedS(e, i))) continue
    const limitW = limitAt(s.rows, s.want[i]!, nowS)
    if (limitW < 0 || limitW > r.heldW[i]!) return i
  }
  return undefined
}

/** The last second that the event may limit anyone if it is not cancelled. */
function plannedEndS(e: EventState): Second {
  const endS = e.event.intervals.at(-1)?.toS ?? 0
  const { startShiftS, startS, endShiftS, endS: spreadS, endFollowsStart } = e.spread
  return endS === NEVER_S ? NEVER_S : endS + (endFollowsStart ? startShiftS + startS : endShiftS + spreadS)
}
/** A station's sum ends with the last of its chargers, so only the bound of all is known for it. */
function latestEndS({ e, endS }: Bound, i: number, isSum: boolean): Second {
  if (e.cancelledS === NEVER_S) return endS
  return Math.min(endS, isSum ? e.cancelledS + tailS(e) : releasedS(e, i))
}

function whoSayNo(s: State): Uint8Array {
  const out = new Uint8Array(s.fleet.chargers)
  for (const i of s.refusals.keys()) out[i] = 1
  for (const i of s.optOuts.keys()) out[i] = 1
  return out
}
function mayUse(s: State, { e, honours, saysNo }: Bound, i: ChargerNo, fromS: Second, toS: Second): boolean {
  if (e.excluded.length > i && e.excluded[i] !== 0) return false
  if (saysNo[i] === 0) return true
  if ((s.refusals.get(i)?.toS ?? 0) >= toS) return false
  return !honours || !(s.optOuts.get(i)?.some(o => o.fromS <= fromS && toS <= o.toS) ?? false)
}

function checkAsk(s: State, e: EventState, nowS: Second, missingW: number): string | undefined {
  const lastToS = e.event.intervals.at(-1)?.toS ?? 0
  for (const interval of e.event.intervals) {
    const { ask, fromS, toS } = interval
    const settledS = Math.max(nowS, fromS + e.spread.startShiftS + e.spread.startS, waitsToS(e))
    const untilS = Math.min(firstEndS(e, toS), firstEndS(e, lastToS), e.cancelledS, settledS + HORIZON_S)
    if (settledS >= untilS) continue
    if (ask.kind === 'cap') {
      const excessW = worstLoadW(s, e, interval, settledS, untilS) - ask.totalW - missingW
      if (excessW > 0) return `event ${e.no}: the cap of ${ask.totalW} W is exceeded by ${excessW} W`
      for (const [k, limitA] of ask.phaseA?.entries() ?? []) {
        const worstA = worstLoadW(s, e, interval, settledS, untilS, (i, w, metered) => ampsOn(s, k, i, w, metered))
        const aboveA = worstA - limitA - missingW / leastVoltage(s, e)
        if (aboveA > 1e-3) return `event ${e.no}: its ${limitA} A on L${k + 1} are exceeded by ${aboveA.toFixed(1)} A`
      }
    }
    if (interval.failsafe && ask.kind === 'limitEach') {
      const i = aboveFailsafe(s, e, interval, Math.max(nowS, fromS + (e.spread.endFollowsStart ? e.spread.startS : e.spread.endS)), untilS)
      if (i !== undefined) return `event ${e.no}: its source is silent, and charger ${i} may draw more than the failsafe`
    }
    if (ask.kind === 'shed' && e.basisAtS > 0) {
      const expectedW = expectedCutW(s, e, settledS)
      if (expectedW < ask.totalW - missingW - 1) return `event ${e.no}: expects to shed ${Math.floor(expectedW)} W of ${ask.totalW} W`
    }
  }
  return undefined
}

/** Somebody under a silent source's event who may draw more than its failsafe at an instant of [fromS, toS), though it could be limited. */
function aboveFailsafe(s: State, e: EventState, interval: Interval, fromS: Second, toS: Second): ChargerNo | undefined {
  const { fleet: f, rows } = s
  const limitW = e.event.liveness?.failsafeW ?? Number.POSITIVE_INFINITY
  const members = chargersOf(f, rangesOf(f, e.event.targets))
  const takes = taking(s, e, members, interval)
  return members.find((i, m) => {
    if (takes[m] === 0 || f.limitsAtStation[i] === 1 || limitW >= f.maxW[i]!) return false
    let heldS = fromS
    for (let k = rowStart(rows, s.want[i]!); k < rowEnd(rows, s.want[i]!); k++)
      if (rows.fromS[k]! <= heldS && rows.limitW[k]! <= limitW) heldS = Math.max(heldS, rows.toS[k]!)
    return heldS < toS
  })
}

/**
 * Greatest load of the targets in [settledS, untilS) if everyone draws what they may: those not commanded at metered power, or else at their maximum.
 * `loadOf`: what each counts as for the watts that it draws; those watts where absent.
 */
function worstLoadW(s: State, e: EventState, interval: Interval, settledS: Second, untilS: Second, loadOf?: LoadOf): number {
  const { fleet: f } = s
  const members = chargersOf(f, rangesOf(f, e.event.targets))
  const takes = taking(s, e, members, interval)
  const change = { fromS: settledS, toS: untilS, w: new Float64Array(untilS - settledS + 1) }
  let constantW = 0
  let box = -1
  for (let m = 0; m < members.length; m++) {
    const i = members[m]!
    const isUp = s.up[f.station[i]!] === 1
    const obeys = takes[m] === 1 && !(i < e.unmoved.length && e.unmoved[i] === 1)
    const meteredW = i < e.basisW.length ? e.basisW[i]! : -1
    const metered = !(obeys && isUp) && meteredW >= 0
    const fullW = metered ? meteredW : f.maxW[i]!
    constantW += loadOf ? loadOf(i, fullW, metered) : fullW
    if (f.limitsAtStation[i] === 1) {
      // a station's sum hangs on its first charger, under the targets or not
      if (isUp && box !== f.station[i]) lessen(s, change, s.want[firstOf(s, f.station[i]!)]!, i, stationMaxW(s, i), false, loadOf)
      box = f.station[i]!
    } else if (obeys && isUp) lessen(s, change, s.want[i]!, i, fullW, metered, loadOf)
    // offline with the limit that it was sent last
    else if (obeys && f.onLinkLoss[i] === HOLDS && !s.noSession.has(i))
      lessen(s, change, s.pending[i] === NONE ? s.holds[i]! : s.pending[i]!, i, fullW, metered, loadOf)
  }
  let loadW = constantW
  let worstW = 0
  for (let t = 0; t < untilS - settledS; t++) {
    loadW += change.w[t]!
    if (loadW > worstW) worstW = loadW
  }
  return worstW
}
type LoadOf = (i: ChargerNo, w: number, metered: boolean) => number
/** By how much a load changes in each second of [fromS, toS). */
type Change = { readonly fromS: Second; readonly toS: Second; readonly w: Float64Array }
/** Takes off what a row takes off a full load, while it does. */
function lessen({ rows }: State, change: Change, row: number, i: ChargerNo, fullW: number, metered: boolean, loadOf?: LoadOf): void {
  if (row === UNKNOWN) return
  const end = rowEnd(rows, row)
  for (let k = rowStart(rows, row); k < end; k++) {
    const from = Math.max(rows.fromS[k]!, change.fromS)
    const to = Math.min(rows.toS[k]!, change.toS)
    const limitW = rows.limitW[k]!
    if (from >= to || limitW >= fullW) continue
    const less = loadOf ? Math.max(0, loadOf(i, fullW, metered) - loadOf(i, limitW, false)) : fullW - limitW
    change.w[from - change.fromS]! -= less
    change.w[to - change.fromS]! += less
  }
}

/** What a charger may load one phase with, A: in full on each where its phases are not known; a metered sum may be of one phase, up to what the box has there. */
function ampsOn({ fleet: f }: State, k: number, i: ChargerNo, w: number, metered: boolean): number {
  const station = f.station[i]!
  const mates = f.limitsAtStation[i] === 0 ? [i] : Array.from(f.order.subarray(f.nodeFrom[station]!, f.nodeTo[station]!))
  if (!mates.some(j => f.gridPhases[j] === 0 || ((f.gridPhases[j]! >> k) & 1) === 1)) return 0
  const evenA = (x: number) => x / (f.phases[i]! * f.voltageV[i]!)
  return metered ? Math.min(w / f.voltageV[i]!, Math.max(evenA(f.maxW[i]!), evenA(w))) : evenA(w)
}
const leastVoltage = ({ fleet: f }: State, e: EventState): number =>
  chargersOf(f, rangesOf(f, e.event.targets)).reduce((v, i) => Math.min(v, f.voltageV[i]!), Number.POSITIVE_INFINITY)

const HOLDS = linkLossTraits.indexOf('holds')
function firstOf({ fleet: f }: State, station: NodeNo): ChargerNo {
  for (let p = f.nodeFrom[station]!; ; p++) if (f.station[f.order[p]!] === station) return f.order[p]!
}
function stationMaxW({ fleet: f }: State, i: number): number {
  const station = f.station[i]!
  let sumW = 0
  for (let p = f.nodeFrom[station]!; p < f.nodeTo[station]!; p++) if (f.station[f.order[p]!] === station) sumW += f.maxW[f.order[p]!]!
  return sumW
}

/** What may be expected of those limited at `atS`: reliability x (what they drew - what they may draw). */
function expectedCutW(s: State, e: EventState, atS: Second): number {
  const { fleet: f, rows } = s
  let sumW = 0
  for (const i of chargersOf(f, rangesOf(f, e.event.targets))) {
    if (i < e.unmoved.length && e.unmoved[i] === 1) continue
    const drewW = i < e.basisW.length ? e.basisW[i]! : -1
    if (drewW <= 0) continue
    if (f.limitsAtStation[i] === 1) return Infinity
    for (let k = rowStart(rows, s.want[i]!); k < rowEnd(rows, s.want[i]!); k++)
      if (rows.fromS[k]! <= atS && atS < rows.toS[k]!) sumW += (f.reliability[i]! / 1000) * Math.max(0, drewW - rows.limitW[k]!)
  }
  return sumW
}

/** Somebody who may draw more than a running emergency leaves each charger, whatever else is asked of it. Ceilings and sheds are sums, checked above. */
function loosened(s: State, e: EventState, nowS: Second): ChargerNo | undefined {
  if (e.status !== 'accepted' || e.event.test) return undefined
  const { fleet: f, rows } = s
  const members = chargersOf(f, rangesOf(f, e.event.targets))
  for (const [k, interval] of e.event.intervals.entries()) {
    if (interval.failsafe || interval.ask.kind === 'cap' || interval.ask.kind === 'shed' || interval.toS <= nowS) continue
    const takes = taking(s, e, members, interval)
    const floorW = s.programmes.get(e.event.programme)?.floorW ?? 0
    for (let m = 0; m < members.length; m++) {
      const i = members[m]!
      if (takes[m] === 0 || f.limitsAtStation[i] === 1) continue
      const allowedW = Math.max(limitOf(f, i, interval.ask, floorW), f.leastW[i]!)
      if (allowedW >= f.maxW[i]!) continue
      let keptS = Math.max(nowS, spanFromS(e, k, i))
      for (let r = rowStart(rows, s.want[i]!); r < rowEnd(rows, s.want[i]!); r++)
        if (rows.fromS[r]! <= keptS && rows.limitW[r]! <= allowedW) keptS = Math.max(keptS, rows.toS[r]!)
      if (keptS < spanToS(e, k, i)) return i
    }
  }
  return undefined
}

const MINUTE_S = 60
export type Passed = { readonly node: NodeNo | -1; readonly event: EventNo; readonly atS: Second; readonly movesW: number }
/**
 * A minute to come in which, by what is wanted, more is cut by routine events or let go by any under a node than its bound and one charger more. By the
 * rows alone, written apart from `ramp.ts`. What has moved it is not always the plan: chargers that came late, a bound that is new. So it is an alarm.
 */
export function passedBound(s: State, nowS: Second): Passed | undefined {
  for (const [node, { wPerMinute }] of s.bounds) {
    if (node >= s.fleet.nodes) continue
    const [from, to] = node < 0 ? [0, s.fleet.chargers] : [s.fleet.nodeFrom[node]!, s.fleet.nodeTo[node]!]
    const steps = stepsOf(s, from, to, nowS)
    for (const way of [steps.down, steps.up]) {
      const wrong = worstMinute(way)
      if (wrong && wrong.movesW > Math.max(wPerMinute, steps.mostW) + steps.mostW) return { node, ...wrong }
    }
  }
  return undefined
}
/** That a bound is passed is said once an hour of each node. */
const AGAIN_S = 3_600
export function passedAlarm(s: State, nowS: Second): Alarm | undefined {
  const passed = passedBound(s, nowS)
  if (!passed || (s.bounds.get(passed.node)?.saidS ?? 0) + AGAIN_S > nowS) return undefined
  const nodes = passed.node < 0 ? [] : [passed.node]
  return { kind: 'alarm', event: passed.event, what: 'rampPassed', who: new Uint32Array(0), nodes: Uint32Array.from(nodes), rules: [] }
}
type Step = { readonly atS: Second; readonly w: number; readonly event: EventNo }
/** Changes of what those at positions [from, to) may draw, after `nowS`. An emergency's cut and its own later edges are left out. */
function stepsOf(s: State, from: number, to: number, nowS: Second) {
  const { fleet: f, rows } = s
  const [down, up]: [Step[], Step[]] = [[], []]
  let mostW = 0
  const isEmergency = (event: EventNo) => s.events.get(event)?.event.class === 'emergency'
  // a box with a random delay of its own moves by chance within it: such boxes are counted evenly over it
  const movesS = (i: number, event: EventNo, atS: Second) =>
    atS + Math.floor(((i * 0.618033988749895) % 1) * ((s.events.get(event)?.ownDelayS[i] ?? -1) + 1))
  for (let p = from; p < to; p++) {
    const i = f.order[p]!
    mostW = Math.max(mostW, f.maxW[i]!)
    const end = rowEnd(rows, s.want[i]!)
    const fullW = f.limitsAtStation[i] === 1 ? stationMaxW(s, i) : f.maxW[i]!
    for (let k = rowStart(rows, s.want[i]!); k < end; k++) {
      const [fromS, toS, w, event] = [rows.fromS[k]!, rows.toS[k]!, rows.limitW[k]!, rows.because[k]!]
      const follows = k > rowStart(rows, s.want[i]!) && rows.toS[k - 1] === fromS
      const wasW = follows ? rows.limitW[k - 1]! : fullW
      const same = follows && rows.because[k - 1] === event
      if (fromS > nowS && wasW > w && !isEmergency(event)) down.push({ atS: movesS(i, event, fromS), w: wasW - w, event })
      if (fromS > nowS && wasW < w && !(same && isEmergency(event)))
        up.push({ atS: movesS(i, event, fromS), w: w - wasW, event: rows.because[k - 1]! })
      if (toS > nowS && toS !== NEVER_S && (k + 1 === end || rows.fromS[k + 1] !== toS))
        up.push({ atS: movesS(i, event, toS), w: fullW - w, event })
    }
  }
  return { down, up, mostW }
}
function worstMinute(steps: Step[]): Omit<Passed, 'node'> | undefined {
  steps.sort((a, b) => a.atS - b.atS)
  let worst: Omit<Passed, 'node'> | undefined
  let movesW = 0
  for (let k = 0, first = 0; k < steps.length; k++) {
    movesW += steps[k]!.w
    while (steps[first]!.atS <= steps[k]!.atS - MINUTE_S) movesW -= steps[first++]!.w
    if (!worst || movesW > worst.movesW) worst = { event: steps[k]!.event, atS: steps[k]!.atS, movesW }
  }
  return worst
}
