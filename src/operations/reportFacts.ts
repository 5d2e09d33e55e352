import { blobsOf, decode } from '../core/codec.ts'
import { withChanges } from '../core/fleet.ts'
import { chargersOf, rangesOf } from '../core/members.ts'
import {
  type Decision,
  type EventNo,
  type Fact,
  type GridEvent,
  type HashHex,
  type Instant,
  NEVER_S,
  outcomeKinds,
  type Programme,
  type ScheduleColumns,
  type Second,
} from '../core/model.ts'
import { outageEvent } from '../core/outage.ts'
import { fromBytes } from '../core/snapshot.ts'
import { emptyState, type Fleet, type State } from '../core/state.ts'
import type { Journal } from '../ports.ts'
import { answers } from '../report/model.ts'
import { createEventNumbers } from './eventNumbers.ts'

type Of<K extends Fact['kind']> = Extract<Fact, { kind: K }>
export type Verdict = { readonly atMs: Instant; readonly leaf: number; readonly fact: Of<'verified'> }
/** What the journal says of one event, from its signal until its load is back. Columns are by charger number. */
export type EventFacts = {
  readonly no: EventNo
  /** The last revision that had intervals. */
  readonly event: GridEvent
  readonly signal: { readonly atMs: Instant; readonly leaf: number }
  readonly cancelledS: Second
  readonly accepted: Extract<Decision, { kind: 'accepted' }> | null
  readonly declined: string | null
  readonly programme: Programme | null
  /** The network as it was then. */
  readonly fleet: Fleet
  readonly members: Uint32Array
  /** 1 where it may not be used. */
  readonly excluded: Uint8Array
  readonly verdicts: readonly Verdict[]
  readonly told: Told
}
export type Told = {
  readonly commands: number
  readonly outcomes: Readonly<Record<string, number>>
  /** NaN: never. */
  readonly commandedMs: Float64Array
  readonly answeredMs: Float64Array
  /** Index in `answers`: what became of the last command. */
  readonly answer: Uint8Array
  /** The lowest limit that it was ever told because of the event, W; NaN: none. */
  readonly limitW: Float64Array
}

/** A leaf's text is looked at before it is decoded: most of a log is of no concern here. */
const concern = /"kind":"(?:opened|fleet|programme|signal|outage|accepted|declined|planned|sent|outcome|verified)"/
/** So long after the end commands still belong to it: load comes back. */
const AFTER_S = 3_600

/** @param wanted the event's id or its number. Reads the whole journal once; the newest event of an id counts. Undefined where there is none. */
export async function factsOf(journal: Pick<Journal, 'read' | 'blob'>, wanted: string): Promise<EventFacts | undefined> {
  const scan = createScan(wanted)
  let leafNo = 0
  for await (const leaves of journal.read(0))
    for (const leaf of leaves) {
      const at = leafNo++
      if (!concern.test(Buffer.from(leaf.buffer, leaf.byteOffset, leaf.byteLength).toString('latin1'))) continue
      const bodies = new Map<HashHex, Uint8Array | undefined>()
      for (const hash of blobsOf(leaf)) bodies.set(hash, await journal.blob(hash))
      const entry = decode(leaf, hash => bodies.get(hash) ?? new Uint8Array(0))
      scan.take(entry.fact, entry.at, at)
    }
  return scan.result()
}

/** What a pack of one event cannot know by itself: its number, and the fleet and programmes that a log began with. */
export type Known = {
  readonly no: EventNo
  readonly id: string
  readonly fleet: Fleet | undefined
  readonly programme: Programme | undefined
}
/** The same from the entries of one event alone, in order. */
export function factsIn(entries: Iterable<{ readonly fact: Fact; readonly at: Instant; readonly leaf: number }>, known: Known) {
  let isNew = true
  const numbers = {
    signal({ id }: GridEvent) {
      const answer = { no: id === known.id ? known.no : -1, isNew }
      if (id === known.id) isNew = false
      return answer
    },
    begun() {},
    own() {},
  }
  const scan = createScan(known.id, numbers, known)
  for (const { fact, at, leaf } of entries) if (fact.kind !== 'opened') scan.take(fact, at, leaf)
  return scan.result()
}

type Found = {
  no: EventNo
  event: GridEvent
  signal: { atMs: Instant; leaf: number }
  cancelledS: Second
  accepted: Extract<Decision, { kind: 'accepted' }> | null
  declined: string | null
  programme: Programme | null
  excluded: Uint8Array
}

type Numbers = ReturnType<typeof createEventNumbers>
function createScan(wanted: string, numbers: Numbers = createEventNumbers(), began: Partial<Known> = {}) {
  let fleet: Fleet = began.fleet ?? emptyState().fleet
  const programmes = new Map<string, Programme>(began.programme ? [[began.programme.id, began.programme]] : [])
  let found: Found | undefined
  let verdicts: Verdict[] = []
  let told = createTold()

  const isWanted = (no: EventNo, id: string): boolean => id === wanted || String(no) === wanted
  const isPast = (atMs: Instant): boolean => found !== undefined && atMs > (endOf(found) + AFTER_S) * 1000
  function begin(no: EventNo, event: GridEvent, atMs: Instant, leaf: number) {
    found = {
      no,
      event,
      signal: { atMs, leaf },
      cancelledS: NEVER_S,
      accepted: null,
      declined: null,
      programme: null,
      excluded: new Uint8Array(0),
    }
    verdicts = []
    told = createTold()
  }
  function opened(state: State) {
    fleet = state.fleet
    for (const programme of state.programmes.values()) programmes.set(programme.id, programme)
    numbers.begun(state)
  }
  function signal(event: GridEvent, atMs: Instant, leaf: number) {
    const { no, isNew } = numbers.signal(event, atMs)
    if (!isWanted(no, event.id)) return
    if (isNew || found === undefined) return begin(no, event, atMs, leaf)
    if (event.revision <= found.event.revision) return
    if (event.intervals.length > 0) found = { ...found, event, cancelledS: NEVER_S, declined: null }
    else {
      found.cancelledS = Math.min(found.cancelledS, Math.floor(atMs / 1000))
      found.event = { ...found.event, revision: event.revision }
    }
  }
  function accepted(fact: Extract<Decision, { kind: 'accepted' }>) {
    if (!found || found.no !== fact.event) return
    found.accepted = fact
    const terms = programmes.get(found.event.programme)
    found.programme = terms?.version === fact.programmeVersion ? terms : (terms ?? null)
    found.excluded = new Uint8Array(fleet.chargers)
    for (const charger of fact.excluded) found.excluded[charger] = 1
  }
  return {
    take(fact: Fact, atMs: Instant, leaf: number): void {
      if (fact.kind === 'fleet' && !isPast(atMs)) fleet = withChanges(fleet, fact.nodes, fact.chargers)
      else if (fact.kind === 'opened') opened(fromBytes(fact.state))
      else if (fact.kind === 'programme') programmes.set(fact.programme.id, fact.programme)
      else if (fact.kind === 'signal') signal(fact.event, atMs, leaf)
      else if (fact.kind === 'outage') {
        numbers.own(fact.event)
        if (isWanted(fact.event, outageEvent(fact).id)) begin(fact.event, outageEvent(fact), atMs, leaf)
      } else if (fact.kind === 'accepted') accepted(fact)
      else if (fact.kind === 'declined' && found?.no === fact.event) found.declined = fact.why
      else if (fact.kind === 'verified' && found?.no === fact.verification.event) verdicts.push({ atMs, leaf, fact })
      else if (found === undefined || isPast(atMs)) return
      else if (fact.kind === 'planned') told.planned(fact.schedules, found.no)
      else if (fact.kind === 'sent') told.sent(fact.who, fact.seq, atMs)
      else if (fact.kind === 'outcome') told.outcome(fact, atMs)
    },
    result(): EventFacts | undefined {
      if (found === undefined) return undefined
      const members = chargersOf(fleet, rangesOf(fleet, found.event.targets)).slice().sort()
      const excluded = new Uint8Array(fleet.chargers)
      excluded.set(found.excluded.subarray(0, fleet.chargers))
      return { ...found, excluded, fleet, members, verdicts, told: told.result(fleet.chargers) }
    },
  }
}
const endOf = ({ event, cancelledS }: Found): Second => Math.min(cancelledS, event.intervals.at(-1)?.toS ?? 0)

/** Who was told what because of one event, when, and what came back. */
function createTold() {
  let commands = 0
  const outcomes: Record<string, number> = {}
  const limits = new Map<number, number>()
  /** Chargers whose present schedule has the event in it. */
  const acts = new Set<number>()
  const out = new Map<number, { seq: number; commandedMs: number; answeredMs: number; answer: number }>()
  return {
    planned({ who, ends, limitW, because }: ScheduleColumns, event: EventNo) {
      for (let k = 0; k < who.length; k++) {
        const charger = who[k]!
        let lowestW = Infinity
        for (let s = k === 0 ? 0 : ends[k - 1]!; s < ends[k]!; s++) if (because[s] === event) lowestW = Math.min(lowestW, limitW[s]!)
        if (lowestW === Infinity) acts.delete(charger)
        else {
          acts.add(charger)
          limits.set(charger, Math.min(lowestW, limits.get(charger) ?? Infinity))
        }
      }
    },
    sent(who: Uint32Array, seq: Uint16Array, atMs: Instant) {
      for (let k = 0; k < who.length; k++) {
        const charger = who[k]!
        if (!acts.has(charger)) continue
        commands++
        const before = out.get(charger)
        out.set(charger, {
          seq: seq[k]!,
          commandedMs: before?.commandedMs ?? atMs,
          answeredMs: before?.answeredMs ?? Number.NaN,
          answer: answers.indexOf('sent'),
        })
      }
    },
    outcome({ who, seq, what }: Of<'outcome'>, atMs: Instant) {
      for (let k = 0; k < who.length; k++) {
        const command = out.get(who[k]!)
        if (command === undefined || command.seq !== seq[k]) continue
        const kind = outcomeKinds[what[k]!]!
        outcomes[kind] = (outcomes[kind] ?? 0) + 1
        command.answer = answers.indexOf(kind)
        if ((kind === 'accepted' || kind === 'rejected') && Number.isNaN(command.answeredMs)) command.answeredMs = atMs
      }
    },
    result(chargers: number): Told {
      const told = {
        ...{ commands, outcomes, answer: new Uint8Array(chargers), limitW: new Float64Array(chargers).fill(Number.NaN) },
        ...{ commandedMs: new Float64Array(chargers).fill(Number.NaN), answeredMs: new Float64Array(chargers).fill(Number.NaN) },
      }
      for (const [charger, limitW] of limits) told.limitW[charger] = limitW
      for (const [charger, c] of out) {
        told.commandedMs[charger] = c.commandedMs
        told.answeredMs[charger] = c.answeredMs
        told.answer[charger] = c.answer
      }
      return told
    },
  }
}
