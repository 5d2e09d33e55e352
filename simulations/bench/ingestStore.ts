import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { parseArgs } from 'node:util'
import { createVirtualRuntime } from '../../adapters/runtime/memory.ts'
import { openDatabase } from '../../adapters/stores/sqlite/db.ts'
import { openMeters } from '../../adapters/stores/sqlite/meters.ts'
import type { Readings } from '../../src/core/model.ts'
import { median, msOf } from './figures.ts'

const rounds = 5
const startMs = 1_700_000_000_000
const bareGroup = 5_000

/** Takes a batch of readings and keeps it; `end` leaves all of them on disk. */
export type Sink = { put(readings: Readings): void; end(): Promise<void> }

/** The store that a bridge uses. */
export function storeSink(dir: string): Sink {
  const db = openDatabase(dir)
  const meters = openMeters(db, createVirtualRuntime(startMs))
  return {
    put: meters.put,
    async end() {
      await meters.close()
      db.close()
    },
  }
}
/** The least that anybody could do: the same rows by one prepared insert, 5,000 a commit, into a table keyed by charger and time. */
export function bareSink(dir: string): Sink {
  const db = openDatabase(dir)
  db.prepare(
    'CREATE TABLE bare (charger INTEGER, from_ms INTEGER, to_ms INTEGER, power_w REAL, register_wh REAL, quality INTEGER, PRIMARY KEY (charger, from_ms)) WITHOUT ROWID',
  ).run([])
  const insert = db.prepare('INSERT OR REPLACE INTO bare VALUES (?,?,?,?,?,?)')
  let waiting: Readings[] = []
  let rows = 0
  function flush() {
    db.write(() => {
      for (const r of waiting) {
        for (let i = 0; i < r.charger.length; i++) {
          insert.run([r.charger[i]!, r.fromMs[i]!, r.toMs[i]!, r.powerW[i]!, r.registerWh[i]!, r.quality[i]!])
        }
      }
    })
    waiting = []
    rows = 0
  }
  return {
    put(readings) {
      waiting.push(readings)
      rows += readings.charger.length
      if (rows >= bareGroup) flush()
    },
    async end() {
      flush()
      db.close()
    },
  }
}

/** Each charger reports alone, every minute, at its own second, as frames come in. */
function* reports(chargers: number, minutes: number): Iterable<Readings> {
  for (let minute = 0; minute < minutes; minute++) {
    for (let i = 0; i < chargers; i++) {
      const charger = (i * 7_919) % chargers
      const fromMs = startMs + minute * 60_000 + ((charger * 137) % 60_000)
      yield {
        charger: Uint32Array.of(charger),
        fromMs: Float64Array.of(fromMs),
        toMs: Float64Array.of(fromMs + 60_000),
        powerW: Float64Array.of(7_000 + (charger % 400)),
        registerWh: Float64Array.of(1_000_000 + minute * 117),
        quality: Uint8Array.of(0),
      }
    }
  }
}

async function perSecond(make: (dir: string) => Sink, batches: readonly Readings[]): Promise<number> {
  const dir = mkdtempSync(join(tmpdir(), 'gridbridge-bench-'))
  try {
    const sink = make(dir)
    const ms = await msOf(async () => {
      for (const readings of batches) sink.put(readings)
      await sink.end()
    })
    return (batches.length / ms) * 1000
  } finally {
    rmSync(dir, { recursive: true })
  }
}

/** The store's half of `ingest`: one reading per put, all on disk at the end, against a bare insert of the same readings before and after. */
export async function run(args: string[]): Promise<void> {
  const { values } = parseArgs({
    args,
    options: { chargers: { type: 'string', default: '10000' }, minutes: { type: 'string', default: '20' } },
  })
  const batches = [...reports(Number(values.chargers), Number(values.minutes))]
  await perSecond(storeSink, batches.slice(0, 20_000)) // warm
  await perSecond(bareSink, batches.slice(0, 20_000))
  const store: number[] = []
  const bare: number[] = []
  for (let i = 0; i < rounds; i++) {
    bare.push(await perSecond(bareSink, batches))
    store.push(await perSecond(storeSink, batches))
  }
  bare.push(await perSecond(bareSink, batches))
  const [readingsPerS, barePerS] = [Math.round(median(store)), Math.round(median(bare))]
  const bareRatio = Math.round((readingsPerS / barePerS) * 100) / 100
  console.log(JSON.stringify({ bench: 'ingestStore', readingsPerS, bareRatio, barePerS, readings: batches.length }))
}
