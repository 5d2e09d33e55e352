import type { ChargerNo, Command, NodeNo, OutcomeKind, Schedule, Second, Session } from '../../src/core/model.ts'
import { limitOf } from '../../src/core/schedule.ts'
import type { ChargerLink, ChargerSink, Runtime } from '../../src/ports.ts'

/** How one command goes wrong. `requestLost`: nothing happened; `answerLost`: it worked, but nobody hears of it; `lateAnswer`: heard after the timeout. */
export type SendFault = 'none' | 'requestLost' | 'answerLost' | 'lateAnswer' | 'rejects' | 'ignores'

export type VirtualCharger = {
  readonly no: ChargerNo
  readonly station: NodeNo
  /** What a car would draw if nothing limited it, W. */
  wantsW: number
  readonly minW: number
  /** Accepts and does as before. */
  ignores: boolean
  onLinkLoss: 'holds' | 'dropsProfile'
  holds: Schedule
  /** Highest `seq` applied, to see that nothing older overtakes. */
  applied: number[]
}

/**
 * Chargers in virtual time, as a ChargerLink: they take commands, hold schedules by their own clock, lose requests and answers, drop and resume
 * links, and are metered. The state of a charger outlives the bridge that commands it.
 */
export function createVirtualChargers(
  runtime: Runtime,
  chargers: readonly VirtualCharger[],
  options: { latencyMs?: number; timeoutMs?: number; meterEveryMs?: number; answersSpots?: boolean } = {},
) {
  const { latencyMs = 200, timeoutMs = 20_000, meterEveryMs = 60_000, answersSpots = false } = options
  const byNo = new Map(chargers.map(c => [c.no, c]))
  const online = new Set<NodeNo>()
  const inFlight = new Map<NodeNo, Command>()
  const queue = new Map<NodeNo, Command[]>()
  const sends: { readonly atS: Second; readonly command: Command }[] = []
  const forced: { readonly charger: ChargerNo; readonly action: string; readonly atMs: number }[] = []
  const measured: { readonly atMs: number; readonly who: readonly ChargerNo[] }[] = []
  const sessions = new Map<ChargerNo, Session>()
  /** Stations without supply, and until when; afterwards their cars take a moment to charge again. */
  const darkUntilS = new Map<NodeNo, Second>()
  const registers = new Map<ChargerNo, { atMs: number; ws: number; sinceMs: number }>()
  let sink: ChargerSink | undefined
  let epoch = 0
  let fault: (charger: ChargerNo, seq: number) => SendFault = () => 'none'
  let ids = 0

  const nowS = () => Math.floor(runtime.now() / 1000)
  const later = (ms: number, job: () => void) => runtime.at(`virtual.${ids++}`, runtime.now() + ms, job)
  const answer = (c: Command, kind: OutcomeKind, cause: string) => sink?.outcome({ charger: c.charger, seq: c.seq, kind, cause })

  function send(commands: readonly Command[]): void {
    for (const c of commands) {
      sends.push({ atS: nowS(), command: c })
      if (!online.has(c.station)) {
        answer(c, 'unknown', 'offline')
        continue
      }
      const waiting = queue.get(c.station) ?? []
      const replaced = waiting.find(w => w.charger === c.charger)
      if (replaced) answer(replaced, 'superseded', '')
      queue.set(c.station, [...waiting.filter(w => w.charger !== c.charger), c])
      pump(c.station)
    }
  }
  function pump(station: NodeNo): void {
    if (inFlight.has(station)) return
    const [next, ...rest] = queue.get(station) ?? []
    if (!next) return
    queue.set(station, rest)
    inFlight.set(station, next)
    const how = fault(next.charger, next.seq)
    const mine = epoch
    later(latencyMs, () => {
      if (how === 'rejects') return settle(next, mine, 'rejected', 'not supported')
      if (how !== 'requestLost') applyAt(next, how)
      if (how === 'none' || how === 'ignores') settle(next, mine, 'accepted', '')
      else later(timeoutMs, () => settle(next, mine, 'unknown', 'timeout', how === 'lateAnswer'))
    })
  }
  function applyAt(c: Command, how: SendFault): void {
    const charger = byNo.get(c.charger)!
    integrate(charger)
    charger.applied.push(c.seq)
    if (how !== 'ignores' && !charger.ignores) charger.holds = c.schedule
  }
  function settle(c: Command, mine: number, kind: OutcomeKind, cause: string, late = false): void {
    if (mine !== epoch || inFlight.get(c.station) !== c) return
    inFlight.delete(c.station)
    answer(c, kind, cause)
    if (late) sink?.doubt([c.charger], 'late answer')
    pump(c.station)
  }
  function setLink(station: NodeNo, up: boolean): void {
    if (online.has(station) === up) return
    if (up) online.add(station)
    else {
      online.delete(station)
      const lost = [inFlight.get(station), ...(queue.get(station) ?? [])].filter(c => c !== undefined)
      inFlight.delete(station)
      queue.delete(station)
      for (const c of lost) answer(c, 'unknown', 'offline')
      for (const c of chargers) {
        if (c.station !== station || c.onLinkLoss !== 'dropsProfile') continue
        integrate(c)
        c.holds = []
      }
    }
    sink?.link(station, up)
    if (up) {
      for (const c of chargers) if (c.station === station && sessions.has(c.no)) sink?.session(c.no, sessions.get(c.no)!)
      const doubtful = chargers.filter(c => c.station === station && c.onLinkLoss === 'dropsProfile').map(c => c.no)
      if (doubtful.length > 0) sink?.doubt(doubtful, 'reconnected')
    }
  }
  /** The supply of a station fails: it is silent, its cars stop, and a limit that it held is lost. */
  function cutPower(station: NodeNo): void {
    for (const c of chargers) if (c.station === station) integrate(c)
    darkUntilS.set(station, Infinity)
    setLink(station, false)
    for (const c of chargers) if (c.station === station) c.holds = []
  }
  /** Its supply is back: it registers, and its cars charge again `carAfterS` later as far as they may. */
  function restorePower(station: NodeNo, carAfterS = 0): void {
    for (const c of chargers) if (c.station === station) integrate(c)
    darkUntilS.set(station, nowS() + carAfterS)
    sink?.booted(station)
    setLink(station, true)
    sink?.doubt(
      chargers.filter(c => c.station === station).map(c => c.no),
      'rebooted',
    )
  }
  const limitW = (charger: VirtualCharger): number | null => limitOf(charger.holds, nowS())
  const powerW = (charger: VirtualCharger): number => drawnW(charger, nowS())
  function drawnW(charger: VirtualCharger, atS: Second): number {
    if (atS < (darkUntilS.get(charger.station) ?? 0)) return 0
    const limit = charger.ignores ? null : limitOf(charger.holds, atS)
    if (limit === null) return charger.wantsW
    return limit < charger.minW ? 0 : Math.min(limit, charger.wantsW)
  }
  /** Brings a charger's energy register up to now, before what it holds changes. */
  function integrate(charger: VirtualCharger): void {
    const meter = registers.get(charger.no) ?? { atMs: runtime.now(), ws: 0, sinceMs: runtime.now() }
    registers.set(charger.no, meter)
    const edges = [...charger.holds.flatMap(x => [x.fromS, x.toS]), darkUntilS.get(charger.station) ?? 0]
      .map(second => second * 1000)
      .filter(ms => ms > meter.atMs && ms < runtime.now())
    for (const ms of [...new Set(edges), runtime.now()]) {
      meter.ws += (drawnW(charger, Math.floor(meter.atMs / 1000)) * (ms - meter.atMs)) / 1000
      meter.atMs = ms
    }
  }
  /** Mean power since the last reading. */
  function meanW(charger: VirtualCharger): number {
    integrate(charger)
    const meter = registers.get(charger.no)!
    const mean = meter.atMs > meter.sinceMs ? (meter.ws * 1000) / (meter.atMs - meter.sinceMs) : powerW(charger)
    Object.assign(meter, { ws: 0, sinceMs: meter.atMs })
    return mean
  }
  function meter(mine: number): void {
    if (mine !== epoch) return
    const seen = chargers.filter(c => online.has(c.station))
    const n = seen.length
    const means = new Map(chargers.map(c => [c.no, meanW(c)]))
    sink?.readings({
      charger: Uint32Array.from(seen, c => c.no),
      fromMs: new Float64Array(n).fill(runtime.now() - meterEveryMs),
      toMs: new Float64Array(n).fill(runtime.now()),
      powerW: Float64Array.from(seen, c => means.get(c.no)!),
      registerWh: new Float64Array(n).fill(Number.NaN),
      quality: new Uint8Array(n),
    })
    later(meterEveryMs, () => meter(mine))
  }

  const link: ChargerLink = {
    async start(to) {
      sink = to
      epoch++
      inFlight.clear()
      queue.clear()
      for (const station of online) to.link(station, true)
      for (const [no, session] of sessions) to.session(no, session)
      if (meterEveryMs > 0) meter(epoch)
    },
    async stop() {
      sink = undefined
      epoch++
    },
    send,
    unmoved: () => false,
    moved() {},
    measure(asked) {
      measured.push({ atMs: runtime.now(), who: [...asked] })
      if (!answersSpots) return
      later(latencyMs, () => {
        const there = asked.map(no => byNo.get(no)!).filter(c => online.has(c.station))
        sink?.readings({
          charger: Uint32Array.from(there, c => c.no),
          fromMs: new Float64Array(there.length).fill(runtime.now() - 1_000),
          toMs: new Float64Array(there.length).fill(runtime.now()),
          powerW: Float64Array.from(there, c => powerW(c)),
          registerWh: new Float64Array(there.length).fill(Number.NaN),
          quality: new Uint8Array(there.length),
        })
      })
    },
    async force(charger, action) {
      forced.push({ charger, action, atMs: runtime.now() })
      return true
    },
    async release() {
      return { cleared: 0, restoredKeys: [], failed: [] }
    },
    ceilingW: () => null,
  }
  return {
    link,
    chargers,
    sends,
    forced,
    measured,
    setLink,
    cutPower,
    restorePower,
    limitW: (no: ChargerNo) => limitW(byNo.get(no)!),
    powerW: (no: ChargerNo) => powerW(byNo.get(no)!),
    /** A car comes, says more of itself, or leaves (`none`). It draws `wantsW` as far as it may. */
    session(no: ChargerNo, session: Session, wantsW = session.phase === 'plugged' ? byNo.get(no)!.wantsW : 0) {
      const charger = byNo.get(no)!
      integrate(charger)
      charger.wantsW = wantsW
      sessions.set(no, session)
      if (online.has(charger.station)) sink?.session(no, session)
    },
    setFault(to: typeof fault) {
      fault = to
    },
    /** The bridge dies: answers in flight are never heard. */
    orphan() {
      sink = undefined
      epoch++
      inFlight.clear()
      queue.clear()
    },
  }
}
export type VirtualChargers = ReturnType<typeof createVirtualChargers>
