import { createHash } from 'node:crypto'
import { draws } from '../../src/core/draw.ts'
import { chargerVerdicts, nonResponses } from '../../src/core/model.ts'
import { afterFleet, emptyLearned, type Learned, type Trials } from '../../src/core/reliability.ts'
import { emptyFleet, type Fleet } from '../../src/core/state.ts'

/** Chargers whose true reliability is known to the simulation alone. */
export type Truth = {
  readonly n: number
  readonly powerW: Float64Array
  readonly obeys: Float64Array
  readonly vendor: Uint16Array
  readonly vendors: number
}
/** What the product knows of them: as after an import, untried. */
export type Known = { readonly fleet: Fleet; readonly learned: Learned }

export const seedOf = (text: string): Uint8Array => createHash('sha256').update(text).digest()
/** Uniform in (0, 1). */
export const uniforms = (n: number, name: string): Float64Array => Float64Array.from(draws(n, seedOf(name), 'u'), u => (u + 0.5) / 2 ** 32)

/** One of Beta(8, 2) and Beta(4, 4) with equal odds, 3.68, 7.36 or 11.04 kW, and one of the vendors, each independently. */
export function truthOf(n: number, vendors: number, name: string): Truth {
  const u = uniforms(20 * n, name)
  const at = (i: number, k: number) => u[20 * i + k]!
  // a gamma variate of whole shape is a sum of exponentials
  const gamma = (i: number, from: number, shape: number) => {
    let sum = 0
    for (let k = 0; k < shape; k++) sum -= Math.log(at(i, from + k))
    return sum
  }
  const beta = (i: number, a: number, b: number) => {
    const x = gamma(i, 3, a)
    return x / (x + gamma(i, 3 + a, b))
  }
  const obeys = new Float64Array(n)
  for (let i = 0; i < n; i++) obeys[i] = at(i, 0) < 0.5 ? beta(i, 8, 2) : beta(i, 4, 4)
  return {
    n,
    powerW: Float64Array.from({ length: n }, (_, i) => [3_680, 7_360, 11_040][Math.floor(at(i, 1) * 3)]!),
    obeys,
    vendor: Uint16Array.from({ length: n }, (_, i) => 1 + Math.floor(at(i, 2) * vendors)),
    vendors,
  }
}

export function untried(t: Truth): Known {
  const fleet: Fleet = {
    ...emptyFleet(),
    chargers: t.n,
    group: t.vendor,
    reliability: new Uint16Array(t.n).fill(830),
    onLinkLoss: new Uint8Array(t.n),
  }
  const learned = emptyLearned()
  afterFleet(
    learned,
    fleet,
    Uint32Array.from({ length: t.n }, (_, i) => i),
  )
  return { fleet, learned }
}

/** Who would obey in an event: each by its own chance, nobody of a vendor that is out. `out` 0: none is. */
export function answersOf(t: Truth, name: string, out: number): Uint8Array {
  const u = uniforms(t.n, name)
  return Uint8Array.from(u, (x, i) => (t.vendor[i] !== out && x < t.obeys[i]! ? 1 : 0))
}
/** The vendor that is out in an event, 0 in most of them. */
export function outageOf(t: Truth, name: string, share: number): number {
  const [happens, which] = uniforms(2, name)
  return happens! < share ? 1 + Math.floor(which! * t.vendors) : 0
}

const verdict = (name: (typeof chargerVerdicts)[number]) => chargerVerdicts.indexOf(name)
const UNMOVED = nonResponses.indexOf('acceptedButUnmoved')
/** What the verification of the event says of those who were told. */
export function trialsOf(takes: Uint8Array, obeyed: Uint8Array): Trials {
  const who = Uint32Array.from([...takes.keys()].filter(i => takes[i] === 1))
  return {
    who,
    verdict: Uint8Array.from(who, i => verdict(obeyed[i] === 1 ? 'compliant' : 'notCompliant')),
    cause: Uint8Array.from(who, i => (obeyed[i] === 1 ? 0 : UNMOVED)),
  }
}
export function deliveredW(t: Truth, takes: Uint8Array, obeyed: Uint8Array): number {
  let sumW = 0
  for (let i = 0; i < t.n; i++) if (takes[i] === 1 && obeyed[i] === 1) sumW += t.powerW[i]!
  return sumW
}
