import { mkdtempSync, readFileSync, rmSync, statSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { demoFleet } from '../../simulations/fleet/demo.ts'
import { createFleet, type Fleet } from '../../simulations/fleet/fleet.ts'
import { fleetCsv } from '../../src/cli/demoWorld.ts'
import { exitCodes } from '../../src/cli/exit.ts'
import { run as runHere } from '../../src/cli/run.ts'
import { build, type Ran, type Running, run, start } from './built.ts'

let bin = ''
let remove = () => {}
let dir = ''
beforeAll(() => {
  ;({ bin, remove } = build())
  dir = mkdtempSync(join(tmpdir(), 'gridbridge-cli-'))
}, 180_000)
afterAll(() => {
  remove()
  rmSync(dir, { recursive: true, force: true })
})
const cli = (...args: string[]): Promise<Ran> => run(bin, args, { cwd: dir })

/** The same without a process of its own, for what a command line alone decides. */
async function here(...args: string[]): Promise<{ code: number; stdout: string; stderr: string }> {
  const said = { stdout: '', stderr: '' }
  const to = (name: keyof typeof said) => ({ write: (text: string) => void (said[name] += text) })
  const code = await runHere(['node', 'gridbridge', ...args], { stdout: to('stdout'), stderr: to('stderr'), env: {}, cwd: dir })
  return { code, ...said }
}

describe('usage', () => {
  test.each<[string, string[], RegExp]>([
    ['an unknown flag', ['event', 'list', '--jsn'], /^error GB-1101: unknown option '--jsn' \(hint: did you mean --json\?\)$/m],
    ['a mistyped flag never passes for a dry run', ['fleet', 'import', 'x.csv', '--aply'], /GB-1101.*--apply/],
    ['an unknown command', ['evnt'], /GB-1102: unknown command 'evnt' \(hint: did you mean event\?\)/],
    ['a surplus argument', ['serve', 'now'], /GB-1102: too many arguments/],
    ['a missing argument', ['event', 'show'], /GB-1102: missing required argument 'id'.*see gridbridge event show --help/],
    ['a missing flag', ['emergency', 'operate', 'X'], /GB-1102: required option '--reason /],
    ['an amount without its unit', ['emergency', 'select', 'X', '--limit', '6'], /GB-1102.*write 6A/],
    ['a duration without its unit', ['opt-out', 'add', 'X', '--for', '30'], /GB-1102.*duration with a unit/],
    ['a configuration that is wrong', ['serve', '--config', 'none.yaml'], /^error GB-1001: --config .*none\.yaml.*hint/m],
    ['a key file that is not there', ['audit', 'verify', 'x.db', '--key', 'none.pub'], /^error GB-1211/m],
  ])('%s: exit 2, said on stderr, nothing on stdout', async (_, args, said) => {
    const r = await here(...args)
    expect(r).toMatchObject({ code: 2, stdout: '' })
    expect(r.stderr).toMatch(said)
    expect(r.stderr).not.toMatch(/\n\s+at /)
  })
  test('exit codes are printed as they are', async () => {
    const r = await here('help', 'exit-codes')
    expect(r).toMatchObject({ code: 0, stderr: '' })
    expect(
      r.stdout
        .trim()
        .split('\n')
        .map(l => Number.parseInt(l, 10)),
    ).toEqual(exitCodes.map(([code]) => code))
  })
  test('help leads with examples', async () => {
    const r = await here('--help')
    expect(r.code).toBe(0)
    expect(r.stdout.startsWith('Examples:\n  $ gridbridge demo')).toBe(true)
  })
  test('a bridge that does not run: exit 6', async () => {
    const r = await here('event', 'list', '--url', 'http://127.0.0.1:9')
    expect(r).toMatchObject({ code: 6, stdout: '' })
    expect(r.stderr).toMatch(/^error GB-1301: no bridge answers at http:\/\/127\.0\.0\.1:9.*hint/)
  })
  test('stacks only with -vv', async () => {
    expect((await here('event', 'list', '--url', 'http://127.0.0.1:9', '-v')).stderr).not.toMatch(/\n\s+at /)
    expect((await here('event', 'list', '--url', 'http://127.0.0.1:9', '-vv')).stderr).toMatch(/\n\s+at /)
  })
})

describe('configuration by command', () => {
  test('init writes it for its owner alone, with other tokens each time, and replaces nothing', async () => {
    expect(await cli('init', 'made.yaml')).toMatchObject({ code: 0, stdout: `${join(dir, 'made.yaml')}\n` })
    expect(statSync(join(dir, 'made.yaml')).mode & 0o777).toBe(0o600)
    const text = readFileSync(join(dir, 'made.yaml'), 'utf8')
    expect(await cli('init', 'made.yaml')).toMatchObject({ code: 5, stdout: '' })
    expect(readFileSync(join(dir, 'made.yaml'), 'utf8')).toBe(text)
    expect(await cli('config', 'check', '--config', 'made.yaml')).toMatchObject({ code: 0 })
    expect((await cli('init', '--print')).stdout).not.toBe(text)
  })
  test('config show --origin names flag-free sources and hides tokens', async () => {
    const r = await run(bin, ['config', 'show', '--origin', '--config', 'made.yaml', '--json'], {
      cwd: dir,
      env: { GRIDBRIDGE_OCPP__PORT: '7' },
    })
    const lines = JSON.parse(r.stdout) as { path: string; value: unknown; from: string; where: string }[]
    expect(lines.find(l => l.path === 'ocpp.port')).toEqual({ path: 'ocpp.port', value: 7, from: 'env', where: 'GRIDBRIDGE_OCPP__PORT' })
    expect(lines.find(l => l.path === 'api.tokens[0].token')?.value).toBe('(redacted)')
  })
})

test('Ctrl-C in the demo stops cleanly, says what was sent and where the log is: exit 130', async () => {
  const demo = start(bin, ['demo', '--chargers', '4', '--dir', 'demo-data'], { cwd: dir })
  await demo.seen(/waiting for the grid/)
  demo.child.kill('SIGINT')
  const r = await demo.done
  expect(r).toMatchObject({ code: 130, stdout: '' })
  expect(r.stderr).toMatch(/Interrupted\. \d+ commands had been sent.*demo-data/)
  expect(r.stderr).not.toContain('\u001b')
  expect(await cli('audit', 'verify', 'demo-data/gridbridge.db', '--key', 'demo-data/audit.pub')).toMatchObject({ code: 0 })
}, 60_000)

describe('a day at a running bridge', () => {
  const specs = demoFleet(12, 1, {
    pluggedShare: 1,
    ignoreShare: 0,
    rejectShare: 0,
    lagShare: 0,
    offlineShare: 0,
    resumeShare: 0,
    sampleIntervalS: 1,
  })
  let bridge: Running
  let fleet: Fleet
  let ocpp = ''
  const admin = 'admin-token-0123456789abcdef'
  const reader = 'reader-token-0123456789abcde'
  const serve = () => start(bin, ['serve', '--config', 'site.yaml', '--json'], { cwd: dir })
  const as = (token: string, ...args: string[]) =>
    run(bin, [...args, '--json'], { cwd: dir, env: { GRIDBRIDGE_TOKEN: token, GRIDBRIDGE_URL: url } })
  const json = async (...args: string[]) => {
    const r = await as(admin, ...args)
    expect(r.stderr).toBe('')
    return JSON.parse(r.stdout)
  }
  let url = ''
  const listening = async () => {
    const [line] = await bridge.seen(/\{"event":"listening".*\}/)
    const ports = JSON.parse(line) as { ocpp: number; api: number }
    url = `http://127.0.0.1:${ports.api}`
    ocpp = `ws://127.0.0.1:${ports.ocpp}`
  }

  beforeAll(async () => {
    writeFileSync(
      join(dir, 'site.yaml'),
      `dataDir: ./data
ocpp: { host: 127.0.0.1, port: 0, authorize: all }
api:
  port: 0
  tokens:
    - { name: admin, token: ${admin}, scopes: [event:read, event:write, dispatch, fleet:read, fleet:write, audit:read, optout:write] }
    - { name: reader, token: ${reader}, scopes: [event:read] }
programmes: [{ id: demo, startSpreadS: 2, endSpreadS: 2 }]
fleet: { sampleS: 1, staleAfterS: 30 }
`,
    )
    writeFileSync(
      join(dir, 'fleet.csv'),
      `${fleetCsv(specs)}CP-9999,CP-9999,South West,BATH,F1,X,1,${'p'.repeat(20)},1,230,32A,demo,yes,2026-10-02,v4\n`,
    )
    bridge = serve()
    await listening()
  }, 60_000)
  afterAll(async () => {
    fleet?.stop()
    bridge.child.kill('SIGKILL')
    await bridge.done
  })

  test('an import is a dry run first; the bad row is named and kept in a file', async () => {
    const dry = await as(admin, 'fleet', 'import', 'fleet.csv')
    expect(dry.code).toBe(3)
    expect(JSON.parse(dry.stdout)).toMatchObject({
      applied: false,
      rows: 13,
      created: 12,
      rejected: 1,
      errors: [{ line: 14, column: 'max_current_a', value: '32A' }],
    })
    expect(readFileSync(join(dir, 'fleet.csv.rejected.csv'), 'utf8')).toContain('CP-9999')
    expect(JSON.parse((await as(admin, 'fleet', 'import', 'fleet.csv', '--apply')).stdout)).toMatchObject({ applied: true, created: 12 })
    expect(JSON.parse((await as(admin, 'fleet', 'import', 'fleet.csv')).stdout)).toMatchObject({ created: 0, unchanged: 12 })
    fleet = createFleet({ url: ocpp, chargers: specs, seed: 1 })
    fleet.start()
  }, 60_000)

  test('capacity says what can be cut now', async () => {
    await expect.poll(async () => (await json('capacity', 'BATH')).standing.drawing, { timeout: 30_000, interval: 500 }).toBe(12)
    expect((await json('capacity', 'BATH')).curtailableW).toBeGreaterThan(10_000)
  }, 60_000)

  test('who may not is refused (exit 4); what is not there is not found (exit 5); with a reason each', async () => {
    expect(await as(reader, 'capacity', 'BATH')).toMatchObject({
      code: 4,
      stdout: '',
      stderr: expect.stringMatching(/^error GB-1302: .*fleet:read/),
    })
    expect(await as('no-such-token-0123456789', 'event', 'list')).toMatchObject({ code: 4 })
    expect(await as(admin, 'event', 'show', 'nothing')).toMatchObject({ code: 5, stderr: expect.stringMatching(/^error GB-1303: /) })
    expect(await as(admin, 'emergency', 'operate', 'ord-none', '--reason', 'test')).toMatchObject({ code: 5 })
    expect(await as(admin, 'opt-out', 'add', 'nobody')).toMatchObject({ code: 5 })
  }, 60_000)

  test('an opt-out is taken and listed', async () => {
    expect(await json('opt-out', 'add', 'CP-0001', '--for', '2h')).toMatchObject([{ charger: 'CP-0001', effective: 'now' }])
    expect(await json('opt-out', 'list')).toMatchObject([{ charger: 'CP-0001', reason: 'operator' }])
    expect((await run(bin, ['opt-out', 'list', '-q'], { cwd: dir, env: { GRIDBRIDGE_TOKEN: admin, GRIDBRIDGE_URL: url } })).stdout).toBe(
      'CP-0001\n',
    )
  }, 60_000)

  let event = ''
  test('an emergency takes two steps; the second fires it and the chargers obey', async () => {
    const order = await json('emergency', 'select', 'BATH', '--limit', '6A', '--for', '10m')
    expect(order).toMatchObject({ state: 'selected', driversTouched: 11, effect: { optedOut: 1 } })
    expect(fleet.chargers.every(c => c.appliedW() === undefined)).toBe(true)
    const other = await as(admin, 'emergency', 'select', 'BATH', '--limit', '0')
    expect(other).toMatchObject({ code: 5, stderr: expect.stringMatching(/GB-1304.*selected/) })
    expect(await json('emergency', 'put-back', order.id)).toMatchObject({ id: order.id })
    expect(await as(admin, 'emergency', 'operate', order.id, '--reason', 'thermalOverload')).toMatchObject({ code: 5 })
    const again = await json('emergency', 'select', 'BATH', '--limit', '6A', '--for', '10m')
    const operated = await json('emergency', 'operate', again.id, '--reason', 'thermalOverload')
    event = operated.event
    const commanded = fleet.chargers.filter(c => c.identity !== 'CP-0001')
    await expect.poll(() => commanded.filter(c => c.appliedW() !== undefined).length, { timeout: 15_000 }).toBe(11)
    expect(fleet.get('CP-0001').appliedW()).toBeUndefined()
    expect(await json('charger', 'limits', 'CP-0002')).toMatchObject({ limited: { event, emergency: true } })
    expect(await json('event', 'show', event)).toMatchObject({ event: { state: 'active', class: 'emergency' }, progress: { limited: 11 } })
  }, 60_000)

  test('SIGTERM stops cleanly within ten seconds; a restart carries on in mid-event', async () => {
    const beganMs = performance.now()
    bridge.child.kill('SIGTERM')
    expect(await bridge.done).toMatchObject({ code: 0, stdout: expect.stringContaining('"event":"stopped"') })
    expect(performance.now() - beganMs).toBeLessThan(10_000)
    fleet.stop()
    bridge = serve()
    await bridge.seen(new RegExp(`carrying on with 1 event: ${event}`))
    await listening()
    fleet = createFleet({ url: ocpp, chargers: specs, seed: 2 })
    fleet.start()
    // New boxes that hold nothing: the plan is sent again.
    await expect.poll(() => fleet.chargers.filter(c => c.appliedW() !== undefined).length, { timeout: 20_000 }).toBe(11)
  }, 60_000)

  test('a cancel frees everybody', async () => {
    expect(await json('event', 'cancel', event, '--reason', 'over', '--at-once')).toMatchObject({ id: event })
    await expect.poll(() => fleet.chargers.filter(c => c.appliedW() !== undefined).length, { timeout: 20_000 }).toBe(0)
    expect(await as(admin, 'event', 'cancel', event, '--reason', 'again')).toMatchObject({ code: 5 })
    expect((await json('event', 'list'))[0]).toMatchObject({ id: event, state: 'cancelled' })
  }, 60_000)

  test('a limit on a node is set, listed, and cleared', async () => {
    expect(await json('limit', 'set', 'BATH', '10.5')).toMatchObject({
      node: { path: 'South West/BATH' },
      limitW: 10_500,
      event: expect.stringMatching(/^operator:limit:/),
    })
    expect(await json('limit', 'list')).toMatchObject([{ node: 'South West/BATH', limitW: 10_500, limitKw: 10.5 }])
    expect(await as(admin, 'limit', 'set', 'BATH', '10MW')).toMatchObject({ code: 2, stderr: expect.stringMatching(/wanted kW/) })
    expect(await json('limit', 'clear', 'BATH')).toMatchObject({ event: expect.stringMatching(/^operator:limit:/) })
    expect(await json('limit', 'list')).toEqual([])
    expect(await as(admin, 'limit', 'clear', 'BATH')).toMatchObject({ code: 5 })
  }, 60_000)

  test('a released charger is out for good', async () => {
    expect(await json('fleet', 'release', 'CP-0003')).toMatchObject({ chargers: ['CP-0003'], programmesEnded: ['demo'], failed: [] })
    expect((await json('capacity', 'BATH')).standing).toMatchObject({ notEnrolled: 1 })
  }, 60_000)

  test('the log verifies while the bridge runs; a wrong key does not; a flipped byte is found', async () => {
    const verify = (...more: string[]) => cli('audit', 'verify', 'data/gridbridge.db', '--key', 'data/audit.pub', ...more)
    expect(await verify()).toMatchObject({ code: 0, stdout: expect.stringMatching(/^ok: \d+ entries/) })
    expect(JSON.parse((await verify('--json')).stdout)).toMatchObject({ ok: true })
    const vkey = readFileSync(join(dir, 'data/audit.pub'), 'utf8').trim()
    writeFileSync(join(dir, 'other.pub'), `${vkey.slice(0, -8)}AAAAAAA=\n`)
    expect((await cli('audit', 'verify', 'data/gridbridge.db', '--key', 'other.pub')).code).not.toBe(0)
    bridge.child.kill('SIGINT')
    expect(await bridge.done).toMatchObject({ code: 0 })
    const { default: Database } = await import('libsql')
    const db = new Database(join(dir, 'data/gridbridge.db'))
    db.exec(
      "UPDATE entry SET body = replace(body, 'operator', 'operatox') WHERE seq = (SELECT max(seq) FROM entry WHERE instr(body, 'operator') > 0)",
    )
    db.close()
    expect(await verify()).toMatchObject({ code: 3, stdout: expect.stringMatching(/^entry-changed: /m) })
  }, 60_000)
})
