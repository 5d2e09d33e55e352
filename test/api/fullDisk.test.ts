import { execFileSync } from 'node:child_process'
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import { createVirtualRuntime } from '../../adapters/runtime/memory.ts'
import { StoreError } from '../../adapters/stores/error.ts'
import { createMemoryJournal, createMemoryMeters, createMemoryRegistry, type MemoryJournal } from '../../adapters/stores/memory/index.ts'
import { openDatabase } from '../../adapters/stores/sqlite/db.ts'
import { holdFolder } from '../../adapters/stores/sqlite/hold.ts'
import { openJournal } from '../../adapters/stores/sqlite/journal.ts'
import { openMeters } from '../../adapters/stores/sqlite/meters.ts'
import { openStore } from '../../adapters/stores/sqlite/open.ts'
import { generateSeed, signerOf } from '../../src/audit/note.ts'
import { FREE, NONE } from '../../src/core/rows.ts'
import { stateDigest } from '../../src/core/snapshot.ts'
import { recover } from '../../src/engine/recover.ts'
import { createEngine } from '../../src/engine.ts'
import { readings } from '../ports/meters.suite.ts'
import { type Bridge, gridEvent, obedientLink, startBridge, startMs, startS } from './bridge.ts'

/** A journal on a disk that can be full. */
function onDisk() {
  const runtime = createVirtualRuntime(startMs)
  const inner = createMemoryJournal()
  const disk = { isFull: false }
  const journal: MemoryJournal = {
    ...inner,
    async append(...all) {
      if (disk.isFull) throw new StoreError('journal-failed', 'database or disk is full')
      return inner.append(...all)
    },
  }
  return { disk, store: { runtime, journal, meters: createMemoryMeters(), registry: createMemoryRegistry() } }
}

describe('the disk is full while an event runs', () => {
  let b: Bridge
  let disk: { isFull: boolean }
  let node: number
  beforeEach(async () => {
    const made = onDisk()
    disk = made.disk
    b = await startBridge({ store: made.store, programme: { endSpreadS: 120 } })
    const feeder = b.engine.registry.resolve('feeder', 'BATH-11')![0]!
    node = feeder.kind === 'node' ? feeder.node : -1
    const { event, raw } = gridEvent(node, b.engine.now(), {
      spread: { startS: 0, endS: 120, startShiftS: 0, endShiftS: 0, endFollowsStart: false },
    })
    await b.engine.bridge.submit(event, raw)
    await b.seconds(5)
    expect(
      b.link.sent
        .filter(c => c.schedule.length > 0)
        .map(c => c.charger)
        .sort(),
    ).toEqual([0, 1, 2, 3, 4])
    b.link.sent.length = 0
    disk.isFull = true
  })
  afterEach(() => b.api.close())
  const cancel = () => b.send('POST', `/v1/events/${encodeURIComponent('openadr2b:vtn:e1')}/cancel`, { reason: 'over' })
  const ready = async () => (await b.get('/readyz')).statusCode
  const sizes = () => b.journal.size()

  it('a new event and an emergency are refused, nothing is sent, and it is said: 503, not ready, a metric', async () => {
    const before = sizes()
    const { event, raw } = gridEvent(node, b.engine.now(), {
      id: 'webhook:dso:e2',
      upstreamRef: 'e2',
      intervals: [{ fromS: startS, toS: startS + 600, ask: { kind: 'off' } }],
    })
    await expect(b.engine.bridge.submit(event, raw)).rejects.toMatchObject({ code: 'journal-failed' })
    const order = await b.send('POST', '/v1/dispatch-orders', { node: 'BATH/BATH-11', limit: { amps: 6 }, durationS: 600 })
    expect(order.statusCode).toBe(503)
    await b.seconds(10)
    expect([b.link.sent, sizes()]).toEqual([[], before])
    expect(await ready()).toBe(503)
    expect((await b.get('/metrics')).body).toContain('gridbridge_journal_writable 0')
    disk.isFull = false
    await b.seconds(5)
    expect(await ready()).toBe(200)
    expect(b.engine.bridge.event('webhook:dso:e2')).toBeUndefined()
  })
  it('a cancelled event lets its chargers go, spread as ever and once, and is in the record when there is room', async () => {
    const before = sizes()
    expect((await cancel()).statusCode).toBe(503)
    await b.seconds(10)
    const let_go = b.link.sent.splice(0)
    expect(let_go.map(c => c.charger).sort()).toEqual([0, 1, 2, 3, 4])
    const ends = let_go.map(c => c.schedule.at(-1)?.toS ?? 0)
    expect(Math.max(...ends)).toBeLessThanOrEqual(startS + 10 + 120)
    expect(new Set(ends).size).toBeGreaterThan(1)
    expect(sizes()).toBe(before)
    await b.seconds(60)
    disk.isFull = false
    await b.seconds(5)
    expect(b.engine.bridge.event('openadr2b:vtn:e1')?.state).toMatch(/cancelled|restoring/)
    expect(b.notes.map(n => n.what)).toContain('freedUnrecorded')
    // nobody who is free by then is limited again: what is sent now ends as it was sent before
    const later = new Map(b.link.sent.map(c => [c.charger, c.schedule.at(-1)?.toS ?? 0]))
    for (const [charger, end] of later)
      expect(end, `charger ${charger}`).toBeLessThanOrEqual(ends[let_go.findIndex(c => c.charger === charger)]! + 1)
    await b.seconds(200)
    expect(stateDigest(await recover(b.journal))).toBe(stateDigest(b.engine.state()))
  })
  it('a driver who opts out is let go, alone, and stays out when there is room again', async () => {
    expect((await b.send('POST', '/v1/opt-outs', { chargers: ['c1'], reason: 'driver' })).statusCode).toBe(503)
    b.engine.sink.override(3, 'button')
    await b.seconds(5)
    expect(b.link.sent.map(c => [c.charger, c.schedule])).toEqual([
      [1, []],
      [3, []],
    ])
    disk.isFull = false
    await b.seconds(5)
    expect([...b.engine.state().optOuts.keys()].sort()).toEqual([1, 3])
    await b.seconds(60)
    expect(b.link.sent.filter(c => [1, 3].includes(c.charger)).every(c => c.schedule.length === 0)).toBe(true)
  })
  it('a driver who wants out while a cancelled event still lets go by and by is free at once', async () => {
    await cancel()
    await b.seconds(5)
    const late = b.link.sent.splice(0).findLast(c => c.schedule.length > 0)!
    b.engine.sink.override(late.charger, 'button')
    await b.seconds(5)
    expect(b.link.sent.map(c => [c.charger, c.schedule])).toEqual([[late.charger, []]])
  })
  it('what went out without a record has a number of its own: its late answer is not taken for that of the next command', async () => {
    b.link.outcome = 'silent'
    b.engine.sink.override(3, 'button')
    await b.seconds(5)
    const [unrecorded] = b.link.sent.splice(0)
    expect(unrecorded).toMatchObject({ charger: 3, schedule: [] })
    disk.isFull = false
    await b.seconds(10)
    const [recorded] = b.link.sent.filter(c => c.charger === 3)
    expect(recorded!.seq).not.toBe(unrecorded!.seq)
    const answer = (seq: number) => b.engine.sink.outcome({ charger: 3, seq, kind: 'accepted', cause: '' })
    answer(unrecorded!.seq)
    await b.seconds(2)
    const isOut = () => b.engine.state().pending[3] !== NONE
    expect(isOut()).toBe(true)
    answer(recorded!.seq)
    await b.seconds(2)
    expect(isOut()).toBe(false)
  })
  it('a box is released by hand: it is cleared, and the answer says that the record is owed', async () => {
    const released = await b.send('POST', '/v1/chargers/c2/release')
    expect(released.statusCode).toBe(200)
    expect(released.json().failed).toEqual([expect.stringContaining('the record')])
    expect(b.link.released).toHaveLength(1)
    disk.isFull = false
    await b.seconds(5)
    expect(b.notes.map(n => n.what)).toEqual(expect.arrayContaining(['releaseAsked', 'released']))
    expect([...b.engine.state().enrolments.values()].every(basis => basis[2] === 0)).toBe(true)
  })
})

it('the disk is full before an accepted event has reached its chargers: nobody is limited without a record, and they are when there is room', async () => {
  const { disk, store } = onDisk()
  const b = await startBridge({ store })
  const feeder = b.engine.registry.resolve('feeder', 'BATH-11')![0]!
  const { event, raw } = gridEvent(feeder.kind === 'node' ? feeder.node : -1, b.engine.now(), {
    intervals: [{ fromS: startS + 1800, toS: startS + 5400, ask: { kind: 'off' } }],
  })
  await b.engine.bridge.submit(event, raw)
  await b.seconds(5)
  disk.isFull = true
  await b.seconds(1900)
  expect(b.link.sent.filter(c => c.schedule.length > 0)).toEqual([])
  disk.isFull = false
  await b.seconds(5)
  expect(b.link.sent.filter(c => c.schedule.length > 0).map(c => c.charger)).not.toEqual([])
  await b.api.close()
})

it('a start on a full disk: boxes are let in and let go, new events are refused, and what the start had to say is recorded when there is room', async () => {
  const { disk, store } = onDisk()
  const before = await startBridge({ store })
  const feeder = before.engine.registry.resolve('feeder', 'BATH-11')![0]!
  const { event, raw } = gridEvent(feeder.kind === 'node' ? feeder.node : -1, before.engine.now(), {})
  await before.engine.bridge.submit(event, raw)
  await before.seconds(5)
  const limited = before.engine.state().want[0]
  disk.isFull = true
  // killed: nobody says goodbye, and the record has everybody online
  const link = obedientLink()
  const runtime = createVirtualRuntime(before.engine.now())
  const engine = createEngine({ ...store, runtime, chargers: link, signals: [], seedKey: new Uint8Array(32).fill(3) })
  await engine.start()
  expect(engine.trouble()).toMatchObject({ code: 'journal-failed' })
  const station = engine.registry.stationByIdentity('c0')!.no
  engine.sink.link(station, true)
  engine.sink.override(0, 'button')
  await runtime.advance(5_000)
  expect(link.sent.map(c => [c.charger, c.schedule])).toEqual([[0, []]])
  const next = gridEvent(0, engine.now(), { id: 'webhook:dso:e2', upstreamRef: 'e2' })
  await expect(engine.bridge.submit(next.event, next.raw)).rejects.toMatchObject({ code: 'journal-failed' })
  expect(limited).not.toBe(FREE)
  disk.isFull = false
  await runtime.advance(5_000)
  expect(engine.trouble()).toBeNull()
  expect(engine.state().up[engine.registry.stationByIdentity('c1')!.no]).toBe(0)
  expect(engine.state().optOuts.has(0)).toBe(true)
  expect(stateDigest(await recover(store.journal))).toBe(stateDigest(engine.state()))
  await engine.stop()
  await before.api.close()
})

describe('a file that may not grow', () => {
  let dir: string
  beforeEach(() => {
    dir = join(mkdtempSync(join(tmpdir(), 'gridbridge-')), 'data')
  })
  afterEach(() => rmSync(join(dir, '..'), { recursive: true }))
  const leaf = Buffer.alloc(3_000, 'a')

  it.each([
    ['full', 'PRAGMA max_page_count = 60', 'PRAGMA max_page_count = 1000000'],
    ['read-only', 'PRAGMA query_only = ON', 'PRAGMA query_only = OFF'],
  ])('%s: an append is refused whole, again and again, and goes through as soon as it can', async (_, spoil, mend) => {
    const db = openDatabase(dir)
    const journal = openJournal(db, signerOf('grid.example/log', generateSeed()))
    await journal.append(0, [leaf], [])
    db.prepare(spoil).get([])
    let n = 1
    let error: unknown
    while (error === undefined && n < 200)
      await journal.append(n, [leaf], []).then(
        () => n++,
        e => (error = e),
      )
    expect(error).toMatchObject({ code: 'journal-failed' })
    await expect(journal.append(n, [leaf, leaf], [])).rejects.toMatchObject({ code: 'journal-failed' })
    expect([
      journal.size(),
      db.prepare('SELECT size FROM head').get([])?.[0],
      db.prepare('SELECT count(*) FROM entry').get([])?.[0],
    ]).toEqual([n, n, n])
    db.prepare(mend).get([])
    await journal.append(n, [leaf], [])
    expect(journal.size()).toBe(n + 1)
    db.close()
  })
  it('readings wait for room and are there then; nothing throws at whoever brings them', async () => {
    const db = openDatabase(dir)
    const runtime = createVirtualRuntime(startMs)
    const meters = openMeters(db, runtime)
    db.prepare('PRAGMA query_only = ON').get([])
    meters.put(readings([0, startMs, startMs + 60_000, 5000]))
    await runtime.advance(5_000)
    db.prepare('PRAGMA query_only = OFF').get([])
    await runtime.advance(5_000)
    expect(db.prepare('SELECT count(*) FROM reading').get([])?.[0]).toBe(1)
    await meters.close()
    db.close()
  })
  it('is opened all the same on a disk that is full, also after a kill, so that a bridge can start (skipped where nothing can be mounted)', async ({
    skip,
  }) => {
    const at = mkdtempSync(join(tmpdir(), 'gridbridge-disk-'))
    try {
      execFileSync('mount', ['-t', 'tmpfs', '-o', 'size=1m', 'tmpfs', at], { stdio: 'ignore' })
    } catch {
      rmSync(at, { recursive: true })
      skip('only root can mount a small disk')
    }
    try {
      const options = { dir: join(at, 'data'), origin: 'grid.example/log', runtime: createVirtualRuntime(startMs) }
      const store = openStore(options)
      await store.journal.append(0, [leaf], [])
      await store.close()
      const fill = () => writeFileSync(join(at, 'full'), Buffer.alloc(4_096), { flag: 'a' })
      expect(() => {
        for (;;) fill()
      }).toThrow('ENOSPC')
      const release = holdFolder(options.dir)
      const again = openStore(options)
      expect(again.journal.size()).toBe(1)
      await expect(again.journal.append(1, [leaf], [])).rejects.toMatchObject({ code: 'journal-failed' })
      await expect(again.registry.set('a', 'b')).rejects.toMatchObject({ code: 'journal-failed' })
      rmSync(join(at, 'full'))
      await again.journal.append(1, [leaf], [])
      await again.close()
      release()
    } finally {
      execFileSync('umount', ['-l', at], { stdio: 'ignore' })
      rmSync(at, { recursive: true })
    }
  })
  it('a real disk of one megabyte that fills up: refused whole, and it goes on when there is room (skipped where nothing can be mounted)', async ({
    skip,
  }) => {
    const at = mkdtempSync(join(tmpdir(), 'gridbridge-disk-'))
    try {
      execFileSync('mount', ['-t', 'tmpfs', '-o', 'size=1m', 'tmpfs', at], { stdio: 'ignore' })
    } catch {
      rmSync(at, { recursive: true })
      skip('only root can mount a small disk')
    }
    try {
      const store = openStore({ dir: join(at, 'data'), origin: 'grid.example/log', runtime: createVirtualRuntime(startMs) })
      let error: unknown
      let n = 0
      while (error === undefined)
        await store.journal.append(n, [leaf], []).then(
          () => n++,
          e => (error = e),
        )
      expect(error).toMatchObject({ code: 'journal-failed' })
      execFileSync('mount', ['-o', 'remount,size=4m', at], { stdio: 'ignore' })
      await store.journal.append(n, [leaf], [])
      expect(store.journal.size()).toBe(n + 1)
      await store.close()
    } finally {
      execFileSync('umount', ['-l', at], { stdio: 'ignore' })
      rmSync(at, { recursive: true })
    }
  })
})
