import { execFileSync } from 'node:child_process'
import { mkdtempSync, readFileSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, afterEach, beforeAll, describe, expect, it } from 'vitest'
import { createTransport, fingerprint } from '../../../adapters/signals/openadr2b/http.ts'
import { type Bed, createBed } from './bed.ts'

const hasOpenssl = (() => {
  try {
    execFileSync('openssl', ['version'], { stdio: 'ignore' })
    return true
  } catch {
    return false
  }
})()

describe.skipIf(!hasOpenssl)(`mutual TLS${hasOpenssl ? '' : ' (skipped: no openssl to make certificates with)'}`, () => {
  let dir: string
  const file = (name: string) => join(dir, name)
  const pem = (name: string) => readFileSync(file(name), 'utf8')
  const openssl = (...args: string[]) => execFileSync('openssl', args, { cwd: dir, stdio: ['ignore', 'pipe', 'ignore'] }).toString()
  const issue = (name: string, san: string) => {
    openssl(
      'req',
      '-newkey',
      'ec',
      '-pkeyopt',
      'ec_paramgen_curve:prime256v1',
      '-nodes',
      '-keyout',
      `${name}.key`,
      '-out',
      `${name}.csr`,
      '-subj',
      `/CN=${name}`,
      '-addext',
      `subjectAltName=${san}`,
    )
    openssl(
      'x509',
      '-req',
      '-in',
      `${name}.csr`,
      '-CA',
      'ca.pem',
      '-CAkey',
      'ca.key',
      '-copy_extensions',
      'copy',
      '-days',
      '3650',
      '-out',
      `${name}.pem`,
    )
  }
  let bed: Bed | undefined
  beforeAll(() => {
    dir = mkdtempSync(join(tmpdir(), 'openadr2b-'))
    openssl(
      'req',
      '-x509',
      '-newkey',
      'ec',
      '-pkeyopt',
      'ec_paramgen_curve:prime256v1',
      '-nodes',
      '-keyout',
      'ca.key',
      '-out',
      'ca.pem',
      '-subj',
      '/CN=ca',
      '-days',
      '3650',
    )
    issue('vtn', 'IP:127.0.0.1')
    issue('elsewhere', 'DNS:vtn.example')
    issue('ven', 'DNS:ven.example')
  })
  afterEach(async () => {
    await bed?.stop()
    bed = undefined
  })
  afterAll(() => rmSync(dir, { recursive: true }))

  const tls = (over: object = {}) => ({ certFile: file('ven.pem'), keyFile: file('ven.key'), caFile: file('ca.pem'), ...over })
  const vtnTls = (name = 'vtn') => ({ key: pem(`${name}.key`), cert: pem(`${name}.pem`), ca: pem('ca.pem') })
  const begin = async (venTls: object | undefined, server = 'vtn') => {
    const seen: (string | undefined)[] = []
    bed = await createBed({
      startMs: Date.now(),
      vtn: { tls: vtnTls(server), venAllowed: (_, print) => (seen.push(print) > 0 ? 'VEN_1' : undefined) },
      ven: venTls ? { tls: venTls as never } : {},
    })
    await bed.start()
    return { seen, registered: bed.vtn.registered().length }
  }

  it('the VTN sees our certificate by the fingerprint that we would give out', async () => {
    const { seen, registered } = await begin(tls())
    expect(registered).toBe(1)
    expect(seen).toEqual([fingerprint(pem('ven.pem'))])
    expect(seen[0]).toMatch(/^([0-9A-F]{2}:){9}[0-9A-F]{2}$/)
    const whole = openssl('x509', '-in', 'ven.pem', '-noout', '-fingerprint', '-sha256').trim()
    expect(whole.endsWith(seen[0]!)).toBe(true)
  })
  it('without a certificate nothing is said', async () => {
    expect((await begin(undefined)).registered).toBe(0)
    expect(bed!.vtn.log).toEqual([])
  })
  it.each([
    ['the right pin', 'vtn', 'vtn', 1],
    ['the right pin, whatever name the certificate has', 'elsewhere', 'elsewhere', 1],
    ['a wrong pin, though name and issuer are right', 'vtn', 'elsewhere', 0],
    ['no pin and another name', 'elsewhere', undefined, 0],
  ])('%s', async (_, server, pinned, registered) => {
    const vtnFingerprint = pinned === undefined ? {} : { vtnFingerprint: fingerprint(pem(`${pinned}.pem`)).toLowerCase() }
    expect((await begin(tls(vtnFingerprint), server)).registered).toBe(registered)
  })
  it('R516: with a certificate that is not valid (any more) we do not talk', () => {
    const identity = { cert: pem('ven.pem'), key: pem('ven.key') }
    const make = (nowMs: number) => () => createTransport({ url: 'https://vtn.example', timeoutMs: 5_000, tls: identity }, nowMs).close()
    expect(make(Date.now() + 60_000)).not.toThrow()
    expect(make(Date.UTC(2100, 0, 1))).toThrow('certificate-not-valid')
    expect(make(0)).toThrow('certificate-not-valid')
  })
})
