import { type DistributeEvent, isTest, type Oadr20bEvent } from '../../adapters/signals/openadr2b/event.ts'
import { createJudge } from '../../adapters/signals/openadr2b/judge.ts'
import { createKnown } from '../../adapters/signals/openadr2b/known.ts'
import { parse } from '../../adapters/signals/openadr2b/messages.ts'
import type { Market } from '../../adapters/signals/openadr2b/options.ts'
import { WireError } from '../../adapters/signals/openadr2b/xml.ts'
import type { Second, Target } from '../../src/core/model.ts'
import type { Engine } from '../../src/engine.ts'

/** One form of an event (a modification of it) in a message that an operator handed over; `raw` is the message. */
export type Form = { readonly event: Oadr20bEvent; readonly raw: Uint8Array; readonly atS: Second }
/** Where in a file, and what is wrong there. */
export type FormFault = { readonly path: string; readonly value: string; readonly why: string }

/** The forms of events in one oadrDistributeEvent, or what is wrong with it: the message as a whole, or each event that cannot be read. */
export function formsIn(raw: Uint8Array): { readonly forms: readonly Form[]; readonly faults: readonly FormFault[] } {
  const no = (why: string, path = '/', value = '') => ({ forms: [], faults: [{ path, value, why }] })
  try {
    const message = parse(raw)
    if (message.kind !== 'oadrDistributeEvent')
      return no('is no oadrDistributeEvent', '/', message.kind === 'other' ? message.name : message.kind)
    if (message.response && !message.response.code.startsWith('2'))
      return no('is an answer with an error, which lists no events', '/eiResponse', message.response.code)
    if (message.events.length === 0) return no('has no event')
    return {
      forms: message.events.flatMap(e => (e.ok ? [{ event: e.event, raw, atS: madeS(e.event) }] : [])),
      faults: message.events.flatMap(e =>
        e.ok ? [] : [{ path: e.error.path, value: e.error.value, why: `${e.error.code}, event ${e.eventID ?? 'without an ID'}` }],
      ),
    }
  } catch (error) {
    if (error instanceof WireError) return no(error.code, error.path || '/', error.value)
    throw error
  }
}
/** When it was made: a message has no time of its own. Two stacks differ in what they do with `createdDateTime` of a modification; its own time is preferred. */
const madeS = ({ modificationNumber, modificationDateTimeMs, createdMs }: Oadr20bEvent): Second =>
  Math.ceil((modificationNumber > 0 ? (modificationDateTimeMs ?? createdMs) : createdMs) / 1000)

export const startS = ({ event }: Form): Second => Math.floor(event.activePeriod.dtstartMs / 1000)
/** Without an end: undefined. */
export const overS = ({ event: { activePeriod: p } }: Form): Second | undefined =>
  p.durationS === 0 ? undefined : Math.floor(p.dtstartMs / 1000) + p.durationS
export const shifted = ({ event, raw, atS }: Form, byS: number): Form => {
  const later = (ms: number | undefined) => (ms === undefined ? undefined : ms + byS * 1000)
  const activePeriod = { ...event.activePeriod, dtstartMs: event.activePeriod.dtstartMs + byS * 1000 }
  const moved = {
    ...event,
    activePeriod,
    createdMs: event.createdMs + byS * 1000,
    modificationDateTimeMs: later(event.modificationDateTimeMs),
  }
  return { event: moved, raw, atS: atS + byS }
}

/** By event in order of their first start, each with its forms in the order in which they are told; the same form twice is one. */
export function byEvent(forms: readonly Form[]): readonly (readonly Form[])[] {
  const events = new Map<string, Map<string, Form>>()
  for (const form of [...forms].sort((a, b) => a.event.modificationNumber - b.event.modificationNumber || a.atS - b.atS)) {
    const { eventID, modificationNumber, status } = form.event
    const known = events.get(eventID) ?? new Map<string, Form>()
    const key = `${modificationNumber} ${status === 'cancelled'}`
    if (!known.has(key)) known.set(key, form)
    events.set(eventID, known)
  }
  return [...events.values()].map(known => [...known.values()]).sort((a, b) => startS(a[0]!) - startS(b[0]!))
}
/** A change is never told before what it changes. `noticeS`: the first form is told so long before its start. */
export function inTime(forms: readonly Form[], noticeS: number | undefined, earliestS: Second): Form[] {
  let lastS = earliestS
  return forms.map((form, k) => {
    const wantedS = k === 0 && noticeS !== undefined ? startS(form) - noticeS : form.atS
    lastS = Math.max(lastS, wantedS)
    return { ...form, atS: lastS }
  })
}

export type HandedOverSetting = {
  readonly peer: string
  readonly venID: string
  readonly markets: readonly Market[]
  /** What an event without targets, or for the VEN itself, is for. */
  readonly fleet: readonly Target[]
  /** The list's own names for places here. */
  readonly resolve: (scheme: string, value: string) => readonly Target[] | undefined
}
/**
 * The VTN of a list: what it has told so far it lists at each poll, as a VTN does, and the product's own VEN judges that. While the bridge is down it is
 * not heard; `poll` when it is back. `answered` is told what became of an event in the VEN's own words.
 */
export function createHandedOver(
  engine: () => Engine | undefined,
  { peer, venID, markets, fleet, resolve }: HandedOverSetting,
  answered: (eventID: string, answer: string) => void,
) {
  const told = new Map<string, Form>()
  let waiting: Form[] = []
  let ven:
    | { readonly of: Engine; readonly judge: ReturnType<typeof createJudge>; readonly known: ReturnType<typeof createKnown> }
    | undefined
  let messages = 0
  function venOf(of: Engine) {
    if (ven?.of === of) return ven
    const known = createKnown(of.registry, peer)
    const bridge = { ...of.bridge, registry: { ...of.registry, resolve } }
    // its source is a file: it never falls silent
    const judge = createJudge({ bridge, known, peer, markets: markets.map(unwatched), fleet: () => fleet, silentAfterS: () => 0 })
    ven = { of, judge, known }
    return ven
  }
  async function poll(): Promise<void> {
    const of = engine()
    if (!of) return
    const { judge, known } = venOf(of)
    for (const form of waiting) {
      const { eventID } = form.event
      told.set(eventID, form)
      const events = [...told.values()].map(f => ({ ok: true, event: f.event }) as const)
      const message: DistributeEvent = { kind: 'oadrDistributeEvent', requestID: `${peer}-${messages++}`, vtnID: peer, events }
      await judge.distribute(message, form.raw, '', { venID, vtnID: peer })
      const verdict = known.event(eventID)
      answered(eventID, verdict ? wordsOf(verdict, isTest(form.event)) : 'not known, so there is nothing to cancel')
    }
    waiting = []
  }
  return {
    poll,
    async tell(form: Form): Promise<void> {
      waiting.push(form)
      if (engine()) await poll()
      else answered(form.event.eventID, 'bridge down')
    },
  }
}
const unwatched = ({ failsafeW: _, failsafeS: __, ...market }: Market): Market => market
function wordsOf({ code, description, optType }: { code: string; description: string; optType: string }, test: boolean): string {
  if (code === '200' && optType === 'optIn')
    return `${description === 'OK' ? 'accepted' : `accepted: ${description.replace(/^OK; /, '')}`}${test ? ' (test)' : ''}`
  return code === '200' ? description : `${code} ${description}`
}
