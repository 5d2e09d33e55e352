import { Worker } from 'node:worker_threads'
import { ScenarioError } from '../scenario/read.ts'
import { type Result, resultOf, type Task } from './result.ts'
import type { Setting } from './settings.ts'

/** Plays runs: `count` at a time. */
export type Players = { readonly count: number; play(task: Task): Promise<Result>; close(): Promise<void> }

/** In this thread, one after another. */
export const oneHere = (settings: readonly Setting[]): Players => ({
  count: 1,
  play: task => resultOf(task, settings[task.setting]!.name),
  close: async () => {},
})

/** `faults`: it is the scenario that cannot be played so. */
type Answer = { readonly result: Result } | { readonly failed: string; readonly faults?: readonly string[] | null }

/** A thread each. A thread that dies takes its run with it, and says which. Runs as it is compiled: a thread cannot load TypeScript. */
export function threads(
  count: number,
  settings: readonly Setting[],
  folder: string,
  file: URL = new URL('./worker.js', import.meta.url),
): Players {
  const workerData = { scenarios: settings.map(s => s.scenario), names: settings.map(s => s.name), folder }
  const all = Array.from({ length: count }, () => new Worker(file, { workerData }))
  const idle = [...all]
  return {
    count,
    play: ({ of, setting, seed }) =>
      new Promise((resolve, reject) => {
        const worker = idle.pop()
        if (worker === undefined) return reject(new Error('all threads are busy'))
        const what = `${settings[setting]!.name}, seed ${seed}`
        const end = () => {
          worker.off('message', heard)
          worker.off('error', failed)
          worker.off('exit', gone)
        }
        const heard = (answer: Answer) => {
          end()
          idle.push(worker)
          if ('result' in answer) resolve(answer.result)
          else if (answer.faults) reject(new ScenarioError(answer.faults.map(fault => `${what}: ${fault}`)))
          else reject(new Error(`${what}: ${answer.failed}`))
        }
        const failed = (error: Error) => {
          end()
          reject(new Error(`${what}: ${error.message}`))
        }
        const gone = (code: number) => {
          end()
          reject(new Error(`${what}: its thread ended with ${code}`))
        }
        worker.on('message', heard)
        worker.on('error', failed)
        worker.on('exit', gone)
        worker.postMessage({ of, setting, seed })
      }),
    close: async () => void (await Promise.all(all.map(w => w.terminate()))),
  }
}
