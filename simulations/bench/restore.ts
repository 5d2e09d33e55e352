import { draws } from '../../src/core/draw.ts'
import { offsetS } from '../../src/core/edges.ts'
import { withChanges } from '../../src/core/fleet.ts'
import { admit, rebound, roomW } from '../../src/core/restore.ts'
import { staggerRanks } from '../../src/core/stagger.ts'
import { emptyState } from '../../src/core/state.ts'
import { fleetOf } from '../virtual/fleet.ts'
import { median, numberFlag, print, round } from './flags.ts'

const CHARGER_W = 7_360
const HOUR_S = 3_600
const STEP_S = 60
/** Cars that charge at any time, on average: a third of the chargers, so that hardly ever one finds none free, however long the queue. */
const BUSY_SHARE = 0.3
const HORIZON_S = 60 * HOUR_S
/** The peak is looked for until this long after nobody waits any more. */
const AFTERWARDS_S = 2 * HOUR_S

/** What a uniform restore does to the peak: the fluid solution of M/M/inf. */
const uniform = [
  { meanChargeH: 3, curtailedH: 1, restoreH: [0, 1, 2, 3] },
  { meanChargeH: 1.5, curtailedH: 2, restoreH: [0, 1, 3] },
] as const
const caps = [1.1, 1.2, 1.33, 1.5] as const

/**
 * How load comes back after everyone was paused: cars come as a Poisson process and charge for an exponential time (M/G/inf), nobody leaves unserved.
 * `uniform`: peak of the mean load over the seeds / mean load before, within 5 % of the fluid solution. `levelCapped`, with the product's own
 * admission: the worst peak of any seed / its own base, at most the cap and one charger; `clearH` is the median over the seeds.
 */
export async function run(args: string[]): Promise<void> {
  const chargers = numberFlag(args, 'chargers', 2_000)
  const seeds = numberFlag(args, 'seeds', 12)
  let isBroken = false
  const say = (line: Record<string, unknown>, ok: boolean) => {
    print({ bench: 'restore', ...line, ...(ok ? {} : { broken: true }) })
    isBroken ||= !ok
  }
  const fleet = staggered(chargers)
  for (const { meanChargeH, curtailedH, restoreH } of uniform)
    for (const h of restoreH) {
      const evenings = Array.from({ length: seeds }, (_, seed) => evening({ chargers, seed, meanChargeH, curtailedH }))
      const runs = evenings.map(e => simulate(e, uniformly(fleet, h * HOUR_S), (curtailedH + h + 2 * meanChargeH) * HOUR_S))
      const peakRatio = peakOfMean(runs.map(r => r.active)) / mean(runs.map(r => r.base))
      const expectedPeakRatio = fluidPeak(meanChargeH, curtailedH, h)
      const line = { policy: 'uniform', cap: null, curtailedH, meanChargeH, peakRatio: round(peakRatio), clearH: h, expectedClearH: h }
      const isNear = Math.abs(peakRatio / expectedPeakRatio - 1) <= 0.05
      say({ ...line, restoreH: h, expectedPeakRatio: round(expectedPeakRatio) }, isNear && runs.every(r => r.turnedAway === 0))
    }
  const meanChargeH = 1.5
  for (const curtailedH of [1, 2])
    for (const cap of caps) {
      const runs = Array.from({ length: seeds }, (_, seed) =>
        simulate(evening({ chargers, seed, meanChargeH, curtailedH }), levelCapped(cap), HORIZON_S),
      )
      const clearH = median(runs.map(r => (r.clearS - curtailedH * HOUR_S) / HOUR_S))
      const { clearS } = rebound(curtailedH * HOUR_S, meanChargeH * HOUR_S, cap)
      const peakRatio = Math.max(...runs.map(r => r.peak / r.base))
      const line = { policy: 'levelCapped', cap, curtailedH, meanChargeH, peakRatio: round(peakRatio), clearH: round(clearH) }
      const isWithin = runs.every(r => r.peak <= cap * r.base + 1)
      say({ ...line, expectedClearH: round((clearS ?? Number.NaN) / HOUR_S) }, isWithin && runs.every(r => r.turnedAway === 0))
    }
  if (isBroken) process.exit(1)
}

type Evening = {
  readonly chargers: number
  readonly curtailedS: number
  /** Cars charging when the event begins, then those that come, by arrival, S after the event's start; 0 for the former. */
  readonly comesS: Float64Array
  /** How long each charges, S; of those charging already, still. */
  readonly chargesS: Float64Array
  readonly laxityS: Float64Array
}
function evening(of: { chargers: number; seed: number; meanChargeH: number; curtailedH: number }): Evening {
  const meanS = of.meanChargeH * HOUR_S
  const busy = BUSY_SHARE * of.chargers
  const n = Math.ceil((busy * HORIZON_S) / meanS) + 4 * of.chargers
  const seed = Uint8Array.of(of.seed, of.seed >> 8)
  const u = (label: string) => Float64Array.from(draws(n, seed, label), x => (x + 0.5) / 4294967296)
  const comesS = u('comes').map(x => (-Math.log(x) * meanS) / busy)
  // the count of those who charge already is Poisson: as many as would come within a mean charge
  let already = 0
  for (let t = comesS[0]!; t < meanS; t += comesS[++already]!);
  comesS.fill(0, 0, already)
  for (let k = Math.max(1, already); k < n; k++) comesS[k]! += comesS[k - 1]!
  return {
    chargers: of.chargers,
    curtailedS: of.curtailedH * HOUR_S,
    comesS,
    chargesS: u('charges').map(x => -Math.log(x) * meanS),
    laxityS: u('laxity').map(x => x * 12 * HOUR_S),
  }
}

/** Who of the waiting starts now; `active` charge, `base` did before. */
type Policy = (
  waiting: readonly Car[],
  now: { readonly sinceEndS: number; readonly active: number; readonly base: number },
) => readonly Car[]
/** `comesS` 0: before the event's end. */
type Car = { readonly charger: number; readonly laxityS: number; readonly chargesS: number; readonly comesS: number }

const levelCapped =
  (cap: number): Policy =>
  (waiting, { active, base }) => {
    const queue = {
      laxityS: Float64Array.from(waiting, c => c.laxityS),
      drawn: Uint32Array.from(waiting, c => c.charger),
      extraW: new Float64Array(waiting.length).fill(CHARGER_W),
    }
    return admit(queue, roomW(cap, base * CHARGER_W, active * CHARGER_W), active > 0).map(k => waiting[k]!)
  }
/** The product's ranks and offsets; who comes after the end starts at once. */
const uniformly =
  (ranks: Uint16Array, spreadS: number): Policy =>
  (waiting, { sinceEndS }) =>
    waiting.filter(c => c.comesS > 0 || offsetS(ranks, c.charger, spreadS) <= sinceEndS)
function staggered(chargers: number): Uint16Array {
  const { nodes, chargers: columns } = fleetOf(Array.from({ length: chargers }, () => ({})))
  const fleet = withChanges(emptyState().fleet, nodes, columns)
  return staggerRanks(fleet, [{ from: 0, to: chargers }], Uint8Array.of(7), 'end')
}

type Run = {
  readonly base: number
  readonly peak: number
  readonly clearS: number
  readonly turnedAway: number
  readonly active: Float64Array
}
/** One evening: everyone is paused for `curtailedS`, then let in as the policy says. */
function simulate(e: Evening, policy: Policy, untilS: number): Run {
  const freeChargers = shuffled(e.chargers, e.comesS.length)
  const endsS: { atS: number; charger: number }[] = []
  let waiting: Car[] = []
  const active = new Float64Array(Math.ceil((untilS - e.curtailedS) / STEP_S))
  let [next, peak, clearS, turnedAway, charging] = [0, 0, Number.POSITIVE_INFINITY, 0, 0]
  const comes = () => {
    const charger = freeChargers.pop()
    if (charger === undefined) turnedAway++
    else
      waiting.push({
        charger,
        laxityS: e.comesS[next]! + e.laxityS[next]!,
        chargesS: e.chargesS[next]!,
        comesS: e.comesS[next]! < e.curtailedS ? 0 : e.comesS[next]!,
      })
    next++
  }
  while (e.comesS[next] === 0) comes()
  const base = waiting.length
  while (e.comesS[next]! < e.curtailedS) comes()
  for (let step = 0; step < active.length && e.curtailedS + step * STEP_S < clearS + AFTERWARDS_S; step++) {
    const stepEndS = e.curtailedS + (step + 1) * STEP_S
    for (let atS = stepEndS - STEP_S; atS < stepEndS; ) {
      const isClear = waiting.length === 0
      const started = isClear ? [] : policy(waiting, { sinceEndS: atS - e.curtailedS, active: charging, base })
      for (const car of started) push(endsS, { atS: atS + car.chargesS, charger: car.charger })
      if (started.length > 0) {
        const gone = new Set(started)
        waiting = waiting.filter(c => !gone.has(c))
      }
      charging += started.length
      peak = Math.max(peak, charging)
      if (waiting.length === 0) clearS = Math.min(clearS, atS)
      const leavesS = endsS[0]?.atS ?? Number.POSITIVE_INFINITY
      const comesS = e.comesS[next] ?? Number.POSITIVE_INFINITY
      atS = Math.min(leavesS, comesS)
      if (atS >= stepEndS) break
      if (leavesS <= comesS) {
        freeChargers.push(pop(endsS).charger)
        charging--
      } else comes()
    }
    active[step] = charging
  }
  return { base, peak, clearS, turnedAway, active }
}

function shuffled(n: number, seed: number): number[] {
  const u = draws(n, Uint8Array.of(seed, seed >> 8), 'chargers')
  return Array.from({ length: n }, (_, i) => i).sort((a, b) => u[a]! - u[b]!)
}
type End = { readonly atS: number; readonly charger: number }
function push(heap: End[], x: End): void {
  let at = heap.push(x) - 1
  for (let up = (at - 1) >> 1; at > 0 && heap[up]!.atS > x.atS; up = (at - 1) >> 1) {
    heap[at] = heap[up]!
    at = up
  }
  heap[at] = x
}
function pop(heap: End[]): End {
  const first = heap[0]!
  const x = heap.pop()!
  if (heap.length === 0) return first
  let at = 0
  for (let child = 1; child < heap.length; child = 2 * at + 1) {
    if (child + 1 < heap.length && heap[child + 1]!.atS < heap[child]!.atS) child++
    if (heap[child]!.atS >= x.atS) break
    heap[at] = heap[child]!
    at = child
  }
  heap[at] = x
  return first
}

const mean = (values: readonly number[]): number => values.reduce((a, b) => a + b, 0) / values.length
function peakOfMean(curves: readonly Float64Array[]): number {
  let peak = 0
  for (let t = 0; t < curves[0]!.length; t++) peak = Math.max(peak, mean(curves.map(c => c[t]!)))
  return peak
}
/**
 * Load at the end of a uniform restore of Tr hours / load before: a + a (1 + D/S) S/Tr arrive, of which a share 1 - exp(-Tr/S) is still charging; Little's
 * law, 1 + D/S, for Tr = 0. (The load falls again once all are back.)
 */
function fluidPeak(meanChargeH: number, curtailedH: number, restoreH: number): number {
  const { peakRatio } = rebound(curtailedH, meanChargeH, 1)
  if (restoreH === 0) return peakRatio
  return (1 - Math.exp(-restoreH / meanChargeH)) * (1 + (peakRatio * meanChargeH) / restoreH)
}
