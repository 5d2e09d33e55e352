import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { until } from './support/until.ts'
import { insist, isLong, letter, startWorld, version, type World } from './support/world.ts'

const CHARGERS = 200
const WINDOW_S = 8
const RESTORE_S = isLong ? 60 : 20
/** The worst stretch that is looked at: a tenth of the restore window. */
const STRETCH_S = RESTORE_S / 10

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
    const body = letter('orphan', { a: 6 }, { durationS: WINDOW_S + 12, windowS: WINDOW_S, restoreWindowS: RESTORE_S })
    const { body: answer } = await insist(() => world.dso.dispatch(body))
    const endS = Date.parse(String(answer['until'])) / 1000
    await until(
      'all obey',
      () => world.log.limited(),
      n => n === CHARGERS,
      (WINDOW_S + 10) * 1000,
    )
    expect(Date.now() / 1000).toBeLessThan(endS)
    const plannedS = await Promise.all(
      world.specs.map(async ({ identity }) => {
        const { limited, next } = JSON.parse(await world.get(`/v1/chargers/${identity}/limits`))
        return Date.parse((next.at(-1) ?? limited).until) / 1000
      }),
    )
    await world.kill()
    await until(
      'all are free',
      () => world.log.limited(),
      n => n === 0,
      (RESTORE_S + 30) * 1000,
    )

    // The stagger itself, as planned: a stretch that is open at its end holds just its seconds.
    expect(Math.min(...plannedS)).toBeGreaterThanOrEqual(endS)
    expect(Math.max(...plannedS)).toBeLessThanOrEqual(endS + RESTORE_S)
    expect(worst(plannedS, STRETCH_S) / CHARGERS).toBeLessThanOrEqual(STRETCH_S / RESTORE_S + 3 / CHARGERS)

    // At the chargers: their clocks are up to two seconds wrong, as real ones are, and the bridge knows them to a second or so.
    const releasedS = [...world.log.latest().values()].map(c => c.atMs / 1000)
    expect(releasedS).toHaveLength(CHARGERS)
    expect(Math.min(...releasedS)).toBeGreaterThanOrEqual(endS - 2.5)
    expect(Math.max(...releasedS)).toBeLessThanOrEqual(endS + RESTORE_S + 3)
    // Schedules are in whole seconds, and the boxes look at theirs four times a second: more seldom where the machine is busy.
    const seen = loads().filter(l => l.atMs / 1000 > endS - 1)
    const tickS = 2 + Math.max(0.25, ...seen.slice(1).map((l, k) => (l.atMs - seen[k]!.atMs) / 1000))
    // They use the window: first and last are near its edges.
    expect(Math.min(...releasedS)).toBeLessThan(endS + STRETCH_S + tickS)
    expect(Math.max(...releasedS)).toBeGreaterThan(endS + RESTORE_S - STRETCH_S - tickS)
    expect(worst(releasedS, STRETCH_S) / CHARGERS).toBeLessThanOrEqual((STRETCH_S + tickS) / RESTORE_S + 3 / CHARGERS)
    // As the feeder feels it; boxes differ in size. One step would be all of it.
    expect(steepest(loads(), STRETCH_S, endS)).toBeLessThanOrEqual(0.4)
    // The log lives on without its bridge.
    expect(await world.verify()).toMatchObject({ code: 0 })
  }, 180_000)
})
