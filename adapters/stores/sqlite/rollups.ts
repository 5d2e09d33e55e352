import type { Second } from '../../../src/core/model.ts'
import { flaw } from '../../../src/core/verify/series.ts'
import { type EnergyColumns, type RollupStep, rollupSteps } from '../../../src/ports.ts'
import type { Reading } from '../readings.ts'
import {
  BLOCK,
  blockOf,
  createMarks,
  curvesOf,
  emptyBody,
  fromBytes,
  HOUR_MS,
  HOUR_S,
  isEmpty,
  MARGIN_MS,
  spanS,
  toBytes,
  whOf,
  writeHour,
} from '../rollup.ts'
import type { Db } from './db.ts'

type Part = {
  readonly db: Db
  /** Stored readings of chargers [low, high] that touch [fromMs, toMs), by charger and time. */
  readonly between: (low: number, high: number, fromMs: number, toMs: number) => readonly Reading[]
  readonly maxWOf: (charger: number) => number
}

/**
 * Roll-ups of the stored readings. An hour of a block is rolled up when it is over, or when somebody asks for it, and again after a reading of it has come:
 * what is answered is always what all readings say. The mark that it must be is stored together with the readings.
 */
export function openRollups({ db, between, maxWOf }: Part) {
  const marks = createMarks()
  const readBody = db.prepare('SELECT body FROM rollup WHERE step = ? AND block = ? AND span = ?')
  const readSpans = db.prepare('SELECT span, body FROM rollup WHERE step = ? AND block = ? AND span >= ? AND span <= ?')
  const writeBody = db.prepare('INSERT OR REPLACE INTO rollup (step, block, span, body) VALUES (?, ?, ?, ?)')
  const dropBody = db.prepare('DELETE FROM rollup WHERE step = ? AND block = ? AND span = ?')
  const dropSome = db.prepare('DELETE FROM rollup WHERE rowid IN (SELECT rowid FROM rollup WHERE step = ? AND span < ? LIMIT ?)')
  const moveKept = db.prepare('UPDATE reading_kept SET from_ms = max(from_ms, ?)')
  let keptFromMs = db.prepare('SELECT from_ms FROM reading_kept').get([])?.[0] as number
  const addMark = db.prepare('INSERT OR IGNORE INTO rollup_due VALUES (?, ?)')
  const dropMark = db.prepare('DELETE FROM rollup_due WHERE hour = ? AND block = ?')
  for (const [hour, block] of db.prepare('SELECT hour, block FROM rollup_due').all([]) as [number, number][]) marks.recall(hour, block)

  function store(step: RollupStep, block: number, span: number, change: (body: ReturnType<typeof emptyBody>) => void): void {
    const bytes = readBody.get([step, block, span])?.[0] as Uint8Array | undefined
    const body = bytes ? fromBytes(step, bytes) : emptyBody(step)
    change(body)
    if (isEmpty(body)) dropBody.run([step, block, span])
    else writeBody.run([step, block, span, toBytes(body)])
  }
  function roll(hour: number, block: number): void {
    // A straggler of an hour whose readings have expired must not pass for all of them.
    if ((hour + 1) * HOUR_MS <= keptFromMs) {
      dropMark.run([hour, block])
      return marks.clear(hour, block)
    }
    const [low, high] = [block * BLOCK, block * BLOCK + BLOCK - 1]
    const curves = curvesOf(between(low, high, hour * HOUR_MS - MARGIN_MS, (hour + 1) * HOUR_MS + MARGIN_MS), maxWOf)
    for (const step of rollupSteps)
      store(step, block, Math.floor((hour * HOUR_S) / spanS[step]), body => {
        for (let charger = low; charger <= high; charger++) writeHour(step, body, charger, hour, curves.get(charger))
      })
    dropMark.run([hour, block])
    marks.clear(hour, block)
  }
  /** In one commit; a failed one leaves the marks as they are stored. */
  function rollAll(due: readonly (readonly [number, number])[]): void {
    try {
      db.write(() => {
        for (const [hour, block] of due) roll(hour, block)
      })
    } catch (error) {
      for (const [hour, block] of due) marks.recall(hour, block)
      throw error
    }
  }
  function readInto(out: EnergyColumns, step: RollupStep, rows: readonly number[], block: number): void {
    const perCharger = spanS[step] / step
    const untilS = out.fromS + out.count * step
    const spans = readSpans.all([step, block, Math.floor(out.fromS / spanS[step]), Math.floor((untilS - 1) / spanS[step])])
    for (const [span, bytes] of spans as [number, Uint8Array][]) {
      const body = fromBytes(step, bytes)
      const first = (span * spanS[step] - out.fromS) / step
      for (const k of rows) {
        const from = (out.who[k]! % BLOCK) * perCharger
        for (let t = Math.max(0, -first); t < perCharger && first + t < out.count; t++) {
          out.wh[k * out.count + first + t] = whOf(body.mwh[from + t]!)
          out.flaws[k * out.count + first + t] = body.flaws[from + t]!
        }
      }
    }
  }
  return {
    mark: marks.mark,
    isDue: marks.isAny,
    /** To be called once that transaction is committed. */
    marksStored: marks.stored,
    /** To be called in the transaction that stores the readings. */
    writeMarks(): void {
      const fresh = marks.fresh()
      for (let i = 0; i < fresh.length; i += 2) addMark.run([fresh[i]!, fresh[i + 1]!])
    },
    /** Rolls up some that are over; were there more? */
    rollSome(untilHour: number, most: number): boolean {
      const due: (readonly [number, number])[] = []
      for (const next of marks.before(untilHour)) {
        due.push(next)
        if (due.length > most) break
      }
      if (due.length > 0) rollAll(due.slice(0, most))
      return due.length > most
    },
    /** Rolls up some of what will be asked for and is due; was there more? */
    rollWanted(who: Uint32Array, fromS: Second, toS: Second): boolean {
      const blocks = new Set(Array.from(who, blockOf))
      const due: (readonly [number, number])[] = []
      for (const next of marks.before(Math.ceil(toS / HOUR_S))) {
        if ((next[0] + 1) * HOUR_S <= fromS || !blocks.has(next[1])) continue
        due.push(next)
        if (due.length > AT_ONCE) break
      }
      if (due.length > 0) rollAll(due.slice(0, AT_ONCE))
      return due.length > AT_ONCE
    },
    /** As it is rolled up: what is due comes first (`rollWanted`). `fromS` and `toS` at steps. */
    read(who: Uint32Array, fromS: Second, toS: Second, step: RollupStep): EnergyColumns {
      const out = newColumns(who, fromS, step, Math.max(0, (toS - fromS) / step))
      for (const [block, rows] of grouped(who.keys(), k => blockOf(who[k]!))) readInto(out, step, rows, block)
      return out
    },
    /** Readings before this are about to go: what was rolled up of them stands from now on. */
    keptFrom(fromMs: number): void {
      keptFromMs = Math.max(keptFromMs, fromMs)
      moveKept.run([keptFromMs])
    },
    /** After readings of these chargers were removed: all that was made of them goes too. */
    erase(who: Uint32Array): void {
      const all = db.prepare('SELECT step, span FROM rollup WHERE block = ?')
      for (const [block, chargers] of grouped(who, blockOf))
        db.write(() => {
          for (const [step, span] of all.all([block]) as [RollupStep, number][])
            store(step, block, span, body => {
              for (const charger of chargers)
                for (let s = span * spanS[step]; s < (span + 1) * spanS[step]; s += HOUR_S)
                  writeHour(step, body, charger, s / HOUR_S, undefined)
            })
        })
    },
    /** Removes some of a step that began before; were there more? */
    dropSome: (step: RollupStep, beforeS: Second, most: number): number =>
      db.write(() => dropSome.run([step, Math.floor(beforeS / spanS[step]), most]).changes),
  }
}

/** Blocks of an hour that are rolled up in one piece: some ten milliseconds. */
const AT_ONCE = 8
function newColumns(who: Uint32Array, fromS: Second, stepS: RollupStep, count: number): EnergyColumns {
  const cells = who.length * count
  return { who, fromS, stepS, count, wh: new Float64Array(cells).fill(Number.NaN), flaws: new Uint16Array(cells).fill(flaw.gap) }
}

function grouped<T>(items: Iterable<T>, keyOf: (item: T) => number): Map<number, T[]> {
  const out = new Map<number, T[]>()
  for (const item of items) {
    const list = out.get(keyOf(item))
    if (list) list.push(item)
    else out.set(keyOf(item), [item])
  }
  return out
}
