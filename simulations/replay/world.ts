import { createVirtualRuntime } from '../../adapters/runtime/memory.ts'
import { createMemoryJournal, createMemoryMeters, createMemoryRegistry, createMemoryStore } from '../../adapters/stores/memory/index.ts'
import { encode } from '../../src/core/codec.ts'
import type { Fact, Input, NodeNo, Readings, Second, Verification } from '../../src/core/model.ts'
import { scheduleOf, UNKNOWN } from '../../src/core/rows.ts'
import { NO_CAR } from '../../src/core/sessions.ts'
import { digestOf, fromBytes } from '../../src/core/snapshot.ts'
import { isUp } from '../../src/core/state.ts'
import { createEngine } from '../../src/engine.ts'
import type { Journal, Meters } from '../../src/ports.ts'
import { carsOf } from '../model/cars.ts'
import { createModelMeters } from '../model/meters.ts'
import { createPhysics } from '../model/physics.ts'
import { type Change, changedInput, changedProgramme } from './changes.ts'
import { createReplayLink, type ReplayCommand } from './link.ts'
import { boxOf, type Grid, modelledCars } from './load.ts'
import type { RecordedEvent } from './recorded.ts'

export type Replayed = {
  /** All of `who` in steps of the grid from `modelFromS` on, W: what the record says of those whom nothing had limited yet, and what the model says of the others. */
  readonly recordedPartW: Float64Array
  readonly modelledPartW: Float64Array
  /** Each step, nobody limited: the model for all. */
  readonly freeW: Float64Array
  readonly commands: readonly ReplayCommand[]
  /** By row of `who`; NaN: never. */
  readonly limitedFromS: Float64Array
  readonly facts: readonly { readonly atMs: number; readonly fact: Fact }[]
  readonly verification: Verification | null
  /** By row, Wh over the time of the model: taken, and had nobody limited anything. */
  readonly takenWh: Float64Array
  readonly freeWh: Float64Array
}
export type Setting = {
  readonly event: RecordedEvent
  /** The event's chargers; rows of everything here. */
  readonly who: Uint32Array
  readonly grid: Grid
  /** Sum of the grid. */
  readonly recordedW: Float64Array
  readonly meters: Pick<Meters, 'range'>
  readonly modelFromS: Second
  readonly endS: Second
  readonly changes: readonly Change[]
}
/** Readings before the event that the engine finds in its own store; what is older it reads from the record. */
const BEFORE_MS = 1_800_000

/**
 * The product's own engine from the state that was recorded before the event's signal, fed with what came from outside since, as it came: signals, opt-outs,
 * cars, links, enrolments. Chargers answer as they did, cars are `modelledCars`, meters say what they draw. The same record gives the same, byte for byte.
 */
export async function replayedEvent({
  event,
  who,
  grid,
  recordedW,
  meters: recorded,
  modelFromS,
  endS,
  changes,
}: Setting): Promise<Replayed> {
  const startMs = Math.floor(event.startMs)
  const runtime = createVirtualRuntime(startMs, `replay of ${event.facts.event.id}`)
  const state = fromBytes(event.before)
  const row = new Int32Array(Math.max(event.facts.fleet.chargers, state.fleet.chargers)).fill(-1)
  who.forEach((i, r) => (row[i] = r))
  const boxes = Array.from(who, i => boxOf(event, i))
  const sessions = Array.from(who, (i, r) => modelledCars(grid, r, r, knownOf(event, i, modelFromS))).flat()
  const { cars } = carsOf(who.length, sessions)
  const physics = createPhysics(boxes, cars, Math.min(modelFromS, startMs / 1000))
  const free = createPhysics(boxes, cars, Math.min(modelFromS, startMs / 1000))
  who.forEach((i, r) => {
    const holds = state.holds[i]
    if (holds !== undefined && holds !== UNKNOWN) physics.hold(r, scheduleOf(state.rows, holds), startMs / 1000)
  })
  const up = new Set([...state.up.keys()].filter(node => state.up[node] === 1))
  const chargers = createReplayLink(
    runtime,
    event,
    physics,
    i => row[i] ?? -1,
    [...up],
    [...state.phase.keys()].filter(i => state.phase[i] === NO_CAR && isUp(state, i)),
    station => up.has(station),
  )
  const meters = await metersFrom(recorded, who, startMs)
  const facts: { atMs: number; fact: Fact }[] = []
  const engine = createEngine({
    runtime,
    journal: await journalFrom(event.before, startMs),
    meters,
    registry: createMemoryRegistry(),
    chargers: chargers.link,
    signals: [],
    seedKey: new Uint8Array(32),
    options: Number.isNaN(event.observeEveryMs) ? {} : { observeEveryMs: event.observeEveryMs },
  })
  engine.listen((turn, atMs) => {
    for (const fact of turn) facts.push({ atMs, fact })
  })
  await engine.start()
  const programme = state.programmes.get(event.facts.event.programme)
  if (changes.length > 0 && programme)
    await engine.handle({ kind: 'programme', programme: { ...changedProgramme(programme, changes), version: programme.version + 1 } })

  const series = createSeries({ event, who, grid, recordedW, physics, free, limitedFromS: chargers.limitedFromS, modelFromS, endS })
  const step = () => {
    const toS = runtime.now() / 1000
    const readings = series.take(toS, i => up.has(event.facts.fleet.station[i]!))
    if (readings.charger.length > 0) chargers.sink()?.readings(readings)
    if (toS < endS) runtime.at('replay.meters', (toS + grid.stepS) * 1000, step)
  }
  runtime.at('replay.meters', (grid.fromS + Math.ceil((startMs / 1000 - grid.fromS) / grid.stepS) * grid.stepS) * 1000, step)
  const rowsAt = new Map<NodeNo, number[]>()
  who.forEach((i, r) => {
    const station = event.facts.fleet.station[i]!
    rowsAt.set(station, [...(rowsAt.get(station) ?? []), r])
  })
  const setLink = (station: NodeNo, isUp: boolean) => {
    if (isUp) up.add(station)
    else up.delete(station)
    for (const r of rowsAt.get(station) ?? []) physics.link(r, isUp, runtime.now() / 1000)
  }
  for (const { nowMs, inputs } of event.fed) {
    if (nowMs > endS * 1000) break
    await runtime.runUntil(Math.max(runtime.now(), nowMs))
    for (const input of inputs) if (input.kind === 'link') input.stations.forEach((station, k) => setLink(station, input.up[k] === 1))
    await engine.handle(...inputs.map((input): Input => changedInput(input, event.facts.event, changes)))
  }
  await runtime.runUntil(endS * 1000)
  const verification = facts.map(f => f.fact).findLast(f => f.kind === 'verified' && f.verification.event === event.facts.no) ?? null
  return {
    ...series.result(),
    commands: chargers.commands,
    limitedFromS: chargers.limitedFromS,
    facts,
    verification: verification?.kind === 'verified' ? verification.verification : null,
    takenWh: physics.registerWh,
    freeWh: free.registerWh,
  }
}
export const knownOf = (event: RecordedEvent, i: number, fromS: Second) => ({
  fromS,
  limitedFromS: event.limitedFromS[i]!,
  limitedToS: event.limitedToS[i]!,
  cars: event.cars.get(i) ?? [],
  maxW: event.facts.fleet.maxW[i]!,
})

/** A journal that begins with the state. */
async function journalFrom(body: Uint8Array, atMs: number): Promise<Journal> {
  const journal = createMemoryJournal(createMemoryStore())
  const { leaf } = encode({ turn: 0, at: atMs, fact: { kind: 'snapshot', digest: digestOf(body) } }, () => new Uint8Array(16))
  await journal.append(0, [leaf], [])
  await journal.saveSnapshot(1, body)
  return journal
}
/** The store of the engine, over that of the record for what was before. */
async function metersFrom(recorded: Pick<Meters, 'range'>, who: Uint32Array, startMs: number): Promise<Meters> {
  const own = createModelMeters({ keepMs: 8 * 86_400_000 })
  const before = await recorded.range(who, startMs - BEFORE_MS, startMs)
  if (before.charger.length > 0) own.put(before)
  const range = async (of: Uint32Array, fromMs: number, toMs: number): Promise<Readings> => {
    if (fromMs >= startMs - BEFORE_MS) return own.range(of, fromMs, toMs)
    const both = createMemoryMeters()
    both.put(await recorded.range(of, fromMs, Math.min(toMs, startMs - BEFORE_MS)))
    both.put(await own.range(of, fromMs, toMs))
    return both.range(of, fromMs, toMs)
  }
  return {
    ...own,
    range,
    async history(of, span) {
      const rows = createMemoryMeters()
      rows.put(await range(of, span.fromS * 1000 - 60_000, span.toS * 1000 + 60_000))
      return rows.history(of, span)
    },
  }
}

type Parts = Pick<Setting, 'event' | 'who' | 'grid' | 'recordedW' | 'modelFromS' | 'endS'> & {
  readonly physics: ReturnType<typeof createPhysics>
  readonly free: ReturnType<typeof createPhysics>
  readonly limitedFromS: Float64Array
}
/** What each draws, from the record for as long as nothing has limited it there or here, then from the model. */
function createSeries({ event, who, grid, recordedW, physics, free, limitedFromS, modelFromS, endS }: Parts) {
  const steps = Math.max(1, Math.ceil((endS - grid.fromS) / grid.stepS))
  // what was before is the record's
  const columns = () => Float64Array.from({ length: steps }, (_, k) => recordedW[k] ?? Number.NaN)
  const [recordedPartW, modelledPartW, freeW] = [columns(), new Float64Array(steps), columns()]
  const before = physics.registerWh.slice()
  const freeBefore = free.registerWh.slice()
  // clocks of boxes and steps of meters are not ours: the step before may have some of it
  const isFreeThere = (r: number, toS: number) => !(toS > event.limitedFromS[who[r]!]! - grid.stepS)
  const isModelled = (r: number, toS: number) => toS > modelFromS && (!isFreeThere(r, toS) || toS > limitedFromS[r]!)
  return {
    /** Readings of the step that ends at `toS`. */
    take(toS: number, isUp: (charger: number) => boolean): Readings {
      const k = Math.round((toS - grid.fromS) / grid.stepS) - 1
      physics.advance(toS)
      free.advance(toS)
      const [heard, powerW]: [number[], number[]] = [[], []]
      let [recorded, modelled, freely] = [0, 0, 0]
      for (let r = 0; r < who.length; r++) {
        const modelW = ((physics.registerWh[r]! - before[r]!) * 3600) / grid.stepS
        const freeModelW = ((free.registerWh[r]! - freeBefore[r]!) * 3600) / grid.stepS
        before[r] = physics.registerWh[r]!
        freeBefore[r] = free.registerWh[r]!
        const seenW = k >= 0 && k < grid.count ? grid.w[r * grid.count + k]! : Number.NaN
        const isSeen = !Number.isNaN(seenW)
        // beyond the end of the record there is only the model
        const isOfModel = isModelled(r, toS) || (!isSeen && toS > modelFromS)
        if (isOfModel) modelled += modelW
        else if (isSeen) recorded += seenW
        freely += isSeen && isFreeThere(r, toS) ? seenW : toS > modelFromS ? freeModelW : 0
        if (!isUp(who[r]!) || (!isOfModel && !isSeen)) continue
        heard.push(who[r]!)
        powerW.push(isOfModel ? modelW : seenW)
      }
      if (k >= 0 && k < steps) {
        recordedPartW[k] = recorded
        modelledPartW[k] = modelled
        freeW[k] = freely
      }
      return {
        charger: Uint32Array.from(heard),
        fromMs: new Float64Array(heard.length).fill((toS - grid.stepS) * 1000),
        toMs: new Float64Array(heard.length).fill(toS * 1000),
        powerW: Float64Array.from(powerW),
        registerWh: new Float64Array(heard.length).fill(Number.NaN),
        quality: new Uint8Array(heard.length),
      }
    },
    result: () => ({ recordedPartW, modelledPartW, freeW }),
  }
}
