import { canonicalJson } from '../core/codec.ts'
import type { Metered, Verified } from '../core/verify/record.ts'
import { recomputed } from '../core/verify/revision.ts'
import { readingsOf } from '../core/verify/worked.ts'
import { names, readable, verdictJson } from './evidenceFiles.ts'
import { type CheckLine, failed, notPossible, ok, okUnless, only, type Pack, type Read, type Story, whyMissing } from './evidencePack.ts'

type Judged = { readonly verified: Read<Verified>; readonly metered: Read<Metered> | undefined }
const judgedIn = (pack: Pack, { no }: Story): Judged[] =>
  only(pack, 'verified')
    .filter(e => e.fact.verification.event === no)
    .map(verified => ({
      verified,
      metered: only(pack, 'metered').find(m => m.fact.event === no && m.turn === verified.turn),
    }))

const isSame = (file: Uint8Array | undefined, made: Uint8Array): boolean => file !== undefined && Buffer.compare(file, made) === 0

/** Do the tables for people say what the entries say? */
export function readingsLine(pack: Pack, story: Story): CheckLine {
  const what = 'readings'
  const wrong: string[] = []
  const metered = only(pack, 'metered').filter(e => e.fact.event === story.no)
  const gone = metered.find(e => e.missing.length > 0)
  let count = 0
  for (const { leaf, fact } of metered) {
    count += readingsOf(fact).readings.charger.length
    for (const [name, made] of Object.entries(readable(fact, leaf)))
      if (!isSame(pack.files[name], made)) wrong.push(`${name} is not what entry ${leaf} has`)
  }
  if (wrong.length === 0 && gone) return notPossible(what, whyMissing(pack, gone))
  if (metered.length === 0) return notPossible(what, 'the event was not verified: there are none')
  return okUnless(what, wrong, `${count} readings in readings/ are those of the log`)
}

/** Each verdict made again from its readings. */
export function verdictLines(pack: Pack, story: Story): readonly CheckLine[] {
  const all = judgedIn(pack, story)
  if (all.length === 0) return [notPossible('verdict', 'the event was not verified')]
  return all.map((judged, k) => verdictLine(pack, judged, all[k - 1]))
}
function verdictLine(pack: Pack, { verified, metered }: Judged, before: Judged | undefined): CheckLine {
  const { verification } = verified.fact
  const revision = verification.verdictRevision ?? 1
  const what = revision === 1 ? 'verdict' : `verdict, revision ${revision}`
  if (!isSame(pack.files[names.verdict(verified.leaf)], verdictJson(verification)))
    return failed(what, `${names.verdict(verified.leaf)} is not what entry ${verified.leaf} says`)
  if (!metered) return failed(what, `the readings of entry ${verified.leaf} are not in the pack`)
  const gone = [verified, metered].find(e => e.missing.length > 0)
  if (gone) return notPossible(what, whyMissing(pack, gone))
  if (!verified.fact.terms) return notPossible(what, 'decided by an earlier release, which did not record all that it stood on')
  const again = recomputed(verified.fact, metered.fact, before?.verified.fact)
  if (!again) return failed(what, `revision ${revision - 1}, which it stands on, is not in the pack, or the readings are the same`)
  if (canonicalJson(again) !== canonicalJson(verified.fact))
    return failed(
      what,
      `the readings give ${again.verification.verdict}, ${kWh(again.verification.deliveredWh)} delivered, or differ in a column; entry ${verified.leaf} says ${verification.verdict}, ${kWh(verification.deliveredWh)}`,
    )
  return ok(
    what,
    `${verification.verdict}, ${kWh(verification.deliveredWh)} of ${kWh(verification.askedWh)} delivered: made again from the readings, to the last digit`,
  )
}
const kWh = (wh: number): string => `${(wh / 1000).toFixed(1)} kWh`
