import fc from 'fast-check'
import { expect, test } from 'vitest'
import { type ChargerSpec, everyoneEnrolled, fleetOf, testProgramme } from '../../simulations/virtual/fleet.ts'
import { canonicalJson } from '../../src/core/codec.ts'
import { decide } from '../../src/core/decide.ts'
import {
  type Ask,
  allocationPolicies,
  type Fact,
  type GridEvent,
  type Input,
  outcomeCode,
  type Readings,
  ramps,
} from '../../src/core/model.ts'
import { NONE } from '../../src/core/rows.ts'
import { fromBytes, stateDigest, toBytes } from '../../src/core/snapshot.ts'
import { emptyState, type State } from '../../src/core/state.ts'
import { at, eventOf, seedOf, T } from './bed.ts'

/*
 * Whoever starts from a snapshot knows no more than what is in it. If a decision hung on anything else (the order in which a Map was filled, a sum in
 * that order, what is only a cache), the bridge would go on differently after a restart than it would have without.
 */

const chargerCount = 24
const groups = 5
const specs: ChargerSpec[] = Array.from({ length: chargerCount }, (_, i) => ({
  phases: i % 4 === 3 ? 3 : 1,
  maxA: i % 2 ? 16 : 32,
  station: Math.min(i, 21),
  limitsAtStation: i >= 21,
  reliability: 500 + ((i * 97) % 500),
  onLinkLoss: (['holds', 'holds', 'resumes', 'dropsProfile'] as const)[i % 4]!,
  pauses: i % 7 !== 0,
  stepW: i % 5 ? 0 : 300,
}))
/** Makers in an order that is not that of their numbers. */
const fleet = (): Input => {
  const of = fleetOf(specs, { perSite: 3, perFeeder: 2 })
  return { ...of, chargers: { ...of.chargers, group: Uint16Array.from(specs, (_, i) => 900 - 211 * (i % groups)) } }
}

/** One that never stops, and one that starts anew from its snapshot before every turn. */
function twins(programmes: readonly Input[]) {
  const live = emptyState()
  let started = emptyState()
  let nowS = T
  const turn = (...inputs: Input[]): Fact[] => {
    const facts = decide(live, inputs, nowS * 1000)
    started = fromBytes(toBytes(started))
    const again = decide(started, inputs, nowS * 1000)
    expect(again.map(f => canonicalJson(f))).toEqual(facts.map(f => canonicalJson(f)))
    return facts
  }
  turn(fleet(), ...programmes)
  turn({ kind: 'link', stations: Uint32Array.from(new Set(live.fleet.station)), up: new Uint8Array(22).fill(1) })
  return {
    live,
    turn,
    nowS: () => nowS,
    wait(forS: number) {
      nowS += forS
      turn()
    },
    end: () => expect(stateDigest(started)).toBe(stateDigest(live)),
  }
}

const everyone = Array.from({ length: chargerCount }, (_, i) => i)
const charger = fc.nat(chargerCount - 1)
const ask: fc.Arbitrary<Ask> = fc.oneof(
  { weight: 3, arbitrary: fc.record({ kind: fc.constant('cap' as const), totalW: fc.integer({ min: 0, max: 150_000 }) }) },
  { weight: 3, arbitrary: fc.record({ kind: fc.constant('shed' as const), totalW: fc.integer({ min: 0, max: 80_000 }) }) },
  { weight: 1, arbitrary: fc.record({ kind: fc.constant('keep' as const), fraction: fc.constantFrom(0.1, 0.5) }) },
)
const targets: readonly GridEvent['targets'][] = [
  [{ kind: 'node', node: 0 }],
  [{ kind: 'node', node: 5 }],
  everyone.slice(3, 9).map(i => ({ kind: 'charger', charger: i })),
  [{ kind: 'charger', charger: 22 }],
]
const step = fc.oneof(
  {
    weight: 4,
    arbitrary: fc.record({
      kind: fc.constant('signal' as const),
      id: fc.constantFrom('a', 'b', 'c'),
      programme: fc.constantFrom('flex', 'dno'),
      target: fc.nat(targets.length - 1),
      asks: fc.array(ask, { maxLength: 2 }),
      fromS: fc.constantFrom(0, 60, 900),
      lengthS: fc.constantFrom(300, 1_200),
      spread: fc.constantFrom('programme' as const, at, { ...at, startS: 300, endFollowsStart: true }),
      class: fc.constantFrom('contracted' as const, 'contracted' as const, 'emergency' as const),
      silent: fc.boolean(),
    }),
  },
  { weight: 1, arbitrary: fc.record({ kind: fc.constant('optOut' as const), charger, lengthS: fc.constantFrom(60, 900) }) },
  { weight: 1, arbitrary: fc.record({ kind: fc.constant('link' as const), who: fc.array(charger, { maxLength: 6 }), up: fc.boolean() }) },
  {
    weight: 3,
    arbitrary: fc.record({
      kind: fc.constant('answer' as const),
      how: fc.constantFrom('accepted', 'accepted', 'rejected', 'unknown' as const),
    }),
  },
  {
    weight: 3,
    arbitrary: fc.record({
      kind: fc.constant('observed' as const),
      event: fc.nat(2),
      powerW: fc.array(fc.constantFrom(-1, 0, 3_000, 7_360, 7_360), { minLength: chargerCount, maxLength: chargerCount }),
    }),
  },
  {
    weight: 2,
    arbitrary: fc.record({
      kind: fc.constant('metered' as const),
      event: fc.nat(2),
      before: fc.constantFrom(7_000, 3_000),
      after: fc.array(fc.constantFrom(0, 0, 0, 7_000), { minLength: chargerCount, maxLength: chargerCount }),
    }),
  },
  {
    weight: 1,
    arbitrary: fc.record({ kind: fc.constant('session' as const), who: charger, phase: fc.nat(2), needWh: fc.constantFrom(-1, 9_000) }),
  },
  { weight: 1, arbitrary: fc.record({ kind: fc.constant('doubt' as const), who: charger }) },
  { weight: 1, arbitrary: fc.record({ kind: fc.constantFrom('silent' as const, 'heardAgain' as const) }) },
  { weight: 4, arbitrary: fc.record({ kind: fc.constant('wait' as const), forS: fc.constantFrom(1, 31, 61, 300, 1_800) }) },
)
const programme = fc.record({
  allocation: fc.constantFrom(...allocationPolicies),
  confidence: fc.constantFrom(0, 0.8, 0.95),
  overCommit: fc.constantFrom(1, 1.1),
  reserve: fc.constantFrom(0, 0.2),
  holdOut: fc.constantFrom(0, 0.2),
  ramp: fc.constantFrom(...ramps),
  startSpreadS: fc.constantFrom(0, 300),
  endSpreadS: fc.constantFrom(0, 300),
  restore: fc.constantFrom({ policy: 'uniform' as const }, { policy: 'levelCapped' as const, levelCap: 1.1, maxS: 1_800 }),
  lastResort: fc.boolean(),
  emergencyUsesPerYear: fc.constantFrom(0, 1),
})

type Step = typeof step extends fc.Arbitrary<infer S> ? S : never
type Twins = ReturnType<typeof twins>
function play(b: Twins, x: Step, revision: Record<string, number>): void {
  const { live: s } = b
  const event = (no: number) => s.events.get(no)
  switch (x.kind) {
    case 'signal': {
      const fromS = b.nowS() + x.fromS
      const intervals = x.asks.map((asked, k) => ({ fromS: fromS + k * x.lengthS, toS: fromS + (k + 1) * x.lengthS, ask: asked }))
      revision[x.id] = (revision[x.id] ?? -1) + 1
      const change: Partial<GridEvent> = {
        id: x.id,
        revision: revision[x.id]!,
        programme: x.programme,
        targets: targets[x.target]!,
        class: x.class,
        basis: x.class === 'emergency' ? 'order' : null,
        spread: x.spread,
        intervals,
        liveness: x.silent ? { heartbeatS: 60, failsafeW: 4_200, failsafeS: 600 } : null,
      }
      return void b.turn({ kind: 'signal', event: eventOf(change), seed: seedOf(x.id), raw: new Uint8Array(0) })
    }
    case 'optOut':
      return void b.turn({ kind: 'optOut', who: Uint32Array.of(x.charger), fromS: b.nowS(), toS: b.nowS() + x.lengthS, reason: 'driver' })
    case 'link': {
      const stations = Uint32Array.from(new Set(x.who.map(i => s.fleet.station[i]!)))
      return void b.turn({ kind: 'link', stations, up: new Uint8Array(stations.length).fill(x.up ? 1 : 0) })
    }
    case 'answer': {
      const who = everyone.filter(i => s.pending[i] !== NONE)
      return void b.turn(answerOf(s, who, x.how))
    }
    case 'observed':
      return void (
        event(x.event) && b.turn({ kind: 'observed', event: x.event, who: Uint32Array.from(everyone), powerW: Int32Array.from(x.powerW) })
      )
    case 'metered':
      return void (
        event(x.event) && b.turn({ kind: 'metered', event: x.event, readings: readingsOf(event(x.event)!.event, x.before, x.after) })
      )
    case 'session':
      return void b.turn({
        kind: 'session',
        who: Uint32Array.of(x.who),
        phase: Uint8Array.of(x.phase),
        departS: Uint32Array.of(0),
        needWh: Int32Array.of(x.needWh),
      })
    case 'doubt':
      return void b.turn({ kind: 'doubt', who: Uint32Array.of(x.who), why: 'booted' })
    case 'silent':
      return void b.turn({ kind: 'silent', adapter: 't', peer: 'dno', silentMs: 120_000 })
    case 'heardAgain':
      return void b.turn({ kind: 'heardAgain', adapter: 't', peer: 'dno' })
    case 'wait':
      return b.wait(x.forS)
  }
}
const answerOf = (s: State, who: readonly number[], how: string): Input => ({
  kind: 'outcome',
  who: Uint32Array.from(who),
  seq: Uint16Array.from(who, i => s.seq[i]!),
  what: Uint8Array.from(who, i => (i % 3 ? outcomeCode.accepted : outcomeCode[how as 'accepted'])),
  cause: new Uint8Array(who.length),
  causes: ['said so'],
})
/** Everybody's mean power in the hour before the event and in its intervals. */
function readingsOf({ intervals }: GridEvent, before: number, after: readonly number[]): Readings {
  const [fromS, toS] = [intervals[0]?.fromS ?? T, intervals.at(-1)?.toS ?? T]
  const minutes = Math.ceil((toS - fromS) / 60) + 60
  const rows = everyone.flatMap(i =>
    Array.from({ length: minutes }, (_, k) => ({ i, fromMs: (fromS - 3_600 + k * 60) * 1000, powerW: k < 60 ? before : after[i]! })),
  )
  return {
    charger: Uint32Array.from(rows, r => r.i),
    fromMs: Float64Array.from(rows, r => r.fromMs),
    toMs: Float64Array.from(rows, r => r.fromMs + 60_000),
    powerW: Float64Array.from(rows, r => r.powerW),
    registerWh: new Float64Array(rows.length).fill(Number.NaN),
    quality: new Uint8Array(rows.length),
  }
}

test('whatever comes, a bridge that starts anew before every turn decides as one that never stopped', () => {
  fc.assert(
    fc.property(programme, programme, fc.array(step, { minLength: 4, maxLength: 24 }), (flex, dno, steps) => {
      const programmes: Input[] = [flex, dno].map((p, k) => ({
        kind: 'programme',
        programme: testProgramme({ ...p, id: ['flex', 'dno'][k]! }),
      }))
      const enrolled = ['flex', 'dno'].map(id => ({ ...everyoneEnrolled(chargerCount), programme: id }))
      const b = twins([...programmes, ...enrolled])
      const revision: Record<string, number> = {}
      for (const x of steps) play(b, x, revision)
      b.wait(86_400)
      b.end()
    }),
    { numRuns: Number(process.env.FUZZ_RUNS ?? 60) },
  )
}, 240_000)
