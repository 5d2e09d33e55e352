import type { Instant, Readings } from '../core/model.ts'
import { packed } from '../core/verify/packed.ts'
import { type History, METER_BEFORE, type VerdictTerms, type Weather } from '../core/verify/record.ts'
import { type Worked, workedAhead, working } from '../core/verify/worked.ts'
import type { Meters, Witnesses } from '../ports.ts'
import { readingsAround } from './edgeReadings.ts'
import { createHistoryReader, eventDayIn } from './verifyingHistory.ts'
import { createWeatherReader } from './verifyingWeather.ts'

/** Whom a verdict is about, and by what. */
type About = { readonly who: Uint32Array; readonly terms: VerdictTerms }
export type Gathered = { readonly pieces: readonly Uint8Array[]; readonly weather?: Weather; readonly worked: Worked }
/** Lets others have their turn. */
export type Breathe = () => Promise<void>

/** So many chargers' readings are read, and worked out, in one go: some ten milliseconds each. */
const AT_ONCE = 100
/** What is gathered is kept in at most so many pieces: each is named in the entry of the log. */
const MOST_PIECES = 128

/**
 * Gathers the readings that a verdict stands on and works out what they say of each charger, some chargers after others, so that ten thousand of them
 * keep nobody waiting. `isOver` ends it early, with undefined. What comes in for a charger after it had its turn is not in it: whoever calls sees to that.
 */
export function createGathering(meters: Meters, witnesses: Witnesses | undefined, breathe: Breathe) {
  const historyOf = createHistoryReader(meters)
  const weatherOf = createWeatherReader(witnesses)
  return async (about: About, salt: Uint8Array, isOver: () => boolean): Promise<Gathered | undefined> => {
    const work = working(about, salt)
    const chargers = Uint32Array.from(new Set(about.who)).sort()
    const historyFor = historyOfAll(about)
    const found: Uint8Array[] = []
    for (let from = 0; from < chargers.length; from += AT_ONCE) {
      const some = chargers.slice(from, from + AT_ONCE)
      const readings = await readingsOf(some, about.terms)
      const history = await historyFor(some)
      await breathe()
      if (isOver()) return undefined
      work.add(some, readings, history)
      found.push(packed(readings, history))
      await breathe()
    }
    const weather = await weatherOf(about.terms)
    const steps = work.finish(weather)
    let step = steps.next()
    for (; !step.done; step = steps.next()) await breathe()
    await breathe()
    const pieces = joined(found)
    workedAhead(pieces, about, step.value)
    await breathe()
    return { pieces, ...(weather ? { weather } : {}), worked: step.value }
  }

  function readingsOf(some: Uint32Array, { window: w }: VerdictTerms): Promise<Readings> {
    const fromMs: Instant = Math.min(w.fromS, w.baselineFromS) * 1000
    return readingsAround(meters, some, fromMs, w.toS * 1000)
  }
  function historyOfAll({ who, terms }: About): (some: Uint32Array) => Promise<History | undefined> {
    const { ruleset, window, rules } = terms
    if (ruleset.id === METER_BEFORE.id) return async () => undefined
    const rowOf = new Map(Array.from(who, (charger, row) => [charger, row]))
    const wasIn = eventDayIn(terms)
    return some => {
      const isEventDay = (k: number, day: number): boolean => wasIn(rowOf.get(some[k]!)!, day)
      return historyOf({ who: some, window, ruleset, periodS: rules.periodS, isEventDay })
    }
  }
}

function joined(found: readonly Uint8Array[]): readonly Uint8Array[] {
  const each = Math.ceil(found.length / MOST_PIECES)
  const out: Uint8Array[] = []
  for (let k = 0; k < found.length; k += each) out.push(Buffer.concat(found.slice(k, k + each)))
  return out
}
