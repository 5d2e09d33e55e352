import type { NonResponse, Verification } from '../core/model.ts'
import { causeTexts, percent, verdictTexts, wattHours, watts } from '../report/words.ts'
import { type Proof, proofText } from './demoProof.ts'

/** All that is left when a demo is over. */
export type DemoResult = Proof & {
  readonly event: string
  readonly ask: string
  readonly chargers: number
  readonly ignoring: number
  readonly spreadS: number
  readonly defaultSpreadS: number
  readonly commanded: number
  readonly verification: Verification
  readonly dir: string
  readonly elapsedS: number
}

/** What a person reads at the end: the verdict by meters, the checkpoint, and how to check the log without us. Pure. */
export function reportText(r: DemoResult): string {
  const v = r.verification
  const seconds = v.window.toS - v.window.fromS
  const meanW = (wh: number) => (seconds > 0 ? watts((wh * 3600) / seconds) : 'unknown')
  const energy = (label: string, wh: number, more = '') => `  ${label.padEnd(12)}${wattHours(wh).padStart(9)}  (mean ${meanW(wh)})${more}`
  const causes = (Object.entries(v.causes) as [NonResponse, number][])
    .filter(([cause, n]) => cause !== 'none' && n > 0)
    .sort((a, b) => b[1] - a[1])
  return [
    `Verification of ${r.event} (${r.ask}), by meters alone, over ${seconds} s`,
    energy('asked', v.askedWh),
    energy('baseline', v.baselineWh, `, rule ${v.baselineRule}`),
    energy('actual', v.actualWh),
    energy('delivered', v.deliveredWh),
    `  ${'ratio'.padEnd(12)}${percent(v.ratio).padStart(9)}`,
    `  ${'coverage'.padEnd(12)}${percent(v.coverage).padStart(9)}  of charger-time has readings`,
    `  verdict     ${verdictTexts[v.verdict]}`,
    `  chargers    ${v.counts.compliant} compliant, ${v.counts.notCompliant} not compliant, ${v.counts.noData} without data, ${v.counts.notCommanded} not commanded`,
    causes.length === 0 ? '  Every charger asked responded.' : '  Not counted as a response, by cause:',
    ...causes.map(([cause, n]) => `    ${String(n).padStart(4)}  ${causeTexts[cause]}`),
    ...(r.ignoring > 0 ? [`  (${r.ignoring} of the simulated chargers were told to accept every limit and ignore it)`] : []),
    '',
    `Random delay window used in this demo: ${r.spreadS} s. The default of a programme is ${r.defaultSpreadS} s.`,
    '',
    ...proofText(r),
  ].join('\n')
}
