import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { verifyFile } from './auditVerify.ts'
import { ownCommand, quoted } from './ownCommand.ts'

/** What is left when a demo's bridge has stopped: its log, read from its file and verified. */
export type Proof = {
  readonly checkpoint: string
  readonly log: { readonly ok: boolean; readonly lines: readonly string[] }
  /** How to verify it without us, and how to make a report and an evidence pack of its event. */
  readonly command: string
  readonly report: string
  readonly evidence: string
}

/** A demo has one event. */
const EVENT = 0

export async function proofOf(dir: string, cwd: string): Promise<Proof> {
  const { logReader } = await import('../main.ts')
  const openReader = await logReader()
  const db = join(dir, 'gridbridge.db')
  const key = join(dir, 'audit.pub')
  const answer = await verifyFile(openReader, db, readFileSync(key, 'utf8'))
  const reader = openReader(db)
  const checkpoint = reader.head()?.note ?? ''
  reader.close()
  return {
    checkpoint,
    log: { ok: answer.ok, lines: answer.lines },
    command: `${ownCommand(cwd)} audit verify ${quoted(db)} --key ${quoted(key)}`,
    report: `${ownCommand(cwd)} report ${EVENT} --db ${quoted(db)} --out ${quoted(join(dir, 'report'))}`,
    evidence: `${ownCommand(cwd)} audit export ${EVENT} --db ${quoted(db)} --out ${quoted(join(dir, 'evidence.zip'))}`,
  }
}

/** Pure. */
export const proofText = ({ checkpoint, log, command, report, evidence }: Proof): string[] => [
  'Checkpoint of the log (keep it: a later log must extend it)',
  ...checkpoint
    .trimEnd()
    .split('\n')
    .map(l => `  ${l}`.trimEnd()),
  '',
  log.ok ? 'The log was verified from its file:' : '▲ THE LOG DOES NOT VERIFY:',
  ...log.lines.map(l => `  ${l}`),
  'Verify it yourself:',
  `  ${command}`,
  'A report of the event, to open in a browser:',
  `  ${report}`,
  'Its evidence as one file, for somebody who does not trust you, once its announced end is past:',
  `  ${evidence}`,
]
