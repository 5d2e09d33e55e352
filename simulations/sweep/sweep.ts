import type { Players } from './players.ts'
import { type Result, type Task, taskKey } from './result.ts'
import type { Setting } from './settings.ts'

export type Sweep = {
  readonly settings: readonly Setting[]
  readonly seeds: readonly number[]
  readonly folder: string
  readonly version: string
}
/** Where results are kept as they come. */
export type Kept = { readonly known: readonly Result[]; keep(result: Result): void }

/** By seed and then by setting, so that what is there after an interruption can be compared. */
export function tasksOf({ settings, seeds, folder, version }: Sweep): Task[] {
  const keys = settings.map(s => taskKey(s.scenario, folder, version))
  return seeds.flatMap(seed => settings.map(({ scenario }, setting) => ({ of: keys[setting]!, setting, seed, scenario, folder })))
}
export type Progress = (done: number, all: number, before: number) => void

/**
 * Plays what is not known yet and gives all results in the order of `tasksOf`, whichever came first. The same seed is the same cars, faults and meters under each setting
 * (common random numbers). Whatever `stopped` says while it runs ends it after the runs that are on; undefined then.
 * @throws the error of a run that could not be played
 */
export async function sweep(
  of: Sweep,
  players: Players,
  { known, keep }: Kept,
  { onProgress = () => {}, isStopped = () => false }: { onProgress?: Progress; isStopped?: () => boolean } = {},
): Promise<Result[] | undefined> {
  const tasks = tasksOf(of)
  const name = (task: Task): string => `${task.of} ${task.seed}`
  const results = new Map(known.map(r => [`${r.of} ${r.seed}`, r]))
  const open = tasks.filter(task => !results.has(name(task)))
  const before = tasks.length - open.length
  let next = 0
  let done = before
  async function player(): Promise<void> {
    while (next < open.length && !isStopped()) {
      const task = open[next++]!
      const result = await players.play(task)
      keep(result)
      results.set(name(task), result)
      onProgress(++done, tasks.length, before)
    }
  }
  await Promise.all(Array.from({ length: players.count }, player))
  if (done < tasks.length) return undefined
  // known under another name of the same setting
  return tasks.map(task => ({ ...results.get(name(task))!, setting: of.settings[task.setting]!.name }))
}
