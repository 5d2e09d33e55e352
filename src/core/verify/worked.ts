import { createHash } from 'node:crypto'
import { canonicalJson } from '../codec.ts'
import type { Readings } from '../model.ts'
import { type Baselines, meterBeforeBaselines } from './baselines.ts'
import { type ControlBaselines, controlBaselines } from './control.ts'
import { rulesetOf } from './eventDays.ts'
import { historicBaselines } from './historic.ts'
import { type Metering, meteringFor } from './metering.ts'
import { nominatedBaselines } from './nominated.ts'
import { unpacked } from './packed.ts'
import { type Periods, periodsIn } from './periods.ts'
import { growingTree, inOrder, type ReadingsTree } from './readingsRoot.ts'
import { type History, METER_BEFORE, type Metered, type VerdictTerms } from './record.ts'

/** What a verdict is made of beside its terms. `pieces` stand for `readings` and `history`. */
export type Evidence = Pick<Metered, 'readings' | 'history' | 'pieces' | 'weather' | 'salt'>
/** Whom a verdict is about, and by what. */
type About = { readonly who: Uint32Array; readonly terms: VerdictTerms }

/** What readings say of each charger for a verdict: nearly all of the work, and none of it hangs on what becomes known of others meanwhile. */
export type Worked = {
  readonly meters: Metering
  readonly baselines: Baselines & Partial<ControlBaselines>
  readonly tree: ReadingsTree
}

/**
 * Works that out from the readings of some chargers after others, so that a large fleet's are never in the way of anything: `add` all of `who` once, in
 * ascending order, each with all that is theirs; then `finish`, which stops now and then to let others have their turn.
 */
export function working({ who, terms }: About, salt: Uint8Array) {
  const periods = periodsIn(terms.window, terms.rules.periodS)
  const metering = meteringFor(who, terms, periods)
  const tree = growingTree(salt)
  const histories: History[] = []
  return {
    add(some: Uint32Array, readings: Readings, history?: History): void {
      metering.add(readings)
      tree.add(some, readings, history)
      if (history) histories.push(history)
    },
    *finish(weather?: Evidence['weather']): Generator<void, Worked> {
      const meters = metering.metered()
      yield
      const evidence = { history: joinedHistory(histories), weather }
      const baselines = yield* baselinesOf(who, terms, meters, periods, evidence)
      yield
      return { meters, baselines, tree: tree.grown() }
    },
  }
}

function* baselinesOf(
  who: Uint32Array,
  terms: VerdictTerms,
  meters: Metering,
  periods: Periods,
  { history, weather }: { readonly history: History | undefined; readonly weather: Evidence['weather'] },
): Generator<void, Worked['baselines']> {
  if (terms.ruleset.id === METER_BEFORE.id) return meterBeforeBaselines(meters.before, periods)
  const method = rulesetOf(terms.ruleset)?.method
  if (method?.kind === 'nominated') return nominatedBaselines(terms, periods)
  if (method?.kind === 'controlGroup') return controlBaselines(method, terms, meters, periods)
  return yield* historicBaselines(who, terms, periods, history, weather)
}

/** What was worked out before its turn, by the pieces that it was worked out from: kept for as long as those are. */
const ahead = new WeakMap<object, { readonly about: string; readonly worked: Worked }>()
export function workedAhead(pieces: readonly Uint8Array[], about: About, worked: Worked): void {
  ahead.set(pieces, { about: bearing(about), worked })
}
/** What of the terms it hangs on: all but who answered and had a link, and which other events acted, which may change until the turn. */
function bearing({ who, terms: { standing: _, overlaps: __, ...terms } }: About): string {
  const all = createHash('sha256')
  for (const [key, value] of Object.entries({ who, ...terms }).sort(([a], [b]) => (a < b ? -1 : 1))) {
    const isColumn = ArrayBuffer.isView(value)
    all.update(isColumn ? `${key} ${value.byteLength} ` : `${key} ${canonicalJson(value ?? null)}`)
    if (isColumn) all.update(new Uint8Array(value.buffer, value.byteOffset, value.byteLength))
  }
  return all.digest('hex')
}

/** The same whether it was worked out ahead or is now. */
export function workedOut(about: About, evidence: Evidence): Worked {
  const known = evidence.pieces && ahead.get(evidence.pieces)
  if (known?.about === bearing(about)) return known.worked
  const { readings, history } = readingsOf(evidence)
  const work = working(about, evidence.salt ?? noSalt)
  work.add(Uint32Array.from(new Set(about.who)).sort(), inOrder(readings), history)
  const steps = work.finish(evidence.weather)
  for (;;) {
    const step = steps.next()
    if (step.done) return step.value
  }
}
const noSalt = new Uint8Array(0)

/** The readings and days of a fact, however it has them; none where they have been erased or have expired. */
export function readingsOf({ readings, history, pieces }: Evidence): { readonly readings: Readings; readonly history?: History } {
  return pieces ? unpacked(pieces) : { readings: readings ?? noReadings, ...(history ? { history } : {}) }
}
const noReadings: Readings = unpacked([]).readings

function joinedHistory(parts: readonly History[]): History | undefined {
  const some = parts.filter(h => h.who.length > 0)
  if (parts.length < 2) return parts[0]
  const rows = some.reduce((n, h) => n + h.who.length, 0)
  const slots = some[0]?.slots ?? 0
  const out = { who: new Uint32Array(rows), day: new Int32Array(rows), slots, milliWh: new Int32Array(rows * slots) }
  let at = 0
  for (const h of some) {
    out.who.set(h.who, at)
    out.day.set(h.day, at)
    out.milliWh.set(h.milliWh, at * slots)
    at += h.who.length
  }
  return out
}
