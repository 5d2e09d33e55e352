import { expect, test } from 'vitest'
import { logSources } from '../../src/api/sourceLog.ts'
import type { Fact } from '../../src/core/model.ts'

/** Lines that facts leave, one turn a second. */
function linesOf(...turns: readonly Fact[][]): { level: string; msg: string; state: string; peer: string }[] {
  const lines: string[] = []
  let told: ((facts: readonly Fact[], at: number) => void) | undefined
  const stop = logSources(
    {
      listen: listener => {
        told = listener
        return () => (told = undefined)
      },
    },
    line => lines.push(line),
  )
  turns.forEach((facts, k) => told?.(facts, k * 1_000))
  stop()
  expect(told).toBeUndefined()
  return lines.map(line => JSON.parse(line))
}
const noted = (what: string, about: Record<string, string | number>): Fact => ({ kind: 'noted', what, about })
const garbage = noted('openadr2b.unreachable', { peer: 'dno', why: 'xml-syntax at /' })
const back = noted('openadr2b.reachable', { peer: 'dno', after: 3 })

test('a VTN that answers rubbish is said once, with why, and once that it is heard again', () => {
  const lines = linesOf(
    [garbage],
    [garbage],
    [noted('openadr2b.badMessage', { peer: 'dno', code: 'xml-syntax', path: '' })],
    [back],
    [back],
  )
  expect(lines.map(x => [x.level, x.state])).toEqual([
    ['warn', 'unreachable'],
    ['info', 'heard'],
  ])
  expect(lines[0]!.msg).toContain('openadr2b:dno')
  expect(lines[0]!.msg).toContain('xml-syntax')
})
test('one that is silent after that is worse, and is said; another peer is another matter', () => {
  const silent: Fact = { kind: 'silent', adapter: 'openadr2b', peer: 'dno', silentMs: 60_000 }
  const other = noted('openadr2b.unreachable', { peer: 'supplier', why: 'ECONNREFUSED' })
  expect(
    linesOf([garbage, other], [silent], [{ kind: 'heardAgain', adapter: 'openadr2b', peer: 'dno' }]).map(x => [x.peer, x.state]),
  ).toEqual([
    ['dno', 'unreachable'],
    ['supplier', 'unreachable'],
    ['dno', 'silent'],
    ['dno', 'heard'],
  ])
})
test('a source that works, and what else is noted of one, is not worth a line', () => {
  expect(linesOf([back], [noted('openadr2b.registered', { peer: 'dno', venID: 'v' })], [noted('configured', {})])).toEqual([])
})
