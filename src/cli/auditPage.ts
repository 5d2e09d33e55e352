import { readFileSync, writeFileSync } from 'node:fs'
import { resolve } from 'node:path'
import { fileURLToPath } from 'node:url'
import { verifierPage } from '../audit/browser/page.ts'
import type { Context } from './context.ts'
import type { ExitCode } from './exit.ts'

/** The page that checks proofs in a browser, made of the modules that this very program runs. */
export const checkPage = (): string =>
  verifierPage(module => readFileSync(fileURLToPath(new URL(`../audit/${module}.js`, import.meta.url)), 'utf8'))

export async function page({ out, cwd }: Context, file = 'check-proof.html'): Promise<ExitCode> {
  writeFileSync(resolve(cwd, file), checkPage())
  out.result({ file }, `${file}: open it in a browser; it needs no connection`)
  return 0
}
