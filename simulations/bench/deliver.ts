import { draws } from '../../src/core/draw.ts'
import { type Candidates, pick } from '../../src/core/pick.ts'
import { commonOf, learn } from '../../src/core/reliability.ts'
import { numberFlag, print, round } from './flags.ts'
import { answersOf, deliveredW, type Known, outageOf, seedOf, type Truth, trialsOf, truthOf, uniforms, untried } from './trials.ts'

type Planner = (of: Candidates, targetW: number, seed: Uint8Array) => Uint8Array
type Score = { readonly metShare: number; readonly overDelivery: number }
type World = {
  readonly truth: Truth
  readonly burnIn: number
  readonly targets: Float64Array
  readonly answers: readonly Uint8Array[]
}

/**
 * Does the ask get met, and how much more than asked is given for that? 2,000 chargers of five vendors, each obeying by its own chance from Beta(8, 2)
 * or Beta(4, 4); in 10 % of the events one vendor, drawn anew, does not answer at all. The planner is the product's: `learn` from past events' verdicts,
 * `pick` in drawn order; the first 200 events only teach. `overDelivery`: mean of max(0, delivered / target - 1) over the events: what falls short
 * in others is not set against it. The naive one takes chargers in the same order until `k` x target is expected by the same learned chances of
 * each, in a history of its own; `k` is tuned, with hindsight, to the same share met.
 */
export async function run(args: string[]): Promise<void> {
  const events = numberFlag(args, 'events', 1_000)
  const confidence = numberFlag(args, 'confidence', 0.97)
  const seed = numberFlag(args, 'seed', 1)
  const vendors = numberFlag(args, 'vendors', 5)
  const world = worldOf({ events, burnIn: 200, chargers: numberFlag(args, 'chargers', 2_000), vendors, outages: 0.1, seed })
  const ours = play(world, byConfidence(confidence))
  const { k, score: naive } = tuned(world, ours.metShare)
  print({
    bench: 'deliver',
    events,
    confidence,
    metShare: round(ours.metShare),
    overDelivery: round(ours.overDelivery),
    naiveOverDeliveryAtEqual: round(naive.overDelivery),
    naiveMetShare: round(naive.metShare),
    naiveFactor: round(k),
    ratio: round(ours.overDelivery / naive.overDelivery),
  })
}

function worldOf(of: { events: number; burnIn: number; chargers: number; vendors: number; outages: number; seed: number }): World {
  const truth = truthOf(of.chargers, of.vendors, `fleet ${of.seed}`)
  const all = of.events + of.burnIn
  const ratedW = truth.powerW.reduce((a, b) => a + b, 0)
  const names = Array.from({ length: all }, (_, k) => `${of.seed} event ${k}`)
  return {
    truth,
    burnIn: of.burnIn,
    targets: uniforms(all, `${of.seed} targets`).map(u => ratedW * (0.05 + 0.2 * u)),
    answers: names.map(name => answersOf(truth, name, outageOf(truth, `${name} outage`, of.outages))),
  }
}

function play({ truth, burnIn, targets, answers }: World, planner: Planner): Score {
  const known = untried(truth)
  let [met, over] = [0, 0]
  answers.forEach((obeyed, k) => {
    const seed = seedOf(`seed ${k}`)
    const takes = planner(candidates(truth, known, draws(truth.n, seed, 'order')), targets[k]!, seed)
    const share = deliveredW(truth, takes, obeyed) / targets[k]!
    learn(known.learned, known.fleet, trialsOf(takes, obeyed))
    if (k < burnIn) return
    if (share >= 1) met++
    over += Math.max(0, share - 1)
  })
  const counted = answers.length - burnIn
  return { metShare: met / counted, overDelivery: over / counted }
}
function candidates(truth: Truth, { fleet, learned }: Known, order: Uint32Array): Candidates {
  const all = Uint32Array.from({ length: truth.n }, (_, i) => i)
  const chance = Float64Array.from(fleet.reliability, r => r / 1000)
  return { order, cutW: truth.powerW, chance, ...commonOf(learned, fleet, all) }
}

const byConfidence =
  (confidence: number): Planner =>
  (of, neededW, seed) =>
    pick(of, { neededW, confidence, meanW: neededW, seed }).takes
const byExpectation =
  (k: number): Planner =>
  (of, neededW, seed) =>
    pick(of, { neededW, confidence: 0, meanW: k * neededW, seed }).takes

/** The least factor, to a thousandth, with which the naive planner meets as many. */
function tuned(world: World, metShare: number): { k: number; score: Score } {
  let [low, high] = [1, 2]
  while (high - low > 0.001) {
    const mid = (low + high) / 2
    if (play(world, byExpectation(mid)).metShare >= metShare) high = mid
    else low = mid
  }
  return { k: high, score: play(world, byExpectation(high)) }
}
