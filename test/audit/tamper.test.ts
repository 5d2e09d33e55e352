import { createHash } from 'node:crypto'
import { copyFileSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import Database from 'libsql'
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it } from 'vitest'
import { createVirtualRuntime } from '../../adapters/runtime/memory.ts'
import { databaseName } from '../../adapters/stores/sqlite/db.ts'
import { publicKeyName, signingKeyName } from '../../adapters/stores/sqlite/key.ts'
import { openStore } from '../../adapters/stores/sqlite/open.ts'
import { openReader } from '../../adapters/stores/sqlite/reader.ts'
import { signCheckpoint } from '../../src/audit/checkpoint.ts'
import { generateSeed, parseSkey, signerOf } from '../../src/audit/note.ts'
import { verifyFile, verifyReader } from '../../src/cli/auditVerify.ts'
import type { Blob } from '../../src/ports.ts'

const origin = 'grid.example/log'
const runtime = createVirtualRuntime(1_700_000_000_000)
const leaf = (turn: number, fact: object) => Buffer.from(JSON.stringify({ at: 1_700_000_000_000 + turn * 1000, fact, turn }))
function blobOf(body: string): Blob {
  const salted = Buffer.concat([Buffer.alloc(16, 5), Buffer.from(body)])
  return { hash: createHash('sha256').update(salted).digest('hex'), salted }
}
const raw = blobOf('<oadrDistributeEvent/>')
const power = blobOf('power of every charger')

/** An original log of 40 turns, 60 entries and two blobs; each test spoils a copy. */
let original: string
let checkpointAt21: string
let checkpointAt60: string
beforeAll(async () => {
  original = mkdtempSync(join(tmpdir(), 'gridbridge-'))
  const store = openStore({ dir: original, origin, runtime })
  for (let turn = 0; turn < 40; turn++) {
    const leaves = [leaf(turn, { kind: 'noted', what: `turn ${turn}` })]
    if (turn === 3) leaves.push(leaf(turn, { kind: 'signal', raw: { $blob: raw.hash } }))
    else if (turn % 2 === 0 && turn < 38) leaves.push(leaf(turn, { kind: 'observed', powerW: { $blob: power.hash, n: 7 } }))
    await store.journal.append(store.journal.size(), leaves, turn === 3 ? [raw] : turn === 0 ? [power] : [])
    if (store.journal.size() === 21) checkpointAt21 = store.journal.checkpoint()
  }
  checkpointAt60 = store.journal.checkpoint()
  await store.close()
})
afterAll(() => rmSync(original, { recursive: true }))

let dir: string
let file: string
beforeEach(() => {
  dir = copyOf(original)
  file = join(dir, databaseName)
})
afterEach(() => rmSync(dir, { recursive: true }))
/** A bridge refuses where the public key says that there was a log; who forges one removes that too. */
const begunAnew = () => [file, join(dir, publicKeyName)].forEach(path => rmSync(path))
function copyOf(from: string): string {
  const to = mkdtempSync(join(tmpdir(), 'gridbridge-'))
  for (const name of [databaseName, signingKeyName, publicKeyName, 'seed.key']) copyFileSync(join(from, name), join(to, name))
  return to
}
function sql(...statements: string[]): void {
  const db = new Database(file)
  for (const statement of statements) db.exec(statement)
  db.close()
}
const verify = (since?: string, key = readFileSync(join(original, publicKeyName), 'utf8')) => verifyFile(openReader, file, key, since)

describe('a log that nobody touched', () => {
  it('is verified from the file and the public key alone', async () => {
    const answer = await verify()
    expect(answer).toMatchObject({ ok: true, exitCode: 0, json: { size: 60, checkedBlobs: 2, absentBlobs: 0, since: null, origin } })
    expect(answer.lines).toContain('blobs: 2 right, 0 erased or expired')
    expect(answer.lines.at(-1)).toMatch(
      /^not proven: nothing is proven about entries after 60, nor that this is the latest or the only copy/,
    )
  })
  it('as a copy that has no blobs: it is said how many were not looked at', async () => {
    const { blob: _, ...reader } = openReader(file)
    const answer = await verifyReader(reader, readFileSync(join(original, publicKeyName), 'utf8'))
    reader.close()
    expect(answer).toMatchObject({ ok: true, json: { checkedBlobs: 0, absentBlobs: 0, unseenBlobs: 2 } })
    expect(answer.lines).toContain('blobs: not looked at: the entries name 2, and a folder of tiles has none; verify the database for them')
  })
  it('extends a checkpoint that somebody kept', async () => {
    for (const since of [checkpointAt21, checkpointAt60, checkpointAt21.trimEnd(), checkpointAt21.replaceAll('\n', '\r\n')]) {
      const answer = await verify(since)
      expect(answer.exitCode).toBe(0)
      expect(answer.lines.join('\n')).toMatch(/extends the checkpoint of (21|60) entries/)
    }
  })
  it('is verified while the bridge goes on writing', async () => {
    const store = openStore({ dir, origin, runtime })
    const reader = openReader(file)
    expect(reader.head()?.size).toBe(60)
    await store.journal.append(60, [leaf(40, { kind: 'noted' })], [])
    const answer = await verifyFile(() => reader, file, readFileSync(join(dir, publicKeyName), 'utf8'))
    expect(answer).toMatchObject({ exitCode: 0, json: { size: 60 } })
    expect(await verify()).toMatchObject({ exitCode: 0, json: { size: 61 } })
    await store.close()
  })
  it('takes the secret key file too, and uses only its public half', async () => {
    expect((await verify(undefined, readFileSync(join(original, signingKeyName), 'utf8'))).exitCode).toBe(0)
  })
  it('an empty log is verified, and proves nothing', async () => {
    begunAnew()
    await openStore({ dir, origin, runtime }).close()
    expect((await verify()).lines[0]).toBe('ok: the log is empty')
    expect((await verify(checkpointAt21)).lines).toEqual([
      'since-truncated: 21 entries were signed, the log has 0: its tail was cut off, or this is an older copy',
    ])
  })
})

describe('tampering is found from the file alone', () => {
  const cases: [what: string, statements: string[], line: RegExp][] = [
    [
      'a flipped bit in an entry',
      ["UPDATE entry SET body = cast(replace(body, 'turn 7', 'turn 6') AS BLOB) WHERE seq = 12"],
      /^entry-changed: entry 12 is not what was appended/,
    ],
    ['a deleted row', ['DELETE FROM entry WHERE seq = 17'], /^entry-missing: entry 17 is missing/],
    ['deleted rows', ['DELETE FROM entry WHERE seq BETWEEN 17 AND 19'], /^entry-missing: entries 17 to 19 are missing/],
    [
      'a deleted row closed up',
      ['DELETE FROM entry WHERE seq = 17', 'UPDATE entry SET seq = -seq WHERE seq > 17', 'UPDATE entry SET seq = -seq - 1 WHERE seq < 0'],
      /^entry-count: the signed head has 60 entries, the log 59/,
    ],
    [
      'two entries that changed places',
      ['UPDATE entry SET seq = -1 WHERE seq = 20', 'UPDATE entry SET seq = 20 WHERE seq = 30', 'UPDATE entry SET seq = 30 WHERE seq = -1'],
      /^entry-order: entry 21 \(turn \d+\) stands after one of turn \d+/,
    ],
    [
      'two bodies that changed places',
      [
        'CREATE TEMP TABLE t AS SELECT * FROM entry WHERE seq IN (20, 30)',
        'UPDATE entry SET body = (SELECT body FROM t WHERE t.seq = 50 - entry.seq) WHERE seq IN (20, 30)',
      ],
      /^entry-changed: entry 20 is not what was appended/,
    ],
    ['a truncated tail', ['DELETE FROM entry WHERE seq >= 55'], /^entry-count: the signed head has 60 entries, the log 55/],
    [
      'a truncated tail under a corrected size',
      ['DELETE FROM entry WHERE seq >= 55', 'UPDATE head SET size = 55'],
      /^head-malformed: the store says 55 entries, its signed head 60/,
    ],
    [
      'an entry added at the end',
      ['INSERT INTO entry SELECT 60, hash, body FROM entry WHERE seq = 59'],
      /^entry-count: the signed head has 60 entries, the log 61/,
    ],
    [
      'an entry before the first',
      ['INSERT INTO entry SELECT -5, hash, body FROM entry WHERE seq = 59'],
      /^entry-missing: there is no place for an entry numbered -5/,
    ],
    [
      'a changed head',
      ["UPDATE head SET note = replace(note, char(10) || '60' || char(10), char(10) || '59' || char(10)), size = 59"],
      /^bad-signature: the head is not what key grid.example\/log \w+ signed/,
    ],
    ['a head that is no note', ["UPDATE head SET note = 'hello'"], /^head-malformed: /],
    ['no head', ['DELETE FROM head'], /^head-missing: /],
    [
      'another body under a blob',
      [`UPDATE blob SET body = x'${'05'.repeat(16)}6162' WHERE hash = x'${raw.hash}'`],
      /^blob-wrong: blob \w+ of entry 6 has another content/,
    ],
    [
      'a blob that is gone',
      [`DELETE FROM blob WHERE hash = x'${raw.hash}'`],
      /^blob-absent: blob \w+ of entry 6 is absent, and no erased or expired fact names it/,
    ],
    ['a table that is gone', ['DROP TABLE entry'], /^unreadable: /],
  ]
  it.each(cases)('%s', async (_, statements, line) => {
    sql(...statements)
    const answer = await verify()
    expect([answer.exitCode, answer.ok, answer.json.ok]).toEqual([3, false, false])
    expect(
      answer.lines.some(l => line.test(l)),
      answer.lines.join('\n'),
    ).toBe(true)
  })
  it('any byte of any entry, flipped in the file itself', async () => {
    const bytes = readFileSync(file)
    const text = '"what":"turn 12"'
    for (const mask of [0x01, 0x80]) {
      const spoilt = Buffer.from(bytes)
      // Pages that were split leave old copies behind.
      for (let at = bytes.indexOf(text); at >= 0; at = bytes.indexOf(text, at + 1)) spoilt[at + 9]! ^= mask
      writeFileSync(file, spoilt)
      const answer = await verify()
      expect(answer.exitCode).toBe(3)
      expect(answer.lines[0]).toMatch(/^entry-changed: entry 19 /)
    }
  })
  it('a file that is no database, or is cut in half, is an unreadable log', async () => {
    const bytes = readFileSync(file)
    for (const spoilt of [Buffer.alloc(8192, 'x'), bytes.subarray(0, bytes.length / 2)]) {
      writeFileSync(file, spoilt)
      const answer = await verify()
      expect([answer.exitCode, answer.lines[0]?.split(':')[0]]).toEqual([3, 'unreadable'])
      expect(answer.lines[0]).not.toMatch(/transaction/)
    }
  })
  it('many changes are counted, not listed', async () => {
    sql("UPDATE entry SET body = x'00'")
    const { lines } = await verify()
    expect(lines.length).toBeLessThan(10)
    expect(lines.join('\n')).toContain('(and 55 more)')
  })
})

describe('an absent blob is in order when a fact says why', () => {
  it.each([
    ['expired', { kind: 'expired', hashes: [raw.hash] }],
    ['erased', { kind: 'erased', hash: raw.hash }],
    ['noted as erased', { kind: 'noted', what: 'erased', about: { blob: raw.hash } }],
  ])('%s', async (_, fact) => {
    const store = openStore({ dir, origin, runtime })
    await store.journal.append(60, [leaf(40, fact)], [])
    await store.close()
    sql(`DELETE FROM blob WHERE hash = x'${raw.hash}'`)
    expect(await verify()).toMatchObject({ exitCode: 0, json: { checkedBlobs: 1, absentBlobs: 1 } })
    sql(`DELETE FROM blob WHERE hash = x'${power.hash}'`)
    expect((await verify()).exitCode).toBe(3)
  })
})

describe('what only a kept checkpoint shows', () => {
  const signer = () => parseSkey(readFileSync(join(original, signingKeyName), 'utf8'))

  it('a tail cut off with the real key', async () => {
    // The head of 21 entries was once signed by the real key, so this copy is sound in itself.
    sql('DELETE FROM entry WHERE seq >= 21', `UPDATE head SET size = 21, note = '${checkpointAt21}'`)
    const alone = await verify()
    expect(alone.exitCode).toBe(0)
    expect(alone.lines.at(-1)).toContain('nothing is proven about entries after 21')
    const answer = await verify(checkpointAt60)
    expect([answer.exitCode, ...answer.lines]).toEqual([
      3,
      'since-truncated: 60 entries were signed, the log has 21: its tail was cut off, or this is an older copy',
    ])
  })
  it('an older copy, put back in place of the log', async () => {
    const store = openStore({ dir, origin, runtime })
    await store.journal.append(60, [leaf(40, { kind: 'noted', what: 'what they want to hide' })], [])
    const kept = store.journal.checkpoint()
    await store.close()
    copyFileSync(join(original, databaseName), file)
    expect((await verify()).exitCode).toBe(0)
    expect((await verify(kept)).lines).toEqual([
      'since-truncated: 61 entries were signed, the log has 60: its tail was cut off, or this is an older copy',
    ])
  })
  it('a fork of the same length, signed with the real key', async () => {
    const other = async (what: string) => {
      copyFileSync(join(original, databaseName), file)
      const store = openStore({ dir, origin, runtime })
      await store.journal.append(60, [leaf(40, { kind: 'noted', what })], [])
      const note = store.journal.checkpoint()
      await store.close()
      return note
    }
    const kept = await other('delivered 40 %')
    await other('delivered 100 %')
    expect((await verify()).exitCode).toBe(0)
    const answer = await verify(kept)
    expect([answer.exitCode, ...answer.lines]).toEqual([
      3,
      'since-fork: at 61 entries another root was signed: this is a fork or a rewritten history',
    ])
  })
  it('a rewritten history that went on, signed with the real key', async () => {
    begunAnew()
    const store = openStore({ dir, origin, runtime })
    await store.journal.append(
      0,
      Array.from({ length: 70 }, (_, i) => leaf(i, { kind: 'noted', what: `better turn ${i}` })),
      [],
    )
    await store.close()
    expect((await verify()).exitCode).toBe(0)
    for (const [kept, size] of [
      [checkpointAt21, 21],
      [checkpointAt60, 60],
    ] as const) {
      const answer = await verify(kept)
      expect([answer.exitCode, ...answer.lines]).toEqual([
        3,
        `since-rewritten: the first ${size} entries are not those that were signed: this is a fork or a rewritten history`,
      ])
    }
  })
  it('a changed checkpoint, or one by another key, is no ground to compare on', async () => {
    const forged = signCheckpoint(60, new Uint8Array(32), signerOf(origin, generateSeed()))
    expect((await verify(checkpointAt60.replace('\n60\n', '\n61\n'))).lines[0]).toMatch(/^since-bad-signature/)
    expect((await verify(forged)).lines[0]).toMatch(/^since-unknown-key/)
    expect((await verify('60')).lines[0]).toMatch(/^since-malformed/)
    expect((await verify(signCheckpoint(60, new Uint8Array(32), signer()))).lines[0]).toMatch(/^since-fork/)
  })
  it('a log signed with another key', async () => {
    const answer = await verify(undefined, signerOf(origin, generateSeed()).verifier.vkey)
    expect(answer.exitCode).toBe(3)
    expect(answer.lines[0]).toMatch(/^unknown-key: the head is signed by grid.example\/log, but not with key grid.example\/log/)
  })
})

describe('usage', () => {
  it('no file, no usable key: exit 2, nothing was verified', async () => {
    expect((await verify(undefined, 'not a key')).exitCode).toBe(2)
    rmSync(file)
    expect(await verify()).toMatchObject({ exitCode: 2, lines: [`there is no ${file}`] })
  })
})
