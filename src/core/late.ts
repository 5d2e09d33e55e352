import { UNDRAWN } from './edges.ts'
import { chargersOf, type Range } from './members.ts'
import type { Fact } from './model.ts'
import { grown } from './rows.ts'
import { staggerRanks } from './stagger.ts'
import { type Fleet, path, type State } from './state.ts'

/** So many may each look for a gap; more of them are a fleet of their own and are stratified among themselves. */
const FEW = 256
/** Ranks are 1/65536 of the spread, so among more chargers than that there are no gaps to look for. */
const MANY = 65_536

/**
 * Ranks by charger number, for an event whose first ones are `drawn` (empty: none yet). Whoever was drawn keeps its rank for the event's life (OpenADR
 * 2.0b R30); whoever of the ranges was not, because it came later, goes into the widest gap. Empty where nothing changes.
 */
export function ranksFor(f: Fleet, ranges: readonly Range[], seed: Uint8Array, label: string, drawn: Uint16Array): Uint16Array {
  if (drawn.length === 0) return staggerRanks(f, ranges, seed, label)
  const late = chargersOf(f, ranges).filter(i => i >= drawn.length || drawn[i] === UNDRAWN)
  if (late.length === 0) return new Uint16Array(0)
  const out = new Uint16Array(f.chargers)
  out.set(drawn.subarray(0, f.chargers))
  if (late.length > FEW) {
    const own = staggerRanks(f, spansOf(f, late), seed, `${label}/late`)
    for (const i of late) out[i] = own[i]!
  } else for (const i of late) out[i] = inWidestGap(f, ranges, i, out)
  return out
}

/** Chargers in depth-first order as ranges of positions. */
export function spansOf(f: Fleet, chargers: Uint32Array): Range[] {
  const out: Range[] = []
  let from = 0
  let to = 0
  for (const i of chargers) {
    const at = f.position[i]!
    if (at !== to) {
      if (from < to) out.push({ from, to })
      from = at
    }
    to = at + 1
  }
  if (from < to) out.push({ from, to })
  return out
}

/**
 * The rank in the widest gap of the charger's own station; within the middle half of that gap the widest of its site, and so on up to the whole
 * target. So it comes far from its neighbours first, and where that leaves a choice, far from everybody.
 */
function inWidestGap(f: Fleet, ranges: readonly Range[], charger: number, ranks: Uint16Array): number {
  const levels = path(f, charger).map(node => [{ from: f.nodeFrom[node]!, to: f.nodeTo[node]! }])
  let [from, to] = [UNDRAWN, 65_536]
  for (const level of [...levels, ranges]) {
    if (level.reduce((n, r) => n + r.to - r.from, 0) > MANY) continue
    const taken = level.flatMap(r => ranksWithin(f, r, ranks, from, to))
    if (taken.length === 0) continue
    const edges = [from, ...taken.sort((a, b) => a - b), to]
    let widest = 1
    for (let k = 2; k < edges.length; k++) if (edges[k]! - edges[k - 1]! > edges[widest]! - edges[widest - 1]!) widest = k
    const quarter = (edges[widest]! - edges[widest - 1]!) / 4
    from = edges[widest - 1]! + quarter
    to = edges[widest]! - quarter
  }
  return Math.max(1, Math.floor((from + to) / 2))
}
function ranksWithin(f: Fleet, { from, to }: Range, ranks: Uint16Array, above: number, below: number): number[] {
  const out: number[] = []
  for (let at = from; at < to; at++) {
    const rank = ranks[f.order[at]!]!
    if (rank !== UNDRAWN && rank > above && rank < below) out.push(rank)
  }
  return out
}

/** A charger that came late is as the others from here on. Its columns grow: a fleet may have. */
export function applyJoined(s: State, { event, who, why, startRank, endRank }: Extract<Fact, { kind: 'joined' }>): void {
  const e = s.events.get(event)
  if (!e) return
  const n = s.fleet.chargers
  if (why.some(code => code !== 0)) e.excluded = grown(e.excluded, n).slice(0, n)
  who.forEach((i, k) => {
    if (why[k] !== 0) e.excluded[i] = why[k]!
  })
  const filled = (ranks: Uint16Array, own: Uint16Array): Uint16Array => {
    if (own.length === 0) return ranks
    const out = grown(ranks, n).slice(0, n)
    who.forEach((i, k) => (out[i] = own[k]!))
    return out
  }
  if (who.some(i => s.fleet.ownDelayS[i]! > 0)) {
    e.ownDelayS = grown(e.ownDelayS, n).slice(0, n)
    for (const i of who) e.ownDelayS[i] = s.fleet.ownDelayS[i]!
  }
  e.startRank = filled(e.startRank, startRank)
  e.endRank = filled(e.endRank, endRank)
}
