import { describe, expect, test } from 'vitest'
import { apply } from '../../src/core/apply.ts'
import { check } from '../../src/core/check.ts'
import { NEVER_S } from '../../src/core/model.ts'
import { closeSchedule, draftSegment, finished, newDraft } from '../../src/core/rows.ts'
import { at, bed, during, fleetOfN, T } from './bed.ts'

const mid = T + 4000
type Bed = ReturnType<typeof bed>

/** Puts a schedule where the planner would never have put it. */
function want(
  b: Bed,
  charger: number,
  segments: readonly (readonly [fromS: number, toS: number, limitW: number, because?: number])[],
): void {
  const d = newDraft()
  for (const [fromS, toS, limitW, because = 0] of segments) draftSegment(d, fromS, toS, limitW, because)
  closeSchedule(d, charger)
  apply(b.s, { kind: 'planned', generation: b.s.generation + 1, algorithm: 'by hand', schedules: finished(d), unreachable: [] })
}
const wrong = (b: Bed, nowS = T + 3600) => check(b.s, nowS)
const running = (ask: Parameters<typeof during>[2], n = 4): Bed => {
  const b = bed(fleetOfN(n))
  b.signal(during(T + 3600, T + 7200, ask))
  expect(wrong(b)).toBeUndefined()
  return b
}

describe('the check, which knows nothing of the planner, sees', () => {
  test.each<[string, RegExp, (b: Bed) => void]>([
    [
      'segments out of order',
      /charger 1: segments out of order/,
      b =>
        want(b, 1, [
          [mid, mid + 60, 0],
          [mid - 60, mid, 0],
        ]),
    ],
    ['a segment that ends before it begins', /out of order/, b => want(b, 1, [[mid, mid, 0]])],
    ['less than 6 A', /charger 1: 1379 W cannot be signalled/, b => want(b, 1, [[mid, mid + 60, 1_379]])],
    ['a negative limit', /-1 W cannot be signalled/, b => want(b, 1, [[mid, mid + 60, -1]])],
    ['a limit above the rated power', /7361 W is above its 7360 W/, b => want(b, 1, [[mid, mid + 60, 7_361]])],
    ['a limit by an event that nobody knows', /limited by event 9, which is not accepted/, b => want(b, 1, [[mid, mid + 60, 0, 9]])],
    ['a limit by a declined event', /limited by event 0, which is not accepted/, b => Object.assign(b.event(), { status: 'declined' })],
    ['a limit past the end of its event', /limited until \d+, past the end of event 0/, b => want(b, 1, [[mid, T + 7201, 0]])],
    ['a limit past the release after a cancellation', /past the end of event 0/, b => Object.assign(b.event(), { cancelledS: mid })],
    [
      'a limit on an excluded charger',
      /charger 2: limited by event 0, which may not use it/,
      b => Object.assign(b.event(), { excluded: Uint8Array.of(0, 0, 1, 0) }),
    ],
    [
      'a limit on an opted-out charger',
      /charger 2: .*may not use it/,
      b => b.s.optOuts.set(2, [{ fromS: T, toS: NEVER_S, reason: 'driver' }]),
    ],
    ['a limit on a charger that refused', /charger 2: .*may not use it/, b => b.s.refusals.set(2, { toS: NEVER_S, cause: '' })],
  ])('%s', (_, says, corrupt) => {
    const b = running({ kind: 'off' })
    corrupt(b)
    expect(wrong(b)).toMatch(says)
  })
  test('what is past is no offence', () => {
    const b = running({ kind: 'off' })
    want(b, 1, [[T, T + 60, 1]])
    expect(wrong(b)).toBeUndefined()
  })

  describe('a cap', () => {
    const capped = () => running({ kind: 'cap', totalW: 20_000 })
    test.each<[string, (b: Bed) => void]>([
      ['of which one charger is set free', b => want(b, 0, [])],
      [
        'of which one charger is set free for a single second',
        b =>
          want(b, 0, [
            [T + 3600, mid, b.want(0)[0]!.limitW],
            [mid + 1, T + 7200, b.want(0)[0]!.limitW],
          ]),
      ],
      ['whose sum is one step too high', b => want(b, 0, [[T + 3600, T + 7200, b.want(0)[0]!.limitW + 200]])],
      ['with a charger that has gone offline without its limit', b => (b.s.up[b.s.fleet.station[0]!] = 0)],
      ['with a charger that is known to ignore its limit', b => Object.assign(b.event(), { unmoved: Uint8Array.of(1, 0, 0, 0) })],
    ])('%s', (_, corrupt) => {
      const b = capped()
      corrupt(b)
      expect(wrong(b)).toMatch(/the cap of 20000 W is exceeded by \d+ W/)
    })
    test('that the plan says is out of reach is not exceeded by more than it says', () => {
      const b = capped()
      want(b, 0, [])
      const excessW = Number(/by (\d+) W/.exec(wrong(b)!)![1])
      expect(check(b.s, T + 3600, new Map([[0, excessW]]))).toBeUndefined()
      expect(check(b.s, T + 3600, new Map([[0, excessW - 1]]))).toMatch(/exceeded by 1 W/)
    })
    test('is not judged while its start is still spread', () => {
      const b = bed(fleetOfN(4))
      b.signal({ ...during(T + 3600, T + 7200, { kind: 'cap', totalW: 0 }), spread: { ...at, startS: 600 } })
      for (const second of [T, T + 3600, T + 3900, T + 4200, T + 7100]) expect(wrong(b, second)).toBeUndefined()
    })
  })
  test('a shed that is not covered by what may be expected', () => {
    const b = bed(fleetOfN(4))
    b.signal(during(T + 3600, T + 7200, { kind: 'shed', totalW: 14_000 }))
    b.observed([7_000, 7_000, 7_000, 7_000])
    expect(wrong(b)).toBeUndefined()
    const limited = b.everyone.find(i => b.want(i).length > 0)!
    want(b, limited, [])
    expect(wrong(b)).toMatch(/expects to shed 7000 W of 14000 W/)
  })
})
