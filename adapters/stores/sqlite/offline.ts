import { parseEnvelope } from '../../../src/audit/references.ts'
import type { Journal } from '../../../src/ports.ts'

/**
 * The leaf of a note that is written while no bridge runs, in the turn after the last. Canonical JSON as the engine's codec writes it: members in order of
 * their names. `about` must be in that order, and its texts stand in the leaf: nothing of a person.
 */
export async function nextNote(
  journal: Journal,
  nowMs: number,
  what: string,
  about: Readonly<Record<string, string | number>>,
): Promise<Uint8Array> {
  let last = { at: 0, turn: 0 }
  for await (const leaves of journal.read(Math.max(0, journal.size() - 1))) for (const leaf of leaves) last = parseEnvelope(leaf) ?? last
  return Buffer.from(JSON.stringify({ at: Math.max(nowMs, last.at), fact: { about, kind: 'noted', what }, turn: last.turn + 1 }), 'utf8')
}
