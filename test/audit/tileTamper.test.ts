import { copyFileSync, cpSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import Database from 'libsql'
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it } from 'vitest'
import { createVirtualRuntime } from '../../adapters/runtime/memory.ts'
import { openStore } from '../../adapters/stores/sqlite/open.ts'
import { openReader } from '../../adapters/stores/sqlite/reader.ts'
import { signCheckpoint } from '../../src/audit/checkpoint.ts'
import { logOf } from '../../src/audit/log.ts'
import { leafHash } from '../../src/audit/merkle.ts'
import { proveInclusion } from '../../src/audit/prove.ts'
import { verifyReader } from '../../src/cli/auditVerify.ts'
import { directoryReader, exportLog } from '../../src/cli/logDirectory.ts'

const origin = 'grid.example/log'
const runtime = createVirtualRuntime(1_700_000_000_000)
const size = 600
const leaf = (i: number, what = `turn ${i}`) =>
  Buffer.from(JSON.stringify({ at: 1_700_000_000_000 + i * 1000, fact: { kind: 'noted', what }, turn: i }))
const leaves = (from: number, to: number) => Array.from({ length: to - from }, (_, i) => leaf(from + i))

/** A log of 600 entries, two full tiles, as a file and as an exported folder; each test spoils a copy. */
let original: string
let checkpoint: string
beforeAll(async () => {
  original = mkdtempSync(join(tmpdir(), 'gridbridge-'))
  const store = openStore({ dir: join(original, 'data'), origin, runtime })
  for (let from = 0; from < size; from += 150) await store.journal.append(from, leaves(from, from + 150), [])
  checkpoint = store.journal.checkpoint()
  await exportLog(logOf(store.journal), checkpoint, join(original, 'log'))
  await store.close()
})
afterAll(() => rmSync(original, { recursive: true }))

let dir: string
let file: string
let folder: string
beforeEach(() => {
  dir = mkdtempSync(join(tmpdir(), 'gridbridge-'))
  cpSync(original, dir, { recursive: true })
  file = join(dir, 'data', 'gridbridge.db')
  folder = join(dir, 'log')
})
afterEach(() => rmSync(dir, { recursive: true }))
const open = () => openStore({ dir: join(dir, 'data'), origin, runtime })
function sql(...statements: string[]): void {
  const db = new Database(file)
  for (const statement of statements) db.exec(statement)
  db.close()
}
const key = () => readFileSync(join(original, 'data', 'audit.pub'), 'utf8')
async function verify(since?: string): Promise<readonly string[]> {
  const reader = openReader(file)
  try {
    return (await verifyReader(reader, key(), since)).lines
  } finally {
    reader.close()
  }
}
const verifyFolder = async (since?: string) => (await verifyReader(directoryReader(folder), key(), since)).lines
const tile = (level: number, n: number, at: number) =>
  `UPDATE tile SET hashes = CAST(substr(hashes, 1, ${at * 32}) || zeroblob(32) || substr(hashes, ${at * 32 + 33}) AS BLOB) WHERE level = ${level} AND n = ${n}`

describe('a stored tile that does not fit is found', () => {
  it('one that nobody touched fits', async () => {
    expect(await verify()).toContain('tiles: 4 right')
  })
  it.each<[string, string[], RegExp]>([
    [
      'a changed hash',
      [tile(0, 1, 44)],
      /^tile-changed: hash 44 of tile 0\/1 is not that of entry 300: the tile was changed, the entries are as signed$/,
    ],
    [
      'a cut tile',
      ['UPDATE tile SET hashes = substr(hashes, 1, 64) WHERE n = 0'],
      /^tile-changed: hash 2 of tile 0\/0 is not that of entry 2/,
    ],
    [
      'two tiles that changed places',
      ['UPDATE tile SET n = n - 2', 'UPDATE tile SET n = -1 - n'],
      /^tile-changed: hash 0 of tile 0\/0 is not that of entry 0/,
    ],
    ['a deleted tile', ['DELETE FROM tile WHERE n = 0'], /^tile-missing: tile 0\/0, over entries 0 to 255, is missing$/],
    [
      'a changed root of a tile',
      ['UPDATE tile SET root = zeroblob(32) WHERE n = 1'],
      /^tile-changed: hash 1 of tile 1\/0 is not that of entries 256 to 511/,
    ],
    [
      'a tile of entries that are not there',
      ['INSERT INTO tile SELECT 0, 7, root, hashes FROM tile WHERE n = 0'],
      /^tile-extra: the log keeps 3 full tiles, its entries fill 2$/,
    ],
    [
      'an entry changed together with its hash',
      [`UPDATE entry SET body = x'00', hash = x'${leafHash(Buffer.of(0)).toString('hex')}' WHERE seq = 300`],
      /^entry-changed: entry 300 and hash 44 of tile 0\/1 do not fit: one of them was changed$/,
    ],
  ])('%s', async (_, statements, line) => {
    sql(...statements)
    const lines = await verify()
    expect(
      lines.some(l => line.test(l)),
      lines.join('\n'),
    ).toBe(true)
  })
})

describe('tiles are made from the entries, whatever happened to them', () => {
  const proofs = async () => {
    const store = open()
    try {
      return [await proveInclusion(store.journal, 3, size), await proveInclusion(store.journal, 599, size)].map(p =>
        p.map(h => Buffer.from(h).toString('hex')),
      )
    } finally {
      await store.close()
    }
  }
  it('a log from before there were tiles gets them when it is opened, and proves as one that always had them', async () => {
    const wanted = await proofs()
    sql('DELETE FROM tile')
    expect((await verify()).join()).toContain('tile-missing')
    expect(await proofs()).toEqual(wanted)
    expect(await verify()).toContain('tiles: 4 right')
  })
  it('a kill while they were made: the next start goes on', async () => {
    const wanted = await proofs()
    sql('DELETE FROM tile WHERE n = 1')
    expect(await proofs()).toEqual(wanted)
  })
  it('roots that lead elsewhere are made anew, not believed', async () => {
    const wanted = await proofs()
    sql('UPDATE tile SET root = zeroblob(32)')
    expect(await proofs()).toEqual(wanted)
    expect(await verify()).toContain('tiles: 4 right')
  })
  it('what is left over from a longer log is dropped, and does not stand in the way of new tiles', async () => {
    sql('INSERT INTO tile SELECT 0, 2, root, hashes FROM tile WHERE n = 0')
    const store = open()
    await store.journal.append(600, leaves(600, 800), [])
    await store.close()
    expect(await verify(checkpoint)).toContain('tiles: 5 right')
  })
})

describe('an exported folder', () => {
  it('is verified by itself, and against an earlier checkpoint', async () => {
    expect((await verifyFolder(checkpoint))[0]).toMatch(/^ok: 600 entries have the root \w+, signed by grid.example\/log/)
  })
  it('is brought up to date by what is new alone', async () => {
    const store = open()
    await store.journal.append(600, leaves(600, 800), [])
    const before = readFileSync(join(folder, 'tile/0/000'))
    const view = logOf(store.journal)
    expect(await exportLog(view, store.journal.checkpoint(), folder)).toEqual({ size: 800, files: 6 })
    expect(await exportLog(view, store.journal.checkpoint(), folder)).toEqual({ size: 800, files: 4 })
    expect(await verifyFolder()).toContain('blobs: the entries name none')
    await store.close()
    expect(readFileSync(join(folder, 'tile/0/000'))).toEqual(before)
    expect((await verifyFolder(checkpoint))[0]).toMatch(/^ok: 800 entries/)
  })
  it('of another log, or of more of this one, is not written over: their tiles would not make one tree', async () => {
    const store = openStore({ dir: join(folder, '..', 'other'), origin: 'grid.example/next', runtime })
    await store.journal.append(0, leaves(0, 300), [])
    await expect(exportLog(logOf(store.journal), store.journal.checkpoint(), folder)).rejects.toThrow(
      'the folder has the log grid.example/log',
    )
    const own = join(folder, '..', 'own')
    await exportLog(logOf(store.journal), store.journal.checkpoint(), own)
    const older = signCheckpoint(200, new Uint8Array(32), store.signer)
    await expect(exportLog(logOf(store.journal), older, own)).rejects.toThrow('the folder has 300 entries')
    await store.close()
    expect((await verifyFolder(checkpoint))[0]).toMatch(/^ok: 600 entries/)
  })
  it.each<[string, (path: (name: string) => string) => void, RegExp]>([
    ['a changed tile', p => flip(p('tile/0/001'), 44 * 32), /^entry-changed: entry 300 /],
    ['a changed entry', p => flip(p('tile/entries/001'), 50), /^entry-changed: entry 256 /],
    [
      'a changed tile further up',
      p => flip(p('tile/1/000.p/2'), 40),
      /^tile-changed: hash 1 of tile 1\/0 is not that of entries 256 to 511/,
    ],
    ['a tile further up that is gone', p => rmSync(p('tile/1/000.p/2')), /^tile-missing: tile 1\/0/],
    ['a bundle that is gone', p => rmSync(p('tile/entries/001')), /^unreadable: .*001 is missing, or no entry bundle/],
    ['bundles that changed places', p => copyFileSync(p('tile/entries/000'), p('tile/entries/001')), /^entry-changed: entry 256 /],
    ['a checkpoint of more', p => writeFileSync(p('checkpoint'), checkpoint.replace('\n600\n', '\n601\n')), /^bad-signature|^unreadable/],
  ])('%s is found', async (_, spoil, line) => {
    spoil(name => join(folder, name))
    const lines = await verifyFolder()
    expect(
      lines.some(l => line.test(l)),
      lines.join('\n'),
    ).toBe(true)
  })
})
function flip(path: string, at: number): void {
  const bytes = readFileSync(path)
  bytes[at]! ^= 1
  writeFileSync(path, bytes)
}
