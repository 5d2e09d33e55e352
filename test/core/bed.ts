import { createHash } from 'node:crypto'
import { type ChargerSpec, everyoneEnrolled, fleetOf, testProgramme } from '../../simulations/virtual/fleet.ts'
import { decide } from '../../src/core/decide.ts'
import {
  type Ask,
  type Fact,
  type GridEvent,
  type Input,
  type OutcomeKind,
  outcomeCode,
  type Programme,
  type Schedule,
} from '../../src/core/model.ts'
import { scheduleOf } from '../../src/core/rows.ts'
import { type EventState, emptyState, type State } from '../../src/core/state.ts'

/** A round second to count from: 2023-11-14 22:00 UTC. */
export const T = 1_700_000_400 - (1_700_000_400 % 3600)
export const at = { startS: 0, endS: 0, startShiftS: 0, endShiftS: 0, endFollowsStart: false }
export type Kind<K extends Fact['kind']> = Extract<Fact, { kind: K }>

export const eventOf = (change: Partial<GridEvent> = {}): GridEvent => ({
  id: 'a',
  source: { adapter: 't', peer: 'dno', credential: '' },
  upstreamRef: 'a',
  revision: 0,
  class: 'contracted',
  programme: 'flex',
  targets: [{ kind: 'node', node: 0 }],
  intervals: [{ fromS: T + 3600, toS: T + 7200, ask: { kind: 'off' } }],
  spread: at,
  priority: 5,
  stopAtOnce: false,
  test: false,
  duties: { ack: false, started: false, completed: false, telemetryEveryS: 0 },
  liveness: null,
  basis: null,
  rawHash: '',
  ...change,
})
export const during = (fromS: number, toS: number, ask: Ask): Pick<GridEvent, 'intervals'> => ({ intervals: [{ fromS, toS, ask }] })
export const seedOf = (text: string): Uint8Array => createHash('sha256').update(text).digest()

/** A fleet in a state, taken turn by turn through `decide`, as an operator would see it happen. */
export function bed(specs: readonly ChargerSpec[], programme: Partial<Programme> = {}, shape: Parameters<typeof fleetOf>[1] = {}) {
  const s: State = emptyState()
  const fleet = fleetOf(specs, shape)
  let nowS = T
  const turn = (...inputs: Input[]): Fact[] => decide(s, inputs, nowS * 1000)
  turn(fleet, { kind: 'programme', programme: testProgramme(programme) }, everyoneEnrolled(specs.length))
  const stationsOf = (who: readonly number[]) => Uint32Array.from(new Set(who.map(i => s.fleet.station[i]!)))
  const everyone = specs.map((_, i) => i)
  const link = (up: boolean, who: readonly number[] = everyone) => {
    const stations = stationsOf(who)
    return turn({ kind: 'link', stations, up: new Uint8Array(stations.length).fill(up ? 1 : 0) })
  }
  link(true)
  return {
    s,
    everyone,
    fleet,
    nowS: () => nowS,
    turn,
    link,
    /** It is `second`; nothing comes in. */
    until(second: number): Fact[] {
      nowS = second
      return turn()
    },
    signal: (change: Partial<GridEvent> = {}, seed = 'seed'): Fact[] =>
      turn({ kind: 'signal', event: eventOf(change), seed: seedOf(seed), raw: new Uint8Array(0) }),
    observed: (powerW: readonly number[], event = 0, who: readonly number[] = everyone): Fact[] =>
      turn({ kind: 'observed', event, who: Uint32Array.from(who), powerW: Int32Array.from(powerW) }),
    optOut: (who: number, fromS: number, toS: number): Fact[] =>
      turn({ kind: 'optOut', who: Uint32Array.of(who), fromS, toS, reason: 'driver' }),
    /** Everyone who was sent something answers. */
    answer: (kind: OutcomeKind, who: readonly number[] = everyone.filter(i => s.pending[i] !== 0xffffffff)): Fact[] =>
      turn({
        kind: 'outcome',
        who: Uint32Array.from(who),
        seq: Uint16Array.from(who, i => s.seq[i]!),
        what: new Uint8Array(who.length).fill(outcomeCode[kind]),
        cause: new Uint8Array(who.length),
        causes: ['said so'],
      }),
    want: (i: number): Schedule => scheduleOf(s.rows, s.want[i]!),
    /** Limits wanted at an instant, W; null where free. */
    wants: (second: number): (number | null)[] =>
      everyone.map(i => scheduleOf(s.rows, s.want[i]!).find(x => x.fromS <= second && second < x.toS)?.limitW ?? null),
    event: (no = 0): EventState => s.events.get(no)!,
  }
}
export const one = <K extends Fact['kind']>(facts: readonly Fact[], kind: K): Kind<K> | undefined =>
  facts.find((f): f is Kind<K> => f.kind === kind)
export const fleetOfN = (n: number, spec: ChargerSpec = {}): ChargerSpec[] => Array.from({ length: n }, () => spec)
