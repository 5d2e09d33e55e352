import type { Fact } from '../core/model.ts'
import type { Engine } from '../engine.ts'

/** What adapters of signals note when an exchange with a peer begins to fail, and when it works again: `openadr2b.unreachable`. */
const failing = /^[a-z0-9]+\.(unreachable|notRegistered)$/i
const working = /^[a-z0-9]+\.reachable$/i

/**
 * One line of JSON when a source of signals cannot be reached, answers what cannot be understood, or has not been heard for longer than it may be quiet,
 * and one when that is over; never one for each try. `/readyz` has the state, this says when it changed. Returns what ends it.
 */
export function logSources(engine: Pick<Engine, 'listen'>, write: (line: string) => void): () => void {
  const said = new Map<string, string>()
  const say = (at: number, adapter: string, peer: string, state: string, why?: string) => {
    const key = `${adapter}:${peer}`
    if ((said.get(key) ?? 'heard') === state) return
    said.set(key, state)
    const level = state === 'heard' ? 'info' : 'warn'
    const msg = `source ${key} ${sentences[state]}${why === undefined ? '' : `: ${why}`}`
    write(JSON.stringify({ at: new Date(at).toISOString(), level, msg, adapter, peer, state, ...(why === undefined ? {} : { why }) }))
  }
  return engine.listen((facts, at) => {
    for (const fact of facts) {
      const news = newsOf(fact)
      if (news) say(at, news.adapter, news.peer, news.state, news.why)
    }
  })
}

const sentences: Readonly<Record<string, string>> = {
  unreachable: 'cannot be reached, or answers what cannot be understood',
  notRegistered: 'does not know us any more',
  silent: 'has not been heard for longer than it may be quiet',
  heard: 'is heard again',
}
type News = { readonly adapter: string; readonly peer: string; readonly state: string; readonly why?: string }
function newsOf(fact: Fact): News | undefined {
  if (fact.kind === 'silent') return { adapter: fact.adapter, peer: fact.peer, state: 'silent' }
  if (fact.kind === 'heardAgain') return { adapter: fact.adapter, peer: fact.peer, state: 'heard' }
  if (fact.kind !== 'noted' || typeof fact.about['peer'] !== 'string') return undefined
  const [adapter = '', what = ''] = fact.what.split('.')
  const peer = fact.about['peer']
  if (working.test(fact.what)) return { adapter, peer, state: 'heard' }
  if (!failing.test(fact.what)) return undefined
  const { why } = fact.about
  return { adapter, peer, state: what, ...(typeof why === 'string' ? { why } : {}) }
}
