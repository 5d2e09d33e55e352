import { createHash } from 'node:crypto'
import { canonicalJson } from '../core/codec.ts'
import type { EventNo, Fact, HashHex, Instant, Readings } from '../core/model.ts'
import { type History, MISSING, type Verification, type Weather } from '../core/verify/record.ts'
import { readingsOf } from '../core/verify/worked.ts'

/**
 * What an evidence pack consists of, by the names of its files: for who makes one and who checks one. Documented for outsiders in
 * docs/guides/evidence.md. A name is never given another meaning; new files may come.
 */
export const FORMAT = 'gridbridge-evidence-1'
export type Files = Readonly<Record<string, Uint8Array>>

export const names = {
  readme: 'README.txt',
  manifest: 'manifest.json',
  checkpoint: 'checkpoint',
  seed: 'seed.json',
  entry: (leaf: number) => `entries/${digits(leaf)}.json`,
  proof: (leaf: number) => `proofs/${digits(leaf)}.tlog-proof`,
  blob: (hash: HashHex) => `blobs/${hash}`,
  raw: (leaf: number) => `signal/${digits(leaf)}.raw`,
  readings: (leaf: number) => `readings/${digits(leaf)}.csv`,
  history: (leaf: number) => `readings/${digits(leaf)}-history.csv`,
  weather: (leaf: number) => `readings/${digits(leaf)}-weather.csv`,
  verdict: (leaf: number) => `verdict/${digits(leaf)}.json`,
  report: (file: string) => `report/${file}`,
} as const
const digits = (leaf: number): string => String(leaf).padStart(9, '0')

/** Why a blob that an entry refers to is not in the pack. `expired` and `erased` are in the log too; the others are the word of who made the pack. */
export const absences = ['erased', 'expired', 'withoutRaw', 'secret', 'other'] as const
export type Absence = (typeof absences)[number]
export type Manifest = {
  readonly format: typeof FORMAT
  readonly version: string
  readonly madeAtMs: Instant
  readonly event: { readonly no: EventNo; readonly id: string }
  /** SHA-256 of every other file. */
  readonly files: Readonly<Record<string, HashHex>>
  readonly absent: Readonly<Record<HashHex, Absence>>
}

/** What the random delays were drawn from: hex, but for the proof. */
export type SeedFile = {
  /** Of this event alone; null where the log is of an earlier release, or the key is not at hand. */
  readonly key: string | null
  /** From that key to the root that the log begins with; absent where it was committed by its hash. */
  readonly path?: readonly string[]
  /** Entries that the log had before the turn that took the signal, and their root. */
  readonly before: { readonly size: number; readonly root: string; readonly consistency: readonly string[] }
}

export const sha256Hex = (bytes: Uint8Array | string): HashHex => createHash('sha256').update(bytes).digest('hex')
export const textOf = (bytes: Uint8Array): string => Buffer.from(bytes).toString('utf8')
export const bytesOf = (text: string): Uint8Array => new Uint8Array(Buffer.from(text, 'utf8'))
export const jsonOf = (value: unknown): Uint8Array => bytesOf(`${JSON.stringify(value, null, 2)}\n`)

/** Readings as a person reads them: one a line, numbers as they are, an empty cell for what was not said. The same bytes for the same readings. */
export function readingsCsv(r: Readings): Uint8Array {
  const lines = ['charger_no,from_ms,to_ms,power_w,register_wh,quality']
  for (let k = 0; k < r.charger.length; k++)
    lines.push([r.charger[k], r.fromMs[k], r.toMs[k], cell(r.powerW[k]!), cell(r.registerWh[k]!), r.quality[k]].join(','))
  return bytesOf(`${lines.join('\n')}\n`)
}
export function historyCsv({ who, day, slots, milliWh }: History): Uint8Array {
  const lines = ['charger_no,day,slot,energy_wh']
  for (let k = 0; k < who.length; k++)
    for (let slot = 0; slot < slots; slot++) {
      const value = milliWh[k * slots + slot]!
      const date = new Date(day[k]! * 86_400_000).toISOString().slice(0, 10)
      lines.push([who[k], date, slot, value === MISSING ? '' : value / 1000].join(','))
    }
  return bytesOf(`${lines.join('\n')}\n`)
}
export function weatherCsv({ startS, endS, milliC, late }: Weather): Uint8Array {
  const lines = ['from_s,to_s,celsius,late']
  for (let k = 0; k < milliC.length; k++) lines.push([startS[k], endS[k], milliC[k]! / 1000, late[k]].join(','))
  return bytesOf(`${lines.join('\n')}\n`)
}
const cell = (value: number): number | string => (Number.isNaN(value) ? '' : value)

/** What the verdict says, as it stands in the log, laid out for people. */
export const verdictJson = (verification: Verification): Uint8Array => jsonOf(JSON.parse(canonicalJson(verification)))

/** What an entry of the event says once more in files that need no programme of ours: the message, the readings, the verdict. */
export function readable(fact: Fact, leaf: number): Files {
  const files: Record<string, Uint8Array> = {}
  if (fact.kind === 'signal' && fact.raw.length > 0) files[names.raw(leaf)] = fact.raw
  if (fact.kind === 'verified') files[names.verdict(leaf)] = verdictJson(fact.verification)
  if (fact.kind !== 'metered') return files
  const { readings, history } = readingsOf(fact)
  if (readings.charger.length > 0) files[names.readings(leaf)] = readingsCsv(readings)
  if (readings.charger.length > 0 && history && history.who.length > 0) files[names.history(leaf)] = historyCsv(history)
  if (fact.weather) files[names.weather(leaf)] = weatherCsv(fact.weather)
  return files
}
