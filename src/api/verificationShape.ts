import type { z } from 'zod'
import type { Verification } from '../core/model.ts'
import type { verification } from './verificationSchema.ts'

type Shape = z.output<typeof verification>
const iso = (ms: number): string => new Date(ms).toISOString()

export function verificationShape(of: Verification): Shape {
  const { event: _, window: w, counts, causes, forecast, findings, findingCounts, changed, former, ...v } = of
  const { measured, readings, baseline, nomination, weather, control, overlaps, ...rest } = v
  return {
    ...rest,
    window: {
      from: iso(w.fromS * 1000),
      until: iso(w.toS * 1000),
      baselineFrom: iso(w.baselineFromS * 1000),
      baselineUntil: iso(w.baselineToS * 1000),
    },
    counts: { ...counts },
    causes: { ...causes } as Record<string, number>,
    ...(forecast === undefined ? {} : { forecast: forecast && { ...forecast } }),
    ...(measured ? { measured: { ...measured } } : {}),
    ...(readings ? { readings: { ...readings } } : {}),
    ...(baseline ? { baseline: { ...baseline } } : {}),
    ...(nomination ? { nomination: { ...nomination } } : {}),
    ...(weather ? { weather: { ...weather } } : {}),
    ...(control ? { control: { ...control } } : {}),
    ...(overlaps ? { overlaps: overlaps.map(({ fromS, toS, ...o }) => ({ ...o, from: iso(fromS * 1000), until: iso(toS * 1000) })) } : {}),
    ...(findings ? { findings: findings.map(findingShape) } : {}),
    ...(findingCounts ? { findingCounts: { ...findingCounts } as Record<string, number> } : {}),
    ...(changed ? { changed: changedShape(changed) } : {}),
    ...(former ? { former: former.map(x => ({ ...x })) } : {}),
  }
}
const findingShape = ({ charger, fromMs, toMs, value, ...x }: NonNullable<Verification['findings']>[number]) => ({
  ...x,
  no: charger,
  from: iso(fromMs),
  until: iso(toMs),
  // a ratio to nothing has no number
  value: value !== null && Number.isFinite(value) ? value : null,
})
const changedShape = ({ named, gbp, ...x }: NonNullable<Verification['changed']>) => ({
  ...x,
  ...(gbp === undefined ? {} : { gbp }),
  named: named.map(({ charger, ...n }) => ({ no: charger, ...n })),
})
