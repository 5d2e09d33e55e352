import { createHash } from 'node:crypto'
import type { Input } from '../core/model.ts'
import { NEVER_S } from '../core/model.ts'
import type { Engine } from '../engine.ts'
import type { Capabilities, NodeRecord } from '../ports.ts'
import { type ChargerRecord, chargerColumns, nodeColumns } from './fleetColumns.ts'
import { csvLine, FleetFileError, fleetRows, type Header, type RawRow, type Source } from './fleetCsv.ts'
import {
  assumedCapabilities,
  consentKey,
  consentValue,
  createFleetPlan,
  type Enrolment,
  type FleetChange,
  type Passwords,
} from './fleetPlan.ts'
import { type FleetRow, type RowError, readRow } from './fleetRows.ts'
import { createNodeLimits, type PhaseLimits } from './nodeLimits.ts'
import { type By, done, type Result, refuse, seconds } from './result.ts'

export type ImportOptions = {
  /** False: nothing is changed, the report says what would be. */
  readonly apply: boolean
  /** `skip`: good rows are taken, bad ones reported. `stop`: one bad row and nothing is applied. */
  readonly badRows?: 'skip' | 'stop' | undefined
  readonly maxBytes?: number | undefined
}
export type ImportReport = {
  readonly applied: boolean
  readonly rows: number
  readonly created: number
  readonly updated: number
  readonly unchanged: number
  readonly rejected: number
  readonly newNodes: number
  /** Enrolled rows that will not be dispatched for want of a consent. */
  readonly withoutConsent: number
  /** Limits of nodes that differ from what stands; `error`: why one could not be set. */
  readonly nodeLimits: readonly ImportedLimit[]
  /** The first of them; `rejectedCsv` has all. */
  readonly errors: readonly RowError[]
  /** The rejected rows as they were, with a column `error`: mend it and import it again. Empty where none was rejected. */
  readonly rejectedCsv: string
  readonly ignoredColumns: readonly string[]
}
export type ImportedLimit = {
  readonly node: string
  readonly limitW: number | null
  readonly limitA: PhaseLimits | null
  readonly error: string | null
}
export type FleetImport = { run(source: Source, options: ImportOptions, by: By): Promise<Result<ImportReport>> }
export type ImportSetup = { readonly passwords: Passwords; readonly assumed?: Capabilities | undefined }

const SHOWN_ERRORS = 1000

/**
 * Imports a fleet from CSV: a dry run unless told to apply. The registry is written before the facts, so that a number never stands for nobody;
 * if we die in between, the next import completes the facts. One import at a time.
 */
export function createFleetImport(engine: Engine, { passwords, assumed = assumedCapabilities }: ImportSetup): FleetImport {
  let last: Promise<unknown> = Promise.resolve()
  const standing = createNodeLimits(engine)
  return {
    run(source, options, by) {
      const mine = last.then(() => importFleet(source, options, by))
      last = mine.catch(() => undefined)
      return mine
    },
  }

  async function importFleet(source: Source, options: ImportOptions, by: By): Promise<Result<ImportReport>> {
    // A good hash is slow on purpose: a dry run makes none.
    const dry = { ...passwords, hash: async () => 'new' }
    const plan = createFleetPlan(engine.registry, () => engine.state(), options.apply ? passwords : dry, assumed)
    const counts = { rows: 0, created: 0, updated: 0, unchanged: 0, rejected: 0 }
    const errors: RowError[] = []
    const rejected: string[] = []
    const digest = createHash('sha256')
    let header: Header | undefined
    const reject = (raw: RawRow, faults: readonly RowError[]) => {
      counts.rejected++
      errors.push(...faults.slice(0, SHOWN_ERRORS - errors.length))
      rejected.push(rejectedRow(raw, header!, faults))
    }
    try {
      for await (const raw of fleetRows(source, h => (header = h), options.maxBytes)) {
        counts.rows++
        digest.update(JSON.stringify(raw.fields))
        const row = readRow(raw)
        if (!isRow(row)) reject(raw, row)
        else {
          const fate = await plan.take(row)
          if (typeof fate === 'string') counts[fate]++
          else reject(raw, [fate])
        }
      }
    } catch (error) {
      if (!(error instanceof FleetFileError)) throw error
      const detail = [{ pointer: `line ${error.line}`, detail: error.message }]
      return refuse(error.code === 'too-large' ? 'tooLarge' : 'invalid', error.code, error.message, error.hint, detail)
    }
    const change = plan.change()
    const newNodes = [...change.nodes.values()].filter(n => n.kind !== 'station' && !engine.registry.node(n.no)).length
    const stopped = options.badRows === 'stop' && counts.rejected > 0
    const applied = options.apply && !stopped
    if (applied) await applyChange(change, { ...counts, by: by.name, sha256: digest.digest('hex') })
    const nodeLimits = await limitsOf(change, applied, by)
    return done({
      applied,
      ...counts,
      newNodes,
      withoutConsent: change.withoutConsent,
      nodeLimits,
      errors,
      rejectedCsv: rejected.length === 0 ? '' : rejectedHeader(header!) + rejected.join(''),
      ignoredColumns: header?.names.filter((name, k) => header?.columns[k] === undefined && name !== '' && name !== 'error') ?? [],
    })
  }

  /** After the chargers are there: a limit is under the rules of the programme that they have consented to. */
  async function limitsOf({ limits }: FleetChange, applied: boolean, by: By): Promise<ImportedLimit[]> {
    const out: ImportedLimit[] = []
    for (const { node, path, limitW, limitA } of limits) {
      // what the file does not say of a node stays as it is
      const known = standing.find(String(node))
      const asked = {
        limitW: limitW ?? (known.ok ? known.value.limitW : undefined),
        limitA: limitA ?? (known.ok ? (known.value.limitA ?? undefined) : undefined),
      }
      const set = applied ? await standing.set(String(node), asked, by) : undefined
      const error = set && !set.ok ? `${set.refusal.message}${set.refusal.hint ? ` (${set.refusal.hint})` : ''}` : null
      out.push({ node: path, limitW: limitW ?? null, limitA: limitA ?? null, error })
    }
    return out
  }

  async function applyChange(change: FleetChange, about: Record<string, string | number>): Promise<void> {
    const { registry } = engine
    await registry.put({
      nodes: [...change.nodes.values()],
      stations: [...change.stations.values()],
      externalIds: change.externalIds,
      aliases: change.aliases,
    })
    await Promise.all(change.consents.map(c => registry.set(consentKey(c.charger), consentValue(c))))
    const inputs = [...fleetInputs(change), ...enrolmentInputs(change.enrolments), ...consentInputs(change)]
    await engine.handle(...inputs, { kind: 'noted', what: 'fleetImported', about })
  }

  /** Changed nodes and chargers, and those that the registry has and State lacks since an import died half-way. */
  function fleetInputs(change: FleetChange): Input[] {
    const state = engine.state()
    const nodes = new Map<number, NodeRecord>(change.nodes)
    if (engine.registry.nodeCount() > state.fleet.nodes)
      for (const node of engine.registry.nodes()) if (node.no >= state.fleet.nodes) nodes.set(node.no, node)
    const chargers = new Map<number, ChargerRecord>()
    for (const station of engine.registry.stations())
      for (const { charger } of station.evses)
        if (change.stations.has(station.no) || charger >= state.fleet.chargers)
          chargers.set(charger, { no: charger, station: station.no, capabilities: station.capabilities })
    if (nodes.size === 0 && chargers.size === 0) return []
    return [{ kind: 'fleet', nodes: nodeColumns([...nodes.values()], state), chargers: chargerColumns([...chargers.values()], state) }]
  }

  function consentInputs({ withdrawn, enrolments }: FleetChange): Input[] {
    const nowS = seconds(engine.now())
    const out: Input[] = []
    if (withdrawn.length > 0)
      out.push({ kind: 'optOut', who: Uint32Array.from(withdrawn), fromS: nowS, toS: NEVER_S, reason: 'consentWithdrawn' })
    // A consent given again ends the opt-out that stood for its withdrawal, if that is the only one: a driver's own opt-out stays.
    const back = enrolments.filter(e => e.basis === 1 && onlyWithdrawn(e.charger)).map(e => e.charger)
    if (back.length > 0) out.push({ kind: 'optIn', who: Uint32Array.from(new Set(back)) })
    return out
  }
  function onlyWithdrawn(charger: number): boolean {
    const list = engine.state().optOuts.get(charger)
    return list?.every(o => o.reason === 'consentWithdrawn') ?? false
  }
}

const isRow = (x: FleetRow | readonly RowError[]): x is FleetRow => !Array.isArray(x)

function enrolmentInputs(enrolments: readonly Enrolment[]): Input[] {
  const byProgramme = new Map<string, Enrolment[]>()
  for (const e of enrolments) {
    const list = byProgramme.get(e.programme)
    if (list) list.push(e)
    else byProgramme.set(e.programme, [e])
  }
  return [...byProgramme].map(([programme, list]) => ({
    kind: 'enrolled',
    programme,
    who: Uint32Array.from(list.map(e => e.charger)),
    basis: Uint8Array.from(list.map(e => e.basis)),
  }))
}

/** A former `error` column is replaced, so that a mended file can be imported as it is. */
const withoutError = (cells: readonly string[], header: Header): string[] => cells.filter((_, k) => header.names[k] !== 'error')
const rejectedHeader = (header: Header): string => csvLine([...withoutError(header.names, header), 'error'], header.delimiter)
function rejectedRow(raw: RawRow, header: Header, faults: readonly RowError[]): string {
  const text = faults.map(f => `${f.column}: ${f.message} (${f.hint})`).join('; ')
  const cells = header.names.map((_, k) => raw.fields[k] ?? '')
  return csvLine([...withoutError(cells, header), text], header.delimiter)
}
