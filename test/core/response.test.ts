import { describe, expect, test } from 'vitest'
import type { Ask, Programme } from '../../src/core/model.ts'
import { bed, during, eventOf, fleetOfN, one, T } from './bed.ts'

/** An emergency that runs since T; everyone accepted. `powerW` was drawn before. */
function running(ask: Ask, powerW: readonly number[], programme: Partial<Programme> = {}, reliability = 1000) {
  const b = bed(fleetOfN(powerW.length, { reliability }), programme)
  b.turn(
    { kind: 'signal', event: { ...eventBase, ...during(T, T + 3600, ask) }, seed: new Uint8Array(32), raw: new Uint8Array(0) },
    { kind: 'observed', event: 0, who: Uint32Array.from(b.everyone), powerW: Int32Array.from(powerW) },
  )
  b.answer('accepted')
  /** Meters say so at T + s. */
  return Object.assign(b, { seenAt: (s: number, now: readonly number[]) => [...b.until(T + s), ...b.observed(now)] })
}

const eventBase = eventOf({ class: 'emergency', basis: 'order' })
const off = { kind: 'off' } as const

describe('a shortfall', () => {
  const asked = { kind: 'shed', totalW: 14_000 } as const
  const limited = (b: ReturnType<typeof running>) => b.everyone.filter(i => b.wants(b.nowS())[i] !== null)
  test('is met by others, once, and the ask has grown by what was missing', () => {
    const b = running(asked, [7_000, 7_000, 7_000, 7_000])
    const [x, y] = limited(b)
    const now = [7_000, 7_000, 7_000, 7_000]
    now[x!] = 0
    now[y!] = 3_000
    const facts = b.seenAt(60, now)
    expect(one(facts, 'shortfall')).toMatchObject({ missingW: 3_000 })
    expect(limited(b)).toHaveLength(3)
    expect(b.event().extraW).toBe(3_000)
  })
  test('is not declared for silent meters: missing data is no number', () => {
    const b = running(asked, [7_000, 7_000, 7_000, 7_000])
    expect(one(b.seenAt(60, [-1, -1, -1, -1]), 'shortfall')).toBeUndefined()
  })
  test.each([
    ['holds', undefined],
    ['resumes', 14_000],
    ['dropsProfile', 14_000],
  ] as const)('of those lost with their link who then %s: missing %s W', (onLinkLoss, missingW) => {
    const b = bed(fleetOfN(4, { onLinkLoss }), { confidence: 0 })
    b.turn(
      { kind: 'signal', event: { ...eventBase, ...during(T, T + 3600, asked) }, seed: new Uint8Array(32), raw: new Uint8Array(0) },
      { kind: 'observed', event: 0, who: Uint32Array.from(b.everyone), powerW: Int32Array.from([7_000, 7_000, 7_000, 7_000]) },
    )
    b.answer('accepted')
    const told = b.everyone.filter(i => b.wants(T + 1)[i] !== null)
    b.until(T + 30)
    b.link(false, told)
    b.until(T + 60)
    const facts = b.observed(b.everyone.map(i => (told.includes(i) ? -1 : 7_000)))
    expect(one(facts, 'shortfall')?.missingW).toBe(missingW)
  })
  test.each([
    { what: 'a tenth that lacks is a shortfall where all are metered', unseen: 0, lackW: 7_000, declared: true },
    { what: 'where nobody knows of eight others it may be chance', unseen: 8, lackW: 5_000, declared: false },
    { what: 'where it is more than their chance it is none', unseen: 8, lackW: 12_000, declared: true },
  ])('counts a late meter at its expectation, and its uncertainty beside it: $what', ({ unseen, lackW, declared }) => {
    const b = running({ kind: 'shed', totalW: 70_000 }, Array(30).fill(7_000), {}, 900)
    const told = limited(b)
    const hopedW = told.slice(-unseen || told.length).reduce((sum, i) => sum + 0.9 * (7_000 - b.wants(T + 60)[i]!), 0)
    const metered = told.slice(0, told.length - unseen)
    const eachW = (70_000 - lackW - hopedW) / metered.length
    const now = b.everyone.map(i => (metered.includes(i) ? 7_000 - eachW : told.includes(i) ? -1 : 7_000))
    expect(one(b.seenAt(60, now), 'shortfall') !== undefined).toBe(declared)
  })
  test('is not declared while commands are in flight, nor twice within a minute', () => {
    const b = running(asked, [7_000, 7_000, 7_000, 7_000])
    const idle = [7_000, 7_000, 7_000, 7_000].map((w, i) => (i === limited(b)[0] ? 0 : w))
    const first = limited(b)
    expect(one(b.seenAt(60, idle), 'shortfall')).toBeDefined()
    expect(one(b.seenAt(90, idle), 'shortfall')).toBeUndefined()
    b.answer('accepted')
    for (const i of limited(b)) if (!first.includes(i)) idle[i] = 0
    // by now it is proven which charger ignores its limit: what was asked for it comes back, for the plan finds it itself
    expect(one(b.seenAt(130, idle), 'shortfall')).toMatchObject({ missingW: -7_000 })
    expect([b.event().extraW, limited(b).length]).toEqual([0, 3])
  })
  test('waits for an answer for a while, not for a charger that never gives one', () => {
    const b = running({ kind: 'shed', totalW: 21_000 }, [7_000, 7_000, 7_000, 7_000, 7_000])
    const [silent] = limited(b)
    const now = b.everyone.map(i => (i === silent || !limited(b).includes(i) ? 7_000 : 0))
    // what it holds is in doubt, it is told again, and says nothing
    b.turn({ kind: 'doubt', who: Uint32Array.of(silent!), why: 'rebooted' })
    const declared: number[] = []
    for (let s = 10; s <= 300; s += 10) {
      b.until(T + s)
      if (b.s.pending[silent!] !== 0xffffffff) b.answer('unknown', [silent!])
      if (one(b.observed(now), 'shortfall')) declared.push(s)
      b.answer(
        'accepted',
        b.everyone.filter(i => i !== silent && b.s.pending[i] !== 0xffffffff),
      )
    }
    expect(declared[0]).toBeGreaterThanOrEqual(40)
    expect(declared[0]).toBeLessThanOrEqual(60)
    expect(b.event().extraW).toBeGreaterThan(0)
  })
  test('within the tolerance of the programme is none', () => {
    const b = running(asked, [7_000, 7_000, 7_000, 7_000])
    const now = [7_000, 7_000, 7_000, 7_000].map((w, i) => (limited(b).includes(i) ? 300 : w))
    expect(one(b.seenAt(60, now), 'shortfall')).toBeUndefined()
  })
  test.each([
    ['a shed', { kind: 'shed', totalW: 50_000 }],
    ['a cap', { kind: 'cap', totalW: 100 }],
  ] as const)('does not wind up where nothing more can be had: %s', (_, ask) => {
    const b = running(ask, [7_000, 7_000, 7_000])
    b.optOut(0, T, T + 3600)
    b.answer('accepted')
    for (let s = 60; s < 3000; s += 61) {
      b.seenAt(s, [7_000, 500, 500])
      b.answer('accepted')
    }
    expect(b.event().extraW).toBe(0)
  })
  test('of an earlier ask says nothing of a changed one', () => {
    const b = running(asked, [7_000, 7_000, 7_000, 7_000])
    b.seenAt(
      60,
      [7_000, 7_000, 7_000, 7_000].map((w, i) => (i === limited(b)[0] ? 0 : w)),
    )
    b.signal({ ...eventBase, revision: 1, ...during(T, T + 3600, { kind: 'shed', totalW: 7_000 }) })
    expect(b.event().extraW).toBe(0)
    expect(limited(b)).toHaveLength(1)
  })
})

describe('a charger that accepts and ignores', () => {
  test('counts for nothing after two readings without effect, and others take its part, not twice', () => {
    const b = running({ kind: 'shed', totalW: 7_000 }, [7_000, 7_000, 7_000])
    const [liar] = b.everyone.filter(i => b.wants(T + 10)[i] === 0)
    expect(one(b.seenAt(40, [7_000, 7_000, 7_000]), 'shortfall')?.unmoved.length ?? 0).toBe(0)
    b.answer('accepted')
    const facts = b.seenAt(101, [7_000, 7_000, 7_000])
    expect(Array.from(one(facts, 'shortfall')!.unmoved)).toEqual([liar])
    expect(b.event().extraW).toBeLessThanOrEqual(7_000)
  })
  test('the same reading seen twice is one proof, not two', () => {
    const b = running(off, [7_000])
    b.seenAt(60, [7_000])
    b.until(T + 90)
    const seen = { kind: 'observed', event: 0, who: Uint32Array.of(0), powerW: Int32Array.of(7_000) } as const
    expect(one(b.turn({ ...seen, again: Uint8Array.of(1) }), 'shortfall')).toBeUndefined()
    b.until(T + 120)
    expect(one(b.turn({ ...seen, again: Uint8Array.of(0) }), 'shortfall')).toBeDefined()
  })
  test.each([
    ['the standby power of a paused box', off, 55, false],
    ['inside the 10 % that a meter may err', { kind: 'limitEach', limitW: 2_000 }, 2_200, false],
    ['outside of it', { kind: 'limitEach', limitW: 2_000 }, 2_300, true],
  ] as const)('%s', (_, ask, powerW, isUnmoved) => {
    const b = running(ask, [7_000])
    b.seenAt(60, [powerW])
    expect(one(b.seenAt(120, [powerW]), 'shortfall') !== undefined).toBe(isUnmoved)
  })
  test('a car has half a minute to follow', () => {
    const b = running(off, [7_000])
    b.seenAt(10, [7_000])
    b.seenAt(20, [7_000])
    expect(b.event().strikes[0] ?? 0).toBe(0)
  })
})

describe('the last resort', () => {
  const steps = (b: ReturnType<typeof running>) => {
    const out: string[] = []
    for (let s = 60; s < 1_200; s += 60) {
      for (const f of [...b.seenAt(s, [7_000]), ...b.answer('accepted')]) if (f.kind === 'lastResort') out.push(f.step)
    }
    return out
  }
  test('goes to 0 A, ends the session, disables: one step per proof; and enables again after the event', () => {
    const b = running({ kind: 'limitEach', limitW: 2_000 }, [7_000], { lastResort: true })
    expect(steps(b)).toEqual(['zero', 'stop', 'disable'])
    expect(b.wants(T + 1_200)).toEqual([0])
    b.until(T + 2_000)
    expect(one(b.until(T + 3_600), 'lastResort')).toMatchObject({ step: 'enable' })
    expect(one(b.until(T + 3_700), 'lastResort')).toBeUndefined()
  })
  test('is only for programmes that allow it', () => {
    expect(steps(running(off, [7_000]))).toEqual([])
  })
  test('whoever was disabled is enabled when the event is cancelled, or its revision declined', () => {
    for (const end of [
      { intervals: [], stopAtOnce: true },
      { programme: 'unknown', ...during(T, T + 9_000, off) },
    ]) {
      const b = running(off, [7_000], { lastResort: true })
      steps(b)
      const facts = [...b.signal({ ...eventBase, revision: 1, ...end }), ...b.until(T + 1_300)]
      expect(one(facts, 'lastResort')).toMatchObject({ step: 'enable' })
    }
  })
  test('nobody is forgotten while disabled', () => {
    const b = running(off, [7_000], { lastResort: true })
    steps(b)
    expect(one(b.until(T + 40 * 86_400), 'lastResort')).toMatchObject({ step: 'enable' })
  })
})

describe('what was asked for in addition', () => {
  const drew = Array<number>(20).fill(7_000)
  /** Meters show what each was told, and what `more` says. */
  const follow = (b: ReturnType<typeof bed>, s: number, more: (i: number) => number = () => 0) => {
    b.until(T + s)
    const facts = b.observed(b.wants(T + s - 20).map((w, i) => (w ?? 7_000) + more(i)))
    b.answer('accepted')
    return one(facts, 'shortfall')
  }
  const limited = (b: ReturnType<typeof bed>) => b.everyone.filter(i => b.wants(b.nowS())[i] !== null)
  test('is not asked for while the ramp into a later interval lasts, and nobody is there to give who is not asked yet', () => {
    const b = bed(fleetOfN(20))
    const intervals = [14_000, 70_000].map((totalW, k) => ({
      fromS: T + 1_800 * k,
      toS: T + 1_800 * (k + 1),
      ask: { kind: 'shed', totalW } as const,
    }))
    b.signal({ spread: { startS: 600, endS: 600, startShiftS: 0, endShiftS: -300, endFollowsStart: false }, intervals })
    b.observed(drew)
    b.answer('accepted')
    for (let s = 60; s < 3_600; s += 60) expect(follow(b, s), `after ${s} s`).toBeUndefined()
    expect(b.event().extraW).toBe(0)
  })
  test.each([
    ['a shed', { kind: 'shed', totalW: 70_000 } as const, 0],
    ['a cap', { kind: 'cap', totalW: 70_000 } as const, 7_360],
  ])('comes back when it is no longer lacking, last in first out, and stays so: %s', (_, ask, stepW) => {
    const b = running(ask, drew)
    const first = b.wants(T + 10)
    // some draw beside what they were told, for a while
    const guests = (i: number) => (i % 5 === 0 ? 15_000 : 0)
    expect(follow(b, 60, guests)?.missingW).toBeGreaterThan(0)
    expect(limited(b).length).toBeGreaterThanOrEqual(first.filter(w => w !== null).length)
    const more = b.event().extraW
    expect(more).toBeGreaterThan(30_000)
    const declared = Array.from({ length: 40 }, (_, k) => follow(b, 130 + 70 * k)).filter(x => x !== undefined)
    expect(declared.length).toBeLessThan(6)
    expect(declared.every(x => x.missingW < 0)).toBe(true)
    expect(b.event().extraW).toBeLessThanOrEqual(7_360 + 0.03 * 70_000)
    expect(limited(b).length).toBeLessThanOrEqual(first.filter(w => w !== null).length + 2)
    const sumW = b.wants(b.nowS()).reduce<number>((n, w) => n + (w ?? 7_360), 0)
    if (stepW > 0) expect(sumW).toBeLessThanOrEqual(70_000)
  })
  test('is not let go and asked for again, where one charger gives more than was lacking', () => {
    const b = running({ kind: 'shed', totalW: 14_000 }, drew, { confidence: 0.8 })
    const guests = (i: number) => (limited(b).includes(i) ? 0 : 500)
    expect(follow(b, 60, guests)?.missingW).toBeGreaterThan(0)
    const declared = Array.from({ length: 30 }, (_, k) => follow(b, 130 + 70 * k, guests))
    expect(declared.slice(5).filter(x => x !== undefined)).toEqual([])
  })
})
