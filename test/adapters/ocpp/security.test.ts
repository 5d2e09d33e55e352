import { readFileSync } from 'node:fs'
import { describe, expect, it, onTestFinished } from 'vitest'
import { checkPassword, hashPassword, type OcppOptions } from '../../../adapters/chargers/index.ts'
import { basicPassword, chooseProtocol, identityOf } from '../../../adapters/chargers/ocppj/handshake.ts'
import { rememberingChecker } from '../../../adapters/chargers/ocppj/passwords.ts'
import type { Station, StationAuth } from '../../../src/ports.ts'
import { type Bed, bed, chargePoint, station } from './bed.ts'
import { rawPoint } from './raw.ts'

const pem = (name: string): Buffer => readFileSync(new URL(`tls/${name}`, import.meta.url))
const open = async (stations: readonly Station[], options: Partial<OcppOptions> = {}): Promise<Bed> => {
  const made = await bed(stations, { discover: false, allowInsecure: false, ...options })
  onTestFinished(() => made.close())
  return made
}
const withAuth = (identity: string, auth: StationAuth): Station => station(1, identity, { auth })
const basic = (user: string, password: string | Buffer) => ({
  headers: { authorization: 'Basic ' + Buffer.concat([Buffer.from(user + ':'), Buffer.from(password)]).toString('base64') },
})
const refused = async (attempt: Promise<unknown>): Promise<number> =>
  attempt.then(
    () => 101,
    (error: { status?: number }) => error.status ?? 0,
  )

describe('passwords', () => {
  it.each(['scrypt', 'sha256'] as const)('%s: the right one, no other, and salted', async kind => {
    const hash = await hashPassword('correct horse battery', kind)
    expect(hash).not.toBe(await hashPassword('correct horse battery', kind))
    expect(hash).not.toContain('correct')
    expect(await checkPassword(hash, Buffer.from('correct horse battery'))).toBe(true)
    expect(await checkPassword(hash, Buffer.from('correct horse'))).toBe(false)
  })
  it('a 1.6 key given in hexadecimal and sent as bytes', async () => {
    const key = Buffer.from('00ff11ee22dd33cc44bb55aa66997788', 'hex')
    for (const text of [key.toString('hex'), key.toString('hex').toUpperCase()])
      expect(await checkPassword(await hashPassword(text, 'sha256'), key)).toBe(true)
    expect(await checkPassword(await hashPassword(key, 'sha256'), key)).toBe(true)
  })
  it('a hash that cannot be read is a no', async () => {
    for (const stored of ['', 'plain', 'md5$a$b', 'scrypt$1$2', 'scrypt$999999999$8$1$aa$bb'])
      expect(await checkPassword(stored, Buffer.from('x'))).toBe(false)
  })
  it('a remembered password is still compared', async () => {
    const check = rememberingChecker()
    const hash = await hashPassword('first-of-many-1234', 'scrypt')
    expect(await check(hash, Buffer.from('first-of-many-1234'))).toBe(true)
    expect(await check(hash, Buffer.from('first-of-many-1234'))).toBe(true)
    expect(await check(hash, Buffer.from('another'))).toBe(false)
  })
})

describe('the upgrade', () => {
  it.each([
    ['/ocpp/CP1', 'CP1'],
    ['/CP1?x=/y', 'CP1'],
    ['/a/b/CP%2F1%3A2', 'CP/1:2'],
    ['/ocpp/', null],
    ['/ocpp/%E0%A4%A', null],
    [undefined, null],
  ])('the identity in %s is %s', (url, identity) => expect(identityOf(url)).toBe(identity))
  it.each([
    ['ocpp1.6', 'ocpp1.6'],
    ['ocpp1.5, ocpp1.6', 'ocpp1.6'],
    ['ocpp1.6,ocpp2.0.1', 'ocpp2.0.1'],
    ['ocpp2.1', null],
    ['', null],
    [undefined, null],
  ])('offered %s, chosen %s', (offered, chosen) => expect(chooseProtocol(offered)).toBe(chosen))
  it('a user with colons is the whole identity', () => {
    expect(basicPassword(basic('A:B', 'p:q').headers.authorization, 'A:B')?.toString()).toBe('p:q')
    expect(basicPassword(basic('A', 'x').headers.authorization, 'A:B')).toBeNull()
    expect(basicPassword('Bearer x', 'A')).toBeNull()
  })
})

describe('who may connect', () => {
  it('profile 0 only with the explicit flag', async () => {
    const none = { profile: 0 } as const
    expect(await refused(rawPoint((await open([withAuth('A', none)])).url, 'A'))).toBe(403)
    expect(await refused(rawPoint((await open([withAuth('A', none)], { allowInsecure: true })).url, 'A'))).toBe(101)
  })
  it('profile 1: the right password, no other, none, or of another station', async () => {
    const b = await open([withAuth('CP:1/x', { profile: 1, passwordHash: await hashPassword('0123456789abcdef', 'sha256') })])
    expect(await refused(rawPoint(b.url, 'CP:1/x', 'ocpp1.6', basic('CP:1/x', '0123456789abcdef')))).toBe(101)
    expect(await refused(rawPoint(b.url, 'CP:1/x', 'ocpp1.6', basic('CP:1/x', 'fedcba9876543210')))).toBe(401)
    expect(await refused(rawPoint(b.url, 'CP:1/x', 'ocpp1.6', basic('CP', '0123456789abcdef')))).toBe(401)
    expect(await refused(rawPoint(b.url, 'CP:1/x'))).toBe(401)
    expect(b.link.counters().refused).toBe(3)
  })
  it('an independent client with a password', async () => {
    const b = await open([withAuth('CP1', { profile: 1, passwordHash: await hashPassword('0123456789abcdef') })])
    const point = await chargePoint(b.url, 'CP1', 'ocpp2.0.1', { password: '0123456789abcdef' })
    await point.close()
  })
  it('a station that nobody knows, and a protocol that we do not speak', async () => {
    const b = await open([station(1, 'A')], { allowInsecure: true })
    expect(await refused(rawPoint(b.url, 'B'))).toBe(404)
    expect(await refused(rawPoint(b.url, 'A', 'ocpp2.1'))).toBe(400)
    expect(await refused(rawPoint(b.url, 'A', 'ocpp2.1,ocpp1.6'))).toBe(101)
  })
  it('profile 2 asks for TLS, also when the password is right', async () => {
    const auth: StationAuth = { profile: 2, passwordHash: await hashPassword('0123456789abcdef', 'sha256') }
    const plain = await open([withAuth('A', auth)])
    expect(await refused(rawPoint(plain.url, 'A', 'ocpp1.6', basic('A', '0123456789abcdef')))).toBe(403)
    const tls = await open([withAuth('A', auth)], { tls: { cert: pem('server.pem'), key: pem('server.key') } })
    const url = tls.url.replace('ws:', 'wss:')
    expect(await refused(rawPoint(url, 'A', 'ocpp1.6', { ...basic('A', '0123456789abcdef'), ca: pem('ca.pem') }))).toBe(101)
    expect(await refused(rawPoint(url, 'A', 'ocpp1.6', { ...basic('A', 'wrong'), ca: pem('ca.pem') }))).toBe(401)
  })
  it('profile 3 asks for a certificate of this station', async () => {
    const auth: StationAuth = { profile: 3 }
    const stations = [withAuth('CP-TLS', auth), station(2, 'CP-OTHER', { auth })]
    const b = await open(stations, { tls: { cert: pem('server.pem'), key: pem('server.key'), ca: pem('ca.pem') } })
    const url = b.url.replace('ws:', 'wss:')
    const mine = { ca: pem('ca.pem'), cert: pem('client.pem'), key: pem('client.key') }
    expect(await refused(rawPoint(url, 'CP-TLS', 'ocpp1.6', mine))).toBe(101)
    expect(await refused(rawPoint(url, 'CP-OTHER', 'ocpp1.6', mine))).toBe(403)
    expect(await refused(rawPoint(url, 'CP-TLS', 'ocpp1.6', { ca: pem('ca.pem') }))).toBe(403)
  })
  it('a rush is told to come back, each at its own time', async () => {
    const b = await open([station(1, 'A')], { allowInsecure: true, acceptPerS: 1 })
    const attempts = await Promise.all(
      Array.from({ length: 12 }, () =>
        rawPoint(b.url, 'A').then(
          () => null,
          (error: { status: number; headers: Record<string, string> }) => error,
        ),
      ),
    )
    const turnedAway = attempts.filter(error => error !== null)
    expect(turnedAway.length).toBeGreaterThanOrEqual(9)
    for (const error of turnedAway) expect(error.status).toBe(503)
    expect(new Set(turnedAway.map(error => error.headers['retry-after'])).size).toBeGreaterThan(1)
  })
})
