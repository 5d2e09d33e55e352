import type { Input, Programme, Second, Target } from '../../src/core/model.ts'
import type { Zone } from '../../src/core/verify/calendar.ts'
import { DAY_S, localDay, midnightS, offsetS } from '../../src/core/verify/calendar.ts'
import { between, normal, pick, stream } from '../fleet/chance.ts'
import { type CarSession, carsOf } from '../model/cars.ts'
import type { ModelCharger } from '../model/link.ts'
import { drawnDay, dundeeDays, outletDays } from '../model/real.ts'
import type { WorldSetting } from '../model/world.ts'
import { acnSessions } from '../reference/sessions.ts'
import { type ChargerSpec, everyoneEnrolled, fleetOf, nodesOfKind } from '../virtual/fleet.ts'
import { type Expected, expectedOf } from './asked.ts'
import { instantOf, onDay } from './clock.ts'
import { readNamed } from './files.ts'
import { type Incident, incidentsOf, scriptsOf } from './incidents.ts'
import { kindOf, nodeOf } from './nodes.ts'
import { ScenarioError } from './read.ts'
import type { Scenario } from './schema.ts'

export type Built = {
  readonly setting: WorldSetting
  readonly startS: Second
  readonly endS: Second
  readonly zone: Zone
  readonly seed: string
  readonly offline: readonly number[]
  /** Sessions that found their outlet occupied. */
  readonly dropped: number
  readonly incidents: readonly Incident[]
  /** What operators will say. */
  readonly expected: Expected
}

/**
 * The world of a scenario before anything happens in it. Each charger draws what it is, its faults and its cars from streams of its own: one more charger
 * shifts nobody else. Files are looked for from `folder`.
 */
export function build(scenario: Scenario, { seed = scenario.seed, folder = '.' }: { seed?: number | string; folder?: string } = {}): Built {
  const zone = scenario.zone as Zone
  const root = String(seed)
  const startS = instantOf(zone, scenario.start, 0)
  const endS = instantOf(zone, scenario.end, 0)
  if (endS <= startS) throw new ScenarioError([`end: ${scenario.end} is not after the start`])
  const { fleet: f } = scenario
  const kinds = Array.from({ length: f.chargers }, (_, i) =>
    pick(
      stream(root, `kind ${i}`),
      f.kinds.map(k => [k.weight, k] as const),
    ),
  )
  const backends = [...new Set(f.kinds.flatMap(k => k.backend ?? []))]
  const specs = kinds.map(
    (k): ChargerSpec => ({ phases: k.phases, maxA: k.maxA, onLinkLoss: k.onLinkLoss, ownDelayS: k.tellsOwnDelay ? k.ownDelayS : 0 }),
  )
  const told = fleetOf(specs, f)
  const group = Uint16Array.from(kinds, k => (k.backend === undefined ? 0 : backends.indexOf(k.backend) + 1))
  const fleet = backends.length === 0 ? told : { ...told, chargers: { ...told.chargers, group } }
  const incidents = incidentsOf(scenario, { fleet, kinds, zone, startS, seed: root })
  const scripts = scriptsOf(incidents)
  const has = (i: number, what: 'rejects' | 'ignores' | 'offline') => stream(root, `${what} ${i}`)() < f.faults[what]
  const chargers = kinds.map(
    (k, i): ModelCharger => ({
      no: i,
      station: fleet.chargers.station[i]!,
      minW: fleet.chargers.minW[i]!,
      maxW: fleet.chargers.maxW[i]!,
      onLinkLoss: k.onLinkLoss,
      ignores: has(i, 'ignores'),
      rejects: has(i, 'rejects'),
      requestLost: f.faults.requestLost,
      answerLost: f.faults.answerLost,
      latencyMs: k.latencyMs,
      ownDelayS: k.ownDelayS,
      ...(k.clockS ? { clockAheadS: Math.round(between(stream(root, `clock ${i}`), -k.clockS, k.clockS)) } : {}),
      meterNoise: k.meterNoise,
      sampleS: k.sampleS,
      ...scripts.get(i),
    }),
  )
  const sessions = sessionsOf(scenario, chargers, { zone, startS, endS, seed: root, folder })
  const { cars, dropped } = carsOf(
    f.chargers,
    mannered(
      scenario,
      root,
      sessions.map(x => underWay(x, chargers[x.charger], startS)),
    ),
  )
  return {
    setting: {
      startMs: startS * 1000,
      seed: root,
      fleet,
      terms: scenario.programmes.flatMap(({ authorize: _, ...p }): Input[] => [
        { kind: 'programme', programme: { ...p, version: 1 } as Programme },
        everyoneEnrolled(f.chargers, p.id),
      ]),
      chargers,
      cars,
      // all of it is looked at in the end
      keepMs: Math.max(86_400, endS - startS) * 1000,
    },
    startS,
    endS,
    zone,
    seed: root,
    incidents,
    offline: chargers.filter(c => has(c.no, 'offline')).map(c => c.no),
    dropped: dropped.length,
    expected: placedIn(fleet, expectedOf(scenario, folder)),
  }
}

type When = { readonly zone: Zone; readonly startS: Second; readonly endS: Second; readonly seed: string; readonly folder: string }
function sessionsOf({ cars }: Scenario, chargers: readonly ModelCharger[], when: When): CarSession[] {
  switch (cars.from) {
    case 'dundee':
      return everyDay(when, (midnight, seed) =>
        drawnDay(dundeeDays(), chargers, { midnightS: midnight, perCharger: cars.perCharger, seed }),
      )
    case 'file': {
      const { days, rejected } = outletDays(readNamed(when.folder, cars.path).toString('utf8'))
      if (rejected.length > 0) throw new ScenarioError(rejected.map(text => `${cars.path}: ${text}`))
      return everyDay(when, (midnight, seed) => drawnDay(days, chargers, { midnightS: midnight, perCharger: cars.perCharger, seed }))
    }
    case 'acn':
      return acnCars(cars, readNamed(when.folder, cars.path).toString('utf8'), chargers, when)
    case 'drawn':
      return everyDay(when, (midnight, seed) => chargers.flatMap(c => drawnCar(cars, c, midnight, seed, when)))
  }
}
/** The day before the start as well, for the cars that are there when it begins. */
function everyDay({ zone, startS, endS, seed }: When, drawn: (midnight: Second, seed: string) => CarSession[]): CarSession[] {
  const out: CarSession[] = []
  for (let day = localDay(zone, startS) - 1; midnightS(zone, day) < endS; day++)
    out.push(...drawn(midnightS(zone, day), `${seed} day ${day}`))
  return out.filter(x => x.departS > startS && x.arriveS < endS)
}
type Acn = Extract<Scenario['cars'], { from: 'acn' }>
/** Station k of the export is charger k, in order of first arrival. */
function acnCars(acn: Acn, csv: string, chargers: readonly ModelCharger[], when: When): CarSession[] {
  const { sessions, station } = acnSessions(csv, acn.path)
  const numbers = new Map<string, number>()
  for (const name of station) if (!numbers.has(name)) numbers.set(name, numbers.size)
  const at = periodsOf(acn, when)
  return station
    .map((name, k) => ({
      charger: numbers.get(name)!,
      arriveS: at(sessions.arrival[k]!),
      departS: at(sessions.departure[k]!),
      needWh: sessions.energyWh[k]!,
      maxW: sessions.maxW[k]!,
    }))
    .filter(x => x.charger < chargers.length && x.departS > when.startS)
}
/** Periods count real time, also over a change of the clock; people come and go by their own clock, which changes on other days elsewhere. */
function periodsOf({ begins, zone }: Acn, when: When): (period: number) => Second {
  if (begins === undefined) return period => when.startS + 300 * period
  const there = zone as Zone
  const beganS = instantOf(there, begins, 0)
  return period => {
    const s = beganS + 300 * period
    const day = localDay(there, s) - localDay(there, beganS)
    return onDay(when.zone, localDay(when.zone, when.startS) + day, (s + offsetS(there, s)) % DAY_S)
  }
}
function drawnCar(
  cars: Extract<Scenario['cars'], { from: 'drawn' }>,
  { no, maxW }: ModelCharger,
  midnight: Second,
  seed: string,
  { zone }: When,
): CarSession[] {
  const chance = stream(seed, `cars ${no}`)
  if (chance() >= cars.share) return []
  const arriveS = Math.round(
    instantOf(zone, cars.arrival.slice(-8).replace(/^.*T/, ''), midnight) + normal(chance) * cars.arrivalDeviationS,
  )
  const staysS = Math.max(600, Math.round(cars.stayS + normal(chance) * cars.stayDeviationS))
  const needWh = Math.min(between(chance, ...cars.energyWh), (0.9 * staysS * maxW) / 3_600)
  return [{ charger: no, arriveS, departS: arriveS + staysS, needWh, maxW, batteryWh: Math.max(cars.batteryWh, needWh) }]
}
/** A car that came before the start has charged since, limited by nobody: else all of them would begin at once. */
function underWay(x: CarSession, charger: ModelCharger | undefined, startS: Second): CarSession {
  const takenWh = (Math.max(0, startS - x.arriveS) * Math.min(x.maxW, charger?.maxW ?? x.maxW)) / 3_600
  return takenWh === 0 ? x : { ...x, needWh: Math.max(0, x.needWh - takenWh) }
}
function mannered({ manners }: Scenario, seed: string, sessions: readonly CarSession[]): CarSession[] {
  return sessions.map(x => {
    const chance = stream(seed, `manners ${x.charger} ${x.arriveS}`)
    return { ...x, wakes: chance() >= manners.neverWakes, wakeS: manners.wakeS, tells: chance() < manners.tells }
  })
}

/** What only looks like a place of this fleet is a target that nobody knows: its event is then shown for all. */
function placedIn(fleet: Pick<Input & { kind: 'fleet' }, 'nodes'>, expected: Expected): Expected {
  const isThere = (place: string) => place === 'all' || Number(place.split('/')[1]) < nodesOfKind(fleet.nodes, kindOf(place)).length
  const handed = expected.handed.map(h => ({ ...h, events: h.events.map(e => (isThere(e.place) ? e : { ...e, place: 'all' })) }))
  return { ...expected, handed }
}
export const targetsOf = (fleet: Pick<Input & { kind: 'fleet' }, 'nodes'>, place: string): readonly Target[] => [
  { kind: 'node', node: nodeOf(fleet, place) },
]
