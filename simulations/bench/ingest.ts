import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { setImmediate as pass } from 'node:timers/promises'
import { type Central, readingBatches } from '../../adapters/chargers/central.ts'
import { inbound16 } from '../../adapters/chargers/ocpp16/inbound.ts'
import { readFrame, replyFrame } from '../../adapters/chargers/ocppj/frames.ts'
import { violation } from '../../adapters/chargers/ocppj/schemas.ts'
import { linkOf } from '../../adapters/chargers/station.ts'
import { createMemoryRegistry } from '../../adapters/stores/memory/registry.ts'
import type { ChargerSink, Station } from '../../src/ports.ts'
import { msOf } from './figures.ts'
import { median, numberFlag, print, round } from './flags.ts'
import { soak } from './ingestSoak.ts'
import { bareSink, type Sink, storeSink } from './ingestStore.ts'

const startMs = 1_700_000_000_000
/** Frames handled before the loop turns, as when many sockets have something to read. */
const perPass = 64

/**
 * Meter values from the text of the frame to the disk: parsed, checked against the official schema, decoded into a reading (one interval: power, register,
 * current, voltage), answered, stored. `--soak S` instead: for S seconds, with days going by, roll-ups and expiry; is the heap flat? `bareRatio`: against `JSON.parse` of the same frames and one prepared insert a reading, before and after.
 */
export async function run(args: string[]): Promise<void> {
  const chargers = numberFlag(args, 'chargers', 2_000)
  const soakS = numberFlag(args, 'soak', 0)
  if (soakS > 0) return print(await soak({ chargers, soakS, make: ours(chargers), framesOf, startMs }))
  const minutes = numberFlag(args, 'minutes', 50)
  const runs = numberFlag(args, 'runs', 5)
  const frames = [...framesOf(chargers, minutes)]
  await perSecond(frames.slice(0, 20_000), storeSink, ours(chargers)) // warm
  await perSecond(frames.slice(0, 20_000), bareSink, bare)
  const [mine, theirs]: [number[], number[]] = [[], []]
  for (let k = 0; k < runs; k++) {
    theirs.push(await perSecond(frames, bareSink, bare))
    mine.push(await perSecond(frames, storeSink, ours(chargers)))
  }
  theirs.push(await perSecond(frames, bareSink, bare))
  print({ bench: 'ingest', readingsPerS: Math.round(median(mine)), bareRatio: round(median(mine) / median(theirs)) })
}

export type Frame = { readonly charger: number; readonly text: string }

/** Each charger reports every minute at its own second. */
function* framesOf(chargers: number, minutes: number, fromMinute = 0): Iterable<Frame> {
  for (let minute = fromMinute; minute < fromMinute + minutes; minute++)
    for (let k = 0; k < chargers; k++) {
      const charger = (k * 7_919) % chargers
      const timestamp = new Date(startMs + minute * 60_000 + ((charger * 137) % 60_000)).toISOString()
      const sampledValue = [
        { value: String(7_000 + (charger % 400)), context: 'Sample.Periodic', measurand: 'Power.Active.Import', unit: 'W' },
        { value: String(1_000_000 + minute * 117), context: 'Sample.Periodic', measurand: 'Energy.Active.Import.Register', unit: 'Wh' },
        { value: '30.8', context: 'Sample.Periodic', measurand: 'Current.Import', phase: 'L1', unit: 'A' },
        { value: '231.4', context: 'Sample.Periodic', measurand: 'Voltage', phase: 'L1-N', unit: 'V' },
      ]
      const payload = { connectorId: 1, transactionId: charger + 1, meterValue: [{ timestamp, sampledValue }] }
      yield { charger, text: JSON.stringify([2, `m${minute}-${charger}`, 'MeterValues', payload]) }
    }
}

export type Handle = (sink: Sink) => { take(frame: Frame): void; end(): void }

/** The path of the adapter from text to readings, without the sockets. */
const ours =
  (chargers: number): Handle =>
  store => {
    const registry = createMemoryRegistry()
    const sink: ChargerSink = {
      registry,
      now: () => startMs,
      outcome() {},
      link() {},
      doubt() {},
      booted() {},
      readings: store.put,
      override() {},
      note() {},
      session() {},
      capabilities() {},
    }
    const batches = readingBatches(sink.readings)
    const central: Central = {
      sink,
      settings: {
        heartbeatS: 300,
        sampleS: 60,
        alignedS: 0,
        authorizeOf: () => 'all',
        tokens: new Set(),
        override: { limitSources: [], dataTransfer: [] },
        stampsStart: () => false,
      },
      nowMs: () => startMs,
      call: async () => ({ kind: 'offline', sent: false }),
      note() {},
      push: batches.push,
      discover() {},
      nextTransactionId: () => 1,
    }
    const links = Array.from({ length: chargers }, (_, no) => linkOf(stationOf(no), registry))
    const answer = inbound16['MeterValues']!
    return {
      take({ charger, text }) {
        const frame = readFrame(text, 'ocpp1.6')
        if (frame.kind !== 'call') throw new Error(`not a call: ${text}`)
        const wrong = violation('ocpp1.6', frame.action, 'Request', frame.payload)
        if (wrong !== null) throw new Error(wrong)
        replyFrame(frame.id, answer(central, links[charger]!, frame.payload), 'ocpp1.6')
      },
      end: batches.flush,
    }
  }

const stationOf = (no: number): Station => ({
  no,
  identity: `CP-${no}`,
  auth: { profile: 0 },
  evses: [{ charger: no, evseId: 1 }],
  capabilities: {
    units: ['A'],
    limitsAt: 'evse',
    phases: 1,
    voltageV: 230,
    minA: 6,
    maxA: 32,
    stepA: 0.1,
    maxStackLevel: 8,
    depth: 24,
    onLinkLoss: 'holds',
    takesZero: true,
    meterClass: '',
  },
})

const bare: Handle = store => ({
  take({ charger, text }) {
    const [, , , payload] = JSON.parse(text) as [
      number,
      string,
      string,
      { meterValue: { timestamp: string; sampledValue: { value: string }[] }[] },
    ]
    const { timestamp, sampledValue } = payload.meterValue[0]!
    const toMs = Date.parse(timestamp)
    store.put({
      charger: Uint32Array.of(charger),
      fromMs: Float64Array.of(toMs - 60_000),
      toMs: Float64Array.of(toMs),
      powerW: Float64Array.of(Number(sampledValue[0]!.value)),
      registerWh: Float64Array.of(Number(sampledValue[1]!.value)),
      quality: Uint8Array.of(0),
    })
  },
  end() {},
})

async function perSecond(frames: readonly Frame[], make: (dir: string) => Sink, handle: Handle): Promise<number> {
  const dir = mkdtempSync(join(tmpdir(), 'gridbridge-bench-'))
  try {
    const sink = make(dir)
    const { take, end } = handle(sink)
    const ms = await msOf(async () => {
      for (const [k, frame] of frames.entries()) {
        take(frame)
        if (k % perPass === perPass - 1) await pass()
      }
      end()
      await sink.end()
    })
    return (frames.length / ms) * 1000
  } finally {
    rmSync(dir, { recursive: true })
  }
}
