import { existsSync, readdirSync, readFileSync, rmSync, statSync } from 'node:fs'
import { join, resolve } from 'node:path'
import { closeLog, logReader, maintenance, readConfig } from '../main.ts'
import { type VerifyAnswer, verifyFile } from './auditVerify.ts'
import type { Context } from './context.ts'
import { type ExitCode, Fault } from './exit.ts'
import type { Output } from './output.ts'

const DATABASE = 'gridbridge.db'
const PUBLIC_KEY = 'audit.pub'
const stamp = (ms: number): string => new Date(ms).toISOString().replaceAll(/[-:]|\.\d+/g, '')
const backupName = /^gridbridge-\d{8}T\d{6}Z$/

/**
 * A backup in a folder of its own under `folder`, named after the moment (UTC), and verified before it counts. With `--keep` those that are older are
 * removed: that is the age up to which a backup can still have somebody who was erased.
 */
export async function backup(context: Context<{ withKeys?: boolean; keep?: number }>, folder: string): Promise<ExitCode> {
  const { out, options, env, cwd } = context
  const { config } = readConfig({ file: options.config, env, cwd })
  const dir = resolve(cwd, config.dataDir)
  const nowMs = Date.now()
  const { backUp, rememberCopy } = await maintenance()
  const done = backUp(dir, join(resolve(cwd, folder), `gridbridge-${stamp(nowMs)}`), options.withKeys ?? false)
  const untilMs = options.keep === undefined ? null : nowMs + options.keep * 1000
  remembered(out, () => rememberCopy(dir, { kind: 'backup', path: done.dir, madeMs: nowMs, untilMs }))
  const answer = await verified(done.dir)
  if (!answer.ok)
    throw new Fault(
      3,
      'GB-1292',
      `the copy in ${done.dir} does not verify: ${answer.lines.join('; ')}`,
      'verify the log itself: gridbridge audit verify',
    )
  const removed = options.keep === undefined ? [] : removeOlder(resolve(cwd, folder), nowMs - options.keep * 1000)
  out.result(
    { ...done, removed },
    [
      `${done.dir}: ${done.size} entries, ${done.bytes} bytes, verified`,
      done.keys
        ? 'with the secret keys: whoever has it can sign in your name'
        : 'without the secret keys: keep audit.key and seed.key apart',
      ...(removed.length > 0 ? [`removed ${removed.length} older`] : []),
    ].join('\n'),
  )
  return 0
}
/** An erasure names what is remembered. A copy is one all the same. */
function remembered({ note }: Pick<Output, 'note'>, remember: () => void): void {
  try {
    remember()
  } catch (error) {
    note(`not remembered, so an erasure will not name it: ${error instanceof Error ? error.message : String(error)}`)
  }
}
const verified = async (dir: string, key = join(dir, PUBLIC_KEY), since?: string): Promise<VerifyAnswer> =>
  verifyFile(await logReader(), join(dir, DATABASE), readFileSync(key, 'utf8'), since)

function removeOlder(folder: string, beforeMs: number): string[] {
  const old = readdirSync(folder).filter(name => backupName.test(name) && statSync(join(folder, name)).mtimeMs < beforeMs)
  for (const name of old) rmSync(join(folder, name), { recursive: true })
  return old
}

/**
 * Puts a backup in the place of the data folder, whose bridge is stopped. The backup must verify with the key that is known, extend every checkpoint
 * that is (`--since`, and the log that is there), and have everything that is there.
 */
export async function restore(context: Context<{ since?: string; key?: string }>, from: string): Promise<ExitCode> {
  const { out, options, env, cwd } = context
  const { config } = readConfig({ file: options.config, env, cwd })
  const [dir, source] = [resolve(cwd, config.dataDir), resolve(cwd, from)]
  if (!existsSync(join(source, DATABASE)))
    throw new Fault(5, 'GB-1293', `${source} is no backup: it has no ${DATABASE}`, 'name the folder that gridbridge backup made')
  const ownKey = [options.key && resolve(cwd, options.key), join(dir, PUBLIC_KEY), join(source, PUBLIC_KEY)].find(
    k => k !== undefined && existsSync(k),
  )
  if (ownKey === undefined) throw new Fault(2, 'GB-1294', 'there is no public key to verify the backup with', 'name it: --key FILE')
  const { holdFolder, restoreFrom, headOf } = await maintenance()
  const release = holdFolder(dir)
  try {
    const known = [options.since && readFileSync(resolve(cwd, options.since), 'utf8'), noteIn(join(dir, DATABASE), headOf)].filter(
      n => n !== undefined && n !== '',
    )
    for (const since of known.length === 0 ? [undefined] : known) {
      const answer = await verified(source, ownKey, since)
      if (!answer.ok)
        throw new Fault(
          3,
          'GB-1295',
          `the backup is refused: ${answer.lines.join('; ')}`,
          'see docs/guides/backup-and-restore.md; nothing was changed',
        )
    }
    const done = restoreFrom(source, dir, `replaced-${stamp(Date.now())}`)
    out.result(
      done,
      [
        `restored ${done.size} entries to ${dir}`,
        ...(done.replaced === null ? [] : [`what was there is now ${done.replaced}: remove it when all is well`]),
        ...(existsSync(join(dir, 'audit.key')) || config.keys.signingSecret || config.keys.signingCommand
          ? []
          : ['audit.key and seed.key are still missing: put them back before the start']),
        'Compare with what your witnesses have before you start: gridbridge audit verify --since',
      ].join('\n'),
    )
  } finally {
    release()
  }
  return 0
}
/** The signed head of a log that can still be read. */
function noteIn(path: string, headOf: (path: string) => { note: string }): string | undefined {
  try {
    return existsSync(path) ? headOf(path).note : undefined
  } catch {
    return undefined
  }
}

/** Ends the log and begins the next, so that the old one can be kept apart and one day be deleted as a whole. The bridge is stopped. */
export async function close(context: Context<{ next: string; archive: string }>): Promise<ExitCode> {
  const { out, options, env, cwd } = context
  const { config } = readConfig({ file: options.config, env, cwd })
  if (options.next === config.origin)
    throw new Fault(2, 'GB-1296', 'the next log needs a name of its own', 'e.g. --next dsr.example/log-2027')
  if (config.keys.signingSecret !== undefined || config.keys.signingCommand !== undefined)
    throw new Fault(2, 'GB-1297', 'the key comes from outside the data folder', 'take it into audit.key for this, and out again afterwards')
  const dir = resolve(cwd, config.dataDir)
  const release = (await maintenance()).holdFolder(dir)
  try {
    const nowMs = Date.now()
    const folder = join(resolve(cwd, options.archive), `log-${stamp(nowMs)}`)
    const done = await closeLog(config, dir, options.next, folder, nowMs).catch((error: Error) => {
      throw error.name === 'Error' && 'events' in error
        ? new Fault(5, 'GB-1298', error.message, 'close the log when they are verified')
        : error
    })
    const { rememberCopy } = await maintenance()
    remembered(out, () => rememberCopy(dir, { kind: 'archive', path: done.archive, madeMs: nowMs, untilMs: null }))
    out.result(
      done,
      [
        `closed with ${done.final.size} entries: ${done.archive} (verify it there with its audit.pub)`,
        `the next log is ${done.origin}`,
        `  ${done.vkey}`,
        `Set  origin: ${done.origin}  in the configuration before the start, and give the new audit.pub to everybody who verifies.`,
      ].join('\n'),
    )
  } finally {
    release()
  }
  return 0
}
