import { createHash } from 'node:crypto'
import type { ChargerSpec } from './box.ts'
import type { CarSpec } from './car.ts'
import { between, type Chance, pick, stream } from './chance.ts'
import type { Traits } from './traits.ts'

/** Shares of the fleet, 0 to 1, that have a fault. A charger has at most one of them, so their sum must not pass 1. */
export type DemoShares = {
  /** Accepts limits and charges on. */
  ignoreShare?: number
  /** Refuses all limits, or those for the station's maximum, or those in watts or amps. */
  rejectShare?: number
  /** Answers seconds late. */
  lagShare?: number
  /** Drops off the network for a while. */
  offlineShare?: number
  /** Charges at full or forgets its limit when the link drops; its link drops once. */
  resumeShare?: number
  /** Has a car that is plugged in and charging. */
  pluggedShare?: number
  sampleIntervalS?: number
  /** When links drop, in seconds after the fleet started. */
  offlineFromS?: number
  offlineToS?: number
}

type Class = { phases: 1 | 3; maxA: number }

/** 3.68, 7.36, 11 and 22 kW. */
const CLASSES: readonly (readonly [number, Class])[] = [
  [0.1, { phases: 1, maxA: 16 }],
  [0.5, { phases: 1, maxA: 32 }],
  [0.25, { phases: 3, maxA: 16 }],
  [0.15, { phases: 3, maxA: 32 }],
]

const REJECTIONS: readonly (readonly [number, Partial<Traits>])[] = [
  [3, { rejectsAll: 'Rejected' }],
  [1, { rejectsAll: 'NotSupported' }],
  [3, { noStationMax: true }],
  [2, { rejectW: true }],
  [1, { rejectA: true }],
  [1, { stack0Only: true }],
]

/** A password of 20 characters for an identity (1.6 AuthorizationKey: 16 to 20 bytes). For simulations only: who has the seed has them all. */
export const demoPassword = (seed: number, identity: string): string =>
  createHash('sha256').update(`${seed}/${identity}`).digest('base64url').slice(0, 20)

const car = (chance: Chance, { phases, maxA }: Class): CarSpec => ({
  phases: phases === 3 && chance() < 0.8 ? 3 : 1,
  maxA,
  batteryWh: Math.round(between(chance, 40_000, 80_000)),
  soc: between(chance, 0.2, 0.7),
  wakeS: Math.round(between(chance, 0, 3)),
})

const fault = (chance: Chance, shares: DemoShares): Partial<Traits> => {
  const { ignoreShare = 0.03, rejectShare = 0.04, lagShare = 0.05, offlineShare = 0.04, resumeShare = 0.03 } = shares
  const { offlineFromS = 20, offlineToS = 70 } = shares
  const outage = { atS: Math.round(between(chance, offlineFromS, offlineToS)), forS: Math.round(between(chance, 8, 25)) }
  let u = chance()
  const falls = (share: number): boolean => (u -= share) < 0
  if (falls(ignoreShare)) return { ignores: true }
  if (falls(rejectShare)) return pick(chance, REJECTIONS)
  if (falls(lagShare)) return { answerLagMs: Math.round(between(chance, 1000, 6000)) }
  if (falls(offlineShare)) return { offline: [outage] }
  if (falls(resumeShare))
    return { offline: [outage], ...(chance() < 0.5 ? { resumesOnLinkLoss: true } : { dropsProfileOnDisconnect: true }) }
  return {}
}

/** How meters differ, which is no fault. */
const meter = (chance: Chance): Partial<Traits> => ({
  meterNoise: 0.005,
  clockSkewS: Math.round(between(chance, -2, 2)),
  ...pick<Partial<Traits>>(chance, [
    [8, {}],
    [1, { phasesOnly: true }],
    [1, { kiloUnits: true }],
  ]),
})

/**
 * `n` chargers for a demonstration: odd ones speak OCPP 1.6, even ones 2.0.1; identities CP-0001 on. Each is drawn from a stream of its own:
 * the first 100 of 200 are the 100 of 100.
 */
export const demoFleet = (n: number, seed: number, shares: DemoShares = {}): readonly ChargerSpec[] =>
  Array.from({ length: n }, (_, i): ChargerSpec => {
    const identity = `CP-${String(i + 1).padStart(4, '0')}`
    const chance = stream(seed, `demo/${identity}`)
    const kind = pick(chance, CLASSES)
    const visitor = car(chance, kind)
    const plugged = chance() < (shares.pluggedShare ?? 0.8)
    const wire = meter(chance)
    return {
      identity,
      version: i % 2 === 0 ? '1.6' : '2.0.1',
      password: demoPassword(seed, identity),
      idTag: `TAG-${identity}`,
      vendor: 'Simulated',
      ...kind,
      cars: [plugged ? visitor : undefined],
      sampleIntervalS: shares.sampleIntervalS ?? 3,
      traits: { ...wire, ...fault(chance, shares) },
    }
  })
