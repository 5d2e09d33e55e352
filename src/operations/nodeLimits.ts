import { createHash } from 'node:crypto'
import { isDeepStrictEqual } from 'node:util'
import { type Ask, type GridEvent, type Interval, NEVER_S, type NodeNo, type Programme, type Second } from '../core/model.ts'
import { isStanding, OPERATOR } from '../core/standing.ts'
import { type EventState, exclusionOf, lastS, type State } from '../core/state.ts'
import { chargersUnder } from '../core/views.ts'
import type { Engine } from '../engine.ts'
import { findNode, pathName } from './names.ts'
import { type By, done, invalid, isoS, type Result, refuse, seconds } from './result.ts'

export type NodeLimitRequest = {
  /** Ceiling on the load of everything under the node, W; and on each phase, A. One of them at least. */
  readonly limitW?: number | undefined
  readonly limitA?: PhaseLimits | undefined
  /** Under whose rules its chargers are used; may be left out where those of the node are in one programme only. */
  readonly programme?: string | undefined
}
/** What each phase may carry, A. */
export type PhaseLimits = { readonly L1: number; readonly L2: number; readonly L3: number }
/** A limit that stands on a node until it is taken back. */
export type NodeLimit = {
  readonly node: { readonly no: NodeNo; readonly path: string }
  readonly limitW: number
  readonly limitA: PhaseLimits | null
  readonly programme: string
  readonly since: string
  readonly setBy: string
  readonly event: string
  readonly revision: number
  readonly chargers: number
  /** Chargers under the node that may be limited; all others count at what they draw, or at their maximum. */
  readonly usable: number
  /** What of the limit cannot be met now, even with every usable charger paused, W. */
  readonly unreachableW: number
}
export type LimitCleared = { readonly node: NodeLimit['node']; readonly event: string; readonly freeBy: string }

/** 2^31 - 1: watts are 32-bit columns. */
const MOST_W = 2_147_483_647
const MOST_A = 100_000
const NOMINAL_V = 230
type Cap = Extract<Ask, { kind: 'cap' }>

/**
 * Standing limits: an obligation without an end on the load of a node. Each is an event of its own, so it is in the log, is met together with every
 * other one (the tightest counts), survives a restart and is held at the chargers by leases. A charger's driver may still opt out of it.
 */
export function createNodeLimits(engine: Engine) {
  let drawn = 0

  function find(name: string): Result<NodeLimit> {
    const node = findNode(engine.registry, name)
    if (!node.ok) return node
    const e = eventAt(engine.state(), node.value)
    return e && isInForce(e) ? done(viewOf(engine, e)) : noLimit(engine, node.value)
  }

  async function set(name: string, request: NodeLimitRequest, by: By): Promise<Result<NodeLimit>> {
    const state = engine.state()
    const node = findNode(engine.registry, name)
    if (!node.ok) return node
    if (node.value >= state.fleet.nodes) return refuse('notFound', 'node-not-found', 'the node is not in the fleet yet')
    const asked = askedOf(state, node.value, request)
    if (!asked.ok) return asked
    const ask = asked.value
    const present = eventAt(state, node.value)
    const programme = programmeOf(
      state,
      node.value,
      request.programme ?? (present && isInForce(present) ? present.event.programme : undefined),
    )
    if (!programme.ok) return programme
    if (present && isInForce(present) && isDeepStrictEqual(capOf(present), ask) && present.event.programme === programme.value.id)
      return done(viewOf(engine, present))
    const raw = new TextEncoder().encode(
      JSON.stringify({ limit: { node: node.value, ask, programme: programme.value.id }, by: by.name, atMs: engine.now(), nth: drawn++ }),
    )
    const event = eventOf(node.value, ask, programme.value, present, by, seconds(engine.now()), raw)
    const judgement = await engine.bridge.submit(event, raw)
    if (judgement.kind === 'declined')
      return refuse('conflict', 'limit-declined', `the limit was declined: ${judgement.why}`, hintOf(judgement.why))
    await engine.bridge.note('limitSet', {
      event: judgement.event,
      node: node.value,
      ...noteOf(ask),
      programme: programme.value.id,
      by: by.name,
    })
    return find(String(node.value))
  }

  /** Its chargers come back over the programme's restore window. */
  async function clear(name: string, by: By): Promise<Result<LimitCleared>> {
    const node = findNode(engine.registry, name)
    if (!node.ok) return node
    const e = eventAt(engine.state(), node.value)
    if (!e || !isInForce(e)) return noLimit(engine, node.value)
    const raw = new TextEncoder().encode(JSON.stringify({ clear: { node: node.value, revision: e.event.revision + 1 }, by: by.name }))
    const source = sourceOf(by)
    const judgement = await engine.bridge.submit(
      { ...e.event, source, revision: e.event.revision + 1, intervals: [], rawHash: hashOf(raw) },
      raw,
    )
    if (judgement.kind === 'declined')
      return refuse('conflict', 'limit-declined', `it was not cleared: ${judgement.why}`, hintOf(judgement.why))
    await engine.bridge.note('limitCleared', { event: judgement.event, node: node.value, by: by.name })
    const over = engine.state().events.get(judgement.event)
    const freeBy = isoS(over ? lastS(over) : seconds(engine.now()))
    return done({ node: { no: node.value, path: pathName(engine.registry, node.value) }, event: e.event.id, freeBy })
  }

  return {
    find,
    set,
    clear,
    /** Those in force, by number of their node. */
    list(): NodeLimit[] {
      const all = [...engine.state().events.values()].filter(e => isStanding(e.event) && isInForce(e))
      return all.map(e => viewOf(engine, e)).sort((a, b) => a.node.no - b.node.no)
    },
  }
}
export type NodeLimits = ReturnType<typeof createNodeLimits>

/** The standing limit in force at a node, W; null where none is. */
export function standingLimitW(s: State, node: NodeNo): number | null {
  const e = eventAt(s, node)
  return e && isInForce(e) ? capOf(e).totalW : null
}

/** Is a limit asked for that is not in force at the node? What is not said stays. */
export function saysOtherwise(s: State, node: NodeNo, { limitW, limitA }: NodeLimitRequest): boolean {
  const e = eventAt(s, node)
  if (!e || !isInForce(e)) return true
  const { totalW, phaseA } = capOf(e)
  return (
    (limitW !== undefined && limitW !== totalW) || (limitA !== undefined && !isDeepStrictEqual(phaseA, [limitA.L1, limitA.L2, limitA.L3]))
  )
}

const idOf = (node: NodeNo): string => `${OPERATOR}:limit:${node}`
const eventAt = (s: State, node: NodeNo): EventState | undefined => s.events.get(s.eventNoById.get(idOf(node)) ?? -1)
const isInForce = (e: EventState): boolean => e.status === 'accepted' && e.cancelledS === NEVER_S && isStanding(e.event)
const capOf = (e: EventState): Cap => {
  const ask = e.event.intervals.at(-1)?.ask
  return ask?.kind === 'cap' ? ask : { kind: 'cap', totalW: 0 }
}
const noteOf = ({ totalW, phaseA }: Cap) => ({ limitW: totalW, ...(phaseA ? { limitA: phaseA.join('/') } : {}) })

/** Of amps alone the watts are what they make at the highest voltage under the node, so that they bind nobody besides. */
function askedOf({ fleet: f }: State, node: NodeNo, { limitW, limitA }: NodeLimitRequest): Result<Cap> {
  if (limitW === undefined && limitA === undefined) return invalid('bad-limit', '#/limitW', null, 'say limitW, limitA or both')
  if (limitW !== undefined && (!Number.isInteger(limitW) || limitW < 0 || limitW > MOST_W))
    return invalid('bad-limit', '#/limitW', limitW, `limitW must be whole watts from 0 to ${MOST_W}`)
  if (limitA === undefined) return done({ kind: 'cap', totalW: limitW! })
  const phaseA = [limitA.L1, limitA.L2, limitA.L3] as const
  const bad = phaseA.find(a => !Number.isFinite(a) || a < 0 || a > MOST_A)
  if (bad !== undefined) return invalid('bad-limit', '#/limitA', bad, `amps are from 0 to ${MOST_A}`)
  const voltageV = chargersUnder(f, [{ kind: 'node', node }]).reduce((v, i) => Math.max(v, f.voltageV[i]!), NOMINAL_V)
  return done({ kind: 'cap', totalW: limitW ?? Math.ceil((phaseA[0] + phaseA[1] + phaseA[2]) * voltageV), phaseA })
}
const hashOf = (raw: Uint8Array): string => createHash('sha256').update(raw).digest('hex')
const sourceOf = (by: By): GridEvent['source'] => ({ adapter: OPERATOR, peer: by.name, credential: by.name })
const noLimit = (engine: Engine, node: NodeNo) =>
  refuse('notFound', 'no-limit', `no limit stands on ${pathName(engine.registry, node)}`, 'see GET /v1/limits')
const hintOf = (why: string): string | undefined =>
  why === 'nobody'
    ? 'no charger under the node may be used: see its capacity'
    : why === 'superseded' || why === 'conflict'
      ? 'somebody changed it at the same moment: look at it again'
      : undefined

function viewOf(engine: Engine, e: EventState): NodeLimit {
  const state = engine.state()
  const node = e.event.targets[0]?.kind === 'node' ? e.event.targets[0].node : -1
  const members = chargersUnder(state.fleet, e.event.targets)
  return {
    node: { no: node, path: pathName(engine.registry, node) },
    limitW: capOf(e).totalW,
    limitA: phaseLimits(capOf(e)),
    programme: e.event.programme,
    since: isoS(e.event.intervals.at(-1)?.fromS ?? e.receivedS),
    setBy: e.event.source.peer,
    event: e.event.id,
    revision: e.event.revision,
    chargers: members.length,
    usable: members.reduce((n, i) => n + (exclusionOf(e, i) === null ? 1 : 0), 0),
    unreachableW: Math.round(e.missingW),
  }
}

const phaseLimits = ({ phaseA }: Cap): PhaseLimits | null => (phaseA ? { L1: phaseA[0], L2: phaseA[1], L3: phaseA[2] } : null)

function programmeOf(s: State, node: NodeNo, wanted: string | undefined): Result<Programme> {
  const members = chargersUnder(s.fleet, [{ kind: 'node', node }])
  const theirs = [...s.programmes.values()].filter(p => members.some(i => s.enrolments.get(p.id)?.[i] === 1))
  const found = wanted === undefined ? (theirs.length === 1 ? theirs[0] : undefined) : s.programmes.get(wanted)
  if (found) return done(found)
  const names = theirs.map(p => p.id).join(', ')
  const [message, hint] =
    theirs.length === 0
      ? ['nobody under the node has consented to a programme', 'give a programme and consent in the fleet file']
      : [`which programme? with consent under the node: ${names}`, `one of: ${names}`]
  return invalid('programme-needed', '#/programme', wanted ?? null, message, hint)
}

function eventOf(node: NodeNo, ask: Cap, p: Programme, present: EventState | undefined, by: By, nowS: Second, raw: Uint8Array): GridEvent {
  return {
    id: idOf(node),
    source: sourceOf(by),
    upstreamRef: `limit:${node}`,
    revision: present ? present.event.revision + 1 : 0,
    class: 'obligation',
    programme: p.id,
    targets: [{ kind: 'node', node }],
    intervals: [...before(present, nowS), { fromS: nowS, toS: NEVER_S, ask }],
    spread: 'programme',
    priority: 2,
    stopAtOnce: false,
    test: false,
    duties: { ack: false, started: false, completed: false, telemetryEveryS: 0 },
    liveness: null,
    basis: null,
    rawHash: hashOf(raw),
  }
}
/** What stood until now goes on at each charger until the new limit's turn comes there; without it all would be free for their random delay. */
function before(present: EventState | undefined, nowS: Second): Interval[] {
  if (!present || !isInForce(present)) return []
  const { intervals } = present.event
  const tailS = present.spread.startS
  const past = intervals.filter((x, k) => x.fromS < nowS && (k === intervals.length - 1 || x.toS + tailS > nowS))
  return past.map(x => (x.toS > nowS ? { ...x, toS: nowS } : x))
}
