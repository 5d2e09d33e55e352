import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import { atOnce } from '../../src/audit/crypto.ts'
import { checkpointIn } from '../../src/audit/log.ts'
import { cosignerOf, signerOf } from '../../src/audit/note.ts'
import { type Policy, policyOf } from '../../src/audit/policy.ts'
import { accepts } from '../../src/audit/tlogProof.ts'
import { createWitness, type WitnessStore } from '../../src/audit/witness.ts'
import { createCosigning } from '../../src/operations/cosign.ts'
import { type Bridge, startBridge } from '../api/bridge.ts'

const log = signerOf('memory.gridbridge.invalid/log', new Uint8Array(32).fill(7)).verifier
const names = ['A', 'B', 'C'] as const
const cosigners = names.map((name, i) => cosignerOf(`${name.toLowerCase()}.example/w`, new Uint8Array(32).fill(20 + i)))
const policy: Policy = atOnce(
  policyOf(
    [
      `log ${log.vkey}`,
      ...names.map((name, i) => `witness ${name} ${cosigners[i]!.verifier.vkey} http://${name}/`),
      'group two 2 A B C',
      'quorum two',
      '',
    ].join('\n'),
  ),
)

/** A witness's memory, which tests may swap for that of another time. */
const memoryStore = (): WitnessStore & { notes: Map<string, string>; splits: string[] } => {
  const notes = new Map<string, string>()
  const splits: string[] = []
  return {
    notes,
    splits,
    held: async origin => notes.get(origin),
    keep: async (origin, note) => void notes.set(origin, note),
    suspect: async ({ why }) => void splits.push(why),
  }
}

let b: Bridge
let stores: Record<string, ReturnType<typeof memoryStore>>
/** What a witness does instead of answering. */
let instead: Record<string, (() => Promise<Response>) | undefined>
let asked: string[]
let cosigning: ReturnType<typeof createCosigning>
beforeEach(async () => {
  b = await startBridge({ fleet: false })
  stores = Object.fromEntries(names.map(name => [name, memoryStore()]))
  instead = {}
  asked = []
  cosigning = start()
})
afterEach(async () => {
  cosigning.stop()
  await b.api.close()
  await b.engine.stop()
})
function start() {
  const witnesses = Object.fromEntries(
    names.map((name, i) => [
      name,
      createWitness({ cosigner: cosigners[i]!, logs: [log], store: stores[name]!, nowS: () => Math.floor(b.engine.now() / 1000) }),
    ]),
  )
  return createCosigning({
    engine: b.engine,
    policy,
    missingMs: 60_000,
    wait: () => new Promise(() => {}),
    async fetch(url, { body }) {
      const name = new URL(url).host.toUpperCase()
      expect(url).toBe(`http://${name}/add-checkpoint`)
      asked.push(name)
      const other = instead[name]
      if (other) return other()
      const { status, type, body: answer } = await witnesses[name]!(body)
      return new Response(answer, { status, headers: { 'content-type': type } })
    },
  })
}
const grow = (what = 'something') => b.engine.bridge.note(what, {})
const shown = async () => (await b.get('/log/checkpoint', {})).body
const down = () => Promise.reject(new Error('connection refused'))
const size = () => b.journal.size()

describe('witnesses are asked for each new checkpoint', () => {
  it('and what they cosign is shown, kept and good by the policy; without news nobody is asked', async () => {
    await cosigning.pass()
    const accepted = atOnce(accepts(await shown(), policy))
    expect(accepted).toMatchObject({ ok: true, checkpoint: { size: size() } })
    expect(asked).toEqual(['A', 'B', 'C'])
    await cosigning.pass()
    expect(asked).toHaveLength(3)
    await grow()
    await cosigning.pass()
    expect(checkpointIn(await shown())?.size).toBe(size())
    expect(start().health()).toMatchObject({ cosignedSize: size(), isAlarm: false, splits: [] })
  })
  it('a new bridge that does not know how far they are is told, and goes on from there', async () => {
    await cosigning.pass()
    await grow()
    for (const key of [...b.engine.registry.keys('audit.witness.')]) await b.engine.registry.set(key, null)
    cosigning = start()
    asked = []
    await cosigning.pass()
    expect([...asked].sort()).toEqual(['A', 'A', 'B', 'B', 'C', 'C'])
    expect(cosigning.health()).toMatchObject({ cosignedSize: size(), splits: [] })
  })
  it('one that is down is not missed while the others make the quorum, and is asked again with growing pauses', async () => {
    instead['C'] = down
    await cosigning.pass()
    expect(cosigning.health().cosignedSize).toBe(size())
    await grow()
    await cosigning.pass()
    expect(asked.filter(name => name === 'C')).toHaveLength(1)
    await b.seconds(2)
    await grow()
    await cosigning.pass()
    expect(asked.filter(name => name === 'C')).toHaveLength(2)
  })
  it('one that is slow holds nobody up, and has one request in flight', async () => {
    instead['C'] = () => new Promise(() => {})
    for (let i = 0; i < 3; i++) {
      await grow()
      await cosigning.pass()
    }
    expect(cosigning.health().cosignedSize).toBe(size())
    expect(asked.filter(name => name === 'C')).toHaveLength(1)
  })
})

describe('a quorum that is missing', () => {
  it('is an alarm after its time: in the log and in what /readyz says; and over when it is back', async () => {
    await cosigning.pass()
    const good = await shown()
    instead['A'] = instead['B'] = down
    await grow()
    await cosigning.pass()
    expect(cosigning.health()).toMatchObject({ isAlarm: false, missing: ['A', 'B'] })
    await b.seconds(61)
    await cosigning.pass()
    await b.seconds(2)
    expect(b.notes.at(-1)).toMatchObject({
      what: 'witnessQuorumMissing',
      about: { missing: 'A, B', cosignedSize: checkpointIn(good)!.size },
    })
    expect(cosigning.check()).toMatchObject({
      ok: true,
      detail: expect.stringMatching(/^ALARM: no quorum since \S+, missing A, B; \d+ of \d+ entries cosigned$/),
    })
    expect(await shown()).toBe(good)
    await cosigning.pass()
    expect(b.notes.filter(n => n.what === 'witnessQuorumMissing')).toHaveLength(1)

    instead = {}
    await b.seconds(120)
    await cosigning.pass()
    await b.seconds(2)
    expect(b.notes.at(-1)).toMatchObject({ what: 'witnessQuorumBack' })
    expect(cosigning.health().isAlarm).toBe(false)
  })
  it.each<[string, () => Promise<Response>]>([
    ['answers rubbish', async () => new Response('hello')],
    ['signs with another key', async () => new Response(cosignerOf('a.example/w', new Uint8Array(32).fill(99)).cosignatureLine('x\n', 1))],
    ['signs something else', async () => new Response(cosigners[0]!.cosignatureLine('x\n', 1))],
    ['does not know us', async () => new Response('unknown', { status: 404 })],
    ['never agrees with itself', async () => new Response('0\n', { status: 409, headers: { 'content-type': 'text/x.tlog.size' } })],
  ])('a witness that %s counts as missing', async (_, answer) => {
    instead['A'] = answer
    instead['B'] = down
    await cosigning.pass()
    expect(cosigning.health()).toMatchObject({ cosignedSize: 0, missing: ['A', 'B'], splits: [] })
  })
})

describe('a split view', () => {
  it('a witness that has seen more than we have: an older copy was put back, or somebody else signs with our key', async () => {
    await grow()
    await cosigning.pass()
    const seen = stores['A']!
    const held = size()
    cosigning.stop()
    await b.api.close()
    await b.engine.stop()

    b = await startBridge({ fleet: false })
    stores = { A: seen, B: memoryStore(), C: memoryStore() }
    cosigning = start()
    await cosigning.pass()
    await b.seconds(2)
    expect(cosigning.health().splits).toEqual([
      `A: it has cosigned ${held} entries, this log has ${held - 1}: this is an older copy, or another signs with our key`,
    ])
    expect(b.notes.map(n => n.what)).toContain('splitView')
    expect(cosigning.check().detail).toMatch(/^SPLIT VIEW: A: it has cosigned/)
  })
  it('a witness that has seen another history refuses, keeps the proof, and it is said where', async () => {
    const other = await startBridge({ fleet: false })
    await other.engine.bridge.note('delivered 100 %', {})
    const add = createWitness({ cosigner: cosigners[0]!, logs: [log], store: stores['A']!, nowS: () => 0 })
    expect((await add(`old 0\n\n${other.journal.checkpoint()}`)).status).toBe(200)
    const at = other.journal.size()
    await other.api.close()
    await other.engine.stop()

    await grow('delivered 40 %')
    await grow()
    await cosigning.pass()
    await b.seconds(2)
    expect(cosigning.health().splits[0]).toMatch(
      new RegExp(`^A: it refuses the log as another history: 422 the first ${at} of these \\d+ entries are not those that I cosigned`),
    )
    expect(stores['A']!.splits).toHaveLength(1)
    expect(b.notes.filter(n => n.what === 'splitView')).toHaveLength(1)
    await b.seconds(10)
    await cosigning.pass()
    expect(b.notes.filter(n => n.what === 'splitView')).toHaveLength(1)
  })
})
