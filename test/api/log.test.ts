import { gunzipSync } from 'node:zlib'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { atOnce } from '../../src/audit/crypto.ts'
import { checkpointIn } from '../../src/audit/log.ts'
import { leafHash, verifyConsistency } from '../../src/audit/merkle.ts'
import { signerOf } from '../../src/audit/note.ts'
import { logAlone } from '../../src/audit/policy.ts'
import { parseBundle } from '../../src/audit/tiles.ts'
import { proves } from '../../src/audit/tlogProof.ts'
import { ana, type Bridge, ben, startBridge } from './bridge.ts'

const policy = logAlone(signerOf('memory.gridbridge.invalid/log', new Uint8Array(32).fill(7)).verifier)
let b: Bridge
beforeAll(async () => {
  b = await startBridge()
  for (let i = 0; b.journal.size() < 300; i++) await b.engine.bridge.note(`note ${i}`, {})
})
afterAll(async () => {
  await b.api.close()
  await b.engine.stop()
})

describe('the log over HTTP', () => {
  it('its checkpoint is public, the rest is not', async () => {
    const open = await b.get('/log/checkpoint', {})
    expect([open.statusCode, open.headers['content-type'], open.headers['cache-control'], open.body]).toEqual([
      200,
      'text/plain; charset=utf-8',
      'no-cache',
      b.journal.checkpoint(),
    ])
    for (const path of ['/log/tile/0/000', '/log/tile/entries/000', '/v1/audit/entries/0/proof', '/v1/audit/consistency?from=1']) {
      expect([path, (await b.get(path, {})).statusCode, (await b.get(path, ben)).statusCode]).toEqual([path, 401, 403])
    }
  })
  it('gives full and partial tiles that may be kept for ever, and none that are not there', async () => {
    const size = b.journal.size()
    const full = await b.get('/log/tile/0/000')
    expect([full.statusCode, full.rawPayload.length, full.headers['content-type']]).toEqual([200, 8192, 'application/octet-stream'])
    expect(full.headers['cache-control']).toContain('immutable')
    expect((await b.get(`/log/tile/0/001.p/${size - 256}`)).rawPayload).toHaveLength((size - 256) * 32)
    expect((await b.get('/log/tile/0/000.p/7')).rawPayload).toEqual(full.rawPayload.subarray(0, 7 * 32))
    for (const path of [
      '0/001',
      `0/001.p/${size - 255}`,
      '1/000',
      '0/000.p/0',
      '0/000.p/256',
      '0/0',
      '64/000',
      '0/x000/000',
      'entries/001',
    ])
      expect([path, (await b.get(`/log/tile/${path}`)).statusCode]).toEqual([path, 404])
  })
  it('gives bundles whose entries hash to the tile, zipped where the reader likes', async () => {
    const tile = (await b.get('/log/tile/0/000')).rawPayload
    const bundle = (await b.get('/log/tile/entries/000')).rawPayload
    const entries = parseBundle(bundle)!
    expect(Buffer.concat(entries.map(leafHash))).toEqual(tile)
    const zipped = await b.get('/log/tile/entries/000', { ...ana, 'accept-encoding': 'gzip, identity' })
    expect(zipped.headers['content-encoding']).toBe('gzip')
    expect(gunzipSync(zipped.rawPayload)).toEqual(bundle)
  })
  it('proves an entry in a file that is checked offline, and says no for another', async () => {
    const { leaf, proof, index } = (await b.get('/v1/audit/entries/256/proof')).json()
    expect(index).toBe(256)
    const entry = Buffer.from(leaf, 'base64')
    expect(atOnce(proves(proof, entry, policy))).toMatchObject({
      ok: true,
      index: 256,
      log: 'memory.gridbridge.invalid/log',
      witnesses: [],
    })
    expect(atOnce(proves(proof, Buffer.concat([entry, Buffer.from(' ')]), policy)).ok).toBe(false)
    expect((await b.get('/v1/audit/entries/256/proof', { ...ana, accept: 'text/plain' })).body).toMatch(
      /^c2sp.org\/tlog-proof@v1\nindex 256\n/,
    )
    expect((await b.get(`/v1/audit/entries/${b.journal.size()}/proof`)).json()).toMatchObject({ status: 404, code: 'no-such-entry' })
  })
  it('proves that it only grew', async () => {
    const { from, to, fromRoot, toRoot, proof } = (await b.get('/v1/audit/consistency?from=100')).json()
    expect([from, to, toRoot]).toEqual([100, b.journal.size(), Buffer.from(b.journal.root()).toString('base64')])
    const bytes = (text: string) => Buffer.from(text, 'base64')
    expect(verifyConsistency(from, to, proof.map(bytes), bytes(fromRoot), bytes(toRoot))).toEqual({ ok: true })
    for (const query of ['from=0', 'from=5&to=4', 'from=1&to=100000'])
      expect((await b.get(`/v1/audit/consistency?${query}`)).statusCode).toBe(400)
  })
  it('shows what witnesses have cosigned, and proves against that', async () => {
    const old = b.journal.checkpoint()
    await b.engine.registry.set('audit.cosigned', old)
    await b.engine.bridge.note('later', {})
    expect((await b.get('/log/checkpoint', {})).body).toBe(old)
    const proven = async (index: number) =>
      checkpointIn((await b.get(`/v1/audit/entries/${index}/proof`)).json().proof.split('\n\n').slice(1).join('\n\n'))?.size
    const size = checkpointIn(old)!.size
    expect([await proven(3), await proven(size)]).toEqual([size, b.journal.size()])
    await b.engine.registry.set('audit.cosigned', null)
  })
})
