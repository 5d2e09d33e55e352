// What a VTN knows of an event, and how it shows on the wire at a given time. Pure.
import type { EventStatus, Oadr20bEvent, ResponseRequired, WireSignal } from '../../adapters/signals/openadr2b/event.ts'
import { realPower, type SiScale, type WireTarget } from '../../adapters/signals/openadr2b/parts.ts'

/** An event as an operator would enter it. Duration 0: until cancelled. `testEvent` absent: a real event. */
export type PlannedEvent = {
  readonly id: string
  readonly marketContext: string
  readonly startMs: number
  readonly durationS: number
  readonly startafterS?: number
  readonly notificationS?: number
  /** Positive: before the start, negative: within the event. */
  readonly rampUpS?: number
  readonly recoveryS?: number
  /** 1 highest, 0 none. */
  readonly priority?: number
  readonly testEvent?: string
  readonly comment?: string
  readonly responseRequired?: ResponseRequired
  readonly targets?: readonly WireTarget[]
  readonly signals: readonly WireSignal[]
}
export type HeldEvent = { readonly plan: PlannedEvent; readonly modification: number; readonly cancelled: boolean }

/** One signal; `values` share the duration in whole seconds, the last takes the rest. */
export const signal = (
  signalName: string,
  signalType: string,
  durationS: number,
  values: readonly number[],
  over: Partial<WireSignal> = {},
): WireSignal => {
  const each = Math.floor(durationS / values.length)
  return {
    signalName,
    signalType,
    signalID: `${signalName}-0`,
    targets: [],
    intervals: values.map((value, i) => ({
      uid: String(i),
      durationS: i === values.length - 1 ? durationS - each * (values.length - 1) : each,
      value,
    })),
    ...over,
  }
}
export const simple = (durationS: number, levels: readonly number[]): WireSignal => signal('SIMPLE', 'level', durationS, levels)
/** Power in units of `scale` W; a negative delta is a reduction of consumption. */
export const loadDispatch = (
  durationS: number,
  values: readonly number[],
  type: 'setpoint' | 'delta' = 'setpoint',
  scale: SiScale = 'none',
): WireSignal => signal('LOAD_DISPATCH', type, durationS, values, { itemBase: realPower(scale) })

export const endMs = (p: PlannedEvent): number => (p.durationS === 0 ? Number.POSITIVE_INFINITY : p.startMs + p.durationS * 1000)

/** far, near from the start of a positive ramp-up, active, completed [R13]. Without ramp-up far goes to active directly. */
export const statusAt = ({ plan, cancelled }: HeldEvent, nowMs: number): EventStatus => {
  if (cancelled) return 'cancelled'
  if (nowMs >= endMs(plan)) return 'completed'
  if (nowMs >= plan.startMs) return 'active'
  return nowMs >= plan.startMs - Math.max(0, plan.rampUpS ?? 0) * 1000 ? 'near' : 'far'
}

/** A VTN lists an event until the last randomised participant has ended [R66]. */
export const stillListed = ({ plan }: HeldEvent, nowMs: number): boolean => nowMs < endMs(plan) + (plan.startafterS ?? 0) * 1000

/** Active first, by priority (0 is the lowest) and start; then pending by start [R15]. */
export const inWireOrder = (events: readonly HeldEvent[], nowMs: number): readonly HeldEvent[] => {
  const rank = (e: HeldEvent) => {
    const active = statusAt(e, nowMs) === 'active'
    return [active ? 0 : 1, active ? e.plan.priority || Number.MAX_SAFE_INTEGER : 0, e.plan.startMs] as const
  }
  return [...events].sort((a, b) => {
    const [x, y] = [rank(a), rank(b)]
    return x[0] - y[0] || x[1] - y[1] || x[2] - y[2]
  })
}

/** `createdMs` is the same for all events of a message [R115]; SIMPLE carries its current value, 0 when not active [R14]. */
export const toWire = (held: HeldEvent, nowMs: number): Oadr20bEvent => {
  const { plan, modification } = held
  const status = statusAt(held, nowMs)
  return {
    eventID: plan.id,
    modificationNumber: modification,
    priority: plan.priority ?? 0,
    marketContext: plan.marketContext,
    createdMs: nowMs,
    status,
    testEvent: plan.testEvent ?? 'false',
    vtnComment: plan.comment,
    activePeriod: {
      dtstartMs: plan.startMs,
      durationS: plan.durationS,
      startafterS: plan.startafterS,
      notificationS: plan.notificationS ?? 0,
      rampUpS: plan.rampUpS,
      recoveryS: plan.recoveryS,
    },
    signals: plan.signals.map(s =>
      s.signalName === 'SIMPLE' ? { ...s, currentValue: status === 'active' ? valueAt(s, nowMs - plan.startMs) : 0 } : s,
    ),
    targets: plan.targets ?? [],
    responseRequired: plan.responseRequired ?? 'always',
  }
}

const valueAt = (s: WireSignal, sinceMs: number): number => {
  let until = 0
  for (const i of s.intervals) if (i.durationS === 0 || sinceMs < (until += i.durationS * 1000)) return i.value
  return 0
}
