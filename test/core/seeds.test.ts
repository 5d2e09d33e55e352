import { createHash, createHmac } from 'node:crypto'
import { expect, test } from 'vitest'
import { decide } from '../../src/core/decide.ts'
import type { Input } from '../../src/core/model.ts'
import { fromBytes, toBytes } from '../../src/core/snapshot.ts'
import { emptyState } from '../../src/core/state.ts'
import { createSeeds, eventKeyOf } from '../../src/engine/seeds.ts'
import { eventOf, one, T } from './bed.ts'

const master = new Uint8Array(32).fill(9)
const root = () => new Uint8Array(32).fill(5)
const signal = (id: string): Input => ({
  kind: 'signal',
  event: eventOf({ id, rawHash: createHash('sha256').update(id).digest('hex') }),
  seed: new Uint8Array(0),
  raw: new Uint8Array(0),
})

test('the keys of the next events are committed before any is drawn, and again before they run out', () => {
  const s = emptyState()
  const seeds = createSeeds(master)
  const first = one(decide(s, seeds.commitment(s), T * 1000), 'keyCommitted')!
  expect(first.from).toBe(0)
  expect(first.hashes).toHaveLength(128 * 32)
  expect(Buffer.from(first.hashes!.subarray(32 * 7, 32 * 8))).toEqual(createHash('sha256').update(seeds.keyOf(7)).digest())
  expect(seeds.commitment(s)).toEqual([])
  for (let k = 0; k < 65; k++) decide(s, seeds.seeded([signal(`e${k}`)], s, root), (T + k + 1) * 1000)
  expect(seeds.commitment(s)).toMatchObject([{ kind: 'keyCommitted', from: 128 }])
  expect(seeds.commitment(fromBytes(toBytes(s)))).toEqual(seeds.commitment(s))
})
test('another key, and a log that committed to one key for all, commit to keys of single events anew', () => {
  const s = emptyState()
  decide(s, [{ kind: 'keyCommitted', keyHash: createHash('sha256').update(master).digest('hex') }], T * 1000)
  expect(createSeeds(master).commitment(s)).toMatchObject([{ from: 0 }])
  decide(s, createSeeds(master).commitment(s), (T + 1) * 1000)
  expect(createSeeds(new Uint8Array(32)).commitment(s)).toMatchObject([{ from: 0 }])
})
test('whoever is given the key of an event can make its seed from the signal and the log, and no other', () => {
  const s = emptyState()
  const seeds = createSeeds(master)
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
  expect(createSeeds(master).seeded([signal('a')], s, root)).toEqual(createSeeds(master).seeded([signal('a')], s, root))
})
