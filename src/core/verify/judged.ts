import { SETTLE_S } from '../effect.ts'
import { chargerVerdicts, type NonResponse, nonResponses } from '../model.ts'
import { type Compliance, complianceOf } from './compliance.ts'
import { standings, type VerdictTerms } from './record.ts'
import type { Segment } from './segments.ts'
import { overlapS, type Window } from './window.ts'

/** A charger that does as it likes without the link, and was heard for less of the window, is a lost response. */
const MIN_HEARD = 0.9

/** A limit that a charger had to keep. `fromS`: from when it is to be seen on its meter. */
export type Limit = Window & { readonly limitW: number }
export function limitsAt({ limitEnds, limitFromS, limitToS, limitW }: VerdictTerms, row: number): Limit[] {
  const out: Limit[] = []
  for (let k = row === 0 ? 0 : limitEnds[row - 1]!; k < limitEnds[row]!; k++)
    out.push({ fromS: limitFromS[k]!, toS: limitToS[k]!, limitW: limitW[k]! })
  return out
}

export const isCommanded = ({ limitEnds }: VerdictTerms, row: number): boolean => limitEnds[row]! > (row === 0 ? 0 : limitEnds[row - 1]!)

export type Judged = { readonly verdict: (typeof chargerVerdicts)[number]; readonly cause: NonResponse }
/** What the meters say of one charger: `heardS` seconds of the window have readings, `baselineW` is what it drew or would have. */
export function judgedBy(terms: VerdictTerms, row: number, kept: Compliance, heardS: number, baselineW: number | null): Judged {
  const resumes = terms.resumes[row] === 1
  if (!isCommanded(terms, row)) return { verdict: 'notCommanded', cause: whyNot(terms, row, 'notCommanded') }
  const { fromS, toS } = terms.window
  if (resumes && heardS < (toS - fromS) * MIN_HEARD) return { verdict: 'notCompliant', cause: 'resumedOnLinkLoss' }
  if (kept === 'compliant' && (baselineW ?? 0) < terms.minW[row]! / 2) return { verdict: kept, cause: 'idle' }
  return { verdict: kept, cause: whyNot(terms, row, kept) }
}

/**
 * Did a charger keep its limits? Only what was metered wholly under one limit says something of it. Its own powers do where there are any: a register
 * that counts whole Wh is right in sum, but jumps by 3.6 kW from one second to the next.
 */
export function keptTo(terms: VerdictTerms, row: number, segments: readonly Segment[]): Compliance {
  const limits = limitsAt(terms, row)
  const powerW: number[] = []
  const limitW: number[] = []
  for (const x of segments)
    for (const limit of limits) {
      if (x.isHole || x.fromMs < limit.fromS * 1000 || x.toMs > limit.toS * 1000) continue
      powerW.push(((Number.isNaN(x.powerWh) ? x.wh : x.powerWh) * 3_600_000) / (x.toMs - x.fromMs))
      limitW.push(limit.limitW)
    }
  return complianceOf(powerW, limitW, terms.errorBp[row]! / 10_000)
}

function whyNot({ standing, resumes }: VerdictTerms, row: number, verdict: Judged['verdict']): NonResponse {
  const was = standings[standing[row]!]!
  if (verdict === 'compliant') return 'none'
  if (was === 'refused') return 'refused'
  if (verdict === 'notCommanded') return was === 'optedOut' ? 'optedOut' : 'none'
  if (was === 'down') return resumes[row] === 1 ? 'resumedOnLinkLoss' : 'offline'
  if (verdict === 'noData') return 'noData'
  return was === 'accepted' ? 'acceptedButUnmoved' : 'noAnswer'
}

/** What an ask about each charger asked of this one in a stretch, Wh: from its own start on, whenever it was to be seen. */
export function askedOfOneWh(limits: readonly Limit[], baselineW: number, stretch: Window): number {
  let wh = 0
  for (const x of limits) wh += (Math.max(0, baselineW - x.limitW) * overlapS({ fromS: x.fromS - SETTLE_S, toS: x.toS }, stretch)) / 3600
  return wh
}
export const codeOf = ({ verdict, cause }: Judged): readonly [number, number] => [
  chargerVerdicts.indexOf(verdict),
  nonResponses.indexOf(cause),
]
