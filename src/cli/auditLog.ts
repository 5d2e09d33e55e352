import { readFileSync, writeFileSync } from 'node:fs'
import { resolve } from 'node:path'
import { toHex } from '../audit/bytes.ts'
import { atOnce } from '../audit/crypto.ts'
import { checkpointIn, entryProof, type Log } from '../audit/log.ts'
import { leafHash } from '../audit/merkle.ts'
import { verifierFromText } from '../audit/note.ts'
import { logAlone, type Policy, policyOf } from '../audit/policy.ts'
import { type Proven, parseProof, proves } from '../audit/tlogProof.ts'
import type { LogReader } from '../audit/verify.ts'
import { logReader } from '../main.ts'
import type { Context } from './context.ts'
import { type ExitCode, Fault } from './exit.ts'
import { directoryReader, exportLog, isLogDirectory } from './logDirectory.ts'

export const defaultDb = 'gridbridge-data/gridbridge.db'

/** A log from the file of a bridge, or from an exported folder. */
export async function openLog(path: string): Promise<LogReader> {
  try {
    return isLogDirectory(path) ? directoryReader(path) : (await logReader())(path)
  } catch (error) {
    throw new Fault(2, 'GB-1210', (error as Error).message, 'name the journal file, or a folder that audit export-log has written')
  }
}
/** What proofs and files are made from; a file from before there were tiles cannot give any. */
function viewOf(reader: LogReader, path: string): Log {
  const head = reader.head()
  const { tile } = reader
  if (head === undefined || tile === undefined)
    throw new Fault(2, 'GB-1210', `${path} has no tiles: it is of an earlier release`, 'start the bridge on it once, which makes them')
  return {
    size: head.size,
    checkpoints: [...new Set([reader.cosigned?.(), head.note])].filter(note => note !== undefined && note !== '') as string[],
    tile,
    async entries(from, to) {
      const entries: Uint8Array[] = []
      for await (const chunk of reader.entries(from, to)) entries.push(...chunk.map(entry => entry.body))
      return entries
    },
  }
}
async function withLog<T>(path: string, work: (log: Log, reader: LogReader) => Promise<T>): Promise<T> {
  const reader = await openLog(path)
  try {
    return await work(viewOf(reader, path), reader)
  } finally {
    reader.close()
  }
}

/** Writes the log as a folder of tiles and bundles, under its cosigned checkpoint where there is one. */
export async function exportFolder({ out, options, cwd }: Context<{ newest?: boolean }>, dir: string, db = defaultDb): Promise<ExitCode> {
  const written = await withLog(resolve(cwd, db), async (log, reader) => {
    const note = options.newest ? reader.head()?.note : log.checkpoints[0]
    if (!note) throw new Fault(5, 'GB-1214', 'the log is empty: there is nothing to export')
    return exportLog(log, note, resolve(cwd, dir))
  })
  out.result({ dir, ...written }, `${written.size} entries in ${dir}: ${written.files} files written, by the names of C2SP tlog-tiles`)
  return 0
}

/** Writes an entry and the proof that it is in the log. `what` is its number, or its leaf hash in hex. */
export async function prove({ out, options, cwd }: Context<{ out?: string }>, what: string, db = defaultDb): Promise<ExitCode> {
  const { index, size, entry, file } = await withLog(resolve(cwd, db), async (log, reader) => {
    const index = /^\d{1,15}$/.test(what) ? Number(what) : await indexOf(reader, what)
    const proof = await entryProof(log, index)
    if (proof === undefined) throw new Fault(5, 'GB-1214', `the log has ${log.size} entries, numbered from 0: none is ${index}`)
    return proof
  })
  const name = options.out ?? `entry-${index}`
  writeFileSync(resolve(cwd, `${name}.json`), entry)
  writeFileSync(resolve(cwd, `${name}.tlog-proof`), file)
  out.result(
    { index, size, entry: `${name}.json`, proof: `${name}.tlog-proof` },
    [
      `entry ${index} of ${size}: ${name}.json, proven by ${name}.tlog-proof`,
      `  check it anywhere: gridbridge audit check ${name}.tlog-proof ${name}.json --key audit.pub`,
    ].join('\n'),
  )
  return 0
}
async function indexOf(reader: LogReader, hash: string): Promise<number> {
  if (!/^[0-9a-f]{64}$/.test(hash)) throw new Fault(2, 'GB-1214', `${hash} is neither the number of an entry nor a leaf hash in hex`)
  for await (const chunk of reader.entries()) {
    const found = chunk.find(entry => toHex(leafHash(entry.body)) === hash)
    if (found) return found.seq
  }
  throw new Fault(5, 'GB-1214', `no entry of the log has the leaf hash ${hash}`)
}

/** Checks a proof offline: exit 0 if the entry was logged as the policy demands, 3 if not. */
export async function check(context: Context<{ key?: string; policy?: string }>, proofFile: string, entryFile: string): Promise<ExitCode> {
  const { out, cwd } = context
  const proof = readBytes(cwd, proofFile).toString('utf8')
  const parsed = parseProof(proof)
  const origin = typeof parsed === 'string' ? undefined : checkpointIn(parsed.checkpoint)?.origin
  const result = atOnce(proves(proof, readBytes(cwd, entryFile), trusted(context, origin)))
  out.result(result, provenText(result))
  return result.ok ? 0 : 3
}
export function provenText(result: Proven): string {
  if (!result.ok) return `not proven: ${result.why}`
  const { index, checkpoint, log, witnesses } = result
  const seen = witnesses.map(w => `${w.name} at ${new Date(w.atS * 1000).toISOString()}`)
  return [
    `ok: this is entry ${index} of ${checkpoint.size} in ${log}`,
    seen.length > 0 ? `witnesses: ${seen.join(', ')}` : 'witnesses: none asked for; the log alone says so',
  ].join('\n')
}

/** Whom the caller trusts: `--policy FILE`, or `--key FILE` alone. */
export function trusted({ options, cwd }: Pick<Context<{ key?: string; policy?: string }>, 'options' | 'cwd'>, origin = 'unnamed'): Policy {
  const flag = options.policy === undefined ? '--key' : '--policy'
  const file = options.policy ?? options.key
  if (file === undefined) throw new Fault(2, 'GB-1211', 'whom to trust is not said', 'give --key audit.pub, or --policy FILE')
  const text = readBytes(cwd, file).toString('utf8')
  try {
    return options.policy === undefined ? logAlone(verifierFromText(text, origin)) : atOnce(policyOf(text))
  } catch (error) {
    throw new Fault(2, 'GB-1211', `${flag}: ${file}: ${(error as Error).message}`, 'a vkey as in audit.pub, or a policy (C2SP tlog-policy)')
  }
}
function readBytes(cwd: string, file: string): Buffer {
  try {
    return readFileSync(resolve(cwd, file))
  } catch (error) {
    throw new Fault(2, 'GB-1211', `cannot read ${file} (${(error as NodeJS.ErrnoException).code})`, 'name a file that exists')
  }
}
