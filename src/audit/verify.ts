/** The offline verifier: recomputes a log from its entries and says what is proven, or what is wrong and where. */
import { type Checkpoint, parseCheckpoint } from './checkpoint.ts'
import { checkpointIn } from './log.ts'
import { emptyRange, hashLength, leafHash, type Range, rangeRoot, sameHash, sha256 } from './merkle.ts'
import type { Verifier } from './note.ts'
import { isPlain, parseEnvelope, referencesOf } from './references.ts'
import { type KeyChain, keyChain, openByChain, type Rotation, rotationOf } from './rotation.ts'
import { type Edge, emptyEdge, grow, hashesAt, partialTile, type TileAt, tileWidth } from './tiles.ts'

/** An entry as a store keeps it: `hash` is the leaf hash recorded when it was appended. It proves nothing; it helps to name what was changed. */
export type Entry = { readonly seq: number; readonly hash: Uint8Array; readonly body: Uint8Array }

/** A consistent view of one stored log. */
export type LogReader = {
  head(): { readonly size: number; readonly note: string } | undefined
  /** Entries by ascending seq, in chunks: all that are there, or those with `from` <= seq < `to`. */
  entries(from?: number, to?: number): AsyncIterable<readonly Entry[]>
  /** Salt and body of a blob (hash in lower-case hex); undefined if absent. Left out where a copy has no blobs at all: they are then not looked at. */
  blob?(hash: string): Promise<Uint8Array | undefined>
  /** As in `Journal.tile`. Left out where there are none, as in a log from before there were tiles. */
  tile?(level: number, n: number): Promise<Uint8Array | undefined>
  /** How many full tiles are stored. */
  tileCount?(): number
  /** The newest checkpoint that enough witnesses have cosigned, as a signed note. */
  cosigned?(): string | undefined
  close(): void
}

export const findingCodes = [
  'unreadable',
  'head-missing',
  'head-malformed',
  'bad-signature',
  'unknown-key',
  'retired-key',
  'rotation-wrong',
  'entry-count',
  'entry-missing',
  'entry-changed',
  'entry-order',
  'root-mismatch',
  'tile-changed',
  'tile-missing',
  'tile-extra',
  'blob-wrong',
  'blob-absent',
  'since-malformed',
  'since-bad-signature',
  'since-unknown-key',
  'since-retired-key',
  'since-truncated',
  'since-fork',
  'since-rewritten',
] as const
export type FindingCode = (typeof findingCodes)[number]
/** `line` is for a person; `seq` and `hash` name the entry or blob where there is one. */
export type Finding = { readonly code: FindingCode; readonly line: string; readonly seq?: number; readonly hash?: string }

export type AuditResult =
  | {
      readonly ok: true
      readonly origin: string
      /** Of the key that signed the head. */
      readonly keyId: string
      /** How often the log has changed its key. */
      readonly rotations: number
      readonly size: number
      /** Hex. */
      readonly root: string
      readonly checkedBlobs: number
      readonly checkedTiles: number
      /** Absent, but named by an `erased` or `expired` fact. */
      readonly absentBlobs: number
      /** Named by entries of a copy that has no blobs at all, as an exported folder. */
      readonly unseenBlobs: number
      /** Size of the checkpoint that the log was found to extend. */
      readonly since: number | null
      /** What remains unproven, in words. */
      readonly notProven: string
    }
  | { readonly ok: false; readonly size: number; readonly findings: readonly Finding[] }

/** Enough to act on; the rest are only counted. */
const maxOfACode = 5

/**
 * `trusted`: one key of the log is enough, of today or of any time before: rotations lead to all others. `since` is a signed checkpoint kept from
 * earlier, outside the reach of whoever keeps the log. Never throws for what the log contains.
 */
export async function verifyLog(reader: LogReader, trusted: Verifier | readonly Verifier[], since?: string): Promise<AuditResult> {
  const verifiers = [trusted].flat() as readonly Verifier[]
  const findings: Finding[] = []
  const counts = new Map<FindingCode, number>()
  const find: Find = (code, line, at = {}) => {
    const count = (counts.get(code) ?? 0) + 1
    counts.set(code, count)
    if (count <= maxOfACode) findings.push({ code, line, ...at })
  }
  let recomputed: Recomputed = {
    range: emptyRange(),
    rows: 0,
    earlierRoot: undefined,
    checkedBlobs: 0,
    excusedBlobs: 0,
    unseenBlobs: 0,
    tiles: noTiles(),
    rotations: [],
  }
  let earlier: Checkpoint | undefined
  let head: Head | undefined
  try {
    recomputed = await recompute(reader, since === undefined ? undefined : checkpointIn(since)?.size, find)
    const { range, rows, rotations } = recomputed
    const chain = keyChain(verifiers, rotations) ?? { keys: verifiers, rotations: [] }
    earlier = since === undefined ? undefined : openSince(since, chain, find)
    head = openHead(reader, chain, find)
    if (head !== undefined) compareHead(head, rows, range, findings, find)
    compareTiles(recomputed.tiles, reader.tileCount?.(), findings, find)
    if (earlier !== undefined) compareSince(earlier, recomputed, find)
    if (
      findings.some(f => f.code === 'root-mismatch' || f.code.startsWith('since-')) &&
      findings.every(f => !f.code.startsWith('entry-'))
    ) {
      await locate(reader, find)
    }
  } catch (error) {
    find('unreadable', `the log cannot be read to its end: ${error instanceof Error ? error.message : String(error)}`)
  }
  const { range, rows, checkedBlobs, excusedBlobs: absentBlobs, unseenBlobs, tiles } = recomputed
  if (findings.length > 0) return { ok: false, size: rows, findings: inOrder(findings, counts) }
  return {
    ok: true,
    origin: verifiers[0]!.name,
    keyId: head?.by?.keyId ?? verifiers[0]!.keyId,
    rotations: recomputed.rotations.length,
    size: range.size,
    root: Buffer.from(rangeRoot(range)).toString('hex'),
    checkedBlobs,
    absentBlobs,
    unseenBlobs,
    checkedTiles: tiles.checked,
    since: earlier?.size ?? null,
    notProven: notProven(range.size, earlier?.size),
  }
}

function notProven(size: number, since: number | undefined): string {
  const after = `nothing is proven about entries after ${size}`
  if (since !== undefined && since > 0) return `${after}, if there were any; the first ${since} are those of the checkpoint`
  const copy = 'nor that this is the latest or the only copy: its tail may have been cut off, or another history signed'
  return `${after}, ${copy}; compare with a checkpoint that you kept (--since)`
}

type Find = (code: FindingCode, line: string, at?: { seq?: number; hash?: string }) => void

/** What the head says, and who signed it where that is known. */
type Head = Checkpoint & { readonly by?: Verifier }
const named = (keys: readonly Verifier[]): string => keys.map(k => `${k.name} ${k.keyId}`).join(', ')

function openHead(reader: LogReader, chain: KeyChain, find: Find): Head | undefined {
  const head = reader.head()
  if (head === undefined) {
    find('head-missing', 'the log has no head')
    return undefined
  }
  // A log that was never written to is not signed.
  if (head.size === 0 && head.note === '') return { origin: chain.keys[0]!.name, size: 0, root: rangeRoot(emptyRange()) }
  const opened = openByChain(head.note, chain)
  if (opened.kind === 'malformed') {
    find('head-malformed', `the head is not a signed checkpoint: ${opened.why}`)
    return undefined
  }
  if (opened.kind === 'badSignature') find('bad-signature', `the head is not what key ${named([opened.by])} signed`)
  if (opened.kind === 'unknownKey')
    find('unknown-key', `the head is signed by ${opened.signers.join(', ')}, but not with key ${named(chain.keys)}`)
  if (opened.kind === 'retiredKey')
    find('retired-key', `the head is signed with key ${named([opened.by])}, which had been replaced by then`)
  const checkpoint = 'checkpoint' in opened ? opened.checkpoint : parseCheckpoint(opened.text)
  if (checkpoint !== undefined && checkpoint.size !== head.size) {
    find('head-malformed', `the store says ${head.size} entries, its signed head ${checkpoint.size}`)
  }
  return checkpoint && { ...checkpoint, ...(opened.kind === 'verified' ? { by: opened.by } : {}) }
}

function openSince(note: string, chain: KeyChain, find: Find): Checkpoint | undefined {
  const opened = openByChain(note, chain)
  switch (opened.kind) {
    case 'verified':
      return opened.checkpoint
    case 'malformed':
      find('since-malformed', `--since is not a signed checkpoint of this log: ${opened.why}`)
      return undefined
    case 'badSignature':
      find('since-bad-signature', `--since is not what key ${named([opened.by])} signed`)
      return undefined
    case 'unknownKey':
      find('since-unknown-key', `--since is signed by ${opened.signers.join(', ')}, but not with key ${named(chain.keys)}`)
      return undefined
    case 'retiredKey':
      find('since-retired-key', `--since is signed with key ${named([opened.by])}, which was not in force at that size`)
      return undefined
  }
}

/** `rows` counts entries, gaps or not; `range` holds their hashes in the order found; `earlierRoot` is the root over the first `earlierSize`. */
type Recomputed = {
  range: Range
  rows: number
  earlierRoot: Uint8Array | undefined
  checkedBlobs: number
  excusedBlobs: number
  unseenBlobs: number
  tiles: TilesSeen
  rotations: Rotation[]
}
/** What the tiles that a log keeps have said beside the entries; `full` counts those that the entries fill. */
type TilesSeen = { checked: number; full: number; readonly wrong: (TileAt & { readonly hash: number | undefined })[] }
const noTiles = (): TilesSeen => ({ checked: 0, full: 0, wrong: [] })

async function recompute(reader: LogReader, earlierSize: number | undefined, find: Find): Promise<Recomputed> {
  const edge = emptyEdge()
  const { range } = edge
  const tiles = noTiles()
  let earlierRoot = earlierSize === 0 ? rangeRoot(range) : undefined
  let [expected, checkedBlobs] = [0, 0]
  const seen = new Set<string>()
  const absent = new Map<string, number>()
  const excused = new Set<string>()
  const rotations: Rotation[] = []

  async function checkBlob(hash: string, seq: number) {
    if (seen.has(hash)) return
    seen.add(hash)
    const salted = await reader.blob!(hash)
    if (salted === undefined) absent.set(hash, seq)
    else if (sha256(salted).toString('hex') !== hash) find('blob-wrong', `blob ${hash} of entry ${seq} has another content`, { seq, hash })
    else checkedBlobs++
  }
  for await (const chunk of reader.entries()) {
    for (const { seq, hash, body } of chunk) {
      if (seq !== expected) find('entry-missing', missing(expected, seq), { seq: expected })
      expected = seq + 1
      const computed = leafHash(body)
      if (!sameHash(computed, hash))
        find('entry-changed', `entry ${seq} is not what was appended: its bytes or its recorded hash were changed`, { seq })
      for (const { level, n, hashes } of grow(edge, computed)) {
        tiles.full++
        await compareTile(reader, { level, n }, Buffer.concat(hashes), tiles)
      }
      if (range.size === earlierSize) earlierRoot = rangeRoot(range)
      if (isPlain(body)) continue
      const { blobs, excused: named } = referencesOf(body)
      for (const blob of blobs) reader.blob ? await checkBlob(blob, seq) : seen.add(blob)
      for (const name of named) excused.add(name)
      const rotation = rotationOf(body, seq)
      if (rotation === null) find('rotation-wrong', `entry ${seq} claims a change of the key that both keys did not sign`, { seq })
      else if (rotation !== undefined) rotations.push(rotation)
    }
  }
  await comparePartial(reader, edge, tiles)
  let excusedBlobs = 0
  for (const [hash, seq] of absent) {
    if (excused.has(hash)) excusedBlobs++
    else find('blob-absent', `blob ${hash} of entry ${seq} is absent, and no erased or expired fact names it`, { seq, hash })
  }
  const unseenBlobs = reader.blob ? 0 : seen.size
  return { range, rows: range.size, earlierRoot, checkedBlobs, excusedBlobs, unseenBlobs, tiles, rotations }
}
function missing(expected: number, found: number): string {
  if (found < expected) return `there is no place for an entry numbered ${found}`
  return found - expected === 1 ? `entry ${expected} is missing` : `entries ${expected} to ${found - 1} are missing`
}

function compareHead(head: Checkpoint, rows: number, range: Range, findings: readonly Finding[], find: Find): void {
  if (rows !== head.size) find('entry-count', `the signed head has ${head.size} entries, the log ${rows}`)
  else if (!sameHash(rangeRoot(range), head.root) && !has(findings, 'entry-missing')) {
    find('root-mismatch', `the ${rows} entries do not have the signed root: one of them was changed, replaced or moved`)
  }
}

/** Which hash differs is found here; whether the tile or an entry was changed, only the signed root can say. */
async function compareTile(reader: LogReader, { level, n }: TileAt, wanted: Uint8Array, seen: TilesSeen): Promise<void> {
  if (reader.tile === undefined) return
  const found = await reader.tile(level, n)
  seen.checked++
  if (found !== undefined && sameHash(found, wanted)) return
  let at = 0
  while (found !== undefined && at < wanted.length && wanted[at] === found[at]) at++
  seen.wrong.push({ level, n, hash: found && Math.floor(at / hashLength) })
}
async function comparePartial(reader: LogReader, edge: Edge, seen: TilesSeen): Promise<void> {
  for (const level of edge.partial.keys()) {
    const at = { level, n: Math.floor(hashesAt(level, edge.range.size) / tileWidth) }
    const wanted = partialTile(edge, at)
    if (wanted !== undefined) await compareTile(reader, at, wanted, seen)
  }
}
/** Where an entry is known to be wrong, its tile only says so again. */
function compareTiles(seen: TilesSeen, stored: number | undefined, findings: readonly Finding[], find: Find): void {
  if (findings.some(f => f.code.startsWith('entry-'))) return
  const isEntry = has(findings, 'root-mismatch')
  for (const { level, n, hash } of seen.wrong) {
    const under = tileWidth ** level
    const first = (n * tileWidth + (hash ?? 0)) * under
    const entries =
      under === 1 && hash !== undefined
        ? `entry ${first}`
        : `entries ${first} to ${first + (hash === undefined ? tileWidth : 1) * under - 1}`
    if (hash === undefined) find('tile-missing', `tile ${level}/${n}, over ${entries}, is missing`, { seq: first })
    else if (isEntry)
      find('entry-changed', `${entries} and hash ${hash} of tile ${level}/${n} do not fit: one of them was changed`, { seq: first })
    else
      find(
        'tile-changed',
        `hash ${hash} of tile ${level}/${n} is not that of ${entries}: the tile was changed, the entries are as signed`,
        { seq: first },
      )
  }
  if (stored !== undefined && stored > seen.full) find('tile-extra', `the log keeps ${stored} full tiles, its entries fill ${seen.full}`)
}

function compareSince(earlier: Checkpoint, { rows, earlierRoot }: Recomputed, find: Find): void {
  if (rows < earlier.size) {
    find('since-truncated', `${earlier.size} entries were signed, the log has ${rows}: its tail was cut off, or this is an older copy`)
  } else if (earlierRoot === undefined || !sameHash(earlierRoot, earlier.root)) {
    if (rows === earlier.size) find('since-fork', `at ${rows} entries another root was signed: this is a fork or a rewritten history`)
    else find('since-rewritten', `the first ${earlier.size} entries are not those that were signed: this is a fork or a rewritten history`)
  }
}

/** After a mismatch that nothing else explains: an entry whose turn or time goes back stands in the wrong place, one that is no JSON was changed. */
async function locate(reader: LogReader, find: Find): Promise<void> {
  let [turn, at] = [Number.NEGATIVE_INFINITY, Number.NEGATIVE_INFINITY]
  for await (const chunk of reader.entries()) {
    for (const { seq, body } of chunk) {
      const envelope = parseEnvelope(body)
      if (envelope === undefined) return find('entry-changed', `entry ${seq} is not a fact of this log`, { seq })
      if (envelope.turn < turn || envelope.at < at) {
        return find('entry-order', `entry ${seq} (turn ${envelope.turn}) stands after one of turn ${turn}: entries were moved here`, {
          seq,
        })
      }
      ;[turn, at] = [envelope.turn, envelope.at]
    }
  }
}

const has = (findings: readonly Finding[], code: FindingCode): boolean => findings.some(f => f.code === code)

/** What says most first. The last finding of a code tells how many more there were. */
function inOrder(findings: readonly Finding[], counts: ReadonlyMap<FindingCode, number>): Finding[] {
  return findingCodes.flatMap(code => {
    const some = findings.filter(f => f.code === code)
    const more = (counts.get(code) ?? 0) - some.length
    return some.map((f, i) => (more > 0 && i === some.length - 1 ? { ...f, line: `${f.line} (and ${more} more)` } : f))
  })
}
