import { mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import { signCheckpoint } from '../../src/audit/checkpoint.ts'
import { atOnce } from '../../src/audit/crypto.ts'
import { checkpointIn } from '../../src/audit/log.ts'
import { consistencyProof, emptyRange, emptyRoot, leafHash, push, rangeRoot, treeOf } from '../../src/audit/merkle.ts'
import { cosignerOf, generateSeed, openNote, parseCosignerSkey, parseVkey, signerOf, signNote } from '../../src/audit/note.ts'
import { vkeyOf } from '../../src/audit/signed.ts'
import { createWitness, formatRequest, type WitnessStore } from '../../src/audit/witness.ts'
import { fileStore, witnessKey } from '../../src/cli/witnessStore.ts'

const signer = signerOf('grid.example/log', new Uint8Array(32).fill(1))
const cosigner = cosignerOf('dso.example/witness', new Uint8Array(32).fill(2))
const nowS = 1_700_000_000

/** A log of so many entries; another `history` is another log that the same key signs. */
function logOf(size: number, history = 'one') {
  const leaves = Array.from({ length: size }, (_, i) => leafHash(Buffer.from(`${history} ${i}`)))
  const range = emptyRange()
  for (const leaf of leaves) push(range, leaf)
  const note = signCheckpoint(size, rangeRoot(range), signer)
  return { note, proof: (from: number) => consistencyProof(treeOf(leaves), from, size) }
}

let dir: string
let said: string[]
beforeEach(() => {
  dir = mkdtempSync(join(tmpdir(), 'gridbridge-'))
  said = []
})
afterEach(() => rmSync(dir, { recursive: true }))
const witness = (store: WitnessStore = fileStore(dir, line => said.push(line))) =>
  createWitness({ cosigner, logs: [signer.verifier], store, nowS: () => nowS })
const grow = (add: ReturnType<typeof witness>, from: number, to: number) => {
  const log = logOf(to)
  return add(formatRequest(from, from === 0 || from === to ? [] : log.proof(from), log.note))
}

describe('a witness (C2SP tlog-witness)', () => {
  it('cosigns a log as it grows, with the time, and knows where it was after a restart', async () => {
    const first = await grow(witness(), 0, 5)
    expect(first.status).toBe(200)
    const again = await grow(witness(), 5, 9)
    const note = logOf(9).note + again.body
    expect(openNote(note, [cosigner.verifier, signer.verifier])).toMatchObject({
      kind: 'verified',
      by: [signer.verifier, cosigner.verifier],
    })
    expect(openNote(note.replace('\n9\n', '\n8\n'), [cosigner.verifier]).kind).toBe('badSignature')
    expect((await grow(witness(), 9, 9)).status).toBe(200)
  })
  it('tells whoever is wrong about what it holds', async () => {
    const add = witness()
    expect(await grow(add, 3, 5)).toEqual({ status: 409, type: 'text/x.tlog.size', body: '0\n' })
    await grow(add, 0, 5)
    expect(await grow(add, 0, 9)).toEqual({ status: 409, type: 'text/x.tlog.size', body: '5\n' })
    expect(await grow(add, 4, 9)).toEqual({ status: 409, type: 'text/x.tlog.size', body: '5\n' })
    expect((await add(formatRequest(9, [], logOf(5).note))).status).toBe(400)
  })
  it.each([
    [
      'a log it does not know',
      () => formatRequest(0, [], signCheckpoint(1, emptyRoot, signerOf('other.example/log', generateSeed()))),
      404,
    ],
    [
      'another key for that log',
      () => formatRequest(0, [], signCheckpoint(1, emptyRoot, signerOf('grid.example/log', generateSeed()))),
      403,
    ],
    ['a changed checkpoint', () => formatRequest(0, [], logOf(5).note.replace('\n5\n', '\n6\n')), 403],
    ['a first checkpoint with a proof', () => formatRequest(0, [leafHash(Buffer.from('x'))], logOf(5).note), 422],
    ['an empty tree with a root', () => formatRequest(0, [], signCheckpoint(0, leafHash(Buffer.from('x')), signer)), 422],
    ['no old size', () => logOf(5).note, 400],
    ['a leading zero', () => formatRequest(0, [], logOf(5).note).replace('old 0', 'old 00'), 400],
    ['a proof that is no base64', () => `old 0\n!\n\n${logOf(5).note}`, 400],
    ['64 lines of proof', () => formatRequest(0, Array(64).fill(emptyRoot), logOf(5).note), 400],
    ['a note that is no checkpoint', () => formatRequest(0, [], signNote('hello\n', [signer])), 400],
    ['nothing', () => '', 400],
  ])('refuses %s', async (_, body, status) => {
    expect((await witness()(body())).status).toBe(status)
    expect(readdirSync(dir)).toEqual([])
  })
  it('refuses a second history, says what and where, and keeps both checkpoints', async () => {
    const add = witness()
    await grow(add, 0, 5)
    const fork = logOf(5, 'another')
    const same = await add(formatRequest(5, [], fork.note))
    expect([same.status, same.body]).toEqual([
      409,
      expect.stringMatching(/^split view: two roots at 5 entries; I hold root \S+ at 5, offered is \S+\n$/),
    ])
    const longer = logOf(9, 'another')
    const grown = await add(formatRequest(5, longer.proof(5), longer.note))
    expect([grown.status, grown.body]).toEqual([
      422,
      expect.stringContaining('the first 5 of these 9 entries are not those that I cosigned'),
    ])
    expect(said).toHaveLength(2)
    const splits = readdirSync(dir).filter(f => f.startsWith('split-'))
    expect(splits).toHaveLength(1)
    expect(readFileSync(join(dir, splits[0]!), 'utf8')).toContain(fork.note)
    const unproven = readdirSync(dir).filter(f => f.startsWith('unproven-'))
    expect(unproven.map(f => readFileSync(join(dir, f), 'utf8')).join()).toContain(longer.note)
    expect((await grow(add, 5, 9)).status).toBe(200)
  })
  it('a wrong proof for a true checkpoint, which anybody can send, is no proof of a second history, however often it comes', async () => {
    const add = witness()
    await grow(add, 0, 5)
    for (const size of [6, 7, 8]) expect((await add(formatRequest(5, [leafHash(Buffer.from('x'))], logOf(size).note))).status).toBe(422)
    expect(readdirSync(dir).filter(f => f.startsWith('split-'))).toEqual([])
    expect(readdirSync(dir).filter(f => f.startsWith('unproven-'))).toHaveLength(1)
    expect(said.filter(line => line.startsWith('SPLIT'))).toEqual([])
  })
  it('keeps what the log signed, without what strangers have signed below it: else a hundred lines of them would end its work', async () => {
    const stranger = `— nobody.example ${Buffer.alloc(12, 7).toString('base64')}\n`
    const full = logOf(5).note + stranger.repeat(99)
    expect((await witness()(formatRequest(0, [], full))).status).toBe(200)
    expect((await grow(witness(), 5, 9)).status).toBe(200)
    const held = readFileSync(join(dir, readdirSync(dir)[0]!), 'utf8')
    expect(openNote(held, [cosigner.verifier, signer.verifier])).toMatchObject({
      kind: 'verified',
      by: [signer.verifier, cosigner.verifier],
    })
  })
  it('takes requests for one log one after another: two that race cannot roll it back', async () => {
    const inner = fileStore(dir, () => {})
    let letGo = () => {}
    const slow = new Promise<void>(resolve => (letGo = resolve))
    const add = witness({
      ...inner,
      async keep(origin, note) {
        if (checkpointIn(note)?.size === 5) await slow
        await inner.keep(origin, note)
      },
    })
    const both = [grow(add, 0, 5), grow(add, 0, 9)]
    letGo()
    expect((await Promise.all(both)).map(a => a.status)).toEqual([200, 409])
    expect(checkpointIn((await inner.held('grid.example/log'))!)?.size).toBe(5)
  })
  it('does not answer where it could not keep, and goes on with the next', async () => {
    const inner = fileStore(dir, () => {})
    let isFull = true
    const add = witness({
      ...inner,
      async keep(origin, note) {
        if (isFull) throw new Error('no space left')
        await inner.keep(origin, note)
      },
    })
    await expect(grow(add, 0, 5)).rejects.toThrow('no space left')
    isFull = false
    expect((await grow(add, 0, 7)).status).toBe(200)
  })
  it('cosigns nothing where what it holds cannot be read: it is not a log that it never saw', async () => {
    await grow(witness(), 0, 5)
    const [file] = readdirSync(dir)
    writeFileSync(join(dir, file!), '')
    await expect(grow(witness(), 0, 3)).rejects.toThrow('cannot be read')
  })
})

describe('the key of a witness', () => {
  it('is made once, for cosignatures only', () => {
    const made = witnessKey(dir, 'dso.example/witness')
    for (const name of ['dso.example/witness', undefined]) expect(witnessKey(dir, name).verifier.vkey).toBe(made.verifier.vkey)
    expect(() => witnessKey(dir, 'other.example/witness')).toThrow(expect.objectContaining({ code: 'GB-1212', exit: 2 }))
    expect(readFileSync(join(dir, 'witness.pub'), 'utf8').trim()).toBe(made.verifier.vkey)
    const { vkey } = made.verifier
    expect(atOnce(vkeyOf(readFileSync(join(dir, 'witness.pub'), 'utf8')))).toMatchObject({
      type: 'cosignature',
      name: 'dso.example/witness',
    })
    expect(() => parseVkey(vkey)).toThrow('the key of a witness')
    expect(() => parseCosignerSkey('PRIVATE+KEY+x')).toThrow(expect.objectContaining({ code: 'key-malformed' }))
  })
})
