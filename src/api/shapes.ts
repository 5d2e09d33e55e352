import type { z } from 'zod'
import { NEVER_S } from '../core/model.ts'
import type { Order } from '../operations/emergency.ts'
import type { EventDetail } from '../operations/events.ts'
import type { NodeCapacity } from '../operations/fleet.ts'
import { isoOrNull, isoS } from '../operations/result.ts'
import type { EventView } from '../ports.ts'
import type * as s from './schemas.ts'
import { verificationShape } from './verificationShape.ts'

/** What operations answer, as the API says it: instants as text, links to what can be done next. */
export const iso = (ms: number): string => new Date(ms).toISOString()
const url = (...parts: readonly string[]): string => `/v1/${parts.map(encodeURIComponent).join('/')}`

const cancellable = new Set(['scheduled', 'active', 'restoring'])
export function eventShape(v: EventView, mayCancel: boolean): z.output<typeof s.event> {
  const { fromS, toS, ...rest } = v
  const self = url('events', v.id)
  const links = { self, results: `${self}/chargers`, ...(mayCancel && cancellable.has(v.state) ? { cancel: `${self}/cancel` } : {}) }
  return { ...rest, from: isoS(fromS), until: isoOrNull(toS, NEVER_S), links }
}
export function eventDetailShape(d: EventDetail, reason: string | null, mayCancel: boolean): z.output<typeof s.eventDetail> {
  const { summary, series } = d
  return {
    event: eventShape(d.view, mayCancel),
    intervals: (d.event?.intervals ?? []).map(i => ({
      from: isoS(i.fromS),
      until: isoOrNull(i.toS, NEVER_S),
      ask: i.ask,
      failsafe: i.failsafe ?? false,
    })),
    spread: d.spread && { startS: d.spread.startS, endS: d.spread.endS },
    exemption: d.exemption,
    basis: d.event?.basis ?? null,
    declined: d.declined,
    reason,
    progress: summary && {
      targeted: summary.targeted,
      usable: summary.usable,
      limited: summary.limited,
      limitedNow: summary.limitedNow,
      answered: summary.answered,
      silent: summary.silent,
      inDelay: summary.inDelay,
      offline: summary.offline,
      refused: summary.refused,
      optedOut: summary.optedOut,
      excluded: { ...summary.excluded },
      limitedToW: summary.limitedToW,
      missingW: summary.extraW,
      ask: summary.askNow,
    },
    series: series && {
      stepS: series.stepMs / 1000,
      points: series.points.map(({ atMs, ...p }) => ({ at: iso(atMs), ...p })),
    },
    verification: d.verification && verificationShape(d.verification),
  }
}

export function capacityShape({ atMs, dataAge, forecast, ...c }: NodeCapacity): z.output<typeof s.nodeCapacity> {
  const age = dataAge && { medianS: dataAge.medianMs / 1000, oldestS: dataAge.oldestMs / 1000 }
  return {
    ...c,
    at: iso(atMs),
    standing: { ...c.standing },
    programmes: c.programmes.map(p => ({ ...p })),
    dataAge: age,
    forecast: { ...forecast },
  }
}

export function orderShape(o: Order, nowMs: number): z.output<typeof s.order> {
  const isOpen = o.state === 'selected' && nowMs < o.expiresAtMs
  const self = url('dispatch-orders', o.id)
  return {
    id: o.id,
    etag: o.etag,
    state: o.state === 'selected' && !isOpen ? 'expired' : o.state,
    selectedBy: o.selectedBy,
    expiresAt: iso(o.expiresAtMs),
    expiresInS: Math.max(0, (o.expiresAtMs - nowMs) / 1000),
    node: { no: o.node, path: o.nodeName },
    limit: o.limit,
    durationS: o.durationS,
    programme: o.programme,
    basis: o.basis,
    test: o.test,
    effect: { ...o.effect },
    conflicts: o.conflicts.map(c => ({ ...c })),
    driversTouched: o.driversTouched,
    restoreS: o.restoreS,
    warnings: [...o.warnings],
    event: o.event,
    links: { self, ...(isOpen ? { operate: `${self}/operate` } : {}), ...(o.event ? { event: url('events', o.event) } : {}) },
  }
}
export const eventUrl = (id: string): string => url('events', id)
