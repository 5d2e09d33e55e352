import { beforeEach, describe, expect, test } from 'vitest'
import { type Bridge, eve, startBridge } from './bridge.ts'

let b: Bridge
beforeEach(async () => {
  b = await startBridge({})
})
const tell = (charger: string, body: object, headers?: object) =>
  b.send('PUT', `/v1/chargers/${charger}/session`, body, headers as Record<string, string>)
const inHours = (h: number) => new Date(b.engine.now() + h * 3_600_000).toISOString()

describe('what a driver needs', () => {
  test('is told by its app, kept with the car, and part told leaves the rest', async () => {
    const departAt = inHours(6).replace(/\.\d+Z/, '.000Z')
    const first = await tell('c0', { departAt, needKwh: 22 })
    expect(first.statusCode, first.body).toBe(200)
    expect(first.json()).toMatchObject({ charger: 'c0', car: 'plugged', departAt, needKwh: 22 })
    expect((await tell('c0', { needKwh: 10 })).json()).toMatchObject({ departAt, needKwh: 10 })
    b.engine.sink.session(0, { phase: 'none' })
    await b.seconds(2)
    expect((await b.get('/v1/chargers/c0/session')).json()).toMatchObject({ car: 'none', departAt: null, needKwh: null })
    expect((await tell('c0', { needKwh: 10 })).statusCode).toBe(409)
  })
  test.each([
    ['a departure that is past', () => ({ departAt: inHours(-1) }), 400],
    ['a need below zero', () => ({ needKwh: -1 }), 400],
    ['a need of nobody', () => ({ needKwh: 5_000 }), 400],
    ['what it does not know', () => ({ soc: 50 }), 400],
  ])('refuses %s', async (_, body, status) => {
    expect((await tell('c0', body())).statusCode).toBe(status)
  })
  test('shows a departure that is past as it was written', async () => {
    const departAt = inHours(-1).replace(/\.\d+Z/, '.000Z')
    expect((await tell('c0', { departAt })).json().errors).toMatchObject([{ pointer: '#/departAt', value: departAt }])
  })
  test('refuses a charger that nobody knows, and who may only look', async () => {
    expect((await tell('c77', { needKwh: 1 })).statusCode).toBe(404)
    expect((await tell('c0', { needKwh: 1 }, eve)).statusCode).toBe(403)
  })
})
