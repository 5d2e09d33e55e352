import { existsSync, mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync, statSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import { createVirtualRuntime } from '../../adapters/runtime/memory.ts'
import { backUp, restoreFrom } from '../../adapters/stores/sqlite/backup.ts'
import { databaseName, openDatabase } from '../../adapters/stores/sqlite/db.ts'
import { findsAny, scrubTexts } from '../../adapters/stores/sqlite/erase.ts'
import { openStore } from '../../adapters/stores/sqlite/open.ts'
import { openReader } from '../../adapters/stores/sqlite/reader.ts'
import { verifyFile } from '../../src/cli/auditVerify.ts'
import { readings } from './meters.suite.ts'

const origin = 'grid.example/log'
const startMs = 1_700_000_000_000
const runtime = createVirtualRuntime(startMs)
const leaf = (n: number) => Buffer.from(JSON.stringify({ at: startMs, fact: { kind: 'noted', what: `entry ${n}` }, turn: n }))

let root: string
let dir: string
beforeEach(() => {
  root = mkdtempSync(join(tmpdir(), 'gridbridge-'))
  dir = join(root, 'data')
})
afterEach(() => rmSync(root, { recursive: true }))
const open = () => openStore({ dir, origin, runtime })
async function grow(store: ReturnType<typeof open>, entries: number): Promise<void> {
  for (let i = 0; i < entries; i++) await store.journal.append(store.journal.size(), [leaf(store.journal.size())], [])
}
const verify = (folder: string, since?: string) =>
  verifyFile(openReader, join(folder, databaseName), readFileSync(join(dir, 'audit.pub'), 'utf8'), since)

describe('a backup', () => {
  it('is taken while the bridge writes, has all of one moment, and verifies; the bridge goes on', async () => {
    const store = open()
    await grow(store, 5)
    await store.registry.put({ externalIds: [{ charger: 0, externalId: 'CP-1' }] })
    store.meters.put(readings([0, startMs, startMs + 60_000, 5000]))
    store.meters.flush()
    const made = backUp(dir, join(root, 'b1'), false)
    await grow(store, 3)
    expect(made).toMatchObject({ size: 5, keys: false })
    expect(readFileSync(join(root, 'b1', 'checkpoint'), 'utf8')).toBe(made.checkpoint)
    expect(await verify(made.dir, made.checkpoint)).toMatchObject({ exitCode: 0, json: { size: 5 } })
    expect(await verify(dir, made.checkpoint)).toMatchObject({ exitCode: 0, json: { size: 8, since: 5 } })
    await store.close()
    for (const name of readdirSync(made.dir))
      if (name !== 'audit.pub') expect(statSync(join(made.dir, name)).mode & 0o777, name).toBe(0o600)
    expect(readdirSync(made.dir).sort()).toEqual(['audit.pub', 'checkpoint', databaseName].sort())
  })
  it('has the secret keys only when that was asked for', async () => {
    const store = open()
    await grow(store, 1)
    expect(readdirSync(backUp(dir, join(root, 'b'), true).dir)).toEqual(expect.arrayContaining(['audit.key', 'seed.key']))
    await store.close()
  })
  it('has nothing of what was deleted', async () => {
    const store = open()
    await store.registry.set('who', 'Jane Smith of 14 Orchard Lane')
    await store.registry.set('who', null)
    const made = backUp(dir, join(root, 'b'), false)
    expect(await findsAny(join(made.dir, databaseName), ['Orchard Lane'])).toBe(false)
    await store.close()
  })
  it('that cannot be written leaves nothing behind, and one that is there is not touched', async () => {
    const store = open()
    await grow(store, 1)
    mkdirSync(join(root, 'b'))
    expect(() => backUp(dir, join(root, 'b'), false)).toThrow(expect.objectContaining({ code: 'backup-exists' }))
    expect(() => backUp(join(root, 'nowhere'), join(root, 'c'), false)).toThrow(expect.objectContaining({ code: 'db-missing' }))
    expect(existsSync(join(root, 'c'))).toBe(false)
    expect(existsSync(join(root, 'c.partial'))).toBe(false)
    await store.close()
  })
})

describe('a restore', () => {
  it('brings back log, registry and readings; what was there is set aside', async () => {
    let store = open()
    await grow(store, 4)
    await store.registry.put({ externalIds: [{ charger: 0, externalId: 'CP-1' }] })
    store.meters.put(readings([0, startMs, startMs + 60_000, 5000]))
    store.meters.flush()
    const made = backUp(dir, join(root, 'b'), false)
    await store.close()
    // as after a lost disk, with the keys put back by hand
    rmSync(join(dir, databaseName))
    expect(restoreFrom(made.dir, dir, 'aside')).toMatchObject({ size: 4, replaced: null, keys: false })
    store = open()
    expect(store.journal.checkpoint()).toBe(made.checkpoint)
    expect(store.registry.chargerByExternalId('CP-1')).toBe(0)
    expect((await store.meters.range(Uint32Array.of(0), startMs, startMs + 60_000)).powerW).toEqual(Float64Array.of(5000))
    await grow(store, 1)
    await store.close()
    expect(await verify(dir, made.checkpoint)).toMatchObject({ exitCode: 0, json: { size: 5 } })
  })
  it('of an older copy than what is there is refused, and changes nothing', async () => {
    const store = open()
    await grow(store, 2)
    const made = backUp(dir, join(root, 'b'), false)
    await grow(store, 1)
    await store.close()
    expect(() => restoreFrom(made.dir, dir, 'aside')).toThrow(expect.objectContaining({ code: 'backup-older' }))
    expect(await verify(dir)).toMatchObject({ json: { size: 3 } })
    expect(readdirSync(dir).filter(n => n.includes('aside'))).toEqual([])
  })
})

describe('what is deleted is gone', () => {
  it('from pages, free pages and the write-ahead log, also after much was split and merged', async () => {
    const db = openDatabase(dir)
    const put = db.prepare('INSERT INTO setting VALUES (?, ?)')
    const drop = db.prepare('DELETE FROM setting WHERE key = ?')
    const name = (i: number) => `SUBJECT-${String(i).padStart(4, '0')}`
    db.write(() => {
      for (let i = 0; i < 2000; i++) put.run([`k${(i * 7919) % 2000}`, `${name(i)} ${'x'.repeat((i * 31) % 300)}`])
    })
    const gone = [3, 777, 1234, 1999]
    db.write(() => {
      for (const i of gone) drop.run([`k${(i * 7919) % 2000}`])
    })
    expect(await scrubTexts(db, gone.map(name))).toMatchObject({ isGone: true })
    expect(await findsAny(db.path, gone.map(name))).toBe(false)
    expect(await findsAny(db.path, [name(4)])).toBe(true)
    db.close()
  })
  it('is said to be there as long as a reader holds up the log', async () => {
    const store = open()
    await grow(store, 1)
    await store.registry.set('who', 'SUBJECT-HELD-UP')
    const reader = openReader(store.path)
    reader.head()
    await store.registry.set('who', null)
    expect(await store.scrub(['SUBJECT-HELD-UP'])).toMatchObject({ isGone: false })
    reader.close()
    expect(await store.scrub(['SUBJECT-HELD-UP'])).toMatchObject({ isGone: true })
    await store.close()
  })
})
