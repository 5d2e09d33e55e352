import { atOnce } from '../audit/crypto.ts'
import { checkpointIn } from '../audit/log.ts'
import { leafHash, verifyInclusion } from '../audit/merkle.ts'
import type { Verifier } from '../audit/note.ts'
import type { Policy } from '../audit/policy.ts'
import { referencesOf } from '../audit/references.ts'
import { keyChain, openByChain, type Rotation, rotationOf } from '../audit/rotation.ts'
import type { Checkpoint } from '../audit/signed.ts'
import { accepts, parseProof } from '../audit/tlogProof.ts'
import { answersLine, commandsLine, decisionLine, signalLine } from './evidenceCommands.ts'
import { controlLine, offsetsLine } from './evidenceDraws.ts'
import { type Files, names, sha256Hex, textOf } from './evidenceFiles.ts'
import { nominationLine } from './evidenceNominations.ts'
import { type CheckLine, failed, notPossible, ok, okUnless, openPack, type Pack, storyOf } from './evidencePack.ts'
import { type Renderer, reportLines } from './evidenceReportCheck.ts'
import { keyLine, onlyLine, seedLine } from './evidenceSeed.ts'
import { strayLines } from './evidenceStrays.ts'
import { readingsLine, verdictLines } from './evidenceVerdict.ts'

/** Whom the one who checks trusts. With keys alone nobody is asked for cosignatures. */
export type Trust = { readonly keys: readonly Verifier[] } | { readonly policy: Policy }
export type PackChecked = { readonly ok: boolean; readonly event: string | null; readonly lines: readonly CheckLine[] }

/** Begins as a zip file does. */
export const isZip = (bytes: Uint8Array): boolean => bytes[0] === 0x50 && bytes[1] === 0x4b && bytes[2] === 3 && bytes[3] === 4

/**
 * Checks an evidence pack with nothing but its files and the keys that one trusts: no database, no network, no clock. One line for each check. Never
 * throws for what the pack contains. `by`: what its report is rendered with again; without, its figures are compared and its page is not.
 */
export function checkPack(files: Files, trust: Trust, by?: Renderer): PackChecked {
  const pack = openPack(files)
  if (typeof pack === 'string') return { ok: false, event: null, lines: [failed('pack', pack)] }
  const note = textOf(files[names.checkpoint] ?? new Uint8Array(0))
  const checkpoint = checkpointIn(note)
  const lines = [
    guarded('files', () => filesLine(pack)),
    ...linesOf('checkpoint', () => signatureLines(pack, note, trust)),
    guarded('entries', () => entriesLine(pack, note, checkpoint)),
    guarded('blobs', () => blobsLine(pack)),
    ...linesOf('event', () => storyLines(pack, checkpoint, by)),
    ...linesOf('other files', () => strayLines(pack, by?.version)),
    leftOut,
  ]
  return { ok: lines.every(l => l.result !== 'failed'), event: pack.manifest.event.id, lines }
}

function storyLines(pack: Pack, checkpoint: Checkpoint | undefined, by: Renderer | undefined): CheckLine[] {
  const story = storyOf(pack)
  if (!story) return [failed('event', `no entry of the pack brings the event ${JSON.stringify(pack.manifest.event.id)}`)]
  const checks: readonly [string, () => CheckLine | readonly CheckLine[]][] = [
    ['message', () => signalLine(pack, story)],
    ['decision', () => decisionLine(pack, story)],
    ['commands', () => commandsLine(pack, story)],
    ['answers', () => answersLine(pack, story)],
    ['key of the seed', () => keyLine(pack, story)],
    ['seed', () => seedLine(pack, story, checkpoint)],
    ['no other seed', () => onlyLine(pack, story, checkpoint)],
    ['random delays', () => offsetsLine(pack, story)],
    ['control group', () => controlLine(pack, story)],
    ['nominations', () => nominationLine(pack, story)],
    ['readings', () => readingsLine(pack, story)],
    ['verdict', () => verdictLines(pack, story)],
    ['report', () => reportLines(pack, story, by)],
  ]
  return checks.flatMap(([what, check]) => linesOf(what, check))
}
/** Who leaves an entry out leaves its proof out too. */
const leftOut = notPossible(
  'nothing left out',
  'a pack proves what was logged, not that nothing else was, as a command, an answer or a later revision; only the whole log shows that',
)
/** What is wrong in a way that nobody thought of has failed; it does not end the verification. */
function guarded<T extends CheckLine | readonly CheckLine[]>(what: string, check: () => T): T | CheckLine {
  try {
    return check()
  } catch (error) {
    return failed(what, `cannot be checked: ${error instanceof Error ? error.message : String(error)}`)
  }
}

const linesOf = (what: string, check: () => CheckLine | readonly CheckLine[]): readonly CheckLine[] => [guarded(what, check)].flat()

function filesLine({ files, manifest }: Pack): CheckLine {
  const wrong = [
    ...Object.keys(manifest.files).flatMap(name => (Object.hasOwn(files, name) ? [] : [`${name} is missing`])),
    ...Object.entries(files).flatMap(([name, bytes]) => {
      if (name === names.manifest) return []
      if (!Object.hasOwn(manifest.files, name)) return [`${name} is not in the manifest`]
      return sha256Hex(bytes) === manifest.files[name] ? [] : [`${name} is not what the manifest says`]
    }),
  ]
  return okUnless('files', wrong, `${Object.keys(manifest.files).length} files are what the manifest says`)
}

function signatureLines(pack: Pack, note: string, trust: Trust): CheckLine[] {
  if ('keys' in trust) return [guarded('checkpoint', () => keyedLine(pack, note, trust.keys))]
  const accepted = atOnce(accepts(note, trust.policy))
  if (!accepted.ok) return [failed('checkpoint', accepted.why)]
  const { checkpoint, log, witnesses } = accepted
  const seen = witnesses.map(w => `${w.name} at ${new Date(w.atS * 1000).toISOString()}`)
  return [
    ok('checkpoint', `${checkpoint.size} entries, signed by ${log}`),
    ok('cosignatures', seen.length > 0 ? seen.join(', ') : 'none, and the policy asks for none'),
  ]
}
function keyedLine({ leaves }: Pack, note: string, keys: readonly Verifier[]): CheckLine {
  const rotations = leaves.map(({ leaf, bytes }) => rotationOf(bytes, leaf)).filter((r): r is Rotation => !!r)
  const chain = keyChain(keys, rotations) ?? { keys, rotations: [] }
  const opened = openByChain(note, chain)
  if (opened.kind === 'verified')
    return ok('checkpoint', `${opened.checkpoint.size} entries, signed by ${opened.by.name} ${opened.by.keyId}`)
  const own = keys.map(k => `${k.name} ${k.keyId}`).join(', ')
  if (opened.kind === 'malformed') return failed('checkpoint', `it is no signed checkpoint: ${opened.why}`)
  if (opened.kind === 'badSignature') return failed('checkpoint', `it is not what ${opened.by.name} ${opened.by.keyId} signed`)
  if (opened.kind === 'retiredKey')
    return failed('checkpoint', `it is signed with key ${opened.by.keyId}, which was not in force at that size`)
  return failed('checkpoint', `it is signed by ${opened.signers.join(', ')}, but not with key ${own}`)
}

function entriesLine({ files, leaves, turns, unreadable }: Pack, note: string, checkpoint: Checkpoint | undefined): CheckLine {
  const wrong = unreadable.map(leaf => `entry ${leaf} cannot be read`)
  let turn = -1
  for (const { leaf, bytes } of leaves) {
    const text = files[names.proof(leaf)]
    const proof = text ? parseProof(textOf(text)) : 'there is no proof'
    if (typeof proof === 'string') wrong.push(`entry ${leaf}: ${proof}`)
    else if (proof.index !== leaf) wrong.push(`proof ${leaf} is of entry ${proof.index}`)
    else if (proof.checkpoint !== note) wrong.push(`proof ${leaf} is against another checkpoint`)
    else if (checkpoint) {
      const check = verifyInclusion(leafHash(bytes), leaf, checkpoint.size, proof.hashes, checkpoint.root)
      if (!check.ok) wrong.push(`entry ${leaf} is not in the log: ${check.why}`)
    }
    const own = turns.get(leaf) ?? turn
    if (own < turn) wrong.push(`entry ${leaf} is of an earlier turn than the one before it`)
    turn = own
  }
  if (leaves.length === 0) wrong.push('there are none')
  return okUnless('entries', wrong, `${leaves.length} entries are in the log, each proven`)
}

function blobsLine({ files, manifest, leaves }: Pack): CheckLine {
  const gone = new Set(leaves.flatMap(({ bytes }) => referencesOf(bytes).excused))
  const wrong: string[] = []
  let right = 0
  let left = 0
  for (const { leaf, bytes } of leaves)
    for (const hash of referencesOf(bytes).blobs) {
      const salted = files[names.blob(hash)]
      const why = manifest.absent[hash]
      if (salted) {
        if (sha256Hex(salted) === hash) right++
        else wrong.push(`blob ${hash} of entry ${leaf} has another content`)
      } else if (why === undefined) wrong.push(`blob ${hash} of entry ${leaf} is missing`)
      else if ((why === 'erased' || why === 'expired') && !gone.has(hash))
        wrong.push(`blob ${hash} of entry ${leaf} is said to be ${why}, and no entry says so`)
      else left++
    }
  return okUnless('blobs', wrong, `${right} right${left > 0 ? `, ${left} erased, expired or left out` : ''}`)
}
