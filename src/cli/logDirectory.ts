import { existsSync, mkdirSync, readFileSync, rmSync, statSync } from 'node:fs'
import { dirname, join } from 'node:path'
import { checkpointIn, type Log, logFile } from '../audit/log.ts'
import { hashLength, leafHash } from '../audit/merkle.ts'
import { parseBundle, type TileName, tilePath, tilesOfTree, tileWidth, widthOf } from '../audit/tiles.ts'
import type { Entry, LogReader } from '../audit/verify.ts'
import { Fault } from './exit.ts'
import { replaceWith, syncFolder, writeWhole } from './wholeFile.ts'

/** A log as files: `checkpoint`, `tile/...` (C2SP tlog-tiles). A folder that a web server can hand out as it is. */
export const isLogDirectory = (path: string): boolean => existsSync(join(path, 'checkpoint')) && statSync(path).isDirectory()

/**
 * Writes the tree under `note` (a signed checkpoint of `log`). Full tiles and bundles that are there stay as they are, so that a folder is brought up to
 * date by what is new alone; the checkpoint comes last, when all that it speaks of is there. Gives the number of files written.
 * @throws Fault where the folder has another log, or more of this one: old and new tiles would not make one tree
 */
export async function exportLog(log: Log, note: string, dir: string): Promise<{ readonly size: number; readonly files: number }> {
  const { origin, size } = checkpointIn(note) ?? { origin: '', size: 0 }
  const before = existsSync(join(dir, 'checkpoint')) ? checkpointIn(readFileSync(join(dir, 'checkpoint'), 'utf8')) : undefined
  if (before !== undefined && before.origin !== origin) throw other(`the log ${before.origin}`, origin)
  if (before !== undefined && before.size > size) throw other(`${before.size} entries of this log`, `of ${size} entries`)
  let files = 0
  const folders = new Set<string>()
  const put = async (name: TileName) => {
    const path = tilePath(name)
    const isFull = name.width === tileWidth
    // what is there is whole: it was synced before it got its name
    if (isFull && existsSync(join(dir, path))) return
    const bytes = await logFile(log, path)
    if (bytes === undefined) throw new Error(`the log has no ${path}: open it with the bridge once, it makes what is missing`)
    mkdirSync(dirname(join(dir, path)), { recursive: true })
    replaceWith(join(dir, path), bytes)
    for (let folder = dirname(path); folder !== '.'; folder = dirname(folder)) folders.add(join(dir, folder))
    files++
    if (isFull) rmSync(join(dir, `${path}.p`), { recursive: true, force: true })
  }
  for (const tile of tilesOfTree(size)) {
    await put(tile)
    if (tile.level === 0) await put({ ...tile, level: 'entries' })
  }
  mkdirSync(dir, { recursive: true })
  for (const folder of folders) syncFolder(folder)
  writeWhole(join(dir, 'checkpoint'), note)
  return { size, files: files + 1 }
}
const other = (there: string, here: string) =>
  new Fault(5, 'GB-1214', `the folder has ${there}, this is ${here}: their tiles do not make one tree`, 'name a folder of its own')
/** Reads such a folder, whoever wrote it. It has no blobs. */
export function directoryReader(dir: string): LogReader {
  const note = readFileSync(join(dir, 'checkpoint'), 'utf8')
  const size = checkpointIn(note)?.size ?? 0
  /** A partial file may be gone once the full one is there. */
  const read = (name: TileName): Uint8Array | undefined =>
    [name, { ...name, width: tileWidth }]
      .map(n => join(dir, tilePath(n)))
      .filter(existsSync)
      .map(path => readFileSync(path))[0]
  const tile = async (level: number, n: number) => {
    const width = widthOf({ level, n }, size)
    return width === 0 ? undefined : read({ level, n, width })?.subarray(0, width * hashLength)
  }
  return {
    head: () => ({ size, note }),
    cosigned: () => note,
    tile,
    async *entries(from = 0, to = size) {
      for (let n = Math.floor(from / tileWidth); n * tileWidth < Math.min(to, size); n++) {
        const width = widthOf({ level: 0, n }, size)
        const bundle = read({ level: 'entries', n, width })
        const bodies = bundle && parseBundle(bundle)?.slice(0, width)
        if (bodies === undefined) throw new Error(`${join(dir, tilePath({ level: 'entries', n, width }))} is missing, or no entry bundle`)
        const hashes = await tile(0, n)
        const all = bodies.map((body, i): Entry => ({ seq: n * tileWidth + i, hash: recorded(hashes, i) ?? leafHash(body), body }))
        yield all.filter(entry => entry.seq >= from && entry.seq < to)
      }
    },
    close() {},
  }
}
function recorded(hashes: Uint8Array | undefined, i: number): Uint8Array | undefined {
  const hash = hashes?.subarray(i * hashLength, (i + 1) * hashLength)
  return hash?.length === hashLength ? hash : undefined
}
