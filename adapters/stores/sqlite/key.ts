import {
  chmodSync,
  closeSync,
  existsSync,
  fsyncSync,
  linkSync,
  mkdirSync,
  openSync,
  readFileSync,
  renameSync,
  rmSync,
  statSync,
  writeSync,
} from 'node:fs'
import { join } from 'node:path'
import { formatSkey, generateSeed, parseSkey, type Signer, type Verifier } from '../../../src/audit/note.ts'
import { StoreError } from '../error.ts'
import { messageOf } from './db.ts'

export const signingKeyName = 'audit.key'
export const publicKeyName = 'audit.pub'
export const seedKeyName = 'seed.key'

/** Secrets that come from elsewhere (environment, a key store) instead of from a file of the folder. `signing` is as `audit.key`, `seed` as `seed.key`. */
export type GivenSecrets = { readonly signing?: string | undefined; readonly seed?: string | undefined }

/** `seedKey`: 32 secret bytes from which the seeds of events are made; the journal commits to it, nobody else may know it. */
export type Keys = { readonly signer: Signer; readonly seedKey: Uint8Array }

/**
 * Reads the keys of `dir`, or makes them when `mayCreate` (no journal yet). Secret files have mode 0600; `audit.pub` is for those who verify.
 * A key that others can read could sign another history, so it is refused rather than repaired: nobody knows who has read it.
 * @throws StoreError `key-exposed`, `key-missing`, `key-malformed` (also: the key is of another origin)
 */
export function openKeys(dir: string, origin: string, mayCreate: boolean, given: GivenSecrets = {}): Keys {
  mkdirSync(dir, { recursive: true, mode: 0o700 })
  const signingPath = given.signing === undefined ? join(dir, signingKeyName) : 'the configured key'
  const signer = readSigner(signingPath, given.signing ?? readOrMake(signingPath, mayCreate, () => formatSkey(origin, generateSeed())))
  if (signer.verifier.name !== origin) {
    throw new StoreError('key-malformed', `${signingPath} signs for ${signer.verifier.name}, the configuration says ${origin}`, signingPath)
  }
  publish(dir, signer.verifier)
  const seedPath = given.seed === undefined ? join(dir, seedKeyName) : 'the configured seed secret'
  const seedText = given.seed ?? readOrMake(seedPath, mayCreate, () => generateSeed().toString('hex'))
  if (!/^[0-9a-f]{64}$/.test(seedText)) throw new StoreError('key-malformed', `${seedPath} does not hold 64 hex digits`, seedPath)
  return { signer, seedKey: new Uint8Array(Buffer.from(seedText, 'hex')) }
}

/** `audit.pub` is the key in force; one that was is kept beside it under its id, for those who verify what it signed. */
export function publish(dir: string, { vkey, keyId }: Verifier): void {
  const path = join(dir, publicKeyName)
  const former = existsSync(path) ? readFileSync(path, 'utf8').trim() : vkey
  if (former !== vkey) renameSync(path, `${path}.${/\+([0-9a-f]{8})\+/.exec(former)?.[1] ?? `before-${keyId}`}`)
  if (existsSync(path)) return
  writeNew(path, `${vkey}\n`)
  chmodSync(path, 0o644)
}

export function readSigner(path: string, text: string): Signer {
  try {
    return parseSkey(text)
  } catch (cause) {
    throw new StoreError('key-malformed', `${path}: ${messageOf(cause)}`, path, cause)
  }
}
export function readOrMake(path: string, mayCreate: boolean, make: () => string): string {
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
export function writeNew(path: string, text: string): void {
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
