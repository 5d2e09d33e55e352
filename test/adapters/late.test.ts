import { createHash } from 'node:crypto'
import { afterEach, describe, expect, it } from 'vitest'
import { type ParseContext, parse } from '../../adapters/signals/webhook/index.ts'
import type { GridEvent } from '../../src/core/model.ts'
import { bed as core, eventOf, fleetOfN, one, T } from '../core/bed.ts'
import { type Bed, createBed, planned, T0 } from './openadr2b/bed.ts'

const now = T0 / 1000
let bed: Bed | undefined
afterEach(async () => {
  await bed?.stop()
  bed = undefined
})

describe('a VTN whose event has begun when we hear of it', () => {
  const begin = async () => {
    bed = await createBed()
    await bed.start()
    return bed
  }
  it('is served from now on, so that the random start is counted from now and nobody steps together', async () => {
    const { vtn, poll, submitted, runtime } = await begin()
    vtn.announce(planned({ startMs: T0 - 300_000 }))
    await poll()
    const { fromS, toS } = submitted[0]!.intervals[0]!
    expect(fromS).toBeGreaterThan(now)
    expect(fromS).toBeLessThanOrEqual(runtime.now() / 1000)
    expect(toS).toBe(now + 1_500)
  })
  it('keeps that start over its changes and over a restart: who was limited stays so', async () => {
    const { vtn, poll, submitted, restart } = await begin()
    vtn.announce(planned({ startMs: T0 - 300_000 }))
    await poll()
    await restart()
    await poll()
    vtn.modify('EV_1', { priority: 1 })
    await poll()
    expect(submitted).toHaveLength(2)
    expect(submitted[1]!.intervals).toEqual(submitted[0]!.intervals)
  })
  it('is left as it is where it is over, for the core to decline', async () => {
    const { vtn, poll, submitted } = await begin()
    vtn.announce(planned({ startMs: T0 - 1_795_000, durationS: 1_800, startafterS: 600 }))
    await poll()
    expect(submitted[0]!.intervals[0]!.fromS).toBe(now - 1_795)
  })
})

describe('a dispatch whose start has passed when it comes in', () => {
  const context = (nowS: number, previous?: GridEvent): ParseContext => ({
    peer: {
      name: 'western',
      programme: 'winter',
      otherProgrammes: [],
      defaultClass: 'contracted',
      emergency: undefined,
      within: undefined,
      restoreWindowS: 600,
      heartbeatS: undefined,
      failsafeW: null,
      telemetryEveryS: 60,
      callback: undefined,
    },
    credential: 'c',
    rawHash: createHash('sha256').digest('hex'),
    nowMs: nowS * 1000,
    resolve: () => [{ kind: 'node', node: 3 }],
    node: () => undefined,
    station: () => undefined,
    previous,
  })
  const body = { id: 'D-1', kind: 'shed', target: [{ scheme: 'feeder', value: 'B' }], shed: { totalW: 1 } }
  const read = (version: number, nowS: number, previous?: GridEvent) => {
    const raw = JSON.stringify({ ...body, version, from: new Date(T0).toISOString(), until: new Date(T0 + 3_600_000).toISOString() })
    const parsed = parse(Buffer.from(raw), context(nowS, previous))
    if ('error' in parsed) throw new Error(parsed.error.detail)
    return parsed.ok.event
  }
  it('begins when it came in, and keeps that start over its updates', () => {
    const first = read(1, now + 20)
    expect(first.intervals).toMatchObject([{ fromS: now + 20, toS: now + 3_600 }])
    expect(read(2, now + 900, first).intervals).toMatchObject([{ fromS: now + 20, toS: now + 3_600 }])
  })
  it('that has not begun begins when it says', () => {
    expect(read(1, now - 1).intervals).toMatchObject([{ fromS: now }])
  })
})

describe('the core', () => {
  const begun = eventOf({ intervals: [{ fromS: T - 1, toS: T + 600, ask: { kind: 'off' } }] })
  it('takes what began a second before it came in, where the programme asks for no notice', () => {
    expect(one(core(fleetOfN(2), { minNoticeS: 0 }).signal(begun), 'accepted')).toBeDefined()
  })
  it('and declines it where it asks for any', () => {
    expect(one(core(fleetOfN(2), { minNoticeS: 1 }).signal(begun), 'declined')?.why).toBe('notice')
  })
})
