import { createHash } from 'node:crypto'
import { existsSync, mkdirSync, readFileSync, statSync } from 'node:fs'
import { join } from 'node:path'
import { type Cosigner, formatCosignerSkey, generateSeed, parseCosignerSkey } from '../audit/note.ts'
import type { WitnessStore } from '../audit/witness.ts'
import { Fault } from './exit.ts'
import { writeWhole } from './wholeFile.ts'

/**
 * What a witness remembers, a file per log: the newest checkpoint that it cosigned, as it can be handed to `audit verify --since`. Written beside, fsynced
 * and renamed, so that after a crash there is the old one or the new one. Splits are kept for ever, each as a file; of what was not shown to extend the log
 * only the newest, because anybody can send such.
 */
export function fileStore(dir: string, say: (line: string) => void): WitnessStore {
  const idOf = (text: string) => createHash('sha256').update(text).digest('hex').slice(0, 16)
  const fileOf = (origin: string) => join(dir, `${idOf(origin)}.checkpoint`)
  return {
    async held(origin) {
      const path = fileOf(origin)
      return existsSync(path) ? readFileSync(path, 'utf8') : undefined
    },
    async keep(origin, note) {
      writeWhole(fileOf(origin), note)
    },
    async suspect({ origin, why, held, offered, isSplit }) {
      const path = join(dir, isSplit ? `split-${idOf(held + offered)}.txt` : `unproven-${idOf(origin)}.txt`)
      if (!isSplit || !existsSync(path)) writeWhole(path, `${origin}: ${why}\n\nheld:\n${held}\noffered:\n${offered}`)
      say(`${isSplit ? 'SPLIT VIEW' : 'REFUSED'} ${origin}: ${why}; both checkpoints are in ${path}`)
    },
  }
}

const defaultName = 'witness.invalid/gridbridge'
/**
 * The key of a witness, made on its first start (mode 0600); its public half is written beside it. `name`: undefined for the one that it has.
 * @throws AuditError, Error where others can read it, Fault where it has another name: whoever has it in a policy knows it by that
 */
export function witnessKey(dir: string, name: string | undefined): Cosigner {
  mkdirSync(dir, { recursive: true, mode: 0o700 })
  const path = join(dir, 'witness.key')
  if (!existsSync(path)) writeWhole(path, `${formatCosignerSkey(name ?? defaultName, generateSeed())}\n`, 0o600)
  const { mode } = statSync(path)
  if (process.platform !== 'win32' && (mode & 0o077) !== 0)
    throw new Error(`${path} has mode ${(mode & 0o777).toString(8)}: others can read it; it must be 600`)
  const cosigner = parseCosignerSkey(readFileSync(path, 'utf8'))
  const own = cosigner.verifier.name
  if (name !== undefined && name !== own)
    throw new Fault(
      2,
      'GB-1212',
      `--name ${name}: the key in ${dir} has the name ${own}`,
      'leave --name out, or give another witness a --dir of its own',
    )
  writeWhole(join(dir, 'witness.pub'), `${cosigner.verifier.vkey}\n`)
  return cosigner
}
