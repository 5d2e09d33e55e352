import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { stepsFrom } from './support/fleetLog.ts'
import { until } from './support/until.ts'
import { insist, isLong, letter, startWorld, version, type World } from './support/world.ts'

const CHARGERS = 200
const WINDOW_S = 8
const RESTORE_S = isLong ? 60 : 20
/** The worst stretch that is looked at: a tenth of the restore window. */
const STRETCH_S = RESTORE_S / 10
/** Schedules are in whole seconds, and the simulated boxes look at theirs four times a second. */
const TICK_S = 1.25

/** The most of `at` that lie within `lengthS` of each other. */
function worst(at: readonly number[], lengthS: number): number {
  const sorted = [...at].sort((a, b) => a - b)
  return Math.max(...sorted.map((from, k) => sorted.slice(k).filter(s => s < from + lengthS).length))
}

type Load = { readonly atMs: number; readonly totalW: number }
/** The largest rise within `lengthS`, as a share of the whole rise after `fromS`. */
function steepest(all: readonly Load[], lengthS: number, fromS: number): number {
  const loads = all.filter(l => l.atMs / 1000 > fromS - 3)
  const wholeW = loads.at(-1)!.totalW - loads[0]!.totalW
  const rises = loads.map((l, k) =>
    Math.max(
      ...loads
        .slice(k)
        .filter(x => x.atMs < l.atMs + lengthS * 1000)
        .map(x => x.totalW - l.totalW),
    ),
  )
  return Math.max(...rises) / wholeW
}

describe(`serve is killed for good after the ramp (${version})`, () => {
  let world: World
  beforeAll(async () => {
    // No box that loses its limit with the link: those come back in one step, by their own doing, and are counted as lost.
    world = await startWorld({
      chargers: CHARGERS,
      fleet: { lag: 0, reject: 0, resume: 0, ignore: 0, offline: 0, 'status-every': 0.25 },
    })
  }, 120_000)
  afterAll(() => world?.close())
  const loads = (): Load[] => {
    const text = world.fleet().stdout()
    return text
      .slice(0, text.lastIndexOf('\n'))
      .split('\n')
      .map(line => JSON.parse(line))
  }

  test(`${CHARGERS} chargers come back by themselves, spread over ${RESTORE_S} s, measured at the chargers`, async () => {
    const body = letter('orphan', { a: 6 }, { durationS: WINDOW_S + 6, windowS: WINDOW_S, restoreWindowS: RESTORE_S })
    const { body: answer } = await insist(() => world.dso.dispatch(body))
    const endS = Date.parse(String(answer['until'])) / 1000
    await until(
      'all obey',
      () => world.log.limited(),
      n => n === CHARGERS,
      (WINDOW_S + 5) * 1000,
    )
    expect(Date.now() / 1000).toBeLessThan(endS)
    await world.kill()
    await until(
      'all are free',
      () => world.log.limited(),
      n => n === 0,
      (RESTORE_S + 30) * 1000,
    )

    const promisedS = world.log.calls('SetChargingProfile').map(c => {
      const spec = world.specs.find(s => s.identity === c.identity)!
      return stepsFrom(c.payload, spec, c.atMs / 1000).at(-1)!.toS
    })
    expect(promisedS).toHaveLength(CHARGERS)
    const released = [...world.log.latest().values()]
    const releasedS = released.map(c => c.atMs / 1000)
    // The boxes' clocks are up to two seconds wrong, as real ones are; a schedule is kept by the clock of its box.
    const byOwnClockS = released.map(c => c.atMs / 1000 + (world.specs.find(s => s.identity === c.identity)!.traits?.clockSkewS ?? 0))
    expect(Math.min(...promisedS)).toBeGreaterThanOrEqual(endS)
    expect(Math.max(...promisedS)).toBeLessThanOrEqual(endS + RESTORE_S)
    expect(Math.min(...byOwnClockS)).toBeGreaterThanOrEqual(endS)
    expect(Math.max(...byOwnClockS)).toBeLessThanOrEqual(endS + RESTORE_S + 3)
    // They use the window: first and last are near its edges.
    expect(Math.min(...byOwnClockS)).toBeLessThan(endS + STRETCH_S + TICK_S)
    expect(Math.max(...byOwnClockS)).toBeGreaterThan(endS + RESTORE_S - STRETCH_S - TICK_S)

    const ideal = STRETCH_S / RESTORE_S
    const tick = TICK_S / RESTORE_S
    // A stretch that is open at its end holds just its seconds: by what the boxes were told, the stagger's own bound.
    expect(worst(promisedS, STRETCH_S) / CHARGERS).toBeLessThanOrEqual(ideal + 3 / CHARGERS)
    expect(worst(byOwnClockS, STRETCH_S) / CHARGERS).toBeLessThanOrEqual(ideal + 3 / CHARGERS + tick)
    // As the feeder sees it: heads by true time, and their load. Chance has its say in both, one step would be all of them.
    expect(worst(releasedS, STRETCH_S) / CHARGERS).toBeLessThanOrEqual(0.25)
    expect(steepest(loads(), STRETCH_S, endS)).toBeLessThanOrEqual(0.4)
    // The log lives on without its bridge.
    expect(await world.verify()).toMatchObject({ code: 0 })
  }, 180_000)
})
