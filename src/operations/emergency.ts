import { createHash } from 'node:crypto'
import type { Ask, GridEvent, Instant, NodeNo, Programme, Second } from '../core/model.ts'
import type { EventState, State } from '../core/state.ts'
import { firstS, lastS } from '../core/state.ts'
import { chargersUnder, FRESH_MS, isOnOnePath } from '../core/views.ts'
import type { Engine } from '../engine.ts'
import { type Effect, predictedEffect } from './effect.ts'
import { askOf, FLOOR_A, type LimitRequest, limitText } from './limit.ts'
import { findNode, pathName } from './names.ts'
import { type By, done, invalid, isoS, type Refusal, type Result, refuse, seconds } from './result.ts'

/** Why an operator fires an emergency: goes into the record and into what drivers are told. */
export const reasonCodes = ['thermalOverload', 'voltage', 'faultRestoration', 'esoInstruction', 'test'] as const
export type ReasonCode = (typeof reasonCodes)[number]
export const reasonTexts: Record<ReasonCode, string> = {
  thermalOverload: 'a local cable or transformer is overloaded',
  voltage: 'the local voltage is out of its limits',
  faultRestoration: 'supply is being restored after a fault',
  esoInstruction: 'the national system operator asked for it',
  test: 'a test of the emergency arrangements',
}

export type SelectRequest = {
  /** Number, path or name. */
  readonly node: string
  readonly limit: LimitRequest
  readonly durationS: number
  /** May be left out where only one programme allows emergencies. */
  readonly programme?: string | undefined
  /** The legal ground for using chargers without consent; without it they are left out. */
  readonly basis?: string | undefined
  /** Takes the whole path and commands nobody. */
  readonly test?: boolean | undefined
}
export type Conflict = {
  readonly event: string
  readonly class: string
  readonly adapter: string
  readonly from: string
  readonly until: string | null
}
/** A selected emergency: nothing is sent until it is operated, by the one who selected it, before `expiresAt`. */
export type Order = {
  readonly id: string
  readonly etag: string
  readonly state: 'selected' | 'operating' | 'operated'
  readonly selectedBy: string
  readonly expiresAtMs: Instant
  readonly node: NodeNo
  readonly nodeName: string
  readonly limit: LimitRequest
  readonly ask: Ask
  readonly durationS: number
  readonly programme: string
  readonly basis: string | null
  readonly test: boolean
  readonly effect: Effect
  readonly conflicts: readonly Conflict[]
  /** Drivers whose car is charging now and will be limited. */
  readonly driversTouched: number
  /** How load comes back: spread over this many seconds after the end. */
  readonly restoreS: number
  readonly warnings: readonly string[]
  readonly event: string | null
}
export type OperateRequest = { readonly reason: ReasonCode; readonly text?: string | undefined; readonly ifMatch: string | undefined }
export type Operated = {
  readonly order: string
  readonly event: string
  readonly usable: number
  readonly excluded: number
  readonly fromS: Second
  readonly toS: Second
}

export type Emergency = {
  select(request: SelectRequest, by: By): Promise<Result<Order>>
  operate(id: string, request: OperateRequest, by: By): Promise<Result<Operated>>
  /** Puts a selected order back, and its node with it. */
  cancel(id: string, by: By): Promise<Result<Order>>
  find(id: string): Order | undefined
  /** The reason code an event was operated with, if an operator fired it. */
  reasonOf(eventId: string): ReasonCode | undefined
}

/** How long a selection stands and its node is reserved. */
export const ORDER_MS = 30_000
const REMEMBERED_ORDERS = 1000
const REMEMBERED_MS = 86_400_000
const orderKey = (id: string) => `operator:order:${id}`
const reasonKey = (eventId: string) => `operator:reason:${eventId}`

/**
 * Select before operate (IEC 61850-7-2 SBO): a selection is checked, reserves its node with everything above and below it and tells what will
 * happen; operating it fires a signal of class emergency by the source `operator`. An emergency's start is never randomised; its end is spread
 * over the programme's window. Orders are durable before they are told: they outlive a restart, with the same etag and the same expiry, and so
 * does what became of them.
 */
export function createEmergency(engine: Engine, freshMs: number = FRESH_MS): Emergency {
  const { registry } = engine
  const orders = new Map<string, Order>(remembered(registry, engine.now()).map(o => [o.id, o]))
  const reasons = new Map<string, ReasonCode>()
  let drawn = 0

  const isLive = (o: Order) => o.state === 'operating' || (o.state === 'selected' && engine.now() < o.expiresAtMs)
  const keep = (o: Order) => {
    orders.set(o.id, o)
    for (const id of orders.keys()) {
      if (orders.size <= REMEMBERED_ORDERS) break
      if (isLive(orders.get(id)!)) break
      orders.delete(id)
      void registry.set(orderKey(id), null)
    }
    return o
  }
  /** In memory at once, durable when it resolves. */
  const store = (o: Order): Promise<void> => {
    orders.set(o.id, o)
    return registry.set(orderKey(o.id), JSON.stringify(o))
  }
  function lockedBy(node: NodeNo): Order | undefined {
    for (const o of orders.values()) if (isLive(o) && isOnOnePath(engine.state().fleet, o.node, node)) return o
    return undefined
  }

  async function select(request: SelectRequest, by: By): Promise<Result<Order>> {
    const state = engine.state()
    const found = findNode(engine.registry, request.node)
    if (!found.ok) return found
    if (found.value >= state.fleet.nodes) return refuse('notFound', 'node-not-found', 'the node is not in the fleet yet')
    const programme = programmeOf(state, request.programme)
    if (!programme.ok) return programme
    const wrong = limitFault(request.limit) ?? durationFault(request.durationS, programme.value)
    if (wrong) return wrong
    const other = lockedBy(found.value)
    if (other) {
      const message = `${other.nodeName} is selected by ${other.selectedBy} until ${isoS(other.expiresAtMs / 1000)}`
      return refuse('locked', 'node-locked', message, 'wait for it to expire or to be operated')
    }
    const order = keep(orderOf(state, request, found.value, programme.value, by))
    try {
      await Promise.all([store(order), engine.bridge.note('emergencySelected', { ...about(order), by: by.name })])
    } catch (error) {
      orders.delete(order.id)
      void registry.set(orderKey(order.id), null).catch(() => undefined)
      throw error
    }
    return done(order)
  }

  function orderOf(state: State, request: SelectRequest, node: NodeNo, programme: Programme, by: By): Order {
    const nowMs = engine.now()
    const ask = askOf(request.limit)
    const targets = [{ kind: 'node', node } as const]
    const basis = request.basis?.trim() || null
    const effect = predictedEffect(state, { targets, ask, programme, basis: basis !== null }, engine.meters.latest(), nowMs, freshMs)
    const content = JSON.stringify([nowMs, drawn++, by.name, node, request, effect])
    const digest = createHash('sha256').update(content).digest('hex')
    return {
      id: `ord-${digest.slice(0, 16)}`,
      etag: `"${digest.slice(16, 48)}"`,
      state: 'selected',
      selectedBy: by.name,
      expiresAtMs: nowMs + ORDER_MS,
      node,
      nodeName: pathName(engine.registry, node),
      limit: request.limit,
      ask,
      durationS: request.durationS,
      programme: programme.id,
      basis,
      test: request.test ?? false,
      effect,
      conflicts: conflictsOf(state, node, seconds(nowMs), seconds(nowMs) + request.durationS),
      driversTouched: effect.drawing,
      restoreS: programme.endSpreadS,
      warnings: warningsOf(request, effect),
      event: null,
    }
  }

  /** As it stands: one that was operated just before a crash may not know it, and once its time is over it is for the record to say. */
  function find(id: string): Order | undefined {
    const order = orders.get(id)
    if (order?.state !== 'selected' || engine.now() < order.expiresAtMs || !engine.bridge.event(eventIdOf(order))) return order
    return keep({ ...order, state: 'operated', event: eventIdOf(order) })
  }

  /** The order, if `by` may act on it now. */
  function live(id: string, by: By): Result<Order> {
    const order = find(id)
    if (!order) return refuse('notFound', 'order-not-found', `no dispatch order ${id}`, 'select again')
    if (order.selectedBy !== by.name) return refuse('forbidden', 'order-of-another', `the order was selected by ${order.selectedBy}`)
    if (order.state !== 'selected')
      return refuse(
        'conflict',
        `order-${order.state}`,
        `the order is ${order.state} already`,
        order.event ? `see event ${order.event}` : undefined,
      )
    if (engine.now() >= order.expiresAtMs)
      return refuse('gone', 'order-expired', `the order expired at ${isoS(order.expiresAtMs / 1000)}`, 'select again')
    return done(order)
  }

  async function operate(id: string, request: OperateRequest, by: By): Promise<Result<Operated>> {
    const found = live(id, by)
    if (!found.ok) return found
    const order = found.value
    if (request.ifMatch === undefined)
      return refuse('preconditionRequired', 'if-match-required', 'operating needs If-Match with the etag of the order')
    if (request.ifMatch !== order.etag)
      return refuse('preconditionFailed', 'etag-mismatch', 'the order is not the one that was shown', 'select again')
    const raw = new TextEncoder().encode(JSON.stringify({ order, reason: request.reason, text: request.text ?? '', by: by.name }))
    const event = repeated(eventOf(order, engine.now(), raw))
    orders.set(id, { ...order, state: 'operating' })
    reasons.set(event.id, request.reason)
    try {
      // The signal goes first: the note must not delay it.
      const judging = engine.bridge.submit(event, raw)
      const noting = engine.bridge.note('emergencyOperated', { ...about(order), by: by.name, reason: request.reason, event: event.id }, raw)
      const [judgement] = await Promise.all([judging, noting, engine.registry.set(reasonKey(event.id), request.reason)])
      if (judgement.kind === 'declined') {
        orders.set(id, order)
        return refuse('conflict', 'emergency-declined', `the emergency was declined: ${judgement.why}`, declineHint(judgement.why))
      }
      // Nobody waits for this: the event is on record, and the order finds it again by its id.
      void store({ ...order, state: 'operated', event: event.id }).catch(() => undefined)
      const { fromS, toS } = event.intervals[0]!
      return done({ order: id, event: event.id, usable: judgement.usable, excluded: judgement.excluded, fromS, toS })
    } catch (error) {
      // It may have worked: the same order gives the same event id, so operating it again is harmless.
      orders.set(id, order)
      throw error
    }
  }

  /** Operated before, and its answer was lost: the same signal again, for the time that it was given then. */
  function repeated(event: GridEvent): GridEvent {
    const { events, eventNoById } = engine.state()
    const known = events.get(eventNoById.get(event.id) ?? -1)
    return known ? { ...event, intervals: known.event.intervals } : event
  }

  async function cancel(id: string, by: By): Promise<Result<Order>> {
    const found = live(id, by)
    if (!found.ok) return found
    const event = eventIdOf(found.value)
    // Operated, and the answer was lost: whoever put it back would believe that nothing was sent.
    if (engine.bridge.event(event))
      return refuse('conflict', 'order-operated', 'the order is operated already', `see event ${event}, or cancel that`)
    orders.delete(id)
    await registry.set(orderKey(id), null)
    await engine.bridge.note('emergencyPutBack', { ...about(found.value), by: by.name })
    return found
  }

  return {
    select,
    operate,
    cancel,
    find,
    reasonOf(eventId) {
      const reason = reasons.get(eventId) ?? engine.registry.get(reasonKey(eventId))
      return reasonCodes.find(code => code === reason)
    },
  }

  function conflictsOf(state: State, node: NodeNo, fromS: Second, toS: Second): Conflict[] {
    const mine = new Set(chargersUnder(state.fleet, [{ kind: 'node', node }]))
    const overlaps = (e: EventState) => {
      if (e.status !== 'accepted' || e.event.intervals.length === 0 || firstS(e) >= toS || lastS(e) <= fromS) return false
      return chargersUnder(state.fleet, e.event.targets).some(c => mine.has(c))
    }
    return [...state.events.values()].filter(overlaps).map(e => ({
      event: e.event.id,
      class: e.event.class,
      adapter: e.event.source.adapter,
      from: isoS(firstS(e)),
      until: lastS(e) >= 0xffffffff ? null : isoS(lastS(e)),
    }))
  }
}

/** Orders of a former life of the process, and what of them is of no use to anybody is dropped. */
function remembered(registry: Engine['registry'], nowMs: Instant): Order[] {
  const found = [...registry.keys(orderKey(''))].flatMap(key => {
    const order = orderIn(registry.get(key))
    if (order && nowMs < order.expiresAtMs + REMEMBERED_MS) return [order]
    void registry.set(key, null).catch(() => undefined)
    return []
  })
  return found.sort((a, b) => a.expiresAtMs - b.expiresAtMs)
}
function orderIn(text: string | undefined): Order | undefined {
  try {
    return text === undefined ? undefined : (JSON.parse(text) as Order)
  } catch {
    return undefined
  }
}

const about = (o: Order) => ({
  order: o.id,
  node: o.node,
  limit: limitText(o.limit),
  durationS: o.durationS,
  programme: o.programme,
  basis: o.basis,
  test: o.test,
  commanded: o.effect.commanded,
  cutW: Math.round(o.effect.cutW),
})

const eventIdOf = (order: Order): string => `operator:${order.selectedBy}:${order.id}`

/** Pure. The same order gives the same id, so that a repeated operate is a repeated signal. */
export function eventOf(order: Order, nowMs: Instant, raw: Uint8Array): GridEvent {
  const fromS = seconds(nowMs)
  return {
    id: eventIdOf(order),
    source: { adapter: 'operator', peer: order.selectedBy, credential: order.selectedBy },
    upstreamRef: order.id,
    revision: 0,
    class: 'emergency',
    programme: order.programme,
    targets: [{ kind: 'node', node: order.node }],
    intervals: [{ fromS, toS: fromS + order.durationS, ask: order.ask }],
    spread: { startS: 0, endS: order.restoreS, startShiftS: 0, endShiftS: 0, endFollowsStart: false },
    priority: 0,
    stopAtOnce: false,
    test: order.test,
    duties: { ack: false, started: false, completed: false, telemetryEveryS: 0 },
    liveness: null,
    basis: order.basis,
    rawHash: createHash('sha256').update(raw).digest('hex'),
  }
}

function programmeOf(state: State, wanted: string | undefined): Result<Programme> {
  const allowed = [...state.programmes.values()].filter(p => p.emergencyAllowed)
  const names = allowed.map(p => p.id).join(', ') || 'none'
  if (wanted === undefined) {
    if (allowed.length === 1) return done(allowed[0]!)
    return invalid('programme-needed', '#/programme', null, `which programme? ${allowed.length} allow emergencies`, `one of: ${names}`)
  }
  const programme = state.programmes.get(wanted)
  if (!programme)
    return invalid(
      'unknown-programme',
      '#/programme',
      wanted,
      `no programme ${JSON.stringify(wanted)}`,
      `those that allow emergencies: ${names}`,
    )
  if (!programme.emergencyAllowed)
    return invalid(
      'emergency-not-allowed',
      '#/programme',
      wanted,
      `programme ${wanted} does not allow emergencies`,
      `those that do: ${names}`,
    )
  return done(programme)
}

function limitFault(limit: LimitRequest): { ok: false; refusal: Refusal } | undefined {
  if ('to' in limit) return undefined
  const [unit, value] = Object.entries(limit)[0] as [string, number]
  const most = unit === 'percent' ? 100 : unit === 'amps' ? 1000 : 1e12
  if (Number.isFinite(value) && value >= 0 && value <= most) return undefined
  return invalid('bad-limit', `#/limit/${unit}`, value, `${unit} must be from 0 to ${most}`)
}
function durationFault(durationS: number, programme: Programme): { ok: false; refusal: Refusal } | undefined {
  if (Number.isInteger(durationS) && durationS >= 1 && durationS <= programme.maxDurationS) return undefined
  const message = `must be whole seconds from 1 to ${programme.maxDurationS}, the longest that programme ${programme.id} allows`
  return invalid('bad-duration', '#/durationS', durationS, message)
}
function warningsOf(request: SelectRequest, effect: Effect): string[] {
  const out: string[] = []
  if ('amps' in request.limit && request.limit.amps > 0 && request.limit.amps < FLOOR_A)
    out.push(`nothing lies between 0 A and ${FLOOR_A} A: chargers will be paused`)
  if (effect.commanded === 0) out.push('nobody would be commanded')
  if (effect.unreachableW > 0) out.push(`${Math.round(effect.unreachableW)} W of it cannot be met by what is metered now`)
  if (effect.unknown > 0) out.push(`${effect.unknown} chargers have no fresh reading: they are commanded, their effect is not counted`)
  if (effect.late > 0)
    out.push(`${effect.late} chargers may follow up to ${effect.lateS} s late: their boxes have a random delay of their own`)
  if (effect.withoutConsent > 0) out.push(`${effect.withoutConsent} chargers without consent are used on the ground: ${request.basis}`)
  return out
}
const declineHint = (why: string): string | undefined =>
  why === 'nobody' ? 'no charger under the node may be used: see its capacity' : why === 'duration' ? 'ask for less time' : undefined
