import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { setImmediate as pass } from 'node:timers/promises'
import { setFlagsFromString } from 'node:v8'
import { runInNewContext } from 'node:vm'
import { createVirtualRuntime } from '../../adapters/runtime/memory.ts'
import { openDatabase } from '../../adapters/stores/sqlite/db.ts'
import { openMeters } from '../../adapters/stores/sqlite/meters.ts'
import { rollupSteps } from '../../src/ports.ts'
import { round } from './flags.ts'
import type { Frame, Handle } from './ingest.ts'

const minuteMs = 60_000
const dayMs = 86_400_000
/** Of the heap after the first quarter; what is above it grows. */
const flatWithin = 1.1
const flatWithinMB = 4

type Soak = {
  readonly chargers: number
  readonly soakS: number
  readonly make: Handle
  readonly framesOf: (chargers: number, minutes: number, fromMinute?: number) => Iterable<Frame>
  readonly startMs: number
}

/** Readings come in for so long, days go by in virtual time, hours are rolled up, and what is older than a day goes. */
export async function soak({ chargers, soakS, make, framesOf, startMs }: Soak): Promise<Record<string, unknown>> {
  setFlagsFromString('--expose-gc')
  const collect = runInNewContext('gc') as () => void
  const dir = mkdtempSync(join(tmpdir(), 'gridbridge-soak-'))
  const db = openDatabase(dir)
  try {
    const runtime = createVirtualRuntime(startMs)
    const meters = openMeters(db, runtime)
    const { take, end } = make({ put: meters.put, end: async () => {} })
    const heapMB: number[] = []
    const untilMs = performance.now() + soakS * 1000
    let minute = 0
    for (; performance.now() < untilMs; minute++) {
      for (const frame of framesOf(chargers, 1, minute)) take(frame)
      end()
      await pass()
      await runtime.advance(minuteMs)
      if (minute % 1440 === 1439) {
        const beforeMs = runtime.now() - dayMs
        await meters.expire(beforeMs)
        for (const step of rollupSteps) await meters.expireHistory(step, beforeMs / 1000)
      }
      if (minute % 60 !== 59) continue
      collect()
      heapMB.push(process.memoryUsage().heapUsed / 1e6)
    }
    await meters.close()
    const mean = (part: readonly number[]) => part.reduce((sum, x) => sum + x, 0) / part.length
    const quarter = Math.max(1, Math.floor(heapMB.length / 4))
    const [from, to] = [mean(heapMB.slice(quarter, 2 * quarter)), mean(heapMB.slice(-quarter))]
    return {
      bench: 'ingest',
      soakS,
      readings: minute * chargers,
      days: round(minute / 1440),
      heapFromMB: round(from),
      heapToMB: round(to),
      rssMB: round(process.memoryUsage().rss / 1e6),
      isFlat: to <= from * flatWithin + flatWithinMB,
    }
  } finally {
    db.close()
    rmSync(dir, { recursive: true })
  }
}
