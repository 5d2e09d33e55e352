import { placeOf } from '../scenario/places.ts'
import type { Run } from './run.ts'

/** By minute of the run, NaN where no event asks: target and baseline at a place, as the bridge's own report of its events has them. */
export type AskedSteps = { readonly targetW: Float64Array; readonly baselineW: Float64Array }
export function eventSteps({ played, reports }: Run, place: string): AskedSteps {
  const { startS, stepS, loadW } = played.recorded
  const out = { targetW: new Float64Array(loadW.length).fill(Number.NaN), baselineW: new Float64Array(loadW.length).fill(Number.NaN) }
  played.events.forEach((e, k) => {
    const series = reports[k]?.series
    if (!series || placeOf(played.scenario, e.id) !== place) return
    for (let m = 0; m < loadW.length; m++) {
      const at = Math.floor(((startS + stepS * m) * 1000 - series.fromMs) / series.stepMs)
      const [targetW, baselineW] = [series.targetW[at] ?? Number.NaN, series.baselineW[at] ?? Number.NaN]
      if (Number.isFinite(targetW)) out.targetW[m] = targetW
      if (Number.isFinite(targetW) || Number.isNaN(out.baselineW[m]!)) out.baselineW[m] = baselineW
    }
  })
  return out
}
