/**
 * The central system as the message handlers see it, and what OCPP 1.6 and 2.0.1 mean alike: registration, clocks, transactions, readings, tokens.
 */
import { type ChargerNo, quality, type Readings, type SessionPhase } from '../../src/core/model.ts'
import type { ChargerSink } from '../../src/ports.ts'
import { decodeMeterValues, instantOf, type MeterRow, newMeterState, signedValues } from './meterValues.ts'
import type { Payload, Reply } from './ocppj/frames.ts'
import type { Answer } from './ocppj/transport.ts'
import {
  chargersOf,
  clockKey,
  type EvseLink,
  evseOf,
  refreshRungs,
  type StationLink,
  stationKey,
  tokenKey,
  transactionKey,
} from './station.ts'

/** Who may start a session: drivers with known tokens, or anybody. */
export type Authorize = 'known' | 'all'
export type Settings = {
  readonly heartbeatS: number
  readonly sampleS: number
  readonly alignedS: number
  readonly authorizeOf: (charger: ChargerNo) => Authorize
  readonly tokens: ReadonlySet<string>
  readonly override: OverrideRules
  readonly stampsStart: (model: string) => boolean
}
/** Which messages of a box mean that its driver took it back. None by default: makers differ. */
export type OverrideRules = {
  /** Sources in NotifyChargingLimit (`EMS`, `Other`, `SO`, `CSO`). */
  readonly limitSources: readonly string[]
  readonly dataTransfer: readonly { readonly vendorId: string; readonly messageId?: string | undefined }[]
}

export type Note = Readonly<Record<string, string | number | boolean | null>>
export type Central = {
  readonly sink: ChargerSink
  readonly settings: Settings
  nowMs(): number
  /** A CALL of our own; resolves with whatever came of it. */
  call(link: StationLink, action: string, payload: Payload, priority: number): Promise<Answer>
  /** Into the record, once per station and subject until it boots again. */
  note(link: StationLink, what: string, about: Note): void
  push(charger: ChargerNo, row: MeterRow): void
  /** The station may be asked what it can do, after the answer to the message at hand is out. */
  discover(link: StationLink): void
  nextTransactionId(): number
}
export type Handler = (central: Central, link: StationLink, payload: Payload) => Reply
export type Handlers = Readonly<Record<string, Handler>>

export const text = (value: unknown): string => (typeof value === 'string' ? value : '')
export const object = (value: unknown): Payload =>
  typeof value === 'object' && value !== null && !Array.isArray(value) ? (value as Payload) : {}
export const nowText = (central: Central): string => new Date(central.nowMs()).toISOString()

/** Why a box has started, as 2.0.1 says it (BootReasonEnumType); anything else is no supply that came back. 1.6 knows no reason. */
const suppliedAgain = new Set(['PowerUp', 'Unknown'])
/** A 1.6 box gives no reason, but it has told of its update before it starts anew (1.6 §4.5). */
const UPDATE_MS = 1_800_000
/**
 * The box started: what it holds is unknown, and who it is may have changed. A box that registers on its first connection since our start may only have
 * found us again.
 */
export const booted = (central: Central, link: StationLink, vendor: string, model: string, firmware: string, reason = 'Unknown'): Reply => {
  const { sink } = central
  const name = `${vendor} ${model}|${firmware}`.slice(0, 120)
  const wasUp = link.up
  const isUpdated = link.updatedMs > 0 && central.nowMs() - link.updatedMs < UPDATE_MS
  if (link.met && suppliedAgain.has(reason) && !isUpdated) sink.booted(link.no)
  link.met = true
  link.updatedMs = 0
  link.noted = null
  link.maker = vendor
  if (link.model !== name || !link.accepted) {
    link.model = name
    void sink.registry.set(stationKey(link.no), JSON.stringify({ model: name }))
    refreshRungs(sink.registry, link)
  }
  link.accepted = true
  if (wasUp) sink.doubt(chargersOf(link), 'rebooted')
  else wentUp(central, link)
  // Not twice: going up has it waiting already.
  if (link.discovery !== 'waiting') link.discovery = 'none'
  central.discover(link)
  // Spread, so that heartbeats of boxes that started together do not stay together.
  const interval = Math.max(1, Math.round(central.settings.heartbeatS * (0.9 + Math.random() * 0.2)))
  return { status: 'Accepted', currentTime: nowText(central), interval }
}

/** The socket is open and the registration accepted (2.0.1 B01.FR.10 and 1.6 §4.2 need no new BootNotification after a mere reconnect). */
export const wentUp = (central: Central, link: StationLink): void => {
  if (link.up) return
  link.up = true
  central.sink.link(link.no, true)
  const { onLinkLoss } = link.capabilities
  // Also one that is said to hold its profile: that is only what the configuration says of it, and the same profile again does no harm.
  if ([...link.held.values()].some(untilS => untilS * 1000 > link.openedMs))
    central.sink.doubt(chargersOf(link), `link lost, ${onLinkLoss}`)
  central.discover(link)
}

const jumpMs = 5_000
const agreeMs = 2_000
const apartMs = 10_000
/** Messages take some time, and boxes stamp whole seconds: a learned clock that a stamp is no further from than this stays as it is. */
const keepMs = 1_000
/**
 * Learns the box's clock from a stamp that was made when the message was sent. Heartbeat.req has no stamp in either version, so status and transaction
 * messages serve. A stamp ahead of us or close to us is believed at once; one behind may have waited in the box's queue and needs a second that agrees.
 * So does drift to behind what is known: a message that took long looks like it. What is learned outlives the process, or the instants of a schedule
 * that a box has accepted would be told differently after a restart.
 */
export const clockSeen = (central: Central, link: StationLink, timestamp: unknown): void => {
  const stampMs = instantOf(timestamp)
  if (Number.isNaN(stampMs)) return
  const offsetMs = stampMs - central.nowMs()
  const before = link.clockCandidate
  const agrees = before !== null && stampMs > before.stampMs && Math.abs(offsetMs - before.offsetMs) < agreeMs
  // Two messages of one moment that waited together come together, and prove nothing: the older one waits for a witness of another time.
  const isApart = before !== null && stampMs - offsetMs - (before.stampMs - before.offsetMs) >= apartMs
  if (!agrees || isApart) link.clockCandidate = { stampMs, offsetMs }
  const wasKnown = link.clockKnown
  link.clockKnown = true
  if (Math.abs(offsetMs - link.offsetMs) <= keepMs) return
  const isProven = agrees && isApart
  if (offsetMs < -jumpMs && !isProven) return
  const settled = Math.abs(offsetMs) < agreeMs ? 0 : offsetMs
  if (settled === link.offsetMs) return
  if (Math.abs(settled - link.offsetMs) >= jumpMs) {
    central.sink.note('clock', { station: link.no, fromMs: link.offsetMs, toMs: settled })
    if (link.up) central.sink.doubt(chargersOf(link), 'clock jumped')
  }
  // Drift is followed, and too small to put a schedule in doubt.
  else if (offsetMs < link.offsetMs && wasKnown && !isProven) return
  link.offsetMs = settled
  void central.sink.registry.set(clockKey(link.no), settled === 0 ? null : String(settled))
}

/**
 * May this token charge at these chargers? Authorize names no connector in either version, so it is asked of all chargers of the box, and the strictest
 * policy among them decides; a start names its own.
 */
export const mayCharge = (central: Central, token: string, chargers: readonly ChargerNo[]): boolean => {
  const { authorizeOf, tokens } = central.settings
  if (token !== '' && (tokens.has(token) || central.sink.registry.get(tokenKey(token)) !== undefined)) return true
  return chargers.length > 0 && chargers.every(charger => authorizeOf(charger) === 'all')
}

export const transactionBegan = (central: Central, link: StationLink, evse: EvseLink, id: string | number, startedWith: string): void => {
  if (evse.transactionId === id) return
  evse.transactionId = id
  evse.startedWith = startedWith
  void central.sink.registry.set(transactionKey(evse.charger), JSON.stringify(id))
  // A TxProfile belongs to one transaction: the new one has none.
  if (link.rungs[link.rung]?.purpose === 'tx') central.sink.doubt([evse.charger], 'a transaction began')
}
/**
 * The car at an EVSE, from a status of 1.6, or a charging state or connector status of 2.0.1. `SuspendedEV` is the car's own doing (1.6 §4.9): it wants no
 * more, unless a limit of ours may be what it waits for, for not every box tells the two apart.
 */
export const carSeen = (central: Central, link: StationLink, evse: EvseLink, status: string): void => {
  const phase = phases[status]
  if (phase === undefined) return
  const isOurs = phase === 'satisfied' && status === 'SuspendedEV' && link.lapsesS * 1000 > central.nowMs()
  central.sink.session(evse.charger, { phase: isOurs ? 'plugged' : phase })
}
const phases: Readonly<Record<string, SessionPhase>> = {
  Available: 'none',
  Idle: 'none',
  Preparing: 'plugged',
  Occupied: 'plugged',
  EVConnected: 'plugged',
  Charging: 'plugged',
  SuspendedEVSE: 'plugged',
  SuspendedEV: 'satisfied',
  Finishing: 'satisfied',
}

export const transactionEnded = (central: Central, evse: EvseLink): void => {
  if (evse.transactionId === null) return
  evse.transactionId = null
  evse.startedWith = ''
  void central.sink.registry.set(transactionKey(evse.charger), null)
}

const idleMs = 1_000
const nowWithinMs = 60_000
/**
 * Nothing is plugged in, or its session is over: 0 W from then on. A box that samples only within a transaction never says so, and its last power would
 * count as the present one for as long as a reading is fresh. Where there was no reading, none is made.
 */
export const drawsNothing = (central: Central, link: StationLink, evse: EvseLink, timestamp: unknown): void => {
  const { meter } = evse
  const nowMs = central.nowMs()
  const stampMs = instantOf(timestamp) - link.offsetMs
  // One that waited in the box tells of then, not of now.
  if (meter === null || meter.lastMs === 0) return
  const toMs = stampMs < nowMs - nowWithinMs ? stampMs : Math.max(nowMs, meter.lastMs + 1)
  if (toMs <= meter.lastMs) return
  const fromMs = Math.max(meter.lastMs, toMs - idleMs)
  meter.lastMs = toMs
  meter.lastPrint = Number.NaN
  central.push(evse.charger, { fromMs, toMs, powerW: 0, registerWh: Number.NaN, quality: quality.estimated })
}

/** Readings of an EVSE. Connector or EVSE 0 is the main meter of the box; it stands for its only EVSE until that shows a meter of its own. */
export const metered = (central: Central, link: StationLink, evseId: number, meterValue: unknown): void => {
  const main = evseId === 0
  const evse = main ? (link.evses.length === 1 ? link.evses[0] : undefined) : evseOf(link, evseId)
  if (evse === undefined || (main && evse.ownMeter)) return
  if (!main) evse.ownMeter = true
  evse.meter ??= newMeterState()
  const { phases, voltageV } = link.capabilities
  const { sampleS, alignedS, stampsStart } = central.settings
  const rows = decodeMeterValues(meterValue, evse.meter, {
    offsetMs: link.offsetMs,
    periodMs: sampleS * 1000,
    alignedMs: (alignedS || 900) * 1000,
    receivedMs: central.nowMs(),
    stampsStart: stampsStart(link.model),
    phases,
    voltageV,
  })
  for (const row of rows) central.push(evse.charger, row)
  const signed = signedValues(meterValue, link.offsetMs)
  if (signed.length > 0) central.sink.signed?.(signed.map(value => ({ charger: evse.charger, ...value })))
}

export const dataTransferred = (central: Central, link: StationLink, payload: Payload): Reply => {
  const vendorId = text(payload['vendorId'])
  const messageId = text(payload['messageId'])
  const rule = central.settings.override.dataTransfer.find(
    r => r.vendorId === vendorId && (r.messageId === undefined || r.messageId === messageId),
  )
  if (rule === undefined) return { status: 'UnknownVendorId' }
  for (const charger of chargersOf(link)) central.sink.override(charger, `DataTransfer ${vendorId} ${messageId}`.trim())
  return { status: 'Accepted' }
}

const batchRows = 1024
/** Gathers rows into columns, given on once per pass of the event loop or when full. */
export const readingBatches = (give: (readings: Readings) => void) => {
  const make = () => ({
    charger: new Uint32Array(batchRows),
    fromMs: new Float64Array(batchRows),
    toMs: new Float64Array(batchRows),
    powerW: new Float64Array(batchRows),
    registerWh: new Float64Array(batchRows),
    quality: new Uint8Array(batchRows),
  })
  const columns = make()
  let count = 0
  let scheduled = false
  const flush = (): void => {
    scheduled = false
    if (count === 0) return
    const readings: Readings = {
      charger: columns.charger.slice(0, count),
      fromMs: columns.fromMs.slice(0, count),
      toMs: columns.toMs.slice(0, count),
      powerW: columns.powerW.slice(0, count),
      registerWh: columns.registerWh.slice(0, count),
      quality: columns.quality.slice(0, count),
    }
    count = 0
    give(readings)
  }
  return {
    flush,
    push(charger: ChargerNo, row: MeterRow): void {
      columns.charger[count] = charger
      columns.fromMs[count] = row.fromMs
      columns.toMs[count] = row.toMs
      columns.powerW[count] = row.powerW
      columns.registerWh[count] = row.registerWh
      columns.quality[count] = row.quality
      if (++count === batchRows) flush()
      else if (!scheduled) {
        scheduled = true
        setImmediate(flush)
      }
    },
  }
}
