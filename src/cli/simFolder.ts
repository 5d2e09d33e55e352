import { existsSync, mkdirSync, readFileSync, rmSync } from 'node:fs'
import { basename, join } from 'node:path'
import type { OutputFiles } from '../../simulations/output/files.ts'
import { Fault } from './exit.ts'
import { writeFiles } from './sim.ts'

const kinds = {
  'gridbridge-sim-run-1': 'a run',
  'gridbridge-sim-sweep-1': 'a sweep',
  'gridbridge-sim-replay-1': 'a replay',
} as const
type Format = keyof typeof kinds
type Manifest = { readonly format?: unknown; readonly files?: Readonly<Record<string, string>> }

/** Before hours are spent: the folder can be written, and what it has, if anything, is of the same kind. @throws Fault */
export function folderFor(dir: string, format: Format): void {
  try {
    mkdirSync(dir, { recursive: true })
  } catch (error) {
    throw new Fault(1, 'GB-1282', `cannot write into ${dir} (${(error as NodeJS.ErrnoException).code})`, 'choose another folder with --out')
  }
  const before = manifestIn(dir)?.format ?? (existsSync(join(dir, 'results.jsonl')) ? 'gridbridge-sim-sweep-1' : format)
  if (before === format) return
  const has = typeof before === 'string' && before in kinds ? kinds[before as Format] : 'something else'
  throw new Fault(2, 'GB-1282', `${dir} has ${has}, and ${kinds[format]} would be written over it`, 'choose another folder with --out')
}
/** Takes away what an earlier result left there and this one does not write: it would pass for a part of this. */
export function writeResult(dir: string, files: OutputFiles): void {
  for (const name of Object.keys(manifestIn(dir)?.files ?? {}))
    if (name === basename(name) && !files.has(name)) rmSync(join(dir, name), { force: true })
  writeFiles(dir, files)
}
function manifestIn(dir: string): Manifest | undefined {
  try {
    return (JSON.parse(readFileSync(join(dir, 'manifest.json'), 'utf8')) as Manifest | null) ?? undefined
  } catch {
    return undefined
  }
}
