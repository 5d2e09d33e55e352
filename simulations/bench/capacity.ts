import { apply, beginTurn } from '../../src/core/apply.ts'
import { forecast } from '../../src/core/capacity.ts'
import { learn, scored } from '../../src/core/reliability.ts'
import { emptyState, type State } from '../../src/core/state.ts'
import { everyoneEnrolled, fleetOf, testProgramme } from '../virtual/fleet.ts'
import { numberFlag, print, round } from './flags.ts'
import { answersOf, outageOf, type Truth, trialsOf, truthOf, uniforms } from './trials.ts'

const START_S = 1_790_000_000
const SPREAD_S = 600
const WITHIN_S = [120, 300, 600, 900] as const

/**
 * Does what a node is said to give within N seconds come true? 2,000 chargers as in `deliver`, with a random window of 600 s. Each event other cars are
 * there (60 %) at other powers, 3 % of the boxes are offline, 2 % of the drivers have opted out, and N is one of 120, 300, 600, 900 s. What the
 * forecast cannot know happens as well: 2 % of the cars end by themselves, 1 % of the drivers override, the meter is off by up to 1 %, and in 10 % of
 * the events a vendor is out. It learns from past events alone, the first 100 of which are not counted. `widthMean`: (p90 - p10) / p50.
 */
export async function run(args: string[]): Promise<void> {
  const events = numberFlag(args, 'events', 500)
  const burnIn = 100
  const seed = numberFlag(args, 'seed', 1)
  const truth = truthOf(2_000, 5, `fleet ${seed}`)
  const s = stateOf(truth)
  let [inside, below, width, error] = [0, 0, 0, 0]
  for (let k = 0; k < events + burnIn; k++) {
    const seen = event(s, truth, `${seed} capacity ${k}`, k)
    scored(s.learned, seen.isInside)
    if (k < burnIn) continue
    if (seen.isInside) inside++
    else if (seen.gaveW < seen.p10W) below++
    width += (seen.p90W - seen.p10W) / seen.p50W
    error += Math.abs(seen.gaveW - seen.p50W) / seen.p50W
  }
  print({
    bench: 'capacity',
    events,
    insideP10P90: round(inside / events),
    belowP10: round(below / events),
    widthMean: round(width / events),
    errorMean: round(error / events),
  })
}

function stateOf(t: Truth): State {
  const s = emptyState()
  const fleet = fleetOf(Array.from({ length: t.n }, () => ({ reliability: 830 })))
  beginTurn(s, 1, START_S * 1000)
  apply(s, { ...fleet, chargers: { ...fleet.chargers, group: t.vendor } })
  apply(s, { kind: 'programme', programme: testProgramme({ startSpreadS: SPREAD_S }) })
  apply(s, everyoneEnrolled(t.n))
  return s
}

/** One event: who is there, what the product expects, what comes. */
function event(s: State, t: Truth, name: string, k: number) {
  const nowS = START_S + 86_400 * k
  const u = (what: string) => uniforms(t.n, `${name} ${what}`)
  const [there, power, linked, opted, own, overrides, turn] = ['there', 'power', 'linked', 'opted', 'own', 'overrides', 'turn'].map(u)
  beginTurn(s, k + 2, nowS * 1000)
  apply(s, { kind: 'link', stations: s.fleet.station, up: Uint8Array.from(linked!, x => (x < 0.97 ? 1 : 0)) })
  const out = Uint32Array.from([...opted!.keys()].filter(i => opted![i]! < 0.02))
  apply(s, { kind: 'optOut', who: out, fromS: nowS, toS: nowS + 3_600, reason: 'driver' })
  const drawsW = Float64Array.from(there!, (x, i) => (x < 0.6 ? t.powerW[i]! * (0.7 + 0.3 * power![i]!) : 0))
  const withinS = WITHIN_S[k % WITHIN_S.length]!
  const latest = { powerW: drawsW, atMs: new Float64Array(t.n).fill(nowS * 1000) }
  const expected = forecast(s, [{ kind: 'node', node: 0 }], latest, nowS * 1000, withinS)
  const obeys = answersOf(t, name, outageOf(t, `${name} outage`, 0.1))
  const told = Uint8Array.from(drawsW, (w, i) => (w > 0 && linked![i]! < 0.97 && opted![i]! >= 0.02 ? 1 : 0))
  const gives = obeys.map((x, i) => (told[i] === 1 && overrides![i]! >= 0.01 ? x : 0))
  let gaveW = 0
  for (let i = 0; i < t.n; i++) if ((gives[i] === 1 && turn![i]! * SPREAD_S <= withinS - 30) || own![i]! < 0.02) gaveW += drawsW[i]!
  gaveW *= 0.99 + 0.02 * uniforms(1, `${name} meter`)[0]!
  learn(s.learned, s.fleet, trialsOf(told, gives))
  return { ...expected, gaveW, isInside: expected.p10W <= gaveW && gaveW <= expected.p90W }
}
