import type { Second } from '../../src/core/model.ts'
import type { CarSpec } from '../fleet/index.ts'
import { type ChargerSpec, createFleet, demoPassword, type Fleet, type FleetOptions } from '../fleet/index.ts'
import type { Cars } from '../model/cars.ts'
import type { ModelCharger } from '../model/link.ts'
import type { Built } from '../scenario/build.ts'

/** How a session of the model comes and goes at a box on the wire: seconds after the start of the scenario. */
type Visit = { readonly atS: number; readonly charger: number; readonly car: CarSpec | undefined }
/** A battery that nothing is known of: what it needs fills it from a fifth. */
const UNKNOWN_SOC = 0.2

/**
 * The chargers of a scenario as boxes that speak OCPP: odd ones 1.6, even ones 2.0.1, identities CP-00001 on, each with the quirks that the scenario gives it. Its
 * password hangs on its identity alone, so that one fleet file serves every scenario and seed: for simulations only.
 */
export const boxesOf = ({ setting }: Pick<Built, 'setting'>, sampleIntervalS: number): ChargerSpec[] =>
  setting.chargers.map((c, i): ChargerSpec => {
    const identity = `CP-${String(i + 1).padStart(5, '0')}`
    const phases = setting.fleet.chargers.phases[i] === 3 ? 3 : 1
    return {
      identity,
      version: i % 2 === 0 ? '1.6' : '2.0.1',
      password: demoPassword(0, identity),
      idTag: `TAG-${identity}`,
      vendor: 'Simulated',
      phases,
      maxA: Math.round(c.maxW / 230 / phases),
      cars: [undefined],
      sampleIntervalS,
      traits: traitsOf(c),
    }
  })
const traitsOf = (c: ModelCharger): Partial<NonNullable<ChargerSpec['traits']>> => ({
  ...(c.ignores ? { ignores: true } : {}),
  ...(c.rejects ? { rejectsAll: 'Rejected' } : {}),
  ...(c.onLinkLoss === 'resumes' ? { resumesOnLinkLoss: true } : c.onLinkLoss === 'dropsProfile' ? { dropsProfileOnDisconnect: true } : {}),
  losesRequest: c.requestLost ?? 0,
  losesAnswer: c.answerLost ?? 0,
  meterNoise: c.meterNoise ?? 0,
  clockSkewS: c.clockAheadS ?? 0,
  ownRandomDelayS: c.ownDelayS ?? 0,
  answerLagMs: c.latencyMs ?? 0,
})
/** The boxes draw from a number. */
const numberOf = (seed: string): number =>
  Number.isInteger(Number(seed)) ? Number(seed) : [...seed].reduce((h, x) => (h * 31 + x.charCodeAt(0)) | 0, 7)

/** Comings and goings in order of time, from `startS` on; whoever is there at the start comes with it. */
export function visitsOf(cars: Cars, chargers: readonly ModelCharger[], phases: ArrayLike<number>, startS: Second): Visit[] {
  const out: Visit[] = []
  for (let k = 0; k < cars.count; k++) {
    const charger = cars.charger[k]!
    const needWh = cars.needWh[k]!
    if (cars.departS[k]! <= startS || needWh <= 0) continue
    const batteryWh = Number.isFinite(cars.batteryWh[k]!) ? cars.batteryWh[k]! : needWh / (1 - UNKNOWN_SOC)
    const of = phases[charger] === 3 ? 3 : 1
    const car: CarSpec = {
      phases: of,
      maxA: Math.min(cars.maxW[k]!, chargers[charger]!.maxW) / 230 / of,
      batteryWh,
      soc: Math.max(0, 1 - needWh / batteryWh),
      wakesAfterPause: cars.wakes[k] === 1,
      wakeS: cars.wakeS[k]!,
    }
    out.push({ atS: Math.max(0, cars.arriveS[k]! - startS), charger, car })
    out.push({ atS: cars.departS[k]! - startS, charger, car: undefined })
  }
  // who leaves makes room for who comes at that moment
  return out.sort((a, b) => a.atS - b.atS || Number(a.car !== undefined) - Number(b.car !== undefined) || a.charger - b.charger)
}

export type LiveFleet = Fleet & {
  /** Cars come and go up to this many seconds after the start. */
  visit(atS: number): void
}
/** The fleet of a scenario against any central system. Its clock runs from now, `timeScale` times as fast. */
export function createLiveFleet(
  built: Pick<Built, 'setting' | 'seed' | 'startS'>,
  options: Omit<FleetOptions, 'chargers' | 'seed'> & { readonly sampleIntervalS?: number },
): LiveFleet {
  const { sampleIntervalS = 60, ...rest } = options
  const { chargers, cars, fleet: told } = built.setting
  const fleet = createFleet({ ...rest, chargers: boxesOf(built, sampleIntervalS), seed: numberOf(built.seed) })
  const visits = visitsOf(cars, chargers, told.chargers.phases, built.startS)
  let next = 0
  return {
    ...fleet,
    visit(atS) {
      for (; next < visits.length && visits[next]!.atS <= atS; next++) {
        const { charger, car } = visits[next]!
        if (car) fleet.chargers[charger]!.plugIn(1, car)
        else fleet.chargers[charger]!.unplug(1)
      }
    },
  }
}
