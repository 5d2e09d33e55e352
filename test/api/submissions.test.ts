import { beforeEach, describe, expect, test } from 'vitest'
import { offsetS } from '../../src/core/verify/calendar.ts'
import { createSubmissions, submissionCsv } from '../../src/operations/submissions.ts'
import { type Bridge, eve, startBridge, startMs } from './bridge.ts'

/** The bridge stands on Tuesday 14 November 2023, 22:13 UTC. */
let b: Bridge
beforeEach(async () => {
  b = await startBridge()
})
const HOUR_MS = 3_600_000
/** Cars come home by the clock, whatever UTC says. */
const hourOf = (ms: number): number => new Date(ms + offsetS('Europe/London', ms / 1000) * 1000).getUTCHours()
/** Half-hourly readings of the last `weeks` weeks, up to midnight: `c0` draws 4 kW from 18:00 to 22:00, c1 nothing. */
function meterWeeks(weeks: number, names = ['c0', 'c1']) {
  const endMs = startMs - (startMs % (24 * HOUR_MS))
  const starts = Array.from({ length: weeks * 7 * 48 }, (_, k) => endMs - (k + 1) * (HOUR_MS / 2)).reverse()
  for (const name of names) {
    const no = b.engine.registry.chargerByExternalId(name)!
    b.engine.meters.put({
      charger: Uint32Array.from(starts, () => no),
      fromMs: Float64Array.from(starts),
      toMs: Float64Array.from(starts, ms => ms + HOUR_MS / 2),
      powerW: Float64Array.from(starts, ms => (name === 'c0' && hourOf(ms) >= 18 && hourOf(ms) < 22 ? 4000 : 0)),
      registerWh: Float64Array.from(starts, () => Number.NaN),
      quality: new Uint8Array(starts.length),
    })
  }
}
const draft = (body: object = {}) => b.send('POST', '/v1/submissions', { node: 'BATH/BATH-11', kind: 'baseline', ...body })

describe('a submission', () => {
  test('is drafted from the meters, with what such a forecast was wrong by', async () => {
    meterWeeks(8)
    const answer = await draft()
    expect(answer.statusCode, answer.body).toBe(200)
    const found = answer.json()
    expect(found).toMatchObject({
      state: 'draft',
      firstDay: '2023-11-16',
      deadline: '2023-11-15T12:00:00.000Z',
      revision: 1,
      chargers: 6,
      sent: null,
    })
    expect(found.coverage).toBeCloseTo(2 / 6, 2)
    expect(found.error).toEqual({ days: 14, mpe: 0, maeW: 0, cvrmse: 0 })
    expect(found.slots).toHaveLength(48)
    expect(found.slots.filter((s: { w: number }) => s.w === 4000).map((s: { from: string }) => s.from.slice(11, 16))[0]).toBe('18:00')
    expect(b.notes.at(-1)).toMatchObject({ what: 'submissionDrafted', about: { submission: found.id, by: 'ana', revision: 1 } })
  })

  test('does not take half hours that were metered in part for whole ones', async () => {
    meterWeeks(8)
    const atSix = (found: { slots: { from: string; w: number | null }[] }) => found.slots.find(x => x.from.endsWith('T18:00:00.000Z'))!.w
    // another draws 4 kW as well, but is heard for 10 minutes of each half hour from 18:00 on
    const no = b.engine.registry.chargerByExternalId('c2')!
    const midnightMs = startMs - (startMs % (24 * HOUR_MS))
    const evenings = Array.from({ length: 50 * 24 }, (_, k) => midnightMs - (k + 1) * HOUR_MS).filter(ms => hourOf(ms) === 18)
    b.engine.meters.put({
      charger: Uint32Array.from(evenings, () => no),
      fromMs: Float64Array.from(evenings),
      toMs: Float64Array.from(evenings, ms => ms + 600_000),
      powerW: Float64Array.from(evenings, () => 4000),
      registerWh: Float64Array.from(evenings, () => Number.NaN),
      quality: new Uint8Array(evenings.length),
    })
    const found = (await draft()).json()
    // three were heard, two of them for all of it: 4 kW and nothing, on average 2 kW each
    expect(atSix(found)).toBe(6000)
    expect(found.coverage).toBeCloseTo(2 / 6, 2)
  })

  test('names the hour that comes twice by its offset', async () => {
    const slots = ['2023-10-29T00:00:00Z', '2023-10-29T01:00:00Z'].map(iso => ({ fromS: Date.parse(iso) / 1000, w: 1000 }))
    expect(submissionCsv({ slots, zone: 'Europe/London' }).split('\r\n').slice(1, 3)).toEqual([
      '2023-10-29T00:00:00.000Z,2023-10-29T00:30:00.000Z,2023-10-29,01:00,1.000,60',
      '2023-10-29T01:00:00.000Z,2023-10-29T01:30:00.000Z,2023-10-29,01:00,1.000,0',
    ])
  })

  test('of availability promises no more than nine times of ten was there', async () => {
    meterWeeks(8)
    const { slots } = (await draft({ kind: 'availability', cadence: 'weekly' })).json()
    expect(slots).toHaveLength(7 * 48)
    expect(Math.max(...slots.map((s: { w: number }) => s.w))).toBe(4000)
  })

  test('without readings says so, and no number', async () => {
    const { slots, error, coverage } = (await draft()).json()
    expect(slots.every((s: { w: number | null }) => s.w === null)).toBe(true)
    expect([coverage, error.mpe]).toEqual([0, null])
  })

  test('is due, then sent: what is uploaded is a file', async () => {
    const { id } = (await draft({ day: '2023-11-16' })).json()
    await b.seconds(8 * 3600)
    expect((await b.get('/v1/submissions')).json().items).toMatchObject([{ id, state: 'due' }])
    const file = await b.get(`/v1/submissions/${id}`, { authorization: eve.authorization, accept: 'text/csv' })
    expect(file.body.split('\r\n').slice(0, 2)).toEqual([
      'from_utc,to_utc,local_date,local_time,kw,utc_offset_min',
      '2023-11-16T00:00:00.000Z,2023-11-16T00:30:00.000Z,2023-11-16,00:00,,0',
    ])
    expect((await b.send('POST', `/v1/submissions/${id}/sent`, { revision: 1 })).json()).toMatchObject({
      state: 'sent',
      sent: '2023-11-15T06:13:22.000Z',
    })
    expect(b.notes.at(-1)).toMatchObject({
      what: 'submissionSent',
      about: { submission: id, state: 'sent', sha256: expect.stringMatching(/^[0-9a-f]{64}$/) },
    })
  })

  test('sent after its deadline is late for good', async () => {
    const { id } = (await draft({ deadline: '2023-11-15T00:00:00Z' })).json()
    await b.seconds(2 * 3600)
    expect((await b.get(`/v1/submissions/${id}`)).json().state).toBe('late')
    expect((await b.send('POST', `/v1/submissions/${id}/sent`, { revision: 1 })).json().state).toBe('late')
  })

  test('drafted again is a revision that is to be sent again; the one before can be sent no more', async () => {
    const { id } = (await draft()).json()
    await b.send('POST', `/v1/submissions/${id}/sent`, { revision: 1 })
    expect((await b.send('POST', `/v1/submissions/${id}/sent`, { revision: 1 })).json().code).toBe('already-sent')
    expect((await draft()).json()).toMatchObject({ id, revision: 2, sent: null, state: 'draft' })
    expect((await b.send('POST', `/v1/submissions/${id}/sent`, { revision: 1 })).statusCode).toBe(412)
  })

  test('survives a restart', async () => {
    const { id } = (await draft()).json()
    expect(createSubmissions(b.engine).list()).toMatchObject([{ id, state: 'draft' }])
  })

  test.each([
    ['no such day', { day: '2023-02-30' }, 400, 'bad-day'],
    ['a day that has begun', { day: '2023-11-14' }, 409, 'day-over'],
    ['a day that nobody can know of', { day: '2025-01-01' }, 400, 'bad-day'],
    ['a deadline that is none', { deadline: 'noon' }, 400, 'bad-deadline'],
    ['no such node', { node: 'BRISTOL' }, 404, 'node-not-found'],
  ])('%s is refused', async (_, body, status, code) => {
    const answer = await draft(body)
    expect([answer.statusCode, answer.json().code]).toEqual([status, code])
  })
  test('one that is not there is not found', async () => {
    expect((await b.get('/v1/submissions/x')).statusCode).toBe(404)
    expect((await b.send('POST', '/v1/submissions/x/sent', { revision: 1 })).statusCode).toBe(404)
  })
})
