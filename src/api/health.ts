import type { Engine } from '../engine.ts'

export type Check = { readonly ok: boolean; readonly detail: string }
/** Further checks by name, such as that of the OCPP port. Must not throw or wait. */
export type Checks = Readonly<Record<string, () => Check>>
/** A source that ought to speak without being asked: a VTN that we poll, a peer with a heartbeat. */
export type Awaited = { readonly adapter: string; readonly peer: string }
/** `lastContact` is null where an awaited source was never heard; that is stale. */
export type SignalHealth = { readonly adapter: string; readonly peer: string; readonly lastContact: string | null; readonly stale: boolean }
export type Readiness = {
  readonly ready: boolean
  readonly checks: Readonly<Record<string, Check>>
  /** A silent source is an alarm, but a bridge that cannot hear one VTN is of use to all others: it stays ready. */
  readonly signals: readonly SignalHealth[]
}

export function readiness(engine: Engine, checks: Checks, awaited: readonly Awaited[] = []): Readiness {
  const all: Record<string, Check> = { journal: journalCheck(engine) }
  for (const [name, check] of Object.entries(checks)) all[name] = check()
  const heard = engine.sources()
  const silent = awaited.filter(a => !heard.some(h => h.adapter === a.adapter && h.peer === a.peer))
  const signals = [
    ...heard.map(s => ({ adapter: s.adapter, peer: s.peer, lastContact: new Date(s.heardAt).toISOString(), stale: s.stale })),
    ...silent.map(({ adapter, peer }) => ({ adapter, peer, lastContact: null, stale: true })),
  ]
  return { ready: Object.values(all).every(c => c.ok), checks: all, signals }
}
function journalCheck(engine: Engine): Check {
  const trouble = engine.trouble()
  if (trouble === null) return { ok: true, detail: `${engine.journal.size()} entries` }
  return { ok: false, detail: `the last append failed: ${(trouble as { code?: string }).code ?? (trouble as Error).name ?? 'error'}` }
}
