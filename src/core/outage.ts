import { createHash } from 'node:crypto'
import { newRestore } from './held.ts'
import type { ChargerNo, Fact, GridEvent, NodeNo, Second } from './model.ts'
import type { EventState, Fleet, State } from './state.ts'

/*
 * What is remembered of stations that start, and of a branch whose supply came back: cold-load pick-up. When it is back is decided in pickUp.ts.
 */

type Of<K extends Fact['kind']> = Extract<Fact, { kind: K }>

/** Stations of one branch that start within this of each other have lost their supply together. */
export const TOGETHER_S = 60

const PREFIX = 'gridbridge:outage:'
/** An event of our own, after a branch was without supply. It asks for nothing: it is over when it begins, and only its restore acts. */
export const isOutage = ({ id }: Pick<GridEvent, 'id'>): boolean => id.startsWith(PREFIX)

/** Does a programme here let load back by level at all? Where none does, nobody looks at who starts. */
export const isAnyLevelCapped = (s: State): boolean => [...s.programmes.values()].some(p => p.restore.policy === 'levelCapped')

/** Chargers of a station, in depth-first order; none of one that the fleet does not have. */
export function chargersAt(f: Fleet, station: NodeNo): ChargerNo[] {
  if (station >= f.nodes) return []
  return Array.from(f.order.subarray(f.nodeFrom[station]!, f.nodeTo[station]!)).filter(i => f.station[i] === station)
}

/** One that starts twice within the minute drew before the first time what it drew. Power whose blob has expired is unknown. */
export function applyBooted(s: State, fact: Of<'booted'>, nowS: Second): void {
  if (!isAnyLevelCapped(s)) return
  const place = new Map(Array.from(fact.who, (i, k) => [i, k]))
  for (const station of fact.stations) {
    const powerW = Int32Array.from(chargersAt(s.fleet, station), i => fact.powerW[place.get(i) ?? -1] ?? -1)
    s.boots.set(station, { atS: nowS, powerW: s.boots.get(station)?.powerW ?? powerW })
  }
}
export function forgetBoots(s: State, nowS: Second): void {
  for (const [station, { atS }] of s.boots) if (atS + TOGETHER_S < nowS) s.boots.delete(station)
}

type Outage = Pick<Of<'outage'>, 'node' | 'atS' | 'stations'>
/** Nothing here is secret, and nothing is anybody's to choose: whoever reads the log can draw again. */
export const outageSeed = ({ node, atS, stations }: Outage): Uint8Array =>
  new Uint8Array(
    createHash('sha256')
      .update(`outage ${node} ${atS} ${[...stations].join(' ')}`)
      .digest(),
  )

/** Its one interval, from when the first station was back until it was seen, asks for the least that the programme and the boxes allow. */
export function outageEvent({ node, programme, backS, atS }: Of<'outage'>): GridEvent {
  const ref = `${node}:${atS}`
  return {
    id: `${PREFIX}${ref}`,
    source: { adapter: 'gridbridge', peer: 'outage', credential: '' },
    upstreamRef: ref,
    revision: 0,
    class: 'obligation',
    programme,
    targets: [{ kind: 'node', node }],
    intervals: [{ fromS: Math.min(backS, atS - 1), toS: atS, ask: { kind: 'keep', fraction: 0 } }],
    spread: { forbidden: 'the load comes back by level' },
    priority: 5,
    stopAtOnce: false,
    test: false,
    duties: { ack: false, started: false, completed: false, telemetryEveryS: 0 },
    liveness: null,
    basis: null,
    rawHash: '',
  }
}

/** The event as accepted and over, standing on what was drawn before. */
export function stoppedByOutage(s: State, e: EventState, fact: Of<'outage'>): EventState {
  const n = s.fleet.chargers
  const basisW = new Int32Array(n).fill(-1)
  fact.who.forEach((i, k) => (basisW[i] = fact.powerW[k] ?? -1))
  const excluded = new Uint8Array(fact.excluded.length === 0 ? 0 : n)
  fact.excluded.forEach((i, k) => (excluded[i] = fact.why[k]! + 1))
  return {
    ...e,
    status: 'accepted',
    restore: newRestore(s.programmes.get(fact.programme)?.restore),
    programmeVersion: fact.programmeVersion,
    excluded,
    endRank: fact.endRank,
    basisW,
    basisAtS: e.event.intervals[0]!.fromS,
  }
}
