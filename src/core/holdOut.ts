import { drawsOf } from './draw.ts'
import { nodeKinds, type Programme } from './model.ts'
import { drawnShare } from './pick.ts'
import { type Fleet, path } from './state.ts'
import { rulesetOf } from './verify/eventDays.ts'
import type { RulesetRef } from './verify/record.ts'

const FEEDER = nodeKinds.indexOf('feeder')
const OCTAVES = 32
const ALL = 4294967296

/**
 * Members who are left alone as a control group, 1 each: a share of them, by draw from the event's seed, so that nobody can choose them. Whoever may not be used is drawn
 * all the same: who else is enrolled moves nobody's draw. Where the event is verified by its control group the draw is stratified: see `drawnByStrata`; a box is then
 * drawn once in the event's life, `drawn` says how.
 */
export function heldOut(
  f: Fleet,
  members: Uint32Array,
  { holdOut }: Pick<Programme, 'holdOut'>,
  seed: Uint8Array,
  ruleset: RulesetRef | null | undefined,
  drawn: DrawnBoxes = new Map(),
): Uint8Array {
  return isByGroup(ruleset) ? drawnByStrata(f, members, holdOut, seed, drawn) : drawnShare(members, holdOut, seed, 'holdout')
}

/** Boxes that were drawn for an event before: true where they are held out. */
export type DrawnBoxes = ReadonlyMap<number, boolean>
export function drawnBoxes(f: Fleet, members: Uint32Array, exclusionOf: (charger: number) => string | null): DrawnBoxes {
  const out = new Map<number, boolean>()
  for (const i of members) {
    const why = exclusionOf(i)
    if (why === null || why === 'heldOut') out.set(f.station[i]!, why === 'heldOut')
  }
  return out
}

/** Is an event verified by those who are held out of it? */
export const isByGroup = (ruleset: RulesetRef | null | undefined): boolean =>
  ruleset ? rulesetOf(ruleset)?.method.kind === 'controlGroup' : false

/**
 * The same share of each feeder and kW class (octave of rated power), so that both groups are alike where loads differ. Boxes are drawn, not chargers: many obey one limit
 * for all their chargers. In a stratum of n boxes the lowest draws are held out, n x share of them, rounded by a draw of the stratum's own.
 */
function drawnByStrata(f: Fleet, members: Uint32Array, share: number, seed: Uint8Array, drawn: DrawnBoxes): Uint8Array {
  const out = new Uint8Array(members.length)
  if (share <= 0) return out
  const boxes = boxesOf(f, members)
  const numbers = Uint32Array.from(boxes.keys())
  const draw = new Map(Array.from(drawsOf(numbers, seed, 'holdout'), (u, k) => [numbers[k]!, u]))
  const isOut = new Set<number>()
  for (const [stratum, own] of strataOf(f, boxes)) {
    const phase = drawsOf(Uint32Array.of(stratum), seed, 'holdout/stratum')[0]! / ALL
    own.sort((a, b) => draw.get(a)! - draw.get(b)! || a - b)
    for (const box of own.slice(0, Math.floor(own.length * share + phase))) isOut.add(box)
  }
  for (let m = 0; m < members.length; m++) {
    const box = f.station[members[m]!]!
    out[m] = (drawn.get(box) ?? isOut.has(box)) ? 1 : 0
  }
  return out
}
/** By box: the rated power of its largest member, and one of them. */
function boxesOf(f: Fleet, members: Uint32Array): Map<number, { readonly charger: number; readonly maxW: number }> {
  const out = new Map<number, { readonly charger: number; readonly maxW: number }>()
  for (const i of members) {
    const box = f.station[i]!
    if (f.maxW[i]! > (out.get(box)?.maxW ?? -1)) out.set(box, { charger: i, maxW: f.maxW[i]! })
  }
  return out
}
function strataOf(f: Fleet, boxes: ReturnType<typeof boxesOf>): Map<number, number[]> {
  const out = new Map<number, number[]>()
  for (const [box, { charger, maxW }] of boxes) {
    const feeder = path(f, charger).find(node => f.nodeKind[node] === FEEDER) ?? f.parent[box]!
    const stratum = ((feeder + 1) * OCTAVES + 31 - Math.clz32(Math.max(1, maxW))) >>> 0
    const own = out.get(stratum)
    if (own) own.push(box)
    else out.set(stratum, [box])
  }
  return out
}
