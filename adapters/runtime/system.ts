import { randomBytes } from 'node:crypto'
import type { Instant } from '../../src/core/model.ts'
import type { Runtime } from '../../src/ports.ts'

/** Node's timers wrap after 24.8 days; looking again each minute also notices a wall clock that was stepped or a machine that slept. */
const longestWaitMs = 60_000

/** The wall clock, Node's timers and the system's randomness. `close` forgets all jobs, so that the process can end. */
export function createSystemRuntime(
  /** Gets the error of a job. The default ends the process, because a restart is safe and going on is not. */
  onFatal: (error: unknown) => void = error => {
    queueMicrotask(() => {
      throw error
    })
  },
): Runtime & { close(): void } {
  const timers = new Map<string, NodeJS.Timeout>()

  function arm(key: string, at: Instant, job: () => void | Promise<void>) {
    clearTimeout(timers.get(key))
    const waitMs = Math.min(Math.max(at - Date.now(), 0), longestWaitMs)
    timers.set(
      key,
      setTimeout(() => {
        // A timer may fire a millisecond early.
        if (Date.now() < at) arm(key, at, job)
        else run(key, job)
      }, waitMs),
    )
  }
  function run(key: string, job: () => void | Promise<void>) {
    timers.delete(key)
    Promise.resolve().then(job).catch(onFatal)
  }
  return {
    now: () => Date.now(),
    at: arm,
    random: bytes => new Uint8Array(randomBytes(bytes)),
    close() {
      for (const timer of timers.values()) clearTimeout(timer)
      timers.clear()
    },
  }
}
