import { existsSync, readFileSync } from 'node:fs'

/** The version of this package: of the nearest package.json above this file, wherever it was compiled to. */
export function packageVersion(): string {
  for (let at = new URL('.', import.meta.url); at.pathname !== '/'; at = new URL('..', at)) {
    const file = new URL('package.json', at)
    if (existsSync(file)) return (JSON.parse(readFileSync(file, 'utf8')) as { version: string }).version
  }
  return 'unknown'
}
