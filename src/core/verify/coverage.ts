import { chargerVerdicts } from '../model.ts'
import type { Verified } from './record.ts'

/**
 * Coverage, by one definition wherever it is told: metered time / time of the chargers that count. A charger counts that was commanded, or whose baseline is above
 * 0: whoever neither drew anything nor had to come down hides nothing by its silence. Metered is time of which there are readings; of a settled window, only where
 * there is a baseline to hold them against. What fills a gap up (a baseline, a mean of others) is no metering. The formula is ours: buyers' terms speak of coverage
 * without one.
 *
 * @param meteredS by row @param spanS of each charger: the settled window, or a step @returns 0 to 1; null where nobody counts
 */
export function coverageOf(meteredS: ArrayLike<number>, counts: (row: number) => boolean, spanS: number): number | null {
  let covered = 0
  let counted = 0
  for (let r = 0; r < meteredS.length; r++) {
    if (!counts(r)) continue
    covered += meteredS[r]!
    counted++
  }
  return shareOf(covered, counted, spanS)
}
/** The same of sums that are at hand: metered seconds of so many chargers that count. */
export const shareOf = (meteredS: number, counted: number, spanS: number): number | null =>
  counted === 0 || spanS === 0 ? null : Math.min(1, meteredS / (counted * spanS))
/** `baseline` in any unit; null or NaN where there is none. */
export const countsWith = (isCommanded: boolean, baseline: number | null | undefined): boolean => isCommanded || (baseline ?? 0) > 0

const NOT_COMMANDED = chargerVerdicts.indexOf('notCommanded')
/** Who counts for the coverage of a verdict, by row. */
export function countedIn({
  who,
  verdict,
  energy,
  periods,
}: Pick<Verified, 'who' | 'verdict' | 'energy' | 'periods'>): (row: number) => boolean {
  const count = periods?.startS.length ?? 0
  const counts = Uint8Array.from(who, (_, r) => {
    let wh = 0
    for (let cell = r * count; cell < (r + 1) * count; cell++) wh += energy?.baselineWh[cell] || 0
    return countsWith(verdict[r] !== NOT_COMMANDED, wh) ? 1 : 0
  })
  return row => counts[row] === 1
}
