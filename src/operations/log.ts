import { cosignedKey } from '../audit/cosigned.ts'
import { type EntryProof, entryProof, logFile, logOf } from '../audit/log.ts'
import { proveConsistency, rootAt } from '../audit/prove.ts'
import type { Engine } from '../engine.ts'
import { done, invalid, type Result, refuse } from './result.ts'

/** Hashes are base64. */
export type Consistency = {
  readonly from: number
  readonly to: number
  readonly fromRoot: string
  readonly toRoot: string
  readonly proof: readonly string[]
}

/** The journal as a transparency log that anybody's tools can read (C2SP tlog-tiles). */
export const createLog = ({ journal, registry }: Pick<Engine, 'journal' | 'registry'>) => {
  const cosigned = () => registry.get(cosignedKey)
  const log = () => logOf(journal, cosigned())
  return {
    /** The signed note for outsiders: cosigned where witnesses are asked, and then perhaps of a smaller tree. '' for an empty log. */
    checkpoint: (): string => cosigned() ?? journal.checkpoint(),
    file: (path: string): Promise<Uint8Array | undefined> => logFile(log(), path),
    async proof(index: number): Promise<Result<EntryProof>> {
      const proof = await entryProof(log(), index)
      return proof
        ? done(proof)
        : refuse('notFound', 'no-such-entry', `the log has ${journal.size()} entries, numbered from 0: none is ${index}`)
    },
    /** That the tree of `to` begins with that of `from` (RFC 9162); `to` without a value is now. */
    async consistency(from: number, to: number = journal.size()): Promise<Result<Consistency>> {
      const size = journal.size()
      if (from < 1 || from > to) return invalid('bad-sizes', '#/from', from, `wanted 0 < from <= to: everything extends the empty log`)
      if (to > size) return invalid('beyond-the-end', '#/to', to, `the log has ${size} entries`)
      const tiles = log()
      const [fromRoot, toRoot, proof] = [await rootAt(tiles, from), await rootAt(tiles, to), await proveConsistency(tiles, from, to)]
      return done({ from, to, fromRoot: base64(fromRoot), toRoot: base64(toRoot), proof: proof.map(base64) })
    },
  }
}
export type LogFiles = ReturnType<typeof createLog>

const base64 = (bytes: Uint8Array): string => Buffer.from(bytes).toString('base64')
