import { existsSync, readFileSync } from 'node:fs'
import { performance } from 'node:perf_hooks'
import type { GridEvent } from '../../src/core/model.ts'
import { between, normal, stream } from '../fleet/chance.ts'
import { carsOf } from '../model/cars.ts'
import { drawnDay, dundeeDays } from '../model/real.ts'
import { createWorld } from '../model/world.ts'
import { algorithms, demandsMet, play, sum } from '../reference/algorithms.ts'
import { acnSessions, type Sessions, sessionsOf } from '../reference/sessions.ts'
import { everyoneEnrolled, fleetOf, testProgramme } from '../virtual/fleet.ts'
import { median, numberFlag, print, round } from './flags.ts'

/** Wednesday 20 June 2018 in Dundee, which is at UTC+1. */
const midnightS = Date.UTC(2018, 5, 19, 23) / 1000
const eventS = midnightS + 18 * 3_600

/**
 * A day of a fleet in the product's own engine: real sessions of Dundee's 7 and 22 kW outlets, steps of a minute in which every charger is metered, a
 * reduction of an hour at 18:00 that is planned, checked, answered, recorded in a hashed journal and verified. Then the reference schedulers.
 */
export async function run(args: string[]): Promise<void> {
  const chargers = numberFlag(args, 'chargers', 10_000)
  print(await day(chargers))
  const caltech = new URL('../../../../shared/data/acn-caltech-2019-03/', import.meta.url)
  const sources: [string, Sessions, number][] = [['synthetic', synthetic(1_000), 0.3 * 1_000 * 7_360]]
  if (existsSync(caltech)) {
    const { sessions } = acnSessions(csvIn(caltech))
    sources.unshift(['caltech', sessions, 0.3 * 54 * 6_600])
  }
  for (const [source, sessions, capW] of sources)
    for (const algorithm of algorithms) {
      const times: number[] = []
      let outcome = play(sessions, algorithm, { periodS: 300, capW })
      for (let k = 0; k < 5; k++) {
        const started = performance.now()
        outcome = play(sessions, algorithm, { periodS: 300, capW })
        times.push(performance.now() - started)
      }
      print({
        bench: 'reference',
        source,
        algorithm,
        sessions: sessions.count,
        ms: round(median(times)),
        energyKWh: round(sum(outcome.deliveredWh) / 1000),
        demandsMet: round(demandsMet(sessions, outcome)),
        peakKW: round(outcome.peakW / 1000),
      })
    }
}
const csvIn = (folder: URL): string => readFileSync(new URL('sessions.csv', folder), 'utf8')

async function day(count: number): Promise<Parameters<typeof print>[0]> {
  const outlets = dundeeDays()
  const specs = Array.from({ length: count }, (_, i) => ({ phases: i % 3 ? 1 : 3, maxA: 32 }) as const)
  const fleet = fleetOf(specs)
  const of = fleet.chargers
  const chargers = Array.from(of.no, no => ({
    no,
    station: of.station[no]!,
    minW: of.minW[no]!,
    maxW: of.maxW[no]!,
    onLinkLoss: 'holds' as const,
    ignores: false,
  }))
  const { cars } = carsOf(count, drawnDay(outlets, chargers, { midnightS, perCharger: 1, seed: 'bench' }))
  const started = performance.now()
  const world = await createWorld({
    startMs: midnightS * 1000,
    seed: 'bench',
    fleet,
    terms: [{ kind: 'programme', programme: testProgramme() }, everyoneEnrolled(count)],
    chargers,
    cars,
  })
  let steps = 0
  world.model.onMinute(() => void steps++)
  await world.until((eventS - 1_800) * 1000)
  let drawsW = 0
  let plugged = 0
  for (const c of chargers) {
    drawsW += world.model.physics.powerW(c.no)
    if (world.model.physics.isPlugged(c.no)) plugged++
  }
  await world.submit(event(Math.round(drawsW / 2)))
  await world.until((midnightS + 86_400) * 1000)
  const ms = performance.now() - started
  const verified = world.facts.map(f => f.fact).find(f => f.kind === 'verified')
  return {
    bench: 'sim',
    chargers: count,
    steps,
    ms: round(ms),
    chargerStepsPerS: Math.round((count * steps) / (ms / 1000)),
    pluggedShare: round(plugged / count),
    energyWh: Math.round(world.model.physics.registerWh.reduce((a, b) => a + b, 0)),
    commands: world.model.commands.length,
    verdict: verified?.verification.verdict ?? 'none',
  }
}
function event(totalW: number): GridEvent {
  return {
    id: 'bench:evening',
    source: { adapter: 'bench', peer: 'dso', credential: '' },
    upstreamRef: 'evening',
    revision: 0,
    class: 'contracted',
    programme: 'flex',
    targets: [{ kind: 'node', node: 0 }],
    intervals: [{ fromS: eventS, toS: eventS + 3_600, ask: { kind: 'shed', totalW } }],
    spread: 'programme',
    priority: 5,
    stopAtOnce: false,
    test: false,
    duties: { ack: true, started: true, completed: true, telemetryEveryS: 0 },
    liveness: null,
    basis: null,
    rawHash: '',
  }
}

/** Cars that come around six in the evening and stay the night (the layout of ../shared/data/acnsim-reference). */
function synthetic(count: number): Sessions {
  const chance = stream('reference', 'sessions')
  return sessionsOf(
    Array.from({ length: count }, () => {
      const arrival = Math.max(0, Math.round((18 + 2 * normal(chance)) * 12))
      const stay = Math.max(12, Math.round((11 + 2 * normal(chance)) * 12))
      const energyWh = Math.min(between(chance, 5_000, 40_000), (0.9 * stay * 7_360) / 12)
      return { arrival, departure: arrival + stay, energyWh, maxW: 7_360 }
    }),
  )
}
