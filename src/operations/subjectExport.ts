import { blobsOf, decode, type Evidence, evidenceOf } from '../core/codec.ts'
import { type ChargerNo, type HashHex, type Instant, NEVER_S, nodeKinds, type Target } from '../core/model.ts'
import type { Engine } from '../engine.ts'
import { consentKey } from './fleetPlan.ts'
import { type Masked, maskAll, namesAny } from './mentions.ts'
import { pathName } from './names.ts'
import { type By, done, isoOrNull, isoS, type Result } from './result.ts'
import { type Box, type Breathe, findSubject, type Person, personOf, settingsOf, textOf, tokenPrefix } from './subject.ts'
import { isAbout, saidOf } from './subjectFacts.ts'

/** A document as pieces of JSON text: a long record is never in memory as a whole. */
export type JsonPieces = AsyncGenerator<string>
type Members = Readonly<Record<string, unknown>>
type Part = { readonly name: string; readonly of: unknown } | { readonly name: string; readonly each: AsyncIterable<unknown> }

/**
 * All that is kept of a person, for an answer under GDPR articles 15 and 20: registry, consent, what is kept for the box, enrolments, opt-outs, the car, every
 * reading, what the log says of its numbers, and every message and text that names it or is about it alone, with the names of others masked (article
 * 15(4)). Password hashes are left out. Reads the whole log. That somebody asked is recorded. `also`: what people may have called the person.
 */
export async function exportSubject(
  engine: Engine,
  id: string,
  also: readonly string[],
  by: By,
  breathe: Breathe,
): Promise<Result<JsonPieces>> {
  const found = findSubject(engine, id)
  if (!found.ok) return found
  const subject = found.value
  const person = personOf(engine, subject, also)
  const messages = { name: 'messages', each: messagesOf(engine, person, breathe) }
  const mentions = { name: 'mentions', each: mentionsOf(engine, person, breathe) }
  if (subject.kind === 'token') {
    await engine.bridge.note('subjectExported', { by: by.name })
    return done(
      document({ subject: 'token', token: id, kept: 'that it may start sessions, and what names it', masking: MASKING }, [
        messages,
        mentions,
      ]),
    )
  }
  await engine.bridge.note('subjectExported', { by: by.name, station: subject.station })
  const head = {
    subject: 'box',
    registry: registryOf(engine, subject),
    chargers: subject.chargers.map(c => chargerOf(engine, c)),
    settings: Object.fromEntries(settingsOf(engine, subject).map(key => [key, engine.registry.get(key) ?? null])),
    masking: MASKING,
  }
  return done(
    document(head, [
      { name: 'readings', each: readingsOf(engine, subject) },
      ...Object.entries(await outlivingOf(engine, subject)).map(([name, of]) => ({ name, of })),
      { name: 'log', each: logOf(engine, person, breathe) },
      messages,
      mentions,
    ]),
  )
}
/** What a reader must know of the texts. */
const MASKING =
  'names of others that the registry knows are replaced by [somebody else] (GDPR article 15(4)); of a message that is erased or has expired nothing is kept'

async function* document(head: Members, parts: readonly Part[]): JsonPieces {
  let text = JSON.stringify(head).slice(0, -1)
  for (const part of parts) {
    text += `,\n${JSON.stringify(part.name)}:`
    if ('of' in part) {
      text += JSON.stringify(part.of)
      continue
    }
    text += '['
    let isFirst = true
    for await (const item of part.each) {
      text += `${isFirst ? '' : ','}\n${JSON.stringify(item)}`
      isFirst = false
      if (text.length < PIECE) continue
      yield text
      text = ''
    }
    text += ']'
  }
  yield `${text}}`
}
const PIECE = 65_536

function registryOf({ registry }: Engine, box: Box) {
  const { identity, auth, evses, capabilities } = registry.station(box.station)!
  return {
    station: box.station,
    identity,
    securityProfile: auth.profile,
    evses,
    capabilities,
    place: pathName(registry, box.station),
    externalIds: box.chargers.map(charger => ({ charger, externalId: registry.charger(charger)?.externalId ?? '' })),
    aliases: box.aliases,
  }
}
function chargerOf(engine: Engine, no: ChargerNo) {
  const s = engine.state()
  const consent = engine.registry.get(consentKey(no))
  return {
    no,
    consent: consent === undefined ? null : (JSON.parse(consent) as unknown),
    enrolments: [...s.enrolments].flatMap(([programme, basis]) =>
      (basis[no] ?? 0) === 0 ? [] : [{ programme, consented: basis[no] === 1 }],
    ),
    optOuts: (s.optOuts.get(no) ?? []).map(o => ({ from: isoS(o.fromS), until: isoOrNull(o.toS, NEVER_S), reason: o.reason })),
    departAt: (s.departS[no] ?? 0) === 0 ? null : isoS(s.departS[no]!),
    needWh: (s.needWh[no] ?? -1) < 0 ? null : s.needWh[no],
  }
}

const DAY_MS = 86_400_000
/** Half hours older than ten years are looked for no more; readings are taken month by month from then on, what is older in one. */
const HISTORY_S = 3_650 * 86_400
const MONTH_MS = 31 * DAY_MS
async function* readingsOf(engine: Engine, { chargers }: Box) {
  const untilMs = engine.now() + DAY_MS
  const who = Uint32Array.from(chargers)
  for (let fromMs = 0; fromMs < untilMs; ) {
    const toMs = fromMs === 0 ? Math.max(1, untilMs - HISTORY_S * 1000) : Math.min(untilMs, fromMs + MONTH_MS)
    const r = await engine.meters.range(who, fromMs, toMs)
    for (let k = 0; k < r.charger.length; k++) {
      // one that began before was told with the month before
      if (r.fromMs[k]! < fromMs) continue
      yield {
        charger: r.charger[k],
        from: new Date(r.fromMs[k]!).toISOString(),
        to: new Date(r.toMs[k]!).toISOString(),
        powerW: Number.isNaN(r.powerW[k]!) ? null : r.powerW[k],
        registerWh: Number.isNaN(r.registerWh[k]!) ? null : r.registerWh[k],
        quality: r.quality[k],
      }
    }
    fromMs = toMs
  }
}
/** What is kept longer than readings: energy by half hours, sessions, and what the meters signed. */
async function outlivingOf({ meters, now }: Engine, { chargers }: Box) {
  const who = Uint32Array.from(chargers)
  const untilMs = now() + DAY_MS
  const toS = Math.floor(untilMs / 1000)
  const h = await meters.history(who, { fromS: toS - HISTORY_S, toS, stepS: 1800 })
  const energy = [...h.wh.entries()]
    .filter(([, wh]) => !Number.isNaN(wh))
    .map(([k, energyWh]) => ({ charger: who[Math.floor(k / h.count)], from: isoS(h.fromS + (k % h.count) * h.stepS), energyWh }))
  const signedValues = (await meters.signed(who, 0, untilMs)).map(({ charger, atMs, body }) => ({
    ...{ charger, at: new Date(atMs).toISOString() },
    value: JSON.parse(body) as unknown,
  }))
  return { energy, sessions: await meters.sessions(who, 0, untilMs), signedValues }
}

/** Each leaf with its place, and others have their turn now and then. */
async function* leavesOf({ journal }: Engine, breathe: Breathe): AsyncGenerator<{ entry: number; leaf: Uint8Array }> {
  let entry = 0
  for await (const leaves of journal.read(0))
    for (const leaf of leaves) {
      if (entry % 1000 === 0) await breathe()
      yield { entry: entry++, leaf }
    }
}
/** What entries say in columns and codes. What is said in words stands among the messages, where names of others are masked. */
async function* logOf(engine: Engine, { numbers }: Person, breathe: Breathe) {
  for await (const { entry, leaf } of leavesOf(engine, breathe)) {
    const words = new Set(wordsIn(leaf).map(e => e.hash))
    const bodies = new Map<HashHex, Uint8Array | undefined>()
    for (const hash of blobsOf(leaf)) bodies.set(hash, words.has(hash) ? new Uint8Array(0) : await engine.journal.blob(hash))
    const { at, fact } = decode(leaf, hash => bodies.get(hash))
    const said = saidOf(fact, numbers)
    if (said) yield { entry, at: new Date(at).toISOString(), kind: fact.kind, ...said }
  }
}

type Words = { readonly entry: number; readonly at: string; readonly kind: string; readonly what?: string; readonly part: string }
type Found = { readonly about: Words; readonly isOwn: boolean; readonly text: string }
/** Texts that are looked at for names of others in one pass over the registry. */
const BATCH_CHARS = 4_000_000
const BATCH = 500

/** Messages as received, and words of people: those that name the person in whatever spelling, and those about nobody else. */
async function* messagesOf(engine: Engine, person: Person, breathe: Breathe) {
  const isNamed = namesAny(person.names, person.spoken)
  let batch: Found[] = []
  let chars = 0
  for await (const { entry, leaf } of leavesOf(engine, breathe))
    for (const { hash, key } of wordsIn(leaf)) {
      const { at, fact } = JSON.parse(Buffer.from(leaf).toString('utf8')) as { at: Instant; fact: Header }
      const text = await textOf(engine, hash)
      const isOwn = isOnlyOf(fact, person)
      if (text === '' || !(isOwn || isNamed(text))) continue
      const about = { entry, at: new Date(at).toISOString(), kind: fact.kind, ...(fact.what ? { what: fact.what } : {}), part: key }
      batch.push({ about, isOwn, text })
      chars += text.length
      if (chars < BATCH_CHARS && batch.length < BATCH) continue
      yield* maskedOf(engine, batch, person, breathe)
      batch = []
      chars = 0
    }
  yield* maskedOf(engine, batch, person, breathe)
}
const wordsIn = (leaf: Uint8Array): Evidence[] => evidenceOf(leaf).filter(e => e.key === 'raw' || e.key === 'text')
type Header = {
  readonly kind: string
  readonly what?: string
  readonly about?: Members
  readonly event?: { readonly targets: readonly Target[] }
}
/** A note about the box, or a signal for nobody but it. */
function isOnlyOf({ kind, about, event }: Header, { numbers }: Person): boolean {
  if (kind === 'noted') return isAbout(about ?? {}, numbers)
  const isOurs = (t: Target): boolean => (t.kind === 'charger' ? numbers.chargers.has(t.charger) : numbers.nodes.has(t.node))
  return kind === 'signal' && (event?.targets ?? []).length > 0 && event!.targets.every(isOurs)
}
async function* maskedOf(engine: Engine, batch: readonly Found[], person: Person, breathe: Breathe) {
  if (batch.length === 0) return
  const all = await maskAll(
    batch.map(f => f.text),
    person,
    namesOfOthers(engine, person, breathe),
  )
  for (const [k, { about, isOwn }] of batch.entries()) {
    const { text, masked, isNamed } = all[k]!
    if (isOwn || isNamed) yield { ...about, because: isNamed ? 'it names the person' : 'it is about nobody else', text, masked }
  }
}

/** Values that are kept for something else, as a message that is to be sent again, and name the person. */
async function* mentionsOf(engine: Engine, person: Person, breathe: Breathe) {
  const { registry } = engine
  const isNamed = namesAny(person.names, person.spoken)
  for (const key of [...registry.keys('')]) {
    const text = registry.get(key) ?? ''
    if (person.settings.has(key) || key.startsWith(tokenPrefix) || !isNamed(`${key}\n${text}`)) continue
    const masked = await maskAll([key, text], person, namesOfOthers(engine, person, breathe))
    if (masked.some(m => m.isNamed)) yield mentionOf(masked[0]!, masked[1]!)
  }
}
const mentionOf = (key: Masked, value: Masked) => ({ key: key.text, text: value.text, masked: key.masked + value.masked })

/** What the registry calls anybody else: boxes, chargers, sites, what stands for one of these alone, and tokens. */
async function* namesOfOthers({ registry }: Engine, { numbers, places, names }: Person, breathe: Breathe): AsyncGenerator<string> {
  const own = new Set(names)
  let seen = 0
  const isPrivate = (no: number): boolean => nodeKinds.indexOf(registry.node(no)?.kind ?? 'site') >= nodeKinds.indexOf('site')
  const isOthers = (t: Target): boolean =>
    t.kind === 'charger' ? !numbers.chargers.has(t.charger) : isPrivate(t.node) && !places.has(t.node)
  function* all(): Generator<string> {
    for (const { no, identity } of registry.stations()) if (!numbers.nodes.has(no)) yield identity
    for (let no = 0; no < registry.chargerCount(); no++) if (!numbers.chargers.has(no)) yield registry.charger(no)?.externalId ?? ''
    for (const { no, name } of registry.nodes()) if (isPrivate(no) && !places.has(no)) yield name
    for (const { value, targets } of registry.aliases()) if (targets.length > 0 && targets.every(isOthers)) yield value
    for (const key of registry.keys(tokenPrefix)) yield key.slice(tokenPrefix.length)
  }
  for (const name of all()) {
    if (++seen % 10_000 === 0) await breathe()
    if (name !== '' && !own.has(name)) yield name
  }
}
