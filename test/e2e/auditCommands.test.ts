import { copyFileSync, existsSync, mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { createVirtualRuntime } from '../../adapters/runtime/memory.ts'
import { openStore } from '../../adapters/stores/sqlite/open.ts'
import { build, run, start } from '../cli/built.ts'
import { until } from './support/until.ts'

let cwd: string
let built: ReturnType<typeof build>
const gridbridge = (...args: string[]) => run(built.bin, args, { cwd })
const open = () => openStore({ dir: join(cwd, 'data'), origin: 'grid.example/log', runtime: createVirtualRuntime(0) })
const leaf = (i: number) => Buffer.from(JSON.stringify({ at: i, fact: { kind: 'noted', what: `note ${i}` }, turn: i }))
async function append(count: number): Promise<string> {
  const { journal, close } = open()
  const from = journal.size()
  await journal.append(
    from,
    Array.from({ length: count }, (_, i) => leaf(from + i)),
    [],
  )
  const note = journal.checkpoint()
  await close()
  return note
}
beforeAll(async () => {
  built = build()
  cwd = mkdtempSync(join(tmpdir(), 'gridbridge-'))
  await append(300)
}, 60_000)
afterAll(() => {
  built.remove()
  rmSync(cwd, { recursive: true })
})

describe('the log from the command line', () => {
  it('an entry is proven in a file, which says no to every other entry', async () => {
    const made = await gridbridge('audit', 'prove', '280', 'data/gridbridge.db')
    expect([made.code, made.stdout.split('\n')[0]]).toEqual([0, 'entry 280 of 300: entry-280.json, proven by entry-280.tlog-proof'])
    expect(readFileSync(join(cwd, 'entry-280.json'))).toEqual(leaf(280))
    const check = (entry: string) => gridbridge('audit', 'check', 'entry-280.tlog-proof', entry, '--key', 'data/audit.pub')
    expect(await check('entry-280.json')).toMatchObject({
      code: 0,
      stdout: expect.stringMatching(/^ok: this is entry 280 of 300 in grid.example\/log\n/),
    })
    writeFileSync(join(cwd, 'other.json'), leaf(281))
    expect(await check('other.json')).toMatchObject({ code: 3, stdout: expect.stringMatching(/^not proven: this entry is not number 280/) })
    expect(await gridbridge('audit', 'prove', '300', 'data/gridbridge.db')).toMatchObject({
      code: 5,
      stderr: expect.stringContaining('GB-1214'),
    })
    expect(await gridbridge('audit', 'check', 'entry-280.tlog-proof', 'entry-280.json')).toMatchObject({
      code: 2,
      stderr: expect.stringContaining('whom to trust'),
    })
  })
  it('an exported folder is verified as the file is', async () => {
    expect(await gridbridge('audit', 'export-log', 'log', 'data/gridbridge.db')).toMatchObject({
      code: 0,
      stdout: expect.stringMatching(/^300 entries in log: 6 files/),
    })
    expect(readdirSync(join(cwd, 'log/tile')).sort()).toEqual(['0', '1', 'entries'])
    expect(await gridbridge('audit', 'verify', 'log', '--key', 'data/audit.pub')).toMatchObject({
      code: 0,
      stdout: expect.stringMatching(/^ok: 300 entries/),
    })
  })
  it('the page holds the compiled verifier', async () => {
    expect((await gridbridge('audit', 'page')).code).toBe(0)
    const html = readFileSync(join(cwd, 'check-proof.html'), 'utf8')
    const { imports } = JSON.parse(/<script type="importmap">(.*)<\/script>/.exec(html)![1]!) as { imports: Record<string, string> }
    const sources = Object.values(imports).map(url => Buffer.from(url.split(',')[1]!, 'base64').toString())
    // Every import is one of the map, and none needs what a browser does not have.
    for (const source of sources) {
      for (const [, name] of source.matchAll(/from\s*['"]([^'"]+)['"]/g)) expect(Object.keys(imports)).toContain(name)
      expect(source).not.toMatch(/\bBuffer\b|\bprocess\b|node:/)
    }
  })
})

describe('gridbridge witness', () => {
  it('cosigns what grows, holds a folder alone, survives kill -9, and what it holds is what audit verify compares with', async () => {
    const serve = () =>
      start(built.bin, ['--json', 'witness', '--log', 'data/audit.pub', '--name', 'dso.example/w', '--port', '0'], { cwd })
    const add = (port: string, body: string) => fetch(`http://127.0.0.1:${port}/add-checkpoint`, { method: 'POST', body })
    let witness = serve()
    let [, port] = await witness.seen(/"port":(\d+)/)
    const older = await append(1)
    expect((await add(port!, `old 0\n\n${older}`)).status).toBe(200)
    expect((await gridbridge('witness', '--log', 'data/audit.pub', '--port', '0')).code).not.toBe(0)
    witness.child.kill('SIGKILL')
    await witness.done

    witness = serve()
    ;[, port] = await witness.seen(/"port":(\d+)/)
    const held = await add(port!, `old 0\n\n${await append(1)}`)
    expect([held.status, held.headers.get('content-type'), await held.text()]).toEqual([409, 'text/x.tlog.size', '301\n'])
    const cosigned = join(cwd, 'witness-data', readdirSync(join(cwd, 'witness-data')).find(f => f.endsWith('.checkpoint'))!)
    expect(await gridbridge('audit', 'verify', 'data/gridbridge.db', '--key', 'data/audit.pub', '--since', cosigned)).toMatchObject({
      code: 0,
      stdout: expect.stringContaining('since: the log extends the checkpoint of 301 entries'),
    })
    const vkey = readFileSync(join(cwd, 'witness-data/witness.pub'), 'utf8').trim()
    writeFileSync(
      join(cwd, 'policy.txt'),
      `log ${readFileSync(join(cwd, 'data/audit.pub'), 'utf8').trim()}\nwitness DSO ${vkey}\nquorum DSO\n`,
    )
    expect(await gridbridge('audit', 'verify', 'data/gridbridge.db', '--policy', 'policy.txt')).toMatchObject({
      code: 3,
      stdout: expect.stringMatching(/^not-witnessed: the policy asks for DSO, cosigned by no witness of it/),
    })
    const store = open()
    await store.registry.set('audit.cosigned', readFileSync(cosigned, 'utf8'))
    await store.close()
    const seen = await gridbridge('audit', 'verify', 'data/gridbridge.db', '--policy', 'policy.txt')
    expect([seen.code, seen.stdout]).toEqual([0, expect.stringMatching(/witnessed: the first 301 entries, by DSO at \d{4}-/)])

    // Another history under the same key, which carries what the witness cosigned of the first.
    mkdirSync(join(cwd, 'fork'))
    for (const file of ['audit.key', 'seed.key']) copyFileSync(join(cwd, 'data', file), join(cwd, 'fork', file))
    const fork = openStore({ dir: join(cwd, 'fork'), origin: 'grid.example/log', runtime: createVirtualRuntime(0) })
    await fork.journal.append(
      0,
      Array.from({ length: 310 }, (_, i) => leaf(1000 + i)),
      [],
    )
    await fork.registry.set('audit.cosigned', readFileSync(cosigned, 'utf8'))
    await fork.close()
    const split = await gridbridge('audit', 'verify', 'fork/gridbridge.db', '--policy', 'policy.txt')
    expect([split.code, split.stdout.split('\n')[0]]).toEqual([
      3,
      'split-view: the witnesses have seen another tree of 301 entries: this is a fork or a rewritten history',
    ])
    witness.child.kill('SIGTERM')
    expect((await witness.done).code).toBe(0)
    expect(existsSync(join(cwd, 'witness-data', 'witness.key'))).toBe(true)
  }, 30_000)
})

describe('a bridge with a witness', () => {
  it('shows what the witness has cosigned, and says so in /readyz and /metrics', async () => {
    const origin = 'witnessed.example/log'
    const config = {
      dataDir: './bridge',
      origin,
      ocpp: { port: 0, host: '127.0.0.1', allowInsecure: true },
      api: { port: 0, tokens: [{ name: 'auditor', token: 'auditor-may-look-at-the-log', scopes: ['audit:read'] }] },
    }
    const serve = (more: object) => {
      writeFileSync(join(cwd, 'gridbridge.yaml'), JSON.stringify({ ...config, ...more }))
      return start(built.bin, ['--json', 'serve', '--config', 'gridbridge.yaml'], { cwd })
    }
    const stop = async (running: ReturnType<typeof start>) => {
      running.child.kill('SIGTERM')
      await running.done
    }
    // The first start makes the key that the witness is told of.
    let bridge = serve({})
    await bridge.seen(/"api":(\d+)/)
    await stop(bridge)
    const witness = start(
      built.bin,
      ['--json', 'witness', '--log', 'bridge/audit.pub', '--dir', 'second', '--name', 'dso.example/w', '--port', '0'],
      { cwd },
    )
    const [, port] = await witness.seen(/"port":(\d+)/)
    const vkey = (file: string) => readFileSync(join(cwd, file), 'utf8').trim()
    writeFileSync(
      join(cwd, 'both.txt'),
      `log ${vkey('bridge/audit.pub')}\nwitness DSO ${vkey('second/witness.pub')} http://127.0.0.1:${port}\nquorum DSO\n`,
    )
    bridge = serve({ witnesses: { policyFile: 'both.txt', quorumWithinS: 1 } })
    const [, api] = await bridge.seen(/"api":(\d+)/)
    const get = async (path: string) => (await fetch(`http://127.0.0.1:${api}${path}`)).text()
    await until(
      'it is cosigned',
      () => get('/log/checkpoint'),
      note => note.includes('\n— dso.example/w '),
    )
    expect(await get('/readyz')).toMatch(/\d+ of \d+ entries cosigned/)
    expect(await get('/metrics')).toMatch(/^gridbridge_audit_cosigned_size [1-9]/m)
    await stop(bridge)
    const verified = await gridbridge('audit', 'verify', 'bridge/gridbridge.db', '--policy', 'both.txt')
    expect([verified.code, verified.stdout]).toEqual([0, expect.stringContaining('by DSO at ')])
    await stop(witness)
  }, 60_000)
})
