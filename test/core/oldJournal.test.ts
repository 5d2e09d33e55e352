import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { gunzipSync } from 'node:zlib'
import { describe, expect, test } from 'vitest'
import { apply, beginTurn } from '../../src/core/apply.ts'
import { decode } from '../../src/core/codec.ts'
import { decide } from '../../src/core/decide.ts'
import type { Schedule } from '../../src/core/model.ts'
import { scheduleOf, UNKNOWN } from '../../src/core/rows.ts'
import { fromBytes, stateDigest, toBytes } from '../../src/core/snapshot.ts'
import { emptyState, type State } from '../../src/core/state.ts'
import { eventOf, seedOf } from './bed.ts'

/*
 * A journal as the bridge wrote it when its plans were `plan-1` (commit b965676), with what every charger was to do and held after each turn, and a
 * snapshot of that time: a capped feeder, an emergency that one ignores, a refusal, an opt-out, a lost link, a revision, a cancellation. What was
 * recorded then must mean the same for ever.
 */
type OldJournal = {
  readonly leaves: readonly string[]
  readonly blobs: Readonly<Record<string, string>>
  readonly turns: readonly { readonly leaves: number; readonly wants: readonly Schedule[]; readonly holds: readonly (Schedule | null)[] }[]
  readonly snapshot: { readonly leaves: number; readonly base64: string }
}
const old: OldJournal = JSON.parse(
  gunzipSync(readFileSync(join(import.meta.dirname, 'fixtures', 'journal-plan-1.json.gz'))).toString('utf8'),
)
const entryOf = (leaf: string) =>
  decode(Buffer.from(leaf), hash => (old.blobs[hash] === undefined ? undefined : Buffer.from(old.blobs[hash], 'base64')))
const folded = (s: State, from: number, to: number): State => {
  for (const leaf of old.leaves.slice(from, to)) {
    const { turn, at, fact } = entryOf(leaf)
    if (turn !== s.turn) beginTurn(s, turn, at)
    apply(s, fact)
  }
  return s
}
const wants = (s: State) => Array.from(s.want, row => scheduleOf(s.rows, row))
const holds = (s: State) => Array.from(s.holds, row => (row === UNKNOWN ? null : scheduleOf(s.rows, row)))
const whole = () => folded(emptyState(), 0, old.leaves.length)
const fromSnapshot = () => folded(fromBytes(Buffer.from(old.snapshot.base64, 'base64')), old.snapshot.leaves, old.leaves.length)

describe('a journal of plan-1', () => {
  test('folds turn by turn to what every charger was to do and was known to hold', () => {
    const s = emptyState()
    let from = 0
    for (const [k, turn] of old.turns.entries()) {
      folded(s, from, turn.leaves)
      from = turn.leaves
      expect(wants(s), `turn ${k}`).toEqual(turn.wants)
      expect(holds(s), `turn ${k}`).toEqual(turn.holds)
    }
    expect(from).toBe(old.leaves.length)
  })
  test('folds from a snapshot of its time as well', () => {
    const s = fromSnapshot()
    expect(wants(s)).toEqual(old.turns.at(-1)!.wants)
    expect(holds(s)).toEqual(old.turns.at(-1)!.holds)
    // and nothing that today's state knows is missing from it
    const now = whole()
    const known = (x: object) => Object.entries(x).flatMap(([key, value]) => (value === undefined ? [] : [key]))
    expect(known(s).toSorted()).toEqual(known(now).toSorted())
    expect(known(s.fleet).toSorted()).toEqual(known(now.fleet).toSorted())
    expect([...s.programmes.values()]).toEqual([...now.programmes.values()])
    for (const e of s.events.values()) expect(known(e).toSorted()).toEqual(known(now.events.get(e.no)!).toSorted())
  })
  test('is a state like any other: a snapshot of it is the same state', () => {
    const s = whole()
    expect(stateDigest(fromBytes(toBytes(s)))).toBe(stateDigest(s))
  })
  test.each([
    ['all of it', whole],
    ['its snapshot and what came after', fromSnapshot],
  ])('after %s the bridge goes on: events run and are verified, new ones come, and in the end everybody is free', (_, start) => {
    const s = start()
    let nowS = Math.ceil(s.nowMs / 1000)
    const turn = (...inputs: Parameters<typeof decide>[1]) => decide(s, inputs, nowS * 1000)
    const event = eventOf({
      id: 'new',
      upstreamRef: 'new',
      intervals: [{ fromS: nowS + 600, toS: nowS + 2_400, ask: { kind: 'cap', totalW: 20_000 } }],
      spread: 'programme',
    })
    turn({ kind: 'signal', event, seed: seedOf('new'), raw: new Uint8Array(0) })
    expect(s.events.get(s.eventNoById.get('new')!)!.status).toBe('accepted')
    const none = new Float64Array(0)
    const readings = { charger: new Uint32Array(0), fromMs: none, toMs: none, powerW: none, registerWh: none, quality: new Uint8Array(0) }
    for (let k = 0; k < 40; k++) {
      nowS += 600
      turn()
      for (const e of [...s.events.values()]) if (k % 10 === 5) turn({ kind: 'metered', event: e.no, readings })
    }
    expect(wants(s).every(schedule => schedule.every(x => x.toS <= nowS))).toBe(true)
  })
})
