import type { Instant } from '../../../src/core/model.ts'
import type { Meters, Runtime, Window } from '../../../src/ports.ts'
import { createLatest } from '../latest.ts'
import { columnsOf, inOrder, type Reading, touches } from '../readings.ts'
import { HOUR_MS } from '../rollup.ts'
import type { Db, Statement, Value } from './db.ts'
import { openRollups } from './rollups.ts'
import { openSessionRecords } from './sessionRecords.ts'

const slotMs = 300_000
const flushAfterMs = 1000
const flushRows = 5000
const mostFlushesKept = 100
const rowsPerInsert = 25
const columns = 7
/** Above this many chargers a slot is read whole and filtered: one scan is cheaper than that many seeks. */
const seekAtMost = 50
const recallMs = 3_600_000
const expireRows = 5_000
/** More than a megawatt on one EVSE is a unit error. */
const absurdW = 1_000_000
/** An hour is rolled up this long after its end: by then its last readings are in, and those after it that its registers need. */
const rollAfterMs = 1_200_000
/** So many blocks of an hour at a time (some 5 ms each), with this pause between. */
const rollAtOnce = 2
const rollPauseMs = 50
/** So many readings are read in one piece: some ten milliseconds. */
const rowsAtOnce = 10_000
const eraseSlots = 2_000

export type SqliteMeters = Meters & {
  /** Writes what is pending. Called each second while something is, by `range` and by `close`. */
  flush(): void
}

export type MeterFacts = {
  /** Rated power of a charger, W: what is far above it is no reading. */
  readonly maxWOf?: (charger: number) => number
}

/**
 * Readings as rows keyed by slot, charger and time. A reading is rounded to 0.001 W and 0.001 Wh. `put` keeps rows in memory until the next flush,
 * at most a second or 5,000 rows later. The newest reading of each charger in the past hour is known again after a restart.
 */
export function openMeters(db: Db, runtime: Pick<Runtime, 'now' | 'at'>, { maxWOf = () => absurdW }: MeterFacts = {}): SqliteMeters {
  const insertMany = db.prepare(`INSERT OR REPLACE INTO reading VALUES ${Array(rowsPerInsert).fill('(?,?,?,?,?,?,?)').join(',')}`)
  const insertOne = db.prepare('INSERT OR REPLACE INTO reading VALUES (?,?,?,?,?,?,?)')
  const select = 'SELECT slot, charger, from_ms, for_ms, power_mw, register_mwh, quality FROM reading WHERE slot = ?'
  const ofCharger = db.prepare(`${select} AND charger = ?`)
  const ofSlot = db.prepare(`${select} AND charger >= ? AND charger <= ?`)
  const extent = db.prepare('SELECT (SELECT min(slot) FROM reading), (SELECT max(slot) FROM reading)')
  const dropCharger = db.prepare('DELETE FROM reading WHERE slot = ? AND charger = ?')
  const dropSome = db.prepare(
    `DELETE FROM reading WHERE (slot, charger, from_ms, for_ms) IN (SELECT slot, charger, from_ms, for_ms FROM reading WHERE slot >= ? AND slot < ? LIMIT ?)`,
  )
  const widen = db.prepare('UPDATE reading_span SET longest_ms = max(longest_ms, ?)')
  const latest = createLatest()
  recall(db, runtime.now() - recallMs, latest.seeOne)

  let longestMs = db.prepare('SELECT longest_ms FROM reading_span').get([])?.[0] as number
  let longestSeenMs = longestMs
  let pending: Value[] = []
  let failures = 0
  let closed = false
  let rollArmed = false
  const rollups = openRollups({ db, between, maxWOf })
  const sessions = openSessionRecords(db)
  armRoll()

  /** Stored readings of chargers [low, high]. */
  function between(low: number, high: number, fromMs: Instant, toMs: Instant): Reading[] {
    const rows: Reading[] = []
    const first = Math.floor((fromMs - longestMs) / slotMs)
    for (let slot = first; slot * slotMs < toMs; slot++)
      for (const row of ofSlot.all([slot, low, high]) as unknown as readonly Row[]) {
        const reading = readingOf(row)
        if (touches(reading, fromMs, toMs)) rows.push(reading)
      }
    return rows.sort(inOrder)
  }
  function armRoll(atMs = (Math.floor(runtime.now() / HOUR_MS) + 1) * HOUR_MS + rollAfterMs) {
    if (rollArmed || !rollups.isDue()) return
    rollArmed = true
    runtime.at('meters.roll', atMs, () => {
      rollArmed = false
      if (closed) return
      // what is not on disk yet would not be rolled up, and its mark be gone
      tryFlush()
      const isMore = pending.length > 0 || rollups.rollSome(Math.floor((runtime.now() - rollAfterMs) / HOUR_MS), rollAtOnce)
      armRoll(isMore ? runtime.now() + rollPauseMs : undefined)
    })
  }

  function flush() {
    if (pending.length === 0) return
    db.write(() => {
      rollups.writeMarks()
      if (longestSeenMs > longestMs) widen.run([longestSeenMs])
      const whole = columns * rowsPerInsert
      let i = 0
      for (; i + whole <= pending.length; i += whole) insertMany.run(pending.slice(i, i + whole))
      for (; i < pending.length; i += columns) insertOne.run(pending.slice(i, i + columns))
    })
    rollups.marksStored()
    longestMs = longestSeenMs
    pending = []
    armRoll()
  }
  const armFlush = () => runtime.at('meters.flush', runtime.now() + flushAfterMs, () => (closed ? undefined : tryFlush()))
  /** A disk that is full or read-only costs readings, never the bridge: they are kept and tried again, and beyond a bound the oldest go. */
  function tryFlush() {
    try {
      flush()
      failures = 0
    } catch {
      failures = Math.min(failures + 1, mostFlushesKept)
      pending = pending.slice(Math.max(0, pending.length - mostFlushesKept * flushRows * columns))
      armFlush()
    }
  }
  return {
    flush,
    put(readings) {
      latest.see(readings)
      const { charger, fromMs, toMs, powerW, registerWh, quality } = readings
      if (charger.length > 0 && pending.length === 0) armFlush()
      for (let i = 0; i < charger.length; i++) {
        const from = Math.round(fromMs[i]!)
        const forMs = Math.round(toMs[i]!) - from
        const slot = Math.floor(from / slotMs)
        if (forMs > longestSeenMs) longestSeenMs = forMs
        rollups.mark(charger[i]!, from, from + forMs)
        pending.push(slot, charger[i]!, from - slot * slotMs, forMs, thousandths(powerW[i]!), thousandths(registerWh[i]!), quality[i]!)
        if (pending.length >= flushRows * columns * (failures + 1)) tryFlush()
      }
    },
    async range(who, fromMs, toMs) {
      flush()
      const wanted = new Set(who)
      const byCharger = new Map<number, Reading[]>()
      let read = 0
      // A reading may have begun before the window, by at most the longest interval ever stored.
      const [oldest, newest] = (extent.get([]) ?? []) as [number | null, number | null]
      const first = Math.max(Math.floor((fromMs - longestMs) / slotMs), oldest ?? 0)
      for (let slot = first; slot <= (newest ?? -1) && slot * slotMs < toMs; slot++) {
        for (const row of slotRows(slot, wanted, ofCharger, ofSlot)) {
          const reading = readingOf(row)
          if (!wanted.has(reading.charger) || !touches(reading, fromMs, toMs)) continue
          const own = byCharger.get(reading.charger)
          if (own) own.push(reading)
          else byCharger.set(reading.charger, [reading])
          read++
        }
        if (read < rowsAtOnce) continue
        read = 0
        await pass()
      }
      // slots come by time, so that there is next to nothing to be sorted
      const inTurn = [...byCharger.values()].sort((a, b) => a[0]!.charger - b[0]!.charger)
      return columnsOf(inTurn.flatMap(own => own.sort(inOrder)))
    },
    latest: latest.columns,
    async erase(who) {
      flush()
      const [oldest, newest] = (extent.get([]) ?? []) as [number | null, number | null]
      let count = 0
      // By slot, because that is what leads to a charger's rows; some at a time, so that no append waits long.
      for (let slot = oldest ?? 0; slot <= (newest ?? -1); slot += eraseSlots)
        db.write(() => {
          for (let at = slot; at < slot + eraseSlots; at++) for (const charger of who) count += dropCharger.run([at, charger]).changes
        })
      for (const charger of who) latest.forget(charger)
      rollups.erase(who)
      sessions.erase(who)
      return count
    },
    async expire(endMs, kept = []) {
      flush()
      const beforeMs = Math.floor(endMs / HOUR_MS) * HOUR_MS
      while (rollups.rollSome(Math.floor(beforeMs / HOUR_MS) + 1, rollAtOnce)) {
        await pass()
        flush()
      }
      rollups.keptFrom(beforeMs)
      let count = 0
      // A few thousand at a time, so that no append waits long.
      for (const { from, to } of slotsWithout(kept, Math.floor(beforeMs / slotMs), longestMs))
        for (let changes = -1; changes !== 0; count += changes) {
          changes = db.write(() => dropSome.run([from, to, expireRows]).changes)
          await pass()
        }
      return count
    },
    async history(who, { fromS, toS, stepS }) {
      const [startS, endS] = [Math.floor(fromS / stepS) * stepS, Math.ceil(toS / stepS) * stepS]
      for (let isMore = true; isMore; ) {
        flush()
        isMore = rollups.rollWanted(who, startS, endS)
        if (isMore) await pass()
      }
      const columns = rollups.read(who, startS, endS, stepS)
      // whoever reads day after day lets others in between
      await pass()
      return columns
    },
    async expireHistory(stepS, beforeS) {
      while (rollups.dropSome(stepS, beforeS, expireRollups) === expireRollups) await pass()
    },
    keepSession: sessions.keep,
    keepSigned: sessions.keepSigned,
    async signed(who, fromMs, toMs) {
      return sessions.signed(who, fromMs, toMs)
    },
    async sessions(who, fromMs, toMs) {
      return sessions.range(who, fromMs, toMs)
    },
    async expireSessions(beforeMs) {
      sessions.expire(beforeMs)
    },
    async close() {
      flush()
      closed = true
    },
  }
}

const pass = () => new Promise(resolve => setImmediate(resolve))
const expireRollups = 500

/** Slots below `before` but for those that have readings of a kept window, as ranges. */
function slotsWithout(kept: readonly Window[], before: number, longestMs: number): { from: number; to: number }[] {
  const out: { from: number; to: number }[] = []
  let from = 0
  for (const { fromMs, toMs } of [...kept].sort((a, b) => a.fromMs - b.fromMs)) {
    const first = Math.floor((fromMs - longestMs) / slotMs)
    if (first > from) out.push({ from, to: Math.min(first, before) })
    from = Math.max(from, Math.ceil(toMs / slotMs))
  }
  if (from < before) out.push({ from, to: before })
  return out
}

type Row = readonly [
  slot: number,
  charger: number,
  from: number,
  forMs: number,
  power: number | null,
  register: number | null,
  quality: number,
]

function* slotRows(slot: number, wanted: ReadonlySet<number>, ofCharger: Statement, ofSlot: Statement): Iterable<Row> {
  if (wanted.size > seekAtMost) {
    let [low, high] = [Number.POSITIVE_INFINITY, 0]
    for (const charger of wanted) [low, high] = [Math.min(low, charger), Math.max(high, charger)]
    yield* ofSlot.all([slot, low, high]) as unknown as readonly Row[]
  } else for (const charger of wanted) yield* ofCharger.all([slot, charger]) as unknown as readonly Row[]
}
function readingOf([slot, charger, from, forMs, power, register, quality]: Row): Reading {
  const fromMs = slot * slotMs + from
  return { charger, fromMs, toMs: fromMs + forMs, powerW: number(power), registerWh: number(register), quality }
}
const thousandths = (value: number): number | null => (Number.isNaN(value) ? null : Math.round(value * 1000))
const number = (value: number | null): number => (value === null ? Number.NaN : value / 1000)

/** SQLite takes the other columns of a `max` group from the row that has it. */
function recall(db: Db, sinceMs: Instant, see: (charger: number, powerW: number, atMs: number) => void): void {
  const newest = db.prepare(
    `SELECT charger, power_mw, max(slot * ${slotMs} + from_ms + for_ms) FROM reading WHERE slot >= ? AND power_mw IS NOT NULL GROUP BY charger`,
  )
  for (const [charger, power, atMs] of newest.all([Math.floor(sinceMs / slotMs)]) as unknown as readonly [number, number, number][]) {
    if (atMs >= sinceMs) see(charger, power / 1000, atMs)
  }
}
