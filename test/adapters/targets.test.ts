import { afterEach, beforeEach, describe, expect, test } from 'vitest'
import { openadr2b } from '../../adapters/signals/openadr2b/index.ts'
import type { TargetKind } from '../../adapters/signals/openadr2b/parts.ts'
import { webhook } from '../../adapters/signals/webhook/index.ts'
import { createDso } from '../../simulations/grid/dso.ts'
import { createVtn, loadDispatch } from '../../simulations/grid/vtn2b.ts'
import type { SignalSource } from '../../src/ports.ts'
import { type Bridge, startBridge } from '../api/bridge.ts'

const secret = `whsec_${Buffer.alloc(32, 1).toString('base64')}`
const fleetCsv = `external_id,gsp,feeder,phases,max_current_a,programme,consent,tags,mpan,resource_id,group_id
c0,BATH,BATH-11,1,32,evenings,yes,night,1200000000001,res-0,west
c1,BATH,BATH-11,1,32,evenings,yes,night|depot,1200000000002,res-1,west
c2,BATH,BATH-11,1,32,evenings,yes,,1200000000003,res-2,
c3,BATH,BATH-12,1,32,evenings,yes,depot,1200000000003,res-3,west
c4,BATH,BATH-12,1,32,evenings,yes,,,,
`
const all = ['c0', 'c1', 'c2', 'c3', 'c4']

let b: Bridge
const open: { stop(): Promise<void> }[] = []
beforeEach(async () => {
  b = await startBridge({ fleet: false })
  const done = await b.operations.fleetImport.run(fleetCsv, { apply: true }, { name: 'test' })
  expect(done).toMatchObject({ ok: true, value: { rejected: 0, created: 5 } })
  await b.online(...all)
})
afterEach(async () => {
  for (const x of open.splice(0).reverse()) await x.stop()
})
async function listening<T extends SignalSource>(source: T): Promise<T> {
  await source.start(b.engine.bridge)
  open.push(source)
  return source
}
const commanded = () => [...new Set(b.link.sent.filter(c => c.schedule.length > 0).map(c => `c${c.charger}`))].sort()

describe('a dispatch by the webhook names', () => {
  test.each<[string, { scheme: string; value: string }[], string[]]>([
    ['a tag', [{ scheme: 'tag', value: 'depot' }], ['c1', 'c3']],
    ['a feeder code', [{ scheme: 'feeder', value: 'BATH-12' }], ['c3', 'c4']],
    ['a path of the network', [{ scheme: 'node', value: 'BATH/BATH-11' }], ['c0', 'c1', 'c2']],
    ['a list of chargers', ['c0', 'c4'].map(value => ({ scheme: 'externalId', value })), ['c0', 'c4']],
    ['a list of resources', ['res-0', 'res-2'].map(value => ({ scheme: 'resourceID', value })), ['c0', 'c2']],
    ['an MPAN, with both boxes behind it', [{ scheme: 'mpan', value: '1200000000003' }], ['c2', 'c3']],
    ['an EAN', [{ scheme: 'ean', value: '1200000000001' }], ['c0']],
    [
      'a tag and a feeder that overlap',
      [
        { scheme: 'tag', value: 'depot' },
        { scheme: 'feeder', value: 'BATH-12' },
      ],
      ['c1', 'c3', 'c4'],
    ],
  ])('%s', async (_, target, who) => {
    const dso = await createDso({ secret, now: b.engine.now })
    open.push({ stop: () => dso.close() })
    const source = await listening(
      webhook(
        { port: 0, peers: [{ name: 'western', secrets: [secret], programme: 'evenings', emergency: { basis: 'agreement' } }] },
        b.runtime,
      ),
    )
    dso.connect(`http://127.0.0.1:${source.port()}`)
    const answer = await dso.dispatch({
      id: 'D-1',
      version: 1,
      kind: 'limit',
      class: 'emergency',
      target,
      durationS: 1800,
      limit: { perCharger: { w: 2_000 } },
      reason: { code: 'overload' },
    })
    expect(answer).toMatchObject({ status: 202, body: { usable: who.length } })
    await b.seconds(5)
    expect(commanded()).toEqual(who)
  })
})

describe('an OpenADR 2.0b event names', () => {
  test.each<[string, { kind: TargetKind; id: string }[], string[]]>([
    ['a group', [{ kind: 'groupID', id: 'west' }], ['c0', 'c1', 'c3']],
    ['a group by a name that is a tag here', [{ kind: 'groupName', id: 'night' }], ['c0', 'c1']],
    [
      'resources',
      [
        { kind: 'resourceID', id: 'res-1' },
        { kind: 'resourceID', id: 'c4' },
      ],
      ['c1', 'c4'],
    ],
    ['a meter', [{ kind: 'meterAsset', id: '1200000000002' }], ['c1']],
    ['a node of the network by its code', [{ kind: 'pnode', id: 'BATH-12' }], ['c3', 'c4']],
    ['the VEN', [{ kind: 'venID', id: 'VEN_1' }], all],
    ['nothing, and so all', [], all],
  ])('%s', async (_, targets, who) => {
    const vtn = createVtn({ clock: b.runtime.now, pollFreqS: 10 })
    await vtn.start()
    open.push({ stop: () => vtn.stop() })
    const context = 'http://market.example/ev-dsr'
    await listening(openadr2b({ peer: 'dno', url: vtn.url(), markets: [{ context, programme: 'evenings' }], timeoutMs: 5_000 }, b.runtime))
    await b.runtime.advance(0)
    vtn.announce({
      id: 'E1',
      marketContext: context,
      startMs: b.engine.now() + 60_000,
      durationS: 1_800,
      targets,
      signals: [loadDispatch(1_800, [0])],
    })
    await b.seconds(75)
    expect(b.engine.bridge.events()).toMatchObject([{ upstreamRef: 'E1', state: 'active' }])
    expect(commanded()).toEqual(who)
  })
})
