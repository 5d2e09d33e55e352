import type { ChargerNo, NodeNo, Second } from '../../src/core/model.ts'
import type { World } from '../model/world.ts'
import { nodesOfKind } from '../virtual/fleet.ts'
import type { Built } from './build.ts'
import { nodeOf } from './nodes.ts'
import { placesAsked } from './places.ts'
import type { Scenario } from './schema.ts'

/** What is written down each minute: mean power over the minute that ends then, W. */
export type Recorded = {
  readonly startS: Second
  readonly stepS: 60
  /** All chargers. */
  readonly loadW: readonly number[]
  /** By node that is watched (feeders, and where something is asked or rated): its chargers, and its other load with that of all below it. */
  readonly nodes: readonly {
    readonly node: NodeNo
    readonly name: string
    readonly loadW: readonly number[]
    readonly backgroundW: readonly number[]
  }[]
  readonly strip: Strip
  /** Chargers that drew, that held a limit, with a car. */
  readonly drawing: readonly number[]
  readonly limited: readonly number[]
  readonly plugged: readonly number[]
  /** Load of a node now, its background included. */
  loadNow(node: NodeNo): number
  backgroundNow(node: NodeNo): number
}

/**
 * What single chargers did, for a picture: a row per charger of `who`, a byte per minute. Its low seven bits: 0 no car, 1 a car that does not draw, 2 to
 * 127 drawn power, 127 being all that the charger can. `LIMITED` is added while the charger holds a limit.
 */
export type Strip = { readonly who: readonly ChargerNo[]; readonly minutes: readonly Uint8Array[] }
export const LIMITED = 128
/** More rows are no picture: every so many chargers then stands for its neighbours. */
const MOST_ROWS = 160

/** At most so many nodes are watched; the largest scenarios have more feeders than anybody draws. */
const MOST_NODES = 64

export function createRecorder(
  world: World,
  built: Built,
  scenario: Scenario,
  backgroundAt: (node: NodeNo, atS: Second) => number,
): Recorded {
  const f = world.engine().state().fleet
  const { physics } = world.model
  const feeders = nodesOfKind(built.setting.fleet.nodes, 'feeder')
  const named = [...placesAsked(built.expected), ...scenario.overloads.map(o => o.place), ...feeders.map((_, k) => `feeder/${k}`)]
  const places = [...new Set(named)].slice(0, MOST_NODES)
  const nodes = places.map(place => ({
    node: nodeOf(built.setting.fleet, place),
    name: place,
    loadW: [] as number[],
    backgroundW: [] as number[],
  }))
  const [loadW, drawing, limited, plugged] = [[] as number[], [] as number[], [] as number[], [] as number[]]
  const every = Math.ceil(built.setting.chargers.length / MOST_ROWS)
  const strip = { who: built.setting.chargers.filter(c => c.no % every === 0).map(c => c.no), minutes: [] as Uint8Array[] }
  const before = physics.registerWh.slice()
  const nowW = new Float64Array(before.length)
  const under = (node: NodeNo): number => {
    let w = 0
    for (let p = f.nodeFrom[node]!; p < f.nodeTo[node]!; p++) w += nowW[f.order[p]!]!
    return w
  }
  const looks = (no: ChargerNo, atS: Second): number => {
    const draws = Math.max(2, Math.round((127 * nowW[no]!) / built.setting.chargers[no]!.maxW))
    const power = nowW[no]! > 0 ? Math.min(127, draws) : physics.isPlugged(no) ? 1 : 0
    return power + (physics.isLimited(no, atS) ? LIMITED : 0)
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
    strip.minutes.push(Uint8Array.from(strip.who, no => looks(no, atS)))
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
    strip,
    drawing,
    limited,
    plugged,
    loadNow: node => under(node) + backgroundAt(node, world.runtime.now() / 1000),
    backgroundNow: node => backgroundAt(node, world.runtime.now() / 1000),
  }
}
