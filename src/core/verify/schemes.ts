import type { Floor } from './floors.ts'
import type { PayFactor } from './payFactor.ts'

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
