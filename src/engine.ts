import { createHash } from 'node:crypto'
import { saysTheSame } from './core/apply.ts'
import { encode } from './core/codec.ts'
import { decide, UnlawfulPlan } from './core/decide.ts'
import { chargersOf, membersOf, rangesOf } from './core/members.ts'
import type { Decline, Fact, GridEvent, Input, Instant } from './core/model.ts'
import { NEVER_S } from './core/model.ts'
import { LEAD_S, nextDueS } from './core/reconcile.ts'
import { STRIKES, suspects } from './core/response.ts'
import { becauseAt, scheduleOf } from './core/rows.ts'
import { remaining } from './core/schedule.ts'
import { newsOf } from './core/sessions.ts'
import { digestOf, toBytes } from './core/snapshot.ts'
import { isStanding } from './core/standing.ts'
import { type EventState, firstS, lastS, mayHold, type State } from './core/state.ts'
import { createBeyondRecord, givesBack, isUnwritable, owedOf, sentIn } from './engine/beyondRecord.ts'
import { bootedFact, drewAt } from './engine/boots.ts'
import { fleetFact } from './engine/capabilities.ts'
import { commandsOf } from './engine/commands.ts'
import { fleetHistory } from './engine/history.ts'
import { type Inbox, inputsOf, isEmpty, newInbox, putBack, shortened } from './engine/inbox.ts'
import { createProgress, isStep, markOf, type Told } from './engine/progress.ts'
import { entries, recover } from './engine/recover.ts'
import { createSeeds, type EventKeys, eventKeys, secretUntilS } from './engine/seeds.ts'
import { createSources, type SourceHealth } from './engine/sources.ts'
import { createSpots } from './engine/spots.ts'
import { createVerifying, type WatchedWitnesses } from './engine/verifying.ts'
import { eventView, fleetFigures, observe, observeMembers } from './engine/views.ts'
import type {
  Bridge,
  ChargerLink,
  ChargerSink,
  Journal,
  Judgement,
  Meters,
  Registry,
  Runtime,
  SignalSource,
  TurnListener,
} from './ports.ts'

export type World = {
  readonly runtime: Runtime
  readonly journal: Journal
  readonly meters: Meters
  readonly registry: Registry
  readonly chargers: ChargerLink
  readonly signals: readonly SignalSource[]
  /** 32 bytes, made once, kept beside the signing key; its hash is committed in the log before any draw. */
  readonly seedKey: Uint8Array
  readonly options?: Partial<EngineOptions>
  /** What must be known while nothing can be recorded, for a place outside the store such as the log of the process. */
  readonly tell?: (line: string) => void
  /** Lets others have their turn, between two pieces of long work. */
  readonly breathe?: () => Promise<void>
  /** Temperatures, where rulesets look for days alike in them. */
  readonly witnesses?: WatchedWitnesses
}
export type EngineOptions = {
  /** A reading older than this says nothing about now. */
  readonly freshMs: number
  /** How often the response to a running event is looked at. */
  readonly observeEveryMs: number
  /** How long after an event's end late readings are waited for before it is verified. */
  readonly graceMs: number
  /** How long readings that come later still are gathered before they make the next revision of a verdict. */
  readonly reviseAfterMs: number
  /** Leaves between snapshots. */
  readonly snapshotEvery: number
  /** With the keys of how many events a log begins (`SEED_KEYS`), more than 64; few by default, for worlds that do not last. */
  readonly seedKeys: number
}
const defaults: EngineOptions = {
  freshMs: 180_000,
  observeEveryMs: 30_000,
  graceMs: 120_000,
  reviseAfterMs: 3_600_000,
  snapshotEvery: 50_000,
  seedKeys: 128,
}

export type { SourceHealth }
export type Engine = {
  readonly bridge: Bridge
  readonly sink: ChargerSink
  readonly registry: Registry
  readonly meters: Meters
  readonly journal: Journal
  readonly chargers: ChargerLink
  readonly options: EngineOptions
  now(): Instant
  /** Resolves once the inputs, and all that was decided from them, are durable. Inputs of one call are taken in one turn. */
  handle(...inputs: Input[]): Promise<readonly Fact[]>
  /** The live state, to be read within one call of a function and never changed or kept. */
  state(): State
  /** Called after every appended turn. Returns how to stop. */
  listen(listener: TurnListener): () => void
  sources(): readonly SourceHealth[]
  /** The keys that seeds were made with, for whoever wants to check the draws; none as long as it is secret. */
  readonly eventKeys: EventKeys
  /** The error of the last append, null when the last one went well. */
  trouble(): unknown
  start(): Promise<void>
  /** Takes a last turn with a snapshot. Events go on by themselves at the chargers. */
  stop(): Promise<void>
}

/** An emergency is looked at this often, so that whoever ignores it is at 0 A within 60 s and stopped or disabled within 120 s. */
const EMERGENCY_LOOK_MS = 10_000
/** What is to last for months is looked at less often. */
const STANDING_LOOK_MS = 300_000
/** A charger that could not be enabled again is tried again after this. */
const ENABLE_AGAIN_MS = 60_000
const ENABLE_AT_LEAST_EVERY_MS = 3_600_000
/** A driver's override where nothing limits the charger lasts so long. */
const FREE_OVERRIDE_S = 3600

/** Up to where those who follow events have been told; without news, moved on after so many leaves, so that a start has little to read again. */
const TOLD_KEY = 'engine.told'
const MARK_EVERY = 10_000

/** Turns that nobody waits for are at most this often. */
const PACE_MS = 1_000

type Waiting = { readonly inputs: readonly Input[]; resolve(facts: readonly Fact[]): void; reject(error: unknown): void }

/**
 * The only place where deciding meets the world, and the only loop in the product: decide, append, act, one turn at a time. Nothing has happened
 * until its facts are in the journal; effects follow the append, never precede it. Starting is recovering.
 */
export function createEngine(world: World): Engine {
  const { runtime, journal, registry, chargers, signals } = world
  const options = { ...defaults, ...world.options }
  const verifying = createVerifying(world, options, () => state, soon)
  const { meters } = verifying
  const listeners = new Set<TurnListener>()
  const observeAt = new Map<number, Instant>()
  /** By event: end of the newest reading of each charger that an observation has used. */
  const seen = new Map<number, Float64Array>()
  let state: State
  let inbox: Inbox = newInbox()
  let waiting: Waiting[] = []
  let running: Promise<void> | undefined
  let lastTurnAt = -Infinity
  let snapshotSize = 0
  let markedSize = 0
  let appendTrouble: unknown = null
  let stopping = false

  const progress = createProgress(
    () => state,
    () => meters.latest(),
    options.freshMs,
  )
  const beyondRecord = createBeyondRecord(chargers, world.tell ?? (() => undefined))
  const spots = createSpots({ runtime, chargers, latest: () => meters.latest(), state: () => state, freshMs: options.freshMs })
  const seeds = createSeeds(world.seedKey, options.seedKeys)
  const now = (): Instant => Math.max(state?.nowMs ?? 0, runtime.now())
  const sources = createSources(runtime, now, news => {
    inbox.inputs.push(news)
    soon()
  })

  // ---- turns -----------------------------------------------------------------------------------------------------

  function handle(...inputs: Input[]): Promise<readonly Fact[]> {
    return new Promise((resolve, reject) => {
      waiting.push({ inputs, resolve, reject })
      void turnNow()
    })
  }
  /** Takes turns, one after another, until nobody waits. */
  function turnNow(): Promise<void> {
    running ??= (async () => {
      try {
        do await takeTurn()
        while (waiting.length > 0)
      } finally {
        // In the same step as the last look at who waits: one who came in between would wait for the next timer, or for ever.
        running = undefined
        if (!stopping) armNext()
      }
    })()
    return running
  }
  /** Something came in that nobody waits for: look at it within a second. */
  function soon(): void {
    if (!running && !stopping) runtime.at('engine.turn', Math.max(runtime.now(), lastTurnAt + PACE_MS), turnNow)
  }
  function armNext(): void {
    const at = isEmpty(inbox) && !verifying.isReady() ? nextAt() : runtime.now()
    if (at < Infinity) runtime.at('engine.turn', Math.max(at, lastTurnAt + PACE_MS), turnNow)
  }
  function nextAt(): Instant {
    let at = nextDueS(state) * 1000
    for (const e of state.events.values()) at = Math.min(at, nextLookAt(e))
    return at >= NEVER_S * 1000 ? Infinity : at
  }

  async function takeTurn(): Promise<void> {
    const taken = inbox
    const callers = waiting
    inbox = newInbox()
    waiting = []
    const nowMs = now()
    lastTurnAt = runtime.now()
    const discovered = fleetFact(state.fleet, registry, taken.discovered)
    const came = [
      ...(discovered ? [discovered] : []),
      ...inputsOf(taken),
      ...bootedFact(state, taken.boots, meters.latest(), nowMs),
      ...callers.flatMap(c => c.inputs),
    ]
    const inputs = came.some(i => i.kind === 'signal') ? [...seeds.seeded(came, state, journal.root), ...seeds.commitment(state)] : came
    let facts: readonly Fact[] = []
    try {
      const all = [...inputs, ...observations(inputs, nowMs), ...verifying.inputs(nowMs)]
      facts = decide(state, all, nowMs)
      await append(facts, nowMs)
      appendTrouble = null
      inbox.inputs.push(...beyondRecord.over())
      act(facts, nowMs)
      for (const c of callers) c.resolve(facts)
    } catch (error) {
      appendTrouble = error
      for (const c of callers) c.reject(error)
      if (isFatal(error)) throw error
      putBack(inbox, taken)
      verifying.notTaken()
      const isOwed = isUnwritable(error) && callers.every(c => c.inputs.every(givesBack))
      if (isUnwritable(error)) inbox.inputs.push(...beyondRecord.begun(error), ...callers.flatMap(c => owedOf(c.inputs, nowMs)))
      const decided = isOwed ? commandsOf(state, sentIn(facts), nowMs) : []
      state = await recover(journal)
      const freed = beyondRecord.act(decided, state)
      if (freed.length > 0) sink.doubt(freed, 'let go without a record')
      await tellStored()
    }
  }
  /** A second engine was here, what is on disk is in doubt, or the plan broke a rule: going on is not safe, a restart is. */
  const isFatal = (error: unknown): boolean =>
    ['journal-moved', 'journal-doubt', 'journal-mismatch'].includes((error as { code?: string }).code ?? '') ||
    error instanceof UnlawfulPlan

  async function append(facts: readonly Fact[], nowMs: Instant): Promise<void> {
    if (facts.length === 0) return
    const body = journal.size() + facts.length - snapshotSize >= options.snapshotEvery ? toBytes(state) : undefined
    const all: readonly Fact[] = body ? [...facts, { kind: 'snapshot', digest: digestOf(body) }] : facts
    const encoded = all.map(fact => encode({ turn: state.turn, at: nowMs, fact }, () => runtime.random(16), verifying.kept))
    await journal.append(
      journal.size(),
      encoded.map(e => e.leaf),
      encoded.flatMap(e => [...e.blobs, ...e.kept]),
    )
    if (!body) return
    snapshotSize = journal.size()
    await journal.saveSnapshot(snapshotSize, body)
  }

  // ---- what goes into a turn beside what came in --------------------------------------------------------------------

  /** The power that plans stand on and that shows who moved: with each new event, before its commands go out, and regularly while it runs. */
  function observations(inputs: readonly Input[], nowMs: Instant): Input[] {
    const out: Input[] = []
    const newNos = new Map<string, number>()
    for (const input of inputs) {
      if (input.kind !== 'signal') continue
      const known = state.eventNoById.get(input.event.id) ?? newNos.get(input.event.id)
      const event = known ?? state.nextEventNo + newNos.size
      if (known === undefined) newNos.set(input.event.id, event)
      else if (state.events.get(known)?.basisW.length !== 0) continue
      const who = chargersOf(state.fleet, rangesOf(state.fleet, input.event.targets))
      out.push({ kind: 'observed', event, ...observeMembers(who, meters.latest(), nowMs, options.freshMs) })
    }
    for (const e of state.events.values()) {
      if (e.status !== 'accepted' || e.event.test || (observeAt.get(e.no) ?? 0) > nowMs || nextObservation(e, nowMs - 1) > nowMs) continue
      observeAt.set(e.no, nowMs + lookEveryMs(e))
      spots.looked(e)
      const seenMs = seen.get(e.no)?.length === state.fleet.chargers ? seen.get(e.no)! : new Float64Array(state.fleet.chargers)
      seen.set(e.no, seenMs)
      out.push({ kind: 'observed', event: e.no, ...observe(state, e, meters.latest(), nowMs, options.freshMs, seenMs) })
    }
    return out
  }
  const lookEveryMs = ({ event }: EventState): number =>
    isStanding(event)
      ? STANDING_LOOK_MS
      : Math.min(event.class === 'emergency' ? EMERGENCY_LOOK_MS : Infinity, options.observeEveryMs, 1000 * LEAD_S)
  /** Once shortly before the first commands, once more where those without a reading were asked too late for that, then regularly from the first second to the last. */
  function nextObservation(e: EventState, after: Instant): Instant {
    const first = firstS(e) * 1000
    const end = (mayHold(e) ? lastS(e) : Math.min(lastS(e), e.cancelledS)) * 1000
    const before = first - 1000 * (LEAD_S + 10)
    if (after < first && e.basisAtS * 1000 < before) return Math.max(before, after)
    if (after < first && spots.lookAgainAt(e) < first) return Math.max(spots.lookAgainAt(e), after)
    const at = Math.max(first, observeAt.get(e.no) ?? 0)
    return at < end ? Math.max(at, after) : Infinity
  }
  function nextLookAt(e: EventState): Instant {
    if (e.status !== 'accepted') return Infinity
    const nowMs = runtime.now()
    const edges = [firstS(e) * 1000, lastS(e) * 1000].filter(at => at > nowMs && at < NEVER_S * 1000)
    return Math.min(e.event.test ? Infinity : nextObservation(e, nowMs), ...edges)
  }

  // ---- acting on what is recorded -----------------------------------------------------------------------------------

  function act(facts: readonly Fact[], nowMs: Instant): void {
    for (const fact of facts) {
      if (fact.kind === 'sent') chargers.send(commandsOf(state, fact.who, nowMs))
      if (fact.kind === 'observed') {
        tellMoved(fact)
        askSuspects(fact)
      }
      if (fact.kind === 'shortfall') for (const i of fact.unmoved) tryNextRung(i)
      if (fact.kind === 'lastResort' && fact.step !== 'zero') for (const i of fact.who) force(i, fact.step)
    }
    spots.afterTurn(facts, nowMs)
    verifying.afterTurn(facts)
    for (const listener of listeners) listener(facts, nowMs)
    const isTold = progress.afterTurn(facts, nowMs) || journal.size() - markedSize > MARK_EVERY
    if (isTold && !progress.isHeld()) markTold(nowMs)
    for (const no of observeAt.keys()) if (!state.events.has(no)) for (const memory of [seen, observeAt]) memory.delete(no)
    sources.tellStale(nowMs)
  }
  /**
   * What was done, and what was not, is in the record. A charger that we disabled is enabled sooner or later: until the record has that it was, it is
   * tried again with growing pauses, and after a start.
   */
  function force(charger: number, step: 'stop' | 'disable' | 'enable', attempt = 0): void {
    const failed = (why: string) => {
      sink.note('forceFailed', { charger, step, why })
      if (step !== 'enable') return
      const waitMs = Math.min(ENABLE_AGAIN_MS * 2 ** attempt, ENABLE_AT_LEAST_EVERY_MS)
      // another event may have disabled it meanwhile
      const again = () => (state.enabling.has(charger) ? force(charger, step, attempt + 1) : undefined)
      runtime.at(`engine.enable.${charger}`, runtime.now() + waitMs, again)
    }
    chargers.force(charger, step).then(
      done => {
        if (!done) return failed('not done')
        inbox.inputs.push({ kind: 'forced', step, who: Uint32Array.of(charger) })
        soon()
      },
      (error: unknown) => failed(String(error)),
    )
  }
  function tryNextRung(charger: number): void {
    if (chargers.unmoved(charger)) sink.doubt([charger], 'unmoved: next rung')
  }
  function askSuspects(seen: Input & { kind: 'observed' }): void {
    const e = state.events.get(seen.event)
    const who = e ? suspects(state, e, seen) : []
    if (who.length > 0) chargers.measure(who)
  }
  /**
   * Chargers whose meter shows that an accepted limit acts, having drawn more before: what made them move is worth remembering. One that has been
   * tried on another rung and still does not move is tried on the one after.
   */
  function tellMoved({ event: no, who, powerW, again }: Input & { kind: 'observed' }): void {
    const e = state.events.get(no)
    if (!e || e.basisW.length === 0 || e.strikes.length === 0) return
    const nowS = Math.floor(state.nowMs / 1000)
    who.forEach((i, k) => {
      if (powerW[k]! < 0 || again?.[k] === 1 || becauseAt(state.rows, state.holds[i]!, nowS) !== no) return
      const strikes = e.strikes[i]!
      if (strikes > STRIKES && strikes % STRIKES === 0 && e.unmoved[i] === 1) tryNextRung(i)
      if (strikes === 0 && (e.basisW[i] ?? -1) > powerW[k]! * 1.1 + 200) chargers.moved(i)
    })
  }

  // ---- telling ------------------------------------------------------------------------------------------------------

  /** Written after those who follow have written down what they were told: a crash in between tells it again, never not at all. */
  function markTold(atMs: Instant): void {
    markedSize = journal.size()
    registry.set(TOLD_KEY, JSON.stringify({ size: markedSize, atMs })).catch(() => undefined)
  }
  /** An append that failed may have been stored all the same: those who follow hear of it. */
  async function tellStored(): Promise<void> {
    if (progress.isHeld()) return
    const lost = await untold(markedSize, journal.size())
    if (lost.length === 0) return
    progress.release(lost, now())
    markTold(now())
  }
  async function untold(from: number, to: number): Promise<Told[]> {
    const out: { facts: Fact[]; atMs: Instant; turn: number }[] = []
    let size = from
    for await (const { turn, at, fact } of entries(journal, from)) {
      if (size++ === to) break
      if (!isStep(fact)) continue
      if (out.at(-1)?.turn === turn) out.at(-1)!.facts.push(fact)
      else out.push({ facts: [fact], atMs: at, turn })
    }
    return out
  }

  // ---- what adapters get --------------------------------------------------------------------------------------------

  async function submit(event: GridEvent, raw: Uint8Array): Promise<Judgement> {
    if (createHash('sha256').update(raw).digest('hex') !== event.rawHash) throw new RangeError(`event ${event.id}: rawHash is not of raw`)
    const known = state.eventNoById.get(event.id)
    const before = known === undefined ? undefined : state.events.get(known)
    if (before && event.revision < before.event.revision) return { kind: 'declined', event: before.no, id: event.id, why: 'superseded' }
    if (!before || event.revision > before.event.revision) {
      const signal = { kind: 'signal', event, seed: new Uint8Array(0), raw } as const
      // one that the log cannot take is refused alone, before it shares a turn with others
      encode({ turn: state.turn, at: now(), fact: signal }, () => new Uint8Array(16))
      await handle(signal)
    }
    return (await conflictWith(event, raw)) ?? judgementOf(event.id)
  }
  /** A revision that is known with another content, also one taken a moment earlier: it changes nothing and is on record. Sent twice, it is answered again. */
  async function conflictWith(event: GridEvent, raw: Uint8Array): Promise<Judgement | undefined> {
    const e = state.events.get(state.eventNoById.get(event.id) ?? -1)
    if (!e || e.event.revision !== event.revision || saysTheSame(e, event)) return undefined
    await bridge.note(
      'signalConflict',
      { event: e.no, revision: event.revision, adapter: event.source.adapter, peer: event.source.peer },
      raw,
    )
    return { kind: 'declined', event: e.no, id: event.id, why: 'conflict' }
  }
  function judgementOf(id: string): Judgement {
    const e = state.events.get(state.eventNoById.get(id) ?? -1)
    if (!e) throw new Error(`event ${id} is not in the state after its turn`)
    if (e.declined !== null) return { kind: 'declined', event: e.no, id, why: e.declined as Decline }
    const excluded = e.excluded.reduce((n, code) => n + (code > 0 ? 1 : 0), 0)
    return { kind: 'accepted', event: e.no, id, usable: membersOf(state, e).length - excluded, excluded }
  }

  const bridge: Bridge = {
    registry,
    now,
    submit,
    async note(what, about, raw) {
      await handle({ kind: 'noted', what, about: shortened(about), ...(raw ? { raw } : {}) })
    },
    event(id) {
      const e = state.events.get(state.eventNoById.get(id) ?? -1)
      return e && eventView(e, Math.floor(now() / 1000))
    },
    events: () => [...state.events.values()].map(e => eventView(e, Math.floor(now() / 1000))),
    figures: targets => fleetFigures(state, targets, meters.latest(), now(), options.freshMs),
    history: (targets, span) => fleetHistory(chargersOf(state.fleet, rangesOf(state.fleet, targets)), meters, span),
    follow: (adapter, listener) => progress.follow({ adapter, tell: listener }),
    heard: sources.heard,
  }

  const sink: ChargerSink = {
    registry,
    now,
    outcome(outcome) {
      inbox.outcomes.push(outcome)
      soon()
    },
    link(station, up) {
      inbox.links.set(station, up)
      soon()
    },
    doubt(who, why) {
      const all = inbox.doubts.get(why) ?? new Set()
      for (const i of who) all.add(i)
      inbox.doubts.set(why, all)
      soon()
    },
    booted(station) {
      // what it draws from now on would be taken for what it drew before
      if (!inbox.boots.has(station)) inbox.boots.set(station, drewAt(state, station, meters.latest(), now()))
      soon()
    },
    readings: readings => meters.put(readings),
    signed: values => meters.keepSigned(values),
    override(charger, reason) {
      const fromS = Math.floor(now() / 1000)
      const untilS = overrideUntilS(charger)
      // Some boxes say it again and again for as long as it lasts: that is no news, and must not make it last longer.
      const isKnown = state.optOuts.get(charger)?.some(o => o.reason === 'driver' && o.fromS <= fromS && o.toS >= (untilS ?? fromS + 1))
      if (isKnown) return
      const toS = untilS ?? fromS + FREE_OVERRIDE_S
      inbox.inputs.push({ kind: 'optOut', who: Uint32Array.of(charger), fromS, toS, reason: 'driver' })
      inbox.inputs.push({ kind: 'noted', what: 'override', about: shortened({ charger, text: reason }) })
      soon()
    },
    note(what, about) {
      inbox.inputs.push({ kind: 'noted', what, about: shortened(about) })
      soon()
    },
    session(charger, session) {
      const news = newsOf(state, charger, session, inbox.sessions.get(charger), inbox.links)
      if (!news || news === inbox.sessions.get(charger)) return
      inbox.sessions.set(charger, news)
      soon()
    },
    capabilities(station, capabilities) {
      inbox.discovered.set(station, capabilities)
      soon()
    },
  }
  /**
   * A driver's override lasts as long as what limits the charger now, or will next, without a break, and is not fought again within that. It says
   * nothing of tomorrow's event; against a limit without end it lasts a day. Undefined: nothing limits it.
   */
  function overrideUntilS(charger: number): number | undefined {
    const nowS = Math.floor(now() / 1000)
    const [first, ...others] = remaining(scheduleOf(state.rows, state.want[charger] ?? 0), nowS)
    if (!first) return undefined
    let { toS } = first
    for (const x of others) if (x.fromS === toS) toS = x.toS
    return toS === NEVER_S ? nowS + 86_400 : toS
  }

  // ---- life ---------------------------------------------------------------------------------------------------------

  async function start(): Promise<void> {
    state = await recover(journal)
    const recoveredSize = journal.size()
    const mark = markOf(registry.get(TOLD_KEY), recoveredSize)
    progress.recovered(mark)
    const lost = await untold(mark?.size ?? recoveredSize, recoveredSize)
    snapshotSize = recoveredSize
    markedSize = mark?.size ?? recoveredSize
    sources.listenAfterStart(state)
    verifying.recovered()
    const first = firstInputs()
    await handle(...first).catch(error => beyondRecord.owed(error, inbox, first))
    await chargers.start(sink)
    for (const charger of state.enabling.keys()) force(charger, 'enable')
    for (const source of signals) await source.start(bridge)
    progress.release(lost, now())
    markTold(now())
  }
  /** Keys of seeds are committed before any draw; no socket has survived us. */
  function firstInputs(): Input[] {
    const up = [...state.up.keys()].filter(node => state.up[node] === 1)
    const link = { kind: 'link', stations: Uint32Array.from(up), up: new Uint8Array(up.length) } as const
    return [...seeds.commitment(state), ...(up.length > 0 ? [link] : [])]
  }
  async function stop(): Promise<void> {
    for (const source of signals) await source.stop()
    stopping = true
    await chargers.stop()
    await verifying.stop()
    snapshotSize = Number.NEGATIVE_INFINITY
    await handle({ kind: 'noted', what: 'stopped', about: {} })
    await running
  }

  return {
    bridge,
    sink,
    registry,
    meters,
    journal,
    chargers,
    options,
    now,
    handle,
    state: () => state,
    listen(listener) {
      listeners.add(listener)
      return () => listeners.delete(listener)
    },
    sources: sources.health,
    eventKeys: eventKeys(world.seedKey, no => secretUntilS(state, no) <= now() / 1000),
    trouble: () => appendTrouble,
    start,
    stop,
  }
}
