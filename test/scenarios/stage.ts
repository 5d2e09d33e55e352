import { createHash } from 'node:crypto'
import { createVirtualRuntime } from '../../adapters/runtime/memory.ts'
import { createMemoryJournal, createMemoryMeters, createMemoryRegistry, createMemoryStore } from '../../adapters/stores/memory/index.ts'
import { createMemoryWitnesses } from '../../adapters/stores/memory/witnesses.ts'
import { condensed, inWords, kW } from '../../simulations/output/words.ts'
import { createVirtualChargers, type VirtualCharger } from '../../simulations/virtual/chargers.ts'
import { type ChargerSpec, everyoneEnrolled, fleetOf, testProgramme } from '../../simulations/virtual/fleet.ts'
import type { GridEvent, Programme, Readings } from '../../src/core/model.ts'
import { stateDigest } from '../../src/core/snapshot.ts'
import { emptyState } from '../../src/core/state.ts'
import { entries, fold } from '../../src/engine/recover.ts'
import { watchedWitnesses } from '../../src/engine/verifyingWeather.ts'
import { createEngine, type Engine, type EngineOptions } from '../../src/engine.ts'
import type { ChargerLink, Judgement, Runtime } from '../../src/ports.ts'

/** 2023-11-14 17:00:00 UTC, an evening peak. */
export const start = 1_699_981_200
export const clock = (second: number): string => new Date(second * 1000).toISOString().slice(11, 19)

type Setting = {
  readonly specs: readonly ChargerSpec[]
  readonly programme?: Partial<Programme>
  readonly options?: Partial<EngineOptions>
  readonly shape?: Parameters<typeof fleetOf>[1]
  readonly meterEveryS?: number
  /** Do chargers give a reading when asked for one? */
  readonly answersSpots?: boolean
  /** Chargers whose meters send nothing. */
  readonly silent?: readonly number[]
}

/**
 * A bridge, its chargers and a writer: everything that is recorded, in words, and what the chargers' own meters show. Time moves only when told to, so
 * the transcript is the same each time.
 */
export async function stage(setting: Setting) {
  const { specs } = setting
  const runtime = createVirtualRuntime(start * 1000, 'scenario')
  const journal = createMemoryJournal(createMemoryStore())
  const meters = createMemoryMeters()
  const registry = createMemoryRegistry()
  const witnesses = watchedWitnesses(createMemoryWitnesses())
  const fleet = fleetOf(specs, setting.shape)
  const chargers: VirtualCharger[] = specs.map((_, i) => ({
    no: i,
    station: fleet.chargers.station[i]!,
    wantsW: fleet.chargers.maxW[i]!,
    minW: fleet.chargers.minW[i]!,
    ignores: false,
    onLinkLoss: specs[i]!.onLinkLoss === 'dropsProfile' ? 'dropsProfile' : 'holds',
    holds: [],
    applied: [],
  }))
  const sim = createVirtualChargers(runtime, chargers, {
    meterEveryMs: (setting.meterEveryS ?? 60) * 1000,
    answersSpots: setting.answersSpots ?? false,
  })
  const silent = new Set(setting.silent ?? [])
  const link: ChargerLink =
    silent.size === 0
      ? sim.link
      : { ...sim.link, start: sink => sim.link.start({ ...sink, readings: r => sink.readings(without(silent, r)) }) }
  const lines: string[] = []
  const write = (text: string) => lines.push(`${clock(Math.floor(runtime.now() / 1000))}  ${text}`)
  let life = { alive: true }
  let engine: Engine
  async function boot(): Promise<void> {
    life.alive = false
    const mine = { alive: true }
    life = mine
    const mortal: Runtime = {
      now: runtime.now,
      random: runtime.random,
      at: (key, at, job) => runtime.at(`${lives}.${key}`, at, () => (mine.alive ? job() : undefined)),
    }
    lives++
    engine = createEngine({
      runtime: mortal,
      journal,
      meters,
      registry,
      witnesses,
      chargers: link,
      signals: [],
      seedKey: new Uint8Array(32).fill(7),
      options: { snapshotEvery: 1_000, ...setting.options },
    })
    engine.listen(facts => {
      for (const text of facts.flatMap(fact => inWords(fact, clock))) write(text)
    })
    engine.bridge.follow(undefined, p => {
      if (p.kind !== 'measured') write(`-> ${p.event.peer}: ${p.event.upstreamRef} ${p.kind}`)
    })
    await engine.start()
  }
  let lives = 0
  await boot()
  await engine!.handle(fleet, { kind: 'programme', programme: testProgramme(setting.programme) }, everyoneEnrolled(specs.length))
  for (const c of chargers) sim.setLink(c.station, true)
  await runtime.advance(180_000)
  lines.length = 0

  const totalW = () => chargers.reduce((sum, c) => sum + sim.powerW(c.no), 0)
  return {
    runtime,
    sim,
    chargers,
    journal,
    meters,
    registry,
    witnesses,
    engine: () => engine,
    write,
    now: () => Math.floor(runtime.now() / 1000),
    until: (second: number) => runtime.runUntil(second * 1000),
    totalW,
    meter: () => write(`   the meters show ${kW(totalW())}, ${chargers.filter(c => sim.powerW(c.no) > 0).length} chargers charge`),
    async submit(event: GridEvent, raw = Buffer.from(`${event.id} ${event.revision}`)): Promise<Judgement> {
      write(`<- ${event.source.peer}: ${event.upstreamRef} revision ${event.revision}${event.intervals.length === 0 ? ' cancelled' : ''}`)
      return engine.bridge.submit({ ...event, rawHash: createHash('sha256').update(raw).digest('hex') }, raw)
    },
    /** The process dies: what it had sent is on the wire, answers find nobody. */
    kill() {
      write('** the bridge is killed')
      life.alive = false
      sim.orphan()
    },
    restart: () => {
      write('** the bridge starts')
      return boot()
    },
    /** The journal folds to the state that runs, and the transcript. */
    async transcript(): Promise<string> {
      if (life.alive) {
        // an entry, so that the last turn of the journal is the last turn of the state
        await engine.handle({ kind: 'noted', what: 'compared', about: {} })
        const again = await fold(emptyState(), entries(journal, 0))
        if (stateDigest(again) !== stateDigest(engine.state())) throw new Error('the journal folds to another state')
      }
      return `${condensed(lines).join('\n')}\n`
    },
  }
}
function without(silent: ReadonlySet<number>, r: Readings): Readings {
  const heard = (_: number, k: number): boolean => !silent.has(r.charger[k]!)
  return {
    charger: r.charger.filter(heard),
    fromMs: r.fromMs.filter(heard),
    toMs: r.toMs.filter(heard),
    powerW: r.powerW.filter(heard),
    registerWh: r.registerWh.filter(heard),
    quality: r.quality.filter(heard),
  }
}
export type Stage = Awaited<ReturnType<typeof stage>>
export { kW }

export const gridEvent = (
  id: string,
  fromS: number,
  toS: number,
  change: Partial<GridEvent> & { ask: GridEvent['intervals'][number]['ask'] },
): GridEvent => {
  const { ask, ...rest } = change
  return {
    id: `dso:${id}`,
    source: { adapter: 'test', peer: 'dso', credential: '' },
    upstreamRef: id,
    revision: 0,
    class: 'contracted',
    programme: 'flex',
    targets: [{ kind: 'node', node: 0 }],
    intervals: [{ fromS, toS, ask }],
    spread: 'programme',
    priority: 5,
    stopAtOnce: false,
    test: false,
    duties: { ack: true, started: true, completed: true, telemetryEveryS: 0 },
    liveness: null,
    basis: rest.class === 'emergency' ? 'supply limitation' : null,
    rawHash: '',
    ...rest,
  }
}
export const cancelled = (event: GridEvent, change: Partial<GridEvent> = {}): GridEvent => ({
  ...event,
  revision: event.revision + 1,
  intervals: [],
  ...change,
})
