import type { WireSignal } from '../../adapters/signals/openadr2b/event.ts'
import type { Second } from '../../src/core/model.ts'
import type { Zone } from '../../src/core/verify/calendar.ts'
import type { Form } from '../grid/handedOver.ts'
import { loadDispatch, type PlannedEvent, simple, type Vtn } from '../grid/vtn2b.ts'
import { type AskedEvent, type AskedInterval, expectedOf } from '../scenario/asked.ts'
import { instantOf } from '../scenario/clock.ts'
import { ScenarioError } from '../scenario/read.ts'
import type { Scenario } from '../scenario/schema.ts'

/** What a place draws at an instant, W. */
export type LoadAt = (place: string, atS: Second) => number
export type Announcement = { readonly atS: number; readonly what: string; tell(vtn: Pick<Vtn, 'announce' | 'modify' | 'cancel'>): void }

/**
 * The events of a scenario as an OpenADR 2.0b VTN tells them, in order of time, seconds after the scenario's start; `startMs` is when that is on the wall
 * clock. The market context is `context/PROGRAMME`, the target a groupID that is the place. `shed` is a LOAD_DISPATCH delta (a reduction is negative), `cap` a
 * LOAD_DISPATCH setpoint, `limitEach` a LOAD_CONTROL setpoint, all in W; `keep` is a LOAD_CONTROL capacity, `off` SIMPLE level 3. A share of the load is of
 * what `loadW` says. Events of an OpenADR list are told as they stand in their files, which are looked for from `folder`.
 * @throws ScenarioError for what one OpenADR event cannot say, and for a share where no load is known
 */
export function announcementsOf(
  scenario: Scenario,
  {
    startMs,
    context,
    folder = '.',
    loadW,
  }: { readonly startMs: number; readonly context: string; readonly folder?: string; readonly loadW?: LoadAt },
): Announcement[] {
  const zeroS = instantOf(scenario.zone as Zone, scenario.start, 0)
  const where = { since: (atS: Second): number => atS - zeroS, startMs, context, loadW }
  const { asked, handed } = expectedOf(scenario, folder)
  const own = asked.flatMap((e): Announcement[] => {
    const plan = planOf(e, e, where)
    const changes = e.changes.map((c): Announcement => {
      const change = c.intervals.length === 0 ? undefined : planOf(e, c, where)
      return {
        atS: where.since(c.announcedS),
        what: `${e.id} ${change ? 'modified' : 'cancelled'}`,
        tell: vtn => (change ? vtn.modify(e.id, change) : vtn.cancel(e.id)),
      }
    })
    return [{ atS: where.since(e.announcedS), what: `${e.id} announced`, tell: vtn => vtn.announce(plan) }, ...changes]
  })
  const listed = handed.flatMap(h => h.events.flatMap(e => e.forms.map((form, k) => announcementOf(form, k === 0, where))))
  return [...own, ...listed].sort((a, b) => a.atS - b.atS)
}
function announcementOf(form: Form, isFirst: boolean, { since, startMs }: Where): Announcement {
  const {
    eventID,
    status,
    activePeriod: period,
    testEvent,
    vtnComment,
    signals,
    targets,
    marketContext,
    priority,
    responseRequired,
  } = form.event
  const { dtstartMs, ...durations } = period
  const plan: PlannedEvent = {
    ...{ id: eventID, marketContext, signals, targets, responseRequired, startMs: startMs + since(dtstartMs / 1000) * 1000 },
    ...given({ ...durations, priority, testEvent, comment: vtnComment }),
    durationS: period.durationS,
  }
  const isCancelled = status === 'cancelled'
  return {
    atS: since(form.atS),
    what: `${eventID} ${isCancelled ? 'cancelled' : isFirst ? 'announced' : 'modified'}`,
    tell: vtn => (isCancelled ? !isFirst && vtn.cancel(eventID) : isFirst ? vtn.announce(plan) : vtn.modify(eventID, plan)),
  }
}
/** Without what is not known. */
const given = <T extends object>(all: T): { [K in keyof T]?: NonNullable<T[K]> } =>
  Object.fromEntries(Object.entries(all).filter(([, x]) => x !== undefined)) as { [K in keyof T]?: NonNullable<T[K]> }

type Where = {
  readonly since: (atS: Second) => number
  readonly startMs: number
  readonly context: string
  readonly loadW: LoadAt | undefined
}
function planOf(
  e: AskedEvent,
  { intervals, announcedS }: AskedEvent['changes'][number] | AskedEvent,
  { since, startMs, context, loadW }: Where,
): PlannedEvent {
  const first = intervals[0]!
  intervals.forEach((x, k) => {
    if (k > 0 && x.fromS !== intervals[k - 1]!.toS)
      throw new ScenarioError([`event ${e.id}: OpenADR intervals follow each other; number ${k + 1} does not`])
  })
  const durationS = intervals.at(-1)!.toS - first.fromS
  return {
    id: e.id,
    marketContext: `${context}/${e.programme}`,
    startMs: startMs + since(first.fromS) * 1000,
    durationS,
    priority: e.priority,
    targets: e.target === 'all' ? [] : [{ kind: 'groupID', id: e.target }],
    signals: [signalOf(e, intervals, durationS, loadW && (() => loadW(e.target, announcedS)))],
  }
}
/** What each kind of ask is in the profile's words. A set point of a load controller is one charger's limit; its capacity is the share that it keeps. */
const signals: { readonly [K in Told['kind']]: (durationS: number, values: readonly number[]) => WireSignal } = {
  shed: (durationS, values) => loadDispatch(durationS, values, 'delta'),
  cap: (durationS, values) => loadDispatch(durationS, values, 'setpoint'),
  limitEach: (durationS, values) => ({
    ...loadDispatch(durationS, values),
    signalName: 'LOAD_CONTROL',
    signalType: 'x-loadControlSetpoint',
  }),
  keep: (durationS, values) => ({ ...simple(durationS, values), signalName: 'LOAD_CONTROL', signalType: 'x-loadControlCapacity' }),
  off: simple,
}
type Told = Exclude<AskedInterval['ask'], { kind: 'shedShare' }>
function numberIn(ask: Told): number {
  switch (ask.kind) {
    case 'shed':
      return -ask.totalW
    case 'cap':
      return ask.totalW
    case 'limitEach':
      return ask.limitW
    case 'keep':
      return ask.fraction
    case 'off':
      return 3
  }
}
function signalOf(e: AskedEvent, intervals: readonly AskedInterval[], durationS: number, drawnW: (() => number) | undefined): WireSignal {
  const told = intervals.map(({ ask }): Told => {
    if (ask.kind !== 'shedShare') return ask
    if (drawnW === undefined) throw new ScenarioError([`event ${e.id}: nothing is known of the load that it asks a share of`])
    return { kind: 'shed', totalW: Math.round(ask.share * drawnW()) }
  })
  const kinds = [...new Set(told.map(ask => ask.kind))]
  if (kinds.length > 1) throw new ScenarioError([`event ${e.id}: asks of ${kinds.join(' and ')} are not one OpenADR 2.0b signal`])
  const values = told.map(numberIn)
  return {
    ...signals[kinds[0]!](durationS, values),
    intervals: intervals.map((x, k) => ({ uid: String(k), durationS: x.toS - x.fromS, value: values[k]! })),
  }
}
