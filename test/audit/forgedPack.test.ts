import { strToU8, zipSync } from 'fflate'
import { beforeAll, describe, expect, it } from 'vitest'
import { signerOf } from '../../src/audit/note.ts'
import { checkPack } from '../../src/operations/evidenceCheck.ts'
import { type Files, type Manifest, names, textOf } from '../../src/operations/evidenceFiles.ts'
import type { CheckLine } from '../../src/operations/evidencePack.ts'
import { unpacked } from '../../src/operations/evidenceZip.ts'
import { chartLibrary } from '../../src/report/library.ts'
import { type Bridge, startBridge } from '../api/bridge.ts'
import { anEvent, eventId } from '../report/event.ts'
import { resealed } from './forged.ts'

/** What a forger can do who makes every hash and the manifest right, and has neither the key of the log nor a place in it. */
const trust = { keys: [signerOf('memory.gridbridge.invalid/log', new Uint8Array(32).fill(7)).verifier] }
const own = { version: '1', library: chartLibrary() }

let b: Bridge
let pack: Files
let zip: Uint8Array
beforeAll(async () => {
  b = await startBridge()
  await anEvent(b)
  const made = await b.operations.evidence.of(eventId, { name: 'ana' }, { version: '1' })
  zip = made.ok ? made.value.zip : new Uint8Array(0)
  pack = unpacked(zip) as Files
}, 30_000)

const check = (files: Files, by = own): Record<string, CheckLine> =>
  Object.fromEntries(checkPack(files, trust, by).lines.map(l => [l.what, l]))
const refused = (files: Files): string[] =>
  checkPack(files, trust, own).lines.flatMap(l => (l.result === 'failed' ? [`${l.what}: ${l.why}`] : []))
const entryOf = (kind: string): string =>
  Object.keys(pack).find(name => name.startsWith('entries/') && textOf(pack[name]!).includes(`"kind":"${kind}"`))!
const withManifest = (files: Files, change: Partial<Record<keyof Manifest, unknown>>): Files => ({
  ...files,
  [names.manifest]: Buffer.from(JSON.stringify({ ...JSON.parse(textOf(files[names.manifest]!)), ...change })),
})
const without = (files: Files, name: string): Files => Object.fromEntries(Object.entries(files).filter(([n]) => n !== name))
const withheld = (files: Files, hash: string): Files =>
  withManifest(resealed(without(files, names.blob(hash))), { absent: { [hash]: 'withoutRaw' } })

describe('a file that nothing in the log vouches for is refused, however well it stands in the manifest', () => {
  it.each([
    'verdict/000000002.json',
    'readings/000000001.csv',
    'signal/000000000.raw',
    'VERDICT.txt',
    'blobs/readings.csv',
    'proofs/999.tlog-proof',
  ])('%s', name => {
    expect(refused(resealed({ ...pack, [name]: Buffer.from('all delivered') }))).toEqual([
      `other files: nothing in the log says what these say: ${name}`,
    ])
  })
  it('instructions that say whom to trust', () => {
    const changed = textOf(pack[names.readme]!).replace('Take the key from somebody you trust', 'Take the key from me')
    expect(refused(resealed({ ...pack, [names.readme]: Buffer.from(changed) }))).toEqual([
      'other files: nothing in the log says what these say: README.txt',
    ])
  })
  it('a message in the place of the one that was left out', () => {
    const hash = /"raw":\{"\$blob":"([0-9a-f]{64})"/.exec(textOf(pack[entryOf('signal')]!))![1]!
    const raw = Object.keys(pack).find(name => name.startsWith('signal/'))!
    const left = withheld(without(pack, raw), hash)
    expect(check(left)['message']).toMatchObject({ result: 'notPossible' })
    expect(refused(left)).toEqual([])
    expect(refused(resealed({ ...left, [raw]: Buffer.from('reduce by 1 MW') }))).toEqual([
      `other files: nothing in the log says what these say: ${raw}`,
    ])
  })
  it('readings in the place of those that were left out', () => {
    const hash = /"pieces":\[\{"\$blob":"([0-9a-f]{64})"/.exec(textOf(pack[entryOf('metered')]!))![1]!
    expect(refused(withheld(pack, hash)).join('\n')).toMatch(/other files: .*readings\//)
  })
  it('and where another version made the pack, which may have files that this one does not know, it is said that nobody vouches for them', () => {
    const by = { ...own, version: '2' }
    const lines = check(resealed({ ...pack, 'VERDICT.txt': Buffer.from('all delivered') }), by)
    expect(lines['other files']).toMatchObject({
      result: 'notPossible',
      why: expect.stringMatching(/VERDICT\.txt \(of version 1, this is 2\)/),
    })
  })
})

it('the same command a second time under another name does not count twice', () => {
  const name = entryOf('sent').replace(/0+/, '')
  const forged = resealed({ ...pack, [name]: pack[entryOf('sent')]! })
  expect(check(forged)['commands']!.why).toBe(check(pack)['commands']!.why)
  expect(refused(forged)).toEqual([`other files: nothing in the log says what these say: ${name}`])
})

it('figures under other names of columns, in a pack that says it is of another version, are not vouched for', () => {
  const renamed = Object.entries(pack).map(([name, bytes]): [string, Uint8Array] => {
    if (name !== names.report('settlement.csv')) return [name, bytes]
    return [name, Buffer.from(textOf(bytes).replace('delivered_wh', 'delivered_energy_wh'))]
  })
  const forged = withManifest(resealed(Object.fromEntries(renamed)), { version: '9' })
  expect(check(forged)['report']).toMatchObject({
    result: 'notPossible',
    why: expect.stringMatching(/settlement\.csv delivered_energy_wh, report\/settlement\.csv delivered_wh \(missing\)$/),
  })
})

it('what is left out cannot be seen from the pack, and that is said of each', () => {
  const entry = entryOf('outcome')
  const less = resealed(without(without(pack, entry), entry.replace('entries', 'proofs').replace('json', 'tlog-proof')))
  for (const files of [pack, less])
    expect(check(files)['nothing left out']).toMatchObject({
      result: 'notPossible',
      why: expect.stringMatching(/only the whole log shows that/),
    })
  const programme = entryOf('programme')
  const free = resealed(without(without(pack, programme), programme.replace('entries', 'proofs').replace('json', 'tlog-proof')))
  expect(check(free)['control group']).toMatchObject({
    result: 'notPossible',
    why: expect.stringMatching(/programme \w+ is not in the pack/),
  })
})

it('when the pack was made is the word of who made it, as are the names in it', () => {
  expect(check(pack)['beyond the log']!.why).toMatch(/when it was made/)
  expect(checkPack(withManifest(pack, { madeAtMs: 'today' }), trust, own)).toMatchObject({ ok: false, lines: [{ what: 'pack' }] })
})

it.each([
  '{"kind":"signal"}',
  '{"kind":"outage"}',
  '{"kind":"verified"}',
  '{"kind":"metered"}',
  `{"kind":"sent","x":${'['.repeat(9_999)}${']'.repeat(9_999)}}`,
])('an entry that is none ends in a line, not in a crash: %.22s', fact => {
  const forged = resealed({ ...pack, 'entries/999999999.json': Buffer.from(`{"at":1,"fact":${fact},"turn":99999}`) })
  expect(refused(forged).join('\n')).toMatch(/entries: .*entry 999999999/)
})

describe('a zip file that is not what it looks like', () => {
  const patched = (bytes: Uint8Array, from: string, to: string): Uint8Array =>
    Buffer.from(Buffer.from(bytes).toString('latin1').replaceAll(from, to), 'latin1')
  it('cut off anywhere', () => {
    for (const share of [0.1, 0.5, 0.9, 0.999]) {
      const files = unpacked(zip.subarray(0, Math.floor(zip.length * share)))
      expect(files, String(share)).toMatch(/^this is not a whole zip file/)
    }
  })
  it('two files of one name: two programs would show two packs', () => {
    const twice = patched(zipSync({ ...pack, 'manifest.jsoX': strToU8('{}') }), 'manifest.jsoX', 'manifest.json')
    expect(unpacked(twice)).toBe('it has two files of the name manifest.json')
    expect(unpacked(zipSync({ 'readings/a.csv': strToU8('1'), 'readings/A.csv': strToU8('2') }))).toMatch(/two files of the name/)
  })
  it.each(['../../etc/passwd', '/etc/passwd', 'entries/../../x', 'C:\\x', '__proto__', 'a//b', 'a\u0000b', 'rtl\u202Egpj.html'])(
    'a file called %j',
    name => {
      expect(unpacked(patched(zipSync({ [name.replace('proto', 'prot0')]: strToU8('x') }), 'prot0', 'proto'))).toMatch(
        /it has a file of the name .*, and no pack has/,
      )
    },
  )
  it('a bomb is refused before it is unpacked', () => {
    const bomb = Buffer.from(zipSync({ 'readings/000000001.csv': new Uint8Array(1_000_000) }))
    const size = Buffer.from([0x40, 0x42, 0x0f, 0])
    for (let at = bomb.indexOf(size); at >= 0; at = bomb.indexOf(size, at + 1)) bomb.writeUInt32LE(0xfffffff0, at)
    expect(unpacked(bomb)).toMatch(/^it unpacks to more than \d+ bytes at readings\/000000001\.csv$/)
  })
  it('one that says it is small does not grow beyond that', () => {
    const bomb = Buffer.from(zipSync({ 'readings/000000001.csv': new Uint8Array(1_000_000) }))
    const size = Buffer.from([0x40, 0x42, 0x0f, 0])
    for (let at = bomb.indexOf(size); at >= 0; at = bomb.indexOf(size, at + 1)) bomb.writeUInt32LE(10, at)
    const files = unpacked(bomb)
    expect(typeof files === 'string' ? 0 : files['readings/000000001.csv']!.length).toBeLessThanOrEqual(10)
  })
  it('packed again by another program, with its folders: the same pack', () => {
    expect(Object.keys(unpacked(zipSync({ 'entries/': new Uint8Array(0), ...pack })))).toEqual(Object.keys(pack))
  })
})
