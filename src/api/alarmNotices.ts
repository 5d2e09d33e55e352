import { createHash } from 'node:crypto'
import type { Alarm, Instant } from '../core/model.ts'
import type { Engine } from '../engine.ts'
import { pathName } from '../operations/names.ts'
import { type NoticesOptions, signedPost, signerOf } from './notices.ts'

export type AlarmNoticesOptions = Pick<NoticesOptions, 'endpoints' | 'fetch' | 'wait' | 'retryAfterMs'> & { readonly engine: Engine }
const RETRY_AFTER_MS = [1_000, 5_000, 30_000]

/**
 * `emergency.alarm`: tells those who listen for `charging.modified` also that an emergency went beyond the rules of a routine event, or beyond its
 * budget. Signed in the same way, a few tries beside the engine; what is lost with the process is in the register all the same.
 */
export function createAlarmNotices({ engine, endpoints, fetch, wait, retryAfterMs = RETRY_AFTER_MS }: AlarmNoticesOptions) {
  let sending: Promise<unknown> = Promise.resolve()
  let stopped = false

  async function deliver({ url, secret }: AlarmNoticesOptions['endpoints'][number], body: string): Promise<void> {
    const webhook = signerOf(secret)
    const id = `msg_${createHash('sha256').update(`${url}\n${body}`).digest('hex').slice(0, 32)}`
    for (const pauseMs of [...retryAfterMs, undefined]) {
      if (stopped) return
      const { ok, final } = await signedPost(fetch, webhook, url, { id, atMs: engine.now(), body })
      if (ok || final || pauseMs === undefined) return
      await wait(pauseMs)
    }
  }
  const stop = engine.listen((facts, at) => {
    for (const fact of facts) {
      if (fact.kind !== 'alarm') continue
      const body = JSON.stringify({ type: 'emergency.alarm', timestamp: new Date(at).toISOString(), data: dataOf(engine, fact, at) })
      // Without its results: they would be kept, nested, for as long as we live.
      sending = Promise.all([sending, ...endpoints.map(endpoint => deliver(endpoint, body))]).then(() => undefined)
    }
  })
  return {
    idle: () => sending,
    stop() {
      stopped = true
      stop()
    },
  }
}

function dataOf(engine: Engine, { what, event, who, nodes, rules }: Alarm, at: Instant) {
  const use = engine.state().register.get(event)
  return {
    what,
    event: use?.id ?? null,
    no: event,
    rules,
    chargers: who.length,
    nodes: Array.from(nodes, n => pathName(engine.registry, n)),
    at: new Date(at).toISOString(),
  }
}
