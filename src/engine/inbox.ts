import { type ChargerNo, type Input, type NodeNo, type Outcome, outcomeCode } from '../core/model.ts'
import { type SessionNews, sessionFact } from '../core/sessions.ts'
import type { Capabilities } from '../ports.ts'
import type { Drew } from './boots.ts'

/** What has come in since the last turn. Answers and links of many chargers become columns: one fact per kind and turn. */
export type Inbox = {
  readonly inputs: Input[]
  readonly outcomes: Outcome[]
  readonly links: Map<NodeNo, boolean>
  readonly doubts: Map<string, Set<ChargerNo>>
  readonly sessions: SessionNews
  readonly discovered: Map<NodeNo, Capabilities>
  /** With what their chargers drew before. */
  readonly boots: Map<NodeNo, readonly Drew[]>
}
export const newInbox = (): Inbox => ({
  inputs: [],
  outcomes: [],
  links: new Map(),
  doubts: new Map(),
  sessions: new Map(),
  discovered: new Map(),
  boots: new Map(),
})
export const isEmpty = (b: Inbox): boolean =>
  b.inputs.length + b.outcomes.length + b.links.size + b.doubts.size + b.sessions.size + b.discovered.size + b.boots.size === 0

/**
 * The inputs of a turn. Outcomes come before links and doubts: an answer tells of a command sent before the link fell; told later it would be
 * believed over the doubt.
 */
export function inputsOf(b: Inbox): Input[] {
  const out: Input[] = []
  if (b.outcomes.length > 0) out.push(outcomeColumns(b.outcomes))
  if (b.links.size > 0)
    out.push({ kind: 'link', stations: Uint32Array.from(b.links.keys()), up: Uint8Array.from(b.links.values(), up => (up ? 1 : 0)) })
  for (const [why, who] of b.doubts) out.push({ kind: 'doubt', who: Uint32Array.from(who), why })
  if (b.sessions.size > 0) out.push(sessionFact(b.sessions))
  out.push(...b.inputs)
  return out
}

/** Puts back what an append that failed had taken: nobody else knows of it. (Who waits for an input of its own is told, and tries again.) */
export function putBack(into: Inbox, lost: Inbox): void {
  into.inputs.unshift(...lost.inputs)
  into.outcomes.unshift(...lost.outcomes)
  for (const [station, c] of lost.discovered) if (!into.discovered.has(station)) into.discovered.set(station, c)
  for (const [station, before] of lost.boots) into.boots.set(station, before)
  for (const [station, up] of lost.links) if (!into.links.has(station)) into.links.set(station, up)
  for (const [charger, news] of lost.sessions) if (!into.sessions.has(charger)) into.sessions.set(charger, news)
  for (const [why, who] of lost.doubts) {
    const all = into.doubts.get(why) ?? new Set()
    for (const i of who) all.add(i)
    into.doubts.set(why, all)
  }
}

/** Words from outside are kept short enough for a log entry. */
const MAX_NOTE_CHARS = 500
type About = Readonly<Record<string, string | number | boolean | null>>
export const shortened = (about: About): About =>
  Object.fromEntries(Object.entries(about).map(([k, v]) => [k, typeof v === 'string' ? v.slice(0, MAX_NOTE_CHARS) : v]))

/** Words of chargers, kept short enough for one log entry however they are spelt. */
const MAX_CAUSES = 64
const MAX_CAUSE_CHARS = 100
function outcomeColumns(outcomes: readonly Outcome[]): Input {
  const causes: string[] = []
  const index = new Map<string, number>()
  const codeOf = (cause: string): number => {
    const known = index.get(cause)
    if (known !== undefined) return known
    if (causes.length === MAX_CAUSES) return MAX_CAUSES - 1
    index.set(cause, causes.length)
    return causes.push(cause.slice(0, MAX_CAUSE_CHARS)) - 1
  }
  return {
    kind: 'outcome',
    who: Uint32Array.from(outcomes, o => o.charger),
    seq: Uint16Array.from(outcomes, o => o.seq),
    what: Uint8Array.from(outcomes, o => outcomeCode[o.kind]),
    cause: Uint8Array.from(outcomes, o => codeOf(o.cause)),
    causes,
  }
}
