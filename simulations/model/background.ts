import type { NodeNo, Second } from '../../src/core/model.ts'
import { DAY_S } from '../../src/core/verify/calendar.ts'
import { normal, stream } from '../fleet/chance.ts'

/** What is behind a node beside its chargers, W; generation is negative. */
export type OtherLoad = { readonly node: NodeNo; readonly wAt: (atS: Second) => number }

/** Other load of a node with all that is below it, W. `parent`: by node, -1 above all. */
export function createBackground(parent: ArrayLike<number>, loads: readonly OtherLoad[]): (node: NodeNo, atS: Second) => number {
  const under = new Map<NodeNo, number[]>()
  loads.forEach(({ node }, k) => {
    for (let n: number = node; n >= 0; n = parent[n]!) under.set(n, [...(under.get(n) ?? []), k])
  })
  const nowW = new Float64Array(loads.length)
  let ofS = Number.NaN
  return (node, atS) => {
    const own = under.get(node)
    if (own === undefined) return 0
    if (ofS !== atS) loads.forEach((load, k) => (nowW[k] = load.wAt(atS)))
    ofS = atS
    return own.reduce((sum, k) => sum + nowW[k]!, 0)
  }
}

const HALF_HOUR_S = 1_800
/** A factor for each half hour, never below 0; each label has its own. */
export function unsteady(seed: string, label: string, spread: number): (atS: Second) => number {
  let [of, factor] = [Number.NaN, 1]
  return atS => {
    const halfHour = Math.floor(atS / HALF_HOUR_S)
    if (halfHour !== of) factor = Math.max(0, 1 + spread * normal(stream(seed, `background ${label} ${halfHour}`)))
    of = halfHour
    return factor
  }
}

const radians = (deg: number): number => (deg * Math.PI) / 180
/** Sine of the sun's height at longitude 0, 0 at night: Cooper's declination, solar time as UTC. */
export function sunHeight(latitudeDeg: number, atS: Second): number {
  const day = Math.floor(atS / DAY_S)
  const ofYear = day - Date.UTC(new Date(atS * 1000).getUTCFullYear(), 0, 1) / (DAY_S * 1000) + 1
  const declination = radians(23.45) * Math.sin(radians((360 * (284 + ofYear)) / 365))
  const hourAngle = radians((((atS % DAY_S) - DAY_S / 2) / DAY_S) * 360)
  const latitude = radians(latitudeDeg)
  return Math.max(0, Math.sin(latitude) * Math.sin(declination) + Math.cos(latitude) * Math.cos(declination) * Math.cos(hourAngle))
}
/** What the sky of a day lets through: one for all, because it is one sky. */
export const sky = (seed: string, atS: Second): number => 0.2 + 0.8 * stream(seed, `sky ${Math.floor(atS / DAY_S)}`)()
