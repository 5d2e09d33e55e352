import { createHash } from 'node:crypto'
import type { Engine } from '../engine.ts'

/** One value in force, secrets redacted. */
export type Setting = { readonly path: string; readonly value: unknown }
const KEY = 'configuration.recorded'
/** So many names stand in the log entry; the evidence beside it has all of them. */
const NAMED = 20

/**
 * Puts on record what of the configuration is other than it was when the bridge last ran: names in the entry, values in evidence that can expire, because
 * a path or an address can name somebody. Secrets are known by a hash over all of them alone: that one was changed is seen, not which.
 */
export async function recordConfig(engine: Engine, settings: readonly Setting[], secretsDigest: string): Promise<void> {
  const now = new Map([...settings.map(s => [s.path, JSON.stringify(s.value)] as const), ['(secrets)', secretsDigest] as const])
  const text = JSON.stringify([...now])
  const kept = engine.registry.get(KEY)
  if (text === kept) return
  const before = new Map(read(kept))
  const names = [...new Set([...before.keys(), ...now.keys()])].filter(path => before.get(path) !== now.get(path)).sort()
  const raw = Buffer.from(
    JSON.stringify(names.map(path => ({ path, before: before.get(path) ?? null, now: now.get(path) ?? null }))),
    'utf8',
  )
  const about = { first: before.size === 0, changed: names.length, names: before.size === 0 ? '' : names.slice(0, NAMED).join(' ') }
  await engine.bridge.note('configChanged', { ...about, sha256: createHash('sha256').update(text).digest('hex') }, raw)
  await engine.registry.set(KEY, text)
}
function read(text: string | undefined): [string, string][] {
  try {
    return JSON.parse(text ?? '[]') as [string, string][]
  } catch {
    return []
  }
}
