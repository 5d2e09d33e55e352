import type { Instant } from '../core/model.ts'
import type { Engine } from '../engine.ts'

const DAY_MS = 86_400_000

/**
 * Puts into the record who uses the bridge: the first request of each token after a start, and the first of each day (UTC) after that. What they then do
 * is recorded by what they do; that they look, not each time.
 */
export function createSignIns(engine: Engine, onError: (error: unknown) => void) {
  const seen = new Map<string, Instant>()
  return (name: string): void => {
    const day = Math.floor(engine.now() / DAY_MS)
    if (seen.get(name) === day) return
    seen.set(name, day)
    engine.bridge.note('signedIn', { by: name }).catch(onError)
  }
}
