import type { Engine } from '../engine.ts'
import { createRate } from './rate.ts'

export type Refused = { readonly route: string; readonly by: string | null; readonly code: string; readonly status: number }

/**
 * Puts into the record that a request which would have changed something was refused. Never waits and never fails the answer. Someone without a
 * token must not be able to fill the journal: beyond `perMinute` they are counted, and the count stands in the next note.
 */
export function createRefusals(engine: Engine, onError: (error: unknown) => void, perMinute = 60) {
  const rate = createRate(perMinute, engine.now)
  let suppressed = 0
  return ({ route, by, code, status }: Refused): void => {
    if (rate(by === null ? 'nobody' : 'somebody') > 0) {
      suppressed++
      return
    }
    const about = { route, by, code, status, ...(suppressed > 0 ? { suppressed } : {}) }
    suppressed = 0
    engine.bridge.note('refusedRequest', about).catch(onError)
  }
}
