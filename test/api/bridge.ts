import { createHash } from 'node:crypto'
import { createVirtualRuntime } from '../../adapters/runtime/memory.ts'
import { createMemoryJournal, createMemoryMeters, createMemoryRegistry, type MemoryJournal } from '../../adapters/stores/memory/index.ts'
import { createMemoryWitnesses } from '../../adapters/stores/memory/witnesses.ts'
import { type ApiOptions, createApi } from '../../src/api/server.ts'
import type { Command, GridEvent, Programme } from '../../src/core/model.ts'
import { programmeDefaults } from '../../src/core/programme.ts'
import { createEngine } from '../../src/engine.ts'
import type { Scrub } from '../../src/operations/erasure.ts'
import { createOperations } from '../../src/operations/index.ts'
import type { ChargerLink, ChargerSink, Journal, Meters, Registry } from '../../src/ports.ts'

export const startMs = 1_700_000_000_000
export const startS = startMs / 1000
const allScopes = ['event:read', 'event:write', 'dispatch', 'fleet:read', 'fleet:write', 'audit:read', 'optout:write', 'meter:write']
export const tokens = [
  { name: 'ana', token: 'ana-has-every-scope-there-is', scopes: allScopes },
  { name: 'ben', token: 'ben-may-dispatch-as-well-as-ana', scopes: ['dispatch'] },
  { name: 'eve', hash: createHash('sha256').update('eve-may-only-look-at-events').digest('hex'), scopes: ['event:read'] },
]
export const ana = { authorization: 'Bearer ana-has-every-scope-there-is' }
export const ben = { authorization: 'Bearer ben-may-dispatch-as-well-as-ana' }
export const eve = { authorization: 'Bearer eve-may-only-look-at-events' }

export const programme = (change: Partial<Programme> = {}): Programme => ({
  id: 'evenings',
  version: 1,
  ...programmeDefaults,
  startSpreadS: 0,
  maxEventsPerDay: 20,
  ...change,
})

/** Ten single-phase 32 A chargers on two feeders: c0..c5 on BATH-11, c6..c9 on BATH-12; c8 without a consent, c9 in no programme. */
export const fleetCsv = [
  'external_id,gsp,feeder,phases,max_current_a,programme,consent',
  ...Array.from({ length: 10 }, (_, i) => {
    const feeder = i < 6 ? 'BATH-11' : 'BATH-12'
    return `c${i},BATH,${feeder},1,32,${i === 9 ? ',' : `evenings,${i === 8 ? 'no' : 'yes'}`}`
  }),
].join('\n')

/** Answers every command with `outcome` as soon as the loop turns; remembers what was sent. */
export function obedientLink() {
  const sent: Command[] = []
  const released: number[] = []
  let sink: ChargerSink | undefined
  const link: ChargerLink & { sent: Command[]; released: number[]; outcome: 'accepted' | 'rejected' | 'silent' } = {
    sent,
    released,
    outcome: 'accepted',
    async start(s) {
      sink = s
    },
    async stop() {},
    send(commands) {
      sent.push(...commands)
      if (link.outcome === 'silent') return
      for (const c of commands) sink!.outcome({ charger: c.charger, seq: c.seq, kind: link.outcome, cause: '' })
    },
    unmoved: () => false,
    moved() {},
    measure() {},
    force: async () => true,
    async release(station) {
      released.push(station)
      return { cleared: 1, restoredKeys: ['MeterValueSampleInterval'], failed: [] }
    },
    ceilingW: () => null,
  }
  return link
}

/** Where a test keeps its bridge; memory where none is given. */
type Kept = { runtime: ReturnType<typeof createVirtualRuntime>; journal: Journal; meters: Meters; registry: Registry; scrub?: Scrub }
export type Bridge = Awaited<ReturnType<typeof startBridge>>
/** A real engine in memory and virtual time, a fleet that is online and draws 5 kW each from c0 to c3, and the API over it. */
export async function startBridge(
  change: { programme?: Partial<Programme>; api?: Partial<ApiOptions>; fleet?: boolean; store?: Kept } = {},
) {
  const runtime = change.store?.runtime ?? createVirtualRuntime(startMs)
  const { journal, meters, registry, scrub } = change.store ?? {
    journal: createMemoryJournal(),
    meters: createMemoryMeters(),
    registry: createMemoryRegistry(),
  }
  const link = obedientLink()
  const engine = createEngine({
    runtime,
    journal,
    meters,
    registry,
    chargers: link,
    signals: [],
    seedKey: new Uint8Array(32).fill(3),
  })
  const passwords = { hash: async (p: string) => `hash of ${p}`, matches: async (h: string, p: string) => h === `hash of ${p}` }
  const retention = { readingsDays: 0, minuteDays: 0, fiveMinuteDays: 0, halfHourDays: 0, sessionDays: 0, disputeDays: 90 }
  const readings = { retention, runtime, witnesses: createMemoryWitnesses() }
  const operations = createOperations({
    engine,
    passwords,
    scrub,
    readings,
  })
  await engine.start()
  await engine.handle({ kind: 'programme', programme: programme(change.programme) })
  const api = await createApi({ engine, operations, tokens, version: '0.0.0-test', ...change.api })
  const seconds = (s: number) => runtime.advance(s * 1000)
  const meter = (powers: Readonly<Record<string, number>>) => {
    const rows = Object.entries(powers).map(([name, powerW]) => ({ no: engine.registry.chargerByExternalId(name)!, powerW }))
    engine.sink.readings({
      charger: Uint32Array.from(rows, r => r.no),
      fromMs: Float64Array.from(rows, () => engine.now() - 60_000),
      toMs: Float64Array.from(rows, () => engine.now()),
      powerW: Float64Array.from(rows, r => r.powerW),
      registerWh: Float64Array.from(rows, () => Number.NaN),
      quality: new Uint8Array(rows.length),
    })
  }
  const online = async (...names: string[]) => {
    for (const name of names) engine.sink.link(engine.registry.stationByIdentity(name)!.no, true)
    await seconds(2)
  }
  if (change.fleet ?? true) {
    const done = await operations.fleetImport.run(fleetCsv, { apply: true }, { name: 'test' })
    if (!done.ok || done.value.rejected > 0) throw new Error(JSON.stringify(done))
    await online('c0', 'c1', 'c2', 'c3', 'c4', 'c6', 'c7', 'c8', 'c9')
    meter({ c0: 5000, c1: 5000, c2: 5000, c3: 5000, c6: 0, c8: 7000 })
  }
  const get = (url: string, headers: Record<string, string> = ana) => api.inject({ method: 'GET', url, headers })
  const send = (method: 'POST' | 'DELETE' | 'PUT', url: string, body?: object, headers: Record<string, string> = ana) =>
    api.inject({ method, url, headers, ...(body === undefined ? {} : { payload: body }) })
  // The first request of a token is recorded: it is behind us before a test counts entries.
  await get('/v1/events')
  /** What was noted in the record, in order. */
  const notes: { what: string; about: Record<string, unknown> }[] = []
  engine.listen(facts => {
    for (const f of facts) if (f.kind === 'noted') notes.push({ what: f.what, about: f.about })
  })
  return { runtime, journal: journal as MemoryJournal, engine, operations, api, link, seconds, meter, online, get, send, notes, readings }
}

/** An event of a VTN on node `node`, from `inS` from now. */
export function gridEvent(
  node: number,
  nowMs: number,
  change: Partial<GridEvent> = {},
  inS = 0,
  lengthS = 1800,
): { event: GridEvent; raw: Uint8Array } {
  const raw = new TextEncoder().encode(JSON.stringify({ node, change, inS }))
  const fromS = Math.floor(nowMs / 1000) + inS
  const event: GridEvent = {
    id: 'openadr2b:vtn:e1',
    source: { adapter: 'openadr2b', peer: 'vtn', credential: 'vtn' },
    upstreamRef: 'e1',
    revision: 0,
    class: 'contracted',
    programme: 'evenings',
    targets: [{ kind: 'node', node }],
    intervals: [{ fromS, toS: fromS + lengthS, ask: { kind: 'limitEach', limitW: 2000 } }],
    spread: 'programme',
    priority: 1,
    stopAtOnce: false,
    test: false,
    duties: { ack: true, started: false, completed: false, telemetryEveryS: 0 },
    liveness: null,
    basis: null,
    rawHash: createHash('sha256').update(raw).digest('hex'),
    ...change,
  }
  return { event, raw }
}
