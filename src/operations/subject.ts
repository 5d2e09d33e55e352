import { blobsOf, evidenceOf } from '../core/codec.ts'
import { type ChargerNo, type HashHex, NEVER_S, type NodeNo } from '../core/model.ts'
import { entries } from '../engine/recover.ts'
import type { Engine } from '../engine.ts'
import type { Alias } from '../ports.ts'
import { consentKey } from './fleetPlan.ts'
import { pathName } from './names.ts'
import { type By, done, isoOrNull, isoS, type Result, refuse } from './result.ts'
import { type Numbers, saidOf } from './subjectFacts.ts'

/** A person as the bridge knows one: a box with all its chargers, or a driver's token. */
export type Subject =
  | { readonly kind: 'token'; readonly key: string }
  | {
      readonly kind: 'box'
      readonly station: NodeNo
      readonly chargers: readonly ChargerNo[]
      /** Nodes of the network that hold nothing but this box: a site is often an address. */
      readonly nodes: readonly NodeNo[]
      readonly aliases: readonly Alias[]
      /** What the outside calls the box, its chargers and its own nodes. */
      readonly names: readonly string[]
    }
export type Box = Extract<Subject, { kind: 'box' }>

export const tokenKey = (token: string): string => `ocpp.token:${token}`
export const numbersOf = (box: Box): Numbers => ({ chargers: new Set(box.chargers), nodes: new Set(box.nodes) })
/** Keys of values that the bridge or an adapter keeps for a box: by convention the number is the part after the name. */
export function settingsOf(engine: Engine, { station, chargers }: Box): string[] {
  const ofChargers = new Set(chargers.flatMap(c => [consentKey(c), `ocpp.tx:${c}`]))
  return [...engine.registry.keys('')].filter(
    key => ofChargers.has(key) || (/^ocpp\.(limitKey|released|station|ceiling|clock|key):(\d+)/.exec(key)?.[2] ?? '') === String(station),
  )
}

/** By external id, identity, number, any alias (an MPAN, say), or a driver's token. */
export function findSubject(engine: Engine, id: string): Result<Subject> {
  const { registry } = engine
  const station = registry.stationByIdentity(id) ?? stationOfCharger(engine, id) ?? stationOfAlias(engine, id)
  if (station !== undefined) return done(boxOf(engine, station.no))
  if (registry.get(tokenKey(id)) !== undefined) return done({ kind: 'token', key: tokenKey(id) })
  return refuse(
    'notFound',
    'subject-not-found',
    'nobody is known by that',
    'use an external id, the identity of a box, a number, an MPAN or a token',
  )
}
function stationOfCharger({ registry }: Engine, id: string) {
  const no = registry.chargerByExternalId(id) ?? (/^\d{1,9}$/.test(id) ? Number(id) : undefined)
  return no === undefined ? undefined : registry.charger(no)?.station
}
function stationOfAlias({ registry }: Engine, id: string) {
  for (const { value, targets } of registry.aliases()) {
    const only = targets.length === 1 && value === id ? targets[0] : undefined
    if (only?.kind === 'charger') return registry.charger(only.charger)?.station
    if (only?.kind === 'node' && registry.station(only.node)) return registry.station(only.node)
  }
  return undefined
}

function boxOf({ registry }: Engine, no: NodeNo): Box {
  const station = registry.station(no)!
  const chargers = station.evses.map(e => e.charger)
  const nodes: NodeNo[] = [no]
  const site = registry.node(registry.node(no)?.parent ?? -1)
  const others = [...registry.nodes()].filter(n => n.parent === site?.no && n.no !== no)
  if (site?.kind === 'site' && others.length === 0) nodes.push(site.no)
  const isOurs = (a: Alias) =>
    a.targets.length > 0 && a.targets.every(t => (t.kind === 'charger' ? chargers.includes(t.charger) : nodes.includes(t.node)))
  const aliases = [...registry.aliases()].filter(isOurs)
  const names = [
    station.identity,
    ...chargers.map(c => registry.charger(c)?.externalId ?? ''),
    ...aliases.map(a => a.value),
    ...nodes.map(n => registry.node(n)?.name ?? ''),
  ]
  return { kind: 'box', station: no, chargers, nodes, aliases, names: [...new Set(names)].filter(n => n !== '') }
}

/** Whose texts are these? A name counts where it stands alone: `CP-1` is not in `CP-17`. */
export function namesAny(names: readonly string[]): (text: string) => boolean {
  const patterns = names.map(n => new RegExp(`(?<![\\p{L}\\p{N}])${n.replaceAll(/[\\^$.*+?()[\]{}|]/g, '\\$&')}(?![\\p{L}\\p{N}])`, 'u'))
  return text => patterns.some(p => p.test(text))
}

/** Lets others have their turn: a long log is read beside the work of the bridge, not instead of it. */
export type Breathe = () => Promise<void>

/** Every leaf that has evidence outside, with what it is. */
export async function* leavesWithEvidence(
  engine: Engine,
  breathe: Breathe,
): AsyncGenerator<{ leaf: Uint8Array; evidence: ReturnType<typeof evidenceOf> }> {
  for await (const leaves of engine.journal.read(0)) {
    await breathe()
    for (const leaf of leaves) if (blobsOf(leaf).length > 0) yield { leaf, evidence: evidenceOf(leaf) }
  }
}
export const textOf = async (engine: Engine, hash: HashHex): Promise<string> =>
  Buffer.from((await engine.journal.blob(hash)) ?? new Uint8Array(0)).toString('utf8')

/**
 * All that is kept of a person, for an answer under GDPR articles 15 and 20: registry, consent, what is kept for the box, enrolments, opt-outs, the car, every
 * reading, and what the log says of its numbers. Password hashes are left out. Reads the whole log. That somebody asked is recorded.
 */
export async function exportSubject(engine: Engine, id: string, by: By, breathe: Breathe): Promise<Result<object>> {
  const found = findSubject(engine, id)
  if (!found.ok) return found
  if (found.value.kind === 'token') return done({ subject: 'token', token: id, kept: 'that it may start sessions; nothing else' })
  const box = found.value
  await engine.bridge.note('subjectExported', { by: by.name, station: box.station })
  return done({
    subject: 'box',
    registry: registryOf(engine, box),
    chargers: box.chargers.map(c => chargerOf(engine, c)),
    settings: Object.fromEntries(settingsOf(engine, box).map(key => [key, engine.registry.get(key) ?? null])),
    readings: await readingsOf(engine, box),
    ...(await outlivingOf(engine, box)),
    log: await logOf(engine, box, breathe),
  })
}

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
async function readingsOf(engine: Engine, { chargers }: Box) {
  const r = await engine.meters.range(Uint32Array.from(chargers), 0, engine.now() + 86_400_000)
  return Array.from(r.charger, (charger, k) => ({
    charger,
    from: new Date(r.fromMs[k]!).toISOString(),
    to: new Date(r.toMs[k]!).toISOString(),
    powerW: Number.isNaN(r.powerW[k]!) ? null : r.powerW[k],
    registerWh: Number.isNaN(r.registerWh[k]!) ? null : r.registerWh[k],
    quality: r.quality[k],
  }))
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
const DAY_MS = 86_400_000
/** Half hours older than ten years are looked for no more. */
const HISTORY_S = 3_650 * 86_400

async function logOf(engine: Engine, box: Box, breathe: Breathe) {
  const numbers = numbersOf(box)
  const out: object[] = []
  let entry = 0
  for await (const { at, fact } of entries(engine.journal, 0)) {
    const said = saidOf(fact, numbers)
    if (entry % 1000 === 0) await breathe()
    if (said) out.push({ entry, at: new Date(at).toISOString(), kind: fact.kind, ...said })
    entry++
  }
  return out
}
