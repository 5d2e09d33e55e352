import { type DrawnBoxes, heldOut as drawnAgain, drawnBoxes, isByGroup } from '../core/holdOut.ts'
import { ranksFor, spansOf } from '../core/late.ts'
import { exclusions, type Fact, type Programme } from '../core/model.ts'
import { outageSeed } from '../core/outage.ts'
import { withDefaults } from '../core/programme.ts'
import { grown } from '../core/rows.ts'
import { isStanding } from '../core/standing.ts'
import type { RulesetRef } from '../core/verify/record.ts'
import { createMembers, whyNoFleet } from './evidenceMembers.ts'
import { type CheckLine, notPossible, okUnless, type Pack, type Read, type Story, whyMissing } from './evidencePack.ts'

type Of<K extends Fact['kind']> = Extract<Fact, { kind: K }>
type Drawing = Of<'accepted'> | Of<'joined'> | Of<'paced'> | Of<'outage'>
const isDrawing = (entry: Read, no: number): entry is Read<Drawing> =>
  ['accepted', 'joined', 'paced', 'outage'].includes(entry.fact.kind) && (entry.fact as Drawing).event === no

function seedIn({ outage, signals }: Story): Uint8Array | undefined {
  if (outage) return outageSeed(outage.fact)
  const seed = signals[0]?.fact.seed
  return seed && seed.length > 0 ? seed : undefined
}
/** What has to be there before anything can be drawn again. */
function whyNot(pack: Pack, story: Story): string | undefined {
  return whyNoFleet(pack) ?? (seedIn(story) === undefined ? whyMissing(pack, story.began) : undefined)
}

/** The random delays, drawn again from the seed as the planner drew them (`core/judge`, `core/late`), and compared with the ranks that were recorded. */
export function offsetsLine(pack: Pack, story: Story): CheckLine {
  const what = 'random delays'
  const draws = pack.entries.filter(e => isDrawing(e, story.no))
  if (draws.length === 0) return notPossible(what, 'the event was declined: nothing was drawn')
  const why = whyNot(pack, story)
  if (why) return notPossible(what, why)
  const gone = draws.find(e => e.missing.length > 0)
  if (gone) return notPossible(what, whyMissing(pack, gone))
  const redraw = createRedraw(story, seedIn(story)!)
  const wrong = pack.entries.flatMap(entry => redraw.take(entry))
  const count = redraw.drawn()
  return okUnless(
    what,
    wrong,
    count === 0 ? 'none: all were to move at once' : `drawn again from the seed, ${count} of ${count} as recorded`,
  )
}

function createRedraw(story: Story, seed: Uint8Array) {
  const members = createMembers(story)
  let ranks = { start: new Uint16Array(0), end: new Uint16Array(0) }
  let count = 0
  /** Ranks by charger number as they must be; undefined: none were recorded, and none need be. */
  function again(label: 'start' | 'end'): Uint16Array {
    return ranksFor(members.fleet(), spansOf(members.fleet(), members.used()), seed, label, ranks[label])
  }
  function whole(leaf: number, label: 'start' | 'end', recorded: Uint16Array, isSpread: boolean): string[] {
    if (recorded.length === 0) {
      return isSpread && again(label).length > 0 ? [`entry ${leaf} spreads the ${label}, and has no ranks for it`] : []
    }
    const own = again(label)
    ranks = { ...ranks, [label]: recorded }
    count += members.used().length
    return differing(own, recorded, members.used()).map(i => `entry ${leaf}: the ${label} of charger ${i} is not what the seed gives`)
  }
  function joined(leaf: number, { who, startRank, endRank }: Of<'joined'>): string[] {
    return (['start', 'end'] as const).flatMap(label => {
      const recorded = label === 'start' ? startRank : endRank
      if (recorded.length === 0) return ranks[label].length > 0 ? [`entry ${leaf} has no ranks for who came late`] : []
      const own = again(label)
      const n = members.fleet().chargers
      const next = grown(ranks[label], n).slice(0, n)
      who.forEach((i, k) => (next[i] = recorded[k]!))
      ranks = { ...ranks, [label]: next }
      count += who.length
      return Array.from(who).flatMap((i, k) =>
        (own[i] ?? 0) === recorded[k] ? [] : [`entry ${leaf}: the ${label} of charger ${i}, which came late, is not what the seed gives`],
      )
    })
  }
  return {
    drawn: () => count,
    take(entry: Read): string[] {
      const { leaf, fact } = entry
      members.take(fact)
      if (!isDrawing(entry, story.no)) return []
      if (fact.kind === 'joined') return joined(leaf, fact)
      if (fact.kind === 'paced' || fact.kind === 'outage') return whole(leaf, 'end', fact.endRank, false)
      const { spread, startRank, endRank } = fact as Of<'accepted'>
      return [
        ...whole(leaf, 'start', startRank, spread.startS > 0),
        ...whole(leaf, 'end', endRank, !spread.endFollowsStart && spread.endS > 0),
      ]
    },
  }
}
const differing = (own: Uint16Array, recorded: Uint16Array, who: Uint32Array): number[] =>
  Array.from(who).filter(i => (own[i] ?? 0) !== (recorded[i] ?? 0))

/** Was the control group drawn, or picked by hand? */
export function controlLine(pack: Pack, story: Story): readonly CheckLine[] {
  const what = 'control group'
  const why = whyNot(pack, story)
  const members = createMembers(story)
  const wrong: string[] = []
  let programme: Programme | undefined
  let [isAny, size] = [false, 0]
  let ruleset: RulesetRef | undefined
  const out = new Set<number>()
  // a box is drawn once in an event's life; of those that came after `known` chargers nobody was kept out
  let drawn: DrawnBoxes = new Map()
  let known = 0
  for (const { leaf, fact } of pack.entries) {
    if (fact.kind === 'programme' && fact.programme.id === story.event.programme) programme = withDefaults(fact.programme)
    if (!why) members.take(fact)
    if ((fact.kind !== 'accepted' && fact.kind !== 'joined') || fact.event !== story.no) continue
    const event = members.event()
    const share = event.class === 'emergency' || isStanding(event) ? 0 : (programme?.holdOut ?? 0)
    const heldOut = heldOutBy(fact)
    if (!programme && event.class !== 'emergency' && !why)
      return [notPossible(what, `the programme ${event.programme} is not in the pack: whether it holds anybody out is not shown`)]
    if (share === 0 && heldOut.size === 0) continue
    isAny = true
    if (why) return [notPossible(what, why)]
    if (fact.kind === 'accepted') ruleset = fact.ruleset
    const all = members.all()
    const control = drawnAgain(members.fleet(), all, { holdOut: share }, seedIn(story)!, ruleset, drawn)
    const isNew = fact.kind === 'accepted' ? undefined : new Set(fact.who)
    all.forEach((i, m) => {
      if (isNew && !isNew.has(i)) return
      if (control[m] === 0 && heldOut.has(i)) wrong.push(`entry ${leaf} holds charger ${i} out, which was not drawn`)
      // an earlier release drew nobody of those who came late
      const isUsed = fact.kind === 'accepted' && !members.excluded.has(i)
      if (control[m] === 1 && isUsed) wrong.push(`entry ${leaf} uses charger ${i}, which was drawn for the control group`)
    })
    if (fact.kind === 'accepted') out.clear()
    for (const i of heldOut) out.add(i)
    if (fact.kind === 'accepted' || fact.why.some(code => code !== 0)) known = fact.why.length === 0 ? 0 : members.fleet().chargers
    const isKnown = (i: number) => i < known
    const wasOut = (i: number) => (out.has(i) ? 'heldOut' : members.excluded.has(i) ? 'otherwise' : null)
    drawn = isByGroup(ruleset) ? drawnBoxes(members.fleet(), all.filter(isKnown), wasOut) : new Map()
    size = out.size
  }
  return isAny ? [okUnless(what, wrong, `${size} chargers, drawn again from the seed`)] : []
}
const HELD_OUT = exclusions.indexOf('heldOut')
function heldOutBy(fact: Of<'accepted'> | Of<'joined'>): ReadonlySet<number> {
  const [who, code] = fact.kind === 'accepted' ? [fact.excluded, HELD_OUT] : [fact.who, 1 + HELD_OUT]
  return new Set(Array.from(who).filter((_, k) => fact.why[k] === code))
}
