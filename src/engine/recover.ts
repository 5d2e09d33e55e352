import { apply, beginTurn } from '../core/apply.ts'
import { blobsOf, decode, type Entry } from '../core/codec.ts'
import type { HashHex } from '../core/model.ts'
import { digestOf, fromBytes } from '../core/snapshot.ts'
import { emptyState, type State } from '../core/state.ts'
import type { Journal } from '../ports.ts'

/** All entries from leaf `from` on, decoded, in order. */
export async function* entries(journal: Pick<Journal, 'read' | 'blob'>, from: number): AsyncGenerator<Entry> {
  for await (const leaves of journal.read(from)) {
    for (const leaf of leaves) {
      const bodies = new Map<HashHex, Uint8Array | undefined>()
      for (const hash of blobsOf(leaf)) bodies.set(hash, await journal.blob(hash))
      yield decode(leaf, hash => bodies.get(hash))
    }
  }
}

/** Folds entries into `s`. Start-up, recovery and replay are this. */
export async function fold(s: State, from: AsyncIterable<Entry>): Promise<State> {
  for await (const { turn, at, fact } of from) {
    if (turn !== s.turn) beginTurn(s, turn, at)
    apply(s, fact)
  }
  return s
}

/**
 * The state that the journal stands for: the newest snapshot whose digest is the one in the log, then what came after it; without a snapshot
 * that fits, everything.
 */
export async function recover(journal: Journal): Promise<State> {
  for await (const { size, body } of journal.snapshots()) {
    if (size > journal.size() || !(await isInLog(journal, size, body))) continue
    return fold(fromBytes(body), entries(journal, size))
  }
  return fold(emptyState(), entries(journal, 0))
}

async function isInLog(journal: Journal, size: number, body: Uint8Array): Promise<boolean> {
  for await (const { fact } of entries(journal, size - 1)) return fact.kind === 'snapshot' && fact.digest === digestOf(body)
  return false
}
