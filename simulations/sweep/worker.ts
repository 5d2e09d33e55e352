import { parentPort, workerData } from 'node:worker_threads'
import { ScenarioError } from '../scenario/read.ts'
import type { Scenario } from '../scenario/schema.ts'
import { resultOf } from './result.ts'

/** Plays what it is handed, one run after another. The scenarios come once, with the start. */
type Handed = { readonly of: string; readonly setting: number; readonly seed: number }
const { scenarios, names, folder } = workerData as { scenarios: Scenario[]; names: string[]; folder: string }

parentPort?.on('message', async ({ of, setting, seed }: Handed) => {
  try {
    parentPort!.postMessage({ result: await resultOf({ of, seed, scenario: scenarios[setting]!, folder }, names[setting]!) })
  } catch (error) {
    const failed = error instanceof Error ? (error.stack ?? error.message) : String(error)
    parentPort!.postMessage({ failed, faults: error instanceof ScenarioError ? error.faults : null })
  }
})
