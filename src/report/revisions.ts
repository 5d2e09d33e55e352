import type { Verification } from '../core/model.ts'
import { wattHours } from './words.ts'

/** What a verdict says otherwise than the one before, in words; empty for the first and where nothing differs. */
export function changesOf(before: Verification | undefined, now: Verification): string[] {
  if (!before) return []
  const signed = (wh: number): string => `${wh < 0 ? '−' : '+'}${wattHours(Math.abs(wh))}`
  const energy = (name: string, a: number, b: number): string[] => (Math.abs(b - a) < 0.5 ? [] : [`${name} ${signed(b - a)}`])
  const { changed } = now
  const count = (name: string, a: number, b: number): string[] => (a === b ? [] : [`${name} ${a} → ${b}`])
  return [
    ...(before.verdict === now.verdict ? [] : [`${before.verdict} → ${now.verdict}`]),
    ...(before.baselineRule === now.baselineRule ? [] : [`ruleset ${before.baselineRule} → ${now.baselineRule}`]),
    ...energy('asked', before.askedWh, now.askedWh),
    ...energy('delivered', before.deliveredWh, now.deliveredWh),
    ...(changed?.gbp === undefined ? [] : [`${changed.gbp < 0 ? '−' : '+'}£${Math.abs(changed.gbp).toFixed(2)}`]),
    ...energy('baseline', before.baselineWh, now.baselineWh),
    ...energy('actual', before.actualWh, now.actualWh),
    ...count('compliant', before.counts.compliant, now.counts.compliant),
    ...count('not compliant', before.counts.notCompliant, now.counts.notCompliant),
    ...count('without data', before.counts.noData, now.counts.noData),
    ...(changed
      ? [
          `${changed.chargers} chargers with new readings`,
          ...changed.named
            .slice(0, 10)
            .map(n => `charger ${n.charger} ${n.what}${n.deliveredWh === undefined ? '' : ` (${signed(n.deliveredWh)})`}`),
        ]
      : []),
  ]
}
