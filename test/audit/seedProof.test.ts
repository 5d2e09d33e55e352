import { createHash } from 'node:crypto'
import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { expect, it } from 'vitest'
import { createMemoryJournal, createMemoryStore } from '../../adapters/stores/memory/index.ts'
import { signerOf } from '../../src/audit/note.ts'
import { encode } from '../../src/core/codec.ts'
import type { Fact, Input } from '../../src/core/model.ts'
import { toBytes } from '../../src/core/snapshot.ts'
import { emptyState } from '../../src/core/state.ts'
import { createSeeds, type EventKeys, eventKeyOf, eventKeys, seedOf } from '../../src/engine/seeds.ts'
import { evidenceFiles } from '../../src/operations/evidence.ts'
import { checkPack } from '../../src/operations/evidenceCheck.ts'
import { type Files, names, textOf } from '../../src/operations/evidenceFiles.ts'
import { unpacked } from '../../src/operations/evidenceZip.ts'
import type { Journal } from '../../src/ports.ts'
import { eventOf } from '../core/bed.ts'
import { resealed } from './forged.ts'

/** That the seed of an event is the only one that its operator could have drawn is shown by the pack alone, and where it cannot be, the pack says so. */
const signer = signerOf('memory.gridbridge.invalid/log', new Uint8Array(32).fill(7))
const master = new Uint8Array(32).fill(7)
const other = new Uint8Array(32).fill(8)
const raw = Buffer.from('the message of the grid operator')
const rawHash = createHash('sha256').update(raw).digest('hex')

type Commitment = Extract<Input, { kind: 'keyCommitted' }>
/** As a bridge with that key commits to the keys of 16 events; then to 128 more, because it was used up or because the key is another. */
const first = (key = master, from = 0): Commitment => {
  const s = Object.assign(emptyState(), { nextEventNo: from })
  return createSeeds(key, 16).commitment(s)[0] as Commitment
}
const later = (key = master, from = 0): Commitment => {
  const s = Object.assign(emptyState(), { nextEventNo: from, seedKeyHash: 'of another key' })
  return createSeeds(key, 16).commitment(s)[0] as Commitment
}
const noted: Fact = { kind: 'noted', what: 'override', about: {} }
const opened = (nextEventNo: number): Fact => {
  const state = toBytes(Object.assign(emptyState(), { nextEventNo }))
  return { kind: 'opened', previous: { origin: 'before', size: 9, root: '00', checkpoint: '' }, state }
}

type Told = {
  /** One turn each, before the message. */
  readonly turns: readonly (readonly Fact[])[]
  readonly no?: number
  /** What the seed is drawn with. */
  readonly key?: Uint8Array
  readonly inTheTurn?: readonly Fact[]
}
/** A log in which an event is declined: what is shown of a seed does not hang on who was to act. */
async function logOf({ turns, no = 0, key = eventKeyOf(master, no), inTheTurn = [] }: Told): Promise<Journal> {
  const journal = createMemoryJournal(createMemoryStore(), signer)
  const signal = (): Fact => ({ kind: 'signal', event: eventOf({ rawHash }), seed: seedOf(key, rawHash, journal.root()), raw })
  const all = [
    ...turns.map(facts => () => facts),
    () => [...inTheTurn, signal(), { kind: 'declined', event: no, revision: 0, why: 'notice' } as const],
  ]
  for (const [turn, facts] of all.entries()) {
    const entries = facts().map(fact => encode({ turn, at: 1_700_000_000_000 + turn, fact }, () => new Uint8Array(16).fill(turn)))
    await journal.append(
      journal.size(),
      entries.map(e => e.leaf),
      entries.flatMap(e => e.blobs),
    )
  }
  return journal
}
const packOf = async (told: Told, keys: EventKeys = eventKeys(master, () => true)): Promise<Files> => {
  const source = { journal: await logOf(told), eventKeys: keys, isOver: () => true }
  return (await evidenceFiles(source, String(told.no ?? 0), { nowMs: 1_700_000_100_000, version: '0' }))!
}
const seedLines = ['key of the seed', 'seed', 'no other seed']
function shown(files: Files): Partial<Record<string, string | readonly string[]>> {
  const { lines } = checkPack(files, { keys: [signer.verifier] })
  const said = Object.fromEntries(lines.flatMap(l => (seedLines.includes(l.what) ? [[l.what, `${l.result}: ${l.why}`]] : [])))
  return { ...said, wrong: lines.flatMap(l => (l.result === 'failed' ? [l.what] : [])) }
}
const without = (files: Files, name: string): Files => resealed(Object.fromEntries(Object.entries(files).filter(([n]) => n !== name)))

it.each([
  ['with the keys', { turns: [[first()]] }, 'entry 0'],
  ['with what it follows', { turns: [[opened(5)], [first(master, 5)]], no: 5 }, 'entry 1'],
  ['with what it follows, and another signing key', { turns: [[opened(5)], [noted], [first(master, 5), noted]], no: 5 }, 'entry 2'],
  ['with the hashes of the keys, as earlier releases did', { turns: [[later()], [noted]] }, 'entry 0'],
  ['with the keys, and another commitment comes later', { turns: [[first()], [noted], [later(other)], [later(master)]] }, 'entry 0'],
] as const)('the log begins %s: no other seed could have been drawn', async (_, told, where) => {
  const lines = shown(await packOf(told))
  expect(lines).toMatchObject({
    wrong: [],
    'key of the seed': expect.stringMatching(`^ok: ${where} committed`),
    seed: expect.stringMatching('^ok'),
  })
  expect(lines['no other seed']).toBe(
    `ok: the log begins with that commitment (${where}): event ${'no' in told ? told.no : 0} can have no other key, and with the message and the log before it this is its only seed`,
  )
})

it.each([
  [
    'the first keys are of other events',
    { turns: [[first(master, 100)], [noted], [noted], [later()]] },
    'the log began (entry 0) with the keys of other events',
    3,
  ],
  [
    'one key for all, in an early release',
    { turns: [[{ kind: 'keyCommitted', keyHash: first().keyHash }], [noted], [noted], [later()]] },
    'the log did not begin with keys of events',
    3,
  ],
  [
    'there is much before the first keys',
    { turns: [...Array.from({ length: 10 }, () => [noted]), [first()]] },
    'the log did not begin with keys of events',
    10,
  ],
] as const)('%s: the pack says what it cannot show, which is no failure', async (_, told, why, leaf) => {
  const lines = shown(await packOf(told as Told))
  expect(lines).toMatchObject({
    wrong: [],
    'key of the seed': expect.stringMatching(`^ok: entry ${leaf} committed`),
    seed: expect.stringMatching('^ok'),
  })
  expect(lines['no other seed']).toBe(
    `notPossible: ${why}; that no entry before ${leaf} committed to another key for event 0, only the whole log shows`,
  )
})
it('a pack from which the beginning of the log was taken shows less, and says so', async () => {
  expect(shown(without(await packOf({ turns: [[first()], [noted]] }), names.entry(0))).wrong).toEqual(['key of the seed'])
  // what entry 0 would refuse
  const drawnAgain = await packOf(
    { turns: [[first()], [noted], [later(other)]], key: eventKeyOf(other, 0) },
    eventKeys(other, () => true),
  )
  const lines = shown(without(drawnAgain, names.entry(0)))
  expect(lines).toMatchObject({ wrong: [], 'key of the seed': expect.stringMatching('^ok: entry 2 committed') })
  expect(lines['no other seed']).toBe(
    'notPossible: how the log began is not in the pack (ask for one with entry 0); that no entry before 2 committed to another key for event 0, only the whole log shows',
  )
})
it('a pack of an earlier release still holds', () => {
  const files = unpacked(readFileSync(join(import.meta.dirname, 'fixtures', 'pack-before-0032.zip'))) as Files
  const lines = shown(files)
  expect(lines).toMatchObject({
    wrong: [],
    'key of the seed': expect.stringMatching('^ok: entry 0 committed'),
    seed: expect.stringMatching('^ok'),
  })
})

it('drawn with a key that was committed later: refused, with both entries', async () => {
  const key = eventKeyOf(other, 0)
  const lines = shown(
    await packOf(
      { turns: [[first()], [noted], [later(other)]], key },
      eventKeys(other, () => true),
    ),
  )
  expect(lines.wrong).toEqual(['key of the seed'])
  expect(lines['key of the seed']).toBe(
    'failed: it is not key 0 of the 16 that entry 0 has, which is that of event 0: the proof leads to another root; entry 2 is later, and does not count',
  )
  expect(lines['no other seed']).toBe('notPossible: the key of the seed is not shown to be right')
})
it.each([
  ['the key of another event', (keys: EventKeys): EventKeys => ({ keyOf: () => keys.keyOf(1), pathOf: keys.pathOf })],
  [
    'the key and the path of another event',
    (keys: EventKeys): EventKeys => ({ keyOf: () => keys.keyOf(1), pathOf: (_, r) => keys.pathOf(1, r) }),
  ],
  ['a path to the place of another event', (keys: EventKeys): EventKeys => ({ ...keys, pathOf: (_, r) => keys.pathOf(1, r) })],
  ['no path', (keys: EventKeys): EventKeys => ({ ...keys, pathOf: () => [] })],
])('%s: refused', async (_, forged) => {
  const keys = forged(eventKeys(master, () => true))
  const lines = shown(await packOf({ turns: [[first()]], key: keys.keyOf(0)! }, keys))
  expect(lines.wrong).toEqual(['key of the seed'])
  expect(lines['key of the seed']).toMatch(/^failed: it is not key 0 of the 16 that entry 0 has, which is that of event 0: the proof /)
})
it('the beginning of another log in its place: refused as an entry of this one', async () => {
  const key = eventKeyOf(other, 0)
  const [own, foreign] = [
    await packOf({ turns: [[first()]], key }),
    await packOf(
      { turns: [[first(other)]], key },
      eventKeys(other, () => true),
    ),
  ]
  expect(shown(foreign).wrong).toEqual([])
  const seed = JSON.stringify({ ...JSON.parse(textOf(foreign[names.seed]!)), before: JSON.parse(textOf(own[names.seed]!)).before })
  const files = resealed({ ...own, [names.entry(0)]: foreign[names.entry(0)]!, [names.seed]: Buffer.from(seed) })
  expect(shown(files).wrong).toContain('entries')
  expect(checkPack(files, { keys: [signer.verifier] }).lines.find(l => l.what === 'entries')!.why).toMatch(/^entry 0 is not in the log: /)
})
it('a commitment in the turn that took the message is none: the message was known by then', async () => {
  const files = await packOf({ turns: [[noted]], inTheTurn: [first()] })
  const keys = eventKeys(master, () => true)
  const path = keys.pathOf(0, { from: 0, count: 16 })!.map(hash => Buffer.from(hash).toString('base64'))
  const seed = { ...JSON.parse(textOf(files[names.seed]!)), key: Buffer.from(keys.keyOf(0)!).toString('hex'), path }
  const lines = shown(resealed({ ...files, [names.seed]: Buffer.from(JSON.stringify(seed)) }))
  expect(lines['key of the seed']).toBe('failed: no entry before the message commits to the key of event 0')
})
it('without the key, which is not at hand: nothing is shown, and nothing has failed', async () => {
  const lines = shown(
    await packOf(
      { turns: [[first()]] },
      eventKeys(undefined, () => true),
    ),
  )
  expect(lines).toMatchObject({ wrong: [], 'no other seed': 'notPossible: the key of the seed is not shown to be right' })
})
