import { escaped } from '../../src/report/escape.ts'
import type { Threshold } from '../scenario/thresholds.ts'

/** A suite for each run, or each setting of a sweep, and a case for each threshold: what CI servers read. Without times, so that equal runs are equal files. */
export function junitOf(name: string, suites: readonly { readonly name: string; readonly thresholds: readonly Threshold[] }[]): string {
  const failures = (of: readonly Threshold[]) => of.filter(t => !t.holds).length
  const all = suites.flatMap(s => s.thresholds)
  const cases = (suite: string, of: readonly Threshold[]) =>
    of.map(t => {
      const head = `    <testcase classname="${escaped(suite)}" name="${escaped(t.text)}"`
      return t.holds ? `${head}/>\n` : `${head}>\n      <failure message="${escaped(failureText(t))}"/>\n    </testcase>\n`
    })
  const body = suites.map(
    s =>
      `  <testsuite name="${escaped(s.name)}" tests="${s.thresholds.length}" failures="${failures(s.thresholds)}">\n${cases(s.name, s.thresholds).join('')}  </testsuite>\n`,
  )
  return `<?xml version="1.0" encoding="UTF-8"?>\n<testsuites name="${escaped(name)}" tests="${all.length}" failures="${failures(all)}">\n${body.join('')}</testsuites>\n`
}
export const failureText = ({ text, value, remark }: Threshold): string =>
  `${text}: ${remark || (Number.isFinite(value) ? `it is ${figureText(value)}` : 'there is no such figure in a run')}`
/** Six digits tell runs apart; more are noise. */
export const figureText = (value: number): string => (Number.isFinite(value) ? String(Number(value.toPrecision(6))) : '–')
