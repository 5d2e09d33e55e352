import { announcedEndS, spanBeginS, spanOf } from './edges.ts'
import { type Interval, NEVER_S, type Second, type Target } from './model.ts'
import { type EventState, type Fleet, type State, termsOf } from './state.ts'

/** Depth-first positions [from, to). */
export type Range = { readonly from: number; readonly to: number }

/** The targets as sorted, disjoint ranges of depth-first positions. Targets that the fleet does not have (yet) are empty. */
export function rangesOf(f: Fleet, targets: readonly Target[]): Range[] {
  const all = targets.flatMap(t => {
    if (t.kind === 'node') return t.node < f.nodes ? [{ from: f.nodeFrom[t.node]!, to: f.nodeTo[t.node]! }] : []
    return t.charger < f.chargers ? [{ from: f.position[t.charger]!, to: f.position[t.charger]! + 1 }] : []
  })
  all.sort((a, b) => a.from - b.from)
  const out: Range[] = []
  for (const r of all) {
    const last = out.at(-1)
    if (r.from === r.to) continue
    if (last && r.from <= last.to) out[out.length - 1] = { from: last.from, to: Math.max(last.to, r.to) }
    else out.push(r)
  }
  return out
}

/** Chargers of the ranges, in depth-first order. Only to be read: of one range it is the fleet's own column. */
export function chargersOf(f: Fleet, ranges: readonly Range[]): Uint32Array {
  if (ranges.length === 1) return f.order.subarray(ranges[0]!.from, ranges[0]!.to)
  const out = new Uint32Array(ranges.reduce((sum, r) => sum + r.to - r.from, 0))
  let k = 0
  for (const r of ranges) {
    out.set(f.order.subarray(r.from, r.to), k)
    k += r.to - r.from
  }
  return out
}

/** May a driver's or operator's opt-out keep a charger out of this event? Always, unless it is an emergency whose programme forbids it. */
export const honoursOptOut = (s: State, e: EventState): boolean =>
  e.event.class !== 'emergency' || (termsOf(s, e)?.overrideInEmergency ?? true)

/**
 * 1 where a charger takes part in an interval of the event, 0 where it may not (excluded at acceptance, opted out, refused). An opt-out that
 * touches the charger's own span of the interval, moved by its random delays, frees it for the whole of it: in doubt for the driver. From what has no
 * end it is free for as long as it says.
 */
export function taking(s: State, e: EventState, members: Uint32Array, interval: Interval): Uint8Array {
  const out = new Uint8Array(members.length)
  const { excluded } = e
  const free = freed(s, e, e.event.intervals.indexOf(interval))
  for (let m = 0; m < members.length; m++) {
    const i = members[m]!
    if (free !== undefined && free[i] === 1) continue
    if (i < excluded.length && excluded[i] !== 0) continue
    out[m] = 1
  }
  return out
}

/** By charger number, 1 where a refusal or an opt-out frees it from interval k; undefined if nobody is. */
function freed(s: State, e: EventState, k: number): Uint8Array | undefined {
  const optOuts = honoursOptOut(s, e)
  if (s.refusals.size === 0 && (s.optOuts.size === 0 || !optOuts)) return undefined
  const out = new Uint8Array(s.fleet.chargers)
  const nowS = Math.floor(s.nowMs / 1000)
  const isOpen = isOpenEnded(e) && k === e.event.intervals.length - 1
  const span = spanOf(e, k)
  for (const [i, r] of s.refusals) if (r.toS > (isOpen ? nowS : spanBeginS(span, i))) out[i] = 1
  if (!optOuts) return out
  for (const [i, list] of s.optOuts) {
    const fromS = isOpen ? nowS : spanBeginS(span, i)
    // whoever an opt-out kept out of what was announced is not limited for the rest of it because it was called off
    const toS = isOpen ? nowS + 1 : announcedEndS(span, i)
    if (list.some(o => o.fromS < toS && fromS < o.toS)) out[i] = 1
  }
  return out
}

const isOpenEnded = (e: EventState): boolean => e.cancelledS === NEVER_S && e.event.intervals.at(-1)?.toS === NEVER_S
/**
 * The first second after `afterS` at which an opt-out or a refusal begins or is over, where something without an end is running: it frees from that
 * only while it lasts. Infinity where there is none.
 */
export function nextFreedS(s: State, afterS: Second): Second {
  let next = Infinity
  if (s.optOuts.size + s.refusals.size === 0) return next
  if (![...s.events.values()].some(e => e.status === 'accepted' && !e.event.test && isOpenEnded(e))) return next
  const edge = (atS: Second) => {
    if (atS > afterS && atS < next && atS !== NEVER_S) next = atS
  }
  for (const list of s.optOuts.values())
    for (const o of list) {
      edge(o.fromS)
      edge(o.toS)
    }
  for (const r of s.refusals.values()) edge(r.toS)
  return next
}

/** Chargers under an event's targets, in depth-first order. */
export const membersOf = (s: State, e: EventState): Uint32Array => chargersOf(s.fleet, rangesOf(s.fleet, e.event.targets))
