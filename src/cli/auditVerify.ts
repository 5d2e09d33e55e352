import { parseCheckpoint } from '../audit/checkpoint.ts'
import { type Verifier, verifierFromText } from '../audit/note.ts'
import type { Policy } from '../audit/policy.ts'
import { type AuditResult, type LogReader, verifyLog } from '../audit/verify.ts'
import { checkPack, type PackChecked } from '../operations/evidenceCheck.ts'
import { names, textOf } from '../operations/evidenceFiles.ts'
import { type CheckLine, failed } from '../operations/evidencePack.ts'
import type { Renderer } from '../operations/evidenceReportCheck.ts'
import { unpacked } from '../operations/evidenceZip.ts'

export type VerifyAnswer = {
  readonly ok: boolean
  /** 0: verified; 2: nothing could be verified (no file, no usable key); 3: the log is not what it should be. */
  readonly exitCode: 0 | 2 | 3
  /** For a person, one statement each. */
  readonly lines: readonly string[]
  readonly json: AuditResult | PackChecked | { readonly ok: false; readonly error: string }
}

/**
 * `audit verify`: checks the log in `dbPath` from the file alone. `keyText` is the text of a key file: a vkey, the secret key file or PEM (only
 * the public half is used). `sinceText` is a signed checkpoint that the caller kept. `openReader` comes from the store's adapter.
 */
export async function verifyFile(
  openReader: (path: string) => LogReader,
  dbPath: string,
  keyText: string,
  sinceText?: string,
): Promise<VerifyAnswer> {
  let reader: LogReader
  try {
    reader = openReader(dbPath)
  } catch (error) {
    return unusable(messageOf(error))
  }
  try {
    return await verifyReader(reader, keyText, sinceText)
  } finally {
    reader.close()
  }
}
/** The same of a log that is open; `trusted` is the text of a key file, or keys. */
export async function verifyReader(reader: LogReader, trusted: string | readonly Verifier[], sinceText?: string): Promise<VerifyAnswer> {
  const verifiers = typeof trusted === 'string' ? verifiersFor(headOf(reader), trusted) : trusted
  return typeof verifiers === 'string' ? unusable(verifiers) : answer(await verifyLog(reader, verifiers, sinceText && wholeNote(sinceText)))
}

/** Several vkeys stand one a line, e.g. of a log that has changed its key; one is enough, because rotations lead to all others. A PEM has no name of its own, so it takes the origin that the head claims; a wrong claim then fails as an unknown key. */
function verifiersFor(note: string, keyText: string): readonly Verifier[] | string {
  const origin = parseCheckpoint(note.slice(0, note.lastIndexOf('\n\n') + 1))?.origin ?? 'unnamed'
  try {
    const keys = /-----BEGIN|PRIVATE\+KEY/.test(keyText) ? [keyText] : keyText.split('\n').filter(line => !/^\s*(#|$)/.test(line))
    return (keys.length > 0 ? keys : ['']).map(key => verifierFromText(key, origin))
  } catch (error) {
    return `--key: ${messageOf(error)}`
  }
}

/** '' for an unreadable file, which is reported by the verification itself. */
function headOf(reader: LogReader): string {
  try {
    return reader.head()?.note ?? ''
  } catch {
    return ''
  }
}

/** The same of an evidence pack, which needs nothing but itself. `trusted` is the text of a key file, or a policy. */
export function verifyPack(zip: Uint8Array, trusted: string | Policy, by: Renderer): VerifyAnswer {
  const files = unpacked(zip)
  if (typeof files === 'string') return packAnswer({ ok: false, event: null, lines: [failed('pack', files)] })
  if (typeof trusted !== 'string') return packAnswer(checkPack(files, { policy: trusted }, by))
  const keys = verifiersFor(textOf(files[names.checkpoint] ?? new Uint8Array(0)), trusted)
  return typeof keys === 'string' ? unusable(keys) : packAnswer(checkPack(files, { keys }, by))
}
const resultWords: Record<CheckLine['result'], string> = { ok: 'ok', failed: 'FAILED', notPossible: 'not possible' }
function packAnswer(checked: PackChecked): VerifyAnswer {
  const lines = checked.lines.map(({ what, result, why }) => `${what}: ${resultWords[result]}: ${why}`)
  return { ok: checked.ok, exitCode: checked.ok ? 0 : 3, json: checked, lines }
}

/** Copying often loses the last newline, or brings carriage returns. */
const wholeNote = (text: string): string => `${text.replaceAll('\r\n', '\n').trimEnd()}\n`

function answer(result: AuditResult): VerifyAnswer {
  if (!result.ok) {
    return { ok: false, exitCode: 3, json: result, lines: result.findings.map(f => `${f.code}: ${f.line}`) }
  }
  const { size, root, origin, keyId, rotations, checkedTiles, since } = result
  return {
    ok: true,
    exitCode: 0,
    json: result,
    lines: [
      size === 0 ? 'ok: the log is empty' : `ok: ${size} entries have the root ${root}, signed by ${origin} ${keyId}`,
      ...(rotations === 0
        ? []
        : [`keys: changed ${rotations === 1 ? 'once' : `${rotations} times`}, each time signed by the old and the new one`]),
      `blobs: ${blobsText(result)}`,
      ...(checkedTiles === 0 ? [] : [`tiles: ${checkedTiles} right`]),
      ...(since === null ? [] : [`since: the log extends the checkpoint of ${since} entries`]),
      `not proven: ${result.notProven}`,
    ],
  }
}
/** What was there to be looked at, and what was not. */
function blobsText({ checkedBlobs, absentBlobs, unseenBlobs }: Extract<AuditResult, { ok: true }>): string {
  if (unseenBlobs > 0) return `not looked at: the entries name ${unseenBlobs}, and a folder of tiles has none; verify the database for them`
  if (checkedBlobs + absentBlobs === 0) return 'the entries name none'
  return `${checkedBlobs} right, ${absentBlobs} erased or expired`
}
const unusable = (error: string): VerifyAnswer => ({ ok: false, exitCode: 2, lines: [error], json: { ok: false, error } })
const messageOf = (error: unknown): string => (error instanceof Error ? error.message : String(error))
