/** A witness (C2SP tlog-witness): it cosigns what a log signs as long as the log only grows, so that no two people can be shown two histories. */
import { parseSize, toBase64 } from './bytes.ts'
import { checkpointIn } from './log.ts'
import { emptyRoot, sameHash, verifyConsistency } from './merkle.ts'
import { type Cosigner, openNote, type Verifier } from './note.ts'
import { type Checkpoint, hashesOf, type SplitNote, splitNote } from './signed.ts'

export type WitnessStore = {
  /** The newest checkpoint cosigned for this log, as it was kept. Throws where it cannot be read: then nothing may be cosigned. */
  held(origin: string): Promise<string | undefined>
  /** Durable when it resolves. */
  keep(origin: string, note: string): Promise<void>
  /**
   * Two checkpoints, each signed by the log. `isSplit`: they cannot both be true, and prove that it has two histories. Otherwise nobody has shown that the
   * one extends the other; a checkpoint is public, so whoever sent it with a wrong proof need not be the log.
   */
  suspect(found: Suspicion): Promise<void>
}
export type Suspicion = {
  readonly origin: string
  readonly why: string
  readonly held: string
  readonly offered: string
  readonly isSplit: boolean
}
export type WitnessAnswer = { readonly status: 200 | 400 | 403 | 404 | 409 | 422; readonly type: string; readonly body: string }

const text = (status: WitnessAnswer['status'], body: string): WitnessAnswer => ({
  status,
  type: 'text/plain; charset=utf-8',
  body: `${body}\n`,
})
const maxProof = 63

/** Answers the body of a POST to `add-checkpoint`. Requests for one log are taken one after another: what is held may not change between look and keep. */
export function createWitness(options: {
  readonly cosigner: Cosigner
  /** Keys of the logs that are watched, each named for its log; several of one name are one log that changed its key. */
  readonly logs: readonly Verifier[]
  readonly store: WitnessStore
  readonly nowS: () => number
}): (body: string) => Promise<WitnessAnswer> {
  const { cosigner, logs, store, nowS } = options
  const queues = new Map<string, Promise<unknown>>()

  async function add(asked: Asked, keys: readonly Verifier[]): Promise<WitnessAnswer> {
    const { old, proof, note, checkpoint } = asked
    const { origin } = checkpoint
    const opened = openNote(note, keys)
    if (opened.kind !== 'verified') return text(403, `not signed by ${keys.map(k => `${k.name} ${k.keyId}`).join(' or ')} (${opened.kind})`)
    if (old > checkpoint.size) return text(400, `a tree of ${checkpoint.size} does not extend one of ${old}`)
    const heldNote = await store.held(origin)
    const held = heldNote === undefined ? undefined : checkpointIn(heldNote)
    if (heldNote !== undefined && held === undefined) throw new Error(`what is held of ${origin} cannot be read`)
    if (old !== (held?.size ?? 0)) return { status: 409, type: 'text/x.tlog.size', body: `${held?.size ?? 0}\n` }
    const refusal = extendsHeld(held, checkpoint, proof)
    if (refusal !== undefined) {
      // Without what strangers have signed below: anybody can add lines to a checkpoint, up to what cannot be read again with ours behind them.
      const offered = signedBy(note, opened.by)
      const isSplit = refusal.status === 409
      if (heldNote !== undefined) await store.suspect({ origin, why: refusal.body.trimEnd(), held: heldNote, offered, isSplit })
      return refusal
    }
    const line = cosigner.cosignatureLine(opened.text, nowS())
    await store.keep(origin, signedBy(note, opened.by) + line)
    return { status: 200, type: 'text/plain; charset=utf-8', body: line }
  }
  return async body => {
    const asked = parseRequest(body)
    if (typeof asked === 'string') return text(400, asked)
    const { origin } = asked.checkpoint
    const keys = logs.filter(log => log.name === origin)
    if (keys.length === 0) return text(404, `the log ${origin} is not known here`)
    const before = queues.get(origin) ?? Promise.resolve()
    const mine = before.then(() => add(asked, keys))
    queues.set(
      origin,
      mine.catch(() => undefined),
    )
    return mine
  }
}

/** A note that was opened, with the signatures of these keys alone. */
function signedBy(note: string, keys: readonly Verifier[]): string {
  const { text, signatures } = splitNote(note) as SplitNote
  const own = keys.flatMap(key => signatures.find(s => s.name === key.name && s.keyId === key.keyId) ?? [])
  return `${text}\n${own.map(s => `${s.line}\n`).join('')}`
}

/** Undefined where the tree only grew. */
function extendsHeld(held: Checkpoint | undefined, offered: Checkpoint, proof: readonly Uint8Array[]): WitnessAnswer | undefined {
  if (held === undefined || held.size === 0) {
    if (proof.length > 0) return text(422, 'a first checkpoint has no proof')
    return offered.size === 0 && !sameHash(offered.root, emptyRoot) ? text(422, 'an empty tree has another root') : undefined
  }
  const roots = `I hold root ${toBase64(held.root)} at ${held.size}`
  if (held.size === offered.size) {
    if (!sameHash(held.root, offered.root))
      return text(409, `split view: two roots at ${held.size} entries; ${roots}, offered is ${toBase64(offered.root)}`)
    return proof.length > 0 ? text(422, 'a proof for the same tree is empty') : undefined
  }
  const check = verifyConsistency(held.size, offered.size, proof, held.root, offered.root)
  if (check.ok) return undefined
  return text(
    422,
    `the first ${held.size} of these ${offered.size} entries are not those that I cosigned, or the proof is wrong: ${check.why}; ${roots}`,
  )
}

type Asked = { readonly old: number; readonly proof: readonly Uint8Array[]; readonly note: string; readonly checkpoint: Checkpoint }

/** `old <size>`, base64 hashes, an empty line, the checkpoint. A string says what is wrong. */
function parseRequest(body: string): Asked | string {
  const split = body.indexOf('\n\n')
  if (split < 0) return 'there is no empty line before the checkpoint'
  const [first, ...lines] = body.slice(0, split).split('\n')
  const old = parseSize(/^old (\d+)$/.exec(first ?? '')?.[1])
  if (old === undefined) return 'the first line is not "old SIZE"'
  const proof = hashesOf(lines)
  if (proof === undefined || proof.length > maxProof) return `the proof is not at most ${maxProof} lines of base64 of 32 bytes`
  const note = body.slice(split + 2)
  const checkpoint = checkpointIn(note)
  return checkpoint === undefined ? 'there is no signed checkpoint' : { old, proof, note, checkpoint }
}
export const formatRequest = (old: number, proof: readonly Uint8Array[], note: string): string =>
  `${[`old ${old}`, ...proof.map(toBase64)].join('\n')}\n\n${note}`
