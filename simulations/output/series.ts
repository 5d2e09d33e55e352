import { placeOf } from '../scenario/places.ts'
import type { Run } from './run.ts'

const columns = ['targetW', 'baselineW', 'lowW', 'highW'] as const
/**
 * By minute of the run, as the bridge's own report of its events has them, NaN where no event asks: target and baseline at a place, and between what the
 * load lies by the accuracy of the meters.
 */
export type AskedSteps = Readonly<Record<(typeof columns)[number], Float64Array>>
export function eventSteps({ played, reports }: Run, place: string): AskedSteps {
  const { startS, stepS, loadW } = played.recorded
  const none = () => new Float64Array(loadW.length).fill(Number.NaN)
  const out = { targetW: none(), baselineW: none(), lowW: none(), highW: none() }
  played.events.forEach((e, k) => {
    const series = reports[k]?.series
    if (!series || placeOf(played, e.id) !== place) return
    for (let m = 0; m < loadW.length; m++) {
      const at = Math.floor(((startS + stepS * m) * 1000 - series.fromMs) / series.stepMs)
      // while it asks, an event's own baseline counts, before and after it whichever comes first
      const isAsked = Number.isFinite(series.targetW[at] ?? Number.NaN)
      for (const c of columns) if (isAsked || Number.isNaN(out[c][m]!)) out[c][m] = series[c][at] ?? Number.NaN
    }
  })
  return out
}
