import { createMemoryWitnesses } from '../../adapters/stores/memory/witnesses.ts'
import type { NodeKind, NodeNo } from '../../src/core/model.ts'
import type { Engine } from '../../src/engine.ts'
import { createHistory, type History } from '../../src/operations/history.ts'
import { createWitnesses, type WitnessDeclaration } from '../../src/operations/witnesses.ts'
import { createWitnessGaps, type WitnessedGap } from '../../src/operations/witnessGaps.ts'
import type { WitnessMeter, WitnessSource } from '../../src/ports.ts'
import { type BoundaryInterval, createBoundaryMeter, type Strike } from '../model/boundary.ts'
import type { World } from '../model/world.ts'
import type { Built } from './build.ts'
import { instantOf } from './clock.ts'
import type { MeterSetting } from './meterSchema.ts'
import { isUnder, kindOf, nodeOf } from './nodes.ts'
import { nodesAt } from './otherLoad.ts'
import { ScenarioError } from './read.ts'
import type { Scenario } from './schema.ts'

/** A meter of a place and all that it made, sent or not. Its name is its place. */
export type PlacedMeter = {
  readonly place: string
  readonly node: NodeNo
  readonly kind: WitnessMeter['kind']
  readonly stepS: number
  readonly intervals: readonly BoundaryInterval[]
}
export type Metered = {
  readonly meters: readonly PlacedMeter[]
  /** What the bridge says of them beside the chargers under them; empty for an event without a verdict. */
  gapsOf(event: number): Promise<readonly WitnessedGap[]>
}
const kindOfMeter = (kind: NodeKind): WitnessMeter['kind'] =>
  kind === 'site' || kind === 'station' ? 'site' : kind === 'feeder' ? 'feeder' : 'substation'

/**
 * The meters of a scenario, which are no charger's. What they send goes through the product's own pipeline of such meters: declared, checked on the way in, stored
 * beside the chargers' and never mixed. While the bridge is down what is due waits, as with a sender that tries again.
 * @throws ScenarioError for two meters at one place, and for a fault where there is no meter
 */
export function createMetered(world: World, built: Built, scenario: Scenario, otherAt: (node: NodeNo, atS: number) => number): Metered {
  const placed = (scenario.fleet.meters ?? []).flatMap(setting => placedMeters(setting, built))
  const twice = placed.find((m, k) => placed.findIndex(x => x.place === m.place) !== k)
  if (twice) throw new ScenarioError([`fleet.meters: there are two meters at ${twice.place}`])
  const sender = createSender(world, placed)
  const otherWh = new Float64Array(placed.length)
  const f = world.engine().state().fleet
  const chargersUnder = placed.map(({ node }) => f.order.slice(f.nodeFrom[node]!, f.nodeTo[node]!))
  if (placed.length > 0)
    world.model.onMinute(atMs => {
      placed.forEach(({ meter, node, intervals, place }, k) => {
        otherWh[k]! += otherAt(node, atMs / 1000) / 60
        let wh = 0
        for (const i of chargersUnder[k]!) wh += world.model.physics.registerWh[i]!
        for (const interval of meter.see(atMs / 1000, wh, otherWh[k]!)) {
          intervals.push(interval)
          sender.post(place, interval)
        }
      })
      sender.send(atMs)
    })
  return { meters: placed, gapsOf: sender.gapsOf }
}

function placedMeters(setting: MeterSetting, built: Built) {
  const { zone, startS, seed } = built
  const nodes = nodesAt(built, setting.place)
  const script = setting.script.map(x => {
    const fromS = instantOf(zone, x.at, startS)
    return { what: x.what, fromS, toS: fromS + (x.forS ?? 1), top: nodeOf(built.setting.fleet, x.place), place: x.place }
  })
  const stray = script.find(x => !nodes.some(({ node }) => isUnder(built.setting.fleet, node, x.top)))
  if (stray)
    throw new ScenarioError([`fleet.meters: a ${stray.what} of the script is for ${stray.place}, where there is none of these meters`])
  return nodes.map(({ node, name }) => {
    const strikes: Strike[] = script.filter(x => isUnder(built.setting.fleet, node, x.top))
    const meter = createBoundaryMeter(setting, seed, name, startS, strikes)
    const kind = kindOfMeter(kindOf(name))
    return { place: name, node, kind, stepS: setting.stepS, intervals: [] as BoundaryInterval[], meter }
  })
}

type Point = { readonly meter: string; readonly at: number; readonly value: number }
/** Hands each interval to the bridge when it is due. */
function createSender(world: World, placed: readonly Omit<PlacedMeter, 'intervals'>[]) {
  const store = createMemoryWitnesses()
  const configured = placed.map(
    ({ place, node, kind, stepS }): WitnessDeclaration => ({
      name: place,
      node: String(node),
      kind,
      stepS,
      unit: 'kWh',
      sign: 'consumption',
      stamp: 'start',
    }),
  )
  const due = new Map<number, Point[]>()
  let waiting: Point[] = []
  let lives: { readonly of: Engine; readonly history: History; readonly take: Parameters<WitnessSource['start']>[0] }[] = []
  const nodes = placed.map(({ node, place }) => ({ no: node, kind: kindOf(place), name: place, parent: -1 as const }))
  /** A bridge that started again has new operations over what is stored. The newest comes first. */
  function life() {
    const of = world.engine()
    if (lives[0]?.of !== of) {
      const history = createHistory(of)
      const start: WitnessSource['start'] = async take => {
        lives = [{ of, history, take }, ...lives]
      }
      void createWitnesses(of, store, configured).follow({ start, stop: async () => {} })
    }
    return lives[0]!
  }
  if (placed.length > 0) {
    void world.registry.put({ nodes })
    life()
  }
  return {
    post(meter: string, { fromMs, kwh, dueMs }: BoundaryInterval): void {
      if (kwh === null) return
      for (const ms of dueMs) {
        const minute = Math.ceil(ms / 60_000)
        const point = { meter, at: fromMs, value: kwh }
        const same = due.get(minute)
        if (same) same.push(point)
        else due.set(minute, [point])
      }
    },
    send(nowMs: number): void {
      const minute = Math.round(nowMs / 60_000)
      waiting.push(...(due.get(minute) ?? []))
      due.delete(minute)
      if (!world.isAlive()) return
      const { take } = life()
      const byMeter = new Map<string, Point[]>()
      for (const point of waiting) byMeter.set(point.meter, [...(byMeter.get(point.meter) ?? []), point])
      for (const [meter, points] of byMeter) take(meter, points)
      waiting = []
    },
    async gapsOf(event: number): Promise<readonly WitnessedGap[]> {
      for (const { of, history } of lives) {
        const gaps = await createWitnessGaps(of, history, createWitnesses(of, store, configured)).of(String(event))
        if (gaps.ok) return gaps.value
      }
      return []
    },
  }
}
