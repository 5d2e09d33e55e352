import { beforeEach, describe, expect, test } from 'vitest'
import { nominationText, valuesIn } from '../../src/cli/nominate.ts'
import { type Bridge, eve, startBridge } from './bridge.ts'

/** The bridge stands on Tuesday 14 November 2023, 22:13 UTC: noon of today was the deadline of tomorrow. */
let b: Bridge
beforeEach(async () => {
  b = await startBridge()
})
const halfHours = (day: string, n = 48, w: number | null = 12_000) =>
  Array.from({ length: n }, (_, k) => ({ from: new Date(Date.parse(day) + k * 1_800_000).toISOString(), w }))
const nominate = (values: object[], node = 'BATH/BATH-11') => b.send('POST', '/v1/nominations', { node, values })

describe('a nomination', () => {
  test('is on record with its hash, and says what of it came too late', async () => {
    const answer = await nominate(halfHours('2023-11-16T00:00:00Z'))
    expect(answer.statusCode, answer.body).toBe(200)
    expect(answer.json()).toMatchObject({
      node: { path: 'BATH/BATH-11' },
      from: '2023-11-16T00:00:00.000Z',
      until: '2023-11-17T00:00:00.000Z',
      late: 0,
    })
    expect(b.notes.at(-1)).toMatchObject({ what: 'baselineNominated', about: { by: 'ana', values: 48, late: 0 } })
    expect((await nominate(halfHours('2023-11-15T00:00:00Z'))).json()).toMatchObject({ late: 48 })
    const { items } = (await b.get('/v1/nominations?node=BATH/BATH-11')).json()
    expect(items.map((x: { late: number }) => x.late)).toEqual([0, 48])
    expect((await b.get('/v1/nominations?node=BATH/BATH-12')).json()).toEqual({ items: [] })
  })
  test('with a gap says nothing of the gap', async () => {
    const values = halfHours('2023-11-16T00:00:00Z', 4).filter((_, k) => k !== 2)
    expect((await nominate(values)).json().values.map((v: { w: number | null }) => v.w)).toEqual([12_000, 12_000, null, 12_000])
  })
  test.each([
    ['a time that begins no half hour', [{ from: '2023-11-16T00:10:00Z', w: 1 }], 400, 'bad-value'],
    ['a half hour said twice', [...halfHours('2023-11-16T00:00:00Z', 1), ...halfHours('2023-11-16T00:00:00Z', 1)], 400, 'bad-value'],
    ['more than a grid carries', [{ from: '2023-11-16T00:00:00Z', w: 3e9 }], 400, 'bad-value'],
    ['six weeks', [...halfHours('2023-11-16T00:00:00Z', 1), ...halfHours('2023-12-28T00:00:00Z', 1)], 400, 'bad-value'],
    ['what is over', halfHours('2023-11-10T00:00:00Z'), 409, 'nomination-over'],
  ] as const)('with %s is refused whole', async (_, values, status, code) => {
    const answer = await nominate([...values])
    expect([answer.statusCode, answer.json().code], answer.body).toEqual([status, code])
    expect((await b.get('/v1/nominations')).json().items).toEqual([])
  })
  test('of a node that is not there, and by who may only look, is refused', async () => {
    expect((await nominate(halfHours('2023-11-16T00:00:00Z'), 'BRISTOL')).json().code).toBe('node-not-found')
    expect((await b.send('POST', '/v1/nominations', { node: 'BATH', values: halfHours('2023-11-16T00:00:00Z') }, eve)).statusCode).toBe(403)
  })
  test('is made by sending a baseline submission, and by nothing else', async () => {
    const draft = async (kind: string) => (await b.send('POST', '/v1/submissions', { node: 'BATH/BATH-11', kind })).json()
    const [baseline, availability] = [await draft('baseline'), await draft('availability')]
    expect(b.engine.state().nominations.size).toBe(0)
    for (const { id, revision } of [baseline, availability]) await b.send('POST', `/v1/submissions/${id}/sent`, { revision })
    const { items } = (await b.get('/v1/nominations')).json()
    expect(items).toHaveLength(1)
    expect(items[0]).toMatchObject({ from: baseline.slots[0].from, late: 0 })
  })
  test('that could not be recorded was not sent, and can be sent again', async () => {
    const { id, revision } = (await b.send('POST', '/v1/submissions', { node: 'BATH/BATH-11', kind: 'baseline' })).json()
    b.journal.failNext('before')
    expect((await b.send('POST', `/v1/submissions/${id}/sent`, { revision })).statusCode).toBeGreaterThanOrEqual(500)
    expect((await b.get('/v1/nominations')).json().items).toHaveLength(0)
    expect((await b.send('POST', `/v1/submissions/${id}/sent`, { revision })).statusCode).toBe(200)
    expect((await b.get('/v1/nominations')).json().items).toHaveLength(1)
  })
})

describe('the file of a nomination', () => {
  test('is what `submission send` writes, or two columns; an empty cell says nothing', () => {
    expect(valuesIn('from_utc,to_utc,kw\n2023-11-16T00:00:00.000Z,x,1.5\n2023-11-16T00:30:00Z,x,\n')).toEqual([
      { from: '2023-11-16T00:00:00.000Z', w: 1_500 },
      { from: '2023-11-16T00:30:00.000Z', w: null },
    ])
  })
  test.each([
    ['start,kwh\n', 'GB-1271'],
    ['from_utc,kw\n2023-11-16T00:00:00Z,"1\n', 'GB-1271'],
    ['from,kw\nnoon,1\n', 'GB-1272'],
    ['from,kw\n2023-11-16T00:00:00Z,much\n', 'GB-1272'],
  ])('%j is none: %s', (text, code) => {
    expect(() => valuesIn(text)).toThrow(expect.objectContaining({ code }))
  })
  test('that came late is said to be', () => {
    const x = { node: { no: 1, path: 'BATH' }, from: 'a', until: 'b', recorded: 'c', values: [{ from: 'a', w: 2_000 }], late: 1 }
    expect(nominationText(x)).toMatch(/at most 2\.0+ kW\n.*1 of them came after noon/)
  })
})
