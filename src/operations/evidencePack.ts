import { parseEnvelope } from '../audit/references.ts'
import { decode, SALT } from '../core/codec.ts'
import type { EventNo, Fact, GridEvent, HashHex, Instant } from '../core/model.ts'
import { outageEvent } from '../core/outage.ts'
import { type Absence, absences, type Files, FORMAT, type Manifest, names, sha256Hex, textOf } from './evidenceFiles.ts'

export const results = ['ok', 'failed', 'notPossible'] as const
/** One line of a verification: what was looked at, and what came of it. */
export type CheckLine = { readonly what: string; readonly result: (typeof results)[number]; readonly why: string }
export const ok = (what: string, why: string): CheckLine => ({ what, result: 'ok', why })
export const failed = (what: string, why: string): CheckLine => ({ what, result: 'failed', why })
export const notPossible = (what: string, why: string): CheckLine => ({ what, result: 'notPossible', why })

const MOST_SAID = 3
/** The first of what is wrong, and how much more there is. */
export const said = (wrong: readonly string[]): string =>
  wrong.slice(0, MOST_SAID).join('; ') + (wrong.length > MOST_SAID ? `; and ${wrong.length - MOST_SAID} more` : '')
export const okUnless = (what: string, wrong: readonly string[], why: string): CheckLine =>
  wrong.length > 0 ? failed(what, said(wrong)) : ok(what, why)

/** An entry as read. `missing`: its blobs that are not in the pack, or are not what their hash says; their columns are empty. */
export type Read<F extends Fact = Fact> = {
  readonly leaf: number
  readonly at: Instant
  readonly turn: number
  readonly fact: F
  readonly missing: readonly HashHex[]
}
export type Leaf = { readonly leaf: number; readonly bytes: Uint8Array }
export type Pack = {
  readonly files: Files
  readonly manifest: Manifest
  readonly leaves: readonly Leaf[]
  readonly entries: readonly Read[]
  /** Turns of entries, for those as well that could not be read. */
  readonly turns: ReadonlyMap<number, number>
  readonly unreadable: readonly number[]
}
type Of<K extends Fact['kind']> = Extract<Fact, { kind: K }>
export const only = <K extends Fact['kind']>(pack: Pack, kind: K): Read<Of<K>>[] =>
  pack.entries.filter((e): e is Read<Of<K>> => e.fact.kind === kind)

/** A string says why it is no pack at all. */
export function openPack(files: Files): Pack | string {
  const manifest = manifestOf(files[names.manifest])
  return typeof manifest === 'string' ? manifest : packOf(files, manifest)
}
/** The entries of a pack as read. */
export function packOf(files: Files, manifest: Manifest): Pack {
  const leaves = Object.entries(files)
    .flatMap(([name, bytes]) => {
      const leaf = Number(/^entries\/(\d+)\.json$/.exec(name)?.[1] ?? -1)
      // under another name the same entry would count twice
      return leaf >= 0 && name === names.entry(leaf) ? [{ leaf, bytes }] : []
    })
    .sort((a, b) => a.leaf - b.leaf)
  const entries: Read[] = []
  const unreadable: number[] = []
  const turns = new Map<number, number>()
  for (const { leaf, bytes } of leaves) {
    const turn = parseEnvelope(bytes)?.turn
    if (turn !== undefined) turns.set(leaf, turn)
    const read = turn === undefined ? undefined : readOf(files, leaf, bytes)
    if (read) entries.push(read)
    else unreadable.push(leaf)
  }
  return { files, manifest, leaves, entries, turns, unreadable }
}
function readOf(files: Files, leaf: number, bytes: Uint8Array): Read | undefined {
  const missing: HashHex[] = []
  try {
    const entry = decode(bytes, hash => {
      const salted = files[names.blob(hash)]
      if (salted && sha256Hex(salted) === hash) return salted.subarray(SALT)
      missing.push(hash)
      return new Uint8Array(0)
    })
    return { leaf, ...entry, missing }
  } catch {
    return undefined
  }
}
function manifestOf(bytes: Uint8Array | undefined): Manifest | string {
  if (!bytes) return `there is no ${names.manifest}`
  try {
    const m = JSON.parse(textOf(bytes)) as Manifest
    if (m.format !== FORMAT) return `the format is ${JSON.stringify(m.format)}, this release reads ${FORMAT}`
    const isWhole =
      Number.isSafeInteger(m.event.no) &&
      Number.isSafeInteger(m.madeAtMs) &&
      typeof m.version === 'string' &&
      typeof m.event.id === 'string' &&
      Object.values(m.files).every(hash => typeof hash === 'string') &&
      Object.values(m.absent).every(why => absences.includes(why))
    return isWhole ? m : `${names.manifest} is not whole`
  } catch {
    return `${names.manifest} is not JSON of a pack`
  }
}

const inWords: Record<Absence, string> = {
  erased: 'erased, as the log says',
  expired: 'expired, as the log says',
  withoutRaw: 'not included: the pack was made without messages as received and words of people',
  secret: 'withheld: another event was not over',
  other: 'not included',
}
/** Why something cannot be looked at: of the first blob that is missing. */
export const whyMissing = ({ manifest }: Pack, { leaf, missing }: Read): string => {
  const why = manifest.absent[missing[0] ?? '']
  return `part of entry ${leaf} is ${why ? inWords[why] : 'missing'}`
}

/** Of which event is it, by what the log says? A manifest alone is nobody's word. */
export type Story = {
  readonly no: EventNo
  readonly id: string
  readonly signals: readonly Read<Of<'signal'>>[]
  readonly outage: Read<Of<'outage'>> | undefined
  /** As first heard of. */
  readonly event: GridEvent
  readonly began: Read
}
export function storyOf(pack: Pack): Story | undefined {
  const { no, id } = pack.manifest.event
  const outage = only(pack, 'outage').find(e => e.fact.event === no && outageEvent(e.fact).id === id)
  const signals = only(pack, 'signal').filter(e => e.fact.event.id === id)
  const began = outage ?? signals[0]
  const event = outage ? outageEvent(outage.fact) : signals[0]?.fact.event
  return began && event && { no, id, signals, outage, event, began }
}
