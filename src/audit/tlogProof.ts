/** A proof of one entry as a file (`c2sp.org/tlog-proof@v1`): it is checked with nothing but the entry, the file and the keys that one trusts. */
import { fromBase64, parseSize, toBase64 } from './bytes.ts'
import { isQuorum, type Policy } from './policy.ts'
import { inclusionHolds, leafHashOf } from './proofs.ts'
import { type Checkpoint, cosignedAtS, hashesOf, isSignedBy, opened, parseCheckpoint, type SplitNote, splitNote } from './signed.ts'
import type { Steps } from './steps.ts'

export type TlogProof = {
  /** Bytes that nothing vouches for. */
  readonly extra?: Uint8Array
  readonly index: number
  /** RFC 6962 section 2.1.1, from the leaf's sibling upwards. */
  readonly hashes: readonly Uint8Array[]
  /** The signed note, as the log served it. */
  readonly checkpoint: string
}
const header = 'c2sp.org/tlog-proof@v1'
const maxHashes = 63

export function formatProof({ extra, index, hashes, checkpoint }: TlogProof): string {
  const lines = [header, ...(extra === undefined ? [] : [`extra ${toBase64(extra)}`]), `index ${index}`, ...hashes.map(toBase64)]
  return `${lines.join('\n')}\n\n${checkpoint}`
}
/** A string says why it is no such proof. */
export function parseProof(text: string): TlogProof | string {
  const split = text.indexOf('\n\n')
  if (split < 0) return 'there is no empty line before the checkpoint'
  const [first, ...rest] = text.slice(0, split).split('\n')
  if (first !== header) return `the first line is not ${header}`
  const extraText = rest[0]?.startsWith('extra ') ? rest.shift()!.slice('extra '.length) : undefined
  const extra = extraText === undefined ? undefined : fromBase64(extraText)
  if (extraText !== undefined && extra === undefined) return 'the extra data is not base64'
  const [, indexText] = /^index (\d+)$/.exec(rest.shift() ?? '') ?? []
  const index = parseSize(indexText)
  if (index === undefined) return 'there is no line "index N"'
  if (rest.length > maxHashes) return `more than ${maxHashes} hashes`
  const hashes = hashesOf(rest)
  if (hashes === undefined) return 'a hash is not base64 of 32 bytes'
  return { ...(extra && { extra }), index, hashes, checkpoint: text.slice(split + 2) }
}

export type Witnessed = { readonly name: string; readonly atS: number }
export type Proven =
  | {
      readonly ok: true
      readonly index: number
      readonly checkpoint: Checkpoint
      /** Key name of the log that signed it. */
      readonly log: string
      /** Witnesses of the policy that cosigned it, by their names there. */
      readonly witnesses: readonly Witnessed[]
    }
  | { readonly ok: false; readonly why: string }

/** Was `entry` logged, in a log of the policy, as a checkpoint says that enough of its witnesses have seen? Never throws for what the proof contains. */
export function* proves(proofText: string, entry: Uint8Array, policy: Policy): Steps<Proven> {
  const proof = parseProof(proofText)
  if (typeof proof === 'string') return { ok: false, why: `this is not a tlog-proof: ${proof}` }
  const accepted = yield* accepts(proof.checkpoint, policy)
  if (!accepted.ok) return accepted
  const { root, size } = accepted.checkpoint
  const leaf = yield* leafHashOf(entry)
  const check = yield* inclusionHolds(leaf, proof.index, size, proof.hashes, root)
  if (!check.ok)
    return { ok: false, why: `this entry is not number ${proof.index} of the ${size} that ${accepted.log} signed: ${check.why}` }
  return { ...accepted, index: proof.index }
}

export type Accepted = Omit<Extract<Proven, { ok: true }>, 'index'> | Extract<Proven, { ok: false }>
/** Is the checkpoint signed by a log of the policy, and cosigned by its quorum? */
export function* accepts(note: string, policy: Policy): Steps<Accepted> {
  const parts = splitNote(note)
  const checkpoint = typeof parts === 'string' ? undefined : parseCheckpoint(parts.text)
  if (typeof parts === 'string' || checkpoint === undefined) return { ok: false, why: 'there is no signed checkpoint' }
  const found = yield* opened(
    note,
    policy.logs.map(l => l.key).filter(key => key.name === checkpoint.origin),
  )
  if (found.kind === 'badSignature') return { ok: false, why: `the checkpoint is not what ${found.by.name} ${found.by.keyId} signed` }
  if (found.kind !== 'verified') return { ok: false, why: `the checkpoint is of ${checkpoint.origin}, signed by no key of the policy` }
  const witnesses = yield* witnessedBy(parts, policy)
  if (typeof witnesses === 'string') return { ok: false, why: witnesses }
  const names = witnesses.map(w => w.name)
  if (!isQuorum(policy, names))
    return {
      ok: false,
      why: `the policy asks for ${policy.quorum}, cosigned by ${names.length === 0 ? 'no witness of it' : names.join(', ')}`,
    }
  return { ok: true, checkpoint, log: checkpoint.origin, witnesses }
}

/** Witnesses of the policy that have cosigned; a string where one of them seems to have, and has not. */
export function* witnessedBy({ text, signatures }: SplitNote, policy: Policy): Steps<Witnessed[] | string> {
  const witnesses: Witnessed[] = []
  for (const { name, key } of policy.witnesses) {
    const signature = signatures.find(s => s.name === key.name && s.keyId === key.keyId)
    if (signature === undefined) continue
    if (!(yield* isSignedBy(key, text, signature.bytes))) return `the cosignature of ${name} is not of this checkpoint`
    witnesses.push({ name, atS: cosignedAtS(signature.bytes) ?? 0 })
  }
  return witnesses
}
