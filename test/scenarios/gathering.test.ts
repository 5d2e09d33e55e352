import { describe, expect, test } from 'vitest'
import { canonicalJson } from '../../src/core/codec.ts'
import type { GridEvent, Readings } from '../../src/core/model.ts'
import type { Verified } from '../../src/core/verify/record.ts'
import { readingsOf } from '../../src/core/verify/worked.ts'
import { entries } from '../../src/engine/recover.ts'
import { gridEvent, type Stage, stage, start } from './stage.ts'

/** What happens while the readings of an event that is over are gathered: nobody waits for that, and nothing is lost by it. */
const [from, to] = [start + 3_600, start + 7_200]
const GRACE_S = 120
const due = to + GRACE_S

async function evening(boxes = 10, others: readonly GridEvent[] = []) {
  const s = await stage({
    specs: Array.from({ length: boxes }, () => ({ maxA: 32 })),
    programme: { startSpreadS: 0, endSpreadS: 0 },
    options: { graceMs: GRACE_S * 1000 },
  })
  for (const event of [gridEvent('hour', from, to, { ask: { kind: 'off' } }), ...others]) await s.submit(event)
  await s.until(due - 1)
  return s
}
/** The store takes as long as it is told to, once it has read: what comes later is not in it. */
function slow(s: Stage) {
  const range = s.meters.range
  let reads = 0
  let open = () => {}
  const opened = new Promise<void>(resolve => (open = resolve))
  let began = () => {}
  const begun = new Promise<void>(resolve => (began = resolve))
  s.meters.range = async (...asked) => {
    if (asked[1] < from * 1000) reads++
    const found = await range(...asked)
    began()
    await opened
    return found
  }
  return { begun, open, /** Of the event, not of what came after it. */ reads: () => reads }
}
const minute = (charger: number, fromS: number, powerW: number): Readings => ({
  charger: Uint32Array.of(charger),
  fromMs: Float64Array.of(fromS * 1000),
  toMs: Float64Array.of((fromS + 60) * 1000),
  powerW: Float64Array.of(powerW),
  registerWh: Float64Array.of(Number.NaN),
  quality: new Uint8Array(1),
})
async function verdictsOf(s: Stage): Promise<Verified[]> {
  const out: Verified[] = []
  for await (const { fact } of entries(s.journal, 0)) if (fact.kind === 'verified') out.push(fact)
  return out
}
const energyOf = ({ energy, verdict }: Verified): string => canonicalJson({ energy, verdict })

describe('while the readings of an event are gathered', () => {
  test('an emergency is decided and sent at once, and the verdict is what it would have been', async () => {
    const [undisturbed, s] = [await evening(), await evening()]
    await undisturbed.until(due + 60)
    const store = slow(s)
    const gathered = s.until(due + 60)
    await store.begun
    const before = s.sim.sends.length
    const emergency = gridEvent('now', due, due + 900, { class: 'emergency', basis: 'supply limitation', ask: { kind: 'off' } })
    expect(await s.submit(emergency)).toMatchObject({ kind: 'accepted' })
    expect(s.sim.sends.length).toBe(before + 10)
    expect(await verdictsOf(s)).toEqual([])
    store.open()
    await gathered
    const [verdict] = await verdictsOf(s)
    expect(energyOf(verdict!)).toBe(energyOf((await verdictsOf(undisturbed))[0]!))
    await s.transcript()
  })
  test('a reading of its time that comes meanwhile makes revision 2', async () => {
    const s = await evening()
    const store = slow(s)
    const gathered = s.until(due + 60)
    await store.begun
    s.engine().sink.readings(minute(3, from + 600, 6_000))
    store.open()
    await gathered
    expect(await verdictsOf(s)).toHaveLength(1)
    await s.until(due + 3_700)
    expect(s.engine().state().events.get(0)!.verification).toMatchObject({
      verdictRevision: 2,
      changed: { chargers: 1, named: [{ charger: 3 }] },
    })
  })
  test('and one of another time does not even make it be looked at again', async () => {
    const s = await evening()
    const store = slow(s)
    const gathered = s.until(due + 60)
    await store.begun
    s.engine().sink.readings(minute(3, to, 6_000))
    store.open()
    await gathered
    const reads = store.reads()
    await s.until(due + 3_700)
    expect([(await verdictsOf(s)).length, store.reads()]).toEqual([1, reads])
  })
  test('the bridge dies: after its start they are gathered anew, and the verdict is what it would have been', async () => {
    const [undisturbed, s] = [await evening(), await evening()]
    await undisturbed.until(due + 60)
    const store = slow(s)
    const lost = s.until(due + 1)
    await store.begun
    s.kill()
    store.open()
    await lost
    await s.restart()
    await s.until(due + 60)
    const verdicts = await verdictsOf(s)
    expect(verdicts.map(energyOf)).toEqual((await verdictsOf(undisturbed)).map(energyOf))
    await s.transcript()
  })
  test.each([
    ['is not in the record of the verdict', true],
    ['who is not erased is', false],
  ])('somebody whose readings are erased meanwhile %s', async (_, isErased) => {
    const s = await evening()
    const store = slow(s)
    const gathered = s.until(due + 60)
    await store.begun
    if (isErased) await s.engine().meters.erase(Uint32Array.of(3))
    store.open()
    await gathered
    const known = new Set<number>()
    for await (const { fact } of entries(s.journal, 0))
      if (fact.kind === 'metered') for (const i of readingsOf(fact).readings.charger) known.add(i)
    expect([known.has(3), known.has(4)]).toEqual([!isErased, true])
    expect(await verdictsOf(s)).toHaveLength(1)
  })
  test('the store fails: the bridge goes on, and gathers them a minute later', async () => {
    const s = await evening()
    const { range } = s.meters
    s.meters.range = async () => {
      throw new Error('disk I/O error')
    }
    await s.until(due + 30)
    expect(s.engine().trouble()).toBe(null)
    expect(await verdictsOf(s)).toEqual([])
    s.meters.range = range
    await s.until(due + 90)
    expect(await verdictsOf(s)).toHaveLength(1)
  })
  test('readings of one event cannot be read: another that is over at the same time has its verdict', async () => {
    const s = await evening(10, [gridEvent('one', from, to, { ask: { kind: 'off' }, targets: [{ kind: 'charger', charger: 4 }] })])
    const { range } = s.meters
    s.meters.range = async (who, ...span) => {
      if (who.includes(3)) throw new Error('database disk image is malformed')
      return range(who, ...span)
    }
    await s.until(due + 200)
    expect((await verdictsOf(s)).map(v => v.verification.event)).toEqual([1])
  })
  test('a turn with what was gathered cannot be recorded: an emergency is, and the verdict later', async () => {
    const s = await evening()
    const { append } = s.journal
    let isRefused = true
    s.journal.append = async (after, leaves, blobs) => {
      if (isRefused && blobs.some(b => b.salted === null)) throw Object.assign(new Error('a blob was not kept'), { code: 'blob-not-kept' })
      return append(after, leaves, blobs)
    }
    await s.until(due + 30)
    const emergency = gridEvent('now', due + 30, due + 900, { class: 'emergency', basis: 'supply limitation', ask: { kind: 'off' } })
    expect(await s.submit(emergency)).toMatchObject({ kind: 'accepted' })
    isRefused = false
    expect(await verdictsOf(s)).toEqual([])
    await s.until(due + 150)
    expect(await verdictsOf(s)).toHaveLength(1)
    await s.transcript()
  })
  test.each([
    ['and fails before the next', false],
    ['and fails when the next was stored', true],
  ])('the store takes a part of what was gathered, %s: nothing of it stays', async (_, isStored) => {
    const s = await evening(150)
    const { keep, forget } = s.journal
    let left = 1
    const there = new Set<string>()
    s.journal.keep = async blobs => {
      const isFull = left-- <= 0
      if (!isFull || isStored) for (const { hash } of blobs) there.add(hash)
      if (isFull) throw Object.assign(new Error('database or disk is full'), { code: 'SQLITE_FULL' })
      return keep(blobs)
    }
    s.journal.forget = async (hashes, ...rest) => {
      for (const hash of hashes) there.delete(hash)
      return forget(hashes, ...rest)
    }
    await s.until(due + 30)
    expect([left, there.size]).toEqual([-1, 0])
    left = 100
    await s.until(due + 90)
    expect([(await verdictsOf(s)).length, there.size]).toEqual([1, 2])
  })
})
