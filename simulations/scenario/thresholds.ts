import { nearest } from '../../src/layers.ts'
import { type Spread, spreadOf } from './statistics.ts'
import type { Figures } from './summary.ts'

/** `value`: the figure, of several runs the worst of them; NaN where there is none. `remark`: what may have been meant. */
export type Threshold = { readonly text: string; readonly value: number; readonly holds: boolean; readonly remark: string }

const statistics = ['mean', 'p05', 'p50', 'p95'] as const satisfies readonly (keyof Spread)[]

/**
 * Thresholds over one run, or the runs of a sweep. `NAME` must hold in each of them, `NAME.p05` over all (of one run it is the figure itself). A figure that
 * there is none of does not hold.
 */
export function thresholdsOf(texts: readonly string[], runs: readonly Figures[]): Threshold[] {
  return texts.map(text => {
    const [wanted, how, bound] = text.split(' ') as [string, keyof typeof compare, string]
    const statistic = statistics.find(s => wanted.endsWith(`.${s}`))
    const name = statistic ? wanted.slice(0, -1 - statistic.length) : wanted
    const values = runs.map(r => r[name] ?? Number.NaN)
    const judged = statistic ? [spreadOf(values)[statistic]] : values
    const holds = judged.length > 0 && judged.every(v => compare[how](v, Number(bound)))
    return { text, value: worst(judged, how), holds, remark: runs.some(r => name in r) ? '' : unknown(name, runs) }
  })
}
const worst = (values: readonly number[], how: keyof typeof compare): number =>
  how === '>=' || how === '>' ? Math.min(...values) : how === '==' ? (values.find(v => v !== values[0]) ?? values[0]!) : Math.max(...values)
function unknown(name: string, runs: readonly Figures[]): string {
  const meant = nearest(name, Object.keys(runs[0] ?? {}))
  return `there is no figure ${name}${meant ? `; did you mean ${meant}?` : ''}`
}
const compare = {
  '>=': (a: number, b: number) => a >= b,
  '<=': (a: number, b: number) => a <= b,
  '>': (a: number, b: number) => a > b,
  '<': (a: number, b: number) => a < b,
  '==': (a: number, b: number) => a === b,
} as const
