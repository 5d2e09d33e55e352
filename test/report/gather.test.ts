import { beforeAll, beforeEach, describe, expect, test } from 'vitest'
import { canonicalJson } from '../../src/core/codec.ts'
import { chargerVerdicts, nonResponses } from '../../src/core/model.ts'
import type { Metered, Verified } from '../../src/core/verify/record.ts'
import { recomputed } from '../../src/core/verify/revision.ts'
import { entries } from '../../src/engine/recover.ts'
import { eventReport } from '../../src/operations/report.ts'
import { type EventReport, known } from '../../src/report/model.ts'
import { ana, type Bridge, gridEvent, startBridge } from '../api/bridge.ts'
import { anEvent, eventId as id } from './event.ts'

let b: Bridge
const url = `/v1/events/${encodeURIComponent(id)}/report`
const made = async (withNames = false): Promise<EventReport> =>
  (await eventReport(b.engine, id, { nowMs: b.engine.now(), version: 'test', command: 'verify', withNames }))!
const causes = (r: EventReport) =>
  Object.fromEntries(
    Array.from(r.chargers.charger, (no, k) => [no, [chargerVerdicts[r.chargers.verdict[k]!], nonResponses[r.chargers.cause[k]!]]]),
  )
/** Of the step that begins so many minutes after the event's start. */
const at = (r: EventReport, column: 'targetW' | 'baselineW' | 'actualW' | 'highW', minute: number) =>
  known(r.series[column][Math.floor((r.event.intervals[0]!.fromS * 1000 - r.series.fromMs) / r.series.stepMs) + minute])

let recorded: Bridge
beforeAll(async () => {
  recorded = await startBridge({ programme: { endSpreadS: 0 } })
  await anEvent(recorded)
})
beforeEach(() => {
  b = recorded
})

describe('a report is made from the log and the meters', () => {
  test('target, baseline and actual by the minute, and what came back', async () => {
    const r = await made()
    expect(r.series.stepMs).toBe(60_000)
    // four at their limit, and c5, of which nothing is known, may draw its limit as well
    expect([at(r, 'targetW', 10), at(r, 'baselineW', 10), at(r, 'actualW', 10)]).toEqual([10_000, 20_000, 11_000])
    expect(at(r, 'targetW', -5)).toBeNull()
    expect(at(r, 'actualW', -5)).toBe(20_000)
    // four meters of 10 %, independent of each other
    expect(at(r, 'highW', -5)).toBeCloseTo(20_000 + 1000, 0)
    expect(r.rebound).toMatchObject({ peakW: 24_000, settledAfterS: 300 })
    expect(r.rebound?.reboundWh).toBeCloseTo((4 * 1000 * 300) / 3600, 0)
    expect(r.response).toMatchObject({ resolutionS: 60, t90S: null })
    expect(r.response?.ramp?.fallW).toBeCloseTo(9000, 6)
  })
  test('its verdict is the recorded one, by settlement period, and its sums are those of the chargers', async () => {
    const r = await made()
    const { verification } = r.verdicts.at(-1)!
    const sum = (column: ArrayLike<number | null>) =>
      Array.from(column as ArrayLike<number | null>, v => known(v) ?? 0).reduce((a, x) => a + x, 0)
    expect(sum(r.chargers.deliveredWh)).toBeCloseTo(verification.deliveredWh, 6)
    expect(r.levels.find(l => l.level === 'event')!.deliveredWh).toBeCloseTo(verification.deliveredWh, 6)
    expect(r.settlement.reduce((wh, s) => wh + s.delivered.none!, 0)).toBeCloseTo(verification.deliveredWh, 6)
    expect(r.log).toMatchObject({ size: b.journal.size(), checkpoint: b.journal.checkpoint() })
  })
  test('how much is metered is said once: of the verdict, the levels, the chargers, the settlement and the load by step', async () => {
    const r = await made()
    const { coverage } = r.verdicts.at(-1)!.verification
    // c0 to c3 drew, c4 was commanded and drew nothing, c5 was commanded and is not metered
    expect(coverage).toBeCloseTo(5 / 6, 9)
    expect(r.levels.find(l => l.level === 'event')!.coverage).toBeCloseTo(coverage, 9)
    const counted = Array.from(r.chargers.counted)
    const shares = Array.from(r.chargers.coverage as ArrayLike<number>).filter((_, k) => counted[k] === 1)
    expect(shares.reduce((sum, x) => sum + x, 0) / shares.length).toBeCloseTo(coverage, 9)
    const k = Math.floor((r.event.intervals[0]!.fromS * 1000 - r.series.fromMs) / r.series.stepMs) + 10
    expect(known(r.series.coverage[k])).toBeCloseTo(coverage, 9)
    const settled = (await b.get(`/v1/events/${encodeURIComponent(id)}/settlement?price=300&by=charger`)).json()
    expect(settled.coverage).toBe(coverage)
    expect(settled.statements.map((x: { coverage: number }) => x.coverage)).toEqual([1, 1, 1, 1, 1, 0])
    const { series } = (await b.get(`/v1/events/${encodeURIComponent(id)}`)).json()
    const during = series.points.find((p: { at: string }) => Date.parse(p.at) >= r.series.fromMs + k * r.series.stepMs)
    expect(during.coverage).toBeCloseTo(coverage, 9)
  })
  test('a verdict of a log that did not record how much of each charger was metered is made again as it was', async () => {
    let readings: Metered | undefined
    let recorded: Verified | undefined
    for await (const { fact } of entries(b.journal, 0)) {
      if (fact.kind === 'metered') readings = fact
      if (fact.kind === 'verified') recorded = fact
    }
    expect(canonicalJson(recomputed(recorded!, readings!))).toBe(canonicalJson(recorded))
    const { meteredS: _, ...energy } = recorded!.energy!
    expect(canonicalJson(recomputed({ ...recorded!, energy }, readings!))).toBe(canonicalJson({ ...recorded!, energy }))
  })
  test('who was told what and answered, and who did not respond', async () => {
    const r = await made()
    expect(causes(r)).toMatchObject({ 0: ['compliant', 'none'], 3: ['notCompliant', 'acceptedButUnmoved'] })
    expect(r.commands).toMatchObject({ chargers: 5, answerMs: { p50: expect.any(Number) } })
    expect(r.chargers.limitW[0]).toBe(2000)
    expect(r.chargers.commandedMs[0]).toBeGreaterThanOrEqual(r.event.receivedMs)
  })
  test('chargers and sites are numbers; with names they have them', async () => {
    expect(JSON.stringify(await made())).not.toMatch(/"c\d"/)
    expect((await made(true)).names).toEqual({ chargers: { 0: 'c0', 1: 'c1', 2: 'c2', 3: 'c3', 4: 'c4', 5: 'c5' } })
  })
  test('also of an event by number, that was cancelled, declined, or is not over', async () => {
    b = await startBridge()
    const node = (b.engine.registry.resolve('node', 'BATH')![0] as { node: number }).node
    const submit = async (ref: string, inS: number, change = {}) => {
      const { event, raw } = gridEvent(node, b.engine.now(), { id: `openadr2b:vtn:${ref}`, upstreamRef: ref, ...change }, inS)
      await b.engine.bridge.submit(event, raw)
      await b.seconds(2)
    }
    await submit('declined', 600, { programme: 'nobody knows it' })
    await submit('cancelled', 3600)
    await submit('cancelled', 3600, { revision: 1, intervals: [] })
    await submit('running', 0)
    const of = async (no: number) => (await eventReport(b.engine, String(no), { nowMs: b.engine.now(), version: '', command: '' }))!
    expect((await of(0)).event).toMatchObject({ id: 'openadr2b:vtn:declined', declined: 'unknownProgramme' })
    expect((await of(1)).event).toMatchObject({ id: 'openadr2b:vtn:cancelled', revision: 1, cancelledS: expect.any(Number) })
    expect(await of(2)).toMatchObject({
      event: { id: 'openadr2b:vtn:running', declined: null },
      verdicts: [],
      response: null,
      rebound: null,
    })
    expect(await eventReport(b.engine, '3', { nowMs: b.engine.now(), version: '', command: '' })).toBeUndefined()
  })
})

describe('the API has it', () => {
  test('as JSON, its chargers page by page, and as a page', async () => {
    const json = (await b.get(url)).json()
    expect(json).toMatchObject({
      format: 'gridbridge-report-1',
      event: { id, members: 6 },
      verdicts: [{ verification: { verdict: 'partial' } }],
    })
    expect(json.chargers).toBeUndefined()
    const page = (await b.get(`${url}/chargers?from=2&limit=2`)).json()
    expect(page).toMatchObject({ charger: [2, 3], limitW: [2000, 2000] })
    const html = await b.get(`${url}.html`, { ...ana, accept: 'text/html' })
    expect(html.headers['content-type']).toBe('text/html; charset=utf-8')
    expect(html.body).toContain('<h1>openadr2b:vtn:e1</h1>')
  })
  test('not of an event that nobody knows, and not for somebody without the right', async () => {
    expect((await b.get('/v1/events/none/report')).json()).toMatchObject({ status: 404, code: 'event-not-found' })
    expect((await b.get('/v1/events/none/report', {})).statusCode).toBe(401)
  })
})
