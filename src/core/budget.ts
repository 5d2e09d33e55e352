import { yearOf } from './calendar.ts'
import type { Alarm, Input, NodeNo, Programme, Second } from './model.ts'
import { becauseAt, grown } from './rows.ts'
import { type EventState, type NodeSpent, newSpent, type Spent, type State } from './state.ts'

/**
 * What emergencies took of each charger, and of each node that was named as a target, in the present calendar year (UTC). A use is an event in
 * which the charger was sent a limit; its time runs while the event is what limits it, counted at each look at the meters (every 10 s), so an
 * hour is right to some seconds. The budget never holds an emergency back: that it is used up to 80 %, and that it is passed, is said once each.
 */
export const NEAR = 0.8
const levels = [undefined, 'budgetNear', 'budgetPassed'] as const

const noneAtNode: NodeSpent = { uses: 0, seconds: 0, said: 0 }
export const spentAt = (spent: Spent, node: NodeNo): NodeSpent => spent.nodes.get(node) ?? noneAtNode
const nodesOf = (e: EventState): NodeNo[] => e.event.targets.flatMap(t => (t.kind === 'node' ? [t.node] : []))

/** A new year begins with nothing spent. */
export function turnYear(s: State, nowS: Second): void {
  if (s.spent.year === 0 || s.spent.year === yearOf(nowS)) return
  s.spent = newSpent()
}
function writable(s: State): Spent {
  const { spent } = s
  if (spent.year === 0) spent.year = yearOf(s.nowMs / 1000)
  if (spent.uses.length < s.fleet.chargers) {
    spent.uses = grown(spent.uses, s.fleet.chargers)
    spent.seconds = grown(spent.seconds, s.fleet.chargers)
    spent.said = grown(spent.said, s.fleet.chargers)
  }
  return spent
}

/** What counts a charger that is sent its first limit of an emergency; `first`: nobody was before. */
export function countingUses(s: State, e: EventState): (charger: number, first: boolean) => void {
  let spent: Spent | undefined
  return (charger, first) => {
    spent ??= writable(s)
    spent.uses[charger] = Math.min(0xffff, spent.uses[charger]! + 1)
    if (!first) return
    for (const node of nodesOf(e)) {
      const at = spentAt(spent, node)
      spent.nodes.set(node, { ...at, uses: at.uses + 1 })
    }
  }
}
/** `forS` more have passed under an emergency, for those of `who` that it is what limits. */
export function countTime(s: State, e: EventState, who: Uint32Array, forS: number, nowS: Second): void {
  if (forS <= 0) return
  const spent = writable(s)
  let any = false
  for (const i of who) {
    if ((e.answer[i] ?? 0) === 0 || becauseAt(s.rows, s.want[i]!, nowS) !== e.no) continue
    spent.seconds[i] = Math.min(0xffffffff, spent.seconds[i]! + forS)
    any = true
  }
  if (!any) return
  for (const node of nodesOf(e)) {
    const at = spentAt(spent, node)
    spent.nodes.set(node, { ...at, seconds: at.seconds + forS })
  }
}

/** 0: within, 1: at 80 % or more, 2: passed, of whichever bound is nearer. */
export function levelOf(p: Programme, uses: number, seconds: number): number {
  const share = (used: number, bound: number) => (bound === 0 ? 0 : used > bound ? 2 : used >= NEAR * bound ? 1 : 0)
  return Math.max(share(uses, p.emergencyUsesPerYear), share(seconds / 60, p.emergencyMinutesPerYear))
}

/** The chargers and nodes of an emergency that have newly come near their budget, or passed it. */
export function budgetAlarms(s: State, e: EventState, seen: Extract<Input, { kind: 'observed' }>): Alarm[] {
  const p = s.programmes.get(e.event.programme)
  const { spent } = s
  if (!p || e.event.class !== 'emergency' || (p.emergencyUsesPerYear === 0 && p.emergencyMinutesPerYear === 0)) return []
  const who: number[][] = [[], [], []]
  const nodes: number[][] = [[], [], []]
  for (const i of seen.who) {
    if (i >= spent.uses.length) continue
    const level = levelOf(p, spent.uses[i]!, spent.seconds[i]!)
    if (level > spent.said[i]!) who[level]!.push(i)
  }
  for (const node of nodesOf(e)) {
    const { uses, seconds, said } = spentAt(spent, node)
    const level = levelOf(p, uses, seconds)
    if (level > said) nodes[level]!.push(node)
  }
  return levels.flatMap((what, level) =>
    what === undefined || who[level]!.length + nodes[level]!.length === 0
      ? []
      : [{ kind: 'alarm', event: e.no, what, who: Uint32Array.from(who[level]!), nodes: Uint32Array.from(nodes[level]!), rules: [] }],
  )
}
export function applyBudgetAlarm(s: State, alarm: Alarm): void {
  const level = levels.indexOf(alarm.what as (typeof levels)[number])
  if (level < 1) return
  const spent = writable(s)
  for (const i of alarm.who) spent.said[i] = Math.max(spent.said[i]!, level)
  for (const node of alarm.nodes) spent.nodes.set(node, { ...spentAt(spent, node), said: Math.max(spentAt(spent, node).said, level) })
}
