import { canonicalJson } from '../core/codec.ts'
import type { Second } from '../core/model.ts'
import { rulesetOf } from '../core/verify/eventDays.ts'
import { type Nominations, nominatedFor } from '../core/verify/nominated.ts'
import { createMembers, whyNoFleet } from './evidenceMembers.ts'
import { type CheckLine, notPossible, okUnless, only, type Pack, type Story, whyMissing } from './evidencePack.ts'

/** Did the units say what the verdict took for their baseline, and in time? */
export function nominationLine(pack: Pack, story: Story): readonly CheckLine[] {
  const what = 'nominations'
  const verified = only(pack, 'verified').find(e => e.fact.verification.event === story.no && e.fact.terms?.nominated)
  if (!verified) return []
  const gone = [verified, ...only(pack, 'nominated')].find(e => e.missing.length > 0)
  const why = whyNoFleet(pack) ?? (gone && whyMissing(pack, gone))
  if (why) return [notPossible(what, why)]
  const { terms, who } = verified.fact
  const members = createMembers(story)
  for (const { leaf, fact } of pack.entries) if (leaf < verified.leaf) members.take(fact)
  const fleet = members.fleet()
  if (who.some(i => i >= fleet.chargers)) return [notPossible(what, 'chargers came under the targets after the event')]
  const { nominated: recorded, ruleset: ref, window, rules } = terms!
  const ruleset = rulesetOf(ref)
  if (!ruleset) return [notPossible(what, 'the ruleset is not known to this release')]
  const again = nominatedFor(
    { fleet, nominations: nominationsIn(pack, verified.leaf) },
    members.event().targets,
    who,
    window,
    ruleset,
    rules.periodS,
  )
  const wrong =
    canonicalJson(again) === canonicalJson(recorded) ? [] : [`entry ${verified.leaf} has other baselines than the units nominated in time`]
  return [
    okUnless(
      what,
      wrong,
      `${again.node.length} units, each recorded by its deadline; ${again.ignored.length} came too late and do not count`,
    ),
  ]
}
/** As the bridge had them when it verified. */
function nominationsIn(pack: Pack, before: number): Nominations {
  const out: Nominations = new Map()
  for (const { leaf, at, fact } of only(pack, 'nominated')) {
    const atS: Second = Math.floor(at / 1000)
    if (leaf < before) out.set(fact.node, [...(out.get(fact.node) ?? []), { fromS: fact.fromS, stepS: fact.stepS, meanW: fact.meanW, atS }])
  }
  return out
}
