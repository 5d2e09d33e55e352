import { isUtf8 } from 'node:buffer'
import type { Ask, EventClass, GridEvent, HashHex, Instant, Interval, NodeNo, Second, Spread, Target } from '../../../src/core/model.ts'
import { NEVER_S } from '../../../src/core/model.ts'
import type { Registry } from '../../../src/ports.ts'
import { type DispatchMessage, messageSchema, type StartMessage } from './message.ts'
import type { Peer } from './options.ts'
import { type DispatchError, failure, invalid } from './problem.ts'

/** Everything besides the bytes that the meaning of a dispatch depends on. */
export type ParseContext = {
  readonly peer: Pick<
    Peer,
    | 'name'
    | 'programme'
    | 'otherProgrammes'
    | 'defaultClass'
    | 'emergency'
    | 'within'
    | 'restoreWindowS'
    | 'heartbeatS'
    | 'failsafeW'
    | 'failsafeS'
    | 'telemetryEveryS'
    | 'callback'
  >
  readonly credential: string
  readonly rawHash: HashHex
  /** When it was received; `now` on the wire means this, in whole seconds. */
  readonly nowMs: Instant
  readonly resolve: Registry['resolve']
  readonly node: Registry['node']
  readonly station: (charger: number) => NodeNo | undefined
  /** The last revision of this id that was taken, for a stop. */
  readonly previous: GridEvent | undefined
}
export type Read<T> = { readonly ok: T } | { readonly error: DispatchError }

export const maxDepth = 16

/** The bytes of a request as JSON: UTF-8 only, no nesting beyond `maxDepth`, checked before anything is parsed. */
export function readJson(raw: Buffer): Read<unknown> {
  if (!isUtf8(raw)) return { error: failure('not-utf8', 'the body has bytes that are not UTF-8') }
  if (isTooDeep(raw)) return { error: failure('too-deep', `at most ${maxDepth} levels`) }
  try {
    return { ok: JSON.parse(raw.toString('utf8')) }
  } catch (error) {
    return { error: failure('not-json', (error as Error).message.slice(0, 200)) }
  }
}

/** Counts brackets outside strings; in UTF-8 no other character contains these bytes. */
function isTooDeep(raw: Buffer): boolean {
  let [depth, inString] = [0, false]
  for (let i = 0; i < raw.length; i++) {
    const byte = raw[i]
    if (byte === 0x22) inString = !inString
    else if (inString) i += byte === 0x5c ? 1 : 0
    else if (byte === 0x5b || byte === 0x7b) {
      if (++depth > maxDepth) return true
    } else if (byte === 0x5d || byte === 0x7d) depth--
  }
  return false
}

export function readMessage(raw: Buffer): Read<DispatchMessage> {
  const body = readJson(raw)
  if ('error' in body) return body
  const read = messageSchema.safeParse(body.ok)
  return read.success ? { ok: read.data } : { error: invalid(body.ok, read.error.issues) }
}

/** Bytes to event in one step; pure. */
export function parse(raw: Buffer, ctx: ParseContext): Read<{ readonly message: DispatchMessage; readonly event: GridEvent }> {
  const message = readMessage(raw)
  if ('error' in message) return message
  const event = toEvent(message.ok, ctx)
  return 'error' in event ? event : { ok: { message: message.ok, event: event.ok } }
}

export const eventId = (peer: string, id: string): string => `webhook:${peer}:${id}`

export function toEvent(message: DispatchMessage, ctx: ParseContext): Read<GridEvent> {
  return message.kind === 'stop' ? toStop(message, ctx) : toStart(message, ctx)
}

/** A stop keeps everything of the dispatch it ends, so that its restore follows the same rules, and has no intervals. */
function toStop(message: Extract<DispatchMessage, { kind: 'stop' }>, ctx: ParseContext): Read<GridEvent> {
  if (ctx.previous === undefined)
    return {
      error: failure('nothing-to-stop', `no dispatch "${message.id}" was taken from this peer`, { pointer: '/id', value: message.id }),
    }
  return {
    ok: {
      ...ctx.previous,
      source: sourceOf(ctx),
      revision: message.version,
      intervals: [],
      stopAtOnce: message.stop.immediate,
      rawHash: ctx.rawHash,
    },
  }
}

function toStart(message: StartMessage, ctx: ParseContext): Read<GridEvent> {
  const eventClass: EventClass = message.class ?? ctx.peer.defaultClass
  const programme = message.programme ?? ctx.peer.programme
  const denied = denial(message, eventClass, programme, ctx)
  if (denied !== undefined) return { error: denied }
  const interval = intervalOf(message, eventClass, ctx)
  if ('error' in interval) return interval
  const targets = targetsOf(message, ctx)
  if ('error' in targets) return targets
  const { heartbeatS, failsafeW, failsafeS, telemetryEveryS, callback } = ctx.peer
  const told = callback !== undefined
  return {
    ok: {
      id: eventId(ctx.peer.name, message.id),
      source: sourceOf(ctx),
      upstreamRef: message.id,
      revision: message.version,
      class: eventClass,
      programme,
      targets: targets.ok,
      intervals: [interval.ok],
      spread: spreadOf(message, eventClass, ctx.peer.restoreWindowS),
      ...(message.randomise?.mode === 'forbidden' ? { exemption: message.randomise.basis } : {}),
      priority: message.priority ?? (eventClass === 'emergency' ? 0 : 10),
      stopAtOnce: false,
      test: message.test ?? false,
      duties: { ack: told, started: told, completed: told, telemetryEveryS: told ? telemetryEveryS : 0 },
      liveness: heartbeatS === undefined ? null : { heartbeatS, failsafeW, ...(failsafeS !== undefined && { failsafeS }) },
      basis: basisOf(message, eventClass, ctx.peer),
      rawHash: ctx.rawHash,
    },
  }
}

const sourceOf = (ctx: ParseContext): GridEvent['source'] => ({ adapter: 'webhook', peer: ctx.peer.name, credential: ctx.credential })

function denial(message: StartMessage, eventClass: EventClass, programme: string, ctx: ParseContext): DispatchError | undefined {
  if (eventClass === 'emergency' && ctx.peer.emergency === undefined)
    return failure('class-not-allowed', `peer "${ctx.peer.name}" has no configured ground for emergencies`, {
      pointer: '/class',
      value: eventClass,
    })
  if (programme !== ctx.peer.programme && !ctx.peer.otherProgrammes.includes(programme))
    return failure('programme-not-allowed', `"${programme}" is not a programme of this peer`, {
      pointer: '/programme',
      value: message.programme,
    })
  return undefined
}

/** The reason's code travels with the ground, because an emergency is reported with both. */
function basisOf(message: StartMessage, eventClass: EventClass, peer: ParseContext['peer']): string | null {
  if (eventClass !== 'emergency' || message.kind !== 'limit') return null
  return `${message.basis ?? peer.emergency?.basis ?? ''} (${message.reason?.code ?? ''})`
}

/**
 * An emergency's start is never spread, whatever the message or programme says; its end is, because a feeder that was in trouble is not helped by
 * all of its load in one step. For the others `forbidden` is passed on with its ground.
 */
function spreadOf(message: StartMessage, eventClass: EventClass, restoreWindowS: number): GridEvent['spread'] {
  const randomise = message.randomise
  const spread = (startS: number, endS: number): Spread => ({ startS, endS, startShiftS: 0, endShiftS: 0, endFollowsStart: false })
  if (eventClass === 'emergency') return spread(0, (randomise?.mode === 'window' ? randomise.restoreWindowS : undefined) ?? restoreWindowS)
  if (randomise === undefined || randomise.mode === 'programme') return 'programme'
  if (randomise.mode === 'forbidden') return { forbidden: randomise.basis }
  return spread(randomise.windowS, randomise.restoreWindowS ?? randomise.windowS)
}

/**
 * Whole seconds outwards: a limit that protects a network begins no later and ends no earlier than it says. What has begun when it comes in begins
 * then, and at the same second in its updates: a random delay counted from a past start would let everybody whose delay is over step at once.
 */
function intervalOf(message: StartMessage, eventClass: EventClass, ctx: ParseContext): Read<Interval> {
  const nowS = Math.floor(ctx.nowMs / 1000)
  const saidS = message.from === undefined || message.from === 'now' ? nowS : Math.floor(Date.parse(message.from) / 1000)
  const begunS = ctx.previous?.intervals[0]?.fromS ?? nowS
  const fromS = saidS >= nowS || eventClass === 'emergency' ? saidS : begunS <= nowS ? Math.max(saidS, begunS) : nowS
  const toS = endOf(message, saidS)
  for (const [pointer, atS, value] of [
    ['/from', saidS, message.from],
    ['/until', toS === NEVER_S ? nowS : toS, message.until],
  ] as const)
    if (Math.abs(atS - nowS) > farS) return { error: failure('invalid', `${pointer}: more than two years from now`, { pointer, value }) }
  if (toS <= saidS || toS <= nowS) {
    const pointer = message.until === undefined ? '/durationS' : '/until'
    const detail = toS <= saidS ? 'it ends before it begins' : 'its end has passed'
    return { error: failure('already-over', detail, { pointer, value: message.until ?? message.durationS }) }
  }
  return { ok: { fromS, toS, ask: message.kind === 'limit' ? limitOf(message.limit) : { kind: 'shed', totalW: up(totalW(message.shed)) } } }
}
/** Beyond this an instant is a slip of the pen; it also keeps instants within 32 bits. */
const farS = 2 * 366 * 86_400
function endOf(message: StartMessage, fromS: Second): Second {
  if (message.until === 'stopped') return NEVER_S
  return message.until === undefined ? fromS + (message.durationS ?? 0) : Math.ceil(Date.parse(message.until) / 1000)
}

type Total = { totalW?: number | undefined; totalKw?: number | undefined }
const totalW = (total: Total): number => total.totalW ?? (total.totalKw ?? 0) * 1000
/** Whole watts on the safe side; the millionth keeps 1.005 kW from becoming 1,004 W in binary. */
const down = (w: number): number => Math.floor(w + 1e-6)
const up = (w: number): number => Math.ceil(w - 1e-6)

/** A total is a ceiling on the sum (`cap`), zero included: load that cannot be commanded counts against it. 0 for each charger is `off`. */
function limitOf(limit: Extract<StartMessage, { kind: 'limit' }>['limit']): Ask {
  const each = limit.perCharger
  if (each === undefined) return { kind: 'cap', totalW: down(totalW(limit)) }
  if (each.a === 0 || each.w === 0 || each.share === 0) return { kind: 'off' }
  if (each.a !== undefined) return { kind: 'limitEach', limitA: each.a }
  return each.w === undefined ? { kind: 'keep', fraction: each.share! } : { kind: 'limitEach', limitW: down(each.w) }
}

function targetsOf(message: StartMessage, ctx: ParseContext): Read<readonly Target[]> {
  const found = message.target.map(({ scheme, value }) => ctx.resolve(scheme, value))
  const fault = (code: 'unknown-target' | 'target-not-allowed', wrong: readonly number[], detail: string) => {
    const errors = wrong.slice(0, 20).map(i => ({ pointer: `/target/${i}`, detail, value: message.target[i] }))
    return { error: failure(code, `${wrong.length} of ${found.length} targets: ${detail}`, { ...errors[0], detail, errors }) }
  }
  const unknown = found.flatMap((targets, i) => (targets === undefined || targets.length === 0 ? [i] : []))
  if (unknown.length > 0) return fault('unknown-target', unknown, 'not known here')
  const inside = scopeOf(ctx)
  const outside = found.flatMap((targets, i) => (targets!.every(inside) ? [] : [i]))
  if (outside.length > 0) return fault('target-not-allowed', outside, 'outside what this peer may command')
  return { ok: [...new Map(found.flat().map(target => [JSON.stringify(target), target!])).values()] }
}

/** Is a target, or a node above it, among those the peer may command? A configured name that no longer resolves permits nothing. */
function scopeOf(ctx: ParseContext): (target: Target | undefined) => boolean {
  if (ctx.peer.within === undefined) return () => true
  const allowed = ctx.peer.within.flatMap(({ scheme, value }) => ctx.resolve(scheme, value) ?? [])
  const nodes = new Set(allowed.flatMap(target => (target.kind === 'node' ? [target.node] : [])))
  const chargers = new Set(allowed.flatMap(target => (target.kind === 'charger' ? [target.charger] : [])))
  return target => {
    if (target?.kind === 'charger' && chargers.has(target.charger)) return true
    let node: NodeNo | undefined = target?.kind === 'charger' ? ctx.station(target.charger) : target?.node
    while (node !== undefined && node !== -1) {
      if (nodes.has(node)) return true
      node = ctx.node(node)?.parent
    }
    return false
  }
}
