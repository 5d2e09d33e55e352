import type { ChargerNo, Instant } from '../model.ts'
import type { Flaw } from './series.ts'

/**
 * One thing wrong with a meter's readings, so that a report can name it. `value` in `unit`: the value as it was received (`implausible`, `duplicate`: the
 * one that was replaced), by how much a register fell (`reset`), what a register says that flowed in a hole (`gap`; null where none does), register over
 * power (`contradicting`), else the first reading's power. `count`: how many readings of the same kind in a row it stands for.
 */
export type Finding = {
  readonly charger: ChargerNo
  readonly kind: Flaw
  readonly fromMs: Instant
  readonly toMs: Instant
  readonly value: number | null
  readonly unit: 'W' | 'Wh' | 'ratio'
  readonly count: number
}
type Found = Omit<Finding, 'charger' | 'count'>

/** Findings of one meter; those of one kind that follow each other without a break are one. */
export function newFindings(charger: ChargerNo) {
  const all: (Found & { count: number })[] = []
  const newest = new Map<Flaw, number>()
  return {
    charger,
    all,
    add(finding: Found): void {
      const at = newest.get(finding.kind)
      const before = at === undefined ? undefined : all[at]
      if (before && finding.fromMs <= before.toMs && finding.toMs >= before.fromMs) {
        const [fromMs, toMs] = [Math.min(before.fromMs, finding.fromMs), Math.max(before.toMs, finding.toMs)]
        all[at!] = { ...before, fromMs, toMs, count: before.count + 1 }
        return
      }
      newest.set(finding.kind, all.length)
      all.push({ ...finding, count: 1 })
    },
  }
}
export type Findings = ReturnType<typeof newFindings>

/** Those that touch [fromMs, toMs), by time. */
export const findingsOf = ({ charger, all }: Findings, fromMs: Instant, toMs: Instant): Finding[] =>
  all
    .filter(x => x.fromMs < toMs && (x.toMs > fromMs || x.fromMs >= fromMs))
    .sort((a, b) => a.fromMs - b.fromMs)
    .map(x => ({ charger, ...x }))
