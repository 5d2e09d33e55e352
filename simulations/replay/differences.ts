import { canonicalJson } from '../../src/core/codec.ts'
import type { Fact } from '../../src/core/model.ts'

/** Where a fact that was decided again is another: `recorded` and `again` as the log would write them, undefined where there is nothing. */
export type Difference = { readonly kind: Fact['kind']; readonly path: string; readonly recorded: unknown; readonly again: unknown }

/** More of one fact tells nobody more. */
const MOST = 5

/** By canonical bytes, as in the log. Facts of a kind are paired in their order. @returns differences, and how many recorded facts are the same */
export function compared(recorded: readonly Fact[], again: readonly Fact[]): { readonly same: number; readonly differences: Difference[] } {
  const left = new Map<string, Fact[]>()
  for (const fact of again) left.set(fact.kind, [...(left.get(fact.kind) ?? []), fact])
  const differences: Difference[] = []
  let same = 0
  for (const fact of recorded) {
    const other = left.get(fact.kind)?.shift()
    const found = differencesOf(fact, other)
    if (found.length === 0) same++
    differences.push(...found)
  }
  for (const fact of [...left.values()].flat()) differences.push(...differencesOf(undefined, fact))
  const order = (facts: readonly Fact[]) => facts.map(f => f.kind).join(' ')
  if (differences.length === 0 && order(recorded) !== order(again))
    differences.push({ kind: recorded[0]!.kind, path: 'order', recorded: order(recorded), again: order(again) })
  return { same, differences }
}

function differencesOf(recorded: Fact | undefined, again: Fact | undefined): Difference[] {
  const { kind } = (recorded ?? again)!
  if (recorded === again) return []
  if (!recorded || !again) return [{ kind, path: '', recorded: recorded && 'recorded', again: again && 'decided' }]
  const [a, b] = [canonicalJson(recorded), canonicalJson(again)]
  if (a === b) return []
  const isDifference = (at: At) => at.recorded !== undefined || !LATER.has(`${kind} ${at.path}`)
  return [...pathsOf(JSON.parse(a), JSON.parse(b), '')]
    .filter(isDifference)
    .slice(0, MOST)
    .map(at => ({ kind, ...at }))
}
/** What records of former versions do not have yet, by kind and path: that it is not there is no difference. */
const LATER: ReadonlySet<string> = new Set(['verified energy.meteredS', 'verified terms.overlaps', 'verified verification.overlaps'])

type At = Omit<Difference, 'kind'>
function* pathsOf(a: unknown, b: unknown, path: string): Generator<At> {
  if (isColumn(a) && isColumn(b) && a.$t === b.$t) yield* pathsOf(valuesOf(a), valuesOf(b), path)
  else if (isObject(a) && isObject(b)) {
    const within = (key: string) => (Array.isArray(a) ? `${path}[${key}]` : path === '' ? key : `${path}.${key}`)
    for (const key of new Set([...Object.keys(a), ...Object.keys(b)])) yield* pathsOf(a[key], b[key], within(key))
  } else if (!Object.is(a, b)) yield { path, recorded: a, again: b }
}
const isObject = (x: unknown): x is Record<string, unknown> => typeof x === 'object' && x !== null
type Column = { readonly $b64: string; readonly $t: string }
const isColumn = (x: unknown): x is Column => isObject(x) && '$b64' in x && '$t' in x
const types: Readonly<Record<string, { readonly from: (b: ArrayBuffer) => ArrayLike<number> }>> = {
  u8: { from: b => new Uint8Array(b) },
  u16: { from: b => new Uint16Array(b) },
  u32: { from: b => new Uint32Array(b) },
  i32: { from: b => new Int32Array(b) },
  f64: { from: b => new Float64Array(b) },
}
function valuesOf({ $b64, $t }: Column): number[] {
  return Array.from(types[$t]!.from(new Uint8Array(Buffer.from($b64, 'base64')).buffer))
}
