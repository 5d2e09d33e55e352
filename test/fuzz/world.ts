import { createHash } from 'node:crypto'
import { createVirtualRuntime } from '../../adapters/runtime/memory.ts'
import { createMemoryJournal, createMemoryMeters, createMemoryRegistry, createMemoryStore } from '../../adapters/stores/memory/index.ts'
import { createVirtualChargers, type SendFault, type VirtualCharger } from '../../simulations/virtual/chargers.ts'
import { everyoneEnrolled, fleetOf, testProgramme } from '../../simulations/virtual/fleet.ts'
import { mortal } from '../../simulations/virtual/mortal.ts'
import { signerOf } from '../../src/audit/note.ts'
import type { Ask, EventClass, GridEvent, Input, RestoreRule, SessionPhase } from '../../src/core/model.ts'
import { limitAt } from '../../src/core/rows.ts'
import { stateDigest } from '../../src/core/snapshot.ts'
import { emptyState } from '../../src/core/state.ts'
import { entries, fold } from '../../src/engine/recover.ts'
import { createEngine, type Engine } from '../../src/engine.ts'
import type { Journal } from '../../src/ports.ts'

const minute = 60_000
const startMs = 1_700_000_000_000

export type Step =
  | {
      kind: 'signal'
      atMin: number
      id: string
      revision: number
      startMin: number
      lengthMin: number
      spreadS: number
      cancelled: boolean
      class: EventClass
      ask: Ask
      test: boolean
    }
  | { kind: 'duplicate'; atMin: number; id: string }
  | { kind: 'optOut'; atMin: number; charger: number; startMin: number; lengthMin: number }
  | { kind: 'link'; atMin: number; charger: number; up: boolean }
  | { kind: 'storm'; atMin: number }
  | { kind: 'blackout'; atMin: number; darkS: number; apartS: number }
  | { kind: 'appendFails'; atMin: number; how: 'before' | 'after' }
  | { kind: 'crash'; atMin: number; followedBy: 'change' | 'nothing' }
  | { kind: 'flip'; atMin: number; afterS: number; linksDrop: boolean; crash: boolean }
  | { kind: 'quiet'; atMin: number }
  | { kind: 'session'; atMin: number; charger: number; phase: SessionPhase }
export type Scenario = {
  readonly seed: string
  readonly steps: readonly Step[]
  readonly dies?: { readonly atAppend: number; readonly written: boolean }
  /** Gets the number of appends of the run. */
  readonly counted?: (appends: number) => void
  /** Gets the journal of the run, and the last life of its engine, once it is over. */
  readonly journalled?: (journal: Journal, engine: Engine) => void
  readonly faultShare: number
  /** Of the programme; absent: uniform. */
  readonly restore?: RestoreRule
  readonly rejecting: readonly number[]
  readonly ignoring: readonly number[]
  readonly depths: readonly number[]
  /** Random delays of the boxes' own, in turn; nobody has one where absent. */
  readonly ownDelaysS?: readonly number[]
}

export const chargerCount = 9
/** Making a key costs more than a turn: one for all. */
const signer = signerOf('fuzz.gridbridge.invalid/log', new Uint8Array(32).fill(7))
const hash01 = (...parts: (string | number)[]): number => createHash('sha256').update(parts.join('|')).digest().readUInt32BE(0) / 4294967296

/**
 * Plays a scenario against the engine in virtual time and returns the first promise that was broken, in words; undefined if all were kept:
 * chargers do what the plan says once faults have stopped, nobody ends capped, no older command overtakes a newer one, the journal is intact and
 * folds to the same state.
 */
export async function play(scenario: Scenario): Promise<string | undefined> {
  const runtime = createVirtualRuntime(startMs, scenario.seed)
  const store = createMemoryStore()
  const journal = createMemoryJournal(store, signer)
  let appends = 0
  let died = false
  /** The process dies in its n-th append: before anything was written, or after all of it was. */
  const deadly: typeof journal = {
    ...journal,
    async append(after, leaves, blobs) {
      if (++appends !== scenario.dies?.atAppend) return journal.append(after, leaves, blobs)
      if (scenario.dies.written) await journal.append(after, leaves, blobs)
      died = true
      kill()
      sim.orphan()
      throw Object.assign(new Error('died in an append'), { code: 'injected' })
    },
  }
  const specs = Array.from({ length: chargerCount }, (_, i) => ({
    phases: (i % 3 === 2 ? 3 : 1) as 1 | 3,
    maxA: i % 2 === 0 ? 32 : 16,
    depth: scenario.depths[i % scenario.depths.length]!,
    ownDelayS: scenario.ownDelaysS?.[i % scenario.ownDelaysS.length] ?? 0,
    // chargers 7 and 8 are two connectors of one box that takes one limit
    station: Math.min(i, 7),
    limitsAtStation: i >= 7,
  }))
  const fleet = fleetOf(specs, { perSite: 3, perFeeder: 2 })
  const chargers: VirtualCharger[] = specs.map((_, i) => ({
    no: i,
    station: fleet.chargers.station[i]!,
    wantsW: Math.round(fleet.chargers.maxW[i]! * (hash01(scenario.seed, 'wants', i) < 0.3 ? 0 : 0.9)),
    minW: fleet.chargers.minW[i]!,
    ignores: scenario.ignoring.includes(i),
    onLinkLoss: i === 3 ? 'dropsProfile' : 'holds',
    holds: [],
    applied: [],
  }))
  const sim = createVirtualChargers(runtime, chargers, { meterEveryMs: 300_000 })
  let faulty = true
  const kinds: SendFault[] = ['requestLost', 'answerLost', 'lateAnswer']
  sim.setFault((i, seq) => {
    if (scenario.rejecting.includes(i)) return 'rejects'
    const u = hash01(scenario.seed, 'fault', i, seq)
    return faulty && u < scenario.faultShare ? kinds[Math.floor((u / scenario.faultShare) * kinds.length)]! : 'none'
  })
  let kill = () => {}
  const born = async (): Promise<Engine> => {
    kill()
    const life = mortal(runtime)
    kill = life.kill
    const engine = createEngine({
      runtime: life.runtime,
      journal: deadly,
      meters: createMemoryMeters(),
      registry: createMemoryRegistry(),
      chargers: sim.link,
      signals: [],
      seedKey: new Uint8Array(32).fill(1),
      options: { snapshotEvery: 60, freshMs: 400_000, observeEveryMs: 120_000 },
    })
    try {
      await engine.start()
      return engine
    } catch (error) {
      if ((error as { code?: string }).code !== 'injected') throw error
      return born()
    }
  }
  let engine = await born()
  const sent = new Map<string, GridEvent>()
  let lastEndS = 0
  const submit = async (event: GridEvent) => {
    for (const { toS } of event.intervals) lastEndS = Math.max(lastEndS, toS)
    for (let tries = 0; tries < 3; tries++) {
      try {
        return await engine.bridge.submit(event, rawOf(event))
      } catch (error) {
        if ((error as { code?: string }).code !== 'injected') throw error
        await revive()
      }
    }
  }
  const handle = async (...inputs: Input[]) => {
    for (let tries = 0; tries < 3; tries++) {
      try {
        return await engine.handle(...inputs)
      } catch (error) {
        if ((error as { code?: string }).code !== 'injected') throw error
        await revive()
      }
    }
  }
  /** Without new faults, after the longest retry and outside the seconds in which a command travels, everyone does what the plan says. */
  const settles = async () => {
    let wrong: string | undefined
    for (const waitS of [720, 25, 25, 25]) {
      await reach(runtime.now() + waitS * 1000)
      wrong = settledWrong(engine, sim, chargers)
      if (!wrong) return undefined
    }
    return wrong
  }
  /** Lets time pass; who died comes back within seconds, and what comes next is a change. */
  const reach = async (atMs: number) => {
    await revive()
    if (scenario.dies)
      for (let t = runtime.now(); t < atMs; t = runtime.now()) await runtime.runUntil(Math.min(t + 10_000, atMs)).then(revive)
    else await runtime.runUntil(Math.max(runtime.now(), atMs))
  }
  const revive = async () => {
    if (!died) return
    died = false
    engine = await born()
    await cancelLast()
  }
  const cancelLast = async () => {
    const last = [...sent.values()].at(-1)
    if (last) await submit({ ...last, revision: last.revision + 50, intervals: [], rawHash: hashOf(`${last.id} cancelled`) })
  }
  await handle(
    fleet,
    { kind: 'programme', programme: testProgramme(scenario.restore ? { restore: scenario.restore } : {}) },
    everyoneEnrolled(chargerCount),
  )
  for (const c of chargers) sim.setLink(c.station, true)
  for (const step of scenario.steps.toSorted((a, b) => a.atMin - b.atMin)) {
    await reach(startMs + step.atMin * minute)
    if (step.kind === 'signal') {
      const event = eventOf(step)
      sent.set(step.id, event)
      await submit(event)
    }
    if (step.kind === 'duplicate' && sent.has(step.id)) await submit(sent.get(step.id)!)
    if (step.kind === 'optOut') {
      const fromS = (startMs + step.startMin * minute) / 1000
      await handle({ kind: 'optOut', who: Uint32Array.of(step.charger), fromS, toS: fromS + step.lengthMin * 60, reason: 'driver' })
    }
    if (step.kind === 'link') sim.setLink(chargers[step.charger]!.station, step.up)
    if (step.kind === 'storm') {
      for (const c of chargers) sim.setLink(c.station, false)
      for (const c of chargers) sim.setLink(c.station, true)
    }
    if (step.kind === 'blackout') {
      const stations = new Set(chargers.map(c => c.station))
      for (const station of stations) sim.cutPower(station)
      await reach(runtime.now() + step.darkS * 1000)
      for (const station of stations) {
        sim.restorePower(station, 20)
        await reach(runtime.now() + step.apartS * 1000)
      }
      lastEndS = Math.max(lastEndS, runtime.now() / 1000)
    }
    if (step.kind === 'appendFails') journal.failNext(step.how)
    if (step.kind === 'crash') {
      // between the record and the answer: what was sent may or may not have worked
      sim.orphan()
      engine = await born()
      const last = [...sent.values()].at(-1)
      if (step.followedBy === 'change' && last)
        await submit({ ...last, revision: last.revision + 50, intervals: [], rawHash: hashOf(`${last.id} cancelled`) })
    }
    if (step.kind === 'flip') {
      // a limit that is called off while its commands travel, with the links down in between, or a crash just before
      const flip = {
        kind: 'signal',
        atMin: step.atMin,
        id: `flip${step.atMin}`,
        revision: 1,
        startMin: 0,
        lengthMin: 60,
        spreadS: 0,
        cancelled: false,
        class: 'contracted',
        ask: { kind: 'limitEach', limitW: 0 },
        test: false,
      } as const
      await submit(eventOf(flip))
      await reach(runtime.now() + step.afterS * 1000)
      if (step.linksDrop) for (const c of chargers) sim.setLink(c.station, false)
      if (step.crash) {
        sim.orphan()
        engine = await born()
      }
      await submit(eventOf({ ...flip, revision: 2, cancelled: true }))
      await reach(runtime.now() + 2_000)
      if (step.linksDrop) for (const c of chargers) sim.setLink(c.station, true)
    }
    if (step.kind === 'session')
      sim.session(step.charger, { phase: step.phase }, step.phase === 'plugged' ? chargers[step.charger]!.minW * 2 : 0)
    if (step.kind === 'quiet') {
      // faults pause for longer than any retry waits: by then everyone does what the plan says
      faulty = false
      for (const c of chargers) sim.setLink(c.station, true)
      const wrong = await settles()
      if (wrong) return wrong
      faulty = true
    }
  }
  faulty = false
  for (const c of chargers) sim.setLink(c.station, true)
  await reach(startMs + 150 * minute)
  const wrong = await settles()
  if (wrong) return wrong
  // after the last end: the longest restore or spread, the longest retry, and as much again
  const restoreS = scenario.restore?.policy === 'levelCapped' ? scenario.restore.maxS : 0
  await reach((lastEndS + restoreS) * 1000 + 45 * minute)
  for (const c of chargers) {
    const limit = sim.limitW(c.no)
    if (limit !== null) return `charger ${c.no} ends capped at ${limit} W`
    for (let k = 1; k < c.applied.length; k++)
      if (c.applied[k]! < c.applied[k - 1]!) return `charger ${c.no}: command ${c.applied[k]} overtook ${c.applied[k - 1]}`
  }
  scenario.counted?.(appends)
  scenario.journalled?.(journal, engine)
  // a turn without facts leaves no entry: compare after one that has some
  await handle({ kind: 'noted', what: 'compared', about: {} })
  const again = await fold(emptyState(), entries(journal, 0))
  if (stateDigest(again) !== stateDigest(engine.state())) return 'the journal folds to another state'
  return undefined
}

/** Chargers that neither reject nor ignore must hold exactly what the plan wants, a day's worth of faults or not. */
function settledWrong(
  engine: Engine,
  sim: ReturnType<typeof createVirtualChargers>,
  chargers: readonly VirtualCharger[],
): string | undefined {
  const s = engine.state()
  const nowS = Math.floor(engine.now() / 1000)
  for (const c of chargers) {
    if (c.ignores) continue
    const want = limitAt(s.rows, s.want[c.no]!, nowS)
    const held = sim.limitW(c.no) ?? -1
    if (held !== want) return `charger ${c.no} is held at ${held} W, the plan wants ${want} W`
  }
  return undefined
}

const rawOf = (event: GridEvent): Uint8Array =>
  Buffer.from(event.intervals.length === 0 ? `${event.id} cancelled` : `${event.id} ${event.revision}`)
const hashOf = (text: string): string => createHash('sha256').update(text).digest('hex')
function eventOf(step: Step & { kind: 'signal' }): GridEvent {
  const fromS = startMs / 1000 + (step.atMin + step.startMin) * 60
  const event: GridEvent = {
    id: `t:${step.id}`,
    source: { adapter: 't', peer: 'dno', credential: '' },
    upstreamRef: step.id,
    revision: step.revision,
    class: step.class,
    programme: 'flex',
    targets:
      step.id === 'b'
        ? [
            { kind: 'charger', charger: 1 },
            { kind: 'charger', charger: 7 },
          ]
        : [{ kind: 'node', node: 0 }],
    intervals: step.cancelled ? [] : [{ fromS, toS: fromS + step.lengthMin * 60, ask: step.ask }],
    spread: { startS: step.spreadS, endS: step.spreadS, startShiftS: 0, endShiftS: 0, endFollowsStart: step.id === 'c' },
    priority: 5,
    stopAtOnce: false,
    test: step.test,
    duties: { ack: true, started: false, completed: false, telemetryEveryS: 0 },
    liveness: null,
    basis: step.class === 'emergency' ? 'supply limitation' : null,
    rawHash: '',
  }
  return { ...event, rawHash: hashOf(Buffer.from(rawOf(event)).toString()) }
}
