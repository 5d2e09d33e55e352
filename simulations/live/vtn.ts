import type { WireSignal } from '../../adapters/signals/openadr2b/event.ts'
import type { Second } from '../../src/core/model.ts'
import type { Zone } from '../../src/core/verify/calendar.ts'
import { loadDispatch, type PlannedEvent, simple, type Vtn } from '../grid/vtn2b.ts'
import { instantOf } from '../scenario/clock.ts'
import { ScenarioError } from '../scenario/read.ts'
import type { Scenario, ScenarioEvent, ScenarioInterval } from '../scenario/schema.ts'

export type Announcement = { readonly atS: number; readonly what: string; tell(vtn: Pick<Vtn, 'announce' | 'modify' | 'cancel'>): void }

/**
 * The events of a scenario as an OpenADR 2.0b VTN tells them, in order of time, seconds after the scenario's start; `startMs` is when that is on the wall
 * clock. The market context is `context/PROGRAMME`, the target a groupID that is the place. `shed` is a LOAD_DISPATCH delta (a reduction is negative), `cap` a
 * LOAD_DISPATCH setpoint, both in W; `off` is SIMPLE level 3.
 * @throws ScenarioError for an ask that the profile has no word for (a share of a load that the VTN cannot know; a limit of each charger)
 */
export function announcementsOf(
  scenario: Scenario,
  { startMs, context }: { readonly startMs: number; readonly context: string },
): Announcement[] {
  const zone = scenario.zone as Zone
  const zeroS = instantOf(zone, scenario.start, 0)
  const since = (text: string): number => instantOf(zone, text, zeroS) - zeroS
  const where = { since, startMs, context }
  return scenario.events
    .flatMap((e): Announcement[] => {
      const plan = planOf(e, e.intervals, where)
      const changes = e.changes.map((c): Announcement => {
        const change = c.intervals.length === 0 ? undefined : planOf(e, c.intervals, where)
        return {
          atS: since(c.announced),
          what: `${e.id} ${change ? 'modified' : 'cancelled'}`,
          tell: vtn => (change ? vtn.modify(e.id, change) : vtn.cancel(e.id)),
        }
      })
      return [{ atS: since(e.announced), what: `${e.id} announced`, tell: vtn => vtn.announce(plan) }, ...changes]
    })
    .sort((a, b) => a.atS - b.atS)
}

type Where = { readonly since: (text: string) => number; readonly startMs: number; readonly context: string }
function planOf(e: ScenarioEvent, intervals: readonly ScenarioInterval[], { since, startMs, context }: Where): PlannedEvent {
  const first = since(intervals[0]!.from)
  const durationS = intervals.reduce((sum, x) => sum + x.forS, 0)
  intervals.reduce((at: Second, x) => {
    if (since(x.from) !== at) throw new ScenarioError([`event ${e.id}: OpenADR intervals follow each other; ${x.from} does not`])
    return at + x.forS
  }, first)
  return {
    id: e.id,
    marketContext: `${context}/${e.programme}`,
    startMs: startMs + first * 1000,
    durationS,
    priority: e.priority,
    targets: e.target === 'all' ? [] : [{ kind: 'groupID', id: e.target }],
    signals: [signalOf(e, intervals, durationS)],
  }
}
function signalOf(e: ScenarioEvent, intervals: readonly ScenarioInterval[], durationS: number): WireSignal {
  const kinds = new Set(intervals.map(x => x.ask.kind))
  const values = intervals.map(({ ask }) => (ask.kind === 'shed' ? -ask.totalW : ask.kind === 'cap' ? ask.totalW : 3))
  const kind = kinds.size === 1 ? [...kinds][0] : undefined
  const of =
    kind === 'shed'
      ? loadDispatch(durationS, values, 'delta')
      : kind === 'cap'
        ? loadDispatch(durationS, values, 'setpoint')
        : kind === 'off'
          ? simple(durationS, values)
          : undefined
  if (!of)
    throw new ScenarioError([`event ${e.id}: asks of ${[...kinds].join(' and ')} have no OpenADR 2.0b signal here; use shed, cap or off`])
  return { ...of, intervals: intervals.map((x, k) => ({ uid: String(k), durationS: x.forS, value: values[k]! })) }
}
