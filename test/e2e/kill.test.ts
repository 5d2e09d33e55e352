import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { stream } from '../../simulations/fleet/chance.ts'
import { changedMinds } from './support/fleetLog.ts'
import { reached, sleep, until } from './support/until.ts'
import { type Asked, insist, isLong, letter, startWorld, version, type World } from './support/world.ts'

const CHARGERS = 60
const KILLS = 2
const WINDOW_S = 8
const DURATION_S = 16
const SEED = Number(process.env['GRIDBRIDGE_SEED'] ?? Date.now() % 1_000_000)

type Story = {
  readonly name: string
  /** The first kill waits for the dispatch's 202; otherwise it may come before it, and the control room repeats itself. */
  readonly afterAnswer: boolean
  readonly fleet: Record<string, number>
  readonly asks: readonly Asked[]
}
const each: readonly Asked[] = [{ a: 8 }, { share: 0.5 }]
const stories: readonly Story[] = [
  {
    name: 'limits per charger, some refuse, some forget their limit with the link',
    afterAnswer: false,
    // Who ignores a limit is told otherwise on purpose, once its meter shows it.
    fleet: { lag: 0.15, reject: 0.05, resume: 0.05, ignore: 0, offline: 0 },
    asks: isLong ? [...each, ...each, ...each] : each.slice(0, 1),
  },
  {
    name: 'totals over all',
    // A total is shared by those who can be reached: one that comes in before the fleet is back is shared anew as it comes back.
    afterAnswer: true,
    // A refusal or a lost limit moves the shares of others, as it should: here nobody does that. A car draws 22 kW at most: a cut takes more than eight.
    fleet: { lag: 0.15, reject: 0, resume: 0, ignore: 0, offline: 0 },
    asks: isLong ? [{ totalKw: 150 }, { shedKw: 180 }, { totalKw: 100 }, { shedKw: 240 }] : [],
  },
]

describe(`kill -9 of serve during the stagger, ${KILLS * stories.reduce((n, s) => n + s.asks.length, 0)} times (${version}), seed ${SEED}`, () => {
  describe.for(stories.filter(s => s.asks.length > 0))('$name', ({ name, afterAnswer, fleet, asks }) => {
    const chance = stream(SEED, name)
    const acknowledged: string[] = []
    let tries = 0
    let world: World
    beforeAll(async () => {
      world = await startWorld({ chargers: CHARGERS, seed: SEED, fleet })
    }, 120_000)
    afterAll(() => world?.close())

    const verifyPasses = async (since: string) => {
      const checked = await world.verify(since)
      expect(checked, checked.stdout + checked.stderr).toMatchObject({ code: 0 })
    }
    const dies = async (afterMs: number, since: string) => {
      await sleep(afterMs)
      await world.kill()
      await verifyPasses(since)
      await world.serve()
      await verifyPasses(since)
      const known = (await world.json('event', 'list')) as { upstreamRef: string; state: string }[]
      for (const id of acknowledged) expect(known.filter(e => e.upstreamRef === id && e.state !== 'declined')).toHaveLength(1)
    }

    test.each(asks.map((ask, k) => [k + 1, ask] as const))(
      'event %i, %o: no accepted limit is told differently, everybody ends free, the log verifies',
      async (k, ask) => {
        // another try is another event
        const id = `kill-${k}-${++tries}`
        // Who has not come back from the last kill, or shows no power yet, has no part in a cut.
        await world.isThere()
        const kept = await world.keepCheckpoint(`${id}.checkpoint`)
        const beganMs = Date.now()
        const body = letter(id, ask, { durationS: DURATION_S, windowS: WINDOW_S, restoreWindowS: WINDOW_S })
        const answered = insist(() => world.dso.dispatch(body, `msg_${id}`)).then(reply => {
          acknowledged.push(id)
          return reply
        })
        // The first among the first frames and their answers, the next anywhere in the stagger.
        const moments = [chance() * 700, ...Array.from({ length: KILLS - 1 }, () => chance() * 3_000)]
        if (afterAnswer) await answered
        await dies(moments[0]!, kept)
        const { body: answer } = await answered
        for (const ms of moments.slice(1)) await dies(ms, kept)

        const endMs = Date.parse(String(answer['until']))
        await reached(endMs + (WINDOW_S + 1) * 1000)
        await until(
          'all are free',
          () => [...world.log.latest().values()].filter(c => c.limitW !== null || c.heldW !== null),
          left => left.length === 0,
          15_000,
        )
        const calls = world.log.calls().filter(c => c.atMs >= beganMs)
        const changed = changedMinds(calls, world.specs)
        expect(
          changed,
          `${calls
            .filter(c => changed.some(x => x.startsWith(c.identity)))
            .map(c => JSON.stringify(c))
            .join('\n')}\nkilled at ${moments.map(Math.round)} ms`,
        ).toEqual([])
        const obeyed = new Set(calls.filter(c => c.answer?.['status'] === 'Accepted').map(c => c.identity))
        expect(obeyed.size).toBeGreaterThanOrEqual('shedKw' in ask ? 8 : 20)
        await verifyPasses(kept)
      },
      120_000,
    )
  })
})
