import { existsSync, mkdtempSync, readdirSync, readFileSync, rmSync, statSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import { createVirtualRuntime } from '../../adapters/runtime/memory.ts'
import { databaseName, openDatabase } from '../../adapters/stores/sqlite/db.ts'
import { openStore } from '../../adapters/stores/sqlite/open.ts'
import { openReader } from '../../adapters/stores/sqlite/reader.ts'
import { nextKeyName, rotateKey } from '../../adapters/stores/sqlite/rotate.ts'
import { signCheckpoint } from '../../src/audit/checkpoint.ts'
import { formatSkey, generateSeed, openNote, parseSkey, parseVkey, type Signer, signerOf } from '../../src/audit/note.ts'
import { parseRotation, signRotation } from '../../src/audit/rotation.ts'
import { verifyFile } from '../../src/cli/auditVerify.ts'
import { recover } from '../../src/engine/recover.ts'

const origin = 'grid.example/log'
const nowMs = 1_700_000_000_000
const runtime = createVirtualRuntime(nowMs)
const leaf = (turn: number) => Buffer.from(JSON.stringify({ at: nowMs, fact: { about: {}, kind: 'noted', what: `turn ${turn}` }, turn }))

let dir: string
beforeEach(() => {
  dir = join(mkdtempSync(join(tmpdir(), 'gridbridge-')), 'data')
})
afterEach(() => rmSync(join(dir, '..'), { recursive: true }))
const file = (name: string) => readFileSync(join(dir, name), 'utf8')
const open = () => openStore({ dir, origin, runtime })
/** Appends a few entries; the checkpoint after them. */
async function grow(entries = 3): Promise<string> {
  const store = open()
  for (let i = 0; i < entries; i++) await store.journal.append(store.journal.size(), [leaf(store.journal.size())], [])
  const note = store.journal.checkpoint()
  await store.close()
  return note
}
const rotate = () => rotateKey({ dir, origin, nowMs })
const verify = (key: string, since?: string) => verifyFile(openReader, join(dir, databaseName), key, since)
const codes = (answer: Awaited<ReturnType<typeof verify>>) => ('findings' in answer.json ? answer.json.findings.map(f => f.code) : [])

describe('a log gets another key', () => {
  it('and with any one key of its life all of it is verified, and every checkpoint that was ever kept', async () => {
    const first = await grow()
    const k0 = file('audit.pub')
    await rotate()
    const second = await grow()
    const k1 = file('audit.pub')
    await rotate()
    const third = await grow()
    const k2 = file('audit.pub')
    expect(new Set([k0, k1, k2]).size).toBe(3)
    for (const key of [k0, k1, k2, k0 + k1 + k2])
      for (const since of [undefined, first, second, third])
        expect(await verify(key, since)).toMatchObject({ exitCode: 0, json: { size: 11, rotations: 2 } })
    expect((await verify(k0)).lines.join('\n')).toContain('keys: changed 2 times')
    // the former key is kept for those who look for it, the secret one is not
    expect(readdirSync(dir).filter(n => n.startsWith('audit.pub.'))).toHaveLength(2)
    expect(readdirSync(dir).filter(n => n.startsWith('audit.key'))).toEqual(['audit.key'])
    expect(statSync(join(dir, 'audit.key')).mode & 0o777).toBe(0o600)
  })
  it('the checkpoint over the change has both signatures, the next one only the new', async () => {
    await grow()
    const old = parseVkey(file('audit.pub'))
    await rotate()
    const store = open()
    const now = store.signer.verifier
    expect(openNote(store.journal.checkpoint(), [old, now])).toMatchObject({
      kind: 'verified',
      by: [{ keyId: old.keyId }, { keyId: now.keyId }],
    })
    await store.journal.append(store.journal.size(), [leaf(9)], [])
    expect(openNote(store.journal.checkpoint(), [old, now])).toMatchObject({ by: [{ keyId: now.keyId }] })
    // the engine reads over it
    expect((await recover(store.journal)).turn).toBeGreaterThan(0)
    await store.close()
  })
  it('a key that is not of the chain verifies nothing', async () => {
    await grow()
    await rotate()
    expect(codes(await verify(signerOf(origin, generateSeed()).verifier.vkey))).toEqual(['unknown-key'])
  })
})

describe('somebody has the old key', () => {
  let old: Signer
  let forged: (signer: Signer) => void
  beforeEach(async () => {
    await grow()
    old = parseSkey(file('audit.key').trim())
    await rotate()
    await grow(1)
    forged = signer => {
      const db = openDatabase(dir)
      const [size, note] = db.prepare('SELECT size, note FROM head').get([]) as [number, string]
      const root = Buffer.from(note.split('\n')[2]!, 'base64')
      db.prepare('UPDATE head SET note = ?').run([signCheckpoint(size, root, signer)])
      db.close()
    }
  })
  it('what it signs after it was replaced is refused, by name', async () => {
    forged(old)
    const answer = await verify(old.verifier.vkey)
    expect(codes(answer)).toEqual(['retired-key'])
    expect(answer.lines[0]).toContain(old.verifier.keyId)
    expect(open).toThrow(expect.objectContaining({ code: 'journal-mismatch' }))
  })
  it('as is a later checkpoint of it that somebody was given', async () => {
    const root = Buffer.from(open().journal.root())
    expect(codes(await verify(file('audit.pub'), signCheckpoint(5, root, old)))).toEqual(['since-retired-key'])
  })
  it('a change of the key that only one of them signed is no change', async () => {
    const thief = signerOf(origin, generateSeed())
    const statement = signRotation(5, old, thief)
    expect(parseRotation(statement)).toMatchObject({ size: 5 })
    const alone = statement
      .split('\n')
      .filter((_, i, all) => i !== all.length - 2)
      .join('\n')
    expect(parseRotation(alone)).toBeUndefined()
    expect(parseRotation(statement.replace('\n5\n', '\n6\n'))).toBeUndefined()
    const store = open()
    const about = { from: old.verifier.keyId, statement: alone, to: thief.verifier.keyId }
    await store.journal.append(
      5,
      [Buffer.from(JSON.stringify({ at: nowMs, fact: { about, kind: 'noted', what: 'keyRotated' }, turn: 9 }))],
      [],
    )
    await store.close()
    expect(codes(await verify(file('audit.pub')))).toEqual(['rotation-wrong'])
  })
})

describe('killed in the middle of a change', () => {
  it('before the log had it, the old key stays and the one that was to come is gone', async () => {
    await grow()
    const before = file('audit.key')
    writeFileSync(join(dir, nextKeyName), `${formatSkey(origin, generateSeed())}\n`, { mode: 0o600 })
    await grow(1)
    expect(file('audit.key')).toBe(before)
    expect(existsSync(join(dir, nextKeyName))).toBe(false)
    expect(await verify(file('audit.pub'))).toMatchObject({ exitCode: 0, json: { rotations: 0 } })
  })
  it('after the log had it, the next start takes the new key', async () => {
    await grow()
    const [oldKey, oldPub] = [file('audit.key'), file('audit.pub')]
    await rotate()
    const newKey = file('audit.key')
    // as it was on disk between the append and the renaming
    writeFileSync(join(dir, nextKeyName), newKey, { mode: 0o600 })
    writeFileSync(join(dir, 'audit.key'), oldKey)
    writeFileSync(join(dir, 'audit.pub'), oldPub)
    await grow(1)
    expect(file('audit.key')).toBe(newKey)
    expect(await verify(oldPub)).toMatchObject({ exitCode: 0, json: { rotations: 1, size: 5 } })
    expect(await verify(file('audit.pub'))).toMatchObject({ exitCode: 0 })
  })
})

describe('a key that is not in the data folder', () => {
  it('signs as well, and no secret key is written there; its change is written where it was asked for', async () => {
    const signing = formatSkey(origin, generateSeed())
    const store = openStore({ dir, origin, runtime, secrets: { signing, seed: '5'.repeat(64) } })
    await store.journal.append(0, [leaf(0)], [])
    expect(store.seedKey).toEqual(new Uint8Array(32).fill(0x55))
    await store.close()
    expect(readdirSync(dir)).not.toContain('audit.key')
    expect(readdirSync(dir)).not.toContain('seed.key')
    const to = join(dir, '..', 'next.key')
    await rotateKey({ dir, origin, nowMs, secrets: { signing, seed: '5'.repeat(64) }, to })
    const next = readFileSync(to, 'utf8').trim()
    const again = openStore({ dir, origin, runtime, secrets: { signing: next, seed: '5'.repeat(64) } })
    await again.journal.append(2, [leaf(5)], [])
    await again.close()
    expect(await verify(parseSkey(signing).verifier.vkey)).toMatchObject({ exitCode: 0, json: { size: 3, rotations: 1 } })
    expect(readdirSync(dir)).not.toContain('audit.key')
  })
  it('the same key again is no change', async () => {
    const signing = formatSkey(origin, generateSeed())
    await openStore({ dir, origin, runtime, secrets: { signing } }).close()
    const to = join(dir, '..', 'same.key')
    writeFileSync(to, signing, { mode: 0o600 })
    await expect(rotateKey({ dir, origin, nowMs, secrets: { signing }, to })).rejects.toMatchObject({ code: 'key-malformed' })
  })
})
