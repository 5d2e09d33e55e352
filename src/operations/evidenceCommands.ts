import { type ChargerNo, type Fact, outcomeKinds } from '../core/model.ts'
import { chargersAt } from '../core/outage.ts'
import { commandOf } from './evidenceEntries.ts'
import { names, sha256Hex } from './evidenceFiles.ts'
import { createMembers, isAbout, whyNoFleet } from './evidenceMembers.ts'
import { type CheckLine, notPossible, ok, okUnless, type Pack, type Read, type Story, whyMissing } from './evidencePack.ts'

type Of<K extends Fact['kind']> = Extract<Fact, { kind: K }>

/** Are the bytes as received those whose hash was logged before anything was done? */
export function signalLine(pack: Pack, { signals, outage }: Story): CheckLine {
  const what = 'message'
  if (outage) return ok(what, `none: an outage was seen from the chargers (entry ${outage.leaf})`)
  const wrong: string[] = []
  let gone: Read | undefined
  for (const signal of signals) {
    const { leaf, fact } = signal
    if (isRawMissing(signal)) gone ??= signal
    else if (sha256Hex(fact.raw) !== fact.event.rawHash)
      wrong.push(`the message of entry ${leaf} does not have the hash that the entry says`)
    else if (fact.raw.length > 0 && Buffer.compare(pack.files[names.raw(leaf)] ?? new Uint8Array(0), fact.raw) !== 0)
      wrong.push(`${names.raw(leaf)} is not what entry ${leaf} has`)
  }
  if (wrong.length === 0 && gone) {
    const isLeftOut = gone.missing.some(hash => pack.manifest.absent[hash] === 'withoutRaw')
    return notPossible(what, isLeftOut ? 'raw bytes not included' : whyMissing(pack, gone))
  }
  const sizes = signals.map(({ leaf, fact }) => `revision ${fact.event.revision} (entry ${leaf}, ${fact.raw.length} bytes)`)
  return okUnless(what, wrong, `as received: ${sizes.join(', ')}`)
}
const EMPTY = sha256Hex(new Uint8Array(0))
/** An empty message is one as well. */
const isRawMissing = ({ fact, missing }: Read<Of<'signal'>>): boolean =>
  fact.raw.length === 0 && fact.event.rawHash !== EMPTY && missing.length > 0

/** Each revision that asks for something was judged, in the turn that took it; its number is the one that all other entries speak of. */
export function decisionLine(pack: Pack, story: Story): CheckLine {
  const what = 'decision'
  if (story.outage) return ok(what, `decided by itself (entry ${story.outage.leaf})`)
  const judged = pack.entries.filter(
    (e): e is Read<Of<'accepted'> | Of<'declined'>> => ['accepted', 'declined'].includes(e.fact.kind) && isAbout(e, story),
  )
  const wrong: string[] = []
  const words: string[] = []
  let newest = -1
  for (const { leaf, turn, fact } of story.signals) {
    const { revision, intervals } = fact.event
    const isNews = revision > newest
    newest = Math.max(newest, revision)
    if (!isNews) continue
    const own = judged.find(e => e.turn === turn && e.fact.revision === revision)
    if (own?.fact.kind === 'accepted') words.push(`revision ${revision} accepted (entry ${own.leaf})`)
    else if (own?.fact.kind === 'declined') words.push(`revision ${revision} declined, ${own.fact.why} (entry ${own.leaf})`)
    else if (intervals.length === 0) words.push(`cancelled by revision ${revision} (entry ${leaf})`)
    else wrong.push(`revision ${revision} (entry ${leaf}) was neither accepted nor declined in its turn as event ${story.no}`)
  }
  return okUnless(what, wrong, words.join(', '))
}

type Tally = {
  commands: number
  releases: number
  plans: number
  answers: Record<string, number>
  open: number
  wrong: string[]
  otherwise: string[]
}
/** From plan to command to answer. */
function follow(pack: Pack, story: Story): Tally & { gone: Read | undefined; noFleet: string | undefined } {
  const noFleet = whyNoFleet(pack)
  const members = createMembers(story)
  const acts = new Set<ChargerNo>()
  const letGo = new Set<ChargerNo>()
  /** By `commandOf`: the kind of its answer, which may come when the next command is out already; undefined: none yet. */
  const pending = new Map<number, string | undefined>()
  const tally: Tally = { commands: 0, releases: 0, plans: 0, answers: {}, open: 0, wrong: [], otherwise: [] }
  let gone: Read | undefined
  let mayUse = new Set<ChargerNo>()
  for (const entry of pack.entries) {
    const { leaf, fact } = entry
    if (!noFleet) members.take(fact)
    if (['accepted', 'joined', 'outage', 'signal'].includes(fact.kind)) mayUse = noFleet ? mayUse : new Set(members.used())
    if (fact.kind === 'planned') planned(leaf, fact)
    else if (fact.kind === 'sent') sent(leaf, fact)
    else if (fact.kind === 'outcome') outcome(leaf, fact)
    else continue
    // who moves when may be withheld: nothing here needs it
    if (entry.missing.some(hash => pack.manifest.absent[hash] !== 'secret')) gone ??= entry
  }
  for (const kind of pending.values()) if (kind === undefined) tally.open++
  return { ...tally, gone, noFleet }

  /** A box that takes one limit for all its chargers is limited through its first, for any of them. */
  function mayLimit(charger: ChargerNo): boolean {
    const fleet = members.fleet()
    const others = fleet.limitsAtStation[charger] === 1 ? chargersAt(fleet, fleet.station[charger]!) : []
    return [charger, ...others].some(i => mayUse.has(i))
  }
  function planned(leaf: number, { schedules: { who, ends, because } }: Of<'planned'>) {
    let isOwn = false
    who.forEach((charger, k) => {
      const now = because.subarray(k === 0 ? 0 : ends[k - 1]!, ends[k]!).includes(story.no)
      if (now) {
        isOwn = true
        acts.add(charger)
        letGo.delete(charger)
        if (!noFleet && !mayLimit(charger))
          tally.wrong.push(`entry ${leaf} limits charger ${charger}, which is not under the event or may not be used`)
      } else if (acts.delete(charger)) letGo.add(charger)
    })
    if (isOwn) tally.plans++
  }
  function sent(leaf: number, { who, seq, fitted }: Of<'sent'>) {
    who.forEach((charger, k) => {
      if (!acts.has(charger) && !letGo.has(charger)) return
      if (acts.has(charger)) tally.commands++
      else {
        tally.releases++
        letGo.delete(charger)
      }
      const command = commandOf(charger, seq[k]!)
      if (pending.has(command) && pending.get(command) === undefined) tally.open++
      pending.set(command, undefined)
    })
    fitted.who.forEach((charger, k) => {
      const isOwn = fitted.because.subarray(k === 0 ? 0 : fitted.ends[k - 1]!, fitted.ends[k]!).includes(story.no)
      if (isOwn && !acts.has(charger))
        tally.wrong.push(`entry ${leaf} commands charger ${charger} in the name of the event, and no plan does`)
    })
  }
  function outcome(leaf: number, { who, seq, what }: Of<'outcome'>) {
    who.forEach((charger, k) => {
      const command = commandOf(charger, seq[k]!)
      const kind = outcomeKinds[what[k]!] ?? 'unknown'
      const before = pending.get(command)
      if (!pending.has(command)) return
      // what was stored although it seemed to fail is recorded again
      if (before !== undefined && before !== kind)
        tally.otherwise.push(`entry ${leaf} answers command ${seq[k]} of charger ${charger} otherwise than before`)
      if (before !== undefined) return
      pending.set(command, kind)
      tally.answers[kind] = (tally.answers[kind] ?? 0) + 1
    })
  }
}
export function commandsLine(pack: Pack, story: Story): CheckLine {
  const what = 'commands'
  const { commands, releases, plans, wrong, gone, noFleet } = follow(pack, story)
  if (gone) return notPossible(what, whyMissing(pack, gone))
  if (commands + plans === 0) return ok(what, 'none: nobody was limited')
  const why = `${commands} limits and ${releases} releases were sent under ${plans} ${plans === 1 ? 'plan' : 'plans'} of this event`
  if (noFleet && wrong.length === 0) return notPossible(what, `${why}; whether each charger is under it: ${noFleet}`)
  return okUnless(what, wrong, `${why}, each to a charger that is under it and may be used`)
}
export function answersLine(pack: Pack, story: Story): CheckLine {
  const { answers, open, otherwise, gone } = follow(pack, story)
  if (gone) return notPossible('answers', whyMissing(pack, gone))
  const kinds = Object.entries(answers).map(([kind, n]) => `${n} ${kind}`)
  return okUnless('answers', otherwise, `${kinds.join(', ') || 'none'}${open > 0 ? `; ${open} commands without one` : ''}`)
}
