import { StoreError } from '../error.ts'
import type { Db } from './db.ts'

export const chunkEntries = 1000

/** Entries of one chunk, in order. `from` is the seq of the first; the rest follow without a gap unless `seqs` gives every one. */
export type Chunk = { readonly from: number; readonly seqs: readonly number[] | undefined; readonly values: readonly Uint8Array[] }

/**
 * Reads `column` (an expression of `hash` and `body`) of the first 1,000 entries with `from` <= seq < `to`; undefined when there are none. A whole
 * chunk comes over as one value and is cut up here, because each value that crosses costs two microseconds: 3 times as fast as rows.
 */
export function chunkReader(db: Db, column: 'body' | 'hash || body'): (from: number, to: number) => Chunk | undefined {
  const some = `FROM (SELECT seq, ${column} AS value FROM entry WHERE seq >= ? AND seq < ? ORDER BY seq LIMIT ${chunkEntries})`
  const readAll = db.prepare(
    `SELECT min(seq), max(seq), count(*), cast(group_concat(value, '') AS BLOB), group_concat(octet_length(value)) ${some}`,
  )
  const readSeqs = db.prepare(`SELECT seq ${some}`)
  return (from, to) => {
    const [first, last, count, bytes, lengths] = readAll.get([from, to]) as [number, number, number, Uint8Array, string]
    if (count === 0) return undefined
    const values = cut(bytes, lengths)
    if (values?.length !== count) throw new StoreError('db-corrupt', `${db.path}: entries ${first} to ${last} cannot be read`, db.path)
    const seqs = last - first + 1 === count ? undefined : readSeqs.all([from, to]).map(row => row[0] as number)
    return { from: first, seqs, values }
  }
}

/** Undefined if the lengths do not add up. */
function cut(bytes: Uint8Array, lengths: string): Uint8Array[] | undefined {
  let at = 0
  const values = lengths.split(',').map(length => bytes.subarray(at, (at += Number(length))))
  return at === bytes.length ? values : undefined
}
