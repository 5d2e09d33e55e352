import { execFileSync } from 'node:child_process'
import { mkdtempSync, readFileSync, rmSync } from 'node:fs'
import { get } from 'node:https'
import type { AddressInfo } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, expect, test } from 'vitest'
import { startBridge } from './bridge.ts'

const openssl = (() => {
  try {
    return execFileSync('openssl', ['version'], { stdio: 'pipe' }).length > 0
  } catch {
    return false
  }
})()
const dir = mkdtempSync(join(tmpdir(), 'gridbridge-api-tls-'))
afterAll(() => rmSync(dir, { recursive: true }))

test.skipIf(!openssl)(
  'the API over TLS answers who trusts its certificate, and nobody in plain text (skipped without openssl)',
  async () => {
    const args = [
      'req',
      '-x509',
      '-newkey',
      'ec',
      '-pkeyopt',
      'ec_paramgen_curve:P-256',
      '-nodes',
      '-keyout',
      'key.pem',
      '-out',
      'cert.pem',
    ]
    execFileSync('openssl', [...args, '-days', '2', '-subj', '/CN=api', '-addext', 'subjectAltName=IP:127.0.0.1'], {
      stdio: 'pipe',
      cwd: dir,
    })
    const [cert, key] = [readFileSync(join(dir, 'cert.pem')), readFileSync(join(dir, 'key.pem'))]
    const { api } = await startBridge({ fleet: false, api: { tls: { cert, key } } })
    await api.listen({ host: '127.0.0.1', port: 0 })
    const { port } = api.server.address() as AddressInfo
    try {
      const status = await new Promise((resolve, reject) =>
        get({ host: '127.0.0.1', port, path: '/livez', ca: cert, agent: false }, response => {
          response.resume()
          resolve(response.statusCode)
        }).on('error', reject),
      )
      expect(status).toBe(200)
      await expect(fetch(`https://127.0.0.1:${port}/livez`)).rejects.toThrow()
      await expect(fetch(`http://127.0.0.1:${port}/livez`)).rejects.toThrow()
    } finally {
      await api.close()
    }
  },
)
