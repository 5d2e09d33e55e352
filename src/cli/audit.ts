import { readFileSync } from 'node:fs'
import { resolve } from 'node:path'
import { logReader } from '../main.ts'
import { verifyFile } from './auditVerify.ts'
import type { Context } from './context.ts'
import { type ExitCode, Fault } from './exit.ts'

/** Recomputes the log from its file. Exit 3 and a clear line for each thing that is wrong. */
export async function verify(context: Context<{ key: string; since?: string }>, db = 'gridbridge-data/gridbridge.db'): Promise<ExitCode> {
  const { out, options, cwd } = context
  const keyText = readText(cwd, options.key, '--key')
  const sinceText = options.since === undefined ? undefined : readText(cwd, options.since, '--since')
  const answer = await verifyFile(await logReader(), resolve(cwd, db), keyText, sinceText)
  if (answer.exitCode === 2)
    throw new Fault(2, 'GB-1210', answer.lines.join('; '), 'name the journal file and the public key of its log (audit.pub)')
  out.result(answer.json, answer.lines.join('\n'))
  return answer.exitCode
}

/** A file of its own error, so that a missing key is never taken for a broken log. */
function readText(cwd: string, file: string, flag: string): string {
  try {
    return readFileSync(resolve(cwd, file), 'utf8')
  } catch (error) {
    throw new Fault(2, 'GB-1211', `${flag}: cannot read ${file} (${(error as NodeJS.ErrnoException).code})`, 'name a file that exists')
  }
}
