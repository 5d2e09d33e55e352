import { allocate, UNLIMITED } from './allocate.ts'
import { ranksFor, spansOf } from './late.ts'
import { chargersOf, membersOf, rangesOf } from './members.ts'
import { type ChargerNo, type Decision, exclusions, type Input, type NodeNo, nodeKinds, type Programme, type Second } from './model.ts'
import { chargersAt, isOutage, outageSeed, TOGETHER_S } from './outage.ts'
import { STANDBY_W } from './restore.ts'
import { becauseAt } from './rows.ts'
import { phaseOf } from './sessions.ts'
import { type EventState, exclusionOf, type Fleet, isUp, type State } from './state.ts'
import { FRESH_MS, isAbove } from './views.ts'

/*
 * Cold-load pick-up. When the supply of a branch comes back, everything on it starts at once, and more than before, because what would have come one
 * after another has piled up. Many stations of one branch that start within a minute are such a return; then whoever may be told waits in the same
 * queue as after an event, until the load of the branch leaves room. Only under a programme whose restore is level-capped.
 */

/** That share of a branch's stations, and so many at the least. A lone site that was switched on, or an update that somebody rolls out, is less. */
const SHARE = 0.3
const AT_LEAST = 5
/** The same branch is not taken in hand again within this, S: boxes start more than once while the supply is restored. */
const NOT_AGAIN_S = 3_600
/** Each is an event with columns as long as the fleet. */
const MOST_AT_ONCE = 16

type Booted = Extract<Input, { kind: 'booted' }>
type Outage = Extract<Decision, { kind: 'outage' }>

/**
 * The branches that are coming back, if `stations` start now: feeders, or what is above several whose own share is too small to tell, or the top of a
 * tree that has no feeder; those without a charger that may be told left out. Where more come back than can be looked after one by one, what is above
 * them is one branch.
 */
export function branchesBack(s: State, stations: Iterable<NodeNo>, nowS: Second): NodeNo[] {
  if (rulesOf(s).length === 0) return []
  const f = s.fleet
  const counts = new Map<NodeNo, number>()
  for (const station of new Set([...recentBoots(s, nowS), ...stations]))
    for (const n of upwards(f, station)) if (isBranch(f, n)) counts.set(n, (counts.get(n) ?? 0) + 1)
  const many = new Set([...counts].filter(([n, count]) => count >= AT_LEAST && count >= SHARE * stationsUnder(f, n)).map(([n]) => n))
  const inHand = outages(s)
  const taken = new Set(inHand.filter(({ event }) => event.intervals[0]!.toS + NOT_AGAIN_S > nowS).map(nodeOf))
  const room = MOST_AT_ONCE - inHand.filter(e => e.restore !== null).length
  const free = lowestOf(f, many).filter(n => !upwards(f, n).some(x => taken.has(x)) && ruleOf(s, n))
  return gathered(f, free, many, room)
    .sort((x, y) => counts.get(y)! - counts.get(x)! || x - y)
    .slice(0, Math.max(0, room))
    .sort((x, y) => x - y)
}
/** The node and all above it; nothing of one that the fleet does not have. */
function upwards(f: Fleet, node: NodeNo): NodeNo[] {
  const out: NodeNo[] = []
  for (let n = node; n >= 0 && n < f.nodes; n = f.parent[n]!) out.push(n)
  return out
}
function lowestOf(f: Fleet, nodes: Iterable<NodeNo>): NodeNo[] {
  const all = [...new Set(nodes)]
  const above = new Set(all.flatMap(n => upwards(f, n).slice(1)))
  return all.filter(n => !above.has(n))
}
/** Level by level from below, branches become what is above them, as far as that is coming back too, until there is room for them. */
function gathered(f: Fleet, nodes: readonly NodeNo[], many: ReadonlySet<NodeNo>, room: number): NodeNo[] {
  let out = [...nodes]
  while (out.length > room) {
    const above = new Map(
      out
        .flatMap(
          n =>
            upwards(f, n)
              .slice(1)
              .find(x => many.has(x)) ?? [],
        )
        .map(x => [x, upwards(f, x).length]),
    )
    if (above.size === 0) return out
    const deepest = Math.max(...above.values())
    const chosen = new Set([...above].filter(([, level]) => level === deepest).map(([n]) => n))
    out = [...out.filter(n => !upwards(f, n).some(x => chosen.has(x))), ...chosen]
  }
  return out
}
const outages = (s: State): EventState[] => [...s.events.values()].filter(e => isOutage(e.event))
const nodeOf = ({ event: { targets } }: EventState): NodeNo => (targets[0]?.kind === 'node' ? targets[0].node : -1)
const recentBoots = (s: State, nowS: Second): NodeNo[] =>
  [...s.boots].filter(([, { atS }]) => atS + TOGETHER_S >= nowS).map(([station]) => station)
const FEEDER = nodeKinds.indexOf('feeder')
const STATION = nodeKinds.indexOf('station')
const isBranch = (f: Fleet, n: NodeNo): boolean => f.nodeKind[n]! <= FEEDER || (f.parent[n]! < 0 && f.nodeKind[n] !== STATION)
function stationsUnder(f: Fleet, node: NodeNo): number {
  let count = 0
  let last = -1
  for (let p = f.nodeFrom[node]!; p < f.nodeTo[node]!; p++) {
    const station = f.station[f.order[p]!]!
    if (station !== last) count++
    last = station
  }
  return count
}
const rulesOf = (s: State): Programme[] => [...s.programmes.values()].filter(p => p.restore.policy === 'levelCapped')
/** Of several level-capped programmes on a branch the one with the most chargers there rules: a charger is told nothing under rules that it did not sign. */
function ruleOf(s: State, node: NodeNo): Programme | undefined {
  const members = chargersOf(s.fleet, rangesOf(s.fleet, [{ kind: 'node', node }]))
  const ranked = rulesOf(s).map(p => {
    const enrolment = s.enrolments.get(p.id)
    return { p, n: members.reduce((n, i) => n + (enrolment?.[i] === CONSENTED ? 1 : 0), 0) }
  })
  ranked.sort((x, y) => y.n - x.n || (x.p.id < y.p.id ? -1 : 1))
  return ranked[0] && ranked[0].n > 0 ? ranked[0].p : undefined
}
const CONSENTED = 1

/**
 * What follows from stations that have started, once they are in the state: for each branch that is back its event, whom it holds, and whom it lets go at
 * once because the meter shows a car that charges again. Each is to be applied before the next is asked for.
 */
export function* pickUps(s: State, booted: Booted, nowS: Second): Generator<Decision> {
  const seen = readingsOf(booted)
  for (const node of branchesBack(s, booted.stations, nowS)) {
    const outage = outageOf(s, node, seen, nowS)
    yield outage
    const e = s.events.get(outage.event)!
    const held = holding(s, e)
    yield held
    const who = held.who.filter(i => isCharging(s, i, seen.get(i), nowS))
    if (who.length > 0) yield { kind: 'admitted', event: e.no, who }
  }
}
type Reading = { readonly powerW: number; readonly readS: Second }
const readingsOf = ({ who, powerW, readS }: Booted): ReadonlyMap<ChargerNo, Reading> =>
  new Map(Array.from(who, (i, k) => [i, { powerW: powerW[k] ?? -1, readS: readS[k]! }]))

function outageOf(s: State, node: NodeNo, seen: ReadonlyMap<ChargerNo, Reading>, nowS: Second): Outage {
  const f = s.fleet
  const rule = ruleOf(s, node)!
  const who = chargersOf(f, rangesOf(f, [{ kind: 'node', node }]))
  const boots = [...s.boots].filter(([station]) => isAbove(f, node, station))
  const before = powerBefore(s, boots)
  const enrolment = s.enrolments.get(rule.id)!
  const excluded = who.filter(i => enrolment[i] !== CONSENTED)
  const stations = Uint32Array.from(boots, ([station]) => station).sort()
  const ranges = spansOf(
    f,
    who.filter(i => enrolment[i] === CONSENTED),
  )
  return {
    kind: 'outage',
    event: s.nextEventNo,
    node,
    programme: rule.id,
    programmeVersion: rule.version,
    backS: boots.reduce((first, [, { atS }]) => Math.min(first, atS), nowS),
    atS: nowS,
    stations,
    who,
    powerW: Int32Array.from(who, i => basisW(s, i, before.get(i) ?? seen.get(i)?.powerW ?? -1, nowS)),
    excluded,
    why: Uint8Array.from(excluded, i => exclusions.indexOf(enrolment[i] === 2 ? 'noConsent' : 'notEnrolled')),
    endRank: ranksFor(f, ranges, outageSeed({ node, atS: nowS, stations }), 'end', new Uint16Array(0)),
  }
}
function powerBefore(s: State, boots: Iterable<readonly [NodeNo, { readonly powerW: Int32Array }]>): ReadonlyMap<ChargerNo, number> {
  const out = new Map<ChargerNo, number>()
  for (const [station, { powerW }] of boots)
    chargersAt(s.fleet, station).forEach((i, k) => {
      out.set(i, powerW[k] ?? -1)
    })
  return out
}
/**
 * What a charger counts for in the load before, W. One that an event limited then counts with what it drew before that. Without a reading a car that may
 * be there counts at its maximum, here and in the load that comes back: what nobody knows takes no room from others.
 */
function basisW(s: State, i: ChargerNo, readW: number, nowS: Second): number {
  const limiting = s.events.get(becauseAt(s.rows, s.want[i]!, nowS))
  const freeW = limiting && i < limiting.basisW.length ? limiting.basisW[i]! : -1
  if (freeW >= 0 || readW >= 0) return Math.max(freeW, readW)
  const phase = phaseOf(s, i)
  return phase === null || phase === 'plugged' ? s.fleet.maxW[i]! : 0
}

/** Everybody who may be told, at the least that the programme and the box allow; not whom a driver or the firmware keeps out. */
function holding(s: State, e: EventState): Extract<Decision, { kind: 'restoring' }> {
  const members = membersOf(s, e)
  const { watts } = allocate(s, e, e.event.intervals[0]!, members)
  const held = Array.from(members, (i, m) => ({ i, w: watts[m]! })).filter(({ i, w }) => w !== UNLIMITED && exclusionOf(e, i) === null)
  return {
    kind: 'restoring',
    event: e.no,
    who: Uint32Array.from(held, x => x.i),
    limitW: Int32Array.from(held, x => x.w),
  }
}
/** By a reading of after its start; where it has not started, its supply was never gone, and a fresh one will do. */
function isCharging(s: State, i: ChargerNo, reading: Reading | undefined, nowS: Second): boolean {
  if (!reading || reading.powerW <= STANDBY_W || !isUp(s, i)) return false
  const boot = s.boots.get(s.fleet.station[i]!)
  return reading.readS > (boot ? boot.atS : nowS - FRESH_MS / 1000)
}
