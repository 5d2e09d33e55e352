import { closeSync, openSync, readFileSync, readSync } from 'node:fs'
import { resolve } from 'node:path'
import { atOnce } from '../audit/crypto.ts'
import { sameHash } from '../audit/merkle.ts'
import type { Policy } from '../audit/policy.ts'
import { rootAt } from '../audit/prove.ts'
import { accepts } from '../audit/tlogProof.ts'
import type { LogReader } from '../audit/verify.ts'
import { isZip } from '../operations/evidenceCheck.ts'
import { chartLibrary } from '../report/library.ts'
import { packageVersion } from '../version.ts'
import { defaultDb, openLog, trusted } from './auditLog.ts'
import { type VerifyAnswer, verifyPack, verifyReader } from './auditVerify.ts'
import type { Context } from './context.ts'
import { type ExitCode, Fault } from './exit.ts'

type Options = { key?: string; policy?: string; since?: string }

/** Recomputes the log from its file, or from an exported folder; or checks an evidence pack. Exit 3 and a clear line for each thing that is wrong. */
export async function verify(context: Context<Options>, db = defaultDb): Promise<ExitCode> {
  const { out, options, cwd } = context
  const sinceText = options.since === undefined ? undefined : readText(cwd, options.since, '--since')
  const policy = options.policy === undefined ? undefined : trusted(context)
  const keyText = policy === undefined ? readText(cwd, keyFile(options), '--key') : undefined
  const pack = zipIn(resolve(cwd, db))
  if (pack) {
    const answer = verifyPack(pack, keyText ?? policy!, { version: packageVersion(), library: chartLibrary() })
    if (answer.exitCode === 2) throw new Fault(2, 'GB-1211', answer.lines.join('; '), 'give the public key of the log (audit.pub)')
    out.result({ ...answer.json }, answer.lines.join('\n'))
    return answer.exitCode
  }
  const reader = await openLog(resolve(cwd, db))
  try {
    const answer = await verifyReader(reader, keyText ?? policy!.logs.map(l => l.key), sinceText)
    if (answer.exitCode === 2)
      throw new Fault(2, 'GB-1210', answer.lines.join('; '), 'name the journal file and the public key of its log (audit.pub)')
    const { ok, lines, witnesses } =
      policy === undefined || !answer.ok ? { ...answer, witnesses: undefined } : await witnessed(reader, policy, answer)
    out.result({ ...answer.json, ok, ...(witnesses && { witnesses }) }, lines.join('\n'))
    return ok ? 0 : 3
  } finally {
    reader.close()
  }
}

/** The bytes of an evidence pack; undefined for whatever is none. */
function zipIn(path: string): Buffer | undefined {
  let file: number | undefined
  try {
    file = openSync(path, 'r')
    const head = Buffer.alloc(4)
    readSync(file, head, 0, 4, 0)
    return isZip(head) ? readFileSync(path) : undefined
  } catch {
    // whoever opens it as a log says what is wrong
    return undefined
  } finally {
    if (file !== undefined) closeSync(file)
  }
}

/** A log that holds in itself may still be one of two: have the witnesses seen this one? */
async function witnessed(reader: LogReader, policy: Policy, { lines }: VerifyAnswer) {
  const note = reader.cosigned?.() ?? reader.head()?.note ?? ''
  const accepted = atOnce(accepts(note, policy))
  if (!accepted.ok) return { ok: false, lines: [`not-witnessed: ${accepted.why}`, ...lines], witnesses: accepted }
  const { checkpoint, witnesses } = accepted
  const isOurs = checkpoint.size === 0 || (reader.tile !== undefined && (await hasRoot(reader as Required<LogReader>, checkpoint)))
  if (!isOurs) {
    const line = `split-view: the witnesses have seen another tree of ${checkpoint.size} entries: this is a fork or a rewritten history`
    return { ok: false, lines: [line, ...lines], witnesses: accepted }
  }
  const seen = witnesses.map(w => `${w.name} at ${new Date(w.atS * 1000).toISOString()}`).join(', ')
  return {
    ok: true,
    lines: [...lines, `witnessed: the first ${checkpoint.size} entries, by ${seen || 'nobody, as the policy says'}`],
    witnesses,
  }
}
async function hasRoot(reader: Required<LogReader>, { size, root }: { size: number; root: Uint8Array }): Promise<boolean> {
  const head = reader.head()
  return head !== undefined && size <= head.size && sameHash(await rootAt(reader, size), root)
}

function keyFile({ key }: Options): string {
  if (key === undefined) throw new Fault(2, 'GB-1211', 'whom to trust is not said', 'give --key audit.pub, or --policy FILE')
  return key
}
/** A file of its own error, so that a missing key is never taken for a broken log. */
function readText(cwd: string, file: string, flag: string): string {
  try {
    return readFileSync(resolve(cwd, file), 'utf8')
  } catch (error) {
    throw new Fault(2, 'GB-1211', `${flag}: cannot read ${file} (${(error as NodeJS.ErrnoException).code})`, 'name a file that exists')
  }
}
