import { chmodSync, existsSync, mkdtempSync, readFileSync, rmSync, statSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import Database from 'libsql'
import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import { createVirtualRuntime } from '../../adapters/runtime/memory.ts'
import { databaseName } from '../../adapters/stores/sqlite/db.ts'
import { holdFolder, holdName } from '../../adapters/stores/sqlite/hold.ts'
import { publicKeyName, seedKeyName, signingKeyName } from '../../adapters/stores/sqlite/key.ts'
import { openStore } from '../../adapters/stores/sqlite/open.ts'
import { parseVkey } from '../../src/audit/note.ts'
import { readings } from './meters.suite.ts'

const origin = 'grid.example/log'
const startMs = 1_700_000_000_000
const hourMs = 3_600_000
const leaf = (text: string) => Buffer.from(text)

let dir: string
let runtime: ReturnType<typeof createVirtualRuntime>
beforeEach(() => {
  dir = join(mkdtempSync(join(tmpdir(), 'gridbridge-')), 'data')
  runtime = createVirtualRuntime(startMs)
})
afterEach(() => rmSync(join(dir, '..'), { recursive: true }))
const open = () => openStore({ dir, origin, runtime })
const mode = (name: string) => statSync(join(dir, name)).mode & 0o777
/** What `work` throws; a store that opened although it should not is closed, and found out. */
async function refusal(): Promise<{ code?: string; path?: string; message?: string }> {
  try {
    await open().close()
  } catch (error) {
    return error as Error
  }
  return {}
}
async function written(entries = 3): Promise<void> {
  const store = open()
  for (let i = 0; i < entries; i++) await store.journal.append(i, [leaf(`entry ${i}`)], [])
  await store.close()
}
function sql(...statements: string[]): void {
  const db = new Database(join(dir, databaseName))
  for (const statement of statements) db.exec(statement)
  db.close()
}

describe('the first start', () => {
  it('makes a database and secret keys that only their owner can read, and a public key for all', async () => {
    await written()
    expect([mode(databaseName), mode(signingKeyName), mode(seedKeyName), mode(publicKeyName)]).toEqual([0o600, 0o600, 0o600, 0o644])
    expect(parseVkey(readFileSync(join(dir, publicKeyName), 'utf8')).name).toBe(origin)
  })
  it('the next start finds the same keys', async () => {
    const first = open()
    await first.close()
    const second = open()
    await second.close()
    expect(second.signer.verifier.vkey).toBe(first.signer.verifier.vkey)
    expect(second.seedKey).toEqual(first.seedKey)
    expect(second.seedKey).toHaveLength(32)
  })
  it('leaves nothing outside the database file after a clean end', async () => {
    await written()
    const wal = join(dir, `${databaseName}-wal`)
    expect(existsSync(wal) ? statSync(wal).size : 0).toBe(0)
  })
})

describe('refuses to start on doubt', () => {
  it.each([signingKeyName, seedKeyName])('%s that others can read', async name => {
    await written()
    chmodSync(join(dir, name), 0o640)
    expect(await refusal()).toMatchObject({ code: 'key-exposed', path: join(dir, name) })
  })
  it.each([signingKeyName, seedKeyName])('%s that is gone while the log is there', async name => {
    await written()
    rmSync(join(dir, name))
    expect(await refusal()).toMatchObject({ code: 'key-missing', path: join(dir, name) })
  })
  it('a log that is gone while its key is there: it is restored, never begun a second time', async () => {
    await written()
    rmSync(join(dir, databaseName))
    expect(await refusal()).toMatchObject({ code: 'db-missing', path: join(dir, databaseName) })
    expect(existsSync(join(dir, databaseName))).toBe(false)
  })
  it('a key that is no key, or one of another log', async () => {
    await written()
    const path = join(dir, signingKeyName)
    const key = readFileSync(path, 'utf8')
    writeFileSync(path, 'PRIVATE+KEY+what')
    expect((await refusal()).code).toBe('key-malformed')
    writeFileSync(path, key)
    expect(() => openStore({ dir, origin: 'other.example/log', runtime })).toThrow(expect.objectContaining({ code: 'key-malformed' }))
  })
  it('a log signed with another key', async () => {
    await written()
    const log = readFileSync(join(dir, databaseName))
    rmSync(dir, { recursive: true })
    await written()
    writeFileSync(join(dir, databaseName), log)
    expect(await refusal()).toMatchObject({ code: 'journal-mismatch', message: expect.stringContaining('unknownKey') })
  })
  it.each([
    ['a tail without its head', "INSERT INTO entry VALUES (3, x'00', x'00')"],
    ['a head without its tail', 'DELETE FROM entry WHERE seq = 2'],
    ['a changed entry', "UPDATE entry SET body = x'00' WHERE seq = 1"],
    ['a missing entry', 'DELETE FROM entry WHERE seq = 1'],
    ['a head that nobody signed', 'UPDATE head SET note = replace(note, char(10) || 3, char(10) || 4)'],
    ['no head', 'DELETE FROM head'],
  ])('%s', async (_, statement) => {
    await written()
    sql(statement)
    expect(await refusal()).toMatchObject({ code: 'journal-mismatch', path: join(dir, databaseName) })
  })
  it('a database of a later release', async () => {
    await written()
    sql('INSERT INTO migration VALUES (1000)')
    expect((await refusal()).code).toBe('db-newer')
  })
  it('a file that is no database', async () => {
    await written()
    writeFileSync(join(dir, databaseName), Buffer.alloc(8192, 'x'))
    expect(await refusal()).toMatchObject({ code: 'db-corrupt', path: join(dir, databaseName) })
  })
})

describe('starts from the newest snapshot that fits', () => {
  async function snapshotSizes(): Promise<number[]> {
    const store = open()
    const sizes: number[] = []
    for await (const { size } of store.journal.snapshots()) sizes.push(size)
    expect(store.journal.size()).toBe(6)
    await store.journal.append(6, [leaf('entry 6')], [])
    await store.close()
    return sizes
  }
  beforeEach(async () => {
    await written(6)
    const store = open()
    await store.journal.saveSnapshot(3, leaf('state at 3'))
    await store.journal.saveSnapshot(5, leaf('state at 5'))
    await store.close()
  })
  it.each([
    ['both are sound', '', [5, 3]],
    ['the newest has another range', 'UPDATE snapshot SET range = (SELECT range FROM snapshot WHERE size = 3) WHERE size = 5', [3]],
    ['the newest is beyond the head', 'UPDATE snapshot SET size = 9 WHERE size = 5', [3]],
    ['no range fits: all is hashed again', 'UPDATE snapshot SET range = zeroblob(64)', []],
    ['the body of the newest was changed', "UPDATE snapshot SET body = x'00' WHERE size = 5", [3]],
    ['none is left', 'DELETE FROM snapshot', []],
  ])('%s', async (_, statement, sizes) => {
    if (statement !== '') sql(statement)
    expect(await snapshotSizes()).toEqual(sizes)
  })
  it('an entry changed before the snapshot is for audit verify to find, one after it stops the start', async () => {
    sql("UPDATE entry SET body = x'00' WHERE seq = 1")
    expect((await refusal()).code).toBeUndefined()
    sql("UPDATE entry SET body = x'00' WHERE seq = 5")
    expect((await refusal()).code).toBe('journal-mismatch')
  })
})

describe('two engines on one file', () => {
  it('the one that comes late can neither append nor disturb', async () => {
    const [first, second] = [open(), open()]
    await first.journal.append(0, [leaf('mine')], [])
    await expect(second.journal.append(0, [leaf('other')], [])).rejects.toMatchObject({ code: 'journal-moved' })
    await first.journal.append(1, [leaf('mine too')], [])
    await second.close()
    await first.close()
    const again = open()
    expect(again.journal.size()).toBe(2)
    await again.close()
  })
})

describe('a folder is held by one bridge at a time', () => {
  it('a second is turned away by a coded error; given back, the folder is free', () => {
    const giveBack = holdFolder(dir, 0)
    expect(() => holdFolder(dir, 0)).toThrow(expect.objectContaining({ code: 'db-in-use', path: join(dir, holdName) }))
    expect(mode(holdName)).toBe(0o600)
    giveBack()
    holdFolder(dir, 0)()
  })
  it('who only reads or opens the store is not kept out', async () => {
    const giveBack = holdFolder(dir, 0)
    await written()
    giveBack()
  })
})

describe('meter readings', () => {
  const stored = () => {
    const db = new Database(join(dir, databaseName))
    const { n } = db.prepare('SELECT count(*) AS n FROM reading').get([]) as { n: number }
    db.close()
    return n
  }
  it('are on disk within a second, or at once when there are many', async () => {
    const { meters, close } = open()
    meters.put(readings([1, startMs, startMs + 1, 7_000]))
    await runtime.advance(400)
    meters.put(readings([2, startMs, startMs + 1, 7_000]))
    await runtime.advance(599)
    expect(stored()).toBe(0)
    await runtime.advance(1)
    expect(stored()).toBe(2)
    meters.put(readings(...Array.from({ length: 5_001 }, (_, i): [number, number, number, number] => [i, startMs + 5, startMs + 6, i])))
    expect(stored()).toBe(5_002)
    await close()
    expect(stored()).toBe(5_003)
  })
  it('the newest power of each charger in the past hour is known again after a restart', async () => {
    const first = open()
    first.meters.put(readings([1, startMs, startMs + 60_000, 7_000], [1, startMs + 60_000, startMs + 120_000, 6_500.5]))
    first.meters.put(
      readings([2, startMs + 2 * hourMs, startMs + 2 * hourMs, 3_000], [2, startMs + 2 * hourMs + 1, startMs + 2 * hourMs + 1, Number.NaN]),
    )
    await first.close()
    runtime = createVirtualRuntime(startMs + hourMs)
    const second = open()
    expect([second.meters.latest().powerW[1], second.meters.latest().atMs[1]]).toEqual([6_500.5, startMs + 120_000])
    await second.close()
    runtime = createVirtualRuntime(startMs + 2 * hourMs)
    const third = open()
    expect([third.meters.latest().atMs[1], third.meters.latest().powerW[2]]).toEqual([0, 3_000])
    await third.close()
  })
  it('a window finds an interval of hours that began long before it, also after a restart', async () => {
    const first = open()
    first.meters.put(readings([1, startMs, startMs + 5 * hourMs, 7_000]))
    await first.close()
    const second = open()
    const window = await second.meters.range(Uint32Array.of(1), startMs + 4 * hourMs, startMs + 4 * hourMs + 1)
    expect([...window.powerW]).toEqual([7_000])
    await second.close()
  })
})
