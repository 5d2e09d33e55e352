/** What a log gives to those who read it: its files (C2SP tlog-tiles) and proofs of single entries. */

import { hashLength } from './proofs.ts'
import { proveInclusion, type Tiles } from './prove.ts'
import { parseCheckpoint, splitNote } from './signed.ts'
import { formatBundle, parseTilePath, tileWidth } from './tiles.ts'
import { formatProof } from './tlogProof.ts'

/** A log as it stands, in a bridge or in a file. */
export type Log = Tiles & {
  readonly size: number
  /** Signed notes that a proof may be against, best first: what witnesses have seen, then what the log alone has signed. */
  readonly checkpoints: readonly string[]
  /** Entries [from, to), fewer where the log ends before. */
  entries(from: number, to: number): Promise<readonly Uint8Array[]>
}

/** The log of a journal; `cosigned` where witnesses have seen it, perhaps as it was a while ago. */
export function logOf(
  journal: Tiles & { size(): number; checkpoint(): string; read(from: number, to: number): AsyncIterable<readonly Uint8Array[]> },
  cosigned?: string,
): Log {
  return {
    size: journal.size(),
    checkpoints: [cosigned, journal.checkpoint()].filter(note => note !== undefined && note !== '') as string[],
    tile: (level, n) => journal.tile(level, n),
    async entries(from, to) {
      const entries: Uint8Array[] = []
      for await (const chunk of journal.read(from, to)) entries.push(...chunk)
      return entries
    },
  }
}

/** A tile or an entry bundle by its path below the prefix; undefined where the tree does not have it (yet). A narrower one is the beginning of a wider. */
export async function logFile(log: Log, path: string): Promise<Uint8Array | undefined> {
  const name = parseTilePath(path)
  if (name === undefined) return undefined
  const { level, n, width } = name
  if (level === 'entries') {
    const from = n * tileWidth
    return from + width > log.size ? undefined : formatBundle(await log.entries(from, from + width))
  }
  const hashes = await log.tile(level, n)
  return hashes !== undefined && hashes.length >= width * hashLength ? hashes.subarray(0, width * hashLength) : undefined
}

export type EntryProof = { readonly index: number; readonly size: number; readonly entry: Uint8Array; readonly file: string }
/** The tlog-proof of an entry against the best checkpoint that has it; undefined where none has it (yet). */
export async function entryProof(log: Log, index: number): Promise<EntryProof | undefined> {
  for (const note of log.checkpoints) {
    const { size } = checkpointIn(note) ?? { size: 0 }
    if (index >= size || size > log.size) continue
    const [entry] = await log.entries(index, index + 1)
    const hashes = await proveInclusion(log, index, size)
    if (entry !== undefined) return { index, size, entry, file: formatProof({ index, hashes, checkpoint: note }) }
  }
  return undefined
}

/** What a signed note says of a log, its signatures unseen. */
export function checkpointIn(note: string): ReturnType<typeof parseCheckpoint> {
  const parts = splitNote(note)
  return typeof parts === 'string' ? undefined : parseCheckpoint(parts.text)
}
