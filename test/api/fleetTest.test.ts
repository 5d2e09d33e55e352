import { beforeEach, describe, expect, test } from 'vitest'
import { createFleetTest } from '../../src/operations/fleetTest.ts'
import { type Bridge, eve, startBridge } from './bridge.ts'

let b: Bridge
beforeEach(async () => {
  b = await startBridge({ programme: { startSpreadS: 60, endSpreadS: 0, minNoticeS: 120, emergencyAllowed: false } })
})
const ask = (body: object) => b.send('POST', '/v1/fleet/tests', body)

describe('an enrolment test', () => {
  test('of a charger is a short real event under its programme, and its meter decides', async () => {
    for (let s = 0; s < 300; s += 60) {
      await b.seconds(60)
      b.meter({ c0: 5_000, c1: 5_000 })
    }
    const answer = await ask({ target: 'c0' })
    expect(answer.statusCode).toBe(201)
    expect(answer.json()).toMatchObject({ programme: 'evenings', usable: 1, excluded: 0 })
    const { event } = answer.json()
    await b.seconds(135)
    expect(b.link.sent.filter(c => c.schedule.length > 0).map(c => [c.charger, c.schedule[0]!.limitW, c.urgent])).toEqual([
      [0, 1_380, false],
    ])
    for (let s = 0; s < 360; s += 60) {
      b.meter({ c0: 1_300, c1: 5_000 })
      await b.seconds(60)
    }
    await b.seconds(600)
    const answers = (await b.get(`/v1/events/${encodeURIComponent(event)}/chargers`)).json()
    expect(answers.results).toMatchObject([{ charger: 'c0', verdict: 'compliant' }])
    expect(b.notes.map(n => n.what)).toContain('enrolmentTest')
  })
  test('of a node leaves out whom the programme may not use', async () => {
    expect((await ask({ target: 'BATH/BATH-12', limit: { to: 'off' }, holdS: 120 })).json()).toMatchObject({ usable: 2, excluded: 2 })
  })
  test.each([
    ['a target that nobody knows', { target: 'c77' }, 404, 'node-not-found'],
    ['a programme that is not theirs', { target: 'c0', programme: 'mornings' }, 400, 'programme-needed'],
    ['a charger without consent', { target: 'c8' }, 400, 'programme-needed'],
  ])('refuses %s', async (_, body, status, code) => {
    const answer = await ask(body)
    expect([answer.statusCode, answer.json().code]).toEqual([status, code])
  })
  test('says what is missing where nobody has consented to anything', async () => {
    expect((await ask({ target: 'c8' })).json()).toMatchObject({ detail: 'nobody there has consented to a programme' })
    expect((await ask({ target: 'c0', programme: 'mornings' })).json()).toMatchObject({ hint: 'one of: evenings' })
  })
  test('keeps its notice, though another turn was under way when it was asked for', async () => {
    const asked = createFleetTest({ ...b.engine, now: () => b.engine.now() - 3_000 })
    expect(await asked.run({ target: 'c0' }, { name: 'eve' })).toMatchObject({ ok: true, value: { usable: 1 } })
  })
  test('needs the right to make events', async () => {
    expect((await b.send('POST', '/v1/fleet/tests', { target: 'c0' }, eve)).statusCode).toBe(403)
  })
})
