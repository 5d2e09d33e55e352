/**
 * Chargers over OCPP 1.6J and 2.0.1: one listening socket for both. `ocppLink(options)` is a ChargerLink; see docs/guides/connect-a-charger.md.
 */
import type { ChargerNo, NodeNo } from '../../src/core/model.ts'
import type { Capabilities, ChargerLink, ChargerSink } from '../../src/ports.ts'
import { type Authorize, type Central, type Note, type OverrideRules, readingBatches, type Settings, wentUp } from './central.ts'
import { accepted, type Dialect } from './dialect.ts'
import { createDispatch } from './dispatch.ts'
import { ceilingW, unread } from './foreign.ts'
import { type KeyRule, ruleFor } from './ladder.ts'
import { createLimitKeys } from './limitKey.ts'
import { ocpp16 } from './ocpp16/outbound.ts'
import { ocpp201 } from './ocpp201/outbound.ts'
import type { Payload, Protocol, Reply } from './ocppj/frames.ts'
import type { TlsOptions } from './ocppj/gate.ts'
import { isKnown } from './ocppj/schemas.ts'
import {
  type Answer,
  type Counters,
  createTransport,
  type Job,
  type Peer,
  priority,
  realTimers,
  type Timers,
  type Transport,
} from './ocppj/transport.ts'
import { type DelayRule, settleOwnDelay } from './ownDelay.ts'
import { createReleased } from './released.ts'
import { createSpots } from './spots.ts'
import { linkOf, refreshRungs, renew, type StationLink } from './station.ts'

export { checkPassword, hashPassword } from './ocppj/passwords.ts'

export type OcppOptions = {
  /** 0: any free one; `port()` tells. */
  readonly port: number
  /** Default 127.0.0.1. */
  readonly host?: string
  /** PEM. With `ca`, client certificates are asked for (security profile 3). */
  readonly tls?: TlsOptions
  /** TLS ends at the operator's own proxy: counts as TLS for security profile 2. */
  readonly behindTlsProxy?: boolean
  /** Lets stations with security profile 0 in. Default false. */
  readonly allowInsecure?: boolean
  /** Default 20,000. */
  readonly callTimeoutMs?: number
  /** Default 300, spread by a tenth either way. */
  readonly heartbeatS?: number
  /** Sampling interval asked of the boxes. Default 30; 0 leaves their configuration alone. */
  readonly sampleS?: number
  /** Clock-aligned interval asked of the boxes. Default 0: leave it alone. */
  readonly alignedS?: number
  /** `known` (default): tokens in `tokens` and in the registry under `ocpp.token:<id>`. */
  readonly authorize?: Authorize
  /** The policy for one charger where it differs, e.g. by programme; undefined: `authorize`. */
  readonly authorizeFor?: (charger: ChargerNo) => Authorize | undefined
  readonly tokens?: readonly string[]
  /** Is a charger in a programme now? A box that was released stays released until one of its chargers is. Default: for ever. */
  readonly isEnrolled?: (charger: ChargerNo) => boolean
  readonly override?: Partial<OverrideRules>
  /** Makers' keys as the last rung of the ladder; the first that fits a model. None by default: see `limitKey.ts` for the danger. */
  readonly vendorKeys?: readonly KeyRule[]
  /** Keys of a box's own random delay; the first that fits a model. None by default: what a box is imported with stands. */
  readonly randomDelayKeys?: readonly DelayRule[]
  /** Models (as `vendor model|firmware`) that stamp sampled averages with the start of their interval. */
  readonly stampsStart?: (model: string) => boolean
  /** WebSocket ping interval. Default 45. */
  readonly pingS?: number
  /** New connections a second, twice that in a burst; more get 503 with a jittered Retry-After. Default 1,000. */
  readonly acceptPerS?: number
  /** Messages a second of one socket, ten times that in a burst; more are read later. Default 50. */
  readonly messagesPerS?: number
  /** Ask boxes at registration what they can do. Default true. */
  readonly discover?: boolean
  readonly timers?: Timers
}
export type OcppLink = ChargerLink & { port(): number; counters(): Readonly<Counters> }

const dialects: Record<Protocol, Dialect> = { 'ocpp1.6': ocpp16, 'ocpp2.0.1': ocpp201 }
const discoveriesAtOnce = 200
const registerWithinMs = 10_000
const notesPerStation = 64

const sameCapabilities = (a: Capabilities, b: Capabilities): boolean => JSON.stringify(a) === JSON.stringify(b)

/** One transport and one engine's stations. `start` rejects when it cannot listen. */
export const ocppLink = (options: OcppOptions): OcppLink => {
  const timers = options.timers ?? realTimers
  const settings: Settings = {
    heartbeatS: options.heartbeatS ?? 300,
    sampleS: options.sampleS || 30,
    alignedS: options.alignedS ?? 0,
    authorizeOf: charger => options.authorizeFor?.(charger) ?? options.authorize ?? 'known',
    tokens: new Set(options.tokens ?? []),
    override: { limitSources: options.override?.limitSources ?? [], dataTransfer: options.override?.dataTransfer ?? [] },
    stampsStart: options.stampsStart ?? (() => false),
  }
  const links = new Map<NodeNo, StationLink>()
  const unregistered = new Set<StationLink>()
  let running: ReturnType<typeof assemble> | undefined

  const assemble = (sink: ChargerSink) => {
    const { registry } = sink
    const batches = readingBatches(readings => sink.readings(readings))

    const ruleOf = (model: string): KeyRule | undefined => ruleFor(options.vendorKeys ?? [], model)
    const linkAt = (no: NodeNo): StationLink | undefined => links.get(no)
    const dialectOf = (link: StationLink): Dialect => dialects[link.peer?.protocol ?? 'ocpp1.6']

    // --- transaction ids: a block is reserved durably before any of it is used ---
    const blockKey = 'ocpp.txNext'
    const block = 1000
    let nextTx = Number(registry.get(blockKey) ?? 1)
    let reserved = nextTx
    const reserve = async (): Promise<void> => {
      reserved += block
      await registry.set(blockKey, String(reserved))
    }

    // --- discovery, so many at once ---
    const waiting: StationLink[] = []
    let discovering = 0
    const discover = (link: StationLink): void => {
      if (options.discover === false || link.discovery !== 'none') {
        // A mere reconnect, or nothing is asked of boxes: what is left to undo on one that was let go is undone all the same.
        if (link.discovery === 'none' || link.discovery === 'done') void released.keepsOff(link.no)
        return
      }
      link.discovery = 'waiting'
      waiting.push(link)
      setImmediate(nextDiscovery)
    }
    const nextDiscovery = (): void => {
      while (discovering < discoveriesAtOnce) {
        const link = waiting.shift()
        if (link === undefined) return
        if (!link.up) {
          link.discovery = 'none'
          continue
        }
        discovering++
        link.discovery = 'running'
        discovery(link).finally(() => {
          discovering--
          if (link.discovery === 'running') link.discovery = link.up ? 'done' : 'none'
          nextDiscovery()
        })
      }
    }
    const discovery = async (link: StationLink): Promise<void> => {
      const dialect = dialectOf(link)
      const before = link.capabilities
      await dialect.readCapabilities(central, link)
      // a maker's boxes fail together, unless the operator knows better what does
      if (link.station.capabilities.group === undefined && link.maker !== '')
        link.capabilities = { ...link.capabilities, group: link.maker }
      if (!sameCapabilities(before, link.capabilities)) {
        refreshRungs(registry, link)
        sink.capabilities(link.no, link.capabilities)
      }
      await dispatch.learnForeign(link)
      if (await released.keepsOff(link.no)) return
      const delayRule = ruleFor(options.randomDelayKeys ?? [], link.model)
      if (delayRule !== undefined && (await settleOwnDelay(central, link, dialect, delayRule)))
        sink.capabilities(link.no, link.capabilities)
      if (options.sampleS === 0) return void (await released.keepsOff(link.no))
      await dialect.setSampling(central, link)
      // It was let go meanwhile: what has just been set goes back too.
      await released.keepsOff(link.no)
    }

    const call = (
      link: StationLink,
      action: string,
      payload: Payload,
      level: number,
      expiresMs = Number.POSITIVE_INFINITY,
    ): Promise<Answer> =>
      new Promise(resolve => {
        if (link.peer === null) return resolve({ kind: 'offline', sent: false })
        const job: Job<(answer: Answer) => void> = {
          action,
          payload,
          priority: level,
          expiresMs,
          done: settle,
          late: null,
          context: resolve,
        }
        transport.call(link.peer, job as Job)
      })
    const settle = (job: Job<(answer: Answer) => void>, answer: Answer): void => job.context(answer)

    const central: Central = {
      sink,
      settings,
      nowMs: () => timers.now(),
      call,
      note(link, what, about: Note) {
        const key = what + JSON.stringify(about)
        link.noted ??= new Set()
        if (link.noted.has(key) || link.noted.size >= notesPerStation) return
        link.noted.add(key)
        sink.note(what, about)
      },
      push: batches.push,
      discover,
      nextTransactionId() {
        if (reserved - nextTx < block / 4) reserve().catch(() => undefined)
        return nextTx++
      },
    }

    const inbound = (peer: Peer<StationLink>, action: string, payload: Payload): Reply => {
      const link = peer.owner
      const handler = dialects[peer.protocol].inbound[action]
      if (handler === undefined)
        return { fault: isKnown(peer.protocol, action) ? 'NotSupported' : 'NotImplemented', why: action.slice(0, 60) }
      try {
        const reply = handler(central, link, payload)
        if (link.accepted) unregistered.delete(link)
        return reply
      } catch (error) {
        // A handler reads defensively; what still surprises it must not cost the connection.
        central.note(link, 'handler', { station: link.no, action, why: String(error).slice(0, 200) })
        return { fault: 'InternalError', why: '' }
      }
    }

    let oddities = 0
    const transport: Transport<StationLink> = createTransport<StationLink>(
      {
        port: options.port,
        host: options.host ?? '127.0.0.1',
        tls: options.tls ?? null,
        behindTlsProxy: options.behindTlsProxy ?? false,
        allowInsecure: options.allowInsecure ?? false,
        callTimeoutMs: options.callTimeoutMs ?? 20_000,
        pingS: options.pingS ?? 45,
        acceptPerS: options.acceptPerS ?? 1_000,
        messagesPerS: options.messagesPerS ?? 50,
        timers,
      },
      {
        identify(identity) {
          const station = registry.stationByIdentity(identity)
          if (station === undefined) return undefined
          let link = links.get(station.no)
          if (link === undefined) links.set(station.no, (link = linkOf(station, registry, ruleOf)))
          else renew(link, station, registry)
          return { owner: link, auth: station.auth }
        },
        opened(peer) {
          const link = peer.owner
          link.peer = peer
          link.openedMs = timers.now()
          if (link.accepted) wentUp(central, link)
          else unregistered.add(link)
        },
        closed(peer) {
          const link = peer.owner
          link.met = true
          unregistered.delete(link)
          if (link.reports !== null) for (const report of link.reports.values()) report.done(false)
          if (!link.up) return
          link.up = false
          sink.link(link.no, false)
        },
        inbound,
        odd(peer, what, detail) {
          if (peer !== null) return central.note(peer.owner, 'ocpp', { station: peer.owner.no, what, detail: detail.slice(0, 200) })
          // Strangers must not fill the record: the first few between two ticks of a minute.
          if (oddities++ < 10) sink.note('ocpp', { what, detail: detail.slice(0, 200) })
        },
        tick(nowMs) {
          if (nowMs - oddSinceMs > 60_000) {
            oddSinceMs = nowMs
            oddities = 0
          }
          dispatch.clearLapsed(Math.floor(nowMs / 1000))
          limitKeys.tick(Math.floor(nowMs / 1000))
          spots.tick(nowMs)
          released.tick(no => {
            const link = links.get(no)
            if (link?.up !== true) return
            link.discovery = 'none'
            discover(link)
          })
          for (const link of unregistered) if (nowMs - link.openedMs > registerWithinMs) void askToRegister(link)
        },
      },
    )
    let oddSinceMs = timers.now()

    /** Connected and known, but silent about itself: asked, and taken as it is if it cannot be asked. */
    const askToRegister = async (link: StationLink): Promise<void> => {
      unregistered.delete(link)
      const answer = await call(link, 'TriggerMessage', { requestedMessage: 'BootNotification' }, priority.config)
      if (link.accepted || link.peer?.socket == null || accepted(answer)) return
      link.accepted = true
      wentUp(central, link)
    }

    const limitKeys = createLimitKeys({ central, dialectOf, linkOf: linkAt })
    const released = createReleased({
      central,
      limitKeys,
      dialectOf,
      linkOf: linkAt,
      clearAll: link => dispatch.clearAll(link),
      isEnrolled: no => registry.station(no)?.evses.some(evse => options.isEnrolled?.(evse.charger) ?? false) ?? false,
    })
    const spots = createSpots({ nowMs: () => timers.now(), dialectOf, call })
    const dispatch = createDispatch({
      central,
      limitKeys,
      linkOf: linkAt,
      dialectOf,
      call: (link, job) => (link.peer === null ? job.done(job, { kind: 'offline', sent: false }) : transport.call(link.peer, job as Job)),
      isQuiet: ({ peer }) => peer !== null && peer.socket !== null && peer.job === null && peer.queue === null,
      withdraw: (link, job) => link.peer !== null && transport.withdraw(link.peer, job as Job),
    })

    const linkWith = (charger: ChargerNo): StationLink | undefined => {
      const found = registry.charger(charger)
      return found === undefined ? undefined : links.get(found.station.no)
    }
    return { sink, transport, dispatch, batches, call, dialectOf, linkWith, reserve, central, limitKeys, spots, released }
  }

  const live = (): NonNullable<typeof running> => {
    if (running === undefined) throw new Error('ocpp: not started')
    return running
  }

  const evseWith = (charger: ChargerNo) => {
    const link = running?.linkWith(charger)
    const evse = link?.evses.find(e => e.charger === charger)
    return link === undefined || evse === undefined ? undefined : { link, evse }
  }

  return {
    async start(sink) {
      const made = assemble(sink)
      // on a full disk too: boxes that cannot connect cannot be let go; the block is reserved with what is written next
      await made.reserve().catch(() => undefined)
      await made.transport.start()
      running = made
    },
    async stop() {
      if (running === undefined) return
      await running.transport.stop()
      running.batches.flush()
    },
    send: commands => live().dispatch.send(commands),
    // The first turn after a restart looks at running events before anything is connected: nobody is known to have moved then.
    unmoved(charger) {
      const at = evseWith(charger)
      return at !== undefined && live().dispatch.unmoved(at.link, at.evse)
    },
    moved(charger) {
      const at = evseWith(charger)
      if (at !== undefined) live().dispatch.moved(at.link, at.evse)
    },
    measure(chargers) {
      const { linkWith, spots } = live()
      for (const charger of chargers) {
        const link = linkWith(charger)
        const evse = link?.evses.find(e => e.charger === charger)
        if (link === undefined || evse === undefined || !link.up) continue
        spots.want(link, evse)
      }
    },
    async force(charger, action) {
      const { linkWith, call, dialectOf } = live()
      const link = linkWith(charger)
      const evse = link?.evses.find(e => e.charger === charger)
      if (link === undefined || evse === undefined || !link.up) return false
      const request = action === 'stop' ? dialectOf(link).stop(evse) : dialectOf(link).availability(evse, action === 'enable')
      // `Scheduled`: it will be out of service once its transaction ends (1.6 §5.2, 2.0.1 G03).
      return request !== null && accepted(await call(link, request.action, request.payload, priority.urgent), 'Scheduled')
    },
    release: station => live().released.release(station),
    forget(station) {
      const link = links.get(station)
      links.delete(station)
      if (link?.peer) live().transport.close(link.peer, 1008, 'this station is not known any more')
    },
    ceilingW(charger) {
      const link = running?.linkWith(charger)
      const evse = link?.evses.find(e => e.charger === charger)
      if (link === undefined || evse === undefined) return null
      const nowS = Math.floor(timers.now() / 1000)
      const foreign = link.foreign ?? unread
      const found = (['stationMax', 'tx'] as const)
        .map(purpose => ceilingW(foreign, purpose, evse.evseId, nowS, nowS + 1))
        .filter(w => w !== null)
      return found.length === 0 ? null : Math.min(...found)
    },
    port: () => live().transport.port(),
    counters: () => live().transport.counters,
  }
}
