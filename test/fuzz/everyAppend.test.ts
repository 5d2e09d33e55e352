import { expect, it } from 'vitest'
import { play, type Scenario, type Step } from './world.ts'

const signal = (change: Partial<Step & { kind: 'signal' }>): Step => ({
  kind: 'signal',
  atMin: 0,
  id: 'a',
  revision: 0,
  startMin: 10,
  lengthMin: 40,
  spreadS: 600,
  cancelled: false,
  class: 'contracted',
  ask: { kind: 'limitEach', limitW: 1_400 },
  test: false,
  ...change,
})
/** An afternoon with a bit of everything: two operators, an emergency, an opt-out, links that flap, a refusal, lost answers. */
const afternoon: Scenario = {
  seed: 'every append',
  steps: [
    signal({}),
    signal({ atMin: 5, id: 'b', ask: { kind: 'keep', fraction: 0.4 }, spreadS: 30 }),
    { kind: 'link', atMin: 8, charger: 2, up: false },
    // short: in an emergency we look every 10 s, and each look is an append like the one before
    signal({ atMin: 15, id: 'c', class: 'emergency', startMin: 0, lengthMin: 4, spreadS: 0, ask: { kind: 'cap', totalW: 20_000 } }),
    { kind: 'optOut', atMin: 16, charger: 4, startMin: 16, lengthMin: 60 },
    { kind: 'link', atMin: 17, charger: 2, up: true },
    { kind: 'storm', atMin: 18 },
    signal({ atMin: 30, revision: 1, startMin: 0, lengthMin: 60, ask: { kind: 'shed', totalW: 8_000 } }),
    signal({ atMin: 50, revision: 2, cancelled: true }),
  ],
  faultShare: 0.2,
  rejecting: [5],
  ignoring: [6],
  depths: [0, 2, 24],
}

// A quarter of the twins a run, another quarter by another seed; with FUZZ_RUNS, as in CI, all of them.
const all = process.env.FUZZ_RUNS !== undefined
const seed = Number(process.env.FUZZ_SEED ?? Date.now() % 2 ** 31)
const twins = (atAppend: number): boolean[] => [false, true].filter(written => all || (2 * atAppend + Number(written) + seed) % 4 === 0)

it(`dies in every single append, written or not (${all ? 'each' : `in turn, FUZZ_SEED=${seed}`}), and is asked for a change in its next turn: the promises are kept`, async () => {
  let appends = 0
  expect(await play({ ...afternoon, counted: n => (appends = n) })).toBeUndefined()
  expect(appends).toBeGreaterThan(30)
  for (let atAppend = 1; atAppend <= appends; atAppend++)
    for (const written of twins(atAppend))
      expect(
        await play({ ...afternoon, dies: { atAppend, written } }),
        `append ${atAppend}, ${written ? 'written' : 'nothing written'}`,
      ).toBeUndefined()
}, 300_000)
