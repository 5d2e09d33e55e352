import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { testProgramme } from '../../simulations/virtual/fleet.ts'
import { levelOf, spentAt } from '../../src/core/budget.ts'
import type { Fact, Programme } from '../../src/core/model.ts'
import { bed, during, eventOf, fleetOfN, type Kind, one, T } from './bed.ts'

const emergency = { class: 'emergency', basis: 'order' } as const
const off = { kind: 'off' } as const

/** Emergencies one after another from T on, each an hour after the other, answered and looked at every 10 s. */
function year(programme: Partial<Programme>, minutes: readonly number[], from = T) {
  const b = bed(fleetOfN(2), programme)
  const alarms: [number, Kind<'alarm'>][] = []
  const take = (k: number, facts: readonly Fact[]) => {
    for (const f of facts) if (f.kind === 'alarm' && f.what !== 'beyondRoutine') alarms.push([k, f])
  }
  minutes.forEach((m, k) => {
    const fromS = from + k * 3_600
    b.until(fromS)
    b.turn(
      {
        kind: 'signal',
        event: { ...eventOf({ id: `e${k}`, ...emergency, ...during(fromS, fromS + m * 60, off) }) },
        seed: new Uint8Array(32),
        raw: new Uint8Array(0),
      },
      { kind: 'observed', event: k, who: Uint32Array.of(0, 1), powerW: Int32Array.of(7_000, 7_000) },
    )
    b.answer('accepted')
    for (let s = 10; s <= m * 60; s += 10) {
      b.until(fromS + s)
      take(k, b.observed([0, 0], k))
    }
  })
  return { b, alarms }
}

describe('the budget of emergencies', () => {
  test('says once that 80 % of the uses are spent and once that they are passed, for chargers and the node, and holds nothing back', () => {
    const { b, alarms } = year({ emergencyUsesPerYear: 5 }, [2, 2, 2, 2, 2, 2, 2])
    expect(alarms.map(([k, a]) => [k, a.what, [...a.who], [...a.nodes]])).toEqual([
      [3, 'budgetNear', [0, 1], [0]],
      [5, 'budgetPassed', [0, 1], [0]],
    ])
    expect([...b.s.spent.uses.subarray(0, 2)]).toEqual([7, 7])
    expect(spentAt(b.s.spent, 0)).toMatchObject({ uses: 7 })
    expect(b.event(6).status).toBe('accepted')
    expect(b.s.register.get(5)?.budget).toEqual({ near: 0, passed: 2 })
  })
  test('counts the minutes under a limit', () => {
    const { b, alarms } = year({ emergencyMinutesPerYear: 50, endSpreadS: 0 }, [30, 30])
    expect(alarms.map(([k, a]) => [k, a.what])).toEqual([
      [1, 'budgetNear'],
      [1, 'budgetPassed'],
    ])
    const minutes = b.s.spent.seconds[0]! / 60
    expect(minutes).toBeGreaterThan(59)
    expect(minutes).toBeLessThanOrEqual(60)
  })
  test('begins anew with the calendar year', () => {
    const newYear = Date.parse('2024-01-01T00:00:00Z') / 1000
    const { b } = year({ emergencyUsesPerYear: 5 }, [2, 2, 2], newYear - 2 * 3_600)
    expect(b.s.spent.year).toBe(2024)
    expect(b.s.spent.uses[0]).toBe(1)
  })
  test('counts neither a test nor a charger that is left out', () => {
    const b = bed(fleetOfN(2), { emergencyUsesPerYear: 1 })
    b.signal({ ...emergency, id: 't', test: true, ...during(T, T + 60, off) })
    b.optOut(1, T, T + 9_999)
    b.signal({ ...emergency, id: 'a', ...during(T, T + 60, off) })
    expect([...b.s.spent.uses.subarray(0, 2)]).toEqual([1, 0])
    expect([...b.s.register.values()].map(u => [u.id, u.test, u.commanded, u.beyond.length > 0])).toEqual([
      ['t', true, 0, false],
      ['a', false, 1, true],
    ])
  })
  test.each([
    [3, 0, 0],
    [4, 0, 1],
    [5, 0, 1],
    [6, 0, 2],
    [0, 47, 0],
    [0, 48, 1],
    [0, 61, 2],
    [6, 48, 2],
  ])('%i uses and %i minutes of 5 and 60 are at level %i', (uses, minutes, level) => {
    expect(levelOf(testProgramme({ emergencyUsesPerYear: 5, emergencyMinutesPerYear: 60 }), uses, minutes * 60)).toBe(level)
  })
})

describe('beyond routine', () => {
  const rules = (programme: Partial<Programme>, change: Parameters<typeof eventOf>[0]) => {
    const b = bed(fleetOfN(2), { startSpreadS: 0, ...programme })
    b.turn({ kind: 'enrolled', programme: 'flex', who: Uint32Array.of(1), basis: Uint8Array.of(2) })
    return one(b.signal({ class: 'emergency', ...during(T, T + 600, off), ...change }), 'alarm')?.rules ?? []
  }
  test.each<[string, Partial<Programme>, Parameters<typeof eventOf>[0], string[]]>([
    ['nothing', {}, {}, []],
    ['no notice', { minNoticeS: 60 }, {}, ['notice']],
    ['too long', { maxDurationS: 60 }, {}, ['duration']],
    ['all at once', { startSpreadS: 600 }, {}, ['ramp']],
    ['without consent', {}, { basis: 'order' }, ['consent']],
    ['one too many', { maxEventsPerDay: 0 }, {}, ['eventsPerDay']],
    ['a test', { maxEventsPerDay: 0 }, { test: true }, []],
    ['a routine event', { startSpreadS: 600 }, { class: 'contracted' }, []],
  ])('%s', (_, programme, change, expected) => {
    expect(rules(programme, change)).toEqual(expected)
  })
})

describe('who is left alone', () => {
  test('consent withdrawn in the middle of an event frees in that turn', () => {
    const b = bed(fleetOfN(2))
    b.signal(during(T, T + 3_600, off))
    b.answer('accepted')
    b.until(T + 600)
    const facts = b.turn({ kind: 'optOut', who: Uint32Array.of(1), fromS: b.nowS(), toS: 0xffffffff, reason: 'consentWithdrawn' })
    expect(b.wants(T + 600)).toEqual([0, null])
    expect([...one(facts, 'sent')!.who]).toEqual([1])
  })
  /** Whatever else happens: links, meters that show a shortfall, revisions of the event, more events of the same source, refusals. */
  const happenings = fc.array(
    fc.oneof(
      fc.record({ kind: fc.constant('link' as const), up: fc.boolean() }),
      fc.record({
        kind: fc.constant('meters' as const),
        powerW: fc.array(fc.integer({ min: 0, max: 7_360 }), { minLength: 6, maxLength: 6 }),
      }),
      fc.record({ kind: fc.constant('revision' as const), totalW: fc.integer({ min: 0, max: 40_000 }) }),
      fc.record({ kind: fc.constant('answer' as const), accepted: fc.boolean() }),
      fc.record({ kind: fc.constant('doubt' as const) }),
    ),
    { maxLength: 25 },
  )
  test.each(['contracted', 'emergency'] as const)(
    'an override in an event of class %s acts in its turn and is never fought again',
    eventClass => {
      fc.assert(
        fc.property(fc.integer({ min: 0, max: 5 }), fc.integer({ min: 1, max: 1_200 }), happenings, (who, afterS, story) => {
          const b = bed(fleetOfN(6), { overrideInEmergency: true, lastResort: true })
          const ask = (totalW: number) => ({ class: eventClass, ...during(T, T + 3_600, { kind: 'cap', totalW }) }) as const
          b.turn(
            { kind: 'signal', event: eventOf(ask(9_000)), seed: new Uint8Array(32), raw: new Uint8Array(0) },
            { kind: 'observed', event: 0, who: Uint32Array.from(b.everyone), powerW: new Int32Array(6).fill(7_000) },
          )
          b.answer('accepted')
          b.until(T + afterS)
          b.optOut(who, T + afterS, T + 3_600)
          const free = () => b.want(who).every(x => x.toS <= b.nowS())
          expect(free()).toBe(true)
          story.forEach((x, k) => {
            b.until(T + afterS + (k + 1) * 61)
            if (x.kind === 'link') b.link(x.up)
            else if (x.kind === 'meters') b.observed(x.powerW)
            else if (x.kind === 'revision') b.signal({ ...ask(x.totalW), revision: k + 1 })
            else if (x.kind === 'answer') b.answer(x.accepted ? 'accepted' : 'unknown')
            else b.turn({ kind: 'doubt', who: Uint32Array.of(who), why: 'rebooted' })
            expect(free()).toBe(true)
            expect(b.event().resort[who] ?? 0).toBe(0)
          })
        }),
        { numRuns: 150 },
      )
    },
  )
  test('where the programme forbids it, an override in an emergency waits for its end, and is in the record', () => {
    const b = bed(fleetOfN(2), { overrideInEmergency: false })
    b.signal({ ...emergency, ...during(T, T + 3_600, off) })
    b.optOut(1, T, T + 3_600)
    expect(b.wants(T + 10)).toEqual([0, 0])
    expect(b.s.register.get(0)?.overrides).toEqual([{ atS: T, chargers: 1, reason: 'driver', honoured: false }])
  })
})
