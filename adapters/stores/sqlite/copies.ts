import { existsSync, readdirSync, readFileSync, renameSync, rmSync } from 'node:fs'
import { dirname, join } from 'node:path'
import { databaseName } from './db.ts'
import { writeNew } from './key.ts'

/** A copy of the whole state: `until` is when it is removed by itself, ms; null: when somebody removes it. */
export type StoredCopy = {
  readonly kind: 'backup' | 'archive' | 'replaced'
  readonly path: string
  readonly madeMs: number | null
  readonly untilMs: number | null
}
const fileName = 'copies.json'

/** Remembers in the data folder that a copy was made, so that an erasure can say where somebody still is. One that is gone is forgotten. */
export function rememberCopy(dir: string, copy: StoredCopy): void {
  const others = readCopies(dir).filter(c => c.path !== copy.path && !isGone(c))
  const [path, draft] = [join(dir, fileName), join(dir, `${fileName}.new`)]
  rmSync(draft, { force: true })
  writeNew(draft, `${JSON.stringify([...others, copy], null, 2)}\n`)
  renameSync(draft, path)
}
/** Those that are still there, and those whose folder cannot be looked into now, as on a disk that is not mounted. */
export function knownCopies(dir: string): (StoredCopy & { readonly isSeen: boolean })[] {
  const replaced = readdirSync(dir).filter(name => name.startsWith(`${databaseName}.replaced-`) && !/-(?:wal|shm)$/.test(name))
  const aside = replaced.map((name): StoredCopy => ({ kind: 'replaced', path: join(dir, name), madeMs: null, untilMs: null }))
  return [...readCopies(dir), ...aside].filter(c => !isGone(c)).map(c => ({ ...c, isSeen: existsSync(c.path) }))
}
const isGone = ({ path }: StoredCopy): boolean => !existsSync(path) && existsSync(dirname(path))

/** None where the file cannot be read: it is no part of the record. */
function readCopies(dir: string): readonly StoredCopy[] {
  try {
    return JSON.parse(readFileSync(join(dir, fileName), 'utf8')) as StoredCopy[]
  } catch {
    return []
  }
}
