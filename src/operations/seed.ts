import { createHash } from 'node:crypto'
import { SALT } from '../core/codec.ts'
import type { EventNo } from '../core/model.ts'
import { isOutage } from '../core/outage.ts'
import { secretUntilS } from '../engine/seeds.ts'
import type { Engine } from '../engine.ts'
import type { EventView, Journal } from '../ports.ts'
import { type By, done, isoS, type Result, refuse } from './result.ts'

/**
 * The seed of an event, for whoever wants to recompute its stagger (docs/decisions/0012): SHA-256 of salt || seed is `hash`, and `hash` stands as `seed`
 * in leaf `leaf` of the log, which was written before the first draw. `keyHash` was committed before that. `key` is that of this event alone: SHA-256 of
 * it was in the log before the signal was (`keyCommitted`), where the log is not of an earlier release. Hex, but for the numbers.
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
}

/** Given away only when nobody can gain by it any more: the last charger has been let go, and what was announced is past. Each time on record. */
export async function revealSeed(engine: Engine, view: EventView, by: By): Promise<Result<Seed>> {
  if (isOutage(view)) return refuse('notFound', 'no-seed', 'an outage has no secret seed', 'it follows from its entry in the log')
  const secret = whileSecret(engine, view.no)
  if (secret) return secret
  const found = await signalLeaf(engine.journal, view.id, engine.state().events.get(view.no)?.seed)
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
  })
}

/** The refusal for as long as an event is not over. */
export function whileSecret(engine: Engine, no: EventNo): ReturnType<typeof refuse> | undefined {
  const untilS = secretUntilS(engine.state(), no)
  if (untilS <= engine.now() / 1000) return undefined
  const hint = untilS === Infinity ? 'cancel it, or wait for its end' : `ask again after ${isoS(untilS)}`
  return refuse('conflict', 'event-not-over', 'the seed is secret until the event is over', hint)
}

type Found = { readonly leaf: number; readonly hash: string; readonly signalHash: string }
/**
 * The signal that an event was first heard of with: its seed is the one that everything was drawn from. Where the id came again after the first event
 * of that name was forgotten, it is the one with the seed of the state. Reads the log up to there.
 */
async function signalLeaf(journal: Journal, id: string, seed: Uint8Array | undefined): Promise<Found | undefined> {
  let leaf = -1
  for await (const leaves of journal.read(0))
    for (const bytes of leaves) {
      leaf++
      const signal = signalOf(bytes, id)
      if (!signal?.hash) continue
      const body = seed && (await journal.blob(signal.hash))
      if (!seed || (body && Buffer.compare(body, seed) === 0)) return { leaf, hash: signal.hash, signalHash: signal.rawHash }
    }
  return undefined
}
/** Most leaves are something else: looking at their text is cheaper than reading them. */
function signalOf(leaf: Uint8Array, id: string): { readonly hash: string | undefined; readonly rawHash: string } | undefined {
  const text = Buffer.from(leaf.buffer, leaf.byteOffset, leaf.byteLength).toString('utf8')
  if (!text.includes('"kind":"signal"') || !text.includes(`"id":${JSON.stringify(id)}`)) return undefined
  const { fact } = JSON.parse(text) as { fact: { kind: string; event: { id: string; rawHash: string }; seed: { $blob?: string } } }
  return fact.kind === 'signal' && fact.event.id === id ? { hash: fact.seed.$blob, rawHash: fact.event.rawHash } : undefined
}
