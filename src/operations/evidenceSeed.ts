import { createHash } from 'node:crypto'
import { fromBase64 } from '../audit/bytes.ts'
import { emptyRoot, verifyConsistency } from '../audit/merkle.ts'
import type { Checkpoint } from '../audit/signed.ts'
import { seedOf } from '../engine/seeds.ts'
import { covers } from './evidenceEntries.ts'
import { names, type SeedFile, textOf } from './evidenceFiles.ts'
import { type CheckLine, failed, notPossible, ok, only, type Pack, type Story, whyMissing } from './evidencePack.ts'

const hex = (bytes: Uint8Array): string => Buffer.from(bytes).toString('hex')

function seedFile({ files }: Pack): SeedFile | undefined {
  try {
    const { key, before } = JSON.parse(textOf(files[names.seed]!)) as SeedFile
    const isKey = key === null || /^[0-9a-f]{64}$/.test(key)
    return isKey && Number.isSafeInteger(before.size) && /^[0-9a-f]{64}$/.test(before.root) && Array.isArray(before.consistency)
      ? { key, before }
      : undefined
  } catch {
    return undefined
  }
}

const FORMER = 'drawn under the former rule, key not revealed: that it could not be drawn again is not shown'
/** What stands where there is no key to look at; undefined: there is one. */
function withoutKey(what: string, pack: Pack, { outage, no }: Story, seed: SeedFile | undefined): CheckLine | undefined {
  if (outage) return ok(what, `an outage has no secret: its seed follows from entry ${outage.leaf}`)
  if (!seed) return failed(what, `${names.seed} is missing, or not what it should be`)
  const isCommitted = only(pack, 'keyCommitted').some(e => covers(e.fact, no))
  if (seed.key === null) return notPossible(what, isCommitted ? 'the key of the event is not in the pack' : FORMER)
  return undefined
}

/** Was the key fixed before the message came? Then nobody could choose it by what it would draw. */
export function keyLine(pack: Pack, story: Story): CheckLine {
  const what = 'key of the seed'
  const seed = seedFile(pack)
  const none = withoutKey(what, pack, story, seed)
  if (none) return none
  const { no, began } = story
  const isBefore = only(pack, 'keyCommitted').filter(e => covers(e.fact, no) && (e.turn < began.turn || e.leaf < began.leaf))
  const commitment = isBefore.at(-1)
  if (!commitment) return failed(what, `no entry before the message commits to the key of event ${no}`)
  const { leaf, missing, fact } = commitment
  if (missing.length > 0) return notPossible(what, whyMissing(pack, commitment))
  const at = 32 * (no - fact.from!)
  const hash = createHash('sha256').update(Buffer.from(seed!.key!, 'hex')).digest()
  if (Buffer.compare(hash, fact.hashes!.subarray(at, at + 32)) !== 0)
    return failed(what, `its hash is not the one that entry ${leaf} has for event ${no}`)
  return ok(what, `entry ${leaf} committed to it, before the message (entry ${began.leaf}) was known`)
}

/** Is the seed the one that key, message and log give? */
export function seedLine(pack: Pack, story: Story, checkpoint: Checkpoint | undefined): CheckLine {
  const what = 'seed'
  const seed = seedFile(pack)
  const none = withoutKey(what, pack, story, seed)
  if (none) return none
  const [signal] = story.signals
  if (!signal || signal.fact.seed.length === 0) return notPossible(what, whyMissing(pack, story.began))
  const wrong = treeBefore(pack, signal.turn, seed!.before, checkpoint)
  if (wrong) return failed(what, wrong)
  const { key, before } = seed!
  const made = seedOf(Buffer.from(key!, 'hex'), signal.fact.event.rawHash, Buffer.from(before.root, 'hex'))
  if (hex(made) !== hex(signal.fact.seed)) return failed(what, 'key, message and log give another seed than the one that was used')
  return ok(what, `it follows from the key, the message and the ${before.size} entries before: no other could have been drawn`)
}

/** Is it the tree that the log had when the turn began that took the message? */
function treeBefore({ turns }: Pack, turn: number, { size, root, consistency }: SeedFile['before'], checkpoint: Checkpoint | undefined) {
  const isFirst = turns.get(size) === turn && (size === 0 || (turns.get(size - 1) ?? turn) < turn)
  if (!isFirst) return `entry ${size} is not shown to be the first of turn ${turn}, which took the message`
  if (size === 0) return root === hex(emptyRoot) ? undefined : 'the empty log has another root'
  const hashes = consistency.map(line => fromBase64(String(line)) ?? new Uint8Array(0))
  if (!checkpoint) return 'there is no checkpoint to prove it by'
  const check = verifyConsistency(size, checkpoint.size, hashes, Buffer.from(root, 'hex'), checkpoint.root)
  return check.ok ? undefined : `the root of the first ${size} entries is not proven: ${check.why}`
}
