import { forecast } from '../core/capacity.ts'
import type { ChargerNo, Forecast, NodeKind, NodeNo } from '../core/model.ts'
import { limitAt } from '../core/rows.ts'
import { isOptedOut, isRefused, isUp, type State } from '../core/state.ts'
import { type Capacity, capacity, FRESH_MS, freshPowerW, type Holding, holdingOf, nodeRange } from '../core/views.ts'
import type { Engine } from '../engine.ts'
import type { Capabilities, NodeRecord } from '../ports.ts'
import { findCharger, findNode, nameOfCharger, pathName } from './names.ts'
import { standingLimitW } from './nodeLimits.ts'
import { done, type Result, seconds } from './result.ts'

/** Why a charger cannot be dispatched, in the order in which to look for a cure. */
export const hindrances = ['notInFleet', 'notEnrolled', 'noConsent', 'optedOut', 'refused', 'offline', 'noFreshReading'] as const
export type Hindrance = (typeof hindrances)[number]
export type ChargerView = {
  readonly no: ChargerNo
  readonly charger: string
  readonly identity: string
  readonly evseId: number
  readonly station: NodeNo
  readonly node: string
  readonly online: boolean
  readonly powerW: number | null
  readonly limitW: number | null
  readonly held: Holding
  readonly minW: number
  readonly maxW: number
  readonly programmes: readonly { readonly programme: string; readonly consented: boolean }[]
  readonly hindrances: readonly Hindrance[]
}
export type ChargerDetail = ChargerView & { readonly capabilities: Capabilities; readonly ceilingW: number | null }
export type NodeView = {
  readonly no: NodeNo
  readonly kind: NodeKind
  readonly name: string
  readonly path: string
  readonly parent: NodeNo | null
  readonly limitW: number | null
  readonly chargers: number
}
/** `forecast`: what is given within so many seconds if all who may be used are told now. */
export type NodeCapacity = Capacity & {
  readonly node: NodeView
  readonly atMs: number
  readonly forecast: Forecast & { readonly withinS: number }
}
/** As long as a random window is by default, and a little more. */
export const WITHIN_S = 900
export type Page<T> = { readonly total: number; readonly from: number; readonly items: readonly T[]; readonly next: number | null }

/** The fleet as people look at it. `freshMs`: a reading older than this is not the present. */
export const createFleet = (engine: Engine, freshMs: number = FRESH_MS) => ({
  /** Chargers in depth-first order of the tree, all or those under a node. */
  chargers({ node, from = 0, limit = 200 }: { node?: string | undefined; from?: number; limit?: number }): Result<Page<ChargerView>> {
    const { fleet } = engine.state()
    let [first, end] = [0, fleet.chargers]
    if (node !== undefined) {
      const found = findNode(engine.registry, node)
      if (!found.ok) return found
      const range = nodeRange(fleet, found.value)
      first = range.from
      end = range.to
    }
    const items: ChargerView[] = []
    for (let p = first + from; p < Math.min(end, first + from + limit); p++) items.push(chargerView(engine, fleet.order[p]!, freshMs))
    return done({ total: end - first, from, items, next: first + from + limit < end ? from + limit : null })
  },
  charger(name: string): Result<ChargerDetail> {
    const found = findCharger(engine.registry, name)
    if (!found.ok) return found
    const { station } = engine.registry.charger(found.value)!
    return done({
      ...chargerView(engine, found.value, freshMs),
      capabilities: station.capabilities,
      ceilingW: engine.chargers.ceilingW(found.value),
    })
  },
  /** Nodes by number; stations only when asked for by kind. */
  nodes({ kind, from = 0, limit = 200 }: { kind?: NodeKind | undefined; from?: number; limit?: number }): Page<NodeView> {
    const all = [...engine.registry.nodes()]
      .filter(n => (kind === undefined ? n.kind !== 'station' : n.kind === kind))
      .sort((a, b) => a.no - b.no)
    const items = all.slice(from, from + limit).map(n => nodeView(engine, n))
    return { total: all.length, from, items, next: from + limit < all.length ? from + limit : null }
  },
  /** kW that can be cut at a node now, and why not more; and what of it comes within `withinS`, as far as experience goes. */
  capacity(node: string, withinS: number = WITHIN_S): Result<NodeCapacity> {
    const found = findNode(engine.registry, node)
    if (!found.ok) return found
    const atMs = engine.now()
    const targets = [{ kind: 'node', node: found.value }] as const
    const latest = engine.meters.latest()
    const seen = capacity(engine.state(), targets, latest, atMs, freshMs)
    const expected = { withinS, ...forecast(engine.state(), targets, latest, atMs, withinS, { freshMs }) }
    return done({ node: nodeView(engine, engine.registry.node(found.value)!), atMs, ...seen, forecast: expected })
  },
})
export type FleetViews = ReturnType<typeof createFleet>

function nodeView(engine: Engine, { no, kind, name, parent }: NodeRecord): NodeView {
  const { fleet } = engine.state()
  const ratedW = fleet.nodeLimitW[no] ?? -1
  const limitW = standingLimitW(engine.state(), no) ?? ratedW
  const chargers = no < fleet.nodes ? chargersCount(engine.state(), no) : 0
  return {
    no,
    kind,
    name,
    path: pathName(engine.registry, no),
    parent: parent === -1 ? null : parent,
    limitW: limitW < 0 ? null : limitW,
    chargers,
  }
}
const chargersCount = (s: State, node: NodeNo): number => {
  const { from, to } = nodeRange(s.fleet, node)
  return to - from
}

function chargerView(engine: Engine, no: ChargerNo, freshMs: number): ChargerView {
  const state = engine.state()
  const nowS = seconds(engine.now())
  const known = engine.registry.charger(no)
  const inFleet = no < state.fleet.chargers
  const limitW = inFleet ? limitAt(state.rows, state.want[no]!, nowS) : -1
  const powerW = freshPowerW(engine.meters.latest(), no, engine.now(), freshMs)
  const programmes = [...state.enrolments].flatMap(([programme, basis]) =>
    (basis[no] ?? 0) === 0 ? [] : [{ programme, consented: basis[no] === 1 }],
  )
  const station = known?.station.no ?? (inFleet ? state.fleet.station[no]! : 0)
  return {
    no,
    charger: nameOfCharger(engine.registry, no),
    identity: known?.station.identity ?? '',
    evseId: known?.evse.evseId ?? 0,
    station,
    node: pathName(engine.registry, station),
    online: inFleet && isUp(state, no),
    powerW: powerW < 0 ? null : powerW,
    limitW: limitW < 0 ? null : limitW,
    held: inFleet ? holdingOf(state, no, nowS) : 'unknown',
    minW: inFleet ? state.fleet.minW[no]! : 0,
    maxW: inFleet ? state.fleet.maxW[no]! : 0,
    programmes,
    hindrances: inFleet ? hindrancesOf(state, no, nowS, programmes, powerW) : ['notInFleet'],
  }
}
function hindrancesOf(s: State, no: ChargerNo, nowS: number, programmes: ChargerView['programmes'], powerW: number): Hindrance[] {
  const found: Record<Hindrance, boolean> = {
    notInFleet: false,
    notEnrolled: programmes.length === 0,
    noConsent: programmes.length > 0 && programmes.every(p => !p.consented),
    optedOut: isOptedOut(s, no, nowS, nowS + 1),
    refused: isRefused(s, no, nowS),
    offline: !isUp(s, no),
    noFreshReading: powerW < 0,
  }
  return hindrances.filter(h => found[h])
}
