import { createPrivateKey, createPublicKey } from 'node:crypto'
import { describe, expect, it } from 'vitest'
import { openCheckpoint, parseCheckpoint, signCheckpoint } from '../../src/audit/checkpoint.ts'
import { emptyRoot } from '../../src/audit/merkle.ts'
import { formatSkey, generateSeed, openNote, parseSkey, parseVkey, signerOf, signNote, verifierFromText } from '../../src/audit/note.ts'
import { vectors, vectorsAbsent, whyAbsent } from './vectors.ts'

describe.skipIf(vectorsAbsent)(`published notes${whyAbsent}`, () => {
  const { cases } = vectorsAbsent ? { cases: [] } : vectors('signed-note.json')
  it.each(cases as { vkey: string; note: string; skey?: string }[])('$vkey', ({ vkey, note, skey }) => {
    const verifier = parseVkey(vkey)
    expect(verifier.vkey).toBe(vkey)
    const opened = openNote(note, [verifier])
    expect(opened).toMatchObject({ kind: 'verified', by: [{ vkey }] })
    if (skey === undefined || opened.kind !== 'verified') return
    expect(parseSkey(skey).verifier.vkey).toBe(vkey)
    expect(signNote(opened.text, [parseSkey(skey)])).toBe(note)
  })
})

const signer = signerOf('grid.example/log', new Uint8Array(32).fill(1))
const other = signerOf('other.example/log', new Uint8Array(32).fill(2))
const samePlace = signerOf('grid.example/log', new Uint8Array(32).fill(3))
const text = 'the fleet was cut\nat noon\n'

describe('a signed note', () => {
  it('is verified by its key and by no other', () => {
    const note = signNote(text, [signer])
    expect(openNote(note, [signer.verifier])).toMatchObject({ kind: 'verified', text })
    expect(openNote(note, [other.verifier])).toMatchObject({ kind: 'unknownKey', signers: ['grid.example/log'] })
    expect(openNote(note, [samePlace.verifier]).kind).toBe('unknownKey')
  })
  it('keys that we do not know are ignored beside one that we do', () => {
    const note = signNote(text, [other, signer, samePlace])
    expect(openNote(note, [signer.verifier])).toMatchObject({ kind: 'verified', by: [signer.verifier] })
  })
  it('one wrong signature of a known key spoils the note, whoever else signed', () => {
    const note = signNote(text, [signer]) + other.signatureLine('something else\n')
    expect(openNote(note, [signer.verifier, other.verifier]).kind).toBe('badSignature')
    expect(openNote(note, [signer.verifier]).kind).toBe('verified')
  })
  it('a changed text is a bad signature', () => {
    expect(openNote(signNote(text, [signer]).replace('noon', 'dawn'), [signer.verifier]).kind).toBe('badSignature')
  })
  it('takes at least 16 signatures', () => {
    const signers = Array.from({ length: 20 }, (_, i) => signerOf(`s${i}.example`, new Uint8Array(32).fill(i)))
    const opened = openNote(
      signNote(text, signers),
      signers.map(s => s.verifier),
    )
    expect(opened.kind === 'verified' && opened.by).toHaveLength(20)
  })
  it.each([
    ['no signature', `${text}\n`],
    ['no empty line', text],
    ['no last newline', signNote(text, [signer]).slice(0, -1)],
    ['a hyphen for the dash', signNote(text, [signer]).replace('—', '-')],
    ['a control character', signNote(text, [signer]).replace('noon', 'no\ton')],
    ['bits after the base64', signNote(text, [signer]).replace(/\n$/, 'A\n')],
    ['a note that is empty', ''],
  ])('%s is malformed', (_, note) => {
    expect(openNote(note, [signer.verifier]).kind).toBe('malformed')
  })
  it('refuses to sign what no one could open', () => {
    expect(() => signNote('no newline', [signer])).toThrow(expect.objectContaining({ code: 'note-malformed' }))
    expect(() => signerOf('two words', generateSeed())).toThrow(expect.objectContaining({ code: 'key-name' }))
  })
})

describe('keys', () => {
  const seed = generateSeed()
  const mine = signerOf('grid.example/log', seed)
  const privateKey = createPrivateKey({
    key: Buffer.concat([Buffer.from('302e020100300506032b657004220420', 'hex'), seed]),
    format: 'der',
    type: 'pkcs8',
  })
  it.each([
    ['a vkey', mine.verifier.vkey],
    ['the secret key file', `${formatSkey('grid.example/log', seed)}\n`],
    ['a PEM private key', privateKey.export({ format: 'pem', type: 'pkcs8' }).toString()],
    ['a PEM public key', createPublicKey(privateKey).export({ format: 'pem', type: 'spki' }).toString()],
  ])('%s gives the same verifier', (_, file) => {
    expect(verifierFromText(file, 'grid.example/log').vkey).toBe(mine.verifier.vkey)
  })
  it.each([
    ['another id', mine.verifier.vkey.replace(/\+[0-9a-f]{8}\+/, '+00000000+')],
    ['another type byte', mine.verifier.vkey.replace(/\+A/, '+B')],
    ['words', 'not a key at all'],
    ['nothing', ''],
  ])('a vkey with %s is refused', (_, vkey) => {
    expect(() => parseVkey(vkey)).toThrow(expect.objectContaining({ code: 'key-malformed' }))
  })
})

describe('a checkpoint', () => {
  const body = (size: string, root = Buffer.from(emptyRoot).toString('base64')) => `grid.example/log\n${size}\n${root}\n`
  it('says origin, size and root, signed by the key of that origin', () => {
    const note = signCheckpoint(7, emptyRoot, signer)
    expect(openCheckpoint(note, signer.verifier)).toMatchObject({ kind: 'verified', checkpoint: { origin: 'grid.example/log', size: 7 } })
  })
  it('of another log does not pass for ours', () => {
    const note = signNote(body('7').replace('grid', 'other'), [signer])
    expect(openCheckpoint(note, signer.verifier).kind).toBe('malformed')
  })
  it.each([
    ['a leading zero', body('07')],
    ['a size beyond 2^53', body('9007199254740993')],
    ['a negative size', body('-1')],
    ['a short root', body('7', 'AAAA')],
    ['a root that is not base64', body('7', `${'*'.repeat(43)}=`)],
    ['no origin', body('7').slice('grid.example/log'.length)],
    ['an empty extension', `${body('7')}\n`],
  ])('%s is not one', (_, text) => {
    expect(parseCheckpoint(text)).toBeUndefined()
  })
  it('extension lines are allowed', () => {
    expect(parseCheckpoint(`${body('7')}something\n`)?.size).toBe(7)
  })
})
