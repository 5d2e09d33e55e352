import type { NodeNo, Second } from '../../src/core/model.ts'
import { offsetS } from '../../src/core/verify/calendar.ts'
import type { World } from '../model/world.ts'
import { nodesOfKind } from '../virtual/fleet.ts'
import { type Built, kindOf, nodeOf } from './build.ts'
import type { Scenario } from './schema.ts'

/** What is written down each minute: mean power over the minute that ends then, W. */
export type Recorded = {
  readonly startS: Second
  readonly stepS: 60
  /** All chargers. */
  readonly loadW: readonly number[]
  /** By node that is watched (feeders, and where something is asked or rated): its chargers, and its background. */
  readonly nodes: readonly {
    readonly node: NodeNo
    readonly name: string
    readonly loadW: readonly number[]
    readonly backgroundW: readonly number[]
  }[]
  /** Chargers that drew, that held a limit, with a car. */
  readonly drawing: readonly number[]
  readonly limited: readonly number[]
  readonly plugged: readonly number[]
  /** Load of a node now, its background included. */
  loadNow(node: NodeNo): number
  backgroundNow(node: NodeNo): number
}

/** At most so many nodes are watched; the largest scenarios have more feeders than anybody draws. */
const MOST_NODES = 64

export function createRecorder(world: World, built: Built, scenario: Scenario): Recorded {
  const f = world.engine().state().fleet
  const { physics } = world.model
  const feeders = nodesOfKind(built.setting.fleet.nodes, 'feeder')
  const named = [...scenario.events.map(e => e.target), ...scenario.overloads.map(o => o.place), ...feeders.map((_, k) => `feeder/${k}`)]
  const places = [...new Set(named)].slice(0, MOST_NODES)
  const nodes = places.map(place => ({
    node: nodeOf(built.setting.fleet, place),
    name: place,
    loadW: [] as number[],
    backgroundW: [] as number[],
  }))
  const [loadW, drawing, limited, plugged] = [[] as number[], [] as number[], [] as number[], [] as number[]]
  const before = physics.registerWh.slice()
  const nowW = new Float64Array(before.length)
  const background = scenario.fleet.background.map(b => ({
    nodes: new Set(b.place === 'all' ? [nodeOf(built.setting.fleet, 'all')] : [nodeOf(built.setting.fleet, b.place)]),
    kind: kindOf(b.place),
    hourlyW: b.hourlyW,
  }))
  const backgroundAt = (node: NodeNo, atS: Second): number => {
    const hour = (((atS + offsetS(built.zone, atS)) / 3_600) % 24) | 0
    return background.reduce((sum, b) => sum + (b.nodes.has(node) ? b.hourlyW[hour]! : 0), 0)
  }
  const under = (node: NodeNo): number => {
    let w = 0
    for (let p = f.nodeFrom[node]!; p < f.nodeTo[node]!; p++) w += nowW[f.order[p]!]!
    return w
  }
  world.model.onMinute(atMs => {
    const atS = atMs / 1000
    let [sumW, draws, holds, cars] = [0, 0, 0, 0]
    for (let i = 0; i < before.length; i++) {
      const w = (physics.registerWh[i]! - before[i]!) * 60
      before[i] = physics.registerWh[i]!
      nowW[i] = w
      sumW += w
      if (w > 0) draws++
      if (physics.isLimited(i, atS)) holds++
      if (physics.isPlugged(i)) cars++
    }
    loadW.push(sumW)
    drawing.push(draws)
    limited.push(holds)
    plugged.push(cars)
    for (const n of nodes) {
      n.loadW.push(under(n.node))
      n.backgroundW.push(backgroundAt(n.node, atS))
    }
  })
  return {
    startS: built.startS,
    stepS: 60,
    loadW,
    nodes,
    drawing,
    limited,
    plugged,
    loadNow: node => under(node) + backgroundAt(node, world.runtime.now() / 1000),
    backgroundNow: node => backgroundAt(node, world.runtime.now() / 1000),
  }
}
