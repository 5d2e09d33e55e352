import type { ChargerNo, Input, NodeNo } from '../core/model.ts'
import { NEVER_S } from '../core/model.ts'
import { isUnwritable } from '../engine/beyondRecord.ts'
import type { Engine } from '../engine.ts'
import { findCharger, nameOfCharger } from './names.ts'
import { type By, done, type Result, seconds } from './result.ts'

export type Released = {
  readonly station: NodeNo
  /** Every charger of the box: profiles and keys are the box's. */
  readonly chargers: readonly string[]
  readonly programmesEnded: readonly string[]
  readonly cleared: number
  readonly restoredKeys: readonly string[]
  /** What could not be undone, e.g. because the box is offline: release it again later. */
  readonly failed: readonly string[]
}

/**
 * Lets a box go: ends its enrolments and consent, takes it out of every running event, clears our profiles and puts back every configuration
 * key that we changed. Its numbers stay its own. The name is a charger's or its station's identity.
 */
export const createFleetRelease = (engine: Engine) => ({
  async release(name: string, by: By): Promise<Result<Released>> {
    const found = stationOf(engine, name)
    if (!found.ok) return found
    const station = engine.registry.station(found.value)!
    const who = station.evses.map(e => e.charger)
    const inputs = goodbye(engine, who)
    const programmesEnded = inputs.flatMap(i => (i.kind === 'enrolled' ? [i.programme] : []))
    const isRecorded = await recordedOrOwed(engine, inputs)
    await noted(engine, 'releaseAsked', { by: by.name, station: station.no })
    // Only when nobody wants anything of the box any more can it be cleared for good.
    const undone = await engine.chargers.release(station.no)
    await noted(engine, 'released', {
      by: by.name,
      station: station.no,
      cleared: undone.cleared,
      restoredKeys: undone.restoredKeys.join(' '),
      failed: undone.failed.join(' '),
    })
    const failed = isRecorded ? undone.failed : [...undone.failed, NOT_RECORDED]
    return done({ station: station.no, chargers: who.map(c => nameOfCharger(engine.registry, c)), programmesEnded, ...undone, failed })
  },
})
export type FleetRelease = ReturnType<typeof createFleetRelease>

/** Nobody is held because a disk is full: what cannot be recorded now is owed to the record. */
const recordedOrOwed = (engine: Engine, inputs: readonly Input[]): Promise<boolean> =>
  engine.handle(...inputs).then(
    () => true,
    error => (isUnwritable(error) ? false : Promise.reject(error)),
  )
const noted = (engine: Engine, what: string, about: Readonly<Record<string, string | number>>): Promise<void> =>
  engine.bridge.note(what, about).catch(error => (isUnwritable(error) ? engine.sink.note(what, about) : Promise.reject(error)))
const NOT_RECORDED = 'the record (the journal cannot be written; it will be as soon as it can)'

function stationOf(engine: Engine, name: string): Result<NodeNo> {
  const byIdentity = engine.registry.stationByIdentity(name)
  if (byIdentity) return done(byIdentity.no)
  const charger = findCharger(engine.registry, name)
  return charger.ok ? done(engine.registry.charger(charger.value)!.station.no) : charger
}

function goodbye(engine: Engine, who: readonly ChargerNo[]): Input[] {
  const state = engine.state()
  const inFleet = who.filter(c => c < state.fleet.chargers)
  if (inFleet.length === 0) return []
  const left: Input[] = []
  for (const [programme, basis] of state.enrolments) {
    const enrolled = inFleet.filter(c => (basis[c] ?? 0) !== 0)
    if (enrolled.length > 0)
      left.push({ kind: 'enrolled', programme, who: Uint32Array.from(enrolled), basis: new Uint8Array(enrolled.length) })
  }
  const optOut = {
    kind: 'optOut',
    who: Uint32Array.from(inFleet),
    fromS: seconds(engine.now()),
    toS: NEVER_S,
    reason: 'consentWithdrawn',
  } as const
  return [...left, optOut]
}
