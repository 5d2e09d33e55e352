import { type Car, type CarSpec, MIN_CURRENT_A, step } from './car.ts'
import type { Chance } from './chance.ts'
import { evseLimits, type Held, type Limit, type Running, type Store, stationLimits, type Version } from './profiles.ts'
import type { Measurand, Traits } from './traits.ts'

/** A charging station to simulate. */
export type ChargerSpec = {
  identity: string
  version: Version
  /** For HTTP Basic, with the identity as user. */
  password?: string
  /** The token its driver shows. */
  idTag?: string
  vendor?: string
  model?: string
  firmware?: string
  phases: 1 | 3
  /** Most current per phase, of each connector and of the station. */
  maxA: number
  voltageV?: number
  /** What is plugged in at each connector, `undefined` for nothing. Its length is the number of connectors (EVSEs). */
  cars: readonly (CarSpec | undefined)[]
  sampleIntervalS?: number
  /** Profiles that are on the box before the central system speaks to it. */
  presets?: readonly Held[]
  traits?: Partial<Traits>
}

export type Transaction = Running & {
  /** 2.0.1: made by the charger. 1.6: the central system's, undefined until it answers. */
  id: string | undefined
  startMs: number
  startWh: number
  idTag: string
  remoteStartId?: number
  seqNo: number
  /** The store as it was when the transaction began, for chargers that obey later profiles only from the next one. */
  storeAtStart: Store
  /** 2.0.1: the charging state last reported. */
  toldState?: string
}

export type Connector = {
  readonly n: number
  car: Car | undefined
  /** A driver who wants to charge: set on arrival and by a remote start, unset when stopped remotely or refused. */
  wants: boolean
  /** Asking the central system whether the driver may. */
  asking: boolean
  operative: boolean
  tx: Transaction | undefined
  /** Finishing: the transaction is over and the car is still there. */
  finished: boolean
  registerWh: number
  drawnA: number
  phasesUsed: number
  /** The limit the profiles impose now, A per phase; undefined for none. */
  heldA: number | undefined
  /** The limit the box obeys, after its quirks and its own delay. */
  appliedA: number | undefined
  /** A change that the box's own random delay holds back. */
  dueMs: number
  dueA: number | undefined
  toldStatus: string | undefined
  toldAppliedA: number | undefined
  sampledMs: number
  sampledWh: number
  alignedMs: number
  alignedWh: number
}

/** What can be configured from outside while it runs. */
export type Settings = {
  sampleIntervalS: number
  alignedIntervalS: number
  heartbeatS: number
  measurands: readonly Measurand[]
  /** A cap from a vendor's own configuration key, A per phase. */
  vendorLimitA: number | undefined
  /** The box's own random delay before any change of its limit, S. */
  randomDelayS: number
}

/** Sets an interval from what a configuration message says; false when it is not a whole number of seconds. */
export const writeSeconds = (
  settings: Settings,
  name: 'sampleIntervalS' | 'alignedIntervalS' | 'heartbeatS' | 'randomDelayS',
  value: string,
): boolean => {
  if (!/^\d+$/.test(value)) return false
  settings[name] = Number(value)
  return true
}

/** Sets the cap of a vendor's own configuration key; false when the hardware cannot have it. */
export const writeVendorLimit = (box: Box, value: string): boolean => {
  const a = Number(value)
  if (!(a >= 0 && a <= box.spec.maxA)) return false
  box.settings.vendorLimitA = a < box.spec.maxA ? a : undefined
  return true
}

/** A periodic monitor of the power (2.0.1 N04, N08). */
export type Monitor = { id: number; everyS: number; component: object; variable: object; evse: number; nextMs: number }

/** The station's physical side and memory: what both OCPP versions work on. Times are in ms of the charger's own clock. */
export type Box = {
  readonly spec: ChargerSpec
  readonly traits: Traits
  readonly voltageV: number
  readonly connectors: readonly Connector[]
  readonly chance: Chance
  settings: Settings
  store: Store
  linked: boolean
  powered: boolean
  monitors: readonly Monitor[]
  /** Numbers transactions, requests and events. */
  serial: number
}

const emptyConnector = (n: number, phases: number): Connector => ({
  n,
  car: undefined,
  wants: false,
  asking: false,
  operative: true,
  tx: undefined,
  finished: false,
  registerWh: 0,
  drawnA: 0,
  phasesUsed: phases,
  heldA: undefined,
  appliedA: undefined,
  dueMs: Infinity,
  dueA: undefined,
  toldStatus: undefined,
  toldAppliedA: undefined,
  sampledMs: 0,
  sampledWh: 0,
  alignedMs: 0,
  alignedWh: 0,
})

export const createBox = (spec: ChargerSpec, traits: Traits, chance: Chance): Box => ({
  spec,
  traits,
  voltageV: spec.voltageV ?? 230,
  connectors: spec.cars.map((_, i) => ({ ...emptyConnector(i + 1, spec.phases), registerWh: Math.floor(chance() * 5_000_000) })),
  chance,
  settings: {
    sampleIntervalS: spec.sampleIntervalS ?? 60,
    alignedIntervalS: 0,
    heartbeatS: 300,
    measurands: traits.measurands.filter(m => m !== 'Voltage' && m !== 'SoC'),
    vendorLimitA: undefined,
    randomDelayS: traits.ownRandomDelayS,
  },
  store: spec.presets ?? [],
  linked: false,
  powered: true,
  monitors: [],
  serial: 0,
})

/** Current per phase that a limit means at a connector which uses `phasesUsed` phases. */
const ampsOf = (box: Box, limit: Limit, phasesUsed: number): number => {
  if (limit.unit === 'A') return limit.limit
  // 1.6 7.14: numberPhases defaults to 3; errata 3.34: when the car uses fewer, the limit stands as it is
  const phases = box.traits.wattsOverThree ? (limit.phases ?? 3) : phasesUsed
  return limit.limit / (phases * box.voltageV)
}

const lowestA = (box: Box, limits: readonly Limit[], phasesUsed: number): number | undefined => {
  let lowest: number | undefined
  for (const limit of limits) {
    const a = ampsOf(box, limit, phasesUsed)
    if (lowest === undefined || a < lowest) lowest = a
  }
  return lowest
}

/**
 * A connector's share of the station's budget: equal among those with a transaction. Where an equal share would be below 6 A, fewer get
 * one, in order of number, and the rest nothing: no spec says how a station divides its maximum.
 */
const shareA = (box: Box, connector: Connector, budgetA: number): number => {
  const active = box.connectors.filter(c => c.tx !== undefined)
  const rank = active.indexOf(connector)
  if (active.length <= 1 || rank < 0) return budgetA
  const served = Math.min(active.length, Math.max(1, Math.floor(budgetA / MIN_CURRENT_A)))
  return rank < served ? budgetA / served : 0
}

/** The limit that the profiles in `store` impose on a connector at `nowMs`, A per phase; undefined for none. Quirks do not count here. */
export const heldA = (box: Box, connector: Connector, nowMs: number, store: Store = box.store): number | undefined => {
  if (store.length === 0) return undefined
  const phases = connector.phasesUsed
  const own = lowestA(box, evseLimits(store, connector.n, nowMs, connector.tx), phases)
  const station = lowestA(box, stationLimits(store, nowMs), phases)
  if (station === undefined) return own
  const share = shareA(box, connector, station)
  return own === undefined ? share : Math.min(own, share)
}

/** The limit the station as a whole must keep, A per phase, or undefined. */
export const stationHeldA = (box: Box, nowMs: number): number | undefined => lowestA(box, stationLimits(box.store, nowMs), box.spec.phases)

/** The limit this firmware makes of it. */
const obeyedA = (box: Box, connector: Connector, nowMs: number): number | undefined => {
  const { traits, settings } = box
  const forgets = traits.ignores || (traits.resumesOnLinkLoss && !box.linked)
  const store = traits.ignoresUntilNextSession && connector.tx !== undefined ? connector.tx.storeAtStart : box.store
  let a = forgets ? undefined : store === box.store ? connector.heldA : heldA(box, connector, nowMs, store)
  if (settings.vendorLimitA !== undefined) a = Math.min(a ?? Infinity, settings.vendorLimitA)
  if (a === undefined) return undefined
  if (traits.integerAmps) a = Math.floor(a)
  // IEC 61851: nothing between 0 and 6 A can be signalled; the hair of tolerance is for watts divided by phases and voltage
  if (a < MIN_CURRENT_A - 1e-6) return a > 0 && traits.clampTo6 ? MIN_CURRENT_A : 0
  return a
}

/** Draws the box's own delay for a change of limit; a newer change replaces one that waits. */
const applyLimit = (box: Box, connector: Connector, nowMs: number): void => {
  const wanted = obeyedA(box, connector, nowMs)
  const delayS = box.settings.randomDelayS
  if (delayS === 0) {
    connector.appliedA = wanted
    return
  }
  if (wanted === connector.appliedA) connector.dueMs = Infinity
  else if (connector.dueMs === Infinity || wanted !== connector.dueA) {
    connector.dueMs = nowMs + Math.floor(box.chance() * (delayS + 1)) * 1000
    connector.dueA = wanted
  }
  if (nowMs >= connector.dueMs) {
    connector.appliedA = connector.dueA
    connector.dueMs = Infinity
  }
}

/** Lets `dtS` seconds pass at a connector, up to `nowMs`: the limit, the car, the meter. */
export const stepConnector = (box: Box, connector: Connector, nowMs: number, dtS: number): void => {
  connector.heldA = heldA(box, connector, nowMs)
  applyLimit(box, connector, nowMs)
  const { car, tx } = connector
  if (car === undefined || tx === undefined || !box.powered) {
    connector.drawnA = 0
    return
  }
  const { maxA } = box.spec
  const offeredA = connector.appliedA === undefined ? maxA : Math.min(maxA, connector.appliedA)
  connector.drawnA = step(car, dtS, offeredA, connector.phasesUsed, box.voltageV)
  connector.registerWh += (powerW(box, connector) * dtS) / 3600
}

export const powerW = (box: Box, connector: Connector): number => connector.drawnA * connector.phasesUsed * box.voltageV

/** Whether the box offers no current though a car wants it. */
export const pausedByUs = (connector: Connector): boolean => connector.appliedA !== undefined && connector.appliedA < MIN_CURRENT_A
