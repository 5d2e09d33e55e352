import type { ChargerNo, Instant, Readings, Second } from '../model.ts'
import { type Finding, findingsOf, newFindings } from './findings.ts'
import { registers } from './registers.ts'
import { cleaned } from './rows.ts'
import { HOLE_MS, type Segment, segmentsOf } from './segments.ts'
import { type EnergySeries, flaw } from './series.ts'

/** Equal steps of whole seconds; a last one that does not fit is left out. */
export type Steps = { readonly fromS: Second; readonly toS: Second; readonly stepS: number }
/** `maxW`: the most that the meter can see, W: a charger's rated power, or what its connection carries. */
export type MeterBounds = { readonly maxW: number }
/** `coveredMs`: of each step, the time that its energy stands for. */
export type Energy = { readonly series: EnergySeries; readonly coveredMs: Float64Array; readonly findings: readonly Finding[] }

/** A register's value before a stretch, and after it, is looked for so far beyond its ends: who reads it less often has energies of whole intervals only. */
export const EDGE_MS = 900_000
/** Register and powers of a step apart by more than this share, and by more than `APART_WH`, contradict each other. */
const APART = 0.1
/** A sample stands for the time since the one before, so a car that starts in between makes them differ by this much without anything being wrong. */
const APART_WH = 50
/** A step that lacks less than this share of its time is complete. */
const HOLE_SHARE = 0.02

/**
 * Energy of one meter in equal steps, from its readings in the order in which they came (`Meters.range` gives them by time, which is as good: only
 * `outOfOrder` is not seen then). Readings that reach a little over both ends make the edges exact.
 *
 * Where a register has a value before and after, its difference wins over powers: it is the meter's own integral, the quantity that is approved, and
 * misses nothing between two samples; powers then only say when within that time the energy flowed. Elsewhere powers count, each for its own interval;
 * of two that overlap the one of the shorter interval. Import registers do not see export, so negative power is added to their difference.
 *
 * Energy is a curve that does not depend on the steps: a step has the sum of its finer steps wherever all of them are complete. Nothing is filled in: what
 * flowed in a hole between two readings is counted only in a step that has the whole hole, and only where a register knows it.
 */
export function energyOf(readings: Readings, steps: Steps, bounds: MeterBounds): Energy {
  return stepped(curveOf(readings, bounds), steps)
}

/** What all steps are made of; for whoever wants more than one length of step. */
export type Curve = { readonly charger: ChargerNo; readonly segments: readonly Segment[]; readonly found: ReturnType<typeof newFindings> }
export function curveOf(readings: Readings, bounds: MeterBounds): Curve {
  const charger = readings.charger[0] ?? 0
  const found = newFindings(charger)
  const rows = cleaned(readings, bounds.maxW, found)
  return { charger, segments: segmentsOf(rows, registers(rows, bounds.maxW, found)), found }
}

export function stepped({ segments, found }: Curve, { fromS, toS, stepS }: Steps): Energy {
  const count = Math.max(0, Math.floor((toS - fromS) / stepS))
  const [fromMs, stepMs] = [fromS * 1000, stepS * 1000]
  const sums = sumsOf(segments, fromMs, stepMs, count)
  const wh = new Float64Array(count).fill(Number.NaN)
  const flaws = new Uint16Array(count)
  const untilMs = fromMs + count * stepMs
  const findings = [...findingsOf(found, fromMs, untilMs), ...gaps(found.charger, segments, fromMs, untilMs)]
  const holeMs = Math.min(HOLE_MS, stepMs * HOLE_SHARE)
  for (let k = 0; k < count; k++) {
    const coveredMs = sums.coveredMs[k]!
    if (coveredMs > 0) wh[k] = sums.wh[k]!
    flaws[k] = sums.flags[k]! | (coveredMs === 0 ? flaw.gap : coveredMs < stepMs - holeMs ? flaw.partial : 0)
    const ratio = contradiction(sums.bothWh[k]!, sums.powerWh[k]!)
    if (ratio === null) continue
    flaws[k] = flaws[k]! | flaw.contradicting
    const atMs = fromMs + k * stepMs
    findings.push({
      charger: found.charger,
      kind: 'contradicting',
      fromMs: atMs,
      toMs: atMs + stepMs,
      value: ratio,
      unit: 'ratio',
      count: 1,
    })
  }
  for (const x of findings) {
    if (x.kind === 'gap') continue // a step knows by itself how much of it is there
    const [first, last] = touched(x.fromMs, x.toMs, fromMs, stepMs, count)
    for (let k = first; k <= last; k++) flaws[k] = flaws[k]! | flaw[x.kind]
  }
  return { series: { fromS, stepS, wh, flaws }, coveredMs: sums.coveredMs, findings }
}

/** The same for each charger of many; what is wrong with one is its own. */
export function energyOfEach(readings: Readings, steps: Steps, boundsOf: (charger: ChargerNo) => MeterBounds): Map<ChargerNo, Energy> {
  const out = new Map<ChargerNo, Energy>()
  for (const [charger, own] of readingsByCharger(readings)) out.set(charger, energyOf(own, steps, boundsOf(charger)))
  return out
}

/** Readings of each charger, in the order in which they stood. Those that come in one piece, as `Meters.range` gives them, are not copied. */
export function* readingsByCharger(readings: Readings): Iterable<readonly [ChargerNo, Readings]> {
  const { charger } = readings
  const pieces = new Map<ChargerNo, { from: number; to: number }[]>()
  for (let from = 0; from < charger.length; ) {
    let to = from + 1
    while (to < charger.length && charger[to] === charger[from]) to++
    const own = pieces.get(charger[from]!)
    if (own) own.push({ from, to })
    else pieces.set(charger[from]!, [{ from, to }])
    from = to
  }
  for (const [no, own] of pieces) yield [no, own.length === 1 ? sliced(readings, own[0]!) : gathered(readings, own)]
}
const sliced = (r: Readings, { from, to }: { from: number; to: number }): Readings => ({
  charger: r.charger.subarray(from, to),
  fromMs: r.fromMs.subarray(from, to),
  toMs: r.toMs.subarray(from, to),
  powerW: r.powerW.subarray(from, to),
  registerWh: r.registerWh.subarray(from, to),
  quality: r.quality.subarray(from, to),
})
function gathered(r: Readings, pieces: readonly { from: number; to: number }[]): Readings {
  const at = Uint32Array.from(pieces.flatMap(p => Array.from({ length: p.to - p.from }, (_, k) => p.from + k)))
  return {
    charger: Uint32Array.from(at, i => r.charger[i]!),
    fromMs: Float64Array.from(at, i => r.fromMs[i]!),
    toMs: Float64Array.from(at, i => r.toMs[i]!),
    powerW: Float64Array.from(at, i => r.powerW[i]!),
    registerWh: Float64Array.from(at, i => r.registerWh[i]!),
    quality: Uint8Array.from(at, i => r.quality[i]!),
  }
}

/** Sums of each step: energy, time that it stands for, flags of the readings, and both figures where register and power tell of the same time. */
function sumsOf(segments: readonly Segment[], fromMs: Instant, stepMs: number, count: number) {
  const out = {
    wh: new Float64Array(count),
    coveredMs: new Float64Array(count),
    flags: new Uint16Array(count),
    bothWh: new Float64Array(count),
    powerWh: new Float64Array(count),
  }
  for (const x of segments) {
    const [first, last] = touched(x.fromMs, x.toMs, fromMs, stepMs, count)
    for (let k = first; k <= last; k++) {
      const [a, z] = [Math.max(x.fromMs, fromMs + k * stepMs), Math.min(x.toMs, fromMs + (k + 1) * stepMs)]
      // What flowed in a hole is known as a whole only.
      if (x.isHole && (a > x.fromMs || z < x.toMs)) continue
      const share = (z - a) / (x.toMs - x.fromMs)
      out.wh[k]! += x.wh * share
      out.coveredMs[k]! += z - a
      out.flags[k] = out.flags[k]! | x.flags
      if (Number.isNaN(x.powerWh)) continue
      out.bothWh[k]! += x.wh * share
      out.powerWh[k]! += x.powerWh * share
    }
  }
  return out
}
/** First and last step that [fromMs, toMs) touches; none where first > last. An instant touches the step that it is in. */
function touched(aMs: Instant, zMs: Instant, fromMs: Instant, stepMs: number, count: number): [number, number] {
  const first = Math.max(0, Math.floor((aMs - fromMs) / stepMs))
  const last = zMs > aMs ? Math.ceil((zMs - fromMs) / stepMs) - 1 : Math.floor((aMs - fromMs) / stepMs)
  return [first, Math.min(count - 1, last)]
}
/** Where nothing that counts was read, at both ends as well. */
function gaps(charger: ChargerNo, segments: readonly Segment[], fromMs: Instant, untilMs: Instant): Finding[] {
  const out: Finding[] = []
  const tell = (aMs: Instant, zMs: Instant, value: number | null) =>
    out.push({ charger, kind: 'gap', fromMs: aMs, toMs: zMs, value, unit: 'Wh', count: 1 })
  let atMs = fromMs
  for (const x of segments) {
    if (x.toMs <= fromMs || x.fromMs >= untilMs) continue
    if (x.fromMs - atMs > HOLE_MS) tell(atMs, x.fromMs, null)
    if (x.isHole) tell(Math.max(x.fromMs, fromMs), Math.min(x.toMs, untilMs), x.fromMs < fromMs || x.toMs > untilMs ? null : x.wh)
    atMs = x.toMs
  }
  if (untilMs - atMs > HOLE_MS) tell(atMs, untilMs, null)
  return out
}
/** Register over power where the two contradict each other, else null. */
function contradiction(registerWh: number, powerWh: number): number | null {
  const apartWh = Math.abs(registerWh - powerWh)
  if (apartWh <= APART_WH || apartWh <= APART * Math.max(Math.abs(registerWh), Math.abs(powerWh))) return null
  return powerWh === 0 ? Number.POSITIVE_INFINITY : registerWh / powerWh
}

export type { Finding }
