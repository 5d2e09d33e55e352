import type { Floor } from './floors.ts'
import { faultsOf, type PayFactor, type PayPoint } from './payFactor.ts'

/**
 * How a buyer pays, as data. `exact`: read in the published terms named in `source`. Not exact: a band that is to be set to the contract at hand; its
 * numbers are what was found or remembered, and no result computed with them is more than an estimate.
 */
export type Scheme = {
  readonly id: string
  readonly name: string
  readonly exact: boolean
  readonly source: string
  readonly payFactor: PayFactor
  /** Where negative delivery counts as none. */
  readonly floor: Floor
}

const plain = { cap: null, floor: null, squaredBelow: null } as const

/** NESO Demand Flexibility Service, Service Terms v4.0 (effective 9 Apr 2026), schedule 1: S = 0.5 P Q K, K by RV = 100 V / (Q 0.5). */
export const dfs: Scheme = {
  id: 'dfs',
  name: 'NESO Demand Flexibility Service v4.0',
  exact: true,
  source: 'DFS Service Terms v4.0, schedule 1',
  payFactor: {
    ...plain,
    per: 'SP',
    points: [
      [-1, -1],
      [0, 0],
      [0.25, 0],
      [0.5, 0.5],
      [1.2, 1.2],
    ],
  },
  floor: 'none',
}

/**
 * SSEN: a sliding scale between 50 % and 100 % of the instructed energy of a half hour, capped there. The published sentence does not say what happens
 * at 50 %: here nothing is paid below it, and what was delivered from it on. `from` makes it another share.
 */
export const ssen = ({ from = 0.5 } = {}): Scheme => ({
  id: 'ssen',
  name: 'SSEN flexibility utilisation',
  exact: false,
  source: 'SSEN TRANSITION, payment page',
  payFactor: {
    ...plain,
    per: 'SP',
    points: [
      [0, 0],
      [from, 0],
      [from, from],
      [1, 1],
    ],
  },
  floor: 'perUnitSP',
})

/** Flexible Power: within the grace of the ask all of it is paid; below, `slope` percent less for each percent missing. */
export const flexiblePower = ({ grace = 0.05, slope = 3 } = {}): Scheme => ({
  id: 'flexiblePower',
  name: 'Flexible Power utilisation',
  exact: false,
  source: 'Flexible Power payment mechanics, as remembered: set grace and slope to the contract',
  payFactor: {
    ...plain,
    per: 'minute',
    points: [
      [1 - grace - 1 / slope, 0],
      [1 - grace, 1],
    ],
  },
  floor: 'perUnitSP',
})

/** ERCOT ERS, Nodal Protocols section 8: the factor is the ratio, squared below 0.85; a portfolio passes at 0.95. */
export const ercot = ({ squaredBelow = 0.85 } = {}): Scheme => ({
  id: 'ercot',
  name: 'ERCOT Emergency Response Service',
  exact: false,
  source: 'ERCOT Nodal Protocols 8.1.3: the threshold; what surrounds it is to be set',
  payFactor: {
    ...plain,
    per: 'event',
    squaredBelow,
    points: [
      [0, 0],
      [1, 1],
    ],
  },
  floor: 'none',
})

/** What is delivered is paid, no more than what was asked, nothing held against it. */
export const proportional: Scheme = {
  id: 'proportional',
  name: 'Delivered energy, up to what was asked',
  exact: true,
  source: 'no scheme: the plain product',
  payFactor: {
    ...plain,
    per: 'SP',
    points: [
      [0, 0],
      [1, 1],
    ],
  },
  floor: 'none',
}

/** With the bands as found. */
export const schemes: Readonly<Record<string, Scheme>> = {
  dfs,
  ssen: ssen(),
  flexiblePower: flexiblePower(),
  ercot: ercot(),
  proportional,
}

type Bands = Readonly<Record<string, number>>
/** What a contract sets of a scheme, each a share but for the slope; with what it makes of it. */
const settable: Readonly<Record<string, { readonly bands: Bands; readonly make: (bands: Bands) => Scheme }>> = {
  ssen: { bands: { from: 0.5 }, make: ssen },
  flexiblePower: { bands: { grace: 0.05, slope: 3 }, make: flexiblePower },
  ercot: { bands: { squaredBelow: 0.85 }, make: ercot },
}
const perKinds: readonly PayFactor['per'][] = ['minute', 'SP', 'event']

/**
 * A scheme as it is written: `dfs`; with the bands of a contract, `flexiblePower:grace=0.03,slope=2`; or a table of ratio=factor of one's own,
 * `points:per=minute,0.6=0,0.95=1` (by settlement period where nothing else is said). What is set is exact: it is the contract. @returns what is wrong, as a text
 */
export function schemeOf(text: string): Scheme | string {
  const [id = '', rest] = text.split(/:(.*)/s)
  if (id === 'points') return tableOf(text, rest ?? '')
  const known = Object.hasOwn(schemes, id) ? schemes[id] : undefined
  if (!known) return `it must be one of ${Object.keys(schemes).join(', ')}, or points:0.5=0.5,1=1`
  if (rest === undefined) return known
  const own = settable[id]
  if (!own) return `${id} has nothing to be set: its numbers are those of its terms`
  const set: Record<string, number> = {}
  for (const [key, value] of pairsOf(rest)) {
    if (!Object.hasOwn(own.bands, key)) return `${id} has no ${JSON.stringify(key)}: it has ${Object.keys(own.bands).join(', ')}`
    if (!(value >= 0) || !Number.isFinite(value) || (key !== 'slope' && value > 1) || (key === 'slope' && value === 0))
      return `${key} is ${key === 'slope' ? 'a number above 0' : 'a share from 0 to 1'}`
    set[key] = value
  }
  const made = own.make({ ...own.bands, ...set })
  return { ...made, id: text, exact: Object.keys(own.bands).every(key => set[key] !== undefined), source: 'set to the contract' }
}
const pairsOf = (text: string): [string, number][] =>
  text.split(',').map(part => {
    const [key = '', value = ''] = part.split('=', 2)
    return [key.trim(), value.trim() === '' ? Number.NaN : Number(value)]
  })
function tableOf(id: string, text: string): Scheme | string {
  const [, per = 'SP', table = text] = /^per=(\w+),(.*)$/s.exec(text) ?? []
  const kind = perKinds.find(k => k === per)
  if (!kind) return `per is one of ${perKinds.join(', ')}`
  const points = pairsOf(table).map(([ratio, factor]): PayPoint => [ratio === '' ? Number.NaN : Number(ratio), factor])
  const payFactor: PayFactor = { ...plain, per: kind, points }
  const [fault] = faultsOf(payFactor)
  if (fault) return `${fault}: write ratio=factor,ratio=factor by rising ratio, as in 0.5=0.5,1=1`
  return { id, name: 'A table of its own', exact: true, source: 'set to the contract', payFactor, floor: 'none' }
}
