import { createHash } from 'node:crypto'
import type { HashHex } from './model.ts'
import { withDefaults } from './programme.ts'
import { emptyLearned } from './reliability.ts'
import { compact } from './rows.ts'
import type { EventState, State } from './state.ts'
import { deviceColumns, newSpent } from './state.ts'

/**
 * The canonical state as bytes: a JSON head, then all columns end to end. Two states that fold from the same facts have the same bytes: rows are
 * compacted first, what is only a cache (`dueS`) is left out, maps are in the order of their keys.
 */
export function toBytes(s: State): Uint8Array {
  s.rows = compact(s.rows, [s.want, s.holds, s.pending])
  const columns: Uint8Array[] = []
  let length = 0
  const column = (value: ArrayBufferView): unknown => {
    const bytes = new Uint8Array(value.buffer, value.byteOffset, value.byteLength)
    const ref = { $c: value instanceof Uint8Array ? 'Uint8Array' : value.constructor.name, at: length, length: bytes.length }
    columns.push(bytes)
    length += bytes.length
    return ref
  }
  const { rows } = s
  const segments = rows.segments
  const view = {
    ...s,
    dueS: undefined,
    up: s.up.subarray(0, s.fleet.nodes),
    rows: {
      count: rows.count,
      segments,
      end: rows.end.subarray(0, rows.count),
      fromS: rows.fromS.subarray(0, segments),
      toS: rows.toS.subarray(0, segments),
      limitW: rows.limitW.subarray(0, segments),
      because: rows.because.subarray(0, segments),
    },
  }
  const head = Buffer.from(JSON.stringify(plain(view, column)), 'utf8')
  const size = Buffer.alloc(4)
  size.writeUInt32BE(head.length)
  return Buffer.concat([size, head, ...columns])
}

export const digestOf = (bytes: Uint8Array): HashHex => createHash('sha256').update(bytes).digest('hex')
export const stateDigest = (s: State): HashHex => digestOf(toBytes(s))

export function fromBytes(bytes: Uint8Array): State {
  const buffer = Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength)
  const start = 4 + buffer.readUInt32BE(0)
  const head = JSON.parse(buffer.subarray(4, start).toString('utf8'))
  const s = revived(head, (name, at, length) => columnOf(name, buffer.subarray(start + at, start + at + length))) as State
  s.dueS = deviceColumns(s.want.length).dueS
  // what states of earlier versions did not know
  const { phase, departS, needWh, sinceS } = deviceColumns(s.want.length)
  s.seedKeysTo ??= 0
  s.phase ??= phase
  s.departS ??= departS
  s.needWh ??= needWh
  s.sinceS ??= sinceS
  s.fleet.leastW ??= new Int32Array(s.fleet.chargers)
  s.fleet.stepW ??= new Int32Array(s.fleet.chargers)
  s.fleet.stepSet ??= new Uint16Array(s.fleet.chargers)
  s.fleet.stepSets ??= []
  s.gaveS ??= new Uint32Array(s.want.length)
  s.fleet.group ??= new Uint16Array(s.fleet.chargers)
  s.fleet.gridPhases ??= new Uint8Array(s.fleet.chargers)
  s.fleet.ownDelayS ??= new Uint16Array(s.fleet.chargers)
  s.learned ??= { ...emptyLearned(), prior: s.fleet.reliability.slice() }
  s.learned.resumed ??= new Uint16Array(0)
  s.learned.stuck ??= new Uint16Array(0)
  s.pausedS ??= new Uint32Array(0)
  s.silences ??= new Map()
  s.enabling ??= new Map()
  s.noSession ??= new Map()
  s.ran ??= new Map()
  s.endedS ??= new Map()
  s.spent ??= newSpent()
  s.register ??= new Map()
  s.bounds ??= new Map()
  s.boots ??= new Map()
  s.eventDays ??= new Map()
  s.nominations ??= new Map()
  for (const [id, p] of s.programmes) s.programmes.set(id, withDefaults(p))
  for (const e of s.events.values()) {
    e.announced ??= null
    e.forecast ??= null
    e.restore ??= null
    e.asked ??= ''
    e.told ??= []
    e.waits ??= new Map()
    e.stays ??= new Uint8Array(0)
    e.turnS ??= new Float64Array(0)
    e.terms ??= null
    e.ruleset ??= null
    e.salt ??= new Uint8Array(0)
    e.kept ??= null
    e.exemption ??= null
    e.ownDelayS ??= new Uint16Array(0)
  }
  return s
}

const columnNames = { Uint8Array, Uint16Array, Uint32Array, Int32Array, Float64Array } as const
function columnOf(name: string, bytes: Uint8Array): ArrayBufferView {
  const copy = new Uint8Array(bytes.length)
  copy.set(bytes)
  return new columnNames[name as keyof typeof columnNames](copy.buffer)
}

const byKey = ([a]: [unknown, unknown], [b]: [unknown, unknown]): number =>
  typeof a === 'number' && typeof b === 'number' ? a - b : String(a) < String(b) ? -1 : 1

function plain(value: unknown, column: (v: ArrayBufferView) => unknown): unknown {
  if (ArrayBuffer.isView(value)) return column(value)
  if (value instanceof Map) return { $m: [...value].sort(byKey).map(([k, v]) => [k, plain(v, column)]) }
  if (Array.isArray(value)) return value.map(v => plain(v, column))
  if (typeof value !== 'object' || value === null) return value
  const members = Object.entries(value).sort(byKey)
  return Object.fromEntries(members.map(([k, v]) => [k, plain(v, column)]))
}

function revived(value: unknown, column: (name: string, at: number, length: number) => ArrayBufferView): unknown {
  if (Array.isArray(value)) return value.map(v => revived(v, column))
  if (typeof value !== 'object' || value === null) return value
  const o = value as Record<string, unknown>
  if (typeof o.$c === 'string') return column(o.$c, o.at as number, o.length as number)
  if (Array.isArray(o.$m)) return new Map(o.$m.map(([k, v]) => [k, revived(v, column)]))
  return Object.fromEntries(Object.entries(o).map(([k, v]) => [k, revived(v, column)]))
}

export type { EventState }
