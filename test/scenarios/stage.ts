import { createHash } from 'node:crypto'
import { createVirtualRuntime } from '../../adapters/runtime/memory.ts'
import { createMemoryJournal, createMemoryMeters, createMemoryRegistry, createMemoryStore } from '../../adapters/stores/memory/index.ts'
import { createVirtualChargers, type VirtualCharger } from '../../simulations/virtual/chargers.ts'
import { type ChargerSpec, everyoneEnrolled, fleetOf, testProgramme } from '../../simulations/virtual/fleet.ts'
import {
  type Decline,
  type Fact,
  type GridEvent,
  outcomeKinds,
  type Programme,
  type Readings,
  type ScheduleColumns,
} from '../../src/core/model.ts'
import { stateDigest } from '../../src/core/snapshot.ts'
import { emptyState } from '../../src/core/state.ts'
import { entries, fold } from '../../src/engine/recover.ts'
import { createEngine, type Engine, type EngineOptions } from '../../src/engine.ts'
import type { ChargerLink, Judgement, Runtime } from '../../src/ports.ts'

/** 2023-11-14 17:00:00 UTC, an evening peak. */
export const start = 1_699_981_200
export const clock = (second: number): string => new Date(second * 1000).toISOString().slice(11, 19)

type Setting = {
  readonly specs: readonly ChargerSpec[]
  readonly programme?: Partial<Programme>
  readonly options?: Partial<EngineOptions>
  readonly shape?: Parameters<typeof fleetOf>[1]
  readonly meterEveryS?: number
  /** Do chargers give a reading when asked for one? */
  readonly answersSpots?: boolean
  /** Chargers whose meters send nothing. */
  readonly silent?: readonly number[]
}

/**
 * A bridge, its chargers and a writer: everything that is recorded, in words, and what the chargers' own meters show. Time moves only when told to, so
 * the transcript is the same each time.
 */
export async function stage(setting: Setting) {
  const { specs } = setting
  const runtime = createVirtualRuntime(start * 1000, 'scenario')
  const journal = createMemoryJournal(createMemoryStore())
  const meters = createMemoryMeters()
  const registry = createMemoryRegistry()
  const fleet = fleetOf(specs, setting.shape)
  const chargers: VirtualCharger[] = specs.map((_, i) => ({
    no: i,
    station: fleet.chargers.station[i]!,
    wantsW: fleet.chargers.maxW[i]!,
    minW: fleet.chargers.minW[i]!,
    ignores: false,
    onLinkLoss: specs[i]!.onLinkLoss === 'dropsProfile' ? 'dropsProfile' : 'holds',
    holds: [],
    applied: [],
  }))
  const sim = createVirtualChargers(runtime, chargers, {
    meterEveryMs: (setting.meterEveryS ?? 60) * 1000,
    answersSpots: setting.answersSpots ?? false,
  })
  const silent = new Set(setting.silent ?? [])
  const link: ChargerLink = {
    ...sim.link,
    start: sink => sim.link.start(silent.size === 0 ? sink : { ...sink, readings: r => sink.readings(without(silent, r)) }),
  }
  const lines: string[] = []
  const write = (text: string) => lines.push(`${clock(Math.floor(runtime.now() / 1000))}  ${text}`)
  let life = { alive: true }
  let engine: Engine
  async function boot(): Promise<void> {
    life.alive = false
    const mine = { alive: true }
    life = mine
    const mortal: Runtime = {
      now: runtime.now,
      random: runtime.random,
      at: (key, at, job) => runtime.at(`${lives}.${key}`, at, () => (mine.alive ? job() : undefined)),
    }
    lives++
    engine = createEngine({
      runtime: mortal,
      journal,
      meters,
      registry,
      chargers: link,
      signals: [],
      seedKey: new Uint8Array(32).fill(7),
      options: { snapshotEvery: 1_000, ...setting.options },
    })
    engine.listen(facts => {
      for (const text of facts.flatMap(inWords)) write(text)
    })
    engine.bridge.follow(undefined, p => {
      if (p.kind !== 'measured') write(`-> ${p.event.peer}: ${p.event.upstreamRef} ${p.kind}`)
    })
    await engine.start()
  }
  let lives = 0
  await boot()
  await engine!.handle(fleet, { kind: 'programme', programme: testProgramme(setting.programme) }, everyoneEnrolled(specs.length))
  for (const c of chargers) sim.setLink(c.station, true)
  await runtime.advance(180_000)
  lines.length = 0

  const totalW = () => chargers.reduce((sum, c) => sum + sim.powerW(c.no), 0)
  return {
    runtime,
    sim,
    chargers,
    journal,
    meters,
    registry,
    engine: () => engine,
    write,
    now: () => Math.floor(runtime.now() / 1000),
    until: (second: number) => runtime.runUntil(second * 1000),
    totalW,
    meter: () => write(`   the meters show ${kW(totalW())}, ${chargers.filter(c => sim.powerW(c.no) > 0).length} chargers charge`),
    async submit(event: GridEvent): Promise<Judgement> {
      const raw = Buffer.from(`${event.id} ${event.revision}`)
      write(`<- ${event.source.peer}: ${event.upstreamRef} revision ${event.revision}${event.intervals.length === 0 ? ' cancelled' : ''}`)
      return engine.bridge.submit({ ...event, rawHash: createHash('sha256').update(raw).digest('hex') }, raw)
    },
    /** The process dies: what it had sent is on the wire, answers find nobody. */
    kill() {
      write('** the bridge is killed')
      life.alive = false
      sim.orphan()
    },
    restart: () => {
      write('** the bridge starts')
      return boot()
    },
    /** The journal folds to the state that runs, and the transcript. */
    async transcript(): Promise<string> {
      if (life.alive) {
        // an entry, so that the last turn of the journal is the last turn of the state
        await engine.handle({ kind: 'noted', what: 'compared', about: {} })
        const again = await fold(emptyState(), entries(journal, 0))
        if (stateDigest(again) !== stateDigest(engine.state())) throw new Error('the journal folds to another state')
      }
      return `${condensed(lines).join('\n')}\n`
    },
  }
}
function without(silent: ReadonlySet<number>, r: Readings): Readings {
  const heard = (_: number, k: number): boolean => !silent.has(r.charger[k]!)
  return {
    charger: r.charger.filter(heard),
    fromMs: r.fromMs.filter(heard),
    toMs: r.toMs.filter(heard),
    powerW: r.powerW.filter(heard),
    registerWh: r.registerWh.filter(heard),
    quality: r.quality.filter(heard),
  }
}
export type Stage = Awaited<ReturnType<typeof stage>>
export const kW = (w: number): string => `${(w / 1000).toFixed(1)} kW`

export const gridEvent = (
  id: string,
  fromS: number,
  toS: number,
  change: Partial<GridEvent> & { ask: GridEvent['intervals'][number]['ask'] },
): GridEvent => {
  const { ask, ...rest } = change
  return {
    id: `dso:${id}`,
    source: { adapter: 'test', peer: 'dso', credential: '' },
    upstreamRef: id,
    revision: 0,
    class: 'contracted',
    programme: 'flex',
    targets: [{ kind: 'node', node: 0 }],
    intervals: [{ fromS, toS, ask }],
    spread: 'programme',
    priority: 5,
    stopAtOnce: false,
    test: false,
    duties: { ack: true, started: true, completed: true, telemetryEveryS: 0 },
    liveness: null,
    basis: rest.class === 'emergency' ? 'supply limitation' : null,
    rawHash: '',
    ...rest,
  }
}
export const cancelled = (event: GridEvent, change: Partial<GridEvent> = {}): GridEvent => ({
  ...event,
  revision: event.revision + 1,
  intervals: [],
  ...change,
})

/** Commands that go out one by one as each charger's turn comes are one line. */
function condensed(lines: readonly string[]): string[] {
  const single = /^(\S+) {2}1 (command sent|answer accepted)$/
  const out: string[] = []
  for (let k = 0; k < lines.length; ) {
    let to = k
    while (to < lines.length && single.test(lines[to]!)) to++
    const n = lines.slice(k, to).filter(line => line.endsWith('sent')).length
    if (n < 2) out.push(lines[k++]!)
    else {
      out.push(`${lines[k]!.slice(0, 8)}  ${n} commands sent one by one until ${lines[to - 1]!.slice(0, 8)}, ${to - k - n} accepted`)
      k = to
    }
  }
  return out
}

function inWords(fact: Fact): string[] {
  switch (fact.kind) {
    case 'signal':
      return [
        `signal ${fact.event.upstreamRef} revision ${fact.event.revision}: ${fact.event.class}${fact.event.intervals.map(x => `, ${clock(x.fromS)}-${clock(x.toS)} ${JSON.stringify(x.ask)}`).join('')}`,
      ]
    case 'accepted':
      return [
        `event ${fact.event} accepted, start spread ${fact.spread.startS} s, end spread ${fact.spread.endS} s, ${fact.excluded.length} excluded`,
      ]
    case 'declined':
      return [`event ${fact.event} declined: ${fact.why satisfies Decline}`]
    case 'planned':
      return [
        `plan ${fact.generation}: ${many(fact.schedules.who.length, 'schedule')} changed ${limitsOf(fact.schedules)}`,
        ...fact.unreachable.map(u => `   event ${u.event} is out of reach by ${kW(u.missingW)}`),
      ]
    case 'sent':
      return [`${many(fact.who.length, 'command')} sent`]
    case 'outcome':
      return outcomeKinds.flatMap((kind, code) => {
        const n = fact.what.filter(w => w === code).length
        return n === 0 ? [] : [`${many(n, 'answer')} ${kind}${code === 0 ? '' : ` (${fact.causes.join(', ')})`}`]
      })
    case 'link':
      return [`${fact.up.filter(u => u === 1).length} stations up, ${fact.up.filter(u => u === 0).length} down`]
    case 'silent':
      return [`${fact.peer} is silent for ${fact.silentMs / 1000} s`]
    case 'heardAgain':
      return [`${fact.peer} is heard again`]
    case 'booted':
      return [`${many(fact.stations.length, 'station')} started`]
    case 'outage':
      return [
        `the supply of node ${fact.node} is back after an outage: ${fact.stations.length} stations of it have started, its load before was ${kW(fact.powerW.reduce((sum, w) => sum + w, 0))}`,
      ]
    case 'doubt':
      return [`what ${many(fact.who.length, 'charger')} held is in doubt: ${fact.why}`]
    case 'refused':
      return [`${many(fact.who.length, 'charger')} refused (${fact.causes.join(', ')})`]
    case 'optOut':
      return [`${many(fact.who.length, 'charger')} opted out ${clock(fact.fromS)}-${clock(fact.toS)} (${fact.reason})`]
    case 'session':
      return [`news of cars at ${many(fact.who.length, 'charger')}`]
    case 'restoring':
      return [`event ${fact.event} is over: ${many(fact.who.length, 'charger')} held until there is room`]
    case 'admitted':
      return [`let in: ${[...fact.who].join(', ')}`]
    case 'restored':
      return [`nobody waits after event ${fact.event}: the rest is let go`]
    case 'shortfall':
      return [`shortfall of event ${fact.event}: ${kW(fact.missingW)}, ${many(fact.unmoved.length, 'charger')} unmoved`]
    case 'lastResort':
      return [`last resort of event ${fact.event}: ${fact.step} for ${many(fact.who.length, 'charger')}`]
    case 'verified': {
      const v = fact.verification
      const share = v.ratio === null ? 'no ratio' : `${(100 * v.ratio).toFixed(1)} %`
      return [
        `event ${v.event} ${v.verdict}: asked ${kWh(v.askedWh)}, baseline ${kWh(v.baselineWh)}, delivered ${kWh(v.deliveredWh)} (${share}), coverage ${(100 * v.coverage).toFixed(0)} %`,
        `   ${v.counts.compliant} compliant, ${v.counts.notCompliant} not, ${v.counts.noData} without data, ${v.counts.notCommanded} not commanded; causes ${JSON.stringify(v.causes)}`,
      ]
    }
    default:
      return []
  }
}
const kWh = (wh: number): string => `${(wh / 1000).toFixed(2)} kWh`
const many = (n: number, what: string): string => `${n} ${what}${n === 1 ? '' : 's'}`
function limitsOf(x: ScheduleColumns): string {
  const counts = new Map<string, number>()
  let previous = 0
  x.ends.forEach(end => {
    const text = end === previous ? 'free' : Array.from(x.limitW.subarray(previous, end), w => `${w} W`).join(' then ')
    counts.set(text, (counts.get(text) ?? 0) + 1)
    previous = end
  })
  const top = [...counts].sort((a, b) => b[1] - a[1] || (a[0] < b[0] ? -1 : 1))
  return `(${top
    .slice(0, 4)
    .map(([text, n]) => `${n} x ${text}`)
    .join(', ')}${top.length > 4 ? ', ...' : ''})`
}
