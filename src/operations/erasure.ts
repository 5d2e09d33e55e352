import { blobsOf, decode } from '../core/codec.ts'
import type { EventNo, HashHex } from '../core/model.ts'
import { REVIEWED } from '../core/register.ts'
import type { Engine } from '../engine.ts'
import type { Station } from '../ports.ts'
import type { FleetRelease } from './fleetRelease.ts'
import { namesAny, replaced } from './mentions.ts'
import { type By, done, type Result } from './result.ts'
import { type Box, type Breathe, findSubject, leavesWithEvidence, type Person, personOf, textOf } from './subject.ts'
import { isAbout, saysOnlyOf } from './subjectFacts.ts'

export type Erasure = {
  readonly applied: boolean
  readonly subject: 'box' | 'token'
  readonly station: number | null
  readonly chargers: readonly number[]
  /** Of the external world: identity, external ids, aliases, names of nodes that are the box's alone. Counted, never repeated. */
  readonly names: number
  readonly settings: number
  /** Messages, texts and power columns of the log that name the person or are about nobody else. */
  readonly blobs: number
  readonly readings: number
  /** False: a text can still be read in a file; see `hint`. */
  readonly isGone: boolean
  /** Configuration of the box that could not be put back, because it is offline. */
  readonly notUndone: readonly string[]
  /** Whole copies of the state that were made before: this erasure does not reach them. */
  readonly copies: readonly Copy[]
  readonly hint: string
}
/**
 * A copy of the state in which whoever is erased still is: a backup, the archive of a closed log (its messages and texts), or a database that a restore
 * set aside. `until`: from when on it is removed by itself; null: when you remove it. `isSeen`: false where its folder cannot be looked into now.
 */
export type Copy = {
  readonly kind: (typeof copyKinds)[number]
  readonly path: string
  readonly made: string | null
  readonly until: string | null
  readonly isSeen: boolean
}
export const copyKinds = ['backup', 'archive', 'replaced'] as const
export type ErasureRequest = { readonly apply: boolean; readonly also?: readonly string[] | undefined }
/** Sees to it that none of these texts can be read in the store's files. */
export type Scrub = (texts: readonly string[]) => Promise<{ readonly isGone: boolean }>

/** Hashes that fit one log entry of 65,535 bytes, with room to spare. */
const HASHES_PER_FACT = 800
/** A shorter name can stand in any file by chance: the file is rewritten instead of searched. */
const LEAST_SEARCHED = 6

/**
 * Erases a person (GDPR article 17): the box is let go, its messages, texts and power are recorded as erased and removed, then its readings and who it
 * is. Its numbers stay in the log, as schedules and commands of nobody. Whoever it was cannot be found by name afterwards, so names go last: an
 * erasure that was cut short can be asked for again. `also`: what else people may have called the person in their own words; we know no names of
 * drivers. Nothing happens without `apply`.
 */
export async function eraseSubject(
  engine: Engine,
  release: FleetRelease['release'],
  scrub: Scrub,
  id: string,
  { apply, also = [] }: ErasureRequest,
  by: By,
  { breathe, copies }: { readonly breathe: Breathe; readonly copies: () => readonly Copy[] },
): Promise<Result<Erasure>> {
  const found = findSubject(engine, id)
  if (!found.ok) return found
  const { registry } = engine
  const person = personOf(engine, found.value, also)
  const names = [...person.names, ...also]
  const kept = copies()
  if (found.value.kind === 'token') {
    const { blobs, reviews } = await evidenceAbout(engine, person, breathe)
    const counts = { ...nothing, subject: 'token', names: names.length, settings: 1, blobs: blobs.length, copies: kept } as const
    if (!apply) return done({ ...counts, hint: hintOf(false, true, kept) })
    await engine.bridge.note('tokenErased', { by: by.name })
    if (blobs.length > 0) await record(engine, nobodyAtAll, blobs, reviews, by)
    await engine.journal.forget(blobs, reviews.length > 0)
    await forgetValues(engine, person)
    const { isGone } = await scrub(searchable(names, engine))
    return done({ ...counts, applied: true, isGone, hint: hintOf(true, isGone, kept) })
  }
  const box = found.value
  const counts = {
    subject: 'box',
    station: box.station,
    chargers: box.chargers,
    names: names.length,
    settings: person.settings.size,
    copies: kept,
  } as const
  const readings = (await engine.meters.range(Uint32Array.from(box.chargers), 0, engine.now() + 86_400_000)).charger.length
  if (!apply) {
    const { blobs } = await evidenceAbout(engine, person, breathe)
    return done({ ...nothing, ...counts, blobs: blobs.length, readings, hint: hintOf(false, true, kept) })
  }
  const released = await release(registry.station(box.station)!.identity, by)
  const notUndone = released.ok ? released.value.failed : []
  engine.chargers.forget?.(box.station)
  // only now, so that what it said until its end is found too
  const { blobs, reviews } = await evidenceAbout(engine, person, breathe)
  await record(engine, box, blobs, reviews, by)
  await engine.journal.forget(blobs, reviews.length > 0)
  await engine.meters.erase(Uint32Array.from(box.chargers))
  await forgetNames(engine, box, person)
  // where it has come back meanwhile under its old name; and what was still on its way when the link ended
  engine.chargers.forget?.(box.station)
  await engine.meters.erase(Uint32Array.from(box.chargers))
  const { isGone } = await scrub(searchable(names, engine))
  return done({ ...nothing, ...counts, applied: true, blobs: blobs.length, readings, isGone, notUndone, hint: hintOf(true, isGone, kept) })
}
const nothing: Erasure = {
  applied: false,
  subject: 'box',
  station: null,
  chargers: [],
  names: 0,
  settings: 0,
  blobs: 0,
  readings: 0,
  isGone: true,
  notUndone: [],
  copies: [],
  hint: '',
}
/** A token has no box, and no number. */
const nobodyAtAll = { station: -1, chargers: [] }
function hintOf(applied: boolean, isGone: boolean, copies: readonly Copy[]): string {
  if (!applied) return 'nothing was changed: --apply does it, and it cannot be undone'
  const others = copies.length > 0 ? `the ${copies.length} copies named here still have it, as do those` : 'backups still have it'
  return isGone
    ? `${others} that were made elsewhere, until they are removed: see docs/guides/privacy.md`
    : 'a reader (audit verify, a backup) holds up the files, or another record has the same text: ask again when it is done'
}

/** Messages and texts that name the person, and power of nobody else. What many share stays: it is by number, and expires. */
async function evidenceAbout(engine: Engine, person: Person, breathe: Breathe): Promise<{ blobs: HashHex[]; reviews: EventNo[] }> {
  const { numbers } = person
  const isNamed = namesAny(person.names, person.spoken)
  const blobs = new Set<HashHex>()
  const reviews = new Set<EventNo>()
  const uses = [...engine.state().register.values()]
  for await (const { leaf, evidence } of leavesWithEvidence(engine, breathe)) {
    if (evidence.length === 0) continue
    const { fact } = decode(leaf, await bodiesOf(engine, leaf))
    const isOwn = saysOnlyOf(fact, numbers) || (fact.kind === 'noted' && isAbout(fact.about, numbers))
    for (const { hash, key } of evidence) {
      const isText = key === 'raw' || key === 'text'
      if (!isOwn && !(isText && isNamed(await textOf(engine, hash)))) continue
      blobs.add(hash)
      const use = fact.kind === 'noted' && fact.what === REVIEWED ? uses.find(u => u.id === fact.about['event']) : undefined
      if (use) reviews.add(use.event)
    }
  }
  return { blobs: [...blobs], reviews: [...reviews] }
}
async function bodiesOf(engine: Engine, leaf: Uint8Array): Promise<(hash: HashHex) => Uint8Array | undefined> {
  const bodies = new Map<HashHex, Uint8Array | undefined>()
  for (const hash of blobsOf(leaf)) bodies.set(hash, await engine.journal.blob(hash))
  return hash => bodies.get(hash)
}

async function record(
  engine: Engine,
  box: Pick<Box, 'station' | 'chargers'>,
  blobs: readonly HashHex[],
  reviews: readonly EventNo[],
  by: By,
): Promise<void> {
  const who = Uint32Array.from(box.chargers)
  const stations = box.station < 0 ? new Uint32Array(0) : Uint32Array.of(box.station)
  await engine.handle(
    { kind: 'noted', what: 'erasureAsked', about: { by: by.name, station: box.station, blobs: blobs.length } },
    ...chunks(blobs).map(some => ({ kind: 'erased', who, stations, blobs: some, ...(reviews.length > 0 ? { reviews } : {}) }) as const),
  )
}
/** As many as fit one fact. At least one fact, also of nothing. */
export const chunks = (hashes: readonly HashHex[]): HashHex[][] =>
  Array.from({ length: Math.max(1, Math.ceil(hashes.length / HASHES_PER_FACT)) }, (_, i) =>
    hashes.slice(i * HASHES_PER_FACT, (i + 1) * HASHES_PER_FACT),
  )

/** What is kept of the person goes; what is kept for something else goes on without its names. */
async function forgetValues({ registry }: Engine, { settings, names, spoken }: Person): Promise<void> {
  const isNamed = namesAny(names, spoken)
  for (const key of [...registry.keys('')]) {
    const value = registry.get(key) ?? ''
    if (settings.has(key) || isNamed(key)) await registry.set(key, null)
    else if (isNamed(value)) await registry.set(key, replaced(value, names, spoken, 'erased'))
  }
}
/** Values first, the box last: as long as it is there it can be found again. */
async function forgetNames(engine: Engine, box: Box, person: Person): Promise<void> {
  const { registry } = engine
  await forgetValues(engine, person)
  await registry.forget({ externalIds: box.chargers, aliases: box.aliases })
  await registry.put({
    nodes: box.nodes.map(no => ({ ...registry.node(no)!, name: `erased-${no}` })),
    stations: [nobody(registry.station(box.station)!)],
  })
}

/** The number stays taken, and the box cannot come back under it: no password has this hash, and profile 1 or more asks for one. */
const nobody = ({ no, evses, capabilities }: Station): Station => ({
  no,
  identity: `erased-${no}`,
  auth: { profile: 1, passwordHash: 'erased' },
  evses,
  capabilities,
})

/** What can be looked for in a file; nothing where one of the names is so short, or so much like another's, that it would be found anyhow. */
function searchable(names: readonly string[], { registry }: Engine): readonly string[] {
  const others: string[] = []
  for (const station of registry.stations()) others.push(station.identity)
  for (const node of registry.nodes()) others.push(node.name)
  const isClear = (name: string) => name.length >= LEAST_SEARCHED && !others.some(o => o.includes(name))
  return names.every(isClear) ? names : []
}
