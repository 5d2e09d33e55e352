import { readFileSync, statSync } from 'node:fs'
import { resolve } from 'node:path'
import { ScenarioError } from './read.ts'
import type { Scenario } from './schema.ts'

/** More is no list of events and no table of sessions. */
const MOST_BYTES = 50_000_000

/**
 * A file that a scenario names.
 * @throws ScenarioError where it cannot be read, or is too large
 */
export function readNamed(folder: string, path: string): Buffer {
  const file = resolve(folder, path)
  try {
    const { size } = statSync(file)
    if (size > MOST_BYTES) throw new ScenarioError([`${path}: ${size} bytes are more than the ${MOST_BYTES} that are read`])
    return readFileSync(file)
  } catch (error) {
    if (error instanceof ScenarioError) throw error
    throw new ScenarioError([`${path}: cannot be read (${(error as NodeJS.ErrnoException).code})`])
  }
}

export const filesOf = (one: string | readonly string[]): readonly string[] => (typeof one === 'string' ? [one] : one)
/** Files of events that a scenario names, in its order. */
export const listedFiles = ({ events }: Pick<Scenario, 'events'>): string[] =>
  events.flatMap(e => ('openadr' in e ? filesOf(e.openadr) : 'dfs' in e ? filesOf(e.dfs) : []))
