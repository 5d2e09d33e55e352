import { chargersOf, rangesOf } from '../core/members.ts'
import type { ChargerNo, Input, Instant, NodeNo } from '../core/model.ts'
import { chargersAt, isAnyLevelCapped } from '../core/outage.ts'
import { branchesBack } from '../core/pickUp.ts'
import type { State } from '../core/state.ts'
import type { Latest } from './views.ts'

/** A reading of longer ago than this says nothing of what a charger drew when its supply failed. */
const BEFORE_MS = 86_400_000

export type Drew = { readonly charger: ChargerNo; readonly powerW: number; readonly readS: number }

/** What is known of a charger's power, whatever its age up to a day: after a cut the newest reading is of before it. */
export function drew(charger: ChargerNo, latest: Latest, nowMs: Instant): Drew {
  const atMs = latest.atMs[charger] ?? 0
  if (!(atMs > 0) || nowMs - atMs > BEFORE_MS) return { charger, powerW: -1, readS: 0 }
  return { charger, powerW: Math.round(latest.powerW[charger]!), readS: Math.floor(atMs / 1000) }
}
export const drewAt = (s: State, station: NodeNo, latest: Latest, nowMs: Instant): Drew[] =>
  chargersAt(s.fleet, station).map(i => drew(i, latest, nowMs))

/** The stations that have started since the last turn; where no programme looks at them, they are no news. */
export function bootedFact(s: State, boots: ReadonlyMap<NodeNo, readonly Drew[]>, latest: Latest, nowMs: Instant): Input[] {
  if (boots.size === 0 || !isAnyLevelCapped(s)) return []
  const all = new Map([...boots.values()].flat().map(x => [x.charger, x]))
  for (const node of branchesBack(s, boots.keys(), Math.floor(nowMs / 1000)))
    for (const i of chargersOf(s.fleet, rangesOf(s.fleet, [{ kind: 'node', node }]))) if (!all.has(i)) all.set(i, drew(i, latest, nowMs))
  const rows = [...all.values()]
  return [
    {
      kind: 'booted',
      stations: Uint32Array.from(boots.keys()),
      who: Uint32Array.from(rows, x => x.charger),
      powerW: Int32Array.from(rows, x => x.powerW),
      readS: Uint32Array.from(rows, x => x.readS),
    },
  ]
}
