// A VEN, a VTN and a bridge that remembers, in virtual time over real HTTP.
import { createHash } from 'node:crypto'
import { createVirtualRuntime } from '../../../adapters/runtime/memory.ts'
import type { CreatedEvent } from '../../../adapters/signals/openadr2b/event.ts'
import { type Openadr2bInput, openadr2b } from '../../../adapters/signals/openadr2b/index.ts'
import type { KnownMessage, Message } from '../../../adapters/signals/openadr2b/messages.ts'
import { createMemoryRegistry } from '../../../adapters/stores/memory/registry.ts'
import { createVtn, loadDispatch, type PlannedEvent, type VtnOptions } from '../../../simulations/grid/vtn2b.ts'
import type { GridEvent } from '../../../src/core/model.ts'
import type { Bridge, EventView, FleetFigures, FleetHistory, Judgement, Progress, Registry } from '../../../src/ports.ts'

export const T0 = Date.UTC(2026, 10, 21, 18, 0, 0)
export const MARKET = 'http://market.example/ev-dsr'
export const FIGURES: FleetFigures = {
  chargers: 10,
  online: 9,
  metered: 10,
  unmetered: 0,
  powerW: 42_000,
  maxW: 70_000,
  minW: 14_000,
  limitedTo: { chargers: 5, limitW: 10_000 },
  optedOut: 0,
}
type Note = { readonly what: string; readonly about: Readonly<Record<string, unknown>> }

export const planned = (over: Partial<PlannedEvent> = {}): PlannedEvent => ({
  id: 'EV_1',
  marketContext: MARKET,
  startMs: T0 + 3_600_000,
  durationS: 1_800,
  signals: [loadDispatch(over.durationS ?? 1_800, [50_000])],
  ...over,
})

export type Bed = Awaited<ReturnType<typeof createBed>>

export const createBed = async (
  over: { readonly vtn?: VtnOptions; readonly ven?: Partial<Openadr2bInput>; readonly registry?: Registry; readonly startMs?: number } = {},
) => {
  const runtime = createVirtualRuntime(over.startMs ?? T0)
  const vtn = createVtn({ clock: runtime.now, pollFreqS: 10, ...over.vtn })
  await vtn.start()
  const registry = over.registry ?? createMemoryRegistry()
  if (!over.registry) {
    await registry.put({
      nodes: [{ no: 0, kind: 'licenceArea', name: 'area', parent: -1 }],
      aliases: [
        { scheme: 'groupID', value: 'feeder-7', targets: [{ kind: 'node', node: 7 }] },
        { scheme: 'resourceID', value: 'depot', targets: [{ kind: 'charger', charger: 3 }] },
      ],
    })
  }
  const submitted: GridEvent[] = []
  const raws: Uint8Array[] = []
  const notes: Note[] = []
  const heard: { readonly at: number; readonly staleMs: number }[] = []
  const views = new Map<string, EventView>()
  const listeners = new Set<(p: Progress) => void>()
  const bed = {
    figures: FIGURES as FleetFigures,
    history: ((_, { fromS, toS, stepS }) => {
      const n = (toS - fromS) / stepS
      const known = Uint32Array.from({ length: n }, (_, k) => (k === 0 ? 10 : k === 1 ? 4 : 0))
      return { fromS, stepS, chargers: 10, wh: Float64Array.from(known, x => (x === 0 ? Number.NaN : x * 1_000)), known }
    }) as (...asked: Parameters<Bridge['history']>) => FleetHistory,
    judge: (_: GridEvent): Judgement | undefined => undefined,
  }
  const bridge: Bridge = {
    registry,
    now: runtime.now,
    submit: async (event, raw) => {
      if (createHash('sha256').update(raw).digest('hex') !== event.rawHash) throw new Error('rawHash is not of raw')
      submitted.push(event)
      raws.push(raw)
      const judgement = bed.judge(event) ?? { kind: 'accepted', event: 1, id: event.id, usable: 10, excluded: 0 }
      const { id, upstreamRef, source, revision, programme } = event
      views.set(id, {
        no: 1,
        id,
        upstreamRef,
        adapter: source.adapter,
        peer: source.peer,
        class: event.class,
        programme,
        revision,
        fromS: 0,
        toS: 0,
        state: 'scheduled',
      })
      return judgement
    },
    note: async (what, about) => void notes.push({ what, about }),
    event: id => views.get(id),
    events: () => [...views.values()],
    figures: () => bed.figures,
    history: async (targets, span) => bed.history(targets, span),
    follow: (_, listener) => {
      listeners.add(listener)
      return () => listeners.delete(listener)
    },
    heard: (_adapter, _peer, at, staleMs) => void heard.push({ at, staleMs }),
  }
  const input: Openadr2bInput = {
    peer: 'dno',
    url: vtn.url(),
    markets: [{ context: MARKET, programme: 'flex', simple: { '1': { kind: 'keep', fraction: 0.5 }, '2': { kind: 'off' } } }],
    timeoutMs: 5_000,
    ...over.ven,
  }
  const make = () => openadr2b(input, runtime)
  let ven = make()
  return Object.assign(bed, {
    vtn,
    runtime,
    registry,
    bridge,
    submitted,
    notes,
    heard,
    start: async () => {
      await ven.start(bridge)
      await runtime.advance(0)
    },
    /** Lets one poll (and a half) go by. */
    poll: () => runtime.advance(11_000),
    restart: async () => {
      await ven.stop()
      ven = make()
      await ven.start(bridge)
      await runtime.advance(0)
    },
    stop: async () => {
      await ven.stop()
      await vtn.stop()
    },
    progress: (p: Progress) => {
      for (const l of listeners) l(p)
    },
    /** What the VEN sent, by kind. */
    sent: <K extends Message['kind']>(kind: K) =>
      vtn.log.flatMap(e => (e.message.kind === kind ? [e.message as Extract<Message, { kind: K }>] : [])),
    kinds: () => vtn.log.map(e => e.message.kind),
    answers: () => vtn.log.flatMap(e => (e.message.kind === 'oadrCreatedEvent' ? [e.message as CreatedEvent] : [])),
    opt: (eventID: string) => vtn.opts.filter(o => o.eventID === eventID).at(-1),
    push: (message: KnownMessage) => vtn.push(vtn.registered()[0]!, message),
    noted: (what: string) => notes.filter(n => n.what === `openadr2b.${what}`),
  })
}
