import { Counter, Gauge, Histogram, Registry } from 'prom-client'
import { z } from 'zod'
import type { ChargerNo, EventNo, Fact, Instant, OutcomeKind } from '../core/model.ts'
import { outcomeKinds } from '../core/model.ts'
import { needsReview } from '../core/register.ts'
import { FREE, limitAt, rowEnd, rowStart, UNKNOWN } from '../core/rows.ts'
import { isUp } from '../core/state.ts'
import { dataAge } from '../core/views.ts'
import type { Engine } from '../engine.ts'
import type { Cosigning } from '../operations/cosign.ts'
import { controllable } from '../operations/incident.ts'
import type { Api } from './context.ts'
import type { Notices } from './notices.ts'

export type MetricsOptions = {
  readonly engine: Engine
  readonly version: string
  /** For `gridbridge_webhook_deliveries_total`. */
  readonly notices?: Pick<Notices, 'counts'> | undefined
  readonly cosigning?: Pick<Cosigning, 'health'> | undefined
  readonly ocppVersion?: ((charger: ChargerNo) => string) | undefined
}
const SECONDS = [0.05, 0.1, 0.25, 0.5, 1, 2, 5, 10, 30, 60, 300, 900]

/** Prometheus metrics from the facts of each turn and from the state when asked. Never a charger or an event as a label: they are without number. */
export function createMetrics({ engine, version, notices, cosigning, ocppVersion = () => 'any' }: MetricsOptions) {
  const registers = [new Registry()]
  const [registry] = registers as [Registry]
  const counter = (name: string, help: string, labelNames: string[] = []) => new Counter({ name, help, labelNames, registers })
  const gauge = (name: string, help: string, labelNames: string[], collect: (g: Gauge) => void) =>
    new Gauge({
      name,
      help,
      labelNames,
      registers,
      collect() {
        this.reset()
        collect(this)
      },
    })
  const histogram = (name: string, help: string) => new Histogram({ name, help, buckets: SECONDS, registers })

  const signals = counter('gridbridge_signals_received_total', 'Signals judged', ['adapter', 'outcome'])
  const commands = counter('gridbridge_commands_total', 'Commands by what came back', ['ocpp_version', 'result'])
  const verified = counter('gridbridge_verification_results_total', 'Verified events', ['result'])
  const optOuts = counter('gridbridge_optouts_total', 'Opt-outs of chargers')
  const entries = counter('gridbridge_audit_entries_total', 'Facts journalled by this process')
  const orders = counter('gridbridge_emergency_orders_total', 'Emergencies operated', ['reason'])
  const alarms = counter('gridbridge_emergency_alarms_total', 'Emergencies beyond routine or beyond the budget of the year', ['what'])
  const firstCommand = histogram('gridbridge_signal_to_first_command_seconds', 'From a signal to the first command for it')
  const ack = histogram('gridbridge_command_ack_seconds', 'From a command to its answer')

  new Counter({
    name: 'gridbridge_webhook_deliveries_total',
    help: 'Notices to the apps of charge-point operators',
    labelNames: ['result'],
    registers,
    collect() {
      this.reset()
      for (const [result, n] of Object.entries(notices?.counts() ?? {})) this.inc({ result }, n)
    },
  })
  gauge('gridbridge_build_info', 'Version', ['version'], g => g.set({ version }, 1))
  gauge('gridbridge_audit_tree_size', 'Entries in the log', [], g => g.set(engine.journal.size()))
  gauge('gridbridge_audit_cosigned_size', 'Entries that enough witnesses have cosigned', [], g => {
    if (cosigning) g.set(cosigning.health().cosignedSize)
  })
  gauge('gridbridge_audit_uncosigned_seconds', 'How long the oldest checkpoint has waited for the quorum of witnesses', [], g => {
    const since = cosigning?.health().sinceMs
    if (cosigning) g.set(since == null ? 0 : (engine.now() - since) / 1000)
  })
  gauge('gridbridge_audit_split_views', 'Witnesses that refuse the log as another history', [], g => {
    if (cosigning) g.set(cosigning.health().splits.length)
  })
  gauge('gridbridge_journal_writable', '0: the last append failed, and nothing new is dispatched', [], g =>
    g.set(engine.trouble() === null ? 1 : 0),
  )
  gauge('gridbridge_controllable_watts', 'Rated power of all enrolled chargers; from 300 MW on an essential service', [], g => {
    g.set(controllable(engine.state()).controllableW)
  })
  gauge('gridbridge_event_active', 'Events that limit chargers now', ['programme', 'kind'], g => {
    for (const e of engine.bridge.events())
      if (e.state === 'active' || e.state === 'restoring') g.inc({ programme: e.programme, kind: e.class })
  })
  gauge('gridbridge_emergency_unreviewed', 'Emergencies whose review is owed', [], g => {
    g.set([...engine.state().register.values()].filter(needsReview).length)
  })
  gauge('gridbridge_chargers', 'Chargers by state; a charger can be in several', ['state'], g => countChargers(engine, g))
  gauge('gridbridge_meter_age_seconds', 'Age of the newest readings of those online', ['stat'], g => {
    const all = Uint32Array.from({ length: engine.state().fleet.chargers }, (_, i) => i)
    const age = dataAge(engine.state(), all, engine.meters.latest(), engine.now(), 10_000)
    if (!age) return
    g.set({ stat: 'median' }, age.medianMs / 1000)
    g.set({ stat: 'max' }, age.oldestMs / 1000)
  })
  const progress = new Map<EventNo, { programme: string; kind: string; targetW: number | null; measuredW: number | null }>()
  const sum = (pick: 'targetW' | 'measuredW') => (g: Gauge) => {
    for (const { programme, kind, [pick]: watts } of progress.values()) if (watts !== null) g.inc({ programme, kind }, watts)
  }
  gauge('gridbridge_event_target_watts', 'What running events ask', ['programme', 'kind'], sum('targetW'))
  gauge('gridbridge_event_achieved_watts', 'What their targets draw', ['programme', 'kind'], sum('measuredW'))

  const unfollow = engine.bridge.follow(undefined, p => {
    const { no, programme, class: kind } = p.event
    if (p.kind === 'measured') progress.set(no, { programme, kind, targetW: p.askedW, measuredW: p.measuredW })
    if (p.kind === 'completed' || p.kind === 'cancelled' || p.kind === 'verified') progress.delete(no)
  })

  const awaited = new Map<EventNo, Instant>()
  const sentAt = new Map<ChargerNo, Instant>()
  function take(facts: readonly Fact[], at: Instant) {
    entries.inc(facts.length)
    for (const fact of facts) {
      if (fact.kind === 'accepted') judged(fact.event, 'accepted', at)
      else if (fact.kind === 'declined') judged(fact.event, 'declined', at)
      else if (fact.kind === 'optOut') optOuts.inc(fact.who.length)
      else if (fact.kind === 'alarm') alarms.inc({ what: fact.what })
      else if (fact.kind === 'verified' && (fact.verification.verdictRevision ?? 1) === 1)
        verified.inc({ result: fact.verification.verdict })
      else if (fact.kind === 'sent') sent(fact, at)
      else if (fact.kind === 'outcome') answered(fact, at)
      else if (fact.kind === 'noted' && fact.what === 'emergencyOperated') orders.inc({ reason: String(fact.about.reason) })
    }
  }
  function judged(event: EventNo, outcome: string, at: Instant) {
    const e = engine.state().events.get(event)
    signals.inc({ adapter: e?.event.source.adapter ?? 'unknown', outcome })
    if (outcome === 'accepted' && e && !e.event.test && e.cancelledS > at / 1000) awaited.set(event, at)
  }
  function sent({ who }: Extract<Fact, { kind: 'sent' }>, at: Instant) {
    const { rows, pending } = engine.state()
    for (const charger of who) {
      sentAt.set(charger, at)
      const row = pending[charger] ?? FREE
      if (awaited.size === 0 || row === FREE || row >= UNKNOWN) continue
      for (let k = rowStart(rows, row); k < rowEnd(rows, row); k++) {
        const since = awaited.get(rows.because[k]!)
        if (since === undefined) continue
        firstCommand.observe((at - since) / 1000)
        awaited.delete(rows.because[k]!)
      }
    }
  }
  function answered({ who, what }: Extract<Fact, { kind: 'outcome' }>, at: Instant) {
    who.forEach((charger, k) => {
      const result: OutcomeKind = outcomeKinds[what[k]!]!
      commands.inc({ ocpp_version: ocppVersion(charger), result })
      const since = sentAt.get(charger)
      sentAt.delete(charger)
      if (since !== undefined && (result === 'accepted' || result === 'rejected')) ack.observe((at - since) / 1000)
    })
  }
  const stopListening = engine.listen(take)

  return {
    registry,
    route(app: Api) {
      app.get(
        '/metrics',
        {
          config: { unlimited: true, produces: ['text/plain', 'application/openmetrics-text'] },
          schema: { tags: ['service'], summary: 'Prometheus metrics', response: { 200: z.string() } },
        },
        async (_request, reply) => {
          reply.type(registry.contentType).serializer(String)
          return registry.metrics()
        },
      )
    },
    stop() {
      unfollow()
      stopListening()
    },
  }
}

function countChargers(engine: Engine, g: Gauge): void {
  const s = engine.state()
  const nowS = Math.floor(s.nowMs / 1000)
  let [online, limited, unknown] = [0, 0, 0]
  for (let i = 0; i < s.fleet.chargers; i++) {
    if (isUp(s, i)) online++
    if (s.holds[i] === UNKNOWN) unknown++
    if (s.want[i] !== FREE && limitAt(s.rows, s.want[i]!, nowS) >= 0) limited++
  }
  g.set({ state: 'online' }, online)
  g.set({ state: 'offline' }, s.fleet.chargers - online)
  g.set({ state: 'limited' }, limited)
  g.set({ state: 'unknown' }, unknown)
  g.set({ state: 'opted_out' }, s.optOuts.size)
  g.set({ state: 'refused' }, s.refusals.size)
}
