import { describe, expect, test } from 'vitest'
import { fleetOf } from '../../../simulations/virtual/fleet.ts'
import { withChanges } from '../../../src/core/fleet.ts'
import { chargersOf, rangesOf } from '../../../src/core/members.ts'
import { emptyState } from '../../../src/core/state.ts'
import { pinnedRuleset } from '../../../src/core/verify/baseline/rulesets.ts'
import { type Nomination, nominatedFor, nominationDueS } from '../../../src/core/verify/nominated.ts'
import { MISSING } from '../../../src/core/verify/record.ts'

const s = (iso: string): number => Date.parse(iso) / 1000
const rule = pinnedRuleset('nominated@1')!
const deadline = { daysBefore: 1, atMin: 720 }

describe('the deadline of a nominated half hour', () => {
  test.each([
    ['is noon of the day before', '2024-02-15T17:00:00Z', '2024-02-14T12:00:00Z'],
    ['is noon by the clock, in summer too', '2024-06-10T17:00:00Z', '2024-06-09T11:00:00Z'],
    ['of the first half hour of a summer day is that of its day, not of the UTC day', '2024-06-09T23:30:00Z', '2024-06-09T11:00:00Z'],
    ['is by the clock of the day before, where clocks change in between', '2024-03-31T12:00:00Z', '2024-03-30T12:00:00Z'],
  ])('%s', (_, at, due) => {
    expect(nominationDueS(deadline, 'Europe/London', s(at))).toBe(s(due))
  })
})

describe('of the nominations of a unit', () => {
  const { nodes, chargers } = fleetOf(
    Array.from({ length: 4 }, () => ({ maxA: 32 })),
    { perSite: 2 },
  )
  const fleet = withChanges(emptyState().fleet, nodes, chargers)
  const targets = [{ kind: 'node', node: 0 }] as const
  const who = chargersOf(fleet, rangesOf(fleet, targets))
  const from = s('2024-02-15T17:00:00Z')
  const early = s('2024-02-13T09:00:00Z')
  const nomination = (fromS: number, meanW: readonly number[], atS = early, stepS = 1_800): Nomination => ({
    fromS,
    stepS,
    meanW: Int32Array.from(meanW),
    atS,
  })
  const used = (list: readonly Nomination[], minutes = 60, periodS = 1_800) =>
    nominatedFor({ fleet, nominations: new Map([[0, list]]) }, targets, who, { fromS: from, toS: from + 60 * minutes }, rule, periodS)

  test('the later in time counts, half hour by half hour; what it leaves out stands', () => {
    const n = used([nomination(from, [100, 200]), nomination(from, [300, MISSING], early + 60)])
    expect([...n.meanW]).toEqual([300, 200])
    expect([...n.sentS]).toEqual([early + 60])
  })
  test('one that came too late is named, also where another counts', () => {
    const late = nomination(from, [900, 900], s('2024-02-14T12:00:01Z'))
    expect(used([nomination(from, [100, 200]), late])).toMatchObject({ meanW: Float64Array.of(100, 200), ignored: Uint32Array.of(0) })
    expect(used([late])).toMatchObject({ meanW: new Float64Array(0), unitOf: new Int32Array(4).fill(-1), ignored: Uint32Array.of(0) })
  })
  test('one of another day is neither', () => {
    expect(used([nomination(from - 86_400, [1, 2], s('2024-02-14T12:00:01Z'))]).ignored).toHaveLength(0)
  })
  test('steps of another length, and periods of another length than the steps, are told by their mean', () => {
    expect([...used([nomination(from, [600, 1_200], early, 900)], 30).meanW]).toEqual([900])
    expect([...used([nomination(from, [300, 500])], 40, 300).meanW]).toEqual([300, 300, 300, 300, 300, 300, 500, 500])
    expect([...used([nomination(from - 900, [100, 300, 700])], 30).meanW]).toEqual([200])
  })
  test('a period that is cut by the event is told by its own part', () => {
    expect([...used([nomination(from, [300, 500])], 40).meanW]).toEqual([300, 500])
  })
})
