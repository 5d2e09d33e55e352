import { beforeEach, describe, expect, test } from 'vitest'
import { programme } from '../../src/programmeConfig.ts'
import { ana, type Bridge, startBridge, startMs } from './bridge.ts'

/** Temperatures of a place come in as a meter's series does: by file, by push, from a broker. */
let b: Bridge
const HOUR_MS = 3_600_000
const midnightMs = startMs - (startMs % (24 * HOUR_MS))
const query = 'node=BATH&name=airfield&kind=weather&unit=degC&stepS=3600'
const file = ['start,temperature', ...[-1.5, 4, 60.5].map((c, k) => `${new Date(midnightMs + k * HOUR_MS).toISOString()},${c}`)].join('\n')
const importFile = (text: string, more = '&apply=true', q = query) =>
  b.api.inject({ method: 'POST', url: `/v1/meters/import?${q}${more}`, payload: text, headers: { ...ana, 'content-type': 'text/csv' } })

describe('a series of temperatures', () => {
  beforeEach(async () => {
    b = await startBridge()
  })
  test('is imported from a file, in degrees Celsius, below zero too; what is none is left out', async () => {
    const answer = await importFile(file)
    expect(answer.json()).toMatchObject({
      applied: true,
      readings: 2,
      errors: [{ value: '60.5', message: 'is no temperature in degrees Celsius' }],
    })
    const pushed = await b.send('POST', '/v1/meters/airfield/readings', {
      readings: [
        { at: midnightMs + 3 * HOUR_MS, value: 7.25 },
        { at: midnightMs + 4 * HOUR_MS, value: 71 },
        { at: midnightMs + 5 * HOUR_MS + 1, value: 7 },
      ],
    })
    expect(pushed.json()).toMatchObject({ taken: 1, errors: [{ index: 1 }, { index: 2 }] })
    const { no } = b.readings.witnesses.byName('airfield')!
    expect([...(await b.readings.witnesses.range(no, midnightMs, midnightMs + 24 * HOUR_MS)).wh]).toEqual([-1.5, 4, 7.25])
  })
  test('is no energy: it is asked for as none, and no witness of a feeder', async () => {
    await importFile(file)
    const span = `from=${new Date(midnightMs).toISOString()}&until=${new Date(midnightMs + HOUR_MS).toISOString()}&stepS=3600`
    expect((await b.get(`/v1/meters/airfield/energy?${span}`)).json()).toMatchObject({ code: 'no-energy' })
  })
  test('is in degrees, and nothing else is', async () => {
    for (const q of ['node=BATH&kind=weather&unit=kWh', 'node=BATH&kind=feeder&unit=degC'])
      expect((await importFile(file, '&apply=true&stepS=3600', q)).json()).toMatchObject({ code: 'bad-unit' })
  })
})

describe('the rules of a programme', () => {
  const wrong = (verification: object, rest: object = {}): string[] =>
    programme.safeParse({ id: 'p', verification, ...rest }).error?.issues.map(i => i.path.join('.')) ?? []
  test.each([
    ['weather without a series', { ruleset: 'caiso-weather-match' }, {}, ['verification.weather']],
    ['weather with one', { ruleset: 'caiso-weather-match', weather: 'airfield' }, {}, []],
    ['a control group of nobody', { ruleset: 'control-group' }, {}, ['holdOut']],
    ['a control group', { ruleset: 'control-group', values: { 'method.minGroup': 60 } }, { holdOut: 0.1 }, []],
    ['nominations by another deadline', { ruleset: 'nominated', values: { 'method.deadline.atMin': 600 } }, {}, []],
    ['a value that leads nowhere', { ruleset: 'nominated', values: { 'method.dedline.atMin': 600 } }, {}, ['verification.values']],
    ['a value of another type', { ruleset: 'nominated', values: { 'method.deadline.atMin': 'noon' } }, {}, ['verification.values']],
    ['another kind of method', { ruleset: 'nominated', values: { id: 'x' } }, {}, ['verification.values']],
  ] as const)('%s', (_, verification, rest, paths) => {
    expect(wrong(verification, rest)).toEqual(paths)
  })
})
