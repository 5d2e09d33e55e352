import { describe, expect, test } from 'vitest'
import { at, bed, during, fleetOfN, T } from './bed.ts'

describe('a cap while the bridge restarts: all links go, and come back one by one', () => {
  test.each<[string, number, boolean?]>([
    ['while the starts are spread', 330],
    ['in the middle', 450],
    ['while the ends are spread, some are back already', 630],
    ['while the ends are spread, some are back and were told so', 630, true],
  ])('%s: nobody who accepted a limit is told otherwise', (_, second, freed = false) => {
    const b = bed(fleetOfN(20))
    b.signal({ ...during(T + 300, T + 600, { kind: 'cap', totalW: 60_000 }), spread: { ...at, startS: 60, endS: 60 } })
    b.until(T + 60)
    b.answer('accepted')
    const told = b.everyone.map(b.want)
    b.until(T + second)
    if (freed) {
      // Those who are back have been told so, and hold nothing any more.
      b.turn({ kind: 'doubt', who: Uint32Array.from(b.everyone), why: 'rebooted' })
      b.answer('accepted')
    }
    const left = told.map(schedule => schedule.filter(x => x.toS > T + second))
    const wanted = () => b.everyone.map(i => b.want(i).filter(x => x.toS > T + second))
    b.link(false)
    expect(wanted()).toEqual(left)
    for (const i of b.everyone) {
      b.link(true, [i])
      expect(wanted()).toEqual(left)
    }
  })
})
