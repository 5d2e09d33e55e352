import { type Box, heldA, stationHeldA } from './box.ts'
import {
  clear,
  edgesMs,
  type Filter,
  install,
  matches,
  type Period,
  type Profile,
  type Store,
  type Unit,
  type Verdict,
  type Version,
} from './profiles.ts'

/** What this firmware refuses although the specification would have it accepted; the reason is a 2.0.1 reason code. */
const quirkRefusal = (box: Box, profile: Profile): string | undefined => {
  const { traits } = box
  const has = (test: (limit: number) => boolean) => profile.schedules.some(s => s.periods.some(p => test(p.limit)))
  const units = profile.schedules.map(s => s.unit)
  if (traits.rejectsAll) return 'UnsupportedRequest'
  if (traits.rejectA && units.includes('A')) return 'UnsupportedRateUnit'
  if (traits.rejectW && units.includes('W')) return 'UnsupportedRateUnit'
  if (traits.stack0Only && profile.stackLevel > 0) return 'InvalidStackLevel'
  if (traits.noStationMax && profile.purpose === 'stationMax') return 'UnsupportedPurpose'
  if (traits.txDefaultOnly && profile.purpose !== 'txDefault') return 'UnsupportedPurpose'
  if (traits.txProfileNeedsTransactionId && profile.purpose === 'tx' && profile.transactionId === undefined) return 'TxNotFound'
  if (traits.rejectLimit0 && has(limit => limit === 0)) return 'InvalidSchedule'
  return undefined
}

/** Installs a profile on the box, or says why not. */
export const setProfile = (box: Box, version: Version, evse: number, profile: Profile): Verdict => {
  const refused = quirkRefusal(box, profile)
  if (refused !== undefined) return { kind: 'rejected', reason: refused }
  const { maxStackLevel, maxPeriods, maxProfiles } = box.traits
  const verdict = install(box.store, evse, profile, {
    version,
    evses: box.connectors.length,
    maxStackLevel,
    maxPeriods,
    maxProfiles,
    running: n => box.connectors[n - 1]?.tx,
  })
  if (verdict.kind === 'accepted') box.store = verdict.store
  return verdict
}

/** Clears what meets the filter; false when nothing did. */
export const clearProfiles = (box: Box, filter: Filter): boolean => {
  const { store, cleared } = clear(box.store, filter)
  if (box.traits.clearNoop) return true
  box.store = store
  return cleared > 0
}

/** The profiles that meet the filter. */
export const heldProfiles = (box: Box, filter: Filter): Store => box.store.filter(h => matches(h, filter))

const oneDecimalDown = (value: number): number => Math.floor(value * 10 + 1e-6) / 10

/**
 * What a connector, or the station (0), may draw from `nowMs` on, as one schedule. Where no profile limits, it is what the hardware can do:
 * neither version says how to write "no limit". The station's is the sum of its connectors' within its own maximum.
 */
export const composite = (box: Box, evse: number, durationS: number, unit: Unit, nowMs: number): readonly Period[] => {
  const { maxA, phases } = box.spec
  const ampsAt = (ms: number): number => {
    if (evse > 0) return Math.min(maxA, heldA(box, box.connectors[evse - 1]!, ms) ?? maxA)
    const sum = box.connectors.reduce((a, c) => a + Math.min(maxA, heldA(box, c, ms) ?? maxA), 0)
    return Math.min(sum, stationHeldA(box, ms) ?? Infinity)
  }
  const running = box.connectors[Math.max(0, evse - 1)]?.tx
  const used = evse > 0 ? box.connectors[evse - 1]!.phasesUsed : phases
  const periods: Period[] = []
  for (const ms of [nowMs, ...edgesMs(box.store, nowMs, nowMs + durationS * 1000, running)]) {
    const a = ampsAt(ms)
    const limit = oneDecimalDown(unit === 'A' ? a : a * used * box.voltageV)
    const startS = Math.floor((ms - nowMs) / 1000)
    const last = periods[periods.length - 1]
    if (last?.limit === limit) continue
    if (last?.startS === startS) periods.pop()
    periods.push({ startS, limit, phases: used })
  }
  return periods
}
