import { cosignedKey } from '../audit/cosigned.ts'
import { isOutage } from '../core/outage.ts'
import { emptyState, type State } from '../core/state.ts'
import { entries, fold } from '../engine/recover.ts'
import { eventKeys, secretUntilS } from '../engine/seeds.ts'
import type { Engine } from '../engine.ts'
import type { Events } from './events.ts'
import { type EvidenceOptions, type EvidenceSource, evidenceFiles, evidenceZip } from './evidence.ts'
import { VERIFY } from './report.ts'
import { type By, done, isoS, type Result, refuse } from './result.ts'
import type { WitnessGaps } from './witnessGaps.ts'

export type MadePack = { readonly zip: Uint8Array; readonly event: string; readonly no: number }

/** Evidence packs from a running bridge. Each reveals a seed, so each is on record. */
export function createEvidence(engine: Engine, events: Pick<Events, 'show' | 'seed'>, witnessGaps: WitnessGaps) {
  const isOver = (no: number): boolean => secretUntilS(engine.state(), no) <= engine.now() / 1000
  return {
    /** @returns `event-not-found`, `event-not-over` */
    async of(id: string, by: By, options: Pick<EvidenceOptions, 'version' | 'withoutRaw'>): Promise<Result<MadePack>> {
      const shown = await events.show(id)
      if (!shown.ok) return shown
      const { view } = shown.value
      const seed = isOutage(view) ? undefined : await events.seed(view.id, by)
      if (seed && !seed.ok && seed.refusal.code === 'event-not-over') return seed
      const gaps = await witnessGaps.of(view.id)
      const { meters, registry } = engine
      const report = { meters, registry, witnesses: gaps.ok ? gaps.value : null, command: VERIFY }
      const nowMs = engine.now()
      await engine.bridge.note('evidenceExported', { event: view.no, by: by.name, withoutRaw: options.withoutRaw ?? false })
      const source: EvidenceSource = {
        journal: engine.journal,
        cosigned: engine.registry.get(cosignedKey),
        eventKeys: engine.eventKeys,
        isOver,
      }
      const files = await evidenceFiles(source, String(view.no), { ...options, nowMs, report })
      if (!files) return refuse('notFound', 'event-not-found', `no event ${JSON.stringify(id)} in the log`, 'see GET /v1/events')
      return done({ zip: evidenceZip(files, nowMs), event: view.id, no: view.no })
    },
  }
}
export type EvidencePacks = ReturnType<typeof createEvidence>

/** What a pack is made from where no bridge runs: its file, and its `seed.key` where that is at hand. Folds the whole log, to know what is over. */
export async function sourceOf(
  journal: EvidenceSource['journal'],
  { seedKey, cosigned, nowMs }: { readonly seedKey: Uint8Array | undefined; readonly cosigned: string | undefined; readonly nowMs: number },
): Promise<EvidenceSource & { readonly state: State }> {
  const state = await fold(emptyState(), entries(journal, 0))
  const isOver = (no: number): boolean => secretUntilS(state, no) <= nowMs / 1000
  return { journal, cosigned, state, isOver, eventKeys: eventKeys(seedKey, isOver) }
}
/** Why an event of that file must wait; undefined: it need not. */
export function whyTooEarly({ state }: { readonly state: State }, no: number, nowMs: number): string | undefined {
  const untilS = secretUntilS(state, no)
  if (untilS <= nowMs / 1000) return undefined
  return untilS === Infinity ? 'it has no end yet' : `its seed is secret until ${isoS(untilS)}`
}
