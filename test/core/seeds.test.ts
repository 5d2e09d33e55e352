import { createHash, createHmac } from 'node:crypto'
import { expect, test } from 'vitest'
import { leafHash, verifyInclusion } from '../../src/audit/merkle.ts'
import { decide } from '../../src/core/decide.ts'
import type { Input } from '../../src/core/model.ts'
import { fromBytes, toBytes } from '../../src/core/snapshot.ts'
import { emptyState } from '../../src/core/state.ts'
import { createSeeds, eventKeyOf, eventKeys } from '../../src/engine/seeds.ts'
import { eventOf, one, T } from './bed.ts'

const master = new Uint8Array(32).fill(9)
const root = () => new Uint8Array(32).fill(5)
const signal = (id: string): Input => ({
  kind: 'signal',
  event: eventOf({ id, rawHash: createHash('sha256').update(id).digest('hex') }),
  seed: new Uint8Array(0),
  raw: new Uint8Array(0),
})

const COUNT = 128
const seedsOf = (key = master) => createSeeds(key, COUNT)
const keys = eventKeys(master, () => true)

test('a log begins with the keys of all events to come: each stands at its own place, and at no other', () => {
  const s = emptyState()
  const first = one(decide(s, seedsOf().commitment(s), T * 1000), 'keyCommitted')!
  expect(first).toMatchObject({ from: 0, count: COUNT, root: expect.stringMatching(/^[0-9a-f]{64}$/) })
  const isAt = (no: number, slot: number, path = keys.pathOf(no, { from: 0, count: COUNT })!) =>
    verifyInclusion(leafHash(keys.keyOf(no)!), slot, COUNT, path, Buffer.from(first.root!, 'hex')).ok
  expect([0, 7, 127].map(no => isAt(no, no))).toEqual([true, true, true])
  expect([isAt(7, 8), isAt(8, 7, keys.pathOf(7, { from: 0, count: COUNT })), isAt(7, 7, [])]).toEqual([false, false, false])
  expect(seedsOf().commitment(s)).toEqual([])
  expect(seedsOf().commitment(fromBytes(toBytes(s)))).toEqual([])
})
test('before those are used up the next are committed in batches, which is on record', () => {
  const s = emptyState()
  decide(s, seedsOf().commitment(s), T * 1000)
  for (let k = 0; k < 65; k++) decide(s, seedsOf().seeded([signal(`e${k}`)], s, root), (T + k + 1) * 1000)
  const [batch, note] = seedsOf().commitment(s)
  expect([batch, note]).toMatchObject([
    { kind: 'keyCommitted', from: 128 },
    { kind: 'noted', what: 'seedKeysAdded', about: { fromEvent: 128, because: 'firstKeysUsed' } },
  ])
  const { hashes } = batch as Extract<Input, { kind: 'keyCommitted' }>
  expect(Buffer.from(hashes!.subarray(32 * 7, 32 * 8))).toEqual(createHash('sha256').update(keys.keyOf(135)!).digest())
  expect(seedsOf().commitment(fromBytes(toBytes(s)))).toEqual(seedsOf().commitment(s))
  decide(s, seedsOf().commitment(s), (T + 70) * 1000)
  expect(seedsOf().commitment(s)).toEqual([])
})
test('another key, and a log that committed to one key for all, commit to keys of single events anew', () => {
  const s = emptyState()
  decide(s, [{ kind: 'keyCommitted', keyHash: createHash('sha256').update(master).digest('hex') }], T * 1000)
  expect(seedsOf().commitment(s)).toMatchObject([{ from: 0 }, { what: 'seedKeysAdded' }])
  decide(s, seedsOf().commitment(s), (T + 1) * 1000)
  expect(seedsOf(new Uint8Array(32)).commitment(s)).toMatchObject([{ from: 0 }, { about: { because: 'anotherSeedKey' } }])
})
test('a log that follows another begins with the keys of the numbers that are left', () => {
  const s = emptyState()
  decide(s, [...seedsOf().commitment(s), ...seedsOf().seeded([signal('a'), signal('b')], s, root)], T * 1000)
  s.seedKeyHash = ''
  expect(seedsOf().commitment(s)).toMatchObject([{ from: 2, count: COUNT }])
})
test('whoever is given the key of an event can make its seed from the signal and the log, and no other', () => {
  const s = emptyState()
  const seeds = seedsOf()
  decide(s, seeds.commitment(s), T * 1000)
  const twins = seeds.seeded([signal('a'), signal('b'), signal('a')], s, root)
  const seedOf = (k: number) => (twins[k] as Extract<Input, { kind: 'signal' }>).seed
  expect(seedOf(0)).toEqual(seedOf(2))
  expect(seedOf(0)).not.toEqual(seedOf(1))
  const again = createHmac('sha256', eventKeyOf(master, 1)).update(createHash('sha256').update('b').digest()).update(root()).digest()
  expect(Buffer.from(seedOf(1))).toEqual(again)
})
test('two starts on one signal give one seed', () => {
  const s = emptyState()
  expect(seedsOf().seeded([signal('a')], s, root)).toEqual(seedsOf().seeded([signal('a')], s, root))
})
