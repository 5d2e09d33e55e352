/**
 * One key after another. A rotation is an entry of the log (`noted`, `keyRotated`) with a statement that both keys have signed, the old one that it
 * hands over, the new one that it takes over; the checkpoint over that entry has both signatures, later ones that of the new key alone. So whoever
 * trusts one key of the chain finds all others, and what an old key signed stays provable.
 */
import { type Checkpoint, openCheckpoint } from './checkpoint.ts'
import { openNote, parseVkey, type Signer, signNote, type Verifier } from './note.ts'
import { parseEnvelope } from './references.ts'

export const ROTATED = 'keyRotated'
const heading = 'gridbridge key rotation v1'

/** `size`: entries before the rotation, so its own number. */
export type Rotation = { readonly size: number; readonly from: Verifier; readonly to: Verifier }

/** The statement as a signed note. @throws AuditError where the names of the keys differ: a rotation changes the key, never the log */
export function signRotation(size: number, from: Signer, to: Signer): string {
  return signNote(`${heading}\n${from.verifier.name}\n${size}\n${from.verifier.vkey}\n${to.verifier.vkey}\n`, [from, to])
}

/** Both signatures must be there and right. */
export function parseRotation(statement: string): Rotation | undefined {
  const [first, origin, size, ...keys] = statement.split('\n\n')[0]!.split('\n')
  if (first !== heading || keys.length !== 2 || !/^(0|[1-9]\d*)$/.test(size ?? '')) return undefined
  try {
    const [from, to] = keys.map(parseVkey) as [Verifier, Verifier]
    const opened = openNote(statement, [from, to])
    const isWhole = opened.kind === 'verified' && opened.by.length === 2 && from.name === origin && to.name === origin
    return isWhole && from.vkey !== to.vkey ? { size: Number(size), from, to } : undefined
  } catch {
    return undefined
  }
}

const marker = Buffer.from(`"${ROTATED}"`)
/** The rotation that a leaf records; null where it claims one that is not signed by both keys, or stands in another place. */
export function rotationOf(leaf: Uint8Array, seq: number): Rotation | null | undefined {
  const bytes = Buffer.from(leaf.buffer, leaf.byteOffset, leaf.byteLength)
  if (!bytes.includes(marker)) return undefined
  const fact = parseEnvelope(leaf)?.fact
  if (fact?.['kind'] !== 'noted' || fact['what'] !== ROTATED) return undefined
  const rotation = parseRotation(String((fact['about'] as { statement?: unknown } | undefined)?.statement))
  return rotation?.size === seq ? rotation : null
}

/** Which key signs for which sizes. */
export type KeyChain = { readonly keys: readonly Verifier[]; readonly rotations: readonly Rotation[] }

/** The chain that one of the trusted keys stands in; undefined where none does, or a link does not fit. Without a rotation every trusted key counts. */
export function keyChain(trusted: readonly Verifier[], rotations: readonly Rotation[]): KeyChain | undefined {
  const [first] = rotations
  if (first === undefined) return { keys: trusted, rotations }
  const keys = [first.from, ...rotations.map(r => r.to)]
  const fits = rotations.every((r, i) => r.from.vkey === keys[i]!.vkey && (i === 0 || r.size > rotations[i - 1]!.size))
  return fits && trusted.some(t => keys.some(k => k.vkey === t.vkey)) ? { keys, rotations } : undefined
}
/** Keys that may sign a checkpoint of so many entries: the one in force, and over the rotation itself both. */
export const keysAt = ({ keys, rotations }: KeyChain, size: number): readonly Verifier[] =>
  rotations.length === 0
    ? keys
    : keys.filter((_, i) => (i === 0 || rotations[i - 1]!.size < size) && size <= (rotations[i]?.size ?? size) + 1)

export type OpenedByChain =
  | { readonly kind: 'verified'; readonly checkpoint: Checkpoint; readonly by: Verifier }
  /** Signed by a key of the chain that had been replaced, or was not in force yet. */
  | { readonly kind: 'retiredKey'; readonly checkpoint: Checkpoint; readonly by: Verifier }
  | Exclude<ReturnType<typeof openCheckpoint>, { kind: 'verified' }>

/** Opens a checkpoint with whichever key of the chain signed it. */
export function openByChain(note: string, chain: KeyChain): OpenedByChain {
  let failed: OpenedByChain | undefined
  let retired: OpenedByChain | undefined
  for (const by of chain.keys) {
    const opened = openCheckpoint(note, by)
    if (opened.kind === 'badSignature') return opened
    if (opened.kind !== 'verified') failed ??= opened
    else if (keysAt(chain, opened.checkpoint.size).includes(by)) return { kind: 'verified', checkpoint: opened.checkpoint, by }
    else retired = { kind: 'retiredKey', checkpoint: opened.checkpoint, by }
  }
  return retired ?? failed ?? { kind: 'malformed', why: 'there is no key' }
}
