import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import type { AddressInfo } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { beforeAll, describe, expect, it } from 'vitest'
import { createMemoryJournal, createMemoryStore } from '../../adapters/stores/memory/index.ts'
import { everyoneEnrolled, fleetOf } from '../../simulations/virtual/fleet.ts'
import { atOnce } from '../../src/audit/crypto.ts'
import { type Cosigner, cosignerOf, signerOf } from '../../src/audit/note.ts'
import { policyOf } from '../../src/audit/policy.ts'
import { verify } from '../../src/cli/audit.ts'
import { exportEvidence } from '../../src/cli/auditExport.ts'
import { createClient } from '../../src/cli/client.ts'
import { blobsOf, decode, encode, SALT } from '../../src/core/codec.ts'
import type { Fact, HashHex } from '../../src/core/model.ts'
import { type EvidenceOptions, evidenceFiles, evidenceZip } from '../../src/operations/evidence.ts'
import { checkPack, type Trust } from '../../src/operations/evidenceCheck.ts'
import { type Files, names, type SeedFile, textOf } from '../../src/operations/evidenceFiles.ts'
import type { CheckLine } from '../../src/operations/evidencePack.ts'
import { sourceOf } from '../../src/operations/evidencePacks.ts'
import { unpacked } from '../../src/operations/evidenceZip.ts'
import type { Journal } from '../../src/ports.ts'
import { gridEvent as apiEvent, eve, startBridge, tokens } from '../api/bridge.ts'
import { cancelled, gridEvent, type Stage, stage, start } from '../scenarios/stage.ts'
import { resealed } from './forged.ts'

/** The evidence of one event as a file: it convinces somebody who has it and the log's public key, and nothing in it can be changed unseen. */
const [from, to] = [start + 3_600, start + 5_400]
const signer = signerOf('memory.gridbridge.invalid/log', new Uint8Array(32).fill(7))
const trust = { keys: [signer.verifier] }
const masterKey = new Uint8Array(32).fill(7)

async function packOf(
  journal: Journal,
  nowS: number,
  event = '0',
  change: Partial<EvidenceOptions> & { cosigned?: string } = {},
): Promise<Files> {
  const { cosigned, ...options } = change
  const source = await sourceOf(journal, { seedKey: masterKey, cosigned, nowMs: nowS * 1000 })
  return (await evidenceFiles(source, event, { nowMs: nowS * 1000, version: '0', ...options }))!
}
const lines = (files: Files, by: Trust = trust): readonly CheckLine[] => checkPack(files, by).lines
const resultsOf = (files: Files, by: Trust = trust): Record<string, string> =>
  Object.fromEntries(lines(files, by).map(l => [l.what, l.result]))
const line = (files: Files, what: string): CheckLine | undefined => lines(files).find(l => l.what === what)
const wrong = (files: Files): string[] => lines(files).flatMap(l => (l.result === 'failed' ? [l.what] : []))

/** Ten homes, two of them drawn to be left alone, over a feeder; everybody starts and ends by chance. */
const evening = (programme: Parameters<typeof stage>[0]['programme'] = {}): Promise<Stage> =>
  stage({ specs: Array.from({ length: 10 }, () => ({ maxA: 32 })), programme: { startSpreadS: 300, endSpreadS: 300, ...programme } })
const shed = gridEvent('shed', from, to, { ask: { kind: 'limitEach', limitW: 1_400 } })

let s: Stage
let pack: Files
beforeAll(async () => {
  s = await evening({ holdOut: 0.2 })
  await s.submit(shed)
  await s.until(to + 7_200)
  pack = await packOf(s.journal, s.now())
})

describe('the pack of an event', () => {
  it('is checked from the message to the verdict, on another machine', () => {
    const files = unpacked(evidenceZip(pack, 1_700_000_000_000)) as Files
    expect(checkPack(files, trust).ok).toBe(true)
    expect(resultsOf(files)).toEqual({
      ...{ files: 'ok', checkpoint: 'ok', entries: 'ok', blobs: 'ok', message: 'ok', decision: 'ok', commands: 'ok', answers: 'ok' },
      ...{
        'key of the seed': 'ok',
        seed: 'ok',
        'no other seed': 'ok',
        'random delays': 'ok',
        'control group': 'ok',
        readings: 'ok',
        verdict: 'ok',
      },
      report: 'notPossible',
      'nothing left out': 'notPossible',
    })
    expect(line(files, 'verdict')!.why).toMatch(/made again from the readings, to the last digit/)
    expect(textOf(files[names.readme]!)).toMatch(/audit verify THIS\.zip --key audit\.pub[\s\S]*MPAN/)
  })
  it('has nothing of the seed of any other event, nor of the key that all are made with', () => {
    const all = Buffer.concat(Object.values(pack).map(b => Buffer.from(b)))
    expect(all.includes(Buffer.from(masterKey).toString('hex'))).toBe(false)
    expect(all.includes(Buffer.from(masterKey))).toBe(false)
  })
})

const nameLike = (files: Files, like: RegExp): string => Object.keys(files).find(name => like.test(name))!
const leafOf = (files: Files, kind: string): number =>
  Number(
    /\d+/.exec(Object.entries(files).find(([name, b]) => name.startsWith('entries/') && textOf(b).includes(`"kind":"${kind}"`))![0])![0],
  )
const blobIn = (files: Files, kind: string, key: string): string => {
  const text = textOf(files[names.entry(leafOf(files, kind))]!)
  return names.blob(new RegExp(`"${key}":\\[?\\{"\\$blob":"([0-9a-f]{64})"`).exec(text)![1]!)
}
const swapped = (bytes: Uint8Array, a: string | RegExp, b: string): Uint8Array => Buffer.from(textOf(bytes).replace(a, b))
const flipped = (bytes: Uint8Array): Uint8Array => Uint8Array.from(bytes, (byte, k) => (k === bytes.length - 1 ? byte ^ 1 : byte))
const seedWith = (change: (seed: { -readonly [K in keyof SeedFile]: SeedFile[K] }) => void) => (bytes: Uint8Array) => {
  const seed = JSON.parse(textOf(bytes)) as SeedFile
  change(seed)
  return Buffer.from(JSON.stringify(seed))
}

describe('whatever is changed in a pack is found, and named', () => {
  type Row = readonly [string, (files: Files) => string, (bytes: Uint8Array, files: Files) => Uint8Array, readonly string[]]
  const rows: readonly Row[] = [
    ['a reading, as people read it', f => nameLike(f, /^readings\//), b => swapped(b, /,(\d{3,})(?=,,0\n)/, ',1'), ['readings']],
    ['a reading, as the log has it', f => blobIn(f, 'metered', 'pieces'), flipped, ['blobs']],
    ['an entry', f => names.entry(leafOf(f, 'accepted')), b => swapped(b, '"startS":300', '"startS":301'), ['entries']],
    [
      'the verdict in its entry',
      f => names.entry(leafOf(f, 'verified')),
      b => swapped(b, /"deliveredWh":(?=\d)/, '"deliveredWh":1'),
      ['entries', 'verdict'],
    ],
    ['a proof', f => names.proof(leafOf(f, 'sent')), b => swapped(b, /\nindex (\d)/, '\nindex 9$1'), ['entries']],
    ['a proof of another entry', f => names.proof(leafOf(f, 'sent')), (_, f) => f[names.proof(leafOf(f, 'accepted'))]!, ['entries']],
    ['the checkpoint', () => names.checkpoint, b => swapped(b, /\n(\d+)\n/, '\n1$1\n'), ['checkpoint', 'entries', 'seed']],
    ['the message', f => nameLike(f, /^signal\//), flipped, ['message']],
    ['the message, as the log has it', f => blobIn(f, 'signal', 'raw'), flipped, ['blobs']],
    ['the seed', f => blobIn(f, 'signal', 'seed'), flipped, ['blobs']],
    ['the key of the event', () => names.seed, seedWith(x => (x.key = 'ab'.repeat(32))), ['key of the seed', 'seed']],
    ['the tree before', () => names.seed, seedWith(x => (x.before = { ...x.before, root: 'ab'.repeat(32) })), ['seed']],
    ['where the turn began', () => names.seed, seedWith(x => (x.before = { ...x.before, size: x.before.size + 1 })), ['seed']],
    [
      'the verdict, as people read it',
      f => nameLike(f, /^verdict\//),
      b => swapped(b, /"verdict": "\w+"/, '"verdict": "missed"'),
      ['verdict'],
    ],
    ['who may move when', f => blobIn(f, 'accepted', 'startRank'), flipped, ['blobs']],
  ]
  it.each(rows)('%s', (_, nameOf, change, expected) => {
    const name = nameOf(pack)
    const bytes = change(pack[name]!, pack)
    expect(Buffer.compare(bytes, pack[name]!)).not.toBe(0)
    const naive = checkPack({ ...pack, [name]: bytes }, trust)
    expect(naive.ok).toBe(false)
    expect(naive.lines[0]).toEqual({ what: 'files', result: 'failed', why: `${name} is not what the manifest says` })
    expect(wrong(resealed({ ...pack, [name]: bytes }))).toEqual(expected)
  })
  it.each([
    ['an entry without its proof', (f: Files) => names.proof(leafOf(f, 'sent')), ['entries']],
    ['a blob', (f: Files) => blobIn(f, 'metered', 'pieces'), ['blobs']],
    ['the seed', () => names.seed, ['key of the seed', 'seed']],
    ['the checkpoint', () => names.checkpoint, ['checkpoint', 'entries', 'seed']],
    ['the signal', (f: Files) => names.entry(leafOf(f, 'signal')), ['event']],
    ['the readings', (f: Files) => names.entry(leafOf(f, 'metered')), ['verdict']],
    ['the commitment to the key', (f: Files) => names.entry(leafOf(f, 'keyCommitted')), ['key of the seed']],
  ] as const)('what is left out: %s', (_, nameOf, expected) => {
    const { [nameOf(pack)]: __, ...others } = pack
    expect(wrong(resealed(others))).toEqual(expected)
  })
  it('a pack of somebody else, and rubbish', () => {
    const other = signerOf('memory.gridbridge.invalid/log', new Uint8Array(32).fill(8)).verifier
    expect(checkPack(pack, { keys: [other] }).lines.find(l => l.what === 'checkpoint')).toMatchObject({ result: 'failed' })
    expect(unpacked(Buffer.from('PK\u0003\u0004 and no more'))).toMatch(/^this is not a whole zip file/)
    expect(checkPack({}, trust)).toMatchObject({ ok: false, lines: [{ what: 'pack', result: 'failed' }] })
    expect(checkPack({ [names.manifest]: Buffer.from('[]') }, trust).ok).toBe(false)
  })
})

/** The log of an operator who signs what is not true: one fact is another, everything else is as it was. */
async function lying(journal: Journal, kind: Fact['kind'], change: (fact: never) => Fact): Promise<Journal> {
  const leaves: Uint8Array[] = []
  const blobs = new Map<HashHex, Uint8Array>()
  for await (const chunk of journal.read(0))
    for (const leaf of chunk) {
      for (const hash of blobsOf(leaf)) blobs.set(hash, (await journal.salted(hash))!)
      const { turn, at, fact } = decode(leaf, hash => blobs.get(hash)!.subarray(SALT))
      const told = fact.kind === kind ? encode({ turn, at, fact: change(fact as never) }, () => new Uint8Array(16).fill(5)) : undefined
      for (const b of told?.blobs ?? []) blobs.set(b.hash, b.salted)
      leaves.push(told?.leaf ?? leaf)
    }
  const forged = createMemoryJournal(createMemoryStore(), signer)
  await forged.append(
    0,
    leaves,
    [...blobs].map(([hash, salted]) => ({ hash, salted })),
  )
  return forged
}
type Of<K extends Fact['kind']> = Extract<Fact, { kind: K }>

describe('an operator with the real key of the log', () => {
  const lie = async <K extends Fact['kind']>(kind: K, change: (fact: Of<K>) => Fact) =>
    packOf(await lying(s.journal, kind, change as (fact: never) => Fact), s.now())
  it('cannot draw again until it likes the result', async () => {
    const files = await lie('signal', f => ({ ...f, seed: new Uint8Array(32).fill(1) }))
    expect(wrong(files)).toEqual(expect.arrayContaining(['seed', 'random delays']))
    expect(line(files, 'seed')!.why).toMatch(/another seed than the one that was used/)
  })
  it('cannot move one charger to the end of the queue', async () => {
    const files = await lie('accepted', f => ({ ...f, startRank: f.startRank.map((rank, i) => (i === 4 ? 65_535 : rank)) }))
    expect(wrong(files)).toEqual(['random delays'])
    expect(line(files, 'random delays')!.why).toMatch(/the start of charger 4 is not what the seed gives/)
  })
  it('cannot spare a charger by calling it the control group', async () => {
    const used = (f: Of<'accepted'>) => Array.from({ length: 10 }, (_, i) => i).find(i => !f.excluded.includes(i))!
    const files = await lie('accepted', f => ({
      ...f,
      excluded: Uint32Array.of(...f.excluded, used(f)),
      why: Uint8Array.of(...f.why, f.why[0] ?? 7),
    }))
    expect(wrong(files)).toContain('control group')
  })
  it('cannot limit who is not under the event, and say that it was', async () => {
    const files = await lie('accepted', f => ({ ...f, excluded: Uint32Array.of(...f.excluded, 4), why: Uint8Array.of(...f.why, 0) }))
    expect(line(files, 'commands')).toMatchObject({ result: 'failed', why: expect.stringMatching(/limits charger 4, which/) })
  })
  it('cannot call a delivery what the readings do not show', async () => {
    const files = await lie('verified', f => ({
      ...f,
      verification: { ...f.verification, deliveredWh: f.verification.deliveredWh + 1_000 },
    }))
    expect(wrong(files)).toEqual(['verdict'])
    expect(line(files, 'verdict')!.why).toMatch(/kWh/)
  })
  it('cannot change the message afterwards', async () => {
    const files = await lie('signal', f => ({ ...f, raw: Buffer.from('another message') }))
    expect(wrong(files)).toContain('message')
  })
})

describe('packs of other events', () => {
  it('cancelled while it runs: everybody is let go, on record', async () => {
    const c = await evening()
    await c.submit(shed)
    await c.until(from + 900)
    await c.submit(cancelled(shed))
    await c.until(to + 7_200)
    const files = await packOf(c.journal, c.now())
    expect(wrong(files)).toEqual([])
    expect(line(files, 'decision')!.why).toMatch(/revision 0 accepted .* cancelled by revision 1/)
    expect(line(files, 'commands')!.why).toMatch(/^\d+ limits and \d+ releases/)
  })
  it('an emergency: nothing is drawn for its start', async () => {
    const e = await evening({ endSpreadS: 0 })
    await e.submit(
      gridEvent('now', e.now(), e.now() + 900, { ask: { kind: 'off' }, class: 'emergency', spread: { forbidden: 'emergency' } }),
    )
    await e.until(from)
    const files = await packOf(e.journal, e.now())
    expect(wrong(files)).toEqual([])
    expect(resultsOf(files)).toMatchObject({ seed: 'ok', 'random delays': 'ok', verdict: 'ok', commands: 'ok' })
  })
  it('declined: there is nothing to check but that', async () => {
    const d = await evening({ minNoticeS: 7_200 })
    await d.submit(shed)
    await d.until(to + 60)
    const files = await packOf(d.journal, d.now())
    expect(wrong(files)).toEqual([])
    expect(resultsOf(files)).toMatchObject({
      message: 'ok',
      decision: 'ok',
      seed: 'ok',
      'random delays': 'notPossible',
      verdict: 'notPossible',
    })
    expect(line(files, 'decision')!.why).toMatch(/declined, notice/)
  })
  it('with readings that came late: each revision of its verdict is made again', async () => {
    const l = await stage({ specs: Array.from({ length: 4 }, () => ({})), programme: { startSpreadS: 60, endSpreadS: 0 }, silent: [3] })
    await l.submit(shed)
    await l.until(to + 3_600)
    const minutes = Array.from({ length: (to - from + 600) / 60 }, (_, k) => (from - 600 + 60 * k) * 1000)
    l.engine().sink.readings({
      charger: new Uint32Array(minutes.length).fill(3),
      fromMs: Float64Array.from(minutes),
      toMs: Float64Array.from(minutes, ms => ms + 60_000),
      powerW: Float64Array.from(minutes, ms => (ms < from * 1000 ? 7_000 : 100)),
      registerWh: new Float64Array(minutes.length).fill(Number.NaN),
      quality: new Uint8Array(minutes.length),
    })
    await l.until(to + 10_800)
    const files = await packOf(l.journal, l.now())
    expect(wrong(files)).toEqual([])
    expect(line(files, 'verdict, revision 2')).toMatchObject({ result: 'ok' })
    const { [names.entry(leafOf(files, 'verified'))]: _, ...withoutFirst } = files
    expect(wrong(resealed(withoutFirst))).toEqual(['verdict, revision 2'])
  })
  it('with homes that came while it ran: their delays are drawn again too', async () => {
    const j = await stage({ specs: Array.from({ length: 6 }, () => ({ maxA: 32 })), programme: { startSpreadS: 300, endSpreadS: 300 } })
    await j.submit(shed)
    await j.until(from + 30)
    await j.engine().handle(fleetOf(Array.from({ length: 8 }, () => ({ maxA: 32 }))), everyoneEnrolled(8))
    await j.until(to + 7_200)
    const files = await packOf(j.journal, j.now())
    expect(leafOf(files, 'joined')).toBeGreaterThan(0)
    expect(wrong(files)).toEqual([])
    expect(line(files, 'random delays')!.why).toBe('drawn again from the seed, 16 of 16 as recorded')
    const late = await lying(j.journal, 'joined', (f: Of<'joined'>) => ({ ...f, startRank: f.startRank.map(rank => rank ^ 1) }))
    expect(wrong(await packOf(late, j.now()))).toEqual(['random delays'])
  })
  it('while another event runs: who moves when in that one is not told, and what is told is still checked', async () => {
    const o = await evening()
    await o.submit(shed)
    await o.submit(gridEvent('later', from + 600, to + 36_000, { ask: { kind: 'limitEach', limitW: 2_800 } }))
    await o.until(to + 3_600)
    const files = await packOf(o.journal, o.now())
    const manifest = JSON.parse(textOf(files[names.manifest]!)) as { absent: Record<string, string> }
    expect(Object.values(manifest.absent)).toContain('secret')
    expect(wrong(files)).toEqual([])
    expect(resultsOf(files)).toMatchObject({ commands: 'ok', 'random delays': 'ok', verdict: 'ok' })
    // its seed is not even made where the file is read
    const source = await sourceOf(o.journal, { seedKey: masterKey, cosigned: undefined, nowMs: o.now() * 1000 })
    expect([source.isOver(0), source.isOver(1), source.eventKeys.keyOf(1), source.eventKeys.keyOf(2)]).toEqual([
      true,
      false,
      undefined,
      undefined,
    ])
    expect([0, 1, 2].map(no => o.engine().eventKeys.keyOf(no)?.length)).toEqual([32, undefined, undefined])
  })
})

describe('asked of a running bridge', () => {
  it('is refused while the event is not over, then given, to whoever may read the log, each time on record', async () => {
    const b = await startBridge({ programme: { startSpreadS: 60, endSpreadS: 0 } })
    const [feeder] = b.engine.registry.resolve('feeder', 'BATH-11')!
    const { event, raw } = apiEvent(feeder!.kind === 'node' ? feeder!.node : -1, b.engine.now(), {}, 60, 300)
    await b.engine.bridge.submit(event, raw)
    const url = `/v1/events/${encodeURIComponent(event.id)}/evidence`
    expect((await b.get(url)).json()).toMatchObject({ status: 409, code: 'event-not-over' })
    for (let i = 0; i < 12; i++) {
      await b.seconds(60)
      b.meter({ c0: 2000, c1: 2000, c2: 2000, c3: 2000 })
    }
    expect((await b.get(url, eve)).statusCode).toBe(403)
    const answer = await b.get(url)
    expect([answer.statusCode, answer.headers['content-type']]).toEqual([200, 'application/zip'])
    expect(answer.headers['content-disposition']).toBe('attachment; filename="evidence-0.zip"')
    const files = unpacked(answer.rawPayload) as Files
    expect(wrong(files)).toEqual([])
    expect(resultsOf(files)).toMatchObject({ seed: 'ok', 'random delays': 'ok', verdict: 'ok', message: 'ok' })
    expect(Object.keys(files)).toContain('report/report.html')
    expect(b.notes.map(n => n.what)).toEqual(expect.arrayContaining(['seedRevealed', 'evidenceExported']))
    const bare = unpacked((await b.get(`${url}?raw=false`)).rawPayload) as Files
    expect(Object.keys(bare).some(name => name.startsWith('signal/'))).toBe(false)
    expect((await b.get('/v1/events/nobody/evidence')).statusCode).toBe(404)

    const cwd = mkdtempSync(join(tmpdir(), 'gridbridge-'))
    const said: string[] = []
    await b.api.listen({ port: 0, host: '127.0.0.1' })
    const { port } = b.api.server.address() as AddressInfo
    const context = (options: object) =>
      ({
        cwd,
        options,
        env: {},
        out: { result: (_: unknown, text: string) => said.push(text) },
        client: async () => createClient({ url: `http://127.0.0.1:${port}`, token: tokens[0]!.token, from: 'a test' }),
      }) as never
    writeFileSync(join(cwd, 'audit.pub'), `${signer.verifier.vkey}\n`)
    await exportEvidence(context({}), event.id)
    expect(await verify(context({ key: 'audit.pub' }), 'evidence-0.zip')).toBe(0)
    expect(said.at(-1)).toMatch(/^verdict: ok: /m)
    writeFileSync(join(cwd, 'half.zip'), readFileSync(join(cwd, 'evidence-0.zip')).subarray(0, 9_000))
    expect(await verify(context({ key: 'audit.pub' }), 'half.zip')).toBe(3)
    expect(said.at(-1)).toMatch(/^pack: FAILED: this is not a whole zip file/)
    rmSync(cwd, { recursive: true })
    await b.api.close()
  })
})

describe('what is not there', () => {
  it('messages and words, at the wish of who makes it', async () => {
    const files = await packOf(s.journal, s.now(), '0', { withoutRaw: true })
    expect(Object.keys(files).some(name => name.startsWith('signal/'))).toBe(false)
    expect(line(files, 'message')).toEqual({ what: 'message', result: 'notPossible', why: 'raw bytes not included' })
    expect(wrong(files)).toEqual([])
    expect(resultsOf(files)).toMatchObject({ seed: 'ok', verdict: 'ok' })
  })
  it('what has expired, by an entry that says so; not by the word of who made the pack', async () => {
    const x = await evening()
    await x.submit(shed)
    await x.until(to + 7_200)
    const full = await packOf(x.journal, x.now())
    const gone = [
      ['signal', 'raw'],
      ['metered', 'pieces'],
    ].map(([kind, key]) => blobIn(full, kind!, key!).slice('blobs/'.length))
    await x.engine().handle({ kind: 'expired', beforeS: x.now(), blobs: gone })
    await x.journal.forget(gone)
    const files = await packOf(x.journal, x.now())
    expect(wrong(files)).toEqual([])
    expect(line(files, 'message')).toMatchObject({ result: 'notPossible', why: expect.stringMatching(/expired, as the log says/) })
    expect(resultsOf(files)).toMatchObject({ readings: 'notPossible', verdict: 'notPossible', 'random delays': 'ok' })
    const manifest = JSON.parse(textOf(full[names.manifest]!)) as { absent: Record<string, string> }
    manifest.absent[gone[0]!] = 'expired'
    const { [names.blob(gone[0]!)]: _, [nameLike(full, /^signal\//)]: __, ...others } = full
    expect(wrong(resealed({ ...others, [names.manifest]: Buffer.from(JSON.stringify(manifest)) }))).toEqual(['blobs'])
  })
  it('the keys of single events, in a log of an earlier release', async () => {
    const old = await lying(s.journal, 'keyCommitted', (f: Of<'keyCommitted'>) => ({ kind: 'keyCommitted', keyHash: f.keyHash }))
    const files = await packOf(old, s.now())
    expect(line(files, 'seed')).toMatchObject({ result: 'notPossible', why: expect.stringMatching(/former rule, key not revealed/) })
    expect(wrong(files)).toEqual([])
  })
  it('an event that is not in the log', async () => {
    expect(await packOf(s.journal, s.now(), 'nobody')).toBeUndefined()
  })
})

describe('witnesses', () => {
  const witness: Cosigner = cosignerOf('dso.example/w', new Uint8Array(32).fill(9))
  const policy = (quorum: string): Trust => ({
    policy: atOnce(policyOf(`log ${signer.verifier.vkey}\nwitness dso ${witness.verifier.vkey}\nquorum ${quorum}\n`)),
  })
  it('have cosigned, or the pack does not meet the policy', async () => {
    const note = s.journal.checkpoint()
    const text = note.slice(0, note.lastIndexOf('\n\n') + 1)
    const cosigned = await packOf(s.journal, s.now(), '0', { cosigned: note + witness.cosignatureLine(text, 1_700_000_000) })
    expect(lines(cosigned, policy('dso')).find(l => l.what === 'cosignatures')).toMatchObject({
      result: 'ok',
      why: expect.stringMatching(/^dso at/),
    })
    expect(checkPack(cosigned, policy('dso')).ok).toBe(true)
    expect(checkPack(pack, policy('dso')).ok).toBe(false)
    expect(checkPack(pack, policy('none')).ok).toBe(true)
  })
})
