import type { ChargerNo, Command, NodeNo, OutcomeKind, Readings, Schedule } from '../../src/core/model.ts'
import type { ChargerLink, ChargerSink, Runtime } from '../../src/ports.ts'
import { between, type Chance, normal, stream } from '../fleet/chance.ts'
import type { Cars } from './cars.ts'
import { type Box, createPhysics, isIn, type Span } from './physics.ts'

/** A charger of the model: what it is, and how it fails. Shares are chances per command. */
export type ModelCharger = Box & {
  readonly no: ChargerNo
  readonly station: NodeNo
  readonly latencyMs?: number
  /** Its answer to a limit is no. */
  readonly rejects?: boolean
  readonly requestLost?: number
  readonly answerLost?: number
  /** A random delay of its own, up to so long, before it follows a limit. */
  readonly ownDelayS?: number
  /** Its clock is that much ahead, and a schedule begins and ends by it. Where an emergency begins is at once by any clock. */
  readonly clockAheadS?: number
  /** Standard deviation of a reading, as a share of it. */
  readonly meterNoise?: number
  /** It reports every so often, in whole minutes. */
  readonly sampleS?: number
  /** How it answers commands that come in at set times. */
  readonly script?: readonly ScriptedAnswer[]
}
/** `late`: it obeys and answers so much later, one command after another. */
export type ScriptedAnswer = Span &
  ({ readonly what: 'reject'; readonly reason: string } | { readonly what: 'late'; readonly answerMs: number })
/** A command on its way. `dueMs`: when the charger turns to it. */
type Sent = { readonly atMs: number; readonly command: Command; outcome?: OutcomeKind; dueMs: number }
type Answer = (kind: OutcomeKind, cause: string) => void
const MINUTE_MS = 60_000
const TIMEOUT_MS = 20_000

/** What the model did, for those who write it down. Called at each whole minute with everybody brought up to it. */
export type MinuteListener = (atMs: number) => void

/**
 * A fleet in virtual time as a ChargerLink: cars come and go, chargers take limits or do not, and are metered each minute. The fleet lives on when the
 * bridge that commands it does not. Every charger draws from a stream of its own, so that one more shifts nobody else.
 */
export function createModelLink(
  runtime: Runtime,
  chargers: readonly ModelCharger[],
  cars: Cars,
  seed: string,
  /** Does a box say on each new link that nobody is there? Else it is heard of when its first car leaves. */
  { tellsVacant = false }: { tellsVacant?: boolean } = {},
) {
  const physics = createPhysics(chargers, cars, runtime.now() / 1000)
  const byStation = new Map<NodeNo, ChargerNo[]>()
  for (const c of chargers) byStation.set(c.station, [...(byStation.get(c.station) ?? []), c.no])
  const chance = lazily(no => stream(seed, `charger ${no}`))
  const noise = lazily(no => stream(seed, `meter ${no}`))
  const online = new Set<NodeNo>()
  const sentWh = physics.registerWh.slice()
  const sampledMs = new Float64Array(chargers.length).fill(runtime.now())
  const sampleMs = Float64Array.from(chargers, c => (c.sampleS ?? 60) * 1000)
  const noiseShare = Float64Array.from(chargers, c => c.meterNoise ?? 0)
  const isHeard = new Uint8Array(chargers.length)
  const commands: Sent[] = []
  /** Causes for which the link of a station is down. */
  const outages = new Map<NodeNo, number>()
  const restarted = new Set<NodeNo>()
  const cuts = new Uint32Array(chargers.length)
  const busyUntilMs = new Float64Array(chargers.length)
  const listeners = new Set<MinuteListener>()
  let sink: ChargerSink | undefined
  let life = 0
  let ids = 0

  const nowS = () => runtime.now() / 1000
  const later = (ms: number, job: () => void) => runtime.at(`model.${ids++}`, runtime.now() + ms, job)

  function send(batch: readonly Command[]): void {
    const byLatency = new Map<number, Sent[]>()
    for (const command of batch) {
      const entry = { atMs: runtime.now(), command, dueMs: runtime.now() + (chargers[command.charger]!.latencyMs ?? 200) }
      commands.push(entry)
      const same = byLatency.get(entry.dueMs)
      if (same) same.push(entry)
      else byLatency.set(entry.dueMs, [entry])
    }
    const mine = life
    for (const [dueMs, entries] of byLatency) later(dueMs - runtime.now(), () => entries.forEach(entry => receive(entry, mine)))
  }
  function receive(entry: Sent, mine: number): void {
    const { charger: no, seq } = entry.command
    const { station } = chargers[no]!
    const answer: Answer = (kind, cause) => {
      entry.outcome = kind
      if (mine === life) sink?.outcome({ charger: no, seq, kind, cause })
    }
    if (!online.has(station)) return answer('unknown', 'offline')
    const waitMs = waitOf(no)
    if (waitMs > 0) return receiveLate(entry, waitMs, answer, () => mine === life && sink?.doubt([no], 'late answer'))
    const said = obey(entry.command)
    if (said) answer(...said)
    else later(TIMEOUT_MS, () => answer('unknown', 'timeout'))
  }
  /** It turns to the command later. Once the bridge has given up on an answer, one that comes all the same says that what it holds is not known. */
  function receiveLate(entry: Sent, waitMs: number, answer: Answer, doubt: () => void): void {
    const { charger: no } = entry.command
    const cut = cuts[no]
    entry.dueMs += waitMs
    busyUntilMs[no] = entry.dueMs
    if (waitMs >= TIMEOUT_MS) later(TIMEOUT_MS, () => answer('unknown', 'timeout'))
    later(waitMs, () => {
      const said = cuts[no] === cut ? obey(entry.command) : null
      if (waitMs >= TIMEOUT_MS) return said && online.has(chargers[no]!.station) ? doubt() : undefined
      if (!online.has(chargers[no]!.station)) answer('unknown', 'offline')
      else if (said) answer(...said)
      else later(TIMEOUT_MS - waitMs, () => answer('unknown', 'timeout'))
    })
  }
  /** How long until it turns to a command that comes in now: it takes one after another. */
  const waitOf = (no: ChargerNo): number => Math.max(scripted(no, 'late')?.answerMs ?? 0, busyUntilMs[no]! - runtime.now())
  /** The charger takes a command, or not. What it says of it; null where nothing is heard of it. */
  function obey({ charger: no, schedule, urgent }: Command): Parameters<Answer> | null {
    const c = chargers[no]!
    const refusal = c.rejects ? 'not supported' : scripted(no, 'reject')?.reason
    if (refusal !== undefined) return ['rejected', refusal]
    if (c.requestLost && chance(no)() < c.requestLost) return null
    const held = delayed(schedule, c.ownDelayS ? Math.floor(between(chance(no), 0, c.ownDelayS + 1)) : 0)
    physics.hold(no, c.clockAheadS ? byClock(held, c.clockAheadS, urgent) : held, nowS())
    return c.answerLost && chance(no)() < c.answerLost ? null : ['accepted', '']
  }
  function scripted<W extends ScriptedAnswer['what']>(no: ChargerNo, what: W): Extract<ScriptedAnswer, { what: W }> | undefined {
    const { script } = chargers[no]!
    return script?.find((x): x is Extract<ScriptedAnswer, { what: W }> => x.what === what && isIn(x, nowS()))
  }

  function setLink(station: NodeNo, isUp: boolean): void {
    if (online.has(station) === isUp) return
    if (isUp) online.add(station)
    else online.delete(station)
    for (const no of byStation.get(station) ?? []) {
      isHeard[no] = isUp ? 1 : 0
      physics.link(no, isUp, nowS())
    }
    sink?.link(station, isUp)
    if (!isUp) return
    if (sink && tellsVacant) for (const no of byStation.get(station) ?? []) tellCar(no, sink)
    const dropped = (byStation.get(station) ?? []).filter(no => chargers[no]!.onLinkLoss === 'dropsProfile')
    if (dropped.length > 0) sink?.doubt(dropped, 'reconnected')
  }
  function tellCar(no: ChargerNo, to: ChargerSink): void {
    if (physics.isPlugged(no)) to.session(no, arrived(cars, physics.session(no)))
    else if (tellsVacant) to.session(no, { phase: 'none' })
  }
  /** One more cause for which the link of a station is down; it is up again when the last one is over. */
  function lose(station: NodeNo): void {
    outages.set(station, (outages.get(station) ?? 0) + 1)
    setLink(station, false)
  }
  function regain(station: NodeNo): void {
    const left = Math.max(0, (outages.get(station) ?? 0) - 1)
    outages.set(station, left)
    if (left > 0) return
    const boots = restarted.delete(station)
    if (boots) sink?.booted(station)
    setLink(station, true)
    if (boots) sink?.doubt(byStation.get(station) ?? [], 'rebooted')
  }
  /** The supply of a station fails until `toMs`; then it starts, and registers when it has its link. */
  function powerCut(station: NodeNo, toMs: number): void {
    for (const no of byStation.get(station) ?? []) {
      physics.dark(no, nowS(), toMs / 1000)
      cuts[no]!++
      busyUntilMs[no] = 0
    }
    lose(station)
    later(toMs - runtime.now(), () => {
      restarted.add(station)
      regain(station)
    })
  }

  function minute(): void {
    later(MINUTE_MS, minute)
    physics.advance(nowS())
    for (const { charger, session, what } of physics.takeNews()) {
      if (!online.has(chargers[charger]!.station)) continue
      sink?.session(charger, what === 'left' ? { phase: 'none' } : what === 'full' ? { phase: 'satisfied' } : arrived(cars, session))
    }
    for (const listener of listeners) listener(runtime.now())
    report()
  }
  /** Mean power of each interval that ends now; who is out of reach reports later, for all of it. */
  function report(): void {
    const nowMs = runtime.now()
    const due = new Map<number, { who: Uint32Array; count: number }>()
    let last: { fromMs: number; who: Uint32Array; count: number } | undefined
    for (let no = 0; no < chargers.length; no++) {
      const fromMs = sampledMs[no]!
      if (isHeard[no] === 0 || nowMs - fromMs < sampleMs[no]!) continue
      if (last?.fromMs !== fromMs) {
        const list = due.get(fromMs) ?? { who: new Uint32Array(chargers.length), count: 0 }
        due.set(fromMs, list)
        last = Object.assign(list, { fromMs })
      }
      last.who[last.count++] = no
    }
    for (const [fromMs, { who, count }] of due) sink?.readings(read(who.subarray(0, count), fromMs, nowMs))
  }
  function read(who: Uint32Array, fromMs: number, toMs: number): Readings {
    const hours = (toMs - fromMs) / 3_600_000
    const powerW = new Float64Array(who.length)
    for (let k = 0; k < who.length; k++) {
      const no = who[k]!
      const w = (physics.registerWh[no]! - sentWh[no]!) / hours
      powerW[k] = noiseShare[no] === 0 ? w : w * (1 + noiseShare[no]! * normal(noise(no)))
      sentWh[no] = physics.registerWh[no]!
      sampledMs[no] = toMs
    }
    return {
      charger: who,
      fromMs: new Float64Array(who.length).fill(fromMs),
      toMs: new Float64Array(who.length).fill(toMs),
      powerW,
      registerWh: new Float64Array(who.length).fill(Number.NaN),
      quality: new Uint8Array(who.length),
    }
  }

  const link: ChargerLink = {
    async start(to) {
      sink = to
      life++
      for (const station of online) to.link(station, true)
      for (const c of chargers) if (online.has(c.station)) tellCar(c.no, to)
    },
    async stop() {
      sink = undefined
      life++
    },
    send,
    unmoved: () => false,
    moved() {},
    /** What it draws at the next second, from when it is asked. */
    measure(asked) {
      const mine = life
      later(1_000, () => {
        const there = asked.filter(no => online.has(chargers[no]!.station))
        if (mine !== life || there.length === 0) return
        physics.advance(nowS())
        const nowMs = runtime.now()
        sink?.readings({
          charger: Uint32Array.from(there),
          fromMs: new Float64Array(there.length).fill(nowMs - 1),
          toMs: new Float64Array(there.length).fill(nowMs),
          powerW: Float64Array.from(there, no => physics.powerW(no)),
          registerWh: new Float64Array(there.length).fill(Number.NaN),
          quality: new Uint8Array(there.length),
        })
      })
    },
    async force(no, action) {
      const { ignores, ignored } = chargers[no]!
      if (action === 'stop' && (ignores || ignored?.some(x => isIn(x, nowS())))) return false
      physics.disable(no, action !== 'enable', nowS())
      return true
    },
    async release() {
      return { cleared: 0, restoredKeys: [], failed: [] }
    },
    ceilingW: () => null,
  }
  later(MINUTE_MS, minute)
  return {
    link,
    physics,
    chargers,
    /** Every command that was sent, in order; `outcome` is absent while its answer is out. */
    commands: commands as readonly Sent[],
    setLink,
    lose,
    regain,
    powerCut,
    /** Whoever commanded the fleet is gone. */
    orphan(): void {
      sink = undefined
      life++
    },
    isOnline: (station: NodeNo): boolean => online.has(station),
    onMinute(listener: MinuteListener): void {
      listeners.add(listener)
    },
  }
}
export type ModelLink = ReturnType<typeof createModelLink>

function arrived(cars: Cars, k: number) {
  const told = cars.tells[k] === 1
  return {
    phase: 'plugged' as const,
    ...(told ? { departS: Math.floor(cars.departS[k]!), needWh: Math.round(cars.needWh[k]!) } : {}),
  }
}
const delayed = (schedule: Schedule, byS: number): Schedule =>
  byS === 0 ? schedule : schedule.map(x => ({ ...x, fromS: x.fromS + byS, toS: x.toS + byS }))
const byClock = (schedule: Schedule, aheadS: number, urgent: boolean): Schedule =>
  schedule.map((x, k) => ({ ...x, fromS: urgent && k === 0 ? x.fromS : x.fromS - aheadS, toS: x.toS - aheadS }))
function lazily(make: (no: ChargerNo) => Chance): (no: ChargerNo) => Chance {
  const made: Chance[] = []
  return no => (made[no] ??= make(no))
}
