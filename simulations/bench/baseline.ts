import { closeSync, mkdtempSync, openSync, readSync, rmSync, writeSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { draws } from '../../src/core/draw.ts'
import { baselinesOf, type History, type Prepared, pinnedRuleset, prepare, workFor } from '../../src/core/verify/baseline/index.ts'
import { parseDay } from '../../src/core/verify/calendar.ts'
import { numberFlag, print, round } from './flags.ts'
import { LCG_DAYS, lcgMeters } from './lcgMeters.ts'

/** Meters at a time: their readings are 2 MB. */
const CHUNK = 200
const SLOTS = 4
/** Mondays. From the first, no bank holiday falls on a day that counts; from the second, Christmas and New Year do. */
const plainDay = parseDay('2024-01-08')!
const christmasDay = parseDay('2023-11-13')!
const published: Readonly<Record<number, string>> = { 1000: '2004.1408', 10000: '20072.1592', 50000: '100096.3958' }

/**
 * Baselines a second on one core: BL01 with in-day adjustment, four half hours, 60 days of history, over meters that are drawn (not timed). `checksum` is the sum of
 * all baselines; with 1,000, 10,000 and 50,000 meters it is known, and another one fails. Mixed: one meter-day in twenty has a gap, three in a hundred are event days of
 * the meter, and there are bank holidays. `--stream N`: N meters' readings are written to a file (not timed), then read back and settled chunk by chunk.
 */
export async function run(args: string[]): Promise<void> {
  const meters = numberFlag(args, 'meters', 50_000)
  const stream = numberFlag(args, 'stream', 0)
  // until the compiler has made up its mind
  settle(20_000, christmasDay, withGaps)
  settle(5_000, plainDay)
  const plain = settle(meters, plainDay)
  const mixed = settle(meters, christmasDay, withGaps)
  const checksum = plain.sum.toFixed(4)
  print({
    bench: 'baseline',
    meters,
    metersPerS: round(meters / plain.s),
    checksum: Number(checksum),
    generateMs: Math.round(plain.generateMs + mixed.generateMs),
    mixedMetersPerS: round(meters / mixed.s),
    mixedInsufficient: mixed.insufficient,
    rssMB: rssMB(),
  })
  if (stream > 0) print(streamed(stream))
  if (published[meters] === undefined || published[meters] === checksum) return
  process.stderr.write(`checksum ${checksum}, but ${published[meters]} is right\n`)
  process.exit(1)
}

type Settled = { s: number; sum: number; insufficient: number; generateMs: number }
type Spoil = (h: History, chunk: number) => void
const caseOf = (firstDay: number): Prepared =>
  prepare(pinnedRuleset('elexon-bl01@1')!, { day: firstDay + LCG_DAYS - 1, startSlot: 34, slots: SLOTS })
const historyOf = (values: Float32Array, meters: number, firstDay: number): History => ({
  values,
  meters,
  firstDay,
  days: LCG_DAYS,
  slotsPerDay: 48,
  isEventDay: new Uint8Array(meters * LCG_DAYS),
})

function settle(meters: number, firstDay: number, spoil?: Spoil): Settled {
  const out = { s: 0, sum: 0, insufficient: 0, generateMs: 0 }
  const drawn = lcgMeters(Math.min(CHUNK, meters))
  const one = settler(firstDay)
  for (let from = 0; from < meters; from += CHUNK) {
    const began = performance.now()
    drawn.advance()
    const h = historyOf(drawn.values, Math.min(CHUNK, meters - from), firstDay)
    spoil?.(h, from / CHUNK)
    const ready = performance.now()
    const { sum, insufficient } = one(h)
    out.s += (performance.now() - ready) / 1000
    out.generateMs += ready - began
    out.sum += sum
    out.insufficient += insufficient
  }
  return out
}
function settler(firstDay: number): (h: History) => { sum: number; insufficient: number } {
  const p = caseOf(firstDay)
  const work = workFor(p)
  const baseline = new Float64Array(CHUNK * SLOTS)
  const status = new Uint8Array(CHUNK)
  return h => {
    baselinesOf(p, h, baseline, status, {}, work)
    let sum = 0
    let insufficient = 0
    for (let k = 0; k < h.meters * SLOTS; k++) sum += baseline[k]!
    for (let m = 0; m < h.meters; m++) insufficient += status[m] === 0 ? 0 : 1
    return { sum, insufficient }
  }
}
/** One meter-day in twenty lacks a reading, three in a hundred are event days. */
function withGaps(h: History, chunk: number): void {
  const n = h.meters * h.days
  const u = draws(n, Uint8Array.of(chunk & 255, chunk >> 8), 'gaps')
  for (let d = 0; d < n; d++) {
    const share = u[d]! / 4_294_967_296
    if (share < 0.05) h.values[d * 48 + (u[d]! % 48)] = Number.NaN
    else if (share < 0.08) h.isEventDay![d] = 1
  }
}

/** The file has the drawn meters one after another, as they would lie in an archive; it is read once, front to back, into one buffer. */
function streamed(meters: number): Record<string, unknown> {
  const dir = mkdtempSync(join(tmpdir(), 'gridbridge-bench-'))
  try {
    const file = join(dir, 'meters.f32')
    const generateMs = writeMeters(file, meters)
    const before = rssMB()
    const began = performance.now()
    const { sum, mostMB } = readMeters(file, meters)
    const s = (performance.now() - began) / 1000
    const fileMB = Math.round((meters * LCG_DAYS * 48 * 4) / 1e6)
    const growthMB = Math.max(0, mostMB - before)
    return {
      bench: 'baselineStream',
      meters,
      metersPerS: round(meters / s),
      fileMB,
      checksum: Number(sum.toFixed(4)),
      generateMs,
      rssMB: mostMB,
      growthMB,
    }
  } finally {
    rmSync(dir, { recursive: true, force: true })
  }
}
function writeMeters(file: string, meters: number): number {
  const began = performance.now()
  const fd = openSync(file, 'w')
  const drawn = lcgMeters(CHUNK)
  for (let from = 0; from < meters; from += CHUNK) {
    drawn.advance()
    writeSync(fd, new Uint8Array(drawn.values.buffer, 0, Math.min(CHUNK, meters - from) * LCG_DAYS * 48 * 4))
  }
  closeSync(fd)
  return Math.round(performance.now() - began)
}
function readMeters(file: string, meters: number): { sum: number; mostMB: number } {
  const values = new Float32Array(CHUNK * LCG_DAYS * 48)
  const one = settler(plainDay)
  const fd = openSync(file, 'r')
  let sum = 0
  let mostMB = 0
  for (let from = 0; from < meters; from += CHUNK) {
    const here = Math.min(CHUNK, meters - from)
    readSync(fd, new Uint8Array(values.buffer, 0, here * LCG_DAYS * 48 * 4))
    sum += one(historyOf(values, here, plainDay)).sum
    if ((from / CHUNK) % 100 === 0) mostMB = Math.max(mostMB, rssMB())
  }
  closeSync(fd)
  return { sum, mostMB }
}
const rssMB = (): number => Math.round(process.memoryUsage().rss / 1e6)
