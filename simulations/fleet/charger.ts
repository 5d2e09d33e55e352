import { type Box, type ChargerSpec, type Connector, createBox, stepConnector } from './box.ts'
import { arrive, type CarSpec } from './car.ts'
import { stream } from './chance.ts'
import { createLink, type Fields, type Frame, type Tls } from './link.ts'
import { ocpp16 } from './ocpp16.ts'
import { ocpp201 } from './ocpp201.ts'
import { afterTransaction, type Held, withoutCentral } from './profiles.ts'
import type { BootReason, Dialect, Station } from './station.ts'
import { traitsWith } from './traits.ts'

export type ChargerOptions = {
  url: string
  seed: number | string
  /** Fleet time in ms at creation; traits' instants count from here. */
  startMs: number
  tls?: Tls | undefined
  localAddress?: string | undefined
  callTimeoutMs?: number | undefined
  framed?: ((frame: Frame) => void) | undefined
}

/** A simulated charging station with its link. Nothing in it moves but by `tick`. */
export type Charger = {
  readonly box: Box
  readonly spec: ChargerSpec
  /** Lets time pass up to `nowMs`: link, boot, heartbeats, sessions, limits, cars, meters, readings. */
  tick(nowMs: number): void
  linkState(): 'down' | 'connecting' | 'up'
  registered(): boolean
  plugIn(connector: number, car: CarSpec): void
  unplug(connector: number): void
  /** A limit for the whole station by somebody else on the site, such as an energy manager, A per phase; undefined lifts it. */
  limitLocally(limitA: number | undefined): void
  /** Cuts the link and keeps it down for `forMs`. */
  dropLink(forMs: number): void
  reboot(): void
  /** Ends the link for good. */
  stop(): void
  /** Time this charger may first connect, for a fleet that does not want all at once. */
  connectFrom(atMs: number): void
}

const REBOOT_MS = 2000
const BOOT_RETRY_MS = 10_000
const BACKOFF_MS = { first: 1000, most: 30_000 }

/** 2.0.1 leaves the ids of external constraints to the station; a negative one is never the central system's. */
const LOCAL_PROFILE_ID = -1

const localProfile = (limitA: number): Held => ({
  evse: 0,
  source: 'EMS',
  locked: true,
  profile: {
    id: LOCAL_PROFILE_ID,
    stackLevel: 0,
    purpose: 'external',
    kind: 'Absolute',
    schedules: [{ id: 1, startMs: 0, unit: 'A', periods: [{ startS: 0, limit: limitA }] }],
  },
})

const DIALECTS: Readonly<Record<ChargerSpec['version'], Dialect>> = { '1.6': ocpp16, '2.0.1': ocpp201 }

/** A car that comes back is a new session: what was refused or stopped before is forgotten. */
const settle = (box: Box, connector: Connector, car: CarSpec): void => {
  connector.car = arrive(car)
  connector.phasesUsed = Math.min(box.spec.phases, car.phases)
  connector.wants = true
  connector.finished = false
}

export const createCharger = (spec: ChargerSpec, options: ChargerOptions): Charger => {
  const traits = traitsWith(spec.traits)
  const chance = stream(options.seed, `charger/${spec.identity}`)
  const box = createBox(spec, traits, chance)
  const dialect = DIALECTS[spec.version]
  const skewMs = traits.clockSkewS * 1000
  const idTag = spec.idTag ?? `TAG-${spec.identity}`.slice(0, 20)

  let fleetMs = options.startMs
  let registration: 'none' | 'asked' | 'Accepted' | 'waiting' = 'none'
  let bootReason: BootReason = 'PowerUp'
  let bootAtMs = 0
  let heartbeatAtMs = Infinity
  let connectAtMs = options.startMs
  let failures = 0
  let downUntilMs = -Infinity
  let poweredAtMs = -Infinity
  let rebooted = traits.rebootAtS === undefined
  let stopped = false
  let authorizeAtMs = 0
  const scripts = traits.offline.map(o => ({ fromMs: options.startMs + o.atS * 1000, toMs: options.startMs + (o.atS + o.forS) * 1000 }))

  const now = () => fleetMs + skewMs

  const onBootAnswer = (payload: Fields | undefined): void => {
    const status = payload?.['status']
    const interval = Number(payload?.['interval'])
    if (status === 'Accepted') {
      registration = 'Accepted'
      if (interval > 0) box.settings.heartbeatS = interval
      heartbeatAtMs = fleetMs + box.settings.heartbeatS * 1000
      link.allow(true)
      dialect.afterBoot(station)
      tellStatus(true)
    } else {
      // 1.6 4.2.1, 2.0.1 B02, B03: until accepted, only what is asked for; again after the interval
      registration = 'waiting'
      bootAtMs = fleetMs + (interval > 0 ? interval * 1000 : BOOT_RETRY_MS)
    }
  }

  const boot = (reason: BootReason): void => {
    registration = 'asked'
    const { action, payload } = dialect.boot(station, reason)
    link.callFirst({ action, payload: () => payload, answered: a => onBootAnswer(a.kind === 'result' ? a.payload : undefined) })
  }

  const heartbeat = (): void => {
    heartbeatAtMs = fleetMs + box.settings.heartbeatS * 1000
    link.call({
      action: 'Heartbeat',
      payload: () => ({}),
      // a central system that does not know us says so by SecurityError
      answered: a => a.kind === 'error' && a.code === 'SecurityError' && boot('Triggered'),
    })
  }

  const tellStatus = (all: boolean): void => {
    for (const c of box.connectors) {
      const status = dialect.statusOf(station, c)
      if (!all && status === c.toldStatus) continue
      c.toldStatus = status
      link.call(dialect.status(station, c, status))
    }
  }

  const link = createLink({
    url: options.url,
    identity: spec.identity,
    subprotocol: dialect.subprotocol,
    password: spec.password,
    tls: options.tls,
    localAddress: options.localAddress,
    callTimeoutMs: options.callTimeoutMs ?? 30_000,
    framed: options.framed,
    called: (action, payload) => ({ reply: dialect.answer(station, action, payload), lagMs: traits.answerLagMs }),
    opened: () => {
      failures = 0
      box.linked = true
      if (registration !== 'Accepted' || traits.bootsOnReconnect) {
        link.allow(false)
        boot(bootReason)
      } else heartbeat()
    },
    closed: () => {
      box.linked = false
      if (traits.dropsProfileOnDisconnect) box.store = withoutCentral(box.store)
      for (const c of box.connectors) c.asking = false
      if (registration === 'asked') registration = 'none'
      backOff()
    },
  })

  /** Reconnects come back spread: doubling waits, each jittered over its own length. */
  const backOff = (): void => {
    const waitMs = Math.min(BACKOFF_MS.most, BACKOFF_MS.first * 2 ** Math.min(failures++, 6))
    connectAtMs = fleetMs + waitMs * (0.5 + chance())
  }

  const station: Station = {
    box,
    now,
    linked: () => link.state() === 'up',
    call: link.call,
    callFirst: link.callFirst,
    begin: (connector, tag, remoteStartId) => {
      if (connector.tx !== undefined || connector.car === undefined) return
      connector.tx = {
        id: undefined,
        startMs: now(),
        startWh: connector.registerWh,
        idTag: tag,
        seqNo: 0,
        storeAtStart: box.store,
        ...(remoteStartId === undefined ? {} : { remoteStartId }),
      }
      connector.toldAppliedA = undefined
      // readings of different chargers should not come all at once
      const phaseMs = traits.intervalStartStamps ? 0 : Math.floor(chance() * box.settings.sampleIntervalS * 1000)
      connector.sampledMs = now() - phaseMs
      connector.sampledWh = connector.registerWh
      dialect.started(station, connector)
    },
    end: (connector, reason) => {
      if (connector.tx === undefined) return
      dialect.stopped(station, connector, reason)
      connector.tx = undefined
      connector.drawnA = 0
      connector.finished = connector.car !== undefined
      connector.wants = reason === 'Reboot'
      box.store = afterTransaction(box.store, connector.n)
    },
    boot,
    reset: reason => {
      for (const c of box.connectors) station.end(c, 'Reboot')
      bootReason = reason
      registration = 'none'
      box.powered = false
      poweredAtMs = fleetMs + REBOOT_MS
      connectAtMs = poweredAtMs
      link.close()
      connectAtMs = poweredAtMs
    },
  }

  const keepLink = (): void => {
    const scripted = scripts.some(s => fleetMs >= s.fromMs && fleetMs < s.toMs)
    const wanted = !scripted && fleetMs >= downUntilMs && box.powered && !stopped
    if (!wanted) {
      if (link.state() !== 'down') link.cut()
    } else if (link.state() === 'down' && fleetMs >= connectAtMs) {
      backOff() // in case this attempt fails; an open link forgets it
      link.connect()
    }
  }

  const keepRegistration = (): void => {
    if (!box.linked) return
    if (registration === 'waiting' && fleetMs >= bootAtMs) boot(bootReason)
    if (registration === 'Accepted' && fleetMs >= heartbeatAtMs) heartbeat()
  }

  /** A driver who wants to charge shows a token; if it is refused, no more is tried until the next arrival. */
  const keepSession = (connector: Connector): void => {
    const ready = connector.wants && connector.car !== undefined && connector.tx === undefined && connector.operative
    if (!ready || connector.asking || !box.linked || registration !== 'Accepted' || fleetMs < authorizeAtMs) return
    connector.asking = true
    link.call(
      dialect.authorize(station, idTag, allowed => {
        connector.asking = false
        if (allowed) station.begin(connector, idTag)
        else if (allowed === false) connector.wants = false
        else authorizeAtMs = fleetMs + BOOT_RETRY_MS
      }),
    )
  }

  const read = (connector: Connector): void => {
    const at = now()
    const { sampleIntervalS, alignedIntervalS } = box.settings
    const canSay = box.linked && registration === 'Accepted'
    if (connector.tx !== undefined && sampleIntervalS > 0 && at >= connector.sampledMs + sampleIntervalS * 1000) {
      // a reading missed while offline, or while the link is choked, is not sent later
      if (canSay && !link.waiting(spec.version === '1.6' ? 'MeterValues' : 'TransactionEvent'))
        dialect.sampled(station, connector, 'Sample.Periodic')
      connector.sampledMs = at
      connector.sampledWh = connector.registerWh
    }
    if (alignedIntervalS === 0) return
    const boundaryMs = Math.floor(at / (alignedIntervalS * 1000)) * alignedIntervalS * 1000
    if (boundaryMs === connector.alignedMs) return
    if (canSay && connector.alignedMs > 0) dialect.sampled(station, connector, 'Sample.Clock')
    connector.alignedMs = boundaryMs
    connector.alignedWh = connector.registerWh
  }

  const reboot = (): void => {
    rebooted = true
    station.reset('ApplicationReset')
  }

  box.connectors.forEach((c, i) => {
    const car = spec.cars[i]
    if (car !== undefined) settle(box, c, car)
  })

  return {
    box,
    spec,
    tick(nowMs) {
      const dtS = Math.max(0, nowMs - fleetMs) / 1000
      fleetMs = nowMs
      if (!rebooted && nowMs >= options.startMs + traits.rebootAtS! * 1000) reboot()
      if (!box.powered && nowMs >= poweredAtMs) box.powered = true
      link.tick(nowMs)
      keepLink()
      keepRegistration()
      for (const c of box.connectors) {
        if (c.wants) keepSession(c)
        stepConnector(box, c, now(), dtS)
        if (!box.linked || registration !== 'Accepted') continue
        if (c.tx !== undefined) dialect.changed(station, c)
      }
      for (const c of box.connectors) read(c)
      if (!box.linked || registration !== 'Accepted') return
      tellStatus(false)
      dialect.tick(station)
    },
    linkState: link.state,
    registered: () => registration === 'Accepted',
    plugIn: (n, car) => settle(box, box.connectors[n - 1]!, car),
    unplug: n => {
      const c = box.connectors[n - 1]!
      c.car = undefined
      station.end(c, 'EVDisconnected')
      c.wants = false
      c.finished = false
    },
    limitLocally: limitA => {
      const others = box.store.filter(h => h.profile.id !== LOCAL_PROFILE_ID)
      box.store = limitA === undefined ? others : [...others, localProfile(limitA)]
      dialect.localLimit(station, limitA)
    },
    dropLink: forMs => {
      downUntilMs = fleetMs + forMs
      link.cut()
    },
    reboot,
    stop: () => {
      stopped = true
      link.close()
    },
    connectFrom: atMs => {
      connectAtMs = atMs
    },
  }
}
