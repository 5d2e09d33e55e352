import { zipSync } from 'fflate'
import { checkpointIn, logOf } from '../audit/log.ts'
import { emptyRoot } from '../audit/merkle.ts'
import { proveConsistency, proveInclusion, rootAt } from '../audit/prove.ts'
import { formatProof } from '../audit/tlogProof.ts'
import { blobsOf, decode, type Entry, evidenceOf, SALT } from '../core/codec.ts'
import type { EventNo, HashHex, Instant } from '../core/model.ts'
import type { EventKeys } from '../engine/seeds.ts'
import type { Journal } from '../ports.ts'
import { type Concerned, createPicker, isOfConcern, type Picked } from './evidenceEntries.ts'
import {
  type Absence,
  bytesOf,
  type Files,
  FORMAT,
  jsonOf,
  type Manifest,
  names,
  readable,
  type SeedFile,
  sha256Hex,
} from './evidenceFiles.ts'
import { packOf } from './evidencePack.ts'
import { readme } from './evidenceReadme.ts'
import { type ReportSource, reportOfPack } from './evidenceReport.ts'

/** What a pack is made from: a running bridge, or its file. */
export type EvidenceSource = {
  readonly journal: Pick<Journal, 'read' | 'blob' | 'salted' | 'tile' | 'size' | 'checkpoint'>
  /** The newest checkpoint that enough witnesses have cosigned, where any are asked. */
  readonly cosigned?: string | undefined
  readonly eventKeys: EventKeys
  isOver(event: EventNo): boolean
}
export type EvidenceOptions = {
  readonly nowMs: Instant
  readonly version: string
  /** Without messages as received and words of people: they can name somebody. What stands on them cannot be checked then. */
  readonly withoutRaw?: boolean | undefined
  /** With the report, where this is given. */
  readonly report?: ReportSource | undefined
}

/** Everything that an outsider needs to check one event, as one zip file. */
export const evidenceZip = (files: Files, madeAtMs: Instant): Uint8Array => zipSync(files, { level: 6, mtime: madeAtMs })

/**
 * The files of an evidence pack. It is for the caller to see that the event is over: the seed is in it. Reads the whole log once.
 * @param wanted the event's id or number. @returns undefined for an event that the journal does not have
 */
export async function evidenceFiles(from: EvidenceSource, wanted: string, options: EvidenceOptions): Promise<Files | undefined> {
  const size = from.journal.size()
  const concerned = await pickFrom(from.journal, size, wanted)
  if (!concerned) return undefined
  const files: Record<string, Uint8Array> = {}
  const absent: Record<HashHex, Absence> = {}
  for (const picked of concerned.entries) {
    files[names.entry(picked.leaf)] = picked.bytes
    await addBlobs(from, concerned, picked, options, files, absent)
  }
  for (const { leaf, bytes, own } of concerned.entries) if (own) Object.assign(files, readable(decodedIn(files, bytes).fact, leaf))
  await addProofs(from, concerned, files)
  const head = {
    format: FORMAT,
    version: options.version,
    madeAtMs: options.nowMs,
    event: { no: concerned.no, id: concerned.event.id },
  } as const
  if (options.report)
    Object.assign(files, await reportOfPack(packOf(files, { ...head, files: {}, absent }), options.report, concerned.opened))
  files[names.readme] = bytesOf(readme(head.event, options))
  const hashes = Object.fromEntries(Object.entries(files).map(([name, bytes]) => [name, sha256Hex(bytes)]))
  const manifest: Manifest = { ...head, files: hashes, absent }
  return { ...files, [names.manifest]: jsonOf(manifest) }
}

/** The turn stands at the end of a leaf: its members are sorted. */
const turnOf = (text: string): number => Number(/"turn":(\d+)\}$/.exec(text)?.[1] ?? -1)

async function pickFrom(journal: EvidenceSource['journal'], size: number, wanted: string): Promise<Concerned | undefined> {
  const picker = createPicker(wanted)
  let leaf = 0
  for await (const chunk of journal.read(0, size))
    for (const bytes of chunk) {
      if (leaf === size) return picker.result()
      const text = Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength).toString('latin1')
      picker.take(leaf++, bytes, turnOf(text), isOfConcern(text) ? await decoded(journal, bytes) : undefined)
    }
  return picker.result()
}
/** Columns that are gone are empty: whom an entry concerns stands in columns that never go. */
async function decoded(journal: EvidenceSource['journal'], bytes: Uint8Array): Promise<Entry> {
  const bodies = new Map<HashHex, Uint8Array | undefined>()
  for (const hash of blobsOf(bytes)) bodies.set(hash, await journal.blob(hash))
  return decode(bytes, hash => bodies.get(hash) ?? new Uint8Array(0))
}

/** Evidence that names people by what they wrote, or by what a message says of them. */
const named = new Set(['raw', 'text'])
/** Columns of instants: who moves when is a secret of every event that is not over. */
const instants = /"(?:fromS|toS)":\{"\$blob":"([0-9a-f]{64})"/g

async function addBlobs(
  { journal, isOver }: EvidenceSource,
  { gone }: Concerned,
  { bytes, own, others }: Picked,
  { withoutRaw }: EvidenceOptions,
  files: Record<string, Uint8Array>,
  absent: Record<HashHex, Absence>,
): Promise<void> {
  const words = new Set(evidenceOf(bytes).flatMap(e => (named.has(e.key) ? [e.hash] : [])))
  const isSecret = [...others].some(no => !isOver(no))
  const secret = new Set(isSecret ? [...Buffer.from(bytes).toString('latin1').matchAll(instants)].map(m => m[1]!) : [])
  for (const hash of blobsOf(bytes)) {
    const salted = own ? await journal.salted(hash) : undefined
    const why: Absence | undefined =
      gone.get(hash) ?? (!own || !salted ? 'other' : secret.has(hash) ? 'secret' : withoutRaw && words.has(hash) ? 'withoutRaw' : undefined)
    if (why) absent[hash] = why
    else files[names.blob(hash)] = salted!
  }
}

function decodedIn(files: Files, bytes: Uint8Array): Entry {
  return decode(bytes, hash => files[names.blob(hash)]?.subarray(SALT) ?? new Uint8Array(0))
}
async function addProofs(from: EvidenceSource, concerned: Concerned, files: Record<string, Uint8Array>): Promise<void> {
  const { entries, firstOfTurn } = concerned
  const log = logOf(from.journal, from.cosigned)
  const last = entries.at(-1)!.leaf
  const checkpoint = log.checkpoints.find(note => (checkpointIn(note)?.size ?? 0) > last) ?? from.journal.checkpoint()
  const size = checkpointIn(checkpoint)!.size
  files[names.checkpoint] = bytesOf(checkpoint)
  for (const { leaf } of entries)
    files[names.proof(leaf)] = bytesOf(formatProof({ index: leaf, hashes: await proveInclusion(log, leaf, size), checkpoint }))
  const { no, keys } = concerned
  const key = keys && from.eventKeys.keyOf(no)
  const path = keys?.root === undefined ? undefined : from.eventKeys.pathOf(no, { from: keys.from!, count: keys.count! })
  const root = firstOfTurn === 0 ? emptyRoot : await rootAt(log, firstOfTurn)
  const consistency = firstOfTurn === 0 ? [] : await proveConsistency(log, firstOfTurn, size)
  const seed: SeedFile = {
    key: key ? Buffer.from(key).toString('hex') : null,
    ...(path ? { path: path.map(base64) } : {}),
    before: {
      size: firstOfTurn,
      root: Buffer.from(root).toString('hex'),
      consistency: consistency.map(base64),
    },
  }
  files[names.seed] = jsonOf(seed)
}

const base64 = (hash: Uint8Array): string => Buffer.from(hash).toString('base64')
