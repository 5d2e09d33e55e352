import { createHash } from 'node:crypto'
import { leafHash, verifyInclusion } from '../audit/merkle.ts'
import { SALT } from '../core/codec.ts'
import type { EventNo, Fact } from '../core/model.ts'
import { isOutage } from '../core/outage.ts'
import { secretUntilS } from '../engine/seeds.ts'
import type { Engine } from '../engine.ts'
import type { EventView, Journal } from '../ports.ts'
import { covers } from './evidenceEntries.ts'
import { type By, done, isoS, type Result, refuse } from './result.ts'

/**
 * The seed of an event, for whoever wants to recompute its stagger (docs/decisions/0012): SHA-256 of salt || seed is `hash`, and `hash` stands as `seed`
 * in leaf `leaf` of the log, which was written before the first draw. `keyHash` was committed before that. `key` is that of this event alone: SHA-256 of
 * it was in the log before the signal was (`keyCommitted`), where the log is not of an earlier release. `committed`: the log's first word on that key, where
 * it is one root over the keys of all events to come; `path` leads to it from the key (RFC 9162 section 2.1.3, the key is entry `slot` of `count`). Hex,
 * but for the numbers.
 */
export type Seed = {
  readonly event: string
  readonly no: EventNo
  readonly seed: string
  readonly salt: string
  readonly hash: string
  readonly leaf: number
  readonly signalHash: string
  readonly keyHash: string
  readonly key: string
  readonly committed: Committed | null
}
type Committed = {
  readonly leaf: number
  readonly root: string
  readonly count: number
  readonly slot: number
  readonly path: string[]
}

/** Given away only when nobody can gain by it any more: the last charger has been let go, and what was announced is past. Each time on record. */
export async function revealSeed(engine: Engine, view: EventView, by: By): Promise<Result<Seed>> {
  if (isOutage(view)) return refuse('notFound', 'no-seed', 'an outage has no secret seed', 'it follows from its entry in the log')
  const secret = whileSecret(engine, view.no)
  if (secret) return secret
  const found = await signalLeaf(engine.journal, view, engine.state().events.get(view.no)?.seed)
  const salted = found && (await engine.journal.salted(found.hash))
  if (!found || !salted) return refuse('notFound', 'no-seed', 'the seed is not kept any more', 'its hash stays in the log')
  if (createHash('sha256').update(salted).digest('hex') !== found.hash) throw new Error(`blob ${found.hash} is not what its hash says`)
  await engine.bridge.note('seedRevealed', { event: view.no, by: by.name, leaf: found.leaf })
  const hex = (bytes: Uint8Array) => Buffer.from(bytes).toString('hex')
  return done({
    event: view.id,
    no: view.no,
    seed: hex(salted.subarray(SALT)),
    salt: hex(salted.subarray(0, SALT)),
    hash: found.hash,
    leaf: found.leaf,
    signalHash: found.signalHash,
    keyHash: engine.state().seedKeyHash,
    key: hex(engine.eventKeys.keyOf(view.no) ?? new Uint8Array(0)),
    committed: committedBy(engine, view.no, found.commitment),
  })
}

/** The refusal for as long as an event is not over. */
export function whileSecret(engine: Engine, no: EventNo): ReturnType<typeof refuse> | undefined {
  const untilS = secretUntilS(engine.state(), no)
  if (untilS <= engine.now() / 1000) return undefined
  const hint = untilS === Infinity ? 'cancel it, or wait for its end' : `ask again after ${isoS(untilS)}`
  return refuse('conflict', 'event-not-over', 'the seed is secret until the event is over', hint)
}

type CommitmentAt = { readonly leaf: number; readonly fact: Of<'keyCommitted'> }
/** Null where the key of all keys was another by then. */
function committedBy({ eventKeys }: Engine, no: EventNo, first: CommitmentAt | undefined): Committed | null {
  const { root, from = 0, count = 0 } = first?.fact ?? {}
  const [key, path] = root === undefined ? [] : [eventKeys.keyOf(no), eventKeys.pathOf(no, { from, count })]
  if (!first || root === undefined || !key || !path) return null
  if (!verifyInclusion(leafHash(key), no - from, count, path, Buffer.from(root, 'hex')).ok) return null
  return { leaf: first.leaf, root, count, slot: no - from, path: path.map(hash => Buffer.from(hash).toString('hex')) }
}

type Found = { readonly leaf: number; readonly hash: string; readonly signalHash: string; readonly commitment: CommitmentAt | undefined }
/**
 * The signal that an event was first heard of with: its seed is the one that everything was drawn from. Where the id came again after the first event
 * of that name was forgotten, it is the one with the seed of the state. With the first commitment to its key. Reads the log up to there.
 */
async function signalLeaf(journal: Journal, { id, no }: EventView, seed: Uint8Array | undefined): Promise<Found | undefined> {
  let leaf = -1
  let commitment: CommitmentAt | undefined
  for await (const leaves of journal.read(0))
    for (const bytes of leaves) {
      leaf++
      const text = Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength).toString('utf8')
      const keys = commitment ? undefined : factIn(text, 'keyCommitted')
      if (keys && covers(keys, no)) commitment = { leaf, fact: keys }
      const signal = signalOf(text, id)
      if (!signal?.hash) continue
      const body = seed && (await journal.blob(signal.hash))
      if (!seed || (body && Buffer.compare(body, seed) === 0)) return { leaf, hash: signal.hash, signalHash: signal.rawHash, commitment }
    }
  return undefined
}
type Of<K extends Fact['kind']> = Extract<Fact, { kind: K }>
/** Most leaves are something else: looking at their text is cheaper than reading them. Columns in blobs are not read. */
function factIn<K extends Fact['kind']>(text: string, kind: K): Of<K> | undefined {
  if (!text.includes(`"kind":"${kind}"`)) return undefined
  const { fact } = JSON.parse(text) as { fact: Fact }
  return fact.kind === kind ? (fact as Of<K>) : undefined
}
function signalOf(text: string, id: string): { readonly hash: string | undefined; readonly rawHash: string } | undefined {
  if (!text.includes(`"id":${JSON.stringify(id)}`)) return undefined
  const signal = factIn(text, 'signal')
  const seed = signal?.seed as { readonly $blob?: string } | undefined
  return signal?.event.id === id ? { hash: seed?.$blob, rawHash: signal.event.rawHash } : undefined
}
