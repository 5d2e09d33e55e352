import { expect, test } from 'vitest'
import { NO_TRANSACTION, outcomeCode } from '../../src/core/model.ts'
import { limitAt, UNKNOWN } from '../../src/core/rows.ts'
import { fromBytes, toBytes } from '../../src/core/snapshot.ts'
import { bed, during, fleetOfN, one, T } from './bed.ts'

const emergency = { class: 'emergency', basis: 'order' } as const
const sentTo = (facts: readonly { kind: string }[]) => Array.from(one(facts as never, 'sent')?.who ?? [])
type Bed = ReturnType<typeof bed>
const saysNoCar = (b: Bed, i: number) =>
  b.turn({
    kind: 'outcome',
    who: Uint32Array.of(i),
    seq: Uint16Array.of(b.s.seq[i]!),
    what: Uint8Array.of(outcomeCode.unknown),
    cause: Uint8Array.of(0),
    causes: [NO_TRANSACTION],
  })
const begins = (b: Bed, i: number) => b.turn({ kind: 'doubt', who: Uint32Array.of(i), why: 'a transaction began' })

test('a box that takes limits only in a session has no car: it is not refused, and the car that comes is limited at once', () => {
  const b = bed(fleetOfN(2))
  b.signal({ ...emergency, ...during(T, T + 3600, { kind: 'off' }) })
  b.answer('accepted', [1])
  expect(one(saysNoCar(b, 0), 'refused')).toBeUndefined()
  expect(b.s.refusals.size).toBe(0)
  expect(b.wants(T + 10)).toEqual([0, 0])
  b.until(T + 1_000)
  expect(sentTo(begins(b, 0))).toEqual([0])
  b.answer('accepted', [0])
  expect(sentTo(b.until(T + 1_400))).toEqual([])
})

test('meanwhile nobody insists: it is asked again every five minutes, in case the news of a car was lost', () => {
  const b = bed(fleetOfN(1))
  b.signal({ ...emergency, ...during(T, T + 3600, { kind: 'off' }) })
  saysNoCar(b, 0)
  const sends: number[] = []
  for (let s = 1; s < 1_500; s++)
    if (sentTo(b.until(T + s)).length > 0) {
      sends.push(s)
      saysNoCar(b, 0)
    }
  expect(sends).toEqual([300, 600, 900, 1_200])
})

test('under a cap it keeps its share for the car that may come, and moves nobody', () => {
  const b = bed(fleetOfN(4))
  b.signal({ ...emergency, ...during(T, T + 3600, { kind: 'cap', totalW: 16_000 }) })
  const before = b.wants(T + 10)
  b.answer('accepted', [1, 2, 3])
  expect(one(saysNoCar(b, 0), 'planned')).toBeUndefined()
  expect(b.wants(T + 10)).toEqual(before)
  expect(before.reduce<number>((sum, w) => sum + (w ?? 0), 0)).toBeLessThanOrEqual(16_000)
  expect(before[0]).not.toBeNull()
})

test('offline it holds no share of a ceiling: nothing limits the car that may come, so others have less', () => {
  const b = bed(fleetOfN(4))
  b.signal({ class: 'obligation', ...during(T, T + 3600, { kind: 'cap', totalW: 16_000 }) })
  const maxW = b.s.fleet.maxW[0]!
  b.answer('accepted', [1, 2, 3])
  saysNoCar(b, 0)
  b.link(false, [0])
  const sum = [1, 2, 3].reduce((w, i) => w + (b.wants(T + 10)[i] ?? maxW), 0)
  expect(sum).toBeLessThanOrEqual(16_000 - maxW)
  // its twin accepted a limit before its link fell, and keeps its share of it
  const twin = bed(fleetOfN(4))
  twin.signal({ class: 'obligation', ...during(T, T + 3600, { kind: 'cap', totalW: 16_000 }) })
  twin.answer('accepted')
  const before = twin.wants(T + 10)
  twin.link(false, [0])
  expect(twin.wants(T + 10)).toEqual(before)
})

test('when a session has begun and it took its limit it holds its share again, also after another start', () => {
  const b = bed(fleetOfN(4))
  b.signal({ class: 'obligation', ...during(T, T + 3600, { kind: 'cap', totalW: 16_000 }) })
  b.answer('accepted', [1, 2, 3])
  saysNoCar(b, 0)
  expect(fromBytes(toBytes(b.s)).noSession.has(0)).toBe(true)
  begins(b, 0)
  b.answer('accepted', [0])
  expect(b.s.noSession.size).toBe(0)
  const before = b.wants(T + 10)
  b.link(false, [0])
  expect(b.wants(T + 10)).toEqual(before)
})

test('when the event is over it is freed like any other', () => {
  const b = bed(fleetOfN(1))
  b.signal({ ...emergency, ...during(T, T + 600, { kind: 'off' }) })
  saysNoCar(b, 0)
  b.until(T + 600)
  b.answer('accepted')
  expect(b.s.holds[0]).not.toBe(UNKNOWN)
  expect(limitAt(b.s.rows, b.s.holds[0]!, T + 601)).toBeLessThan(0)
  expect(sentTo(b.until(T + 1_000))).toEqual([])
})
