import type { Readings } from '../model.ts'
import { rowsBy } from './readingsRoot.ts'
import type { History } from './record.ts'

/**
 * Readings and days of history as bytes, without loss: a fraction of what their columns take. A record for each charger that has any, one after another, so
 * that pieces may be put together and each charger's can be read alone. Numbers are LEB128 varints. A record is
 * - charger, how many readings, how many days, slots of a day (0 without days)
 * - of its readings the columns fromMs, toMs, powerW, registerWh, quality; of its days the column of days, then all their slots, 1/1000 Wh
 *
 * A column of integers is steps from one to the next (of `fromMs` and `toMs`: how much the step changes): an even varint 2n is n steps of 0, an odd one 2z + 1 is a step
 * of z, zigzag. A column of other numbers has a byte in front: 0 all are NaN, 1 integers, 2 thousandths as integers, 3 as they are, 8 bytes little-endian each.
 */
export function packed(readings: Readings, history?: History): Uint8Array {
  const out = writer()
  const own = rowsBy(readings.charger)
  const past = history ? rowsBy(history.who) : new Map<number, { from: number; to: number }>()
  for (const charger of Uint32Array.from(new Set([...own.keys(), ...past.keys()])).sort()) {
    const r = own.get(charger) ?? { from: 0, to: 0 }
    const d = past.get(charger) ?? { from: 0, to: 0 }
    const slots = d.to > d.from ? history!.slots : 0
    for (const n of [charger, r.to - r.from, d.to - d.from, slots]) out.varint(n)
    numbers(out, readings.fromMs.subarray(r.from, r.to), TWICE)
    numbers(out, readings.toMs.subarray(r.from, r.to), TWICE)
    numbers(out, readings.powerW.subarray(r.from, r.to))
    numbers(out, readings.registerWh.subarray(r.from, r.to))
    integers(out, readings.quality.subarray(r.from, r.to))
    if (slots === 0) continue
    integers(out, history!.day.subarray(d.from, d.to))
    integers(out, history!.milliWh.subarray(d.from * slots, d.to * slots))
  }
  return out.bytes()
}

/** What was packed, all pieces together. @throws RangeError for bytes that are not `packed` */
export function unpacked(pieces: readonly Uint8Array[]): { readonly readings: Readings; readonly history?: History } {
  const found = pieces.flatMap(recordsOf)
  const readings = found.flatMap(x => (x.fromMs.length > 0 ? [x] : []))
  const days = found.flatMap(x => (x.day.length > 0 ? [x] : []))
  const slots = days[0]?.slots ?? 0
  if (days.some(x => x.slots !== slots)) throw new RangeError('days of different lengths are in one history')
  const joined = <T extends Float64Array | Int32Array | Uint8Array>(
    into: new (n: number) => T,
    columns: readonly ArrayLike<number>[],
  ): T => {
    const all = new into(columns.reduce((n, c) => n + c.length, 0))
    let at = 0
    for (const c of columns) {
      all.set(c, at)
      at += c.length
    }
    return all
  }
  const named = (all: readonly { charger: number }[], count: (k: number) => number): Uint32Array => {
    const out = new Uint32Array(all.reduce((n, _, k) => n + count(k), 0))
    let at = 0
    all.forEach(({ charger }, k) => out.fill(charger, at, (at += count(k))))
    return out
  }
  return {
    readings: {
      charger: named(readings, k => readings[k]!.fromMs.length),
      fromMs: joined(
        Float64Array,
        readings.map(x => x.fromMs),
      ),
      toMs: joined(
        Float64Array,
        readings.map(x => x.toMs),
      ),
      powerW: joined(
        Float64Array,
        readings.map(x => x.powerW),
      ),
      registerWh: joined(
        Float64Array,
        readings.map(x => x.registerWh),
      ),
      quality: joined(
        Uint8Array,
        readings.map(x => x.quality),
      ),
    },
    ...(days.length === 0
      ? {}
      : {
          history: {
            who: named(days, k => days[k]!.day.length),
            day: joined(
              Int32Array,
              days.map(x => x.day),
            ),
            slots,
            milliWh: joined(
              Int32Array,
              days.map(x => x.milliWh),
            ),
          },
        }),
  }
}
type Record = Omit<Readings, 'charger'> & Pick<History, 'day' | 'slots' | 'milliWh'> & { readonly charger: number }
function recordsOf(piece: Uint8Array): Record[] {
  const from = reader(piece)
  const out: Record[] = []
  while (!from.isAtEnd()) {
    const [charger, count, days, slots] = [from.varint(), from.varint(), from.varint(), from.varint()]
    // a step is a byte at least for as many as it says, but a run of equal ones may be long
    if (charger > 0xffffffff || count + days * slots > MOST_ROWS) throw new RangeError(`a record of ${count} readings and ${days} days`)
    const fromMs = asNumbers(from, count, TWICE)
    const toMs = asNumbers(from, count, TWICE)
    const powerW = asNumbers(from, count)
    const registerWh = asNumbers(from, count)
    const quality = Uint8Array.from(asIntegers(from, count))
    const day = Int32Array.from(slots === 0 ? [] : asIntegers(from, days))
    const milliWh = Int32Array.from(slots === 0 ? [] : asIntegers(from, days * slots))
    out.push({ charger, fromMs, toMs, powerW, registerWh, quality, day, slots, milliWh })
  }
  return out
}
const MOST_ROWS = 50_000_000

const kind = { nothing: 0, integers: 1, thousandths: 2, asTheyAre: 3 } as const
const ONCE = 1
const TWICE = 2
/** Up to here a change of a step, twice zigzag, is exact. */
const MOST = 2 ** 48

function numbers(out: Writer, values: Float64Array, order = ONCE): void {
  if (values.length > 0 && values.every(Number.isNaN)) return out.byte(kind.nothing)
  for (const [code, scale] of [
    [kind.integers, 1],
    [kind.thousandths, 1000],
  ] as const) {
    const scaled = values.map(x => Math.round(x * scale))
    if (!scaled.every((x, k) => Math.abs(x) <= MOST && Object.is(x / scale, values[k]) && !Object.is(x, -0))) continue
    out.byte(code)
    return integers(out, scaled, order)
  }
  out.byte(kind.asTheyAre)
  for (const x of values) out.float(x)
}
function asNumbers(from: Reader, count: number, order = ONCE): Float64Array {
  const code = from.byte()
  if (code === kind.nothing) return new Float64Array(count).fill(Number.NaN)
  if (code === kind.asTheyAre) return Float64Array.from({ length: count }, () => from.float())
  if (code !== kind.integers && code !== kind.thousandths) throw new RangeError(`a column of kind ${code}`)
  const whole = asIntegers(from, count, order)
  return code === kind.integers ? whole : whole.map(x => x / 1000)
}

function integers(out: Writer, values: ArrayLike<number>, order = ONCE): void {
  let [before, step, zeros] = [0, 0, 0]
  for (let k = 0; k < values.length; k++) {
    const now = values[k]! - before
    const change = order === TWICE ? now - step : now
    step = now
    before = values[k]!
    if (change === 0) {
      zeros++
      continue
    }
    if (zeros > 0) out.varint(2 * zeros)
    zeros = 0
    out.varint(2 * (change > 0 ? 2 * change : -2 * change - 1) + 1)
  }
  if (zeros > 0) out.varint(2 * zeros)
}
function asIntegers(from: Reader, count: number, order = ONCE): Float64Array {
  const out = new Float64Array(count)
  let [before, step] = [0, 0]
  for (let k = 0; k < count; ) {
    const token = from.varint()
    const z = (token - 1) / 2
    const change = token % 2 === 0 ? 0 : z % 2 === 0 ? z / 2 : -(z + 1) / 2
    const times = token % 2 === 0 ? token / 2 : 1
    if (times === 0 || k + times > count) throw new RangeError('more steps than values')
    for (let n = 0; n < times; n++) {
      step = order === TWICE ? step + change : change
      before += step
      out[k++] = before
    }
  }
  return out
}

type Writer = ReturnType<typeof writer>
function writer() {
  let bytes = new Uint8Array(65_536)
  let view = new DataView(bytes.buffer)
  let length = 0
  const room = (more: number): void => {
    if (length + more <= bytes.length) return
    const longer = new Uint8Array(2 * (length + more))
    longer.set(bytes)
    bytes = longer
    view = new DataView(bytes.buffer)
  }
  return {
    byte(x: number): void {
      room(1)
      bytes[length++] = x
    },
    varint(x: number): void {
      room(8)
      let rest = x
      while (rest >= 128) {
        bytes[length++] = (rest % 128) + 128
        rest = Math.floor(rest / 128)
      }
      bytes[length++] = rest
    },
    float(x: number): void {
      room(8)
      view.setFloat64(length, x, true)
      length += 8
    },
    bytes: (): Uint8Array => bytes.slice(0, length),
  }
}
type Reader = ReturnType<typeof reader>
function reader(bytes: Uint8Array) {
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength)
  let at = 0
  return {
    isAtEnd: (): boolean => at >= bytes.length,
    byte: (): number => view.getUint8(at++),
    varint(): number {
      let [value, scale] = [0, 1]
      for (let byte = 128; byte >= 128; scale *= 128) {
        byte = view.getUint8(at++)
        value += (byte % 128) * scale
        if (value > Number.MAX_SAFE_INTEGER) throw new RangeError('a number that is too long')
      }
      return value
    },
    float(): number {
      at += 8
      return view.getFloat64(at - 8, true)
    },
  }
}
