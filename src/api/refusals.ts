import type { Engine } from '../engine.ts'
import { createRate } from './rate.ts'

export type Refused = { readonly route: string; readonly by: string | null; readonly code: string; readonly status: number }

/**
 * Puts into the record that a request was refused: every one that would have changed something, and whoever was not let in. Never waits and never fails the
 * answer. Someone without a token must not be able to fill the journal: beyond so many a minute they are counted, and the count stands in the next note,
 * which comes with the next refusal or the next turn that may have one.
 */
export function createRefusals(engine: Engine, onError: (error: unknown) => void, { known, nobody } = { known: 60, nobody: 6 }) {
  const rates = { known: createRate(known, engine.now), nobody: createRate(nobody, engine.now) }
  const suppressed = { known: 0, nobody: 0 }
  const note = (who: 'known' | 'nobody', about: Record<string, string | number | null>): void => {
    const more = suppressed[who] > 0 ? { suppressed: suppressed[who] } : {}
    suppressed[who] = 0
    engine.bridge.note('refusedRequest', { ...about, ...more }).catch(onError)
  }
  const stop = engine.listen(() => {
    for (const who of ['known', 'nobody'] as const)
      if (suppressed[who] > 0 && rates[who](who) === 0) note(who, { route: '', by: null, code: 'suppressed', status: 0 })
  })
  return {
    refused({ route, by, code, status }: Refused): void {
      const who = by === null ? 'nobody' : 'known'
      if (rates[who](who) > 0) suppressed[who]++
      else note(who, { route, by, code, status })
    },
    stop,
  }
}
