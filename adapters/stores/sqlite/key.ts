import {
  chmodSync,
  closeSync,
  existsSync,
  fsyncSync,
  linkSync,
  mkdirSync,
  openSync,
  readFileSync,
  rmSync,
  statSync,
  writeSync,
} from 'node:fs'
import { join } from 'node:path'
import { formatSkey, generateSeed, parseSkey, type Signer } from '../../../src/audit/note.ts'
import { StoreError } from '../error.ts'
import { messageOf } from './db.ts'

export const signingKeyName = 'audit.key'
export const publicKeyName = 'audit.pub'
export const seedKeyName = 'seed.key'

/** `seedKey`: 32 secret bytes from which the seeds of events are made; the journal commits to it, nobody else may know it. */
export type Keys = { readonly signer: Signer; readonly seedKey: Uint8Array }

/**
 * Reads the keys of `dir`, or makes them when `mayCreate` (no journal yet). Secret files have mode 0600; `audit.pub` is for those who verify.
 * A key that others can read could sign another history, so it is refused rather than repaired: nobody knows who has read it.
 * @throws StoreError `key-exposed`, `key-missing`, `key-malformed` (also: the key is of another origin)
 */
export function openKeys(dir: string, origin: string, mayCreate: boolean): Keys {
  mkdirSync(dir, { recursive: true, mode: 0o700 })
  const signingPath = join(dir, signingKeyName)
  const signer = readSigner(
    signingPath,
    readOrMake(signingPath, mayCreate, () => formatSkey(origin, generateSeed())),
  )
  if (signer.verifier.name !== origin) {
    throw new StoreError('key-malformed', `${signingPath} signs for ${signer.verifier.name}, the configuration says ${origin}`, signingPath)
  }
  const publicPath = join(dir, publicKeyName)
  if (!existsSync(publicPath)) {
    writeNew(publicPath, `${signer.verifier.vkey}\n`)
    chmodSync(publicPath, 0o644)
  }
  const seedPath = join(dir, seedKeyName)
  const seedText = readOrMake(seedPath, mayCreate, () => generateSeed().toString('hex'))
  if (!/^[0-9a-f]{64}$/.test(seedText)) throw new StoreError('key-malformed', `${seedPath} does not hold 64 hex digits`, seedPath)
  return { signer, seedKey: new Uint8Array(Buffer.from(seedText, 'hex')) }
}

function readSigner(path: string, text: string): Signer {
  try {
    return parseSkey(text)
  } catch (cause) {
    throw new StoreError('key-malformed', `${path}: ${messageOf(cause)}`, path, cause)
  }
}
function readOrMake(path: string, mayCreate: boolean, make: () => string): string {
  if (!existsSync(path)) {
    if (!mayCreate)
      throw new StoreError(
        'key-missing',
        `there is a journal, but ${path} is missing: restore it, a new key cannot continue this log`,
        path,
      )
    writeNew(path, `${make()}\n`)
  }
  const { mode } = statSync(path)
  if (process.platform !== 'win32' && (mode & 0o077) !== 0) {
    throw new StoreError('key-exposed', `${path} has mode ${(mode & 0o777).toString(8)}: others can read it; it must be 600`, path)
  }
  return readFileSync(path, 'utf8').trim()
}
/** Whole or not at all: written beside, then linked under its name, which fails if another process was first (then that one's key is used). */
function writeNew(path: string, text: string): void {
  const draft = `${path}.${process.pid}.new`
  rmSync(draft, { force: true })
  const file = openSync(draft, 'wx', 0o600)
  try {
    writeSync(file, text)
    fsyncSync(file)
  } finally {
    closeSync(file)
  }
  try {
    linkSync(draft, path)
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== 'EEXIST') throw error
  } finally {
    rmSync(draft)
  }
}
