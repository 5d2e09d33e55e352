import { referencesOf } from '../audit/references.ts'
import { names, readable, sha256Hex } from './evidenceFiles.ts'
import { isAbout } from './evidenceMembers.ts'
import { type CheckLine, failed, notPossible, type Pack, said, storyOf } from './evidencePack.ts'
import { readme } from './evidenceReadme.ts'

/**
 * Files that nothing in the log vouches for, however well they stand in the manifest: readings of an entry that has none, a message that was left out,
 * a verdict beside the verdict. Refused where this version made the pack; another may have made files that this one does not know, and that is said.
 */
export function strayLines(pack: Pack, version: string | undefined): readonly CheckLine[] {
  const known = knownIn(pack)
  const strays = Object.keys(pack.files).filter(name => !known.has(name) && !name.startsWith('report/'))
  const isOwn = pack.manifest.version === version
  if (!isReadmeOf(pack) && pack.files[names.readme]) strays.push(names.readme)
  if (strays.length === 0) return []
  const why = `nothing in the log says what these say: ${said(strays)}`
  return [
    isOwn
      ? failed('other files', why)
      : notPossible('other files', `${why} (of version ${pack.manifest.version}, this is ${version ?? 'none'})`),
  ]
}

function knownIn(pack: Pack): ReadonlySet<string> {
  const known = new Set<string>([names.readme, names.manifest, names.checkpoint, names.seed])
  for (const { leaf, bytes } of pack.leaves)
    for (const name of [names.entry(leaf), names.proof(leaf), ...referencesOf(bytes).blobs.map(names.blob)]) known.add(name)
  const story = storyOf(pack)
  for (const entry of pack.entries) {
    const { fact, leaf } = entry
    const isOf =
      fact.kind === 'signal'
        ? fact.event.id === story?.id
        : fact.kind === 'verified'
          ? fact.verification.event === story?.no
          : story && isAbout(entry, story)
    if (isOf) for (const name of Object.keys(readable(fact, leaf))) known.add(name)
  }
  return known
}
/** Its words follow from the event and the version; nothing else could be said in it. */
function isReadmeOf({ files, manifest: { event, version } }: Pack): boolean {
  const hash = sha256Hex(files[names.readme] ?? '')
  return [true, false].some(withoutRaw => sha256Hex(readme(event, { version, withoutRaw })) === hash)
}
