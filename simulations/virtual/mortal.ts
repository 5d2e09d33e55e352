import type { Runtime } from '../../src/ports.ts'

/** A runtime whose jobs die with the process that asked for them. */
export function mortal(runtime: Runtime): { runtime: Runtime; kill(): void } {
  let alive = true
  const life = lives++
  return {
    runtime: {
      now: runtime.now,
      random: runtime.random,
      at: (key, at, job) => runtime.at(`${life}.${key}`, at, () => (alive ? job() : undefined)),
    },
    kill() {
      alive = false
    },
  }
}
let lives = 0
