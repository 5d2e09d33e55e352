import { type ChargerSpec, type Connector, powerW } from './box.ts'
import type { CarSpec } from './car.ts'
import { type Charger, createCharger } from './charger.ts'
import type { Frame, Tls } from './link.ts'

/** One change at a charger: what its profiles say (`limitW`), what it obeys (`appliedW`), and its power at that moment. `undefined`: no limit. */
export type LogEntry = { tS: number; atMs: number; limitW: number | undefined; appliedW: number | undefined; powerW: number }

export type FleetOptions = {
  /** Address of the central system; each identity is appended as the last path segment. */
  url: string
  chargers: readonly ChargerSpec[]
  /** Same seed, same draws at each charger. */
  seed?: number
  tickMs?: number
  /** Fleet seconds per real second. Timestamps on the wire run with fleet time. */
  timeScale?: number
  /** ms since the epoch; the system's clock by default. */
  clock?: () => number
  /** How many chargers may connect a second at the start. */
  connectPerS?: number
  tls?: Tls
  callTimeoutMs?: number
  /** Sees every OCPP frame of every charger. */
  framed?: (frame: Frame) => void
  /** Sees every entry of every charger's log as it is made. */
  logged?: (identity: string, entry: LogEntry) => void
}

/** A charger of the fleet, as a test or a demo sees it. */
export type FleetCharger = {
  readonly identity: string
  readonly spec: ChargerSpec
  readonly charger: Charger
  /** Power drawn now, all connectors. */
  powerW(): number
  /** The limit its profiles impose now (what an honest composite schedule says); undefined when none of its connectors has one. */
  limitW(): number | undefined
  /** The limit it really obeys, after quirks and its own delay. */
  appliedW(): number | undefined
  registerWh(): number
  linked(): boolean
  registered(): boolean
  charging(): boolean
  plugIn(connector: number, car: CarSpec): void
  unplug(connector: number): void
  /** A limit for the whole station by somebody else on the site, A per phase; undefined lifts it. */
  limitLocally(limitA: number | undefined): void
  dropLink(forMs: number): void
  reboot(): void
  /** Every change of limitW or appliedW, the oldest first. */
  readonly log: readonly LogEntry[]
}

export type FleetStatus = {
  atMs: number
  chargers: number
  connected: number
  registered: number
  charging: number
  limited: number
  totalW: number
}

export type Fleet = {
  readonly chargers: readonly FleetCharger[]
  get(identity: string): FleetCharger
  /** Begins to tick; chargers connect by and by. */
  start(): void
  stop(): void
  /** One step to this instant of fleet time, for tests that own the time; do not mix with `start`. */
  tick(nowMs: number): void
  totalW(): number
  connected(): number
  status(): FleetStatus
}

const LOG_MOST = 10_000

/** Watts over all connectors for a limit per connector; a connector without one counts at its maximum, as long as another has one. */
const limitW = ({ box, spec }: Charger, limitA: (c: Connector) => number | undefined): number | undefined => {
  if (box.connectors.every(c => limitA(c) === undefined)) return undefined
  return box.connectors.reduce((w, c) => w + Math.min(spec.maxA, limitA(c) ?? spec.maxA) * c.phasesUsed * box.voltageV, 0)
}

const heldW = (charger: Charger) => limitW(charger, c => c.heldA)
const appliedW = (charger: Charger) => limitW(charger, c => c.appliedA)
const drawnW = ({ box }: Charger) => box.connectors.reduce((w, c) => w + powerW(box, c), 0)

const fleetCharger = (charger: Charger, log: readonly LogEntry[]): FleetCharger => ({
  identity: charger.spec.identity,
  spec: charger.spec,
  charger,
  log,
  powerW: () => drawnW(charger),
  limitW: () => heldW(charger),
  appliedW: () => appliedW(charger),
  registerWh: () => charger.box.connectors.reduce((wh, c) => wh + c.registerWh, 0),
  linked: () => charger.linkState() === 'up',
  registered: charger.registered,
  charging: () => charger.box.connectors.some(c => c.tx !== undefined),
  plugIn: charger.plugIn,
  unplug: charger.unplug,
  limitLocally: charger.limitLocally,
  dropLink: charger.dropLink,
  reboot: charger.reboot,
})

/**
 * A fleet of simulated charging stations that connect over real WebSockets and speak OCPP-J to any central system. One ticker moves them
 * all. What each charger does is drawn from streams of its own, named by the seed and its identity.
 */
export const createFleet = (options: FleetOptions): Fleet => {
  const clock = options.clock ?? Date.now
  const tickMs = options.tickMs ?? 250
  const timeScale = options.timeScale ?? 1
  const startMs = clock()
  const connectPerS = options.connectPerS ?? 200
  const logs: LogEntry[][] = []
  const chargers = options.chargers.map((spec, i) => {
    const { url, seed = 1, tls, callTimeoutMs, framed } = options
    const charger = createCharger(spec, { url, seed, startMs, tls, callTimeoutMs, framed })
    charger.connectFrom(startMs + (i / connectPerS) * 1000)
    return charger
  })
  const handles = chargers.map((c, i) => fleetCharger(c, (logs[i] = [])))
  let timer: ReturnType<typeof setInterval> | undefined

  const record = (charger: Charger, log: LogEntry[], nowMs: number): void => {
    const last = log[log.length - 1]
    const held = heldW(charger)
    const applied = appliedW(charger)
    if (last?.limitW === held && last?.appliedW === applied) return
    const entry = { tS: (nowMs - startMs) / 1000, atMs: nowMs, limitW: held, appliedW: applied, powerW: drawnW(charger) }
    log.push(entry)
    if (log.length > LOG_MOST) log.shift()
    options.logged?.(charger.spec.identity, entry)
  }

  const tick = (nowMs: number): void => {
    for (let i = 0; i < chargers.length; i++) {
      chargers[i]!.tick(nowMs)
      record(chargers[i]!, logs[i]!, nowMs)
    }
  }
  const count = (test: (c: FleetCharger) => boolean): number => handles.reduce((n, c) => n + (test(c) ? 1 : 0), 0)
  const totalW = () => chargers.reduce((w, c) => w + drawnW(c), 0)

  return {
    chargers: handles,
    get: identity => {
      const found = handles.find(c => c.identity === identity)
      if (found === undefined) throw new Error(`no charger ${identity} in the fleet`)
      return found
    },
    start: () => {
      timer ??= setInterval(() => tick(startMs + (clock() - startMs) * timeScale), tickMs)
    },
    stop: () => {
      clearInterval(timer)
      timer = undefined
      for (const c of chargers) c.stop()
    },
    tick,
    totalW,
    connected: () => count(c => c.linked()),
    status: () => ({
      atMs: clock(),
      chargers: handles.length,
      connected: count(c => c.linked()),
      registered: count(c => c.registered()),
      charging: count(c => c.charging()),
      limited: count(c => c.appliedW() !== undefined),
      totalW: Math.round(totalW()),
    }),
  }
}
