import { createHash } from 'node:crypto'
import { createVirtualRuntime } from '../../adapters/runtime/memory.ts'
import { createMemoryJournal, createMemoryMeters, createMemoryRegistry, createMemoryStore } from '../../adapters/stores/memory/index.ts'
import { createVirtualChargers, type SendFault, type VirtualCharger } from '../../simulations/virtual/chargers.ts'
import { everyoneEnrolled, fleetOf, testProgramme } from '../../simulations/virtual/fleet.ts'
import { mortal } from '../../simulations/virtual/mortal.ts'
import type { GridEvent, Schedule, Second } from '../../src/core/model.ts'
import { remaining } from '../../src/core/schedule.ts'
import { createEngine, type Engine } from '../../src/engine.ts'
import type { ChargerLink } from '../../src/ports.ts'

export type Trouble =
  | { readonly kind: 'crash'; readonly afterMs: number; readonly downMs: number }
  | { readonly kind: 'links'; readonly afterMs: number; readonly share: number; readonly up: boolean }
  | { readonly kind: 'flap'; readonly afterMs: number; readonly share: number; readonly gapMs: number }
export type KeptScenario = {
  readonly seed: string
  readonly chargers: number
  /** The cap as a share of the rated power. */
  readonly capShare: number
  readonly spreadS: number
  readonly leadS: number
  readonly troubles: readonly Trouble[]
  readonly faultShare: number
}

const startMs = 1_700_000_000_000
const LENGTH_S = 1_200
const hash01 = (...parts: (string | number)[]): number => createHash('sha256').update(parts.join('|')).digest().readUInt32BE(0) / 4294967296
const classes = [
  { phases: 1, maxA: 16 },
  { phases: 1, maxA: 32 },
  { phases: 3, maxA: 16 },
  { phases: 3, maxA: 32 },
] as const

/**
 * One cap on a fleet that is all there, refuses nothing and keeps its limits, while the bridge dies and links and messages are lost. The first
 * charger that took a share and was told another for the rest of its span, in words; undefined if there was none.
 */
export async function playKept(o: KeptScenario): Promise<string | undefined> {
  const runtime = createVirtualRuntime(startMs, o.seed)
  const store = createMemoryStore()
  const journal = createMemoryJournal(store)
  const specs = Array.from({ length: o.chargers }, (_, i) => classes[Math.floor(hash01(o.seed, 'class', i) * 4)]!)
  const fleet = fleetOf(specs, { perSite: 3, perFeeder: 2 })
  const chargers: VirtualCharger[] = specs.map((_, i) => ({
    no: i,
    station: fleet.chargers.station[i]!,
    wantsW: Math.round(fleet.chargers.maxW[i]! * 0.9),
    minW: fleet.chargers.minW[i]!,
    ignores: false,
    onLinkLoss: 'holds',
    holds: [],
    applied: [],
  }))
  const sim = createVirtualChargers(runtime, chargers, { meterEveryMs: 0 })
  const kinds: SendFault[] = ['requestLost', 'answerLost', 'lateAnswer']
  sim.setFault((i, seq) => {
    const u = hash01(o.seed, 'fault', i, seq)
    // who goes unheard again and again counts as free after a while, and others make it good: here the next try gets through
    return seq % 2 === 1 && u < o.faultShare ? kinds[Math.floor((u / o.faultShare) * kinds.length)]! : 'none'
  })
  // a charger that comes back is doubted, as one on a socket is
  const link: ChargerLink = {
    ...sim.link,
    start: to =>
      sim.link.start({
        ...to,
        link(station, up) {
          to.link(station, up)
          const back = chargers.filter(c => c.station === station).map(c => c.no)
          if (up) to.doubt(back, 'link lost, holds')
        },
      }),
  }
  let kill = () => {}
  const born = async (): Promise<Engine> => {
    const life = mortal(runtime)
    kill = life.kill
    const engine = createEngine({
      runtime: life.runtime,
      journal,
      meters: createMemoryMeters(),
      registry: createMemoryRegistry(),
      chargers: link,
      signals: [],
      seedKey: new Uint8Array(32).fill(1),
      options: { snapshotEvery: 60, freshMs: 400_000, observeEveryMs: 120_000 },
    })
    await engine.start()
    return engine
  }
  let engine = await born()
  await engine.handle(fleet, { kind: 'programme', programme: testProgramme() }, everyoneEnrolled(o.chargers))
  for (const c of chargers) sim.setLink(c.station, true)
  await runtime.runUntil(startMs + 5_000)
  const event = eventOf(o, Math.floor(o.capShare * fleet.chargers.maxW.reduce((a, b) => a + b, 0)))
  await engine.bridge.submit(event, Buffer.from('cap'))

  const some = (share: number, k: number) => chargers.filter(c => hash01(o.seed, 'link', k, c.no) < share)
  for (const [k, t] of o.troubles.entries()) {
    await runtime.runUntil(runtime.now() + t.afterMs)
    if (t.kind === 'crash') {
      kill()
      sim.orphan()
      for (const c of chargers) sim.setLink(c.station, false)
      await runtime.runUntil(runtime.now() + t.downMs)
      engine = await born()
      for (const c of chargers)
        runtime.at(`back.${k}.${c.no}`, runtime.now() + 8_000 * hash01(o.seed, 'back', k, c.no), () => sim.setLink(c.station, true))
    } else if (t.kind === 'links') for (const c of some(t.share, k)) sim.setLink(c.station, t.up)
    else {
      for (const c of some(t.share, k)) sim.setLink(c.station, false)
      await runtime.runUntil(runtime.now() + t.gapMs)
      for (const c of some(t.share, k)) sim.setLink(c.station, true)
    }
    const wrong = changedMind(sim)
    if (wrong) return wrong
  }
  for (const c of chargers) sim.setLink(c.station, true)
  await runtime.runUntil(startMs + (o.leadS + 2 * o.spreadS + LENGTH_S + 900) * 1000)
  kill()
  return changedMind(sim)
}

/** The first who had taken a limit and was then told another. */
function changedMind(sim: ReturnType<typeof createVirtualChargers>): string | undefined {
  const took = new Map<number, { atS: Second; schedule: Schedule }>()
  for (const { atS, command } of sim.sends) {
    const { charger, seq, schedule } = command
    const before = took.get(charger)
    const [then, now] = [remaining(before?.schedule ?? [], atS), remaining(schedule, atS)]
    if (before && JSON.stringify(then) !== JSON.stringify(now))
      return `charger ${charger} took ${JSON.stringify(then)}, ${atS - before.atS} s later told ${JSON.stringify(now)}`
    if (sim.chargers[charger]!.applied.includes(seq)) took.set(charger, { atS, schedule })
  }
  return undefined
}

function eventOf(o: KeptScenario, totalW: number): GridEvent {
  const fromS = startMs / 1000 + 5 + o.leadS
  return {
    id: 't:cap',
    source: { adapter: 't', peer: 'dno', credential: '' },
    upstreamRef: 'cap',
    revision: 1,
    class: 'contracted',
    programme: 'flex',
    targets: [{ kind: 'node', node: 0 }],
    intervals: [{ fromS, toS: fromS + LENGTH_S, ask: { kind: 'cap', totalW } }],
    spread: { startS: o.spreadS, endS: o.spreadS, startShiftS: 0, endShiftS: 0, endFollowsStart: false },
    priority: 5,
    stopAtOnce: false,
    test: false,
    duties: { ack: true, started: false, completed: false, telemetryEveryS: 0 },
    liveness: null,
    basis: null,
    rawHash: createHash('sha256').update('cap').digest('hex'),
  }
}
