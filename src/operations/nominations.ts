import { createHash } from 'node:crypto'
import type { Input, NodeNo, Second } from '../core/model.ts'
import { pinnedRuleset } from '../core/verify/baseline/rulesets.ts'
import { type Nomination, nominationDueS } from '../core/verify/nominated.ts'
import { MISSING } from '../core/verify/record.ts'
import type { Engine } from '../engine.ts'
import { csvText } from './csv.ts'
import { findNode, pathName } from './names.ts'
import { type By, done, invalid, isoS, type Result, refuse, seconds } from './result.ts'

/** Mean power of half hours, W; null says nothing of one: what an earlier nomination said of it stands. */
export type NominatedValue = { readonly from: string; readonly w: number | null }
export type NominationRequest = { readonly node: string; readonly values: readonly NominatedValue[] }
export type NominationView = {
  readonly node: { readonly no: NodeNo; readonly path: string }
  readonly from: string
  readonly until: string
  readonly recorded: string
  readonly values: readonly NominatedValue[]
  /** Of the values so many came after noon of the day before: the deadline of the ruleset `nominated` where a programme sets no other. */
  readonly late: number
}

const HALF_HOUR_S = 1800
/** Five weeks. */
const MOST_VALUES = 5 * 7 * 48
const MOST_W = 2e9
const published = pinnedRuleset('nominated@1')!

/** The fact of a nomination: an unbroken row of half hours. @param slots by time */
export function nominatedFact(
  node: NodeNo,
  slots: readonly { readonly fromS: Second; readonly w: number | null }[],
  ref: string,
): Input | undefined {
  const first = slots[0]?.fromS
  const last = slots.at(-1)?.fromS
  if (first === undefined || last === undefined) return undefined
  const meanW = new Int32Array((last - first) / HALF_HOUR_S + 1).fill(MISSING)
  for (const { fromS, w } of slots) meanW[(fromS - first) / HALF_HOUR_S] = w === null ? MISSING : Math.round(w)
  return { kind: 'nominated', node, fromS: first, stepS: HALF_HOUR_S, meanW, ref }
}

/**
 * Baselines that a unit says of itself before an event. Each is in the log when it comes; which count for an event is a matter of its ruleset: what came after the
 * deadline is on record, and does not.
 */
export function createNominations(engine: Engine) {
  function viewOf(node: NodeNo, x: Nomination): NominationView {
    const values = Array.from(x.meanW, (w, k) => ({ fromS: x.fromS + k * x.stepS, w: w === MISSING ? null : w }))
    return {
      node: { no: node, path: pathName(engine.registry, node) },
      from: isoS(x.fromS),
      until: isoS(x.fromS + x.stepS * x.meanW.length),
      recorded: isoS(x.atS),
      values: values.map(({ fromS, w }) => ({ from: isoS(fromS), w })),
      late: values.filter(({ fromS, w }) => w !== null && x.atS > dueS(fromS)).length,
    }
  }
  return {
    /** Newest last. @returns `node-not-found` */
    list(name?: string): Result<readonly NominationView[]> {
      const node = name === undefined ? undefined : findNode(engine.registry, name)
      if (node && !node.ok) return node
      const { nominations } = engine.state()
      const all = [...nominations].filter(([no]) => node === undefined || no === node.value)
      return done(all.flatMap(([no, list]) => list.map(x => viewOf(no, x))).sort((a, b) => (a.recorded < b.recorded ? -1 : 1)))
    },
    /** All or nothing. @returns `node-not-found`, `bad-value`, `nomination-over` */
    async nominate({ node: name, values }: NominationRequest, by: By): Promise<Result<NominationView>> {
      const node = findNode(engine.registry, name)
      if (!node.ok) return node
      const nowS = seconds(engine.now())
      const slots = slotsOf(values)
      if (!slots.ok) return slots
      if (slots.value.every(x => x.fromS + HALF_HOUR_S <= nowS))
        return refuse('conflict', 'nomination-over', 'all of its half hours are over: their load is metered', 'nominate the days to come')
      const raw = new TextEncoder().encode(nominationCsv(slots.value))
      const sha256 = createHash('sha256').update(raw).digest('hex')
      const fact = nominatedFact(node.value, slots.value, sha256)!
      await engine.handle(fact)
      const late = slots.value.filter(x => x.w !== null && nowS > dueS(x.fromS)).length
      await engine.bridge.note('baselineNominated', { node: node.value, by: by.name, values: values.length, late, sha256 }, raw)
      const kept = engine.state().nominations.get(node.value)?.at(-1)
      return kept ? done(viewOf(node.value, kept)) : refuse('conflict', 'nomination-over', 'it is over')
    },
  }
}
export type Nominations = ReturnType<typeof createNominations>

const dueS = (atS: Second): Second =>
  published.method.kind === 'nominated' ? nominationDueS(published.method.deadline, published.zone, atS) : atS

function slotsOf(values: readonly NominatedValue[]): Result<readonly { readonly fromS: Second; readonly w: number | null }[]> {
  const slots = values.map(({ from, w }) => ({ fromS: Date.parse(from) / 1000, w }))
  for (const [k, { fromS, w }] of slots.entries()) {
    const at = `#/values/${k}`
    if (!(fromS % HALF_HOUR_S === 0)) return invalid('bad-value', at, values[k], 'does not begin a half hour', 'as in 2026-11-23T17:00:00Z')
    if (w !== null && !(Math.abs(w) <= MOST_W)) return invalid('bad-value', at, values[k], 'is no power in W')
  }
  const sorted = slots.toSorted((a, b) => a.fromS - b.fromS)
  const twice = sorted.find((x, k) => x.fromS === sorted[k + 1]?.fromS)
  if (twice) return invalid('bad-value', '#/values', isoS(twice.fromS), 'is said twice')
  if (sorted.length === 0 || (sorted.at(-1)!.fromS - sorted[0]!.fromS) / HALF_HOUR_S >= MOST_VALUES)
    return invalid('bad-value', '#/values', values.length, 'say at least one half hour, and no more than five weeks')
  return done(sorted)
}
const nominationCsv = (slots: readonly { readonly fromS: Second; readonly w: number | null }[]): string =>
  csvText(
    ['from_utc', 'kw'],
    slots.map(({ fromS, w }) => ({ from_utc: isoS(fromS), kw: w === null ? null : (w / 1000).toFixed(3) })),
  )
