import { shareOf } from '../core/verify/coverage.ts'
import { type ChargerRows, known, type LevelKind, type LevelRow, NOT_JUDGED } from './model.ts'

/** Which numbers the chargers of a level have, -1 for none, and what such a number is called. */
export type Level = { readonly level: LevelKind; readonly of: (row: number) => number; readonly name: (no: number) => string }

/** `counted`: chargers that count for coverage, `metered` the sum of their metered shares. */
type Sums = { -readonly [K in keyof LevelRow]: LevelRow[K] } & { counted: number; metered: number }
const counted = ['compliant', 'notCompliant', 'noData', 'notCommanded'] as const

/**
 * Sums of the chargers by each level, the largest first. A sum has those whose figures are known; `coverage` is that of `coverage.ts`. One pass a level, so
 * that a million chargers cost columns and not rows.
 */
export function levelsOf(rows: ChargerRows, levels: readonly Level[]): LevelRow[] {
  return levels.flatMap(({ level, of, name }) => {
    const sums = new Map<number, Sums>()
    for (let k = 0; k < rows.charger.length; k++) {
      const no = of(k)
      if (no < 0) continue
      let sum = sums.get(no)
      if (!sum) sums.set(no, (sum = emptySum(level, level === 'event' || level === 'programme' ? null : no, name(no))))
      addRow(sum, rows, k)
    }
    const out = [...sums.values()].map(({ counted: n, metered, ...sum }): LevelRow => ({ ...sum, coverage: shareOf(metered, n, 1) }))
    return out.sort((a, b) => b.baselineWh - a.baselineWh || (a.no ?? 0) - (b.no ?? 0))
  })
}
const emptySum = (level: LevelKind, no: number | null, name: string): Sums => ({
  ...{ level, no, name, chargers: 0, compliant: 0, notCompliant: 0, noData: 0, notCommanded: 0 },
  ...{ baselineWh: 0, actualWh: 0, deliveredWh: 0, coverage: null, counted: 0, metered: 0 },
})
function addRow(sum: Sums, rows: ChargerRows, k: number): void {
  sum.chargers++
  const verdict = rows.verdict[k]!
  if (verdict !== NOT_JUDGED && verdict < counted.length) sum[counted[verdict]!]++
  if (rows.counted[k] === 1) {
    sum.counted++
    sum.metered += known(rows.coverage[k]) ?? 0
  }
  const [baselineWh, actualWh] = [known(rows.baselineWh[k]), known(rows.actualWh[k])]
  if (baselineWh === null || actualWh === null) return
  sum.baselineWh += baselineWh
  sum.actualWh += actualWh
  sum.deliveredWh += baselineWh - actualWh
}

/** Rows of the chargers that answered worst: those with a cause first, then by the least that they delivered; at most `most`. */
export function worstFirst(rows: ChargerRows, most: number): number[] {
  const short: number[] = []
  for (let k = 0; k < rows.charger.length; k++) if (rows.cause[k] !== 0 && rows.cause[k] !== NOT_JUDGED) short.push(k)
  const all = short.length >= most ? short : Array.from({ length: rows.charger.length }, (_, k) => k)
  const hasCause = (k: number): number => (rows.cause[k] !== 0 && rows.cause[k] !== NOT_JUDGED ? 0 : 1)
  const delivered = (k: number): number => known(rows.deliveredWh[k]) ?? Number.NEGATIVE_INFINITY
  return all
    .sort((a, b) => hasCause(a) - hasCause(b) || compare(delivered(a), delivered(b)) || rows.charger[a]! - rows.charger[b]!)
    .slice(0, most)
}
const compare = (a: number, b: number): number => (a < b ? -1 : a > b ? 1 : 0)
