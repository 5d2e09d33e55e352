import { linkLossTraits, type NodeKind, type OnLinkLoss } from '../core/model.ts'
import type { Column, RawRow } from './fleetCsv.ts'
import type { PhaseLimits } from './nodeLimits.ts'

/** One wrong cell. `code` is stable; a password's value is never repeated. */
export type RowError = {
  readonly line: number
  readonly column: Column | ''
  readonly value: string
  readonly code: string
  readonly message: string
  readonly hint: string
}
/** A row that makes sense by itself. Undefined: the cell is empty, so what is known stays. */
export type FleetRow = {
  readonly line: number
  readonly externalId: string
  readonly identity: string
  readonly evseId: number | undefined
  /** Levels above the station, from the top. Empty: not said. */
  readonly path: readonly { readonly kind: NodeKind; readonly name: string }[]
  /** What may flow at the lowest node of `path`: in all, W; on each of L1, L2, L3, A. */
  readonly limitW: number | undefined
  readonly limitA: PhaseLimits | undefined
  readonly profile: 0 | 1 | 2 | 3 | undefined
  readonly password: string | undefined
  /** DC: `maxW` says what it gives; AC: phases, voltage and amps do. */
  readonly current: 'AC' | 'DC' | undefined
  readonly maxW: number | undefined
  readonly minW: number | undefined
  readonly phases: 1 | 2 | 3 | undefined
  /** Phases of the grid on the box's own, in their order: `L1`, `L2L3L1`. */
  readonly gridPhases: string | undefined
  readonly voltageV: number | undefined
  /** Limits go in steps of this. */
  readonly stepA: number | undefined
  /** The only limits that it takes besides 0. */
  readonly stepsA: readonly number[] | undefined
  /** No: 0 A is refused or never resumed from, the least is `minA`. */
  readonly takesZero: boolean | undefined
  readonly minA: number | undefined
  readonly maxA: number | undefined
  readonly limitsAt: 'station' | 'evse' | undefined
  /** What it fails together with: the backend that it is reached through. */
  readonly backend: string | undefined
  readonly meterClass: string | undefined
  readonly onLinkLoss: OnLinkLoss | undefined
  /** The box waits up to so long, by chance, before it follows a change. */
  readonly ownRandomDelayS: number | undefined
  readonly programme: string | undefined
  readonly consent: boolean | undefined
  readonly consentDate: string | undefined
  readonly consentText: string | undefined
  readonly aliases: readonly { readonly scheme: string; readonly value: string }[]
}

/** A level of the tree by its column. */
const levels = [
  ['licence_area', 'licenceArea'],
  ['gsp', 'gsp'],
  ['primary', 'primary'],
  ['feeder', 'feeder'],
  ['site', 'site'],
] as const satisfies readonly (readonly [Column, NodeKind])[]
/** Names of the outside, by column: the scheme under which signal adapters look them up (OpenADR 2.0b spells its own). */
const schemes = [
  ['mpan', 'mpan'],
  ['resource_id', 'resourceID'],
  ['group_id', 'groupID'],
  ['tags', 'tag'],
] as const satisfies readonly (readonly [Column, string])[]

type Fault = { readonly code: string; readonly message: string; readonly hint: string }
type Read<T> = (text: string) => T | Fault
const isFault = (x: unknown): x is Fault => typeof x === 'object' && x !== null && 'hint' in x
const shown = (text: string) => JSON.stringify(text)

const number =
  (least: number, most: number, whole = false): Read<number> =>
  text => {
    const unit = /^([\d.,]+)\s*[a-zA-Z%]+$/.exec(text)
    if (unit) return { code: 'not-a-number', message: `${shown(text)} is not a number`, hint: `remove the unit: ${unit[1]}` }
    const value = Number(text.replace(/^(\d+),(\d+)$/, '$1.$2'))
    if (!Number.isFinite(value))
      return { code: 'not-a-number', message: `${shown(text)} is not a number`, hint: `write a number such as ${most > 31 ? 16 : least}` }
    if (whole && !Number.isInteger(value))
      return { code: 'not-whole', message: `${text} is not a whole number`, hint: 'write it without decimals' }
    if (value < least || value > most)
      return { code: 'out-of-range', message: `${text} is not from ${least} to ${most}`, hint: 'is the unit right?' }
    return value
  }
const oneOf =
  <T extends string>(known: Readonly<Record<string, T>>): Read<T> =>
  text =>
    known[text.toLowerCase().replace(/[^a-z0-9]/g, '')] ?? {
      code: 'unknown-value',
      message: `${shown(text)} is not known`,
      hint: `one of: ${[...new Set(Object.values(known))].join(', ')}`,
    }
const name =
  (most: number, pattern?: RegExp, hint = ''): Read<string> =>
  text => {
    if (text.length > most) return { code: 'too-long', message: `has ${text.length} characters`, hint: `at most ${most}` }
    if (pattern && !pattern.test(text)) return { code: 'bad-characters', message: `${shown(text)} cannot be used here`, hint }
    return text
  }
const date: Read<string> = text =>
  /^\d{4}-\d{2}-\d{2}(T[\d:.]+(Z|[+-]\d{2}:\d{2}))?$/.test(text) && !Number.isNaN(Date.parse(text))
    ? text
    : { code: 'not-a-date', message: `${shown(text)} is not a date`, hint: 'write 2026-10-02 or 2026-10-02T09:30:00Z' }
const nodeName = name(200, /^[^/]+$/, 'a node name has no "/": it separates the names of a path')
const identityHint = 'at most 48 characters, no spaces, colons or slashes: it is the end of a WebSocket URL'
/** OCPP 2.0.1 part 4 §2.1.1: at most 48 characters, no colon since it is the user name of basic authentication. */
const identityName = name(48, /^[^:/\s]+$/, identityHint)
const yesNo = oneOf({ yes: 'yes', y: 'yes', true: 'yes', '1': 'yes', no: 'no', n: 'no', false: 'no', '0': 'no' })
const linkLoss = oneOf(Object.fromEntries(linkLossTraits.map(t => [t.toLowerCase(), t])) as Record<string, OnLinkLoss>)
const limitsAt = oneOf({ station: 'station', evse: 'evse', connector: 'evse' } as const)
const profile: Read<0 | 1 | 2 | 3> = text => number(0, 3, true)(text) as 0 | 1 | 2 | 3 | Fault
const current = oneOf({ ac: 'AC', dc: 'DC' } as const)
const phases: Read<1 | 2 | 3> = text => number(1, 3, true)(text) as 1 | 2 | 3 | Fault

/** L1, L2, L3 or R, S, T, each once, in the order of the box's own phases. */
const gridPhases: Read<string> = text => {
  const named = text
    .toUpperCase()
    .replace(/[^A-Z0-9]/g, '')
    .replace(/R/g, 'L1')
    .replace(/S/g, 'L2')
    .replace(/T/g, 'L3')
  const list = named.match(/L[123]/g) ?? []
  return list.join('') === named && list.length > 0 && new Set(list).size === list.length
    ? named
    : {
        code: 'unknown-value',
        message: `${shown(text)} is no phase of the grid`,
        hint: 'write L1, L2 or L3; all three in their order: L2L3L1 or STR',
      }
}

/** `6|8|10`: amps, in any order; 0 is for `takes_zero` to say. */
const stepList: Read<readonly number[]> = text => {
  const read = text.split(/[|;\s]+/).map(part => number(0, 1000)(part))
  const fault = read.find(isFault)
  return fault ?? [...new Set(read as number[])].filter(a => a > 0).sort((a, b) => a - b)
}

/** One number for each phase, or three: `100|100|80`. */
const phaseLimits: Read<PhaseLimits> = text => {
  const read = text.split(/[|;/\s]+/).map(part => number(0, 100_000)(part))
  const fault = read.find(isFault)
  if (fault) return fault
  const [L1, L2 = L1, L3 = L1] = read as number[]
  return read.length === 1 || read.length === 3
    ? { L1: L1!, L2: L2!, L3: L3! }
    : { code: 'other-count', message: `${shown(text)} is not one number or three`, hint: 'write 100, or 100|100|80 for L1, L2 and L3' }
}

/** Does the row say something of a node, and of no charger? */
export const isOfNode = (row: FleetRow): boolean => row.externalId === ''

/** A row by itself: every wrong cell of it, or what it says. What the fleet makes of it is decided later. */
export function readRow(raw: RawRow): FleetRow | readonly RowError[] {
  const errors: RowError[] = []
  // a number under this heading is how many there are
  const isCount = /^\d+$/.test(raw.cells.phase ?? '') && !raw.cells.phases
  const cells = isCount ? { ...raw.cells, phases: raw.cells.phase, phase: '' } : raw.cells
  const fail = (column: Column, { code, message, hint }: Fault) => {
    errors.push({ line: raw.line, column, value: column === 'password' ? '***' : (raw.cells[column] ?? ''), code, message, hint })
  }
  const cell = <T>(column: Column, read: Read<T>): T | undefined => {
    const text = cells[column] ?? ''
    if (text === '') return undefined
    const value = read(text)
    if (!isFault(value)) return value
    fail(column, value)
    return undefined
  }
  const externalId = cell('external_id', name(200))
  const limitKw = cell('limit_kw', number(0, 2_000_000))
  const limitA = cell('limit_a', phaseLimits)
  const hasLimit = Boolean(cells.limit_kw || cells.limit_a)
  const isNode = hasLimit && !cells.external_id && !cells.identity
  if (externalId === undefined && errors.length === 0 && !isNode)
    fail('external_id', { code: 'missing', message: 'is empty', hint: 'every charger needs an id of your own' })
  const identity = cell('identity', identityName) ?? (raw.cells.identity ? undefined : externalId)
  if (!raw.cells.identity && externalId !== undefined && isFault(identityName(externalId)))
    fail('identity', { code: 'missing', message: 'is empty, and the external_id cannot serve as an identity', hint: identityHint })
  const path = levels.flatMap(([column, kind]) => {
    const found = cell(column, nodeName)
    return found === undefined ? [] : [{ kind, name: found }]
  })
  if (hasLimit && path.length === 0)
    fail(cells.limit_kw ? 'limit_kw' : 'limit_a', {
      code: 'limit-of-nothing',
      message: 'the row names no node of the network',
      hint: 'fill in the node that has the limit, and all above it',
    })
  const consent = cell('consent', yesNo)
  const takesZero = cell('takes_zero', yesNo)
  const row: FleetRow = {
    line: raw.line,
    externalId: externalId ?? '',
    identity: identity ?? '',
    evseId: cell('evse_id', number(1, 1000, true)),
    path,
    limitW: limitKw === undefined ? undefined : Math.round(limitKw * 1000),
    limitA,
    profile: cell('security_profile', profile),
    password: cell('password', name(64)),
    current: cell('current', current),
    maxW: cell('max_power_w', number(1_000, 4_000_000, true)),
    minW: cell('min_power_w', number(0, 4_000_000, true)),
    phases: cell('phases', phases),
    gridPhases: cell('phase', gridPhases),
    voltageV: cell('voltage_v', number(90, 480)),
    minA: cell('min_current_a', number(0, 1000)),
    maxA: cell('max_current_a', number(1, 1000)),
    stepA: cell('step_a', number(0.1, 100)),
    stepsA: cell('steps_a', stepList),
    takesZero: takesZero === undefined ? undefined : takesZero === 'yes',
    limitsAt: cell('limits_at', limitsAt),
    backend: cell('backend', name(100)),
    meterClass: cell('meter_class', name(50)),
    onLinkLoss: cell('link_loss', linkLoss),
    ownRandomDelayS: cell('own_random_delay_s', number(0, 1_800, true)),
    programme: cell('programme', name(200)),
    consent: consent === undefined ? undefined : consent === 'yes',
    consentDate: cell('consent_date', date),
    consentText: cell('consent_text', name(100)),
    aliases: schemes.flatMap(([column, scheme]) => listed(cell(column, name(1000))).map(value => ({ scheme, value }))),
  }
  if (row.minA !== undefined && row.maxA !== undefined && row.minA > row.maxA)
    fail('min_current_a', { code: 'above-maximum', message: `${row.minA} A is above max_current_a`, hint: 'exchange them?' })
  if (row.gridPhases !== undefined && row.phases !== undefined && row.gridPhases.length !== 2 * row.phases)
    fail('phase', {
      code: 'other-count',
      message: `${row.gridPhases} are not ${row.phases}`,
      hint: 'name as many phases as the charger has',
    })
  const dc = row.current === 'DC'
  if (dc && row.maxW === undefined && !raw.cells.max_power_w)
    fail('max_power_w', { code: 'missing', message: 'is empty', hint: 'a DC charger is described by its power in W' })
  for (const column of ['phases', 'voltage_v', 'min_current_a', 'max_current_a', 'step_a', 'steps_a'] as const)
    if (dc && raw.cells[column])
      fail(column, { code: 'not-for-dc', message: 'says nothing of a DC charger', hint: 'leave it empty, and give max_power_w' })
  for (const column of ['max_power_w', 'min_power_w'] as const)
    if (!dc && raw.cells[column])
      fail(column, { code: 'only-for-dc', message: 'is for DC chargers', hint: 'write DC in current, or give max_current_a' })
  if (row.minW !== undefined && row.maxW !== undefined && row.minW > row.maxW)
    fail('min_power_w', { code: 'above-maximum', message: `${row.minW} W is above max_power_w`, hint: 'exchange them?' })
  return errors.length > 0 ? errors : row
}
/** Several names in one cell are separated by `|`, or by `;` where that is not the file's own delimiter. */
const listed = (text: string | undefined): string[] =>
  text === undefined
    ? []
    : text
        .split(/[|;]/)
        .map(t => t.trim())
        .filter(t => t !== '')
