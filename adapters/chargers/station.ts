/** What we keep about one station while the process lives: one small record, made when it first connects. */
import type { ChargerNo, Instant, NodeNo, Second } from '../../src/core/model.ts'
import type { Capabilities, Registry, Station } from '../../src/ports.ts'
import { candidateIds, type Foreign, unread } from './foreign.ts'
import { type KeyRule, type Rung, rungKey, rungsOf, sameRung, startAt } from './ladder.ts'
import type { MeterState } from './meterValues.ts'
import type { Payload } from './ocppj/frames.ts'
import type { Peer } from './ocppj/transport.ts'

export type EvseLink = {
  readonly charger: ChargerNo
  readonly evseId: number
  transactionId: string | number | null
  /** What the transaction began with, to know a repeated StartTransaction under a new message id. */
  startedWith: string
  meter: MeterState | null
  ownMeter: boolean
  /** The rung on which its last limit was accepted, until the meter has judged it. */
  actsOn: Rung | null
  status: string
  /** A late answer has put it in doubt, and nothing has been known of it since. */
  lateTold: boolean
}

export type StationLink = {
  readonly no: NodeNo
  station: Station
  /** The configured ones corrected by what the box says. */
  capabilities: Capabilities
  evses: readonly EvseLink[]
  evseIds: readonly number[]
  peer: Peer<StationLink> | null
  /** Its last registration was accepted, in this connection or an earlier one. */
  accepted: boolean
  up: boolean
  openedMs: Instant
  /** It has been connected, or has registered, in this life of ours before: if it registers now it has started, and did not only find us again. */
  met: boolean
  /** When it last said that it takes an update; 0: never. */
  updatedMs: Instant
  /** `vendor model|firmware`, '' before the first BootNotification. */
  model: string
  /** As it said in its last BootNotification; '' before the first since our start. */
  maker: string
  offsetMs: number
  /** A stamp of its clock was looked at before, in this life or an earlier one. */
  clockKnown: boolean
  /** A clock far behind may be a message that waited in the box: believed when a second one agrees. */
  clockCandidate: { readonly stampMs: Instant; readonly offsetMs: number } | null
  /** Null before the first read. */
  foreign: Foreign | null
  rungs: readonly Rung[]
  /** The maker's key of a model that the operator's configuration names. */
  readonly ruleOf: (model: string) => KeyRule | undefined
  rung: number
  /** Profile ids of ours that may be on the box, with the instant when each lapses, Infinity if unknown: every candidate after a restart of ours, none on a box never met before. */
  readonly held: Map<number, Second>
  /** How many profiles of ours the box has said to have cleared, in this life. */
  cleared: number
  /** When the last of what we have set in this life lapses, cleared or not. */
  lapsesS: Second
  discovery: 'none' | 'waiting' | 'running' | 'done'
  /** Reports that GetChargingProfiles asked for, by request id. */
  reports: Map<
    number,
    { readonly profiles: { readonly evseId: number; readonly profile: Payload }[]; readonly done: (whole: boolean) => void }
  > | null
  noted: Set<string> | null
}

export const stationKey = (no: NodeNo): string => `ocpp.station:${no}`
export const ceilingKey = (no: NodeNo): string => `ocpp.ceiling:${no}`
/** How far the box's clock is ahead of ours, ms; absent where it is not. */
export const clockKey = (no: NodeNo): string => `ocpp.clock:${no}`
export const configKey = (no: NodeNo, key = ''): string => `ocpp.key:${no}:${key}`
export const transactionKey = (charger: ChargerNo): string => `ocpp.tx:${charger}`
export const tokenKey = (token: string): string => `ocpp.token:${token}`

const parsed = <T>(text: string | undefined): T | undefined => {
  if (text === undefined) return undefined
  try {
    return JSON.parse(text) as T
  } catch {
    return undefined
  }
}

/** Infinity does not survive JSON. */
const foreignText = (foreign: Foreign): string =>
  JSON.stringify(foreign, (_key, value) => (value === Number.POSITIVE_INFINITY ? Number.MAX_SAFE_INTEGER : value))
export const rememberForeign = (registry: Registry, link: StationLink): void => {
  if (link.foreign?.how === 'composite') void registry.set(ceilingKey(link.no), foreignText(link.foreign))
}

/** Rungs anew after capabilities or what others hold became known; the rung in use stays where it can. */
export const refreshRungs = (registry: Registry, link: StationLink): void => {
  const here = link.rungs[link.rung]
  link.rungs = rungsOf(link.capabilities, link.evses.length, link.foreign ?? unread, link.ruleOf(link.model))
  const remembered = link.model === '' ? undefined : registry.get(rungKey(link.model))
  const kept = here !== undefined && link.rung > 0 ? link.rungs.findIndex(rung => sameRung(rung, here)) : -1
  link.rung = kept >= 0 ? kept : startAt(link.rungs, remembered)
}

export const linkOf = (station: Station, registry: Registry, ruleOf: StationLink['ruleOf'] = () => undefined): StationLink => {
  const before = parsed<{ model: string }>(registry.get(stationKey(station.no)))
  const link: StationLink = {
    no: station.no,
    station,
    capabilities: station.capabilities,
    evses: evsesOf(station, registry, []),
    evseIds: station.evses.map(evse => evse.evseId),
    peer: null,
    accepted: before !== undefined,
    up: false,
    openedMs: 0,
    met: false,
    updatedMs: 0,
    model: before?.model ?? '',
    maker: '',
    offsetMs: Number(registry.get(clockKey(station.no)) ?? 0) || 0,
    clockKnown: before !== undefined,
    clockCandidate: null,
    foreign: parsed<Foreign>(registry.get(ceilingKey(station.no))) ?? null,
    rungs: [],
    ruleOf,
    rung: 0,
    held: new Map(
      before === undefined ? [] : candidateIds(station.evses.map(evse => evse.evseId)).map(id => [id, Number.POSITIVE_INFINITY]),
    ),
    cleared: 0,
    lapsesS: 0,
    discovery: 'none',
    reports: null,
    noted: null,
  }
  refreshRungs(registry, link)
  return link
}

const evsesOf = (station: Station, registry: Registry, old: readonly EvseLink[]): readonly EvseLink[] =>
  station.evses.map(
    evse =>
      old.find(was => was.charger === evse.charger && was.evseId === evse.evseId) ?? {
        charger: evse.charger,
        evseId: evse.evseId,
        transactionId: parsed<string | number>(registry.get(transactionKey(evse.charger))) ?? null,
        startedWith: '',
        meter: null,
        ownMeter: false,
        actsOn: null,
        status: '',
        lateTold: false,
      },
  )

/** Takes over a changed record of the registry, e.g. after an import. */
export const renew = (link: StationLink, station: Station, registry: Registry): void => {
  if (link.station === station) return
  link.station = station
  link.capabilities = station.capabilities
  link.evses = evsesOf(station, registry, link.evses)
  link.evseIds = station.evses.map(evse => evse.evseId)
  link.discovery = 'none'
  refreshRungs(registry, link)
}

export const evseOf = (link: StationLink, evseId: number): EvseLink | undefined => link.evses.find(evse => evse.evseId === evseId)
export const chargersOf = (link: StationLink): readonly ChargerNo[] => link.evses.map(evse => evse.charger)
/** Does one limit bind all EVSEs of this box? */
export const isWhole = (link: StationLink): boolean => link.evses.length === 1 || link.capabilities.limitsAt === 'station'

const lapsedS = 120
/**
 * Is surely nothing of ours on the box? Some answer Accepted to a clear that does nothing, and their clocks are a little off ours: what has a known end
 * counts until some time after it. A composite schedule read too early would show our own limit as an installer's, for ever.
 */
export const isClean = (link: StationLink, nowS: Second): boolean =>
  link.lapsesS + lapsedS < nowS && [...link.held.values()].every(untilS => untilS + lapsedS < nowS)
/** How many EVSEs share what is limited there. */
export const sharing = (link: StationLink, evseId: number): number => (evseId === 0 && isWhole(link) ? link.evses.length : 1)
