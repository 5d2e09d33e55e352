import { existsSync, readdirSync, readFileSync } from 'node:fs'
import { basename, dirname, resolve } from 'node:path'
import { fileURLToPath } from 'node:url'
import { nearest } from '../../src/layers.ts'
import { shipped } from '../model/real.ts'
import { readScenario, ScenarioError } from './read.ts'
import type { Scenario } from './schema.ts'

/** The scenarios that come with the project. */
export const libraryFolder = (): string => fileURLToPath(shipped('scenarios/'))
export type Listed = { readonly name: string; readonly chargers: number; readonly about: string }
export const library = (): Listed[] =>
  readdirSync(libraryFolder())
    .filter(f => f.endsWith('.yaml'))
    .sort()
    .map(file => {
      const { fleet, about } = readScenario(readFileSync(resolve(libraryFolder(), file), 'utf8'), file)
      return { name: basename(file, '.yaml'), chargers: fleet.chargers, about }
    })

/** `folder`: where the files that it names are looked for. */
export type Opened = { readonly scenario: Scenario; readonly name: string; readonly folder: string }
/**
 * A scenario by file, or by its name in the library.
 * @throws ScenarioError
 */
export function openScenario(wanted: string, cwd: string): Opened {
  const own = resolve(libraryFolder(), `${wanted}.yaml`)
  const file = [resolve(cwd, wanted), ...(/^[\w-]+$/.test(wanted) ? [own] : [])].find(f => existsSync(f))
  if (file === undefined) {
    const names = library().map(s => s.name)
    const meant = nearest(wanted, names)
    throw new ScenarioError([`${wanted}: no such file, and not in the library (${meant ? `did you mean ${meant}?` : names.join(', ')})`])
  }
  return {
    scenario: readScenario(textOf(file, wanted), basename(file)),
    name: basename(file).replace(/\.ya?ml$/, ''),
    folder: dirname(file),
  }
}
function textOf(file: string, wanted: string): string {
  try {
    return readFileSync(file, 'utf8')
  } catch (error) {
    throw new ScenarioError([`${wanted}: cannot be read (${(error as NodeJS.ErrnoException).code})`])
  }
}
