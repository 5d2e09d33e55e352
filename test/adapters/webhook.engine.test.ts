import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest'
import { createSystemRuntime } from '../../adapters/runtime/system.ts'
import { type DispatchBody, type WebhookSource, webhook } from '../../adapters/signals/webhook/index.ts'
import { createMemoryJournal, createMemoryMeters, createMemoryRegistry, createMemoryStore } from '../../adapters/stores/memory/index.ts'
import { createDso, type Dso } from '../../simulations/grid/dso.ts'
import { everyoneEnrolled, fleetOf, testProgramme } from '../../simulations/virtual/fleet.ts'
import type { Command } from '../../src/core/model.ts'
import { createEngine, type Engine } from '../../src/engine.ts'
import type { ChargerLink, ChargerSink } from '../../src/ports.ts'

const secret = `whsec_${Buffer.alloc(32, 1).toString('base64')}`
const emergency: DispatchBody = {
  id: 'D-1',
  version: 1,
  kind: 'limit',
  class: 'emergency',
  target: [{ scheme: 'area', value: 'all' }],
  durationS: 1800,
  limit: { perCharger: { w: 2_000 } },
  reason: { code: 'overload' },
}

/** Chargers that take whatever they are sent. */
function willing(): ChargerLink & { readonly sent: Command[] } {
  let sink: ChargerSink
  const sent: Command[] = []
  return {
    sent,
    async start(given) {
      sink = given
    },
    send(commands) {
      sent.push(...commands)
      for (const { charger, seq } of commands) queueMicrotask(() => sink.outcome({ charger, seq, kind: 'accepted', cause: '' }))
    },
    stop: async () => undefined,
    unmoved: () => false,
    moved: () => undefined,
    measure: () => undefined,
    force: async () => true,
    release: async () => ({ cleared: 0, restoredKeys: [], failed: [] }),
    ceilingW: () => null,
  }
}

describe('the webhook in front of the real engine', () => {
  const store = () => createMemoryStore()
  let journal: ReturnType<typeof createMemoryJournal>
  let registry: ReturnType<typeof createMemoryRegistry>
  let runtime: ReturnType<typeof createSystemRuntime>
  let chargers: ReturnType<typeof willing>
  let [dso, engine, source] = [] as unknown as [Dso, Engine, WebhookSource]

  async function boot() {
    runtime = createSystemRuntime(() => undefined)
    chargers = willing()
    source = webhook(
      {
        port: 0,
        peers: [
          { name: 'western', secrets: [secret], programme: 'flex', emergency: { basis: 'agreement' }, callback: { url: dso.callbackUrl } },
        ],
      },
      runtime,
    )
    const seedKey = new Uint8Array(32).fill(1)
    engine = createEngine({ runtime, journal, meters: createMemoryMeters(), registry, chargers, signals: [source], seedKey })
    await engine.start()
    dso.connect(`http://127.0.0.1:${source.port()}`)
  }
  beforeEach(async () => {
    journal = createMemoryJournal(store())
    registry = createMemoryRegistry()
    await registry.put({ aliases: [{ scheme: 'area', value: 'all', targets: [{ kind: 'node', node: 0 }] }] })
    dso = await createDso({ secret })
    await boot()
    const fleet = fleetOf([{}, {}, {}])
    await engine.handle(fleet, { kind: 'programme', programme: testProgramme() }, everyoneEnrolled(3))
    await engine.handle({ kind: 'link', stations: fleet.chargers.station, up: new Uint8Array(3).fill(1) })
  })
  afterEach(async () => {
    await engine.stop()
    runtime.close()
    await dso.close()
  })

  it('an emergency reaches every charger at once; its stop frees them at once; the operator hears of both', async () => {
    expect(await dso.dispatch(emergency)).toMatchObject({ status: 202, body: { usable: 3, excluded: 0 } })
    await vi.waitFor(() => expect(chargers.sent).toHaveLength(3), 5_000)
    for (const { urgent, schedule, atS } of chargers.sent) {
      expect(urgent).toBe(true)
      expect(schedule[0]).toMatchObject({ limitW: 2_000 })
      expect(schedule[0]!.fromS).toBeLessThanOrEqual(atS)
    }
    expect(await dso.dispatch({ id: 'D-1', version: 2, kind: 'stop', stop: { immediate: true } })).toMatchObject({ status: 202 })
    await vi.waitFor(() => expect(chargers.sent).toHaveLength(6), 5_000)
    for (const { schedule } of chargers.sent.slice(3)) expect(schedule).toEqual([])
    const statuses = () => dso.received().map(({ status }) => status)
    await vi.waitFor(() => expect(statuses()).toEqual(expect.arrayContaining(['received', 'accepted', 'started', 'cancelled'])), 5_000)
    expect(await dso.status('D-1')).toMatchObject({ status: 200, body: { version: 2 } })
  })
  it.each(['before', 'after'] as const)(
    'the journal fails %s it stored the dispatch: 503, and the retry after our restart is one event',
    async how => {
      journal.failNext(how)
      expect(await dso.dispatch(emergency)).toMatchObject({ status: 503, body: { code: 'not-recorded' } })
      await engine.stop().catch(() => undefined)
      await source.stop()
      runtime.close()
      await boot()
      expect(await dso.dispatch(emergency)).toMatchObject({ status: 202, body: { usable: 3 } })
      expect(engine.bridge.events().map(({ id, revision }) => [id, revision])).toEqual([['webhook:western:D-1', 1]])
    },
  )
})
