import { describe, expect, test } from 'vitest'
import { testProgramme } from '../../simulations/virtual/fleet.ts'
import { exclusions, type GridEvent, type Programme } from '../../src/core/model.ts'
import { at, bed, during, fleetOfN, one, T } from './bed.ts'

const off = { kind: 'off' } as const
const hour = during(T + 3600, T + 7200, off)
type Change = Partial<GridEvent>

describe('an event is judged once', () => {
  test.each<[string, Change, Partial<Programme>, string | null]>([
    ['in time', hour, { minNoticeS: 3600 }, null],
    ['with too little notice', hour, { minNoticeS: 3601 }, 'notice'],
    ['too long', hour, { maxDurationS: 3599 }, 'duration'],
    ['without an end', during(T + 3600, 0xffffffff, off), {}, 'duration'],
    ['over', during(T - 3600, T, off), {}, 'past'],
    ['cancelled before it was ever seen', { intervals: [] }, {}, 'past'],
    ['under a programme nobody knows', { ...hour, programme: 'other' }, {}, 'unknownProgramme'],
    ['for targets nobody has', { ...hour, targets: [{ kind: 'node', node: 999 }] }, {}, 'nobody'],
    ['an emergency without any notice', { class: 'emergency', ...during(T, T + 60, off) }, { minNoticeS: 3600 }, null],
    ['an emergency longer than the programme allows', { class: 'emergency', ...hour }, { maxDurationS: 1 }, null],
    ['an emergency where the programme knows none', { class: 'emergency', ...hour }, { emergencyAllowed: false }, 'nobody'],
  ])('%s', (_, change, programme, why) => {
    const b = bed(fleetOfN(2), programme)
    const facts = b.signal(change)
    expect(one(facts, 'declined')?.why ?? null).toBe(why)
    expect(one(facts, 'accepted') === undefined).toBe(why !== null)
  })

  test('no consent, no dispatch; a recorded emergency basis is the exception', () => {
    const reasons = (change: Change) => {
      const b = bed(fleetOfN(3))
      b.turn({ kind: 'enrolled', programme: 'flex', who: Uint32Array.of(0, 1), basis: Uint8Array.of(0, 2) })
      const accepted = one(b.signal(change), 'accepted')!
      return Array.from(accepted.excluded, (i, k) => `${i} ${exclusions[accepted.why[k]!]}`)
    }
    expect(reasons(hour)).toEqual(['0 notEnrolled', '1 noConsent'])
    expect(reasons({ ...hour, class: 'emergency' })).toEqual(['0 notEnrolled', '1 noConsent'])
    expect(reasons({ ...hour, class: 'emergency', basis: 'supply limitation' })).toEqual([])
  })
  test('the events of a day are counted by UTC day; one that was cancelled before it began is none', () => {
    const b = bed(fleetOfN(1), { maxEventsPerDay: 1 })
    const day = (id: string, hours: number): Change => ({ id, ...during(T + hours * 3600, T + hours * 3600 + 600, off) })
    // T is 22:00, so +1 h is today and +3 h is tomorrow
    expect(one(b.signal(day('a', 1)), 'accepted')).toBeDefined()
    expect(one(b.signal(day('b', 1.5)), 'declined')?.why).toBe('nobody')
    expect(one(b.signal(day('c', 3)), 'accepted')).toBeDefined()
    b.signal({ ...day('a', 1), revision: 1, intervals: [] })
    expect(one(b.signal(day('d', 1.5)), 'accepted')).toBeDefined()
  })
  test('enrolment that changes later changes nothing for an event that was accepted', () => {
    const b = bed(fleetOfN(2))
    b.signal(hour)
    b.turn({ kind: 'enrolled', programme: 'flex', who: Uint32Array.of(0), basis: Uint8Array.of(0) })
    expect(b.wants(T + 4000)).toEqual([0, 0])
  })
  test('a new version of its programme changes nothing for an event that was accepted, only for the next, and for its next revision', () => {
    const b = bed(fleetOfN(3))
    const asked = during(T + 600, T + 4_200, { kind: 'keep', fraction: 0.1 })
    b.signal(asked)
    expect(b.wants(T + 700)).toEqual([0, 0, 0])
    b.turn({ kind: 'programme', programme: testProgramme({ version: 2, floorW: 4_200 }) })
    b.link(false, [0])
    b.until(T + 60)
    expect(b.wants(T + 700)).toEqual([0, 0, 0])
    b.signal({ ...asked, revision: 1 })
    expect(b.wants(T + 700)).toEqual([4_200, 4_200, 4_200])
    expect(b.event()).toMatchObject({ programmeVersion: 2, terms: { version: 2 } })
  })
  test('a test event is accepted and commands nobody', () => {
    const b = bed(fleetOfN(2))
    expect(one(b.signal({ ...hour, test: true }), 'accepted')).toBeDefined()
    expect(b.wants(T + 4000)).toEqual([null, null])
  })
  test("the exemption from random delay is the source's to claim; an emergency never waits at its start but is restored in a spread", () => {
    const spreadOf = (change: Change) => one(bed(fleetOfN(2)).signal({ ...hour, ...change }), 'accepted')!.spread
    expect(spreadOf({ spread: 'programme' })).toEqual({ ...at, startS: 600, endS: 600 })
    expect(spreadOf({ spread: { forbidden: 'response service' } })).toEqual(at)
    expect(spreadOf({ class: 'emergency', spread: 'programme' })).toEqual({ ...at, endS: 600 })
    expect(spreadOf({ spread: { ...at, startS: 9_999 } })).toEqual({ ...at, startS: 1_800 })
  })
})

describe('revisions', () => {
  test.each([0, -1])('an equal or lower revision (%i) is news of nothing', lower => {
    const b = bed(fleetOfN(1))
    b.signal({ ...hour, revision: 3 })
    b.signal({ ...during(T, T + 60, off), revision: 3 + lower })
    expect(b.event().event.intervals).toEqual(hour.intervals)
  })
  test('a running event that is changed is not declined for lack of notice, unless it is brought forward', () => {
    const b = bed(fleetOfN(1), { minNoticeS: 900 })
    b.signal(hour)
    b.until(T + 4000)
    expect(one(b.signal({ revision: 1, ...during(T + 3600, T + 5400, off) }), 'accepted')).toBeDefined()
    const c = bed(fleetOfN(1), { minNoticeS: 900 })
    c.signal(hour)
    c.until(T + 2000)
    expect(one(c.signal({ revision: 1, ...during(T + 2100, T + 7200, off) }), 'declined')?.why).toBe('notice')
  })
  test('a declined revision ends the running one over the restore window, not in one step, and stays declined', () => {
    const b = bed(fleetOfN(60), { maxDurationS: 7200 })
    b.signal({ ...hour, spread: { ...at, endS: 600 } })
    b.until(T + 3600)
    b.answer('accepted')
    b.until(T + 4000)
    const facts = b.signal({ revision: 1, ...during(T + 3600, T + 90_000, off), spread: { ...at, endS: 600 } })
    expect(one(facts, 'declined')?.why).toBe('duration')
    expect(b.event().declined).toBe('duration')
    expect(b.wants(T + 4001).filter(w => w === 0).length).toBeGreaterThan(50)
    expect(b.wants(T + 4300).filter(w => w === 0).length).toBeLessThan(40)
    expect(b.wants(T + 4601).every(w => w === null)).toBe(true)
  })
  test('a declined revision of an event that has not begun leaves nobody limited', () => {
    const b = bed(fleetOfN(2), { maxDurationS: 7200 })
    b.signal(hour)
    b.signal({ revision: 1, ...during(T + 3600, T + 90_000, off) })
    expect(b.wants(T + 4000)).toEqual([null, null])
  })
  test('cancelled, then announced anew with a higher revision: it runs', () => {
    const b = bed(fleetOfN(1))
    b.signal(hour)
    b.signal({ revision: 1, intervals: [] })
    expect(b.wants(T + 4000)).toEqual([null])
    b.signal({ revision: 2, ...hour })
    expect(b.wants(T + 4000)).toEqual([0])
  })
  test('a cancellation that names another class or programme changes neither', () => {
    const b = bed(fleetOfN(1))
    b.signal({ ...hour, class: 'emergency', basis: 'order' })
    b.signal({ revision: 1, intervals: [], class: 'voluntary', programme: '', targets: [] })
    expect(b.event().event).toMatchObject({ class: 'emergency', programme: 'flex', revision: 1, ...hour })
  })
})

describe('what is forgotten', () => {
  test('an event a month after its end, with its number; numbers are not given again', () => {
    const b = bed(fleetOfN(1))
    b.signal(hour)
    b.until(T + 7200 + 31 * 86_400)
    b.until(b.nowS() + 8 * 86_400)
    expect(b.s.events.size).toBe(0)
    const from = b.nowS() + 3600
    b.signal({ id: 'next', ...during(from, from + 60, off) })
    expect([...b.s.events.keys()]).toEqual([1])
  })
  test('an opt-out and a refusal only when no event needs them any more, verification included', () => {
    const b = bed(fleetOfN(2))
    b.signal({ class: 'emergency', basis: 'order', ...during(T, T + 600, off) })
    b.observed([7_000, 7_000])
    b.optOut(0, T, T + 600)
    b.answer('rejected', [1])
    b.until(T + 3600)
    expect([b.s.optOuts.size, b.s.refusals.size]).toEqual([1, 1])
    const none = {
      charger: new Uint32Array(0),
      fromMs: new Float64Array(0),
      toMs: new Float64Array(0),
      powerW: new Float64Array(0),
      registerWh: new Float64Array(0),
      quality: new Uint8Array(0),
    }
    b.turn({ kind: 'metered', event: 0, readings: none })
    b.until(T + 3601)
    b.until(T + 3602)
    expect([b.s.optOuts.size, b.s.refusals.size]).toEqual([0, 0])
  })
})
