import type { Ruleset } from '../core/verify/baseline/ruleset.ts'
import { rulesetOf } from '../core/verify/eventDays.ts'
import type { RulesetRef, Weather } from '../core/verify/record.ts'
import { needsWeather, weatherWindow } from '../core/verify/weather.ts'
import type { Window } from '../core/verify/window.ts'
import type { Witnesses } from '../ports.ts'

/** A temperature is of yesterday at the latest; what comes after that is late. */
const LATE_MS = 26 * 3_600_000

type Wanted = { readonly window: Window; readonly ruleset: RulesetRef | null; readonly rules: { readonly weather?: string | undefined } }

/** Temperatures of the days that a ruleset looks at, as the store has them now. Undefined where it needs none; empty where nobody has any. */
export const createWeatherReader =
  (witnesses: Witnesses | undefined) =>
  async ({ window, ruleset: ref, rules }: Wanted): Promise<Weather | undefined> => {
    const ruleset = ref && rulesetOf(ref)
    if (!ruleset || !needsWeather(ruleset)) return undefined
    const name = rules.weather ?? ''
    const meter = witnesses?.byName(name)
    const { fromS, toS } = weatherWindow(ruleset, window)
    const found = meter?.kind === 'weather' ? await witnesses!.range(meter.no, fromS * 1000, toS * 1000) : undefined
    const { fromMs = none, toMs = none, wh = none, receivedMs = none } = found ?? {}
    const rows = Array.from(fromMs, (_, k) => k).filter(k => fromMs[k]! >= fromS * 1000)
    return {
      name,
      startS: Uint32Array.from(rows, k => fromMs[k]! / 1000),
      endS: Uint32Array.from(rows, k => toMs[k]! / 1000),
      milliC: Int32Array.from(rows, k => Math.round(wh[k]! * 1000)),
      late: Uint8Array.from(rows, k => (receivedMs[k]! - toMs[k]! > LATE_MS ? 1 : 0)),
    }
  }
const none = new Float64Array(0)

/** How long after the end of an event the last day goes on that a ruleset looks at the temperature of, S. */
export const weatherAfterS = (ruleset: Ruleset, endS: number): number =>
  needsWeather(ruleset) ? weatherWindow(ruleset, { fromS: endS, toS: endS }).toS - endS : 0

type News = (name: string, fromS: number, toS: number) => void
export type WatchedWitnesses = Witnesses & {
  /** Tells of which series and time something came. Called anew, it takes the place of the former. */
  onNews(listener: News): void
}
/** The same store, watched for temperatures that come after a verdict which they bear on. */
export function watchedWitnesses(store: Witnesses): WatchedWitnesses {
  let tell: News = () => {}
  return {
    ...store,
    onNews: listener => {
      tell = listener
    },
    async put(no, rows) {
      await store.put(no, rows)
      const meter = store.meters().find(m => m.no === no)
      if (!meter || rows.fromMs.length === 0) return
      const [first, last] = [rows.fromMs.reduce((a, b) => Math.min(a, b)), rows.toMs.reduce((a, b) => Math.max(a, b))]
      tell(meter.name, Math.floor(first / 1000), Math.ceil(last / 1000))
    },
  }
}
