import { type ChargerNo, type Fact, type Instant, quality, type Readings, type Second, sessionPhases } from '../core/model.ts'
import { energyOf } from '../core/verify/energy.ts'
import { type EnergySeries, type Flaw, flaw } from '../core/verify/series.ts'
import type { Engine } from '../engine.ts'
import { type RollupStep, type Runtime, rollupSteps, type SessionRecord, type Window, type Witnesses } from '../ports.ts'
import { findCharger, nameOfCharger } from './names.ts'
import { done, invalid, isoS, type Result } from './result.ts'
import type { WitnessDeclaration } from './witnesses.ts'

/** How long each is kept, days; 0: for ever. `disputeDays`: readings of an event's window are kept at least so long after its end. */
export type ReadingsRetention = {
  readonly readingsDays: number
  readonly minuteDays: number
  readonly fiveMinuteDays: number
  readonly halfHourDays: number
  readonly sessionDays: number
  readonly disputeDays: number
}
export type ReadingsSetup = {
  readonly retention: ReadingsRetention
  readonly runtime: Pick<Runtime, 'now' | 'at'>
  readonly witnesses: Witnesses
  /** Meters of the configuration. */
  readonly configured?: readonly WitnessDeclaration[] | undefined
}
export type EnergyPoint = { readonly at: string; readonly energyWh: number | null; readonly flaws: readonly Flaw[] }
export type SessionView = {
  readonly charger: string
  readonly from: string
  readonly until: string
  readonly energyWh: number | null
  readonly poweredS: number
  readonly pluggedS: number
  readonly flaws: readonly Flaw[]
}
/** As the box sent it. */
export type SignedView = { readonly at: string; readonly value: unknown }
export type PushedReading = {
  readonly fromMs: Instant
  readonly toMs: Instant
  readonly powerW?: number | undefined
  readonly registerWh?: number | undefined
}

const DAY_MS = 86_400_000
/** A session's last readings, and the register value after it, are in by then. */
const SETTLED_MS = 900_000
/** Below this mean power, W, a car takes none: the box alone draws some. */
const IDLE_W = 100
/** Most that is answered at once, so that a question cannot stop the bridge. */
export const MOST_STEPS = 20_000
/** A reading that comes so long after its time waited somewhere. */
export const LATE_MS = 900_000
const WINDOW_KEY = 'readings.window.'
/** Readings that a verdict looks at before and after an event: meter-before, and where the load came back. */
const AROUND_MS = 4 * 3_600_000

export const flawsOf = (flags: number): Flaw[] =>
  (Object.keys(flaw) as (keyof typeof flaw)[]).filter((k): k is Flaw => k !== 'none' && (flags & flaw[k]) !== 0)
const orNull = (wh: number): number | null => (Number.isNaN(wh) ? null : wh)

export const pointsOfSeries = ({ fromS, stepS, wh, flaws }: EnergySeries): EnergyPoint[] =>
  Array.from(wh, (x, k) => ({ at: isoS(fromS + k * stepS), energyWh: orNull(x), flaws: flawsOf(flaws[k]!) }))

/** Energy, sessions and how long they are kept: all made of stored readings by `energyOf`. */
export function createReadings(engine: Engine, { retention, runtime, witnesses }: ReadingsSetup) {
  const { meters, registry } = engine
  const pluggedMs = new Map<ChargerNo, Instant>()
  let settling: { readonly charger: ChargerNo; readonly window: Window }[] = []

  // ---- sessions ------------------------------------------------------------------------------------------------------

  async function record(charger: ChargerNo, { fromMs, toMs }: Window): Promise<void> {
    const readings = await meters.range(Uint32Array.of(charger), fromMs - SETTLED_MS, toMs + SETTLED_MS)
    const steps = { fromS: Math.floor(fromMs / 60_000) * 60, toS: Math.ceil(toMs / 60_000) * 60, stepS: 60 }
    const { series } = energyOf(readings, steps, { maxW: engine.state().fleet.maxW[charger] ?? Number.POSITIVE_INFINITY })
    const known = series.wh.filter(wh => !Number.isNaN(wh))
    meters.keepSession({
      ...{ charger, fromMs, toMs },
      energyWh: known.length === 0 ? Number.NaN : known.reduce((sum, wh) => sum + wh, 0),
      poweredMs: known.filter(wh => wh > IDLE_W / 60).length * 60_000,
      flaws: series.flaws.reduce((all, x) => all | x, 0),
    })
  }
  function ended(charger: ChargerNo, window: Window): void {
    // Written at once, for a crash, and again when its last readings are in.
    void record(charger, window)
    settling.push({ charger, window })
    if (settling.length === 1) runtime.at('readings.sessions', window.toMs + SETTLED_MS, settle)
  }
  async function settle(): Promise<void> {
    const due = settling.filter(x => x.window.toMs + SETTLED_MS <= runtime.now())
    settling = settling.filter(x => !due.includes(x))
    if (settling[0]) runtime.at('readings.sessions', settling[0].window.toMs + SETTLED_MS, settle)
    for (const { charger, window } of due) await record(charger, window)
  }
  function takeSessions(fact: Fact & { kind: 'session' }, atMs: Instant): void {
    fact.who.forEach((charger, k) => {
      const isThere = sessionPhases[fact.phase[k]!] !== 'none'
      const sinceMs = pluggedMs.get(charger)
      if (isThere && sinceMs === undefined) pluggedMs.set(charger, atMs)
      if (isThere || sinceMs === undefined) return
      pluggedMs.delete(charger)
      ended(charger, { fromMs: sinceMs, toMs: atMs })
    })
  }

  // ---- what is kept --------------------------------------------------------------------------------------------------

  /** The window of an event outlives the expiry of readings, also over a restart. */
  function keepWindow(no: number): void {
    const e = engine.state().events.get(no)
    const [first, last] = [e?.event.intervals[0], e?.event.intervals.at(-1)]
    if (!e || !first || !last) return
    const window = { fromMs: first.fromS * 1000 - AROUND_MS, toMs: Math.min(e.cancelledS, last.toS) * 1000 + AROUND_MS }
    void registry.set(WINDOW_KEY + no, JSON.stringify(window))
  }
  function keptWindows(nowMs: Instant): Window[] {
    const kept: Window[] = []
    for (const key of [...registry.keys(WINDOW_KEY)]) {
      const window = JSON.parse(registry.get(key) ?? '{}') as Partial<Window>
      if (window.fromMs === undefined || window.toMs === undefined || nowMs - window.toMs > retention.disputeDays * DAY_MS)
        void registry.set(key, null)
      else kept.push(window as Window)
    }
    return kept
  }
  async function expire(): Promise<void> {
    const nowMs = runtime.now()
    const kept = keptWindows(nowMs)
    const days: Record<RollupStep, number> = { 60: retention.minuteDays, 300: retention.fiveMinuteDays, 1800: retention.halfHourDays }
    if (retention.readingsDays > 0) await meters.expire(nowMs - retention.readingsDays * DAY_MS, kept)
    for (const step of rollupSteps) if (days[step] > 0) await meters.expireHistory(step, Math.floor((nowMs - days[step] * DAY_MS) / 1000))
    if (retention.sessionDays > 0) await meters.expireSessions(nowMs - retention.sessionDays * DAY_MS)
    if (retention.halfHourDays > 0) await witnesses.expire(nowMs - retention.halfHourDays * DAY_MS, kept)
  }
  const daily = async (): Promise<void> => {
    await expire()
    armDaily()
  }
  /** In the small hours, UTC. */
  const armDaily = () =>
    runtime.at('readings.expire', (Math.floor((runtime.now() - 3 * 3_600_000) / DAY_MS) + 1) * DAY_MS + 3 * 3_600_000, daily)

  let stop = () => {}
  return {
    /** After the engine has started: who was plugged in before goes on. */
    start(): void {
      const s = engine.state()
      const there = 1 + sessionPhases.indexOf('plugged')
      for (let i = 0; i < s.phase.length; i++) if (s.phase[i]! >= there) pluggedMs.set(i, s.sinceS[i]! * 1000)
      stop = engine.listen((facts, atMs) => {
        for (const fact of facts) {
          if (fact.kind === 'session') takeSessions(fact, atMs)
          if (fact.kind === 'accepted') keepWindow(fact.event)
        }
      })
      armDaily()
    },
    stop: (): void => stop(),
    expire,
    keptWindows,
    /** Energy of a charger in steps of 1, 5 or 30 minutes, with what is wrong with each. */
    async energy(charger: string, fromS: Second, toS: Second, stepS: number): Promise<Result<readonly EnergyPoint[]>> {
      const found = findCharger(registry, charger)
      if (!found.ok) return found
      const step = rollupSteps.find(s => s === stepS)
      if (step === undefined) return invalid('bad-step', '#/stepS', stepS, `energy is kept in steps of ${rollupSteps.join(', ')} s`)
      if (!(toS > fromS) || (toS - fromS) / step > MOST_STEPS)
        return invalid('bad-span', '#/until', isoS(toS), `ask for at least one and at most ${MOST_STEPS} steps`)
      const h = await meters.history(Uint32Array.of(found.value), { fromS, toS, stepS: step })
      return done(pointsOfSeries(h))
    },
    async sessions(charger: string, fromMs: Instant, toMs: Instant): Promise<Result<readonly SessionView[]>> {
      const found = findCharger(registry, charger)
      if (!found.ok) return found
      const all = await meters.sessions(Uint32Array.of(found.value), fromMs, toMs)
      return done(all.map(s => viewOf(nameOfCharger(registry, s.charger), s)))
    },
    async signed(charger: string, fromMs: Instant, toMs: Instant): Promise<Result<readonly SignedView[]>> {
      const found = findCharger(registry, charger)
      if (!found.ok) return found
      const all = await meters.signed(Uint32Array.of(found.value), fromMs, toMs)
      return done(all.map(({ atMs, body }) => ({ at: new Date(atMs).toISOString(), value: JSON.parse(body) as unknown })))
    },
    /** Readings of a charger by another way than its own: a sub-meter, a backend. Import positive. */
    push(charger: string, readings: readonly PushedReading[]): Result<{ readonly taken: number }> {
      const found = findCharger(registry, charger)
      if (!found.ok) return found
      const nowMs = engine.now()
      for (const [k, r] of readings.entries()) {
        const wrong = faultOf(r, nowMs)
        if (wrong !== undefined) return invalid('bad-reading', `#/readings/${k}`, r, wrong, 'nothing of this request was taken')
      }
      meters.put(columnsOf(found.value, readings, nowMs))
      return done({ taken: readings.length })
    },
  }
}
export type ReadingOperations = ReturnType<typeof createReadings>

const viewOf = (charger: string, { fromMs, toMs, energyWh, poweredMs, flaws }: SessionRecord): SessionView => ({
  charger,
  from: isoS(Math.floor(fromMs / 1000)),
  until: isoS(Math.floor(toMs / 1000)),
  energyWh: orNull(energyWh),
  poweredS: Math.round(poweredMs / 1000),
  pluggedS: Math.round((toMs - fromMs) / 1000),
  flaws: flawsOf(flaws),
})

/** The least is a power, or a register; clocks may differ by some seconds. */
const AHEAD_MS = 5_000
/** A longer mean says nothing of a charger. */
const LONGEST_MS = 3_600_000
function faultOf({ fromMs, toMs, powerW, registerWh }: PushedReading, nowMs: Instant): string | undefined {
  if (!(toMs >= fromMs)) return 'ends before it begins'
  if (toMs - fromMs > LONGEST_MS) return `is longer than ${LONGEST_MS / 60_000} min`
  if (toMs > nowMs + AHEAD_MS) return 'is not over yet'
  if (powerW === undefined && registerWh === undefined) return 'has neither powerW nor registerWh'
  return undefined
}
const columnsOf = (charger: ChargerNo, readings: readonly PushedReading[], nowMs: Instant): Readings => ({
  charger: new Uint32Array(readings.length).fill(charger),
  fromMs: Float64Array.from(readings, r => r.fromMs),
  toMs: Float64Array.from(readings, r => r.toMs),
  powerW: Float64Array.from(readings, r => r.powerW ?? Number.NaN),
  registerWh: Float64Array.from(readings, r => r.registerWh ?? Number.NaN),
  quality: Uint8Array.from(readings, r => (nowMs - r.toMs > LATE_MS ? quality.late : quality.good)),
})
