import { createHash } from 'node:crypto'
import { performance } from 'node:perf_hooks'
import { decide } from '../../src/core/decide.ts'
import { draws } from '../../src/core/draw.ts'
import { type Ask, type Fact, type GridEvent, type Input, outcomeCode } from '../../src/core/model.ts'
import { emptyState, type State } from '../../src/core/state.ts'
import { everyoneEnrolled, fleetOf, testProgramme } from '../virtual/fleet.ts'
import { median, numberFlag, print, round } from './flags.ts'

const startMs = 1_790_000_000_000

/**
 * `decide` on an emergency due now: a six-level tree with mixed phases and kW, 5 % opted out, two other events overlapping; planning, checking and
 * what to send included. `nsPerChargerSmall` is the same for 10,000 chargers, warm, in the same run. `commandsPerRefusal`: how many schedules
 * change when one charger refuses its share of the cap.
 */
export async function run(args: string[]): Promise<void> {
  const chargers = numberFlag(args, 'chargers', 1_000_000)
  const small = 10_000
  // warm is what a bridge is after some hours: until then much of the time is the compiler's
  for (let k = 0; k < 40; k++) emergency(prepared(small))
  const smallMs = median(Array.from({ length: 9 }, () => emergency(prepared(small)).ms))
  const large = Array.from({ length: 3 }, () => emergency(prepared(chargers)))
  const ms = median(large.map(r => r.ms))
  const commandsPerRefusal = refusals(large.at(-1)!.state)
  print({
    bench: 'plan',
    chargers,
    ms: round(ms),
    nsPerCharger: round((ms * 1e6) / chargers),
    nsPerChargerSmall: round((smallMs * 1e6) / small),
    commandsPerRefusal: round(commandsPerRefusal),
    rssMB: Math.round(process.memoryUsage().rss / 1e6),
  })
}

function prepared(n: number): State {
  const kinds = [
    { phases: 1, maxA: 16 },
    { phases: 1, maxA: 32 },
    { phases: 3, maxA: 16 },
    { phases: 3, maxA: 32 },
  ] as const
  const specs = Array.from({ length: n }, (_, i) => kinds[(i * 7919) % kinds.length]!)
  const fleet = fleetOf(specs, { perSite: 4, perFeeder: 12, perPrimary: 10, perGsp: 12 })
  const s = emptyState()
  const u = draws(n, Uint8Array.of(1), 'opted out')
  const out = Uint32Array.from([...u.keys()].filter(i => u[i]! < 0.05 * 2 ** 32))
  const nowS = Math.floor(startMs / 1000)
  decide(s, [fleet, { kind: 'programme', programme: testProgramme({ endSpreadS: 1_800 }) }, everyoneEnrolled(n)], startMs)
  decide(s, [{ kind: 'optOut', who: out, fromS: nowS, toS: nowS + 86_400, reason: 'driver' }], startMs + 1_000)
  decide(s, [{ kind: 'link', stations: fleet.chargers.station, up: new Uint8Array(n).fill(1) }], startMs + 2_000)
  decide(s, [signal('a', 'contracted', { kind: 'keep', fraction: 0.5 }, nowS + 600, 3_600)], startMs + 3_000)
  decide(s, [signal('b', 'contracted', { kind: 'limitEach', limitA: 10 }, nowS + 1_800, 3_600)], startMs + 4_000)
  return s
}

/** A supply limitation of half the rated power on everyone, from now, as one turn. */
function emergency(s: State): { ms: number; state: State } {
  const capW = Math.floor(s.fleet.maxW.reduce((a, b) => a + b, 0) / 2)
  const nowMs = startMs + 10_000
  globalThis.gc?.()
  const started = performance.now()
  const facts = decide(s, [signal('emergency', 'emergency', { kind: 'cap', totalW: capW }, Math.floor(nowMs / 1000), 1_800)], nowMs)
  const ms = performance.now() - started
  const sent = facts.find((f): f is Extract<Fact, { kind: 'sent' }> => f.kind === 'sent')
  if (!sent || sent.who.length < s.fleet.chargers / 2) throw new Error('the emergency commanded less than half the fleet')
  return { ms, state: s }
}

/** Mean number of schedules that change when one of the commanded chargers refuses. */
function refusals(s: State): number {
  const changed: number[] = []
  for (let k = 1; k <= 5; k++) {
    const i = Math.floor((k * s.fleet.chargers) / 7)
    const outcome: Input = {
      kind: 'outcome',
      who: Uint32Array.of(i),
      seq: Uint16Array.of(s.seq[i]!),
      what: Uint8Array.of(outcomeCode.rejected),
      cause: Uint8Array.of(0),
      causes: ['not supported'],
    }
    const facts = decide(s, [outcome], startMs + 10_000 + k * 1_000)
    const planned = facts.find((f): f is Extract<Fact, { kind: 'planned' }> => f.kind === 'planned')
    if (facts.some(f => f.kind === 'refused')) changed.push(planned?.schedules.who.length ?? 0)
  }
  return changed.reduce((a, b) => a + b, 0) / changed.length
}

function signal(id: string, of: GridEvent['class'], ask: Ask, fromS: number, lengthS: number): Input {
  const event: GridEvent = {
    id,
    source: { adapter: 'bench', peer: 'dno', credential: '' },
    upstreamRef: id,
    revision: 0,
    class: of,
    programme: 'flex',
    targets: [{ kind: 'node', node: 0 }],
    intervals: [{ fromS, toS: fromS + lengthS, ask }],
    spread: 'programme',
    priority: 0,
    stopAtOnce: false,
    test: false,
    duties: { ack: true, started: false, completed: false, telemetryEveryS: 0 },
    liveness: null,
    basis: of === 'emergency' ? 'supply limitation' : null,
    rawHash: '',
  }
  return { kind: 'signal', event, seed: createHash('sha256').update(id).digest(), raw: new Uint8Array(0) }
}
