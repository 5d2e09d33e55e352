import { awaitsVerification } from '../core/apply.ts'
import { saltedBlob } from '../core/codec.ts'
import { membersOf } from '../core/members.ts'
import type { EventNo, Fact, HashHex, Input, Instant, Readings } from '../core/model.ts'
import { NEVER_S } from '../core/model.ts'
import { type EventState, ownLastS, type State } from '../core/state.ts'
import { accuracyOf, UNKNOWN_ACCURACY } from '../core/verify/accuracy.ts'
import { rulesetOf } from '../core/verify/eventDays.ts'
import { looksAfterS } from '../core/verify/historic.ts'
import type { MeterErrors, Metered } from '../core/verify/record.ts'
import { verdictTerms } from '../core/verify/terms.ts'
import { weatherRoot } from '../core/verify/weather.ts'
import type { Journal, Meters, Registry, Runtime } from '../ports.ts'
import { createResumes } from './resumes.ts'
import { createLate } from './verifyingLate.ts'
import { type Breathe, createGathering, type Gathered } from './verifyingReadings.ts'
import { type WatchedWitnesses, weatherAfterS } from './verifyingWeather.ts'

export type { WatchedWitnesses }
export type VerifyingOptions = {
  /** How long after an event's end late readings are waited for before it is verified. */
  readonly graceMs: number
  /** How long readings that come later still are gathered before they make the next revision of a verdict. */
  readonly reviseAfterMs: number
}
type World = {
  readonly runtime: Runtime
  readonly journal: Pick<Journal, 'keep' | 'forget'>
  readonly meters: Meters
  readonly registry: Registry
  /** Series of meters that are not ours: temperatures are among them. */
  readonly witnesses?: WatchedWitnesses
  /** Lets others have their turn; nobody is there in virtual time. */
  readonly breathe?: Breathe
  readonly tell?: (line: string) => void
}
/** Readings for a verdict, waiting for their turn. They are for an event as it was: of which revision, with which verdict. */
type Ready = { readonly input: Metered; readonly revision: number; readonly verdictRevision: number }

/** Readings that could not be read are tried again after this. */
const AGAIN_MS = 60_000

/**
 * Brings readings to events: once some time after each has ended, and again when readings that bear on its verdict come late or are corrected, for as long as
 * its rules allow that. Whether anything did change is told by the root over the readings; each verdict is compared once more when its correction
 * period ends, so that what was overlooked (in a crash between two writes) is found at last.
 *
 * Readings of ten thousand chargers take seconds to gather, in which a signal must not wait: they are gathered beside the turns, by a job of the runtime that ends
 * with them, and the next turn takes them whole. What is gathered is in memory only: after a crash it is gathered anew.
 */
export function createVerifying(world: World, options: VerifyingOptions, state: () => State, soon: () => void) {
  const { runtime, journal, meters, registry, breathe = async () => {} } = world
  const late = createLate(world, options.reviseAfterMs, state)
  const resumes = createResumes(runtime, meters, state, breathe)
  const gather = createGathering(meters, world.witnesses, breathe)
  const ready = new Map<EventNo, Ready>()
  /** Of the turn that is being taken. */
  let handed: readonly EventNo[] = []
  let hasResumes = false
  /** Pieces of readings that the journal has already, and those of them that no entry names yet. */
  const kept = new WeakMap<object, HashHex>()
  const unnamed = new Set<HashHex>()
  /** Of people whose readings were erased: what was gathered before knows them. */
  let erasures = 0
  const lookedLast = new Set<EventNo>()
  let gathering: Promise<void> | undefined
  let notBefore = -Infinity
  /** The turn with what is gathered failed: others are taken without it until then. */
  let heldUntil = -Infinity
  let isStopping = false

  function dueAt(e: EventState): Instant {
    if (ready.has(e.no)) return Infinity
    if (awaitsVerification(e)) return (ownLastS(e) + afterS(e)) * 1000 + options.graceMs
    if (!e.kept || e.status !== 'accepted') return Infinity
    return Math.min(late.dueAt(e.no), lookedLast.has(e.no) ? Infinity : e.kept.untilS * 1000)
  }
  /** What its ruleset looks at after the event must be over as well. */
  function afterS(e: EventState): number {
    const { ruleset } = e
    const known = ruleset && rulesetOf(ruleset)
    return known ? Math.max(looksAfterS(known), weatherAfterS(known, ownLastS(e))) : 0
  }
  function arm(): void {
    if (gathering || isStopping) return
    let at = Math.min(resumes.isReady() ? Infinity : resumes.dueAt(), ready.size > 0 && isHeld() ? heldUntil : Infinity)
    for (const e of state().events.values()) at = Math.min(at, dueAt(e))
    if (at < NEVER_S * 1000) runtime.at('engine.verify', Math.max(at, notBefore, runtime.now()), gatherDue)
  }
  /** One at a time: a second call waits for the first. */
  function gatherDue(): Promise<void> {
    gathering ??= (async () => {
      for (const { no } of [...state().events.values()]) {
        const e = state().events.get(no)
        if (!e || isStopping || dueAt(e) > runtime.now()) continue
        await tried(`of event ${no}`, () => gatherFor(e))
        if (ready.has(no)) soon()
      }
      if (!isStopping) await tried('of those who were let go', resumes.look)
      gathering = undefined
      arm()
      if (isReady()) soon()
    })()
    return gathering
  }
  /** What fails for one event is tried again later, and keeps no other waiting. */
  async function tried(what: string, work: () => Promise<void>): Promise<void> {
    try {
      await work()
    } catch (error) {
      notBefore = runtime.now() + AGAIN_MS
      world.tell?.(`readings ${what} could not be gathered: ${String(error)}`)
    }
  }
  async function gatherFor(e: EventState): Promise<void> {
    const before = e.verification && e.kept
    const errors = before ? undefined : errorsOf(membersOf(state(), e))
    const about = before ? { who: before.who, terms: before.terms } : verdictTerms(state(), e, errors)
    const salt = before ? before.salt : runtime.random(16)
    const isLast = before !== null && before.untilS * 1000 <= runtime.now()
    const was = { revision: e.event.revision, verdictRevision: revisionOf(e) }
    if (before) late.take(e.no)
    else late.begin(e.no, about)
    const atFirst = erasures
    const isOver = (): boolean => isStopping || erasures !== atFirst
    let found: Gathered | undefined
    let isDone = false
    try {
      found = await gather(about, salt, isOver)
      if (!found) return
      if (before && !isNews(e, before.marks.readings, found)) late.done(e.no)
      else {
        await keepAhead(found.pieces, isOver)
        if (isOver()) return
        ready.set(e.no, { ...was, input: inputOf(e.no, found, salt, errors) })
      }
      if (isLast) lookedLast.add(e.no)
      isDone = true
    } finally {
      if (!isDone) {
        late.putBack(e.no)
        await forgetUnnamed(hashesOf(found?.pieces))
      }
    }
  }
  /** One by one: all in the append of their turn would hold up what is decided meanwhile. */
  async function keepAhead(pieces: Gathered['pieces'], isOver: () => boolean): Promise<void> {
    for (const piece of pieces) {
      if (isOver()) return
      const blob = saltedBlob(piece, runtime.random(16))
      // before, because what seems to fail may have been stored; and after, because an erasure may have come between
      kept.set(piece, blob.hash)
      unnamed.add(blob.hash)
      await journal.keep([blob])
      unnamed.add(blob.hash)
      await breathe()
    }
  }
  /** Readings that were erased or have expired are no correction. */
  function isNews(e: EventState, before: Uint32Array, { worked, weather }: Gathered): boolean {
    const known = e.verification?.weather
    if (weather && weatherRoot(weather) !== known?.root && weather.milliC.length >= (known?.count ?? 0)) return true
    return worked.tree.root !== e.verification?.readings?.root && worked.meters.readings.every((n, r) => n >= before[r]!)
  }
  /** Pieces that no entry will name: each try has others, and a full disk would be fuller with each. */
  async function forgetUnnamed(hashes: readonly HashHex[]): Promise<void> {
    const gone = hashes.filter(hash => unnamed.has(hash))
    if (gone.length === 0) return
    await journal.forget(gone)
    for (const hash of gone) unnamed.delete(hash)
  }
  /** A verdict or a revision of the event that came meanwhile wants other readings. */
  function isWanted(no: EventNo, { revision, verdictRevision }: Ready): boolean {
    const e = state().events.get(no)
    if (e?.status !== 'accepted' || e.event.revision !== revision || revisionOf(e) !== verdictRevision) return false
    return verdictRevision === 0 ? awaitsVerification(e) : e.kept !== null
  }
  function drop(no: EventNo): void {
    ready.delete(no)
    late.putBack(no)
  }
  const hashesOf = (pieces: readonly Uint8Array[] = []): HashHex[] => pieces.flatMap(piece => kept.get(piece) ?? [])
  const piecesOf = (no: EventNo): HashHex[] => hashesOf(ready.get(no)?.input.pieces)
  /** Is there anything for a turn to take? */
  const isReady = (): boolean => (ready.size > 0 && !isHeld()) || resumes.isReady()
  const isHeld = (): boolean => runtime.now() < heldUntil
  const revisionOf = ({ verification: v }: EventState): number => (v ? (v.verdictRevision ?? 1) : 0)

  function errorsOf(who: Uint32Array): MeterErrors {
    const known = new Map<string, number>()
    const out: { who: number[]; errorBp: number[] } = { who: [], errorBp: [] }
    for (const i of who) {
      const meterClass = registry.charger(i)?.station.capabilities.meterClass
      if (meterClass === undefined) continue
      const error = known.get(meterClass) ?? accuracyOf(meterClass)
      known.set(meterClass, error)
      if (error === UNKNOWN_ACCURACY) continue
      out.who.push(i)
      out.errorBp.push(Math.round(error * 10_000))
    }
    return { who: Uint32Array.from(out.who), errorBp: Uint16Array.from(out.errorBp) }
  }

  return {
    kept,
    /** The same store, watched for readings that come late. */
    meters: {
      ...meters,
      put(readings: Readings): void {
        if (late.see(readings)) arm()
        meters.put(readings)
      },
      async erase(who: Uint32Array): Promise<number> {
        erasures++
        const handedOut = new Set(handed.flatMap(no => piecesOf(no)))
        const known = [...unnamed].filter(hash => !handedOut.has(hash))
        for (const no of [...ready.keys()].filter(n => !handed.includes(n))) drop(no)
        const count = await meters.erase(who)
        await forgetUnnamed(known)
        arm()
        return count
      },
    } satisfies Meters,
    isReady,
    /** What is gathered, for the turn that is being taken: it stays until that is recorded. */
    inputs(nowMs: Instant): Input[] {
      for (const [no, r] of ready) {
        if (!isWanted(no, r)) drop(no)
      }
      handed = isHeld() ? [] : [...ready.keys()]
      hasResumes = resumes.isReady()
      return [...handed.map(no => ready.get(no)!.input), ...resumes.inputs(nowMs)]
    },
    /** To be called after each turn. */
    afterTurn(facts: readonly Fact[]): void {
      for (const no of handed) {
        for (const hash of piecesOf(no)) unnamed.delete(hash)
        ready.delete(no)
        late.done(no)
      }
      for (const fact of facts) if (fact.kind === 'verified') late.verified(fact.verification.event)
      resumes.afterTurn(facts, hasResumes)
      handed = []
      hasResumes = false
      arm()
    },
    /** To be called after a turn that could not be recorded: what comes in meanwhile must not fail with what was gathered. */
    notTaken(): void {
      hasResumes = false
      if (handed.length === 0) return
      handed = []
      heldUntil = runtime.now() + AGAIN_MS
      // by no state: the one that failed is about to be thrown away
      if (!gathering) runtime.at('engine.verify', heldUntil, gatherDue)
    },
    recovered(): void {
      world.witnesses?.onNews((name, fromS, toS) => {
        if (late.seeWeather(name, fromS, toS)) arm()
      })
      late.recovered()
      resumes.recovered()
      arm()
    },
    /** Ends what is being gathered. */
    async stop(): Promise<void> {
      isStopping = true
      await gathering
    },
  }
}

function inputOf(event: EventNo, { pieces, weather }: Gathered, salt: Uint8Array, meters: MeterErrors | undefined): Metered {
  return {
    kind: 'metered',
    event,
    pieces,
    salt,
    ...(meters && meters.who.length > 0 ? { meters } : {}),
    ...(weather ? { weather } : {}),
  }
}
