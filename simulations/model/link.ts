import type { ChargerNo, Command, NodeNo, OutcomeKind, Readings, Schedule } from '../../src/core/model.ts'
import type { ChargerLink, ChargerSink, Runtime } from '../../src/ports.ts'
import { between, type Chance, normal, stream } from '../fleet/chance.ts'
import type { Cars } from './cars.ts'
import { type Box, createPhysics } from './physics.ts'

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
}
const MINUTE_MS = 60_000
const TIMEOUT_MS = 20_000

/** What the model did, for those who write it down. Called at each whole minute with everybody brought up to it. */
export type MinuteListener = (atMs: number) => void

/**
 * A fleet in virtual time as a ChargerLink: cars come and go, chargers take limits or do not, and are metered each minute. The fleet lives on when the
 * bridge that commands it does not. Every charger draws from a stream of its own, so that one more shifts nobody else.
 */
export function createModelLink(runtime: Runtime, chargers: readonly ModelCharger[], cars: Cars, seed: string) {
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
  const commands: { readonly atMs: number; readonly command: Command; outcome?: OutcomeKind; readonly dueMs: number }[] = []
  const listeners = new Set<MinuteListener>()
  let sink: ChargerSink | undefined
  let life = 0
  let ids = 0

  const nowS = () => runtime.now() / 1000
  const later = (ms: number, job: () => void) => runtime.at(`model.${ids++}`, runtime.now() + ms, job)

  function send(batch: readonly Command[]): void {
    const byLatency = new Map<number, (typeof commands)[number][]>()
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
  function receive(entry: (typeof commands)[number], mine: number): void {
    const { command } = entry
    const c = chargers[command.charger]!
    const answer = (kind: OutcomeKind, cause: string) => {
      entry.outcome = kind
      if (mine === life) sink?.outcome({ charger: c.no, seq: command.seq, kind, cause })
    }
    if (!online.has(c.station)) return answer('unknown', 'offline')
    if (c.rejects) return answer('rejected', 'not supported')
    const timeout = () => later(TIMEOUT_MS, () => answer('unknown', 'timeout'))
    if (c.requestLost && chance(c.no)() < c.requestLost) return timeout()
    const held = delayed(command.schedule, c.ownDelayS ? Math.floor(between(chance(c.no), 0, c.ownDelayS + 1)) : 0)
    physics.hold(c.no, c.clockAheadS ? byClock(held, c.clockAheadS, command.urgent) : held, nowS())
    if (c.answerLost && chance(c.no)() < c.answerLost) return timeout()
    answer('accepted', '')
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
    const dropped = (byStation.get(station) ?? []).filter(no => chargers[no]!.onLinkLoss === 'dropsProfile')
    if (dropped.length > 0) sink?.doubt(dropped, 'reconnected')
  }
  /** The supply of a station fails until `toMs`; then it starts and registers. */
  function powerCut(station: NodeNo, toMs: number): void {
    const mine = byStation.get(station) ?? []
    for (const no of mine) physics.dark(no, nowS(), toMs / 1000)
    setLink(station, false)
    later(toMs - runtime.now(), () => {
      sink?.booted(station)
      setLink(station, true)
      sink?.doubt(mine, 'rebooted')
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
      for (const c of chargers) if (online.has(c.station) && physics.isPlugged(c.no)) to.session(c.no, arrived(cars, physics.session(c.no)))
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
      if (chargers[no]!.ignores && action === 'stop') return false
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
    commands: commands as readonly (typeof commands)[number][],
    setLink,
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
