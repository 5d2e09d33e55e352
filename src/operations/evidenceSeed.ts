import { createHash } from 'node:crypto'
import { fromBase64 } from '../audit/bytes.ts'
import { emptyRoot, leafHash, verifyConsistency, verifyInclusion } from '../audit/merkle.ts'
import type { Checkpoint } from '../audit/signed.ts'
import type { Fact } from '../core/model.ts'
import { seedOf } from '../engine/seeds.ts'
import { covers, inForce } from './evidenceEntries.ts'
import { names, type SeedFile, textOf } from './evidenceFiles.ts'
import { type CheckLine, failed, notPossible, ok, only, type Pack, type Read, type Story, whyMissing } from './evidencePack.ts'

const hex = (bytes: Uint8Array): string => Buffer.from(bytes).toString('hex')
const hashesIn = (lines: readonly string[]): Uint8Array[] => lines.map(line => fromBase64(String(line)) ?? new Uint8Array(0))

function seedFile({ files }: Pack): SeedFile | undefined {
  try {
    const { key, path = [], before } = JSON.parse(textOf(files[names.seed]!)) as SeedFile
    const isKey = key === null || /^[0-9a-f]{64}$/.test(key)
    const isBefore = Number.isSafeInteger(before.size) && /^[0-9a-f]{64}$/.test(before.root) && Array.isArray(before.consistency)
    return isKey && isBefore && Array.isArray(path) ? { key, path, before } : undefined
  } catch {
    return undefined
  }
}

type Committed = Read<Extract<Fact, { kind: 'keyCommitted' }>>
const covering = (pack: Pack, { no }: Story): Committed[] => only(pack, 'keyCommitted').filter(e => covers(e.fact, no))
/** Entries from 0 on that are there without a gap, and can be read. */
function shownFromStart({ entries }: Pack): number {
  const gap = entries.findIndex((e, k) => e.leaf !== k)
  return gap < 0 ? entries.length : gap
}
/** In the first entries of the log, so that none before it committed to another key; and what comes later does not count. */
const isAtBeginning = (pack: Pack, { leaf }: Committed): boolean => leaf < shownFromStart(pack)

const FORMER = 'drawn under the former rule, key not revealed: that it could not be drawn again is not shown'
/** What stands where there is no key to look at; undefined: there is one. */
function withoutKey(what: string, pack: Pack, story: Story, seed: SeedFile | undefined): CheckLine | undefined {
  if (story.outage) return ok(what, `an outage has no secret: its seed follows from entry ${story.outage.leaf}`)
  if (!seed) return failed(what, `${names.seed} is missing, or not what it should be`)
  if (seed.key !== null) return undefined
  return notPossible(what, covering(pack, story).length > 0 ? 'the key of the event is not in the pack' : FORMER)
}

/** Was the key fixed before the message came? Then nobody could choose it by what it would draw. */
export function keyLine(pack: Pack, story: Story): CheckLine {
  const what = 'key of the seed'
  const seed = seedFile(pack)
  const none = withoutKey(what, pack, story, seed)
  if (none) return none
  const { no, began } = story
  const earlier = covering(pack, story).filter(e => e.turn < began.turn && e.leaf < began.leaf)
  const commitment = inForce(earlier, e => isAtBeginning(pack, e))
  if (!commitment) return failed(what, `no entry before the message commits to the key of event ${no}`)
  const { leaf, missing } = commitment
  if (missing.length > 0) return notPossible(what, whyMissing(pack, commitment))
  const wrong = whyNotCommitted(commitment, story, seed!)
  if (!wrong) return ok(what, `entry ${leaf} committed to it, before the message (entry ${began.leaf}) was known`)
  const [later] = earlier.filter(e => e.leaf > leaf)
  return failed(what, later ? `${wrong}; entry ${later.leaf} is later, and does not count` : wrong)
}
/** Is it the key that stands at the event's place, and no other's? */
function whyNotCommitted({ leaf, fact }: Committed, { no }: Story, { key, path }: SeedFile): string | undefined {
  const bytes = Buffer.from(key!, 'hex')
  const slot = no - fact.from!
  if (fact.root === undefined) {
    const hash = createHash('sha256').update(bytes).digest()
    const isIt = Buffer.compare(hash, fact.hashes!.subarray(32 * slot, 32 * slot + 32)) === 0
    return isIt ? undefined : `its hash is not the one that entry ${leaf} has for event ${no}`
  }
  const check = verifyInclusion(leafHash(bytes), slot, fact.count ?? 0, hashesIn(path!), Buffer.from(fact.root, 'hex'))
  return check.ok
    ? undefined
    : `it is not key ${slot} of the ${fact.count} that entry ${leaf} has, which is that of event ${no}: ${check.why}`
}

/** Could another key have been taken? Where it is the log itself that begins with the key, there is no place for another commitment. */
export function onlyLine(pack: Pack, story: Story, checkpoint: Checkpoint | undefined): CheckLine {
  const what = 'no other seed'
  const { no, outage } = story
  const unproven = [keyLine(pack, story), seedLine(pack, story, checkpoint)].find(l => l.result !== 'ok')
  if (outage) return ok(what, `an outage has no secret: its seed follows from entry ${outage.leaf}`)
  if (unproven) return notPossible(what, `the ${unproven.what} is not shown to be right`)
  const commitment = covering(pack, story)[0]!
  if (isAtBeginning(pack, commitment))
    return ok(
      what,
      `the log begins with that commitment (entry ${commitment.leaf}): event ${no} can have no other key, and with the message and the log before it this is its only seed`,
    )
  const [first] = only(pack, 'keyCommitted')
  const why =
    shownFromStart(pack) === 0
      ? 'how the log began is not in the pack (ask for one with entry 0)'
      : first && isAtBeginning(pack, first) && first.fact.from !== undefined
        ? `the log began (entry ${first.leaf}) with the keys of other events`
        : 'the log did not begin with keys of events'
  return notPossible(
    what,
    `${why}; that no entry before ${commitment.leaf} committed to another key for event ${no}, only the whole log shows`,
  )
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
  return ok(what, `it follows from the key, the message and the ${before.size} entries before`)
}

/** Is it the tree that the log had when the turn began that took the message? */
function treeBefore({ turns }: Pack, turn: number, { size, root, consistency }: SeedFile['before'], checkpoint: Checkpoint | undefined) {
  const isFirst = turns.get(size) === turn && (size === 0 || (turns.get(size - 1) ?? turn) < turn)
  if (!isFirst) return `entry ${size} is not shown to be the first of turn ${turn}, which took the message`
  if (size === 0) return root === hex(emptyRoot) ? undefined : 'the empty log has another root'
  if (!checkpoint) return 'there is no checkpoint to prove it by'
  const check = verifyConsistency(size, checkpoint.size, hashesIn(consistency), Buffer.from(root, 'hex'), checkpoint.root)
  return check.ok ? undefined : `the root of the first ${size} entries is not proven: ${check.why}`
}
