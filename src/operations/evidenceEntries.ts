import { type Entry, evidenceOf } from '../core/codec.ts'
import type { ChargerNo, EventNo, Fact, GridEvent, HashHex, Instant } from '../core/model.ts'
import { outageEvent } from '../core/outage.ts'
import { fromBytes } from '../core/snapshot.ts'
import type { State } from '../core/state.ts'
import { createEventNumbers } from './eventNumbers.ts'

type Of<K extends Fact['kind']> = Extract<Fact, { kind: K }>

/** A leaf with its place. `own`: it is of this event, so its blobs belong to the evidence; else its words alone. */
export type Picked = { readonly leaf: number; readonly bytes: Uint8Array; readonly own: boolean; readonly others: ReadonlySet<EventNo> }
export type Concerned = {
  readonly no: EventNo
  readonly event: GridEvent
  /** By leaf, ascending. */
  readonly entries: readonly Picked[]
  /** Of the turn that took the signal. */
  readonly firstOfTurn: number
  /** What committed to its key before; undefined: the log is of an earlier release. */
  readonly keys: Of<'keyCommitted'> | undefined
  /** Blobs that are gone by the word of the log. */
  readonly gone: ReadonlyMap<HashHex, 'erased' | 'expired'>
  /** What the log began with, where it follows another. */
  readonly opened: State | undefined
}

/** Leaves with none of these are of no concern; looking at their text is cheaper than decoding it. Whatever names an event may be of this one. */
const concern =
  /"event":|"keyRotated"|"kind":"(?:keyCommitted|opened|fleet|programme|planned|sent|outcome|refused|forced|optOut|optIn|nominated|erased|expired)"/
export const isOfConcern = (text: string): boolean => concern.test(text) || (text.includes('"kind":"noted"') && text.includes('"charger":'))

/**
 * Picks the entries that the evidence of one event consists of, while the log is read once. `wanted` is the event's id or number; the newest event of an
 * id counts, as in a report.
 */
export function createPicker(wanted: string) {
  const numbers = createEventNumbers()
  const commitments: { picked: Picked; fact: Of<'keyCommitted'> }[] = []
  /** Up to the first commitment, so that the pack shows that there is none before it. */
  const beginning: Picked[] = []
  const fleets: Picked[] = []
  const programmes = new Map<string, Picked>()
  const always: Picked[] = []
  const nominated: { picked: Picked; fact: Of<'nominated'> }[] = []
  const gone = new Map<HashHex, { why: 'erased' | 'expired'; picked: Picked }>()
  let opened: State | undefined
  let turn = { no: -1, first: 0, bytes: new Uint8Array(0) as Uint8Array, before: undefined as Uint8Array | undefined }
  let last: Uint8Array | undefined
  let own: ReturnType<typeof createOwn> | undefined

  function begin(no: EventNo, event: GridEvent) {
    own = createOwn(no, event, { ...turn })
  }
  /** Is it of the event? Its first begins it. */
  function signal({ event }: Of<'signal'>, atMs: Instant): boolean {
    const { no, isNew } = numbers.signal(event, atMs)
    if ((event.id === wanted || String(no) === wanted) && (isNew || own === undefined)) begin(no, event)
    return no === own?.no
  }
  function pick(fact: Fact, atMs: Instant, picked: Picked): void {
    if (fact.kind === 'keyCommitted') commitments.push({ picked: { ...picked, own: true }, fact })
    else if (fact.kind === 'fleet') fleets.push({ ...picked, own: true })
    else if (fact.kind === 'opened') {
      opened = fromBytes(fact.state)
      numbers.begun(opened)
      always.push(picked)
    } else if (fact.kind === 'programme') programmes.set(fact.programme.id, { ...picked, own: true })
    else if (fact.kind === 'nominated') nominated.push({ picked: { ...picked, own: true }, fact })
    else if (fact.kind === 'noted' && fact.what === 'keyRotated') always.push(picked)
    else if (fact.kind === 'erased' || fact.kind === 'expired') for (const hash of fact.blobs) gone.set(hash, { why: fact.kind, picked })
    else {
      if (fact.kind === 'signal' && !signal(fact, atMs)) return
      if (fact.kind === 'outage') {
        numbers.own(fact.event)
        if (outageEvent(fact).id === wanted || String(fact.event) === wanted) begin(fact.event, outageEvent(fact))
      }
      const programme = fact.kind === 'accepted' && fact.event === own?.no ? programmes.get(own.event.programme) : undefined
      if (programme) own!.put(programme)
      own?.take(fact, picked)
    }
  }
  return {
    /** Every leaf in order; `entry` only of those of concern. */
    take(leaf: number, bytes: Uint8Array, turnNo: number, entry: Entry | undefined): void {
      if (turnNo !== turn.no) turn = { no: turnNo, first: leaf, bytes, before: last }
      last = bytes
      if (leaf < BEGINNING && commitments.length === 0) beginning.push({ leaf, bytes, own: false, others: new Set() })
      if (entry) pick(entry.fact, entry.at, { leaf, bytes, own: false, others: otherEvents(entry.fact, own?.no) })
    },
    result(): Concerned | undefined {
      if (!own) return undefined
      const { no, event, began, drawnAt, verified, entries } = own.result()
      const chosen = new Map<number, Picked>(always.map(p => [p.leaf, p]))
      if (began.before) chosen.set(began.first - 1, { leaf: began.first - 1, bytes: began.before, own: false, others: new Set() })
      chosen.set(began.first, { leaf: began.first, bytes: began.bytes, own: false, others: new Set() })
      if (commitments.length > 0) for (const p of beginning) chosen.set(p.leaf, p)
      for (const p of fleets) if (p.leaf < drawnAt) chosen.set(p.leaf, p)
      const earlier = commitments.filter(c => c.picked.leaf < began.first && covers(c.fact, no))
      for (const { picked } of [...commitments.slice(0, 1), ...earlier]) chosen.set(picked.leaf, picked)
      for (const { picked, fact } of nominated) if (verified && bearsOn(fact, verified)) chosen.set(picked.leaf, picked)
      for (const p of entries) chosen.set(p.leaf, p)
      const goneHere = new Map<HashHex, 'erased' | 'expired'>()
      for (const p of [...chosen.values()])
        for (const { hash } of p.own ? evidenceOf(p.bytes) : []) {
          const found = gone.get(hash)
          if (!found) continue
          goneHere.set(hash, found.why)
          chosen.set(found.picked.leaf, found.picked)
        }
      return {
        no,
        event,
        entries: [...chosen.values()].sort((a, b) => a.leaf - b.leaf),
        firstOfTurn: began.first,
        keys: inForce(earlier, c => c.picked.leaf <= beginning.length)?.fact,
        gone: goneHere,
        opened,
      }
    },
  }
}
/** Is a nomination of a unit whose word the verdict took, or did not take because it came too late? Those of others are nobody's business. */
function bearsOn({ node, fromS, stepS, meanW }: Of<'nominated'>, { terms, verification: { window } }: Of<'verified'>): boolean {
  const isOfUnit = terms?.nominated?.node.includes(node) || terms?.nominated?.ignored.includes(node)
  return isOfUnit === true && fromS < window.toS && fromS + stepS * meanW.length > window.fromS
}
/** Which command of a charger an answer is to: `seq` has 16 bits. */
export const commandOf = (charger: ChargerNo, seq: number): number => charger * 65_536 + seq

/** How many entries a log may have before its first commitment: what it follows, a key that was changed before the first start. */
const BEGINNING = 8
export const covers = ({ from, hashes, count }: Of<'keyCommitted'>, no: EventNo): boolean =>
  from !== undefined && no >= from && no < from + (count ?? (hashes?.length ?? 0) / 32)
/**
 * Which of several commitments to the key of one event counts: the first, where it is known to be the first, because nothing that is added to a log can
 * come before its beginning. Else the newest: the operator may have replaced the key of all keys.
 */
export const inForce = <C>(commitments: readonly C[], isAtBeginning: (c: C) => boolean): C | undefined =>
  commitments[0] && isAtBeginning(commitments[0]) ? commitments[0] : commitments.at(-1)

/** Other events whose schedules stand in a fact: as long as one of them is not over, its instants are nobody's business. */
function otherEvents(fact: Fact, own: EventNo | undefined): ReadonlySet<EventNo> {
  const columns = fact.kind === 'planned' ? fact.schedules : fact.kind === 'sent' ? fact.fitted : undefined
  return new Set(Array.from(columns?.because ?? []).filter(no => no !== own))
}

type Began = { readonly first: number; readonly bytes: Uint8Array; readonly before: Uint8Array | undefined }
/** What is of one event, from its signal on. A plan, a command or an answer is when it touches whoever is limited by the event, or let go from it. */
function createOwn(no: EventNo, event: GridEvent, began: Began) {
  const entries = new Map<number, Picked>()
  const acts = new Set<ChargerNo>()
  const letGo = new Set<ChargerNo>()
  const pending = new Set<number>()
  let drawnAt = 0
  let verified: Of<'verified'> | undefined

  function planned({ schedules: { who, ends, because } }: Of<'planned'>): boolean {
    let isOwn = false
    for (let k = 0; k < who.length; k++) {
      const charger = who[k]!
      const now = because.subarray(k === 0 ? 0 : ends[k - 1]!, ends[k]!).includes(no)
      if (!now && !acts.has(charger)) continue
      isOwn = true
      if (now) acts.add(charger)
      else if (acts.delete(charger)) letGo.add(charger)
    }
    return isOwn
  }
  function sent({ who, seq }: Of<'sent'>): boolean {
    let isOwn = false
    who.forEach((charger, k) => {
      if (!acts.has(charger) && !letGo.delete(charger)) return
      pending.add(commandOf(charger, seq[k]!))
      isOwn = true
    })
    return isOwn
  }
  function outcome({ who, seq }: Of<'outcome'>): boolean {
    let isOwn = false
    who.forEach((charger, k) => {
      if (pending.has(commandOf(charger, seq[k]!))) isOwn = true
    })
    return isOwn
  }
  const touches = (who: Uint32Array): boolean => who.some(i => acts.has(i))
  function isOwn(fact: Fact): boolean {
    switch (fact.kind) {
      case 'signal':
        return fact.event.id === event.id
      case 'planned':
        return planned(fact)
      case 'sent':
        return sent(fact)
      case 'outcome':
        return outcome(fact)
      case 'refused':
      case 'forced':
      case 'optOut':
      case 'optIn':
        return touches(fact.who)
      case 'noted': {
        const { event: about, charger } = fact.about
        return about === no || about === event.id || (typeof charger === 'number' && acts.has(charger))
      }
      case 'verified':
        return fact.verification.event === no
      default:
        return 'event' in fact && fact.event === no
    }
  }
  return {
    no,
    event,
    /** What stands before its signal. */
    put: (picked: Picked) => entries.set(picked.leaf, picked),
    take(fact: Fact, picked: Picked): void {
      if (!isOwn(fact)) return
      entries.set(picked.leaf, { ...picked, own: true })
      if (fact.kind === 'verified') verified = fact
      if (fact.kind === 'accepted' || fact.kind === 'joined' || fact.kind === 'paced' || fact.kind === 'outage') drawnAt = picked.leaf
    },
    result: () => ({ no, event, began, drawnAt, verified, entries: [...entries.values()] }),
  }
}
