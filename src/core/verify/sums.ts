import type { Baselines } from './baselines.ts'
import { countsWith, coverageOf as coverageOfRows } from './coverage.ts'
import { askedOfOneWh, isCommanded, limitsAt } from './judged.ts'
import type { Metering } from './metering.ts'
import type { Periods } from './periods.ts'
import { type AskColumns, askKinds, METER_BEFORE, type PeriodColumns, type VerdictTerms, type Verification } from './record.ts'
import { overlapS, type Window } from './window.ts'

export const askCode = Object.fromEntries(askKinds.map((kind, code) => [kind, code])) as Record<(typeof askKinds)[number], number>

export function sumBy<T>(all: ArrayLike<T>, of: (x: T) => number): number {
  let sum = 0
  for (let k = 0; k < all.length; k++) sum += of(all[k]!)
  return sum
}

/** Energy of each charger, as it counts. */
export type Energy = {
  readonly baselineWh: Float64Array
  readonly actualWh: Float64Array
  /** By row: seconds of the window with readings, and those that count for its coverage; mean baseline, W, null where there is none. */
  readonly heardS: Float64Array
  readonly countedS: Float64Array
  readonly meanW: readonly (number | null)[]
}
export function energyOf(terms: VerdictTerms, meters: Metering, baselines: Baselines, periods: Periods): Energy {
  const count = periods.hours.length
  const baselineWh = baselines.wh.slice()
  const rows = meters.before.length
  const actualWh = new Float64Array(rows * count)
  const heardS = new Float64Array(rows)
  const countedS = new Float64Array(rows)
  const meanW = meters.before.map((_, r): number | null => {
    let [sumWh, hours] = [0, 0]
    const isFull = baselines.isWhole ?? (terms.ruleset.id === METER_BEFORE.id && terms.resumes[r] === 0)
    for (let t = 0; t < count; t++) {
      const cell = r * count + t
      const seconds = meters.seconds[cell]!
      heardS[r]! += seconds
      actualWh[cell] = filledUp(meters.wh[cell]!, seconds, periods.hours[t]!, isFull ? Number.NaN : baselineWh[cell]!)
      if (baselines.outTurn[r] === 1) baselineWh[cell] = actualWh[cell]!
      if (Number.isNaN(baselineWh[cell]!)) continue
      sumWh += baselineWh[cell]!
      hours += periods.hours[t]!
      if (!Number.isNaN(actualWh[cell]!)) countedS[r]! += seconds
    }
    return hours > 0 ? sumWh / hours : null
  })
  return { baselineWh, actualWh, heardS, countedS, meanW }
}
/**
 * Energy of a period that is known in part: the rest was as its baseline (nothing is delivered in it), or where no baseline is to be counted, as the part
 * that is known. NaN where there is no telling.
 */
function filledUp(wh: number, seconds: number, hours: number, restWh: number): number {
  const share = Math.min(1, seconds / (hours * 3600))
  if (!Number.isNaN(restWh)) return wh + restWh * (1 - share)
  return share > 0 ? wh / share : Number.NaN
}

export function periodColumns(terms: VerdictTerms, periods: Periods, energy: Energy): PeriodColumns {
  const count = periods.hours.length
  const rows = energy.meanW.length
  const column = () => new Float64Array(count)
  const out = { askedWh: column(), baselineWh: column(), actualWh: column(), deliveredWh: column(), ratio: column() }
  const unpairedWh = column()
  const ofAll = terms.asks.kind.some(kind => kind !== askCode.each)
  for (let r = 0; r < rows; r++) {
    const limits = ofAll ? [] : limitsAt(terms, r)
    for (let t = 0; t < count; t++) {
      const [b, a] = [energy.baselineWh[r * count + t]!, energy.actualWh[r * count + t]!]
      if (!Number.isNaN(b) && !Number.isNaN(a)) out.baselineWh[t]! += b
      if (!Number.isNaN(a)) out.actualWh[t]! += a
      // drawn by somebody of whom there is no baseline: under a cap it counts, but it is no delivery, of either sign
      if (Number.isNaN(b) && !Number.isNaN(a)) unpairedWh[t]! += a
      if (!Number.isNaN(b)) out.askedWh[t]! += askedOfOneWh(limits, b / periods.hours[t]!, stretchOf(periods, t))
    }
  }
  for (let t = 0; t < count; t++) {
    if (ofAll) out.askedWh[t] = askedOfAllWh(terms.asks, stretchOf(periods, t), out.baselineWh[t]! / periods.hours[t]!)
    out.deliveredWh[t] = out.baselineWh[t]! - (out.actualWh[t]! - unpairedWh[t]!)
    out.ratio[t] = out.askedWh[t]! > 0 ? out.deliveredWh[t]! / out.askedWh[t]! : Number.NaN
  }
  return { startS: periods.startS, endS: periods.endS, ...out }
}
const stretchOf = ({ startS, endS }: Periods, t: number): Window => ({ fromS: startS[t]!, toS: endS[t]! })
/** What was asked of the targets as a whole; asks about each charger among them count as nothing asked of the whole. */
function askedOfAllWh(asks: AskColumns, stretch: Window, baselineW: number): number {
  return askedWhIn(asks, stretch, (kind, totalW) =>
    kind === askCode.shed ? totalW : kind === askCode.cap ? Math.max(0, baselineW - totalW) : 0,
  )
}
/** Energy of what was asked in a stretch, by the power that each ask stands for. */
export function askedWhIn(
  { startS, endS, kind, totalW }: AskColumns,
  stretch: Window,
  powerW: (kind: number, totalW: number) => number,
): number {
  let wh = 0
  for (let k = 0; k < kind.length; k++)
    wh += (powerW(kind[k]!, totalW[k]!) * overlapS({ fromS: startS[k]!, toS: endS[k]! }, stretch)) / 3600
  return wh
}
export function sumsOf({
  askedWh,
  baselineWh,
  actualWh,
  deliveredWh,
}: PeriodColumns): Pick<Verification, 'askedWh' | 'baselineWh' | 'actualWh' | 'deliveredWh'> {
  const sum = (column: Float64Array): number => sumBy(column, x => x)
  return { askedWh: sum(askedWh), baselineWh: sum(baselineWh), actualWh: sum(actualWh), deliveredWh: sum(deliveredWh) }
}

export const coverageOf = (terms: VerdictTerms, { countedS, meanW }: Energy): number =>
  coverageOfRows(countedS, r => countsWith(isCommanded(terms, r), meanW[r]), terms.window.toS - terms.window.fromS) ?? 0
