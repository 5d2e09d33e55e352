import { createHash } from 'node:crypto'
import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest'
import type { GridEvent, Second } from '../../src/core/model.ts'
import type { SignalSource } from '../../src/ports.ts'
import { type FakeBridge, fakeBridge } from './fakeBridge.ts'

/** A reduction in the words of any grid operator; the harness says it in the words of its protocol. */
export type Announcement = {
  readonly ref: string
  readonly revision: number
  readonly target: string
  readonly fromS: Second
  readonly toS: Second
  readonly shedW: number
}
/** One source and the operator in front of it. */
export type SignalRig = {
  readonly source: SignalSource
  /** Announces an event or a change of it. Resolves once the operator knows what became of it, or as soon as it is said where there is no answer. */
  announce(announcement: Announcement): Promise<void>
  cancel(ref: string, revision: number): Promise<void>
  /** Says something that is not of this protocol. */
  garbage(): Promise<void>
  close(): Promise<void>
}
export type SignalHarness = {
  /** `source.name`. */
  readonly adapter: string
  /** The scheme under which this protocol's names of targets are resolved. */
  readonly scheme: string
  /** A source, not yet started, and its operator. A second rig over the same bridge is the same peer after our restart. */
  rig(bridge: FakeBridge): Promise<SignalRig>
}

/** What every signal source owes to the engine. Run it from a test file of your adapter. */
export function signalSourceSuite(harness: SignalHarness): void {
  describe(`signal source ${harness.adapter}`, () => {
    let bridge: FakeBridge
    let rig: SignalRig
    const fromS = Date.UTC(2026, 0, 31, 18) / 1000
    const evening: Announcement = { ref: 'ev-1', revision: 1, target: 'BATH-11', fromS, toS: fromS + 3600, shedW: 250_000 }
    const inJournal = (count: number) => vi.waitFor(() => expect(bridge.stored).toHaveLength(count), { timeout: 5_000, interval: 5 })
    const noted = (count: number) =>
      vi.waitFor(() => expect(bridge.notes.length).toBeGreaterThanOrEqual(count), { timeout: 5_000, interval: 5 })

    beforeEach(async () => {
      bridge = fakeBridge()
      await bridge.registry.put({
        nodes: [{ no: 3, kind: 'feeder', name: 'BATH-11', parent: -1 }],
        aliases: [{ scheme: harness.scheme, value: 'BATH-11', targets: [{ kind: 'node', node: 3 }] }],
      })
      rig = await harness.rig(bridge)
      await rig.source.start(bridge)
    })
    afterEach(async () => {
      await rig.source.stop()
      await rig.close()
    })

    it('is ready when start resolves: what is announced then is submitted, whole and with its evidence', async () => {
      expect(rig.source.name).toBe(harness.adapter)
      await rig.announce(evening)
      await inJournal(1)
      const { event, raw } = bridge.stored[0]!
      expectWellFormed(event, raw, harness.adapter)
      expect(event).toMatchObject({ revision: expect.any(Number), targets: [{ kind: 'node', node: 3 }], test: false })
      expect(event.intervals.map(({ fromS, toS }) => [fromS, toS])).toEqual([[evening.fromS, evening.toS]])
      expect(event.intervals[0]!.ask).toEqual({ kind: 'shed', totalW: 250_000 })
    })
    it('says when its peer was heard', async () => {
      await rig.announce(evening)
      await inJournal(1)
      const peer = bridge.stored[0]!.event.source.peer
      expect(bridge.heards.at(-1)).toMatchObject({ adapter: harness.adapter, peer, at: bridge.now() })
      expect(bridge.heards.at(-1)!.staleMs).toBeGreaterThan(0)
    })
    it('the same announcement twice is one event', async () => {
      await rig.announce(evening)
      await inJournal(1)
      await rig.announce(evening)
      await rig.announce({ ...evening, ref: 'ev-2' })
      await inJournal(2)
      expect(bridge.stored.map(({ event }) => event.upstreamRef)).toEqual([
        expect.stringContaining('ev-1'),
        expect.stringContaining('ev-2'),
      ])
    })
    it('a change is the same event at a higher revision, a cancellation one without intervals', async () => {
      await rig.announce(evening)
      await inJournal(1)
      await rig.announce({ ...evening, revision: 2, shedW: 100_000 })
      await inJournal(2)
      await rig.cancel('ev-1', 3)
      await inJournal(3)
      const events = bridge.stored.map(({ event }) => event)
      expect(new Set(events.map(({ id }) => id)).size).toBe(1)
      expect(events.map(({ revision }) => revision)).toEqual(events.map(({ revision }) => revision).sort((a, b) => a - b))
      expect(new Set(events.map(({ revision }) => revision)).size).toBe(3)
      expect(events[1]!.intervals[0]!.ask).toEqual({ kind: 'shed', totalW: 100_000 })
      expect(events[2]!.intervals).toEqual([])
      for (const { event, raw } of bridge.stored) expectWellFormed(event, raw, harness.adapter)
    })
    it('a target we do not know is refused on record, and the next announcement goes through', async () => {
      await rig.announce({ ...evening, ref: 'lost', target: 'NOWHERE' })
      await noted(1)
      await rig.announce(evening)
      await inJournal(1)
      expect(bridge.stored[0]!.event.upstreamRef).toContain('ev-1')
    })
    it('garbage costs nobody else', async () => {
      await rig.garbage()
      await rig.announce(evening)
      await inJournal(1)
    })
    for (const when of ['before', 'after'] as const)
      it(`the journal failed ${when} it was stored: said again, it is there once`, async () => {
        bridge.failNext(when)
        await rig.announce(evening)
        await vi.waitFor(() => expect(bridge.calls.length).toBeGreaterThanOrEqual(1), { timeout: 5_000, interval: 5 })
        await rig.announce(evening)
        await inJournal(1)
        await rig.announce({ ...evening, ref: 'ev-2' })
        await inJournal(2)
        const first = bridge.calls.filter(({ event }) => event.upstreamRef.includes('ev-1'))
        expect(new Set(first.map(({ event }) => `${event.id} ${event.revision} ${JSON.stringify(event.intervals)}`)).size).toBe(1)
      })
    it('after a restart of ours an old announcement is no new event, and a cancellation finds its own', async () => {
      await rig.announce(evening)
      await inJournal(1)
      await rig.source.stop()
      await rig.close()
      rig = await harness.rig(bridge)
      await rig.source.start(bridge)
      await rig.announce(evening)
      await rig.cancel('ev-1', 2)
      await inJournal(2)
      expect(bridge.stored[1]!.event).toMatchObject({ id: bridge.stored[0]!.event.id, intervals: [] })
    })
    it('stop lets what is being submitted finish, then submits nothing more; stopping twice is harmless', async () => {
      const open = bridge.hold()
      const announced = rig.announce(evening).catch(() => undefined)
      await vi.waitFor(() => expect(bridge.calls).toHaveLength(1), { timeout: 5_000, interval: 5 })
      let isStopped = false
      const stopped = rig.source.stop().then(() => {
        isStopped = true
      })
      await new Promise(resolve => setImmediate(resolve))
      expect(isStopped).toBe(false)
      open()
      await Promise.all([stopped, announced])
      expect(bridge.stored).toHaveLength(1)
      await rig.announce({ ...evening, ref: 'late' }).catch(() => undefined)
      await rig.source.stop()
      expect(bridge.calls).toHaveLength(1)
    })
  })
}

/** What the core relies on in every event, whatever brought it. */
export function expectWellFormed(event: GridEvent, raw: Uint8Array, adapter: string): void {
  expect(event.source.adapter).toBe(adapter)
  expect(event.id).toBe(`${adapter}:${event.source.peer}:${event.upstreamRef}`)
  expect(event.rawHash).toBe(createHash('sha256').update(raw).digest('hex'))
  expect(Number.isSafeInteger(event.revision) && event.revision >= 0).toBe(true)
  expect(event.programme).not.toBe('')
  expect(event.targets.length).toBeGreaterThan(0)
  let lastS = 0
  for (const { fromS, toS, ask } of event.intervals) {
    expect(Number.isInteger(fromS) && Number.isInteger(toS) && fromS >= lastS && toS > fromS && toS < 2 ** 32).toBe(true)
    for (const value of Object.values(ask)) expect(value === ask.kind || (Number.isFinite(value) && Number(value) >= 0)).toBe(true)
    lastS = toS
  }
  if (typeof event.spread === 'object' && 'startS' in event.spread)
    for (const value of [event.spread.startS, event.spread.endS, event.spread.startShiftS, event.spread.endShiftS])
      expect(Number.isInteger(value)).toBe(true)
  if (event.class === 'emergency') expect(event.basis).toBeTruthy()
  else expect(event.basis).toBeNull()
}
