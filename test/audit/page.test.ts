import { webcrypto } from 'node:crypto'
import { describe, expect, it } from 'vitest'
import { checkProof, start, textOf } from '../../src/audit/browser/app.ts'
import { pageModules, verifierPage } from '../../src/audit/browser/page.ts'
import { signCheckpoint } from '../../src/audit/checkpoint.ts'
import { inclusionProof, leafHash, rangeRoot, treeOf } from '../../src/audit/merkle.ts'
import { cosignerOf, signerOf } from '../../src/audit/note.ts'
import { emptyEdge, grow } from '../../src/audit/tiles.ts'
import { formatProof } from '../../src/audit/tlogProof.ts'

const subtle = webcrypto.subtle as unknown as Parameters<typeof checkProof>[3]
const log = signerOf('grid.example/log', new Uint8Array(32).fill(1))
const witness = cosignerOf('dso.example/witness', new Uint8Array(32).fill(2))
const entries = Array.from({ length: 300 }, (_, i) => Buffer.from(`entry ${i}`))
const edge = emptyEdge()
for (const entry of entries) grow(edge, leafHash(entry))
const own = signCheckpoint(300, rangeRoot(edge.range), log)
const checkpoint = own + witness.cosignatureLine(own.slice(0, own.indexOf('\n\n') + 1), 1_700_000_000)
const proof = formatProof({ index: 42, hashes: inclusionProof(treeOf(entries.map(leafHash)), 42, 300), checkpoint })
const policy = `log ${log.verifier.vkey}\nwitness DSO ${witness.verifier.vkey}\nquorum DSO\n`

describe('the page that checks a proof, over WebCrypto', () => {
  it('says what the product says', async () => {
    expect(textOf(await checkProof(proof, entries[42]!, log.verifier.vkey, subtle))).toBe(
      'Proven: this is entry 42 of the 300 in grid.example/log. No witness was asked for.',
    )
    expect(textOf(await checkProof(proof, entries[42]!, policy, subtle))).toBe(
      'Proven: this is entry 42 of the 300 in grid.example/log. Seen by DSO (2023-11-14T22:13:20.000Z).',
    )
  })
  it.each([
    ['another entry', proof, entries[43]!, policy, 'this entry is not number 42 of the 300'],
    ['a changed checkpoint', proof.replace('\n300\n', '\n301\n'), entries[42]!, policy, 'is not what grid.example/log'],
    [
      'another key',
      proof,
      entries[42]!,
      signerOf('grid.example/log', new Uint8Array(32).fill(9)).verifier.vkey,
      'signed by no key of the policy',
    ],
    ['a key that is none', proof, entries[42]!, 'grid.example/log', 'not a vkey'],
    ['a file that is none', '%PDF-1.4', entries[42]!, policy, 'this is not a tlog-proof'],
  ])('%s: no, and why', async (_, text, entry, trust, why) => {
    expect(textOf(await checkProof(text, entry, trust, subtle))).toContain(why)
  })
  it('a browser without Ed25519 says so, and not that the proof is bad', async () => {
    const old = {
      ...subtle,
      digest: subtle.digest.bind(subtle),
      importKey: () => Promise.reject(new DOMException('x', 'NotSupportedError')),
    }
    expect(textOf(await checkProof(proof, entries[42]!, policy, old))).toContain('this browser cannot check Ed25519 signatures')
  })
  it('reads the files that are chosen', async () => {
    const field = (bytes?: Buffer, value = '') => ({
      value,
      files: bytes && [{ text: async () => bytes.toString(), arrayBuffer: async () => Uint8Array.from(bytes).buffer }],
      textContent: '',
      className: '',
      listeners: [] as (() => unknown)[],
      addEventListener(_: string, then: () => unknown) {
        this.listeners.push(then)
      },
    })
    const fields = { proof: field(), entry: field(entries[42]), trust: field(undefined, policy), check: field(), verdict: field() }
    start({ getElementById: id => fields[id as keyof typeof fields] as never }, subtle)
    await fields.check.listeners[0]!()
    expect(fields.verdict.textContent).toBe('Choose both files, and say whom you trust.')
    fields.proof.files = field(Buffer.from(proof)).files
    await fields.check.listeners[0]!()
    expect([fields.verdict.className, fields.verdict.textContent]).toEqual(['yes', expect.stringMatching(/^Proven: .* Seen by DSO/)])
  })
  it('is one file that loads nothing', () => {
    const html = verifierPage(module => `import { x } from './bytes.js'\nexport const at = '${module} —'\n//# sourceMappingURL=x.js.map`)
    const map = JSON.parse(/<script type="importmap">(.*)<\/script>/.exec(html)![1]!) as { imports: Record<string, string> }
    expect(Object.keys(map.imports)).toEqual(pageModules.map(m => `gridbridge/${m.split('/').at(-1)}`))
    const source = Buffer.from(map.imports['gridbridge/app']!.split(',')[1]!, 'base64').toString()
    expect(source).toBe(`import { x } from 'gridbridge/bytes'\nexport const at = 'browser/app —'\n`)
    expect(html.match(/https?:|src=|href=/g)).toBeNull()
  })
})
