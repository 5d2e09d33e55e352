import { createHash } from 'node:crypto'
import { createVirtualRuntime } from '../../adapters/runtime/memory.ts'
import { createMemoryJournal, createMemoryRegistry, createMemoryStore } from '../../adapters/stores/memory/index.ts'
import type { Fact, GridEvent, Input } from '../../src/core/model.ts'
import { createEngine, type Engine, type EngineOptions } from '../../src/engine.ts'
import type { Judgement } from '../../src/ports.ts'
import { mortal } from '../virtual/mortal.ts'
import type { Cars } from './cars.ts'
import { createModelLink, type ModelCharger } from './link.ts'
import { createModelMeters } from './meters.ts'

export type WorldSetting = {
  readonly startMs: number
  /** The one seed that everything is drawn from. */
  readonly seed: string
  readonly fleet: Input & { readonly kind: 'fleet' }
  /** Programmes, enrolments, bounds: taken in the first turn. */
  readonly terms: readonly Input[]
  /** By number. */
  readonly chargers: readonly ModelCharger[]
  readonly cars: Cars
  readonly options?: Partial<EngineOptions>
  /** How long readings are kept. */
  readonly keepMs?: number
}

/** A rule by which it matters whether a car is there. */
const isOfCars = (x: Input): boolean => x.kind === 'programme' && x.programme.vacant === 'yields'

/**
 * The product's own engine over a modelled fleet, in virtual time: journal in memory but hashed and signed, `check` before every send, verification from
 * the modelled meters. The same setting gives the same journal, byte for byte.
 */
export async function createWorld(setting: WorldSetting) {
  const runtime = createVirtualRuntime(setting.startMs, setting.seed)
  const journal = createMemoryJournal(createMemoryStore())
  const registry = createMemoryRegistry()
  const meters = createModelMeters({ ...(setting.keepMs ? { keepMs: setting.keepMs } : {}) })
  const model = createModelLink(runtime, setting.chargers, setting.cars, setting.seed, { tellsVacant: setting.terms.some(isOfCars) })
  const seedKey = createHash('sha256').update(`seed key of ${setting.seed}`).digest()
  const facts: { readonly atMs: number; readonly fact: Fact }[] = []
  let life: ReturnType<typeof mortal> | undefined
  let engine: Engine
  async function start(): Promise<void> {
    life = mortal(runtime)
    engine = createEngine({
      runtime: life.runtime,
      journal,
      meters,
      registry,
      chargers: model.link,
      signals: [],
      seedKey,
      options: { ...setting.options },
    })
    engine.listen((turn, atMs) => {
      for (const fact of turn) facts.push({ atMs, fact })
    })
    await engine.start()
  }
  await start()
  await engine!.handle(setting.fleet, ...setting.terms)
  for (const station of new Set(setting.chargers.map(c => c.station))) model.setLink(station, true)
  return {
    runtime,
    engine: (): Engine => engine,
    journal,
    meters,
    registry,
    model,
    /** Everything recorded so far, in order. */
    facts: facts as readonly (typeof facts)[number][],
    until: (ms: number): Promise<void> => runtime.runUntil(ms),
    submit(event: GridEvent): Promise<Judgement> {
      const raw = Buffer.from(JSON.stringify({ id: event.id, revision: event.revision, intervals: event.intervals }))
      return engine.bridge.submit({ ...event, rawHash: createHash('sha256').update(raw).digest('hex') }, raw)
    },
    isAlive: (): boolean => life !== undefined,
    /** The process dies: what it had sent is on the wire, answers find nobody. */
    kill(): void {
      life?.kill()
      life = undefined
      model.orphan()
    },
    /** It starts again, from its journal. */
    restart: start,
  }
}
export type World = Awaited<ReturnType<typeof createWorld>>
