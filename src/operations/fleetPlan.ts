import type { ChargerNo, NodeKind, NodeNo, Target } from '../core/model.ts'
import type { State } from '../core/state.ts'
import type { Capabilities, NodeRecord, Registry, RegistryChange, Station } from '../ports.ts'
import type { Column } from './fleetCsv.ts'
import { type FleetRow, isOfNode, type RowError } from './fleetRows.ts'
import { type PhaseLimits, saysOtherwise } from './nodeLimits.ts'

/** How stations' passwords are kept; the hash is the charger adapter's affair. */
export type Passwords = { hash(password: string): Promise<string>; matches(hash: string, password: string): Promise<boolean> }
export type RowFate = 'created' | 'updated' | 'unchanged'
export type Enrolment = { readonly charger: ChargerNo; readonly programme: string; readonly basis: 1 | 2 }
export type ConsentRecord = {
  readonly charger: ChargerNo
  readonly given: boolean
  readonly at: string | null
  readonly text: string | null
}
/** What is to stand at a node; what is not said stays as it is. */
export type PlannedLimit = { readonly node: NodeNo; readonly path: string; readonly limitW?: number; readonly limitA?: PhaseLimits }
/** Everything an import would change, so far as rows have been taken. */
export type FleetChange = {
  readonly nodes: ReadonlyMap<NodeNo, NodeRecord>
  readonly stations: ReadonlyMap<NodeNo, Station>
  readonly externalIds: NonNullable<RegistryChange['externalIds']>
  readonly aliases: NonNullable<RegistryChange['aliases']>
  readonly enrolments: readonly Enrolment[]
  readonly consents: readonly ConsentRecord[]
  readonly withdrawn: readonly ChargerNo[]
  readonly withoutConsent: number
  readonly limits: readonly PlannedLimit[]
}
export type FleetPlan = {
  /** All of the row or nothing of it. */
  take(row: FleetRow): Promise<RowFate | RowError>
  change(): FleetChange
}

/** What is assumed of a box until discovery says better. */
export const assumedCapabilities: Capabilities = {
  units: ['A', 'W'],
  limitsAt: 'evse',
  phases: 1,
  voltageV: 230,
  minA: 6,
  maxA: 32,
  stepA: 0.1,
  maxStackLevel: 8,
  depth: 4,
  onLinkLoss: 'holds',
  takesZero: true,
  meterClass: 'unknown',
}

/**
 * Rows against what is known. Upsert by external id; empty cells leave what is known; numbers are given in order, appended, never reused. A
 * charger does not move from box to box: that would take its history to another meter.
 */
export function createFleetPlan(
  registry: Registry,
  state: () => State,
  passwords: Passwords,
  assumed: Capabilities = assumedCapabilities,
): FleetPlan {
  const nodes = new Map<NodeNo, NodeRecord>()
  const stations = new Map<NodeNo, Station>()
  const byIdentity = new Map<string, NodeNo>()
  const byId = new Map<string, { charger: ChargerNo; line: number }>()
  const newIds: { charger: ChargerNo; externalId: string }[] = []
  const aliases = new Map<string, { scheme: string; value: string; targets: Target[] }>()
  const enrolments: Enrolment[] = []
  const consents: ConsentRecord[] = []
  const withdrawn: ChargerNo[] = []
  const limits = new Map<string, { row: FleetRow; planned: PlannedLimit }>()
  const firstOf = new Map<NodeNo, FleetRow>()
  const children = childIndex(registry)
  let nextNode = Math.max(registry.nodeCount(), state().fleet.nodes)
  let nextCharger = Math.max(registry.chargerCount(), state().fleet.chargers)
  let withoutConsent = 0

  const nodeOf = (no: NodeNo) => nodes.get(no) ?? registry.node(no)
  const stationOf = (no: NodeNo) => stations.get(no) ?? registry.station(no)
  const stationCalled = (identity: string) => {
    const no = byIdentity.get(identity) ?? registry.stationByIdentity(identity)?.no
    const station = no === undefined ? undefined : stationOf(no)
    return station?.identity === identity ? station : undefined
  }

  async function take(row: FleetRow): Promise<RowFate | RowError> {
    const twice = limitFault(row)
    if (twice) return twice
    if (isOfNode(row)) {
      const before = nodes.size
      const isNew = limit(row, parentOf(row.path))
      return nodes.size > before ? 'created' : isNew ? 'updated' : 'unchanged'
    }
    const twin = byId.get(row.externalId)
    if (twin) return fault(row, 'external_id', row.externalId, 'duplicate', `is on line ${twin.line} already`, 'one row per charger')
    const charger = registry.chargerByExternalId(row.externalId)
    const own = charger === undefined ? undefined : registry.charger(charger)?.station.no
    const known = own === undefined ? undefined : stationOf(own)
    const station = stationCalled(row.identity)
    const wrong =
      placeFault(row, charger, known, station) ??
      stationFault(row, station) ??
      programmeFault(row, charger) ??
      passwordFault(row, station ?? known)
    if (wrong) return wrong
    return settle(row, charger, station ?? known)
  }

  async function settle(row: FleetRow, charger: ChargerNo | undefined, former: Station | undefined): Promise<RowFate> {
    const parent = parentOf(row.path)
    const limitIsNew = limit(row, parent)
    const no = former?.no ?? nextNode++
    const passwordHash = row.password === undefined ? former?.auth.passwordHash : await hashOf(row.password, former?.auth.passwordHash)
    const who = charger ?? nextCharger++
    const evses = former?.evses ?? []
    const evse = evses.find(e => e.charger === who)
    const evseId = row.evseId ?? evse?.evseId ?? 1
    const next: Station = {
      no,
      identity: row.identity,
      auth: { profile: row.profile ?? former?.auth.profile ?? 1, ...(passwordHash === undefined ? {} : { passwordHash }) },
      evses:
        evse?.evseId === evseId
          ? evses
          : [...evses.filter(e => e.charger !== who), { charger: who, evseId }].sort((a, b) => a.evseId - b.evseId),
      capabilities: capabilitiesOf(row, former?.capabilities ?? assumed),
    }
    const node: NodeRecord = { no, kind: 'station', name: row.identity, parent: parent ?? nodeOf(no)?.parent ?? -1 }
    let changed = !isSame(former, next) || !isSame(nodeOf(no), node)
    if (changed) {
      stations.set(no, next)
      nodes.set(no, node)
    }
    byIdentity.set(row.identity, no)
    byId.set(row.externalId, { charger: who, line: row.line })
    if (!firstOf.has(no)) firstOf.set(no, row)
    if (charger === undefined) newIds.push({ charger: who, externalId: row.externalId })
    for (const alias of row.aliases) if (addAlias(alias.scheme, alias.value, { kind: 'charger', charger: who })) changed = true
    if (enrol(row, who) || limitIsNew) changed = true
    return charger === undefined ? 'created' : changed ? 'updated' : 'unchanged'
  }

  /** Remembers what is to stand at the row's node. Is that news? */
  function limit(row: FleetRow, node: NodeNo | undefined): boolean {
    if (node === undefined || (row.limitW === undefined && row.limitA === undefined)) return false
    const planned = {
      node,
      path: pathText(row) ?? '',
      ...(row.limitW === undefined ? {} : { limitW: row.limitW }),
      ...(row.limitA === undefined ? {} : { limitA: row.limitA }),
    }
    if (!saysOtherwise(state(), node, planned)) return false
    limits.set(planned.path, { row, planned })
    return true
  }
  function limitFault(row: FleetRow): RowError | undefined {
    const first = limits.get(pathText(row) ?? '')?.row
    if (!first) return undefined
    for (const [column, value, before] of [
      ['limit_kw', row.limitW === undefined ? undefined : row.limitW / 1000, first.limitW === undefined ? undefined : first.limitW / 1000],
      ['limit_a', row.limitA && Object.values(row.limitA).join('|'), first.limitA && Object.values(first.limitA).join('|')],
    ] as const)
      if (value !== undefined && value !== before)
        return fault(
          row,
          column,
          String(value),
          'node-conflict',
          `line ${first.line} says something else of ${pathText(row)}`,
          'say the limit of a node once',
        )
    return undefined
  }

  /** The lowest node of a row's path, made where it is new; undefined where the row names none. */
  function parentOf(path: FleetRow['path']): NodeNo | undefined {
    let parent: NodeNo | -1 = -1
    for (const { kind, name } of path) {
      const key = childKey(parent, kind, name)
      let no = children.get(key)
      if (no === undefined) {
        no = nextNode++
        children.set(key, no)
        nodes.set(no, { no, kind, name, parent })
      }
      if (kind === 'feeder') addAlias('feeder', name, { kind: 'node', node: no })
      parent = no
    }
    return path.length === 0 ? undefined : parent
  }

  function addAlias(scheme: string, value: string, target: Target): boolean {
    const key = `${scheme}\0${value}`
    const known = aliases.get(key)?.targets ?? registry.resolve(scheme, value) ?? []
    if (known.some(t => isSame(t, target))) return false
    aliases.set(key, { scheme, value, targets: [...known, target] })
    return true
  }

  /** Enrolled without a consent where none is given: counted, never dispatched but in an emergency with a legal ground. */
  function enrol(row: FleetRow, charger: ChargerNo): boolean {
    const programmes = row.programme !== undefined ? [row.programme] : row.consent === undefined ? [] : enrolledIn(charger)
    let changed = false
    for (const programme of programmes) {
      const was = state().enrolments.get(programme)?.[charger] ?? 0
      const basis = row.consent === undefined ? (was === 0 ? 2 : (was as 1 | 2)) : row.consent ? 1 : 2
      if (basis === 2) withoutConsent++
      if (basis === was) continue
      changed = true
      enrolments.push({ charger, programme, basis })
      if (was === 1) withdrawn.push(charger)
    }
    if (row.consent !== undefined && (changed || isNews(registry, charger, row)))
      consents.push({ charger, given: row.consent, at: row.consentDate ?? null, text: row.consentText ?? null })
    return changed
  }
  function enrolledIn(charger: ChargerNo): string[] {
    return [...state().enrolments].filter(([, basis]) => (basis[charger] ?? 0) !== 0).map(([id]) => id)
  }

  function placeFault(
    row: FleetRow,
    charger: ChargerNo | undefined,
    known: Station | undefined,
    station: Station | undefined,
  ): RowError | undefined {
    if (known && station && known.no !== station.no)
      return fault(
        row,
        'identity',
        row.identity,
        'other-station',
        `the charger is on station ${known.identity}`,
        'release it and import it under a new external_id',
      )
    if (known && !station && known.evses.length > 1)
      return fault(
        row,
        'identity',
        row.identity,
        'renamed-station',
        `station ${known.identity} has ${known.evses.length} EVSEs`,
        'a box with several cannot be renamed row by row',
      )
    const home = station ?? known
    const own = home?.evses.find(e => e.charger === charger)
    const evseId = row.evseId ?? own?.evseId ?? 1
    const other = home?.evses.find(e => e.evseId === evseId && e.charger !== charger)
    if (other) {
      const name =
        newIds.find(x => x.charger === other.charger)?.externalId ??
        registry.charger(other.charger)?.externalId ??
        `number ${other.charger}`
      return fault(
        row,
        'evse_id',
        String(evseId),
        'evse-taken',
        `EVSE ${evseId} of ${row.identity} is ${name}`,
        'give each EVSE of a station its own evse_id',
      )
    }
    if (!station && !known && row.path.length === 0)
      return fault(
        row,
        'feeder',
        '',
        'no-place',
        'the row names no node of the network',
        'fill in feeder, or any of licence_area, gsp, primary, site',
      )
    return undefined
  }

  /** Rows of one station must not contradict each other: what they say of it is said once. */
  function stationFault(row: FleetRow, station: Station | undefined): RowError | undefined {
    const first = station && firstOf.get(station.no)
    if (!first) return undefined
    for (const [column, value, before] of stationCells(row, first))
      if (value !== undefined && before !== undefined && value !== before) {
        const shown = column === 'password' ? '***' : String(value)
        return fault(
          row,
          column,
          shown,
          'station-conflict',
          `line ${first.line} says something else of station ${row.identity}`,
          'rows of one station must agree',
        )
      }
    return undefined
  }

  function programmeFault(row: FleetRow, charger: ChargerNo | undefined): RowError | undefined {
    const known = state().programmes
    if (row.programme !== undefined && !known.has(row.programme))
      return fault(
        row,
        'programme',
        row.programme,
        'unknown-programme',
        'there is no such programme',
        `one of: ${[...known.keys()].join(', ') || 'none is configured'}`,
      )
    if (row.consent !== undefined && row.programme === undefined && (charger === undefined || enrolledIn(charger).length === 0))
      return fault(row, 'programme', '', 'consent-to-nothing', 'a consent needs the programme it is for', 'fill in programme')
    return undefined
  }

  async function hashOf(password: string, former: string | undefined): Promise<string> {
    return former !== undefined && (await passwords.matches(former, password)) ? former : passwords.hash(password)
  }

  return {
    take,
    change: () => ({
      nodes,
      stations,
      externalIds: newIds,
      aliases: [...aliases.values()],
      enrolments,
      consents,
      withdrawn,
      withoutConsent,
      limits: [...limits.values()].map(l => l.planned),
    }),
  }
}

const fault = (row: FleetRow, column: Column, value: string, code: string, message: string, hint: string): RowError => ({
  line: row.line,
  column,
  value,
  code,
  message,
  hint,
})
/** A box with basic authentication cannot be let in without a password; one that has one keeps it. Where the profile is not said, neither is this. */
const passwordFault = (row: FleetRow, known: Station | undefined): RowError | undefined =>
  (row.profile === 1 || row.profile === 2) && row.password === undefined && known?.auth.passwordHash === undefined
    ? fault(
        row,
        'password',
        '',
        'missing',
        `security profile ${row.profile} needs a password`,
        'fill in password; 3 has a certificate instead, 0 nothing',
      )
    : undefined
const pathText = (row: FleetRow): string | undefined => (row.path.length === 0 ? undefined : row.path.map(p => p.name).join('/'))
const stationCells = (a: FleetRow, b: FleetRow): readonly (readonly [Column, unknown, unknown])[] => [
  ['feeder', pathText(a), pathText(b)],
  ['security_profile', a.profile, b.profile],
  ['password', a.password, b.password],
  ['current', a.current, b.current],
  ['max_power_w', a.maxW, b.maxW],
  ['min_power_w', a.minW, b.minW],
  ['phases', a.phases, b.phases],
  ['phase', a.gridPhases, b.gridPhases],
  ['voltage_v', a.voltageV, b.voltageV],
  ['min_current_a', a.minA, b.minA],
  ['max_current_a', a.maxA, b.maxA],
  ['step_a', a.stepA, b.stepA],
  ['steps_a', a.stepsA?.join('|'), b.stepsA?.join('|')],
  ['takes_zero', a.takesZero, b.takesZero],
  ['limits_at', a.limitsAt, b.limitsAt],
  ['backend', a.backend, b.backend],
  ['meter_class', a.meterClass, b.meterClass],
  ['link_loss', a.onLinkLoss, b.onLinkLoss],
  ['own_random_delay_s', a.ownRandomDelayS, b.ownRandomDelayS],
]
/** Amps of a DC charger are only a way to write its watts: at this voltage. */
const DC_NOMINAL_V = 400
const dcOf = ({ minW = 0, maxW = 0 }: FleetRow) =>
  ({
    current: 'DC',
    units: ['W'],
    phases: 1,
    voltageV: DC_NOMINAL_V,
    minA: minW / DC_NOMINAL_V,
    maxA: maxW / DC_NOMINAL_V,
    stepA: 0.1,
  }) as const
const capabilitiesOf = (row: FleetRow, before: Capabilities): Capabilities => {
  if (row.current === 'DC') return { ...filled(row, before), ...dcOf(row) }
  // What was DC and is now said to be AC has nothing left of what it was.
  const known = row.current === 'AC' && before.current === 'DC' ? { ...assumedCapabilities, onLinkLoss: before.onLinkLoss } : before
  return filled(row, known)
}
const filled = (row: FleetRow, known: Capabilities): Capabilities => ({
  ...known,
  phases: row.phases ?? known.phases,
  voltageV: row.voltageV ?? known.voltageV,
  minA: row.minA ?? known.minA,
  maxA: row.maxA ?? known.maxA,
  stepA: row.stepA ?? known.stepA,
  takesZero: row.takesZero ?? known.takesZero,
  limitsAt: row.limitsAt ?? known.limitsAt,
  meterClass: row.meterClass ?? known.meterClass,
  onLinkLoss: row.onLinkLoss ?? known.onLinkLoss,
  ...(row.backend === undefined ? {} : { group: row.backend }),
  ...(row.stepsA === undefined ? {} : { stepsA: row.stepsA }),
  ...(row.gridPhases === undefined ? {} : { gridPhases: row.gridPhases }),
  ...(row.ownRandomDelayS === undefined ? {} : { ownRandomDelayS: row.ownRandomDelayS }),
})
const childKey = (parent: NodeNo | -1, kind: NodeKind, name: string): string => `${parent}\0${kind}\0${name}`
function childIndex(registry: Registry): Map<string, NodeNo> {
  const out = new Map<string, NodeNo>()
  for (const n of registry.nodes()) if (n.kind !== 'station') out.set(childKey(n.parent, n.kind, n.name), n.no)
  return out
}
/** Where the proof of a charger's consent stands. */
export const consentKey = (charger: ChargerNo): string => `fleet:consent:${charger}`
export const consentValue = ({ given, at, text }: Omit<ConsentRecord, 'charger'>): string => JSON.stringify({ given, at, text })
const isNews = (registry: Registry, charger: ChargerNo, row: FleetRow): boolean =>
  (row.consentDate !== undefined || row.consentText !== undefined) &&
  registry.get(consentKey(charger)) !==
    consentValue({ given: row.consent ?? false, at: row.consentDate ?? null, text: row.consentText ?? null })
/** Plain data; the order of keys does not count. */
const isSame = (a: unknown, b: unknown): boolean => canonical(a) === canonical(b)
const canonical = (x: unknown): string =>
  JSON.stringify(x, (_, v: unknown) =>
    typeof v === 'object' && v !== null && !Array.isArray(v) ? Object.fromEntries(Object.entries(v).sort()) : v,
  ) ?? ''
