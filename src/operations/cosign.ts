import { parseSize } from '../audit/bytes.ts'
import { cosignedKey } from '../audit/cosigned.ts'
import { atOnce } from '../audit/crypto.ts'
import { checkpointIn } from '../audit/log.ts'
import { isQuorum, type Policy, type Trusted } from '../audit/policy.ts'
import { proveConsistency } from '../audit/prove.ts'
import { isSignedBy, parseSignature, splitNote } from '../audit/signed.ts'
import { witnessedBy } from '../audit/tlogProof.ts'
import { formatRequest } from '../audit/witness.ts'
import type { Engine } from '../engine.ts'

export type CosigningOptions = {
  readonly engine: Pick<Engine, 'journal' | 'registry' | 'bridge' | 'now'>
  /** Witnesses without a URL cannot be asked: their cosignatures are missing. */
  readonly policy: Policy
  /** Must give up by itself within seconds. */
  readonly fetch: (url: string, init: { method: 'POST'; headers: Record<string, string>; body: string }) => Promise<Response>
  readonly wait: (ms: number) => Promise<void>
  /** How long checkpoints may stay without the quorum before it is an alarm. */
  readonly missingMs: number
}
/** `sinceMs`: when the oldest checkpoint that waits for the quorum was made; null where none waits. `splits`: who refuses our log as another history, and why. */
export type CosigningHealth = {
  readonly cosignedSize: number
  readonly sinceMs: number | null
  readonly isAlarm: boolean
  readonly missing: readonly string[]
  readonly splits: readonly string[]
}
type Witness = Trusted & {
  readonly url: string
  /** Size that it holds, as far as we know. */
  held: number
  busy: boolean
  failures: number
  againAtMs: number
  split: string | null
}
/** The checkpoint that is being cosigned. */
type Round = { readonly note: string; readonly size: number; readonly text: string; readonly lines: Map<string, string> }

const PACE_MS = 1_000
const LONGEST_PAUSE_MS = 60_000
const heldKey = (w: Trusted) => `audit.witness.${w.key.keyId}`

/**
 * Brings the newest checkpoint to all witnesses at once, a round at a time, so that they cosign the same one however fast the log grows. A round ends with
 * the quorum, or when all have answered; one who is slow is left out of the next. What is cosigned is kept and shown at `/log/checkpoint`.
 */
export function createCosigning({ engine, policy, fetch, wait, missingMs }: CosigningOptions) {
  const { journal, registry, bridge } = engine
  const witnesses = policy.witnesses.flatMap((w): Witness[] =>
    w.url === null
      ? []
      : [{ ...w, url: w.url, held: parseSize(registry.get(heldKey(w))) ?? 0, busy: false, failures: 0, againAtMs: 0, split: null }],
  )
  let stopping = false
  let waitingSinceMs: number | null = null
  let isAlarm = false
  let round: Round | undefined

  const sizeOf = (note: string | undefined) => (note ? checkpointIn(note)?.size : undefined) ?? 0
  let cosignedSize = isStillGood(registry.get(cosignedKey)) ? sizeOf(registry.get(cosignedKey)) : 0
  /** What another policy once made good, or what is of a log that went further than ours, is not shown as good. */
  function isStillGood(note: string | undefined): boolean {
    const parts = note === undefined ? '' : splitNote(note)
    const names = typeof parts === 'string' ? '' : atOnce(witnessedBy(parts, policy))
    return (
      typeof names !== 'string' &&
      sizeOf(note) <= journal.size() &&
      isQuorum(
        policy,
        names.map(w => w.name),
      )
    )
  }

  // ---- one witness -----------------------------------------------------------------------------------------------

  /** Its cosignature line; a string of why not in `failed`. */
  async function ask(w: Witness, { note, size, text }: Round): Promise<{ line: string } | { failed: string; split?: boolean }> {
    for (let again = 0; again < 2; again++) {
      const old = w.held
      if (old > size)
        return {
          split: true,
          failed: `it has cosigned ${old} entries, this log has ${size}: this is an older copy, or another signs with our key`,
        }
      const proof = old > 0 && old < size ? await proveConsistency(journal, old, size) : []
      const answer = await fetch(`${w.url.replace(/\/$/, '')}/add-checkpoint`, {
        method: 'POST',
        headers: { 'content-type': 'text/plain; charset=utf-8' },
        body: formatRequest(old, proof, note),
      })
      const body = (await answer.text()).slice(0, 16_384)
      if (answer.status === 409 && /^text\/x\.tlog\.size\b/.test(answer.headers.get('content-type') ?? '')) {
        w.held = parseSize(body.trim()) ?? 0
        continue
      }
      const said = `${answer.status} ${body.trim().slice(0, 300)}`
      if (answer.status === 409 || answer.status === 422) return { split: true, failed: `it refuses the log as another history: ${said}` }
      if (answer.status !== 200) return { failed: `it answers ${said}` }
      const line = body.split('\n').find(l => isCosignature(w, text, l))
      return line === undefined ? { failed: 'its cosignature is not one of its key on our checkpoint' } : { line }
    }
    return { failed: `it holds ${w.held} entries, then others` }
  }
  function isCosignature({ key }: Witness, text: string, line: string): boolean {
    const signature = parseSignature(line)
    return signature?.name === key.name && signature.keyId === key.keyId && atOnce(isSignedBy(key, text, signature.bytes))
  }
  async function visit(w: Witness, current: Round): Promise<void> {
    w.busy = true
    const result = await ask(w, current).catch(error => ({ failed: `it cannot be reached: ${(error as Error).message}`, split: false }))
    w.busy = false
    if (stopping) return
    if ('line' in result) {
      w.held = current.size
      w.failures = 0
      w.split = null
      current.lines.set(w.name, result.line)
      await registry.set(heldKey(w), String(w.held))
      await keep(current)
      return
    }
    w.againAtMs = engine.now() + Math.min(PACE_MS * 2 ** w.failures++, LONGEST_PAUSE_MS)
    if (result.split && w.split === null) note('splitView', { witness: w.name, size: current.size, held: w.held, why: result.failed })
    if (result.split) w.split = result.failed
  }
  /** Also what comes after the quorum is kept, as long as nothing newer is. */
  async function keep({ note: own, size, lines }: Round): Promise<void> {
    if (size < cosignedSize || !isQuorum(policy, [...lines.keys()])) return
    if (size > cosignedSize) waitingSinceMs = null
    cosignedSize = size
    await registry.set(cosignedKey, `${own}${[...lines.values()].map(line => `${line}\n`).join('')}`)
  }

  // ---- rounds ----------------------------------------------------------------------------------------------------

  /** One look: a round where there is something new and somebody to ask, and the alarm. Resolves with the quorum, or when all have answered. */
  async function pass(): Promise<void> {
    try {
      await takeRound()
    } finally {
      tellAlarm()
    }
  }
  async function takeRound(): Promise<void> {
    const note = journal.checkpoint()
    const size = sizeOf(note)
    if (size <= cosignedSize) return
    waitingSinceMs ??= engine.now()
    if (round?.note !== note) round = newRound(note, size)
    const current = round
    const free = witnesses.filter(w => !w.busy && w.againAtMs <= engine.now() && !current.lines.has(w.name))
    const visits = free.map(w => visit(w, current))
    await new Promise<void>(resolve => {
      void Promise.all(visits).then(() => resolve())
      for (const v of visits) void v.then(() => cosignedSize >= size && resolve())
    })
  }
  function tellAlarm(): void {
    const isMissing = waitingSinceMs !== null && engine.now() - waitingSinceMs > missingMs && !isQuorum(policy, [])
    if (isMissing === isAlarm || stopping) return
    isAlarm = isMissing
    const { missing } = health()
    if (isAlarm) note('witnessQuorumMissing', { since: new Date(waitingSinceMs!).toISOString(), cosignedSize, missing: missing.join(', ') })
    else note('witnessQuorumBack', { cosignedSize })
  }
  const note = (what: string, about: Record<string, string | number>) => void bridge.note(what, about).catch(() => undefined)

  function health(): CosigningHealth {
    const lines = round?.lines ?? new Map()
    return {
      cosignedSize,
      sinceMs: waitingSinceMs,
      isAlarm,
      missing: waitingSinceMs === null ? [] : policy.witnesses.map(w => w.name).filter(name => !lines.has(name)),
      splits: witnesses.flatMap(w => (w.split === null ? [] : [`${w.name}: ${w.split}`])),
    }
  }
  return {
    pass,
    health,
    /** For `/readyz`: a missing quorum is an alarm, but the bridge goes on with its work. */
    check(): { readonly ok: true; readonly detail: string } {
      const h = health()
      const alarm = h.isAlarm ? `ALARM: no quorum since ${new Date(h.sinceMs!).toISOString()}, missing ${h.missing.join(', ')}` : undefined
      const splits = h.splits.map(s => `SPLIT VIEW: ${s}`)
      return { ok: true, detail: [...splits, alarm, `${h.cosignedSize} of ${journal.size()} entries cosigned`].filter(Boolean).join('; ') }
    },
    start(): void {
      if (cosignedSize === 0 && registry.get(cosignedKey) !== undefined) void registry.set(cosignedKey, null).catch(() => undefined)
      void (async () => {
        while (!stopping) {
          await pass().catch(() => undefined)
          await wait(PACE_MS)
        }
      })()
    },
    stop(): void {
      stopping = true
    },
  }
}
export type Cosigning = ReturnType<typeof createCosigning>

function newRound(note: string, size: number): Round {
  const parts = splitNote(note)
  return { note, size, text: typeof parts === 'string' ? '' : parts.text, lines: new Map() }
}
