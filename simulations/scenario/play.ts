import {
  type Ask,
  type ChargerNo,
  type GridEvent,
  type Interval,
  NEVER_S,
  type NodeNo,
  type Second,
  type Verification,
} from '../../src/core/model.ts'
import { limitOf } from '../../src/core/schedule.ts'
import type { WitnessedGap } from '../../src/operations/witnessGaps.ts'
import { stream } from '../fleet/chance.ts'
import type { createHandedOver } from '../grid/handedOver.ts'
import { createBackground } from '../model/background.ts'
import { createPhysics } from '../model/physics.ts'
import { createWorld, type World } from '../model/world.ts'
import type { AskedEvent, AskedInterval } from './asked.ts'
import { type Built, build, targetsOf } from './build.ts'
import { handedOver } from './handed.ts'
import { deedsOf, type Incident } from './incidents.ts'
import { createMetered, type PlacedMeter } from './metered.ts'
import { nodeOf } from './nodes.ts'
import { otherLoads } from './otherLoad.ts'
import { createRecorder, type Recorded } from './recorder.ts'
import type { Scenario } from './schema.ts'

export type Played = {
  readonly scenario: Scenario
  readonly built: Built
  readonly world: World
  readonly recorded: Recorded
  /** By session: what it took, and what it would have taken had nobody limited anything, Wh. */
  readonly takenWh: Float64Array
  readonly freeWh: Float64Array
  /** Load had nobody limited anything, each minute, W. */
  readonly freeW: Float64Array
  /** The same for each of `recorded.nodes`. */
  readonly freeNodeW: readonly Float64Array[]
  readonly events: readonly PlayedEvent[]
  /** Meters that are no charger's. */
  readonly meters: readonly PlacedMeter[]
}
export type PlayedEvent = {
  readonly id: string
  readonly no: number | null
  readonly fromS: Second
  readonly toS: Second
  /** The newest; null where there is none. */
  readonly verification: Verification | null
  readonly answer: string
  /** What meters that are no charger's say of it, beside the chargers under them. */
  readonly witnessed: readonly WitnessedGap[]
}

type Action = { readonly atS: Second; readonly run: () => void | Promise<void> }

/** Plays a scenario to its end in virtual time. The same scenario, seed and version give the same journal, byte for byte. */
export async function play(
  scenario: Scenario,
  options: { seed?: number | string; folder?: string; onProgress?: (share: number) => void } = {},
): Promise<Played> {
  const built = build(scenario, options)
  const world = await createWorld(built.setting)
  for (const no of built.offline) world.model.lose(built.setting.chargers[no]!.station)
  const otherAt = createBackground(built.setting.fleet.nodes.parent, otherLoads(scenario, built))
  const recorded = createRecorder(world, built, scenario, otherAt)
  const metered = createMetered(world, built, scenario, otherAt)
  const answers = new Map<string, string>()
  const actions = actionsOf(scenario, built, world, answers).sort((a, b) => a.atS - b.atS)
  watchOverloads(scenario, built, world, recorded, answers)
  for (const action of actions) {
    if (action.atS >= built.endS) break
    await world.until(action.atS * 1000)
    options.onProgress?.((action.atS - built.startS) / (built.endS - built.startS))
    await action.run()
  }
  for (let s = world.runtime.now() / 1000; s < built.endS; ) {
    s = Math.min(built.endS, s + 3_600)
    await world.until(s * 1000)
    options.onProgress?.((s - built.startS) / (built.endS - built.startS))
  }
  return {
    scenario,
    built,
    world,
    recorded,
    takenWh: world.model.physics.takenWh,
    ...free(built, world, recorded),
    events: await Promise.all(
      eventsOf(world, built, answers).map(async e => ({ ...e, witnessed: e.no === null ? [] : await metered.gapsOf(e.no) })),
    ),
    meters: metered.meters,
  }
}

/** The same cars at the same chargers, limited by nobody. */
function free({ setting, startS, endS }: Built, world: World, { nodes }: Recorded): Pick<Played, 'freeWh' | 'freeW' | 'freeNodeW'> {
  const physics = createPhysics(setting.chargers, setting.cars, startS)
  const minutes = Math.floor((endS - startS) / 60)
  const everybody = [...setting.chargers.keys()]
  const groups = [everybody, ...nodes.map(n => chargersUnder(world, n.node))]
  const loads = groups.map(() => new Float64Array(minutes))
  const before = groups.map(() => 0)
  for (let k = 0; k < minutes; k++) {
    physics.advance(startS + 60 * (k + 1))
    physics.takeNews()
    groups.forEach((who, g) => {
      let after = 0
      for (const i of who) after += physics.registerWh[i]!
      loads[g]![k] = (after - before[g]!) * 60
      before[g] = after
    })
  }
  const [freeW, ...freeNodeW] = loads
  return { freeWh: physics.takenWh, freeW: freeW!, freeNodeW }
}
function chargersUnder(world: World, node: NodeNo): Uint32Array {
  const f = world.engine().state().fleet
  return f.order.slice(f.nodeFrom[node]!, f.nodeTo[node]!)
}

function actionsOf(scenario: Scenario, built: Built, world: World, answers: Map<string, string>): Action[] {
  const vtns = built.expected.handed.map(h => ({ ...h, vtn: handedOver(world, built, h, answers) }))
  return [
    ...built.expected.asked.flatMap(e => [
      { atS: e.announcedS, run: () => announce(world, built, e, e.intervals, 0, answers) },
      ...e.changes.map((c, k) => ({
        atS: c.announcedS,
        run: () => announce(world, built, { ...e, class: c.class }, c.intervals, k + 1, answers, c.stopAtOnce),
      })),
      ...overrides(scenario, built, world, { id: e.id, fromS: e.intervals[0]!.fromS, toS: e.intervals.at(-1)!.toS }),
    ]),
    ...vtns.flatMap(({ events, vtn }) =>
      events.flatMap(e => [
        ...e.forms.map(form => ({ atS: form.atS, run: () => vtn.tell(form) })),
        ...overrides(scenario, built, world, e),
      ]),
    ),
    ...built.incidents.flatMap(x =>
      x.of.what === 'bridgeDies'
        ? bridgeDies(
            x,
            world,
            vtns.map(v => v.vtn),
          )
        : deedsOf(x, built.setting.fleet.chargers, world.model, built.seed, built.endS),
    ),
  ]
}

async function announce(
  world: World,
  built: Built,
  e: AskedEvent,
  intervals: readonly AskedInterval[],
  revision: number,
  answers: Map<string, string>,
  stopAtOnce = false,
): Promise<void> {
  // an operator's word finds nobody
  if (!world.isAlive()) return void answers.set(e.id, 'bridge down')
  const judgement = await world.submit(
    gridEvent(e, targetsOf(built.setting.fleet, e.target), intervalsOf(world, built, e, intervals), revision, stopAtOnce),
  )
  answers.set(e.id, judgement.kind === 'accepted' ? 'accepted' : `declined: ${judgement.why}`)
}
const intervalsOf = (world: World, built: Built, e: AskedEvent, intervals: readonly AskedInterval[]): Interval[] =>
  intervals.map(x => ({ ...x, ask: askOf(x.ask, () => drawnUnder(world, built, nodeOf(built.setting.fleet, e.target))) }))
const askOf = (ask: AskedInterval['ask'], drawnW: () => number): Ask =>
  ask.kind === 'shedShare' ? { kind: 'shed', totalW: Math.round(ask.share * drawnW()) } : ask
function drawnUnder(world: World, built: Built, node: NodeNo): number {
  let w = 0
  for (const i of chargersUnder(world, node)) w += world.model.physics.powerW(i)
  return built.setting.chargers.length === 0 ? 0 : w
}
function gridEvent(
  e: Pick<AskedEvent, 'id' | 'operator' | 'class' | 'programme' | 'priority'>,
  targets: GridEvent['targets'],
  intervals: readonly Interval[],
  revision: number,
  stopAtOnce: boolean,
): GridEvent {
  return {
    id: `sim:${e.operator}:${e.id}`,
    source: { adapter: 'sim', peer: e.operator, credential: '' },
    upstreamRef: e.id,
    revision,
    class: e.class,
    programme: e.programme,
    targets,
    intervals,
    spread: 'programme',
    priority: e.priority,
    stopAtOnce,
    test: false,
    duties: { ack: true, started: true, completed: true, telemetryEveryS: 0 },
    liveness: null,
    basis: e.class === 'emergency' ? 'supply limitation' : null,
    rawHash: '',
  }
}

/** Drivers who take their charger back while the event limits it, each at a time of their own. */
function overrides(
  { manners }: Scenario,
  built: Built,
  world: World,
  e: { readonly id: string; readonly fromS: Second; readonly toS: Second },
): Action[] {
  if (manners.overrides === 0) return []
  const { fromS, toS } = e
  return built.setting.chargers.flatMap(({ no }) => {
    const chance = stream(built.seed, `override ${e.id} ${no}`)
    if (chance() >= manners.overrides) return []
    const atS = fromS + Math.floor(chance() * (toS - fromS))
    return [{ atS, run: () => takeBack(world, no, toS) }]
  })
}
async function takeBack(world: World, no: ChargerNo, toS: Second): Promise<void> {
  const nowS = Math.floor(world.runtime.now() / 1000)
  const isHere = world.model.physics.isPlugged(no) && limitOf(world.model.physics.holds(no), nowS) !== null
  if (!isHere || !world.isAlive()) return
  await world.engine().handle({ kind: 'optOut', who: Uint32Array.of(no), fromS: nowS, toS, reason: 'driver' })
}

/** The bridge dies, and for some starts again: then it asks what it missed. */
function bridgeDies({ fromS, toS }: Incident, world: World, vtns: readonly ReturnType<typeof createHandedOver>[]): Action[] {
  const restart = async () => {
    await world.restart()
    for (const vtn of vtns) await vtn.poll()
  }
  return [
    { atS: fromS, run: () => world.kill() },
    { atS: toS, run: restart },
  ]
}

/** A feeder over its rating gets an emergency cap at it, less its background, and is let go when it has been well below for ten minutes. */
function watchOverloads(scenario: Scenario, built: Built, world: World, recorded: Recorded, answers: Map<string, string>): void {
  scenario.overloads.forEach((o, k) => {
    const node = nodeOf(built.setting.fleet, o.place)
    const name = `overload-${k + 1}`
    let revision = -1
    let isCapped = false
    let calmMinutes = 0
    world.model.onMinute(atMs => {
      const loadW = recorded.loadNow(node)
      calmMinutes = loadW < o.releaseBelow * o.ratingW ? calmMinutes + 1 : 0
      const isOver = loadW > o.ratingW
      if (isCapped ? calmMinutes < 10 : !isOver) return
      isCapped = !isCapped
      revision++
      const nowS = Math.floor(atMs / 1000)
      const e = { id: name, operator: 'dso', class: 'emergency', programme: o.programme, priority: 0 } as const
      const totalW = Math.max(0, o.ratingW - recorded.backgroundNow(node))
      const intervals: Interval[] = isCapped ? [{ fromS: nowS, toS: nowS + 4 * 3_600, ask: { kind: 'cap', totalW } }] : []
      world.runtime.at(`${name}.${revision}`, atMs, async () => {
        if (!world.isAlive()) return
        const judgement = await world.submit(gridEvent(e, [{ kind: 'node', node }], intervals, revision, false))
        answers.set(name, judgement.kind === 'accepted' ? 'accepted' : `declined: ${judgement.why}`)
      })
    })
  })
}

function eventsOf(world: World, built: Built, answers: ReadonlyMap<string, string>): Omit<PlayedEvent, 'witnessed'>[] {
  const out = new Map<string, Omit<PlayedEvent, 'witnessed'>>()
  const byNo = new Map<number, string>()
  for (const { atMs, fact } of world.facts) {
    if (fact.kind === 'signal') {
      const { event } = fact
      const no = world.engine().state().eventNoById.get(event.id) ?? out.get(event.upstreamRef)?.no ?? null
      const known = out.get(event.upstreamRef)
      const [first, last] = [event.intervals[0], event.intervals.at(-1)]
      if (no !== null) byNo.set(no, event.upstreamRef)
      out.set(event.upstreamRef, {
        id: event.upstreamRef,
        no,
        fromS: first?.fromS ?? known?.fromS ?? 0,
        // called off: it ends there
        toS: last === undefined ? Math.min(known?.toS ?? 0, Math.floor(atMs / 1000)) : last.toS === NEVER_S ? built.endS : last.toS,
        verification: known?.verification ?? null,
        answer: answers.get(event.upstreamRef) ?? '',
      })
    }
    if (fact.kind === 'verified') {
      const id = byNo.get(fact.verification.event)
      const known = id === undefined ? undefined : out.get(id)
      if (known) out.set(known.id, { ...known, verification: fact.verification })
    }
  }
  // what the product's own VEN would not take never became an event of the record
  for (const { id, fromS, toS } of built.expected.handed.flatMap(h => h.events))
    if (!out.has(id) && answers.has(id)) out.set(id, { id, no: null, fromS, toS, verification: null, answer: answers.get(id)! })
  return [...out.values()]
}
