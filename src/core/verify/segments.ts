import { type Instant, quality } from '../model.ts'
import type { Pair } from './registers.ts'
import type { Row } from './rows.ts'
import { flaw } from './series.ts'

/**
 * A stretch of time with its energy, evenly spread over it. `isHole`: nothing was read in it, so only its whole energy is known. `powerWh`: what powers say
 * of the same time where a register had the last word; NaN where they say nothing of their own.
 */
export type Segment = {
  readonly fromMs: Instant
  readonly toMs: Instant
  readonly wh: number
  readonly flags: number
  readonly isHole: boolean
  readonly powerWh: number
}
/** A stretch under the same readings; `powerW` NaN where none of them has a power. */
type Piece = { readonly fromMs: Instant; readonly toMs: Instant; readonly powerW: number; readonly flags: number }

const MS_PER_H = 3_600_000
/** What is shorter is how boxes stamp (whole seconds), no missing reading: the one after it reaches back to the one before. */
export const HOLE_MS = 1_500

/** All that is known of a meter's energy, by time, without overlaps. */
export function segmentsOf(rows: readonly Row[], pairs: readonly Pair[]): Segment[] {
  const pieces = piecesOf(rows)
  const out: Segment[] = []
  let k = 0
  const freely = (untilMs: Instant) => {
    for (; k < pieces.length && pieces[k]!.fromMs < untilMs; k++) if (!Number.isNaN(pieces[k]!.powerW)) out.push(ofPower(pieces[k]!))
  }
  for (const pair of pairs) {
    freely(pair.fromMs)
    const first = pieces[k]
    if (first && spansAlone(first, pair)) {
      out.push(scaled(first, pair.wh))
      k++
      continue
    }
    const own: Piece[] = []
    for (; k < pieces.length && pieces[k]!.toMs <= pair.toMs; k++) own.push(pieces[k]!)
    for (const segment of ofPair(pair, own)) out.push(segment)
  }
  freely(Number.POSITIVE_INFINITY)
  return out.sort((a, b) => a.fromMs - b.fromMs)
}

const energyWh = ({ fromMs, toMs, powerW }: Piece): number => (powerW * (toMs - fromMs)) / MS_PER_H
const ofPower = (piece: Piece): Segment => ({
  fromMs: piece.fromMs,
  toMs: piece.toMs,
  wh: energyWh(piece),
  flags: piece.flags,
  isHole: false,
  powerWh: Number.NaN,
})

/** Most pairs are two samples of one box, and the reading between them. */
const spansAlone = ({ fromMs, toMs, powerW }: Piece, pair: Pair): boolean => fromMs === pair.fromMs && toMs === pair.toMs && powerW >= 0
const scaled = (piece: Piece, wh: number): Segment => ({
  fromMs: piece.fromMs,
  toMs: piece.toMs,
  wh,
  flags: piece.flags,
  isHole: false,
  powerWh: (piece.flags & quality.fromRegister) === 0 ? energyWh(piece) : Number.NaN,
})

/**
 * A register's difference over the pieces between its two values. Import goes to where power was drawn, in proportion; what powers do not account for to
 * where they say nothing: a reading without a power, or else a hole. Export is not in the register and stays as its power says.
 */
function ofPair(pair: Pair, pieces: readonly Piece[]): Segment[] {
  const importWh = pieces.reduce((sum, p) => sum + Math.max(0, energyWh(p) || 0), 0)
  const holes = holesIn(pair, pieces)
  const silent = pieces.filter(p => Number.isNaN(p.powerW))
  // Two places for the rest: which of them it was in, nobody knows.
  const isUnknown = holes.length > 1 || (holes.length === 1 && silent.length > 0)
  if (isUnknown) return pieces.filter(p => !Number.isNaN(p.powerW)).map(ofPower)
  const restWh = Math.max(0, pair.wh - importWh)
  const toRest = holes.length > 0 || silent.length > 0
  const scale = importWh > 0 && (!toRest || pair.wh < importWh) ? pair.wh / importWh : 1
  const silentMs = lengthMs(silent)
  // Drew nothing, says the power; but the register moved.
  const idle = !toRest && importWh === 0 ? notExporting(pieces) : []
  const idleMs = lengthMs(idle)
  const shareOf = (p: Piece): number => {
    const own = energyWh(p)
    if (Number.isNaN(own)) return (restWh * (p.toMs - p.fromMs)) / silentMs
    if (idle.includes(p)) return own + (pair.wh * (p.toMs - p.fromMs)) / idleMs
    return own < 0 ? own : own * scale
  }
  const segments = pieces.map((p): Segment => {
    const hasPower = !Number.isNaN(p.powerW)
    const flags = hasPower ? p.flags : p.flags | flaw.fromRegister
    const isOwnPower = hasPower && (p.flags & quality.fromRegister) === 0
    return { fromMs: p.fromMs, toMs: p.toMs, wh: shareOf(p), flags, isHole: false, powerWh: isOwnPower ? energyWh(p) : Number.NaN }
  })
  const hole = holes[0]
  if (hole) segments.push({ ...hole, wh: restWh, flags: flaw.fromRegister, isHole: true, powerWh: Number.NaN })
  return segments
}
const lengthMs = (pieces: readonly Piece[]): number => pieces.reduce((sum, p) => sum + p.toMs - p.fromMs, 0)
const notExporting = (pieces: readonly Piece[]): readonly Piece[] => {
  const some = pieces.filter(p => !(p.powerW < 0))
  return some.length > 0 ? some : pieces
}
function holesIn({ fromMs, toMs }: Pair, pieces: readonly Piece[]): { fromMs: Instant; toMs: Instant }[] {
  const out: { fromMs: Instant; toMs: Instant }[] = []
  let atMs = fromMs
  for (const p of pieces) {
    if (p.fromMs - atMs > HOLE_MS) out.push({ fromMs: atMs, toMs: p.fromMs })
    atMs = p.toMs
  }
  if (toMs - atMs > HOLE_MS) out.push({ fromMs: atMs, toMs })
  return out
}

/** Cuts the readings where one begins or ends; of those over the same stretch the one of the shortest interval counts. */
function piecesOf(rows: readonly Row[]): readonly Piece[] {
  if (rows.every((r, k) => r.toMs > r.fromMs && (k === 0 || isNextTo(rows[k - 1]!, r)))) return rows
  const byStart = rows.filter(r => r.toMs > r.fromMs).sort((a, b) => a.fromMs - b.fromMs || a.toMs - b.toMs)
  const edges = [...new Set(rows.flatMap(r => [r.fromMs, r.toMs]))].sort((a, b) => a - b)
  const out: Piece[] = []
  let active: Row[] = []
  let next = 0
  for (let k = 0; k + 1 < edges.length; k++) {
    const [fromMs, toMs] = [edges[k]!, edges[k + 1]!]
    active = active.filter(r => r.toMs > fromMs)
    while (next < byStart.length && byStart[next]!.fromMs <= fromMs) active.push(byStart[next++]!)
    if (active.length === 0) continue
    const best = active.reduce((a, b) => (isFiner(b, a) ? b : a))
    const beforeMs = out.at(-1)?.toMs ?? fromMs
    out.push({ fromMs: fromMs - beforeMs <= HOLE_MS ? beforeMs : fromMs, toMs, powerW: best.powerW, flags: best.flags })
  }
  return out
}
/** As nearly always: one ends where the next begins, or well before. */
const isNextTo = ({ toMs }: Row, { fromMs }: Row): boolean => fromMs === toMs || fromMs - toMs > HOLE_MS
function isFiner(a: Row, b: Row): boolean {
  if (Number.isNaN(a.powerW) !== Number.isNaN(b.powerW)) return !Number.isNaN(a.powerW)
  const [as, bs] = [a.toMs - a.fromMs, b.toMs - b.fromMs]
  return as < bs || (as === bs && a.fromMs > b.fromMs)
}
