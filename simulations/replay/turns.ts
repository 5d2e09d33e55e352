import { blobsOf, decode, evidenceOf } from '../../src/core/codec.ts'
import type { Fact, HashHex, Instant } from '../../src/core/model.ts'
import type { Journal } from '../../src/ports.ts'

/** `gone`: its evidence that is not kept any more, by key (`powerW`, `readings`); what a box or a person said in words is not among it, for nothing is decided by that. */
export type RecordedFact = { readonly fact: Fact; readonly gone: readonly string[] }
export type RecordedTurn = { readonly turn: number; readonly nowMs: Instant; readonly facts: readonly RecordedFact[] }

const WORDS = new Set(['raw', 'text'])

/** The journal turn by turn. @throws MissingBlob where something is absent that no state can be made without */
export async function* turnsOf(journal: Pick<Journal, 'read' | 'blob'>): AsyncGenerator<RecordedTurn> {
  let current: { turn: number; nowMs: Instant; facts: RecordedFact[] } | undefined
  for await (const leaves of journal.read(0))
    for (const leaf of leaves) {
      const bodies = new Map<HashHex, Uint8Array | undefined>()
      for (const hash of blobsOf(leaf)) bodies.set(hash, await journal.blob(hash))
      const { turn, at, fact } = decode(leaf, hash => bodies.get(hash))
      const isAbsent = bodies.size > 0 && [...bodies.values()].includes(undefined)
      const gone = isAbsent ? evidenceOf(leaf).filter(e => bodies.get(e.hash) === undefined && !WORDS.has(e.key)) : []
      if (current?.turn !== turn) {
        if (current) yield current
        current = { turn, nowMs: at, facts: [] }
      }
      current.facts.push({ fact, gone: gone.map(e => e.key) })
    }
  if (current) yield current
}
