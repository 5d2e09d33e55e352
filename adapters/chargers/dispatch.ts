/**
 * Commands on their way: from `send` to exactly one outcome each. One errand per charger at a time and at most one command waiting behind it; a newer one
 * replaces what has not been sent. Errands climb the ladder when a box refuses, and never set a limit before it is known what others have set there.
 */
import { type ChargerNo, type Command, NO_TRANSACTION, type OutcomeKind, type Second } from '../../src/core/model.ts'
import type { Central } from './central.ts'
import { type Dialect, verdictOf } from './dialect.ts'
import { candidateIds, ceilingW, freeStackLevel, profileId, unread } from './foreign.ts'
import { formatRung, type KeyRung, next, type OwnRefusal, type Rung, rungKey, sameRung, startAt } from './ladder.ts'
import type { LimitKeys } from './limitKey.ts'
import type { Payload } from './ocppj/frames.ts'
import { type Answer, type Job, priority } from './ocppj/transport.ts'
import { type EvseLink, evseOf, isClean, isWhole, refreshRungs, rememberForeign, type StationLink } from './station.ts'
import { toProfile } from './toProfile.ts'

type Errand = {
  readonly link: StationLink
  readonly evse: EvseLink
  readonly command: Command
  /** Ids of this try's calls, in order; `step` is the one under way. */
  ids: readonly number[]
  step: number
  /** Their payloads, where there is more than one: of a single call nothing is kept while it is in flight. */
  payloads: readonly Payload[] | null
  expiresS: Second
  /** Rung of this try: itself, not its place, for the ladder may change while a call is out. */
  rung: Rung | null
  /** The box cannot clear: it is given a free profile that lapses instead. */
  freeing: boolean
  /** Earlier profiles of ours were removed because they were in the way. */
  swept: boolean
  /** Something of this errand may be on the box, whatever becomes of the rest. */
  left: boolean
  tries: number
  job: Job<Errand> | null
  waiting: Command | null
}

export type DispatchPorts = {
  readonly central: Central
  readonly limitKeys: LimitKeys
  linkOf(station: number): StationLink | undefined
  dialectOf(link: StationLink): Dialect
  call(link: StationLink, job: Job<Errand>): void
  withdraw(link: StationLink, job: Job<Errand>): boolean
  /** Nothing is outstanding and nothing waits. */
  isQuiet(link: StationLink): boolean
}

/** Frames written before the loop may read answers again. */
export const sliceFrames = 256
const maxTries = 24
/** How long a command waits to learn what others have set; then it goes where it can replace nothing (`unread`). */
const waitMs = 10_000
const urgentWaitMs = 1_500
const withinMs = (work: Promise<void>, ms: number): Promise<void> =>
  new Promise(resolve => {
    const timer = setTimeout(resolve, ms)
    void work.then(() => {
      clearTimeout(timer)
      resolve()
    })
  })
const freeForS = 30
const lapseMarginS = 5
const nothing = (): null => null
const none: readonly number[] = []

export const createDispatch = (ports: DispatchPorts) => {
  const { central, limitKeys } = ports
  const { sink } = central
  const active = new Map<ChargerNo, Errand>()
  const urgent = new Map<ChargerNo, Command>()
  const normal = new Map<ChargerNo, Command>()
  /** Rungs are shared objects: one entry each, with the models on which they worked. */
  const shown = new Map<Rung, Set<string>>()
  /** Links on which something of ours lapses sooner or later. */
  const holding = new Set<StationLink>()
  let draining = false

  const tell = (command: Command, kind: OutcomeKind, cause: string): void =>
    sink.outcome({ charger: command.charger, seq: command.seq, kind, cause })

  const finish = (errand: Errand, kind: OutcomeKind, cause: string): void => {
    const { charger } = errand.command
    active.delete(charger)
    errand.job = null
    if (kind === 'accepted' || kind === 'rejected') errand.evse.lateTold = false
    tell(errand.command, kind, cause)
    if (errand.waiting !== null) begin(errand.waiting)
  }

  const post = (errand: Errand, action: string, payload: Payload, level: number, done: Job<Errand>['done']): void => {
    const job: Job<Errand> = { action, payload, priority: level, expiresMs: Number.POSITIVE_INFINITY, done, late: onLate, context: errand }
    errand.job = job
    ports.call(errand.link, job)
  }

  /** The box answered after we had given up: it may hold the one or the other. One that is always late is not told anew at once each time. */
  const onLate = (job: Job<Errand>): void => {
    const { evse, command } = job.context
    if (evse.lateTold) return
    evse.lateTold = true
    sink.doubt([command.charger], 'late answer')
  }

  // --- setting ---

  /** Whether there is still something to hold: it may have waited for the box's profiles, or for other rungs, until all of it was over. */
  const isAhead = ({ schedule }: Command): boolean => schedule.some(({ toS }) => toS > Math.floor(central.nowMs() / 1000))

  const attempt = (errand: Errand): void => {
    const { link, command, evse } = errand
    const rung = link.rungs[link.rung]
    errand.rung = rung ?? null
    if (rung === undefined) return refuse(errand, 'no rung left')
    if (rung.purpose === 'key') return void attemptKey(errand, rung)
    const foreign = link.foreign ?? unread
    const evseId = rung.at === 'station' ? 0 : evse.evseId
    const stackLevel = freeStackLevel(foreign, rung.purpose, evseId, rung.stack, link.capabilities.maxStackLevel)
    if (stackLevel === null) return climb(errand, 'noStackLevel')
    const nowS = Math.floor(central.nowMs() / 1000)
    const schedule = errand.freeing
      ? [{ fromS: nowS - 60, toS: nowS + freeForS, limitW: Number.MAX_SAFE_INTEGER, because: 0 }]
      : command.schedule
    const profiles = toProfile({ schedule, urgent: command.urgent }, link.capabilities, rung, {
      protocol: link.peer?.protocol ?? 'ocpp1.6',
      nowS,
      clockOffsetS: Math.round(link.offsetMs / 1000),
      evseId: evse.evseId,
      evseIds: link.evseIds,
      stackLevel,
      transactionOf: rung.purpose === 'tx' ? id => evseOf(link, id)?.transactionId ?? null : nothing,
      ceilingW: foreign.limits.length === 0 ? nothing : (purpose, id, fromS, toS) => ceilingW(foreign, purpose, id, fromS, toS),
    })
    const [first] = profiles.requests
    if (first === undefined) return isAhead(command) ? climb(errand, 'noTransaction') : clear(errand)
    if (profiles.floored !== null) central.note(link, 'floored', { station: link.no, to: profiles.floored })
    const single = profiles.requests.length === 1
    errand.ids = single ? [first.profileId] : profiles.requests.map(request => request.profileId)
    errand.payloads = single ? null : profiles.requests.map(request => request.payload)
    errand.expiresS = profiles.expiresS
    errand.step = 0
    sendStep(errand, first.payload)
  }

  const attemptKey = async (errand: Errand, { rule }: KeyRung): Promise<void> => {
    const { link, command } = errand
    // What is left of ours never acted, or this rung would not have been reached; it lapses by itself.
    if (errand.freeing) return finish(errand, 'accepted', '')
    errand.ids = none
    const verdict = await limitKeys.hold(link, rule, command)
    if (verdict.kind === 'refused') return climb(errand, verdict.code)
    if (verdict.kind === 'unknown') return finish(errand, 'unknown', verdict.cause)
    settled(errand)
  }

  const sendStep = (errand: Errand, payload: Payload): void =>
    post(errand, 'SetChargingProfile', payload, errand.command.urgent ? priority.urgent : priority.curtail, onSet)

  const onSet = (job: Job<Errand>, answer: Answer): void => {
    const errand = job.context
    const { link } = errand
    const verdict = verdictOf(answer)
    if (verdict.kind === 'refused') {
      if (answer.kind === 'invalid') sink.note('ownFrame', { station: link.no, why: answer.why })
      // 2.0.1 K01.FR.39, .52, .53: another profile at this purpose and level. If it is an earlier one of ours it is removed first.
      if (verdict.code === 'DuplicateProfile' && !errand.swept) {
        errand.swept = true
        return void sweep(errand).then(() => attempt(errand))
      }
      return climb(errand, verdict.code)
    }
    // Unless it was never sent, it may be there: also after an error that says neither yes nor no.
    if (!(answer.kind === 'offline' && !answer.sent) && answer.kind !== 'expired') {
      hold(link, errand.ids[errand.step]!, errand.expiresS)
      errand.left = true
    }
    if (verdict.kind === 'unknown') return finish(errand, 'unknown', verdict.cause)
    if (++errand.step < errand.ids.length) return sendStep(errand, errand.payloads![errand.step]!)
    if (limitKeys.isHolding(link.no)) void limitKeys.free(link)
    settled(errand)
  }

  const settled = (errand: Errand): void => {
    errand.evse.actsOn = errand.rung
    showAccepted(errand)
    if (errand.link.held.size > errand.ids.length) void sweep(errand)
    finish(errand, 'accepted', '')
  }

  const hold = (link: StationLink, id: number, untilS: Second): void => {
    link.lapsesS = Math.max(link.lapsesS, untilS)
    link.held.set(id, untilS)
    holding.add(link)
  }

  /** Each refusal is recorded; a first success per model and rung too, not every box of ten thousand. */
  const showAccepted = (errand: Errand): void => {
    const { link } = errand
    const rung = errand.rung!
    let models = shown.get(rung)
    if (models?.has(link.model)) return
    if (models === undefined) shown.set(rung, (models = new Set()))
    models.add(link.model)
    sink.note('tried', { station: link.no, model: link.model, rung: formatRung(rung), answer: 'Accepted' })
  }

  /** The last rung said no. A budget that some EVSEs have taken is not the plan's any more: their part is taken back. */
  const refuse = (errand: Errand, code: string): void => {
    finish(errand, 'rejected', code)
    if (errand.left) sink.doubt([errand.command.charger], 'refused in part')
  }

  const climb = (errand: Errand, code: string | OwnRefusal): void => {
    const { link } = errand
    const rung = errand.rung!
    sink.note('tried', { station: link.no, model: link.model, rung: formatRung(rung), answer: code })
    if (++errand.tries > maxTries) return refuse(errand, code)
    // Another errand of the same box may have climbed meanwhile, or the box may have told more of itself.
    const here = link.rungs[link.rung]
    if (here === undefined || !sameRung(here, rung)) return attempt(errand)
    const rungAfter = next(link.rungs, link.rung, code)
    if (rungAfter >= 0) {
      link.rung = rungAfter
      return attempt(errand)
    }
    if (code === 'noTransaction' && !errand.left) return finish(errand, 'unknown', NO_TRANSACTION)
    // The next event begins again: an installer may have switched something on.
    link.rung = startAt(link.rungs, central.sink.registry.get(rungKey(link.model)))
    refuse(errand, code)
  }

  /** Removes what earlier rungs left on the box: it would still bind when the plan loosens. Ids of ours only. */
  const sweep = async (errand: Errand): Promise<void> => {
    const { link, evse } = errand
    const stale = ownIds(link, evse).filter(id => link.held.has(id) && !errand.ids.includes(id))
    await Promise.all(
      stale.map(async id => {
        const answer = await central.call(link, 'ClearChargingProfile', ports.dialectOf(link).clear(id), priority.restore)
        if (isCleared(answer)) link.held.delete(id)
      }),
    )
  }

  // --- clearing ---

  const ownIds = (link: StationLink, evse: EvseLink): readonly number[] =>
    isWhole(link) ? candidateIds(link.evseIds) : [profileId('txDefault', evse.evseId), profileId('tx', evse.evseId)]

  const isCleared = (answer: Answer): boolean => {
    const verdict = verdictOf(answer)
    // `Unknown`: nothing matched, which is what we wanted.
    return verdict.kind === 'accepted' || (verdict.kind === 'refused' && /^unknown$/i.test(verdict.code))
  }

  const clear = (errand: Errand): void => {
    const { link, evse } = errand
    const ids = ownIds(link, evse).filter(id => link.held.has(id))
    errand.ids = ids
    errand.step = 0
    if (!limitKeys.isHolding(link.no)) return clearStep(errand)
    void limitKeys.free(link).then(verdict => {
      if (verdict.kind === 'accepted') clearStep(errand)
      else finish(errand, verdict.kind === 'refused' ? 'rejected' : 'unknown', verdict.kind === 'refused' ? verdict.code : verdict.cause)
    })
  }

  const clearStep = (errand: Errand): void => {
    const id = errand.ids[errand.step]
    if (id !== undefined) return post(errand, 'ClearChargingProfile', ports.dialectOf(errand.link).clear(id), priority.restore, onClear)
    finish(errand, 'accepted', '')
  }

  const onClear = (job: Job<Errand>, answer: Answer): void => {
    const errand = job.context
    const verdict = verdictOf(answer)
    if (isCleared(answer)) {
      errand.link.held.delete(errand.ids[errand.step]!)
      if (verdictOf(answer).kind === 'accepted') errand.link.cleared++
      errand.step++
      return clearStep(errand)
    }
    if (verdict.kind === 'unknown') return finish(errand, 'unknown', verdict.cause)
    // It cannot clear: under the same id it gets a free profile that lapses.
    if (errand.freeing) return finish(errand, 'rejected', verdict.kind === 'refused' ? verdict.code : '')
    errand.freeing = true
    attempt(errand)
  }

  /**
   * What has lapsed by our clock is cleared too. A box whose clock is far off, and has not told so, would hold an emergency's limit hours too long, or begin
   * to hold another one hours after its event. Only on a link that is quiet: the call is out before any newer limit under the same id can be.
   */
  const clearLapsed = (nowS: Second): void => {
    let frames = 0
    for (const link of holding) {
      if (frames >= sliceFrames) return
      if (!link.up || !ports.isQuiet(link) || link.evses.some(evse => active.has(evse.charger))) continue
      let left = false
      let lapsed: number | undefined
      for (const [id, untilS] of link.held) {
        if (untilS === Number.POSITIVE_INFINITY) continue
        if (untilS + lapseMarginS < nowS) lapsed = id
        else left = true
      }
      if (lapsed === undefined) {
        if (!left) holding.delete(link)
        continue
      }
      frames++
      void clearOnce(link, lapsed)
    }
  }
  const clearOnce = async (link: StationLink, id: number): Promise<void> => {
    const answer = await central.call(link, 'ClearChargingProfile', ports.dialectOf(link).clear(id), priority.poll)
    if (isCleared(answer)) link.held.delete(id)
    // Asked once: it has lapsed, and a box that cannot clear must not be asked for ever.
    else holding.delete(link)
  }

  // --- taking commands ---

  const begin = (command: Command): void => {
    const busy = active.get(command.charger)
    if (busy !== undefined) {
      const unsent = busy.step === 0 && busy.tries === 0 && (busy.job === null || ports.withdraw(busy.link, busy.job))
      if (!unsent || busy.job === null) {
        if (busy.waiting !== null) tell(busy.waiting, 'superseded', '')
        busy.waiting = command
        return
      }
      active.delete(command.charger)
      tell(busy.command, 'superseded', '')
    }
    const link = ports.linkOf(command.station)
    const evse = link?.evses.find(e => e.charger === command.charger)
    if (link === undefined || evse === undefined || !link.up) return tell(command, 'unknown', 'offline')
    const errand: Errand = {
      link,
      evse,
      command,
      ids: none,
      step: 0,
      payloads: null,
      expiresS: 0,
      rung: null,
      freeing: false,
      swept: false,
      left: false,
      tries: 0,
      job: null,
      waiting: null,
    }
    active.set(command.charger, errand)
    if (!isAhead(command)) return clear(errand)
    if (link.foreign !== null) return attempt(errand)
    void withinMs(learnForeign(link), command.urgent ? urgentWaitMs : waitMs).then(() => {
      if (errand.waiting === null) attempt(errand)
      else finish(errand, 'superseded', '')
    })
  }

  const reading = new Map<StationLink, Promise<void>>()
  /** Reads what others have set, once; while something of ours may be there a version that cannot tell profiles apart is not asked. */
  const learnForeign = (link: StationLink): Promise<void> => {
    const running = reading.get(link)
    if (running !== undefined) return running
    const nowS = central.nowMs() / 1000
    const work = ports
      .dialectOf(link)
      .readForeign(central, link, isClean(link, nowS))
      .then(found => {
        if (found !== null && link.up) {
          link.foreign = found
          rememberForeign(sink.registry, link)
          refreshRungs(sink.registry, link)
        }
      })
      .finally(() => reading.delete(link))
    reading.set(link, work)
    return work
  }

  const takeFirst = (): Command | undefined => {
    const from = urgent.size > 0 ? urgent : normal
    for (const [charger, command] of from) {
      from.delete(charger)
      return command
    }
    return undefined
  }

  const drain = (): void => {
    for (let k = 0; k < sliceFrames; k++) {
      const command = takeFirst()
      if (command === undefined) {
        draining = false
        return
      }
      begin(command)
    }
    setImmediate(drain)
  }

  return {
    learnForeign,
    clearLapsed,
    /** Takes commands in their order, urgent ones before all others, in slices so that answers are read in between. */
    send(commands: readonly Command[]): void {
      for (const command of commands) {
        const { charger } = command
        const before = urgent.get(charger) ?? normal.get(charger)
        if (before !== undefined) {
          urgent.delete(charger)
          normal.delete(charger)
          tell(before, 'superseded', '')
        }
        ;(command.urgent ? urgent : normal).set(charger, command)
      }
      if (draining) return
      draining = true
      setImmediate(drain)
    },
    /** The meter saw no effect: one purpose further. False when none is left. */
    unmoved(link: StationLink, evse: EvseLink): boolean {
      const rung = link.rungs[link.rung]
      if (rung === undefined) return false
      const { actsOn } = evse
      evse.actsOn = null
      // Another EVSE of the box has gone further meanwhile: this one follows before anything else is tried.
      if (actsOn !== null && !sameRung(actsOn, rung)) return true
      const after = next(link.rungs, link.rung, 'unmoved')
      sink.note('tried', { station: link.no, model: link.model, rung: formatRung(rung), answer: 'unmoved' })
      if (after < 0) return false
      link.rung = after
      return true
    },
    moved(link: StationLink, evse: EvseLink): void {
      const rung = evse.actsOn ?? link.rungs[link.rung]
      if (rung === undefined || link.model === '') return
      const key = rungKey(link.model)
      if (sink.registry.get(key) !== formatRung(rung)) void sink.registry.set(key, formatRung(rung))
    },
    /** Clears every id that may be ours; how many were there, how many could not be cleared. */
    async clearAll(link: StationLink): Promise<{ readonly failed: number }> {
      let failed = 0
      for (const id of candidateIds(link.evseIds)) {
        const answer = await central.call(link, 'ClearChargingProfile', ports.dialectOf(link).clear(id), priority.restore)
        if (!isCleared(answer)) failed++
        else {
          link.held.delete(id)
          if (verdictOf(answer).kind === 'accepted') link.cleared++
        }
      }
      return { failed }
    },
  }
}
