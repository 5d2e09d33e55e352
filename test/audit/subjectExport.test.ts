import { createHash } from 'node:crypto'
import { beforeEach, describe, expect, it } from 'vitest'
import { evidenceOf } from '../../src/core/codec.ts'
import { MASK, namesAny } from '../../src/operations/mentions.ts'
import { type Bridge, gridEvent, startBridge } from '../api/bridge.ts'

/** Somebody asks for all that is kept of them: what others sent and wrote that names them is of it, and what it says of others is not. */
const jane = { id: 'CP-1', identity: 'BOX-JANE', mpan: '1200012345678', ean: '541448860012345678', site: "Jane's & Co" }
const neighbour = { id: 'CP-10', identity: 'BOX-BOB', mpan: '1200099990001', site: '16 Orchard Lane' }
const csv = [
  'external_id,station,gsp,feeder,site,phases,max_current_a,programme,consent,mpan',
  ...[jane, neighbour].map(h => `${h.id},${h.identity},BATH,BATH-11,${h.site},1,32,evenings,yes,${h.mpan}`),
].join('\n')

let b: Bridge
beforeEach(async () => {
  b = await startBridge({ fleet: false })
  expect(await b.operations.fleetImport.run(csv, { apply: true }, { name: 'ana' })).toMatchObject({ value: { rejected: 0 } })
  const charger = b.engine.registry.chargerByExternalId(jane.id)!
  await b.engine.registry.put({ aliases: [{ scheme: 'ean', value: jane.ean, targets: [{ kind: 'charger', charger }] }] })
})
const submit = async (raw: string, id: string) => {
  const { event } = gridEvent(0, b.engine.now(), { id: `webhook:dso:${id}`, upstreamRef: id, revision: 0 }, 600)
  const bytes = Buffer.from(raw)
  await b.engine.bridge.submit({ ...event, rawHash: createHash('sha256').update(bytes).digest('hex') }, bytes)
}
type Answer = {
  messages: { text: string; masked: number; kind: string; what?: string; part: string }[]
  mentions: { key: string; text: string }[]
}
const asked = async (id: string, query = ''): Promise<Answer> => {
  const answer = await b.get(`/v1/subjects/${encodeURIComponent(id)}${query}`)
  expect(answer.statusCode).toBe(200)
  return answer.json() as Answer
}
const kept = async (): Promise<string> => {
  let all = ''
  for await (const leaves of b.journal.read(0))
    for (const leaf of leaves)
      for (const { hash } of evidenceOf(leaf)) all += Buffer.from((await b.journal.blob(hash)) ?? new Uint8Array(0)).toString('utf8')
  return all
}

describe('a message of another that names the person', () => {
  const xml = (name: string) => `<ei:resourceID>${name.replaceAll('&', '&amp;').replaceAll("'", '&apos;')}</ei:resourceID>`
  it.each([
    ['a signal as received', (x: typeof jane) => submit(JSON.stringify({ mpans: [x.mpan], planted: 1 }), x.id)],
    [
      'an OpenADR message that was refused',
      (x: typeof jane) =>
        b.engine.bridge.note('openadr2b.unmapped', { peer: 'dso', eventID: 'e1' }, Buffer.from(`<oadr planted="">${xml(x.site)}</oadr>`)),
    ],
    [
      'the body of a webhook that was refused',
      (x: typeof jane) =>
        b.engine.bridge.note('webhook.refused', { peer: 'dso' }, Buffer.from(`planted&box=${encodeURIComponent(x.site)}`)),
    ],
    [
      'a submission',
      (x: typeof jane) => b.engine.bridge.note('submissionSent', { id: 's' }, Buffer.from(`mpan,planted\r\n${x.mpan},1\r\n`)),
    ],
    ['words about another box', (x: typeof jane) => b.engine.bridge.note('ocpp', { station: 99, detail: `planted: as ${x.id}, twice` })],
    [
      'a resource by its EAN',
      (x: typeof jane) => b.engine.bridge.note('webhook.refused', { peer: 'dso' }, Buffer.from(`{"planted":"${x.ean ?? 'none'}"}`)),
    ],
    [
      'a site, as in a query',
      (x: typeof jane) =>
        b.engine.bridge.note('webhook.refused', {}, Buffer.from(`planted=${encodeURIComponent(x.site).replaceAll('%20', '+')}`)),
    ],
  ])('%s is given; that of a neighbour is not; and once she is erased it is gone', async (_, plant) => {
    await plant(neighbour as typeof jane)
    const before = (await asked(jane.id)).messages
    expect(before).toEqual([])
    await plant(jane)
    expect((await asked(jane.id)).messages).toMatchObject([{ text: expect.stringContaining('planted'), masked: 0 }])
    expect((await b.send('POST', `/v1/subjects/${jane.id}/erasure`, { apply: true })).json()).toMatchObject({ applied: true, isGone: true })
    for (const name of Object.values(jane)) expect(namesAny([name])(await kept()), name).toBe(false)
    expect(await kept()).toContain('planted')
  })
})

it('names of others in such a message are masked, and it is said how many; nothing of them is in the answer', async () => {
  await submit(JSON.stringify({ boxes: [jane.id, neighbour.id, neighbour.mpan], at: neighbour.site, of: [jane.mpan] }), 'e1')
  const answer = await asked(jane.mpan)
  expect(answer).toMatchObject({ masking: expect.stringContaining('article 15(4)') })
  expect(answer.messages).toHaveLength(1)
  expect(answer.messages[0]).toMatchObject({ kind: 'signal', part: 'raw', masked: 3, because: 'it names the person' })
  expect(JSON.parse(answer.messages[0]!.text)).toEqual({ boxes: [jane.id, MASK, MASK], at: MASK, of: [jane.mpan] })
  expect(JSON.stringify(answer)).not.toMatch(/CP-10|1200099990001|16 Orchard/)
})
it('what people call her is found where it is said what that is', async () => {
  await b.engine.bridge.note('ocpp', { station: 99, detail: 'Mrs Smith rang' })
  expect((await asked(jane.id)).messages).toEqual([])
  expect((await asked(jane.id, '?also=Mrs%20Smith')).messages).toMatchObject([{ text: 'Mrs Smith rang' }])
  expect((await asked(jane.id, '?also=Mrs%20Smith&also=nobody')).messages).toHaveLength(1)
})
it('a value that waits to be sent is given too, and goes without her name when she is erased', async () => {
  await b.engine.registry.set('notices:app', JSON.stringify({ queue: [{ box: jane.identity }, { box: neighbour.identity }] }))
  expect((await asked(jane.id)).mentions).toEqual([
    { key: 'notices:app', text: JSON.stringify({ queue: [{ box: jane.identity }, { box: MASK }] }), masked: 1 },
  ])
  expect((await asked(neighbour.id)).mentions).toHaveLength(1)
  await b.send('POST', `/v1/subjects/${jane.id}/erasure`, { apply: true })
  expect(JSON.parse(b.engine.registry.get('notices:app')!)).toEqual({ queue: [{ box: 'erased' }, { box: neighbour.identity }] })
})
it("a driver's token: what names it is given, others' tokens are masked, and it is erased with them", async () => {
  await b.engine.registry.set('ocpp.token:04A2B3C4D5E6F7', '1')
  await b.engine.registry.set('ocpp.token:04FFFFFFFFFFFF', '1')
  await b.engine.bridge.note('webhook.refused', {}, Buffer.from('{"idTags":["04A2B3C4D5E6F7","04FFFFFFFFFFFF"]}'))
  await b.engine.bridge.note('webhook.refused', {}, Buffer.from('{"idTags":["04FFFFFFFFFFFF"]}'))
  expect((await asked('04A2B3C4D5E6F7')).messages).toMatchObject([{ text: `{"idTags":["04A2B3C4D5E6F7","${MASK}"]}`, masked: 1 }])
  const done = await b.send('POST', '/v1/subjects/04A2B3C4D5E6F7/erasure', { apply: true })
  expect(done.json()).toMatchObject({ applied: true, blobs: 1 })
  expect(await kept()).not.toContain('04A2B3C4D5E6F7')
  expect(await kept()).toContain('04FFFFFFFFFFFF')
})
it('a signal for her and others is given as it concerns her', async () => {
  const [own, other] = [jane, neighbour].map(h => b.engine.registry.chargerByExternalId(h.id)!)
  const targets = [own!, other!].map(charger => ({ kind: 'charger', charger }) as const)
  const { event, raw } = gridEvent(0, b.engine.now(), { targets }, 600)
  await b.engine.bridge.submit(event, raw)
  const { log } = (await asked(jane.id)) as unknown as { log: { kind: string; event: { targets: unknown }; otherTargets: number }[] }
  expect(log.find(f => f.kind === 'signal')).toMatchObject({ event: { targets: [targets[0]] }, otherTargets: 1 })
})
