import { closeSync, existsSync, openSync, readSync } from 'node:fs'
import { busyMs, type Db } from './db.ts'

const chunkBytes = 1 << 20

/**
 * Empties the write-ahead log, which still has pages as they were before a deletion. False while a reader holds it up (`audit verify`, a backup under
 * way): then it is emptied later, at the latest when the bridge stops.
 */
export function scrub(db: Db): boolean {
  // No append may wait for whoever reads.
  db.prepare('PRAGMA busy_timeout = 0').get([])
  try {
    const row = db.prepare('PRAGMA wal_checkpoint(TRUNCATE)').get([]) as readonly [busy: number] | undefined
    return row?.[0] === 0
  } finally {
    db.prepare(`PRAGMA busy_timeout = ${busyMs}`).get([])
  }
}

export type Scrubbed = { readonly isGone: boolean; readonly vacuumed: boolean }

/**
 * Looks whether any of these texts can still be read in the files, and rewrites the database where one can: pages that were split or merged before
 * can keep a copy beside what SQLite overwrites. `isGone` false: a reader holds up the log, or the text stands in a row that is kept.
 */
export async function scrubTexts(db: Db, texts: readonly string[]): Promise<Scrubbed> {
  scrub(db)
  if (!(await findsAny(db.path, texts))) return { isGone: true, vacuumed: false }
  db.prepare('VACUUM').run([])
  scrub(db)
  return { isGone: !(await findsAny(db.path, texts)), vacuumed: true }
}

/** Reads the database and its log from end to end, giving way after each chunk. */
export async function findsAny(path: string, texts: readonly string[]): Promise<boolean> {
  const needles = texts.filter(t => t !== '').map(t => Buffer.from(t, 'utf8'))
  const overlap = Math.max(0, ...needles.map(n => n.length - 1))
  for (const file of [path, `${path}-wal`]) {
    if (!existsSync(file)) continue
    const fd = openSync(file, 'r')
    try {
      const buffer = Buffer.alloc(chunkBytes + overlap)
      let kept = 0
      for (let n = -1; n !== 0; ) {
        n = readSync(fd, buffer, kept, chunkBytes, null)
        const seen = buffer.subarray(0, kept + n)
        if (needles.some(needle => seen.includes(needle))) return true
        const tail = Math.min(overlap, seen.length)
        seen.copy(buffer, 0, seen.length - tail)
        kept = tail
        await new Promise(resolve => setImmediate(resolve))
      }
    } finally {
      closeSync(fd)
    }
  }
  return false
}
