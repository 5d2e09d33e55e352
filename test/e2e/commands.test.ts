import { readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { fleetCsv } from '../../src/cli/demoWorld.ts'
import { until } from './support/until.ts'
import { adminToken, insist, letter, readerToken, startWorld, type World } from './support/world.ts'

const CHARGERS = 12

describe('the command line against a running serve, its chargers in another process', () => {
  let world: World
  beforeAll(async () => {
    world = await startWorld({
      chargers: CHARGERS,
      // A sampling interval that is not the configured one, so that there is something to put back.
      fleet: { plugged: 1, sample: 3, lag: 0, reject: 0, resume: 0, ignore: 0, offline: 0 },
    })
  }, 120_000)
  afterAll(() => world?.close())
  const admin = (...args: string[]) => world.as(adminToken, ...args)
  const count = async () => JSON.parse(await world.get('/v1/nodes/South%20West/capacity')).chargers as number

  test('fleet import: a dry run names every bad row by line, column, value and hint, and keeps it; --apply takes the good ones', async () => {
    const head = fleetCsv([]).trim()
    const row = (id: string, change: Partial<Record<string, string>> = {}) => {
      const cells: Record<string, string> = {
        external_id: id,
        identity: id,
        licence_area: 'South West',
        primary: 'WELLS',
        feeder: 'W1',
        site: 'S',
        security_profile: '1',
        password: 'p'.repeat(20),
        phases: '1',
        voltage_v: '230',
        max_current_a: '32',
        programme: 'demo',
        consent: 'yes',
        consent_date: '2026-10-02',
        consent_text: 'v4',
        ...change,
      } as Record<string, string>
      return head
        .split(',')
        .map(column => cells[column] ?? '')
        .join(',')
    }
    const rows = [
      row('CP-0100'),
      row('CP-0101', { max_current_a: '32A' }),
      row('CP-0102', { consent: 'perhaps' }),
      row('CP-0100'),
      row('CP-0103', { phases: '4' }),
      row('CP-0104'),
    ]
    writeFileSync(join(world.dir, 'more.csv'), `${[head, ...rows].join('\n')}\n`)
    const dry = await admin('fleet', 'import', 'more.csv')
    expect(dry).toMatchObject({ code: 3, stderr: '' })
    const report = JSON.parse(dry.stdout)
    expect(report, dry.stdout).toMatchObject({ applied: false, rows: 6, created: 2, rejected: 4 })
    expect(report.errors.map((e: { line: number; column: string; value: string }) => [e.line, e.column, e.value])).toEqual([
      [3, 'max_current_a', '32A'],
      [4, 'consent', 'perhaps'],
      [5, 'external_id', 'CP-0100'],
      [6, 'phases', '4'],
    ])
    for (const e of report.errors) expect(e.hint).not.toBe('')
    const kept = readFileSync(join(world.dir, 'more.csv.rejected.csv'), 'utf8').trim().split('\n')
    expect(kept).toHaveLength(5)
    expect(kept.map(l => l.split(',')[0])).toEqual(['external_id', 'CP-0101', 'CP-0102', 'CP-0100', 'CP-0103'])
    expect(await count()).toBe(CHARGERS)

    const said = await world.cli('fleet', 'import', 'more.csv', '--config', 'site.yaml')
    expect(said.stdout).toMatch(/^line 3, column max_current_a: "32A": .*\(hint: .*32/m)
    expect(said.stdout).toMatch(/dry run: nothing was changed/)
    expect(await admin('fleet', 'import', 'more.csv', '--apply', '--rejected', 'bad.csv')).toMatchObject({ code: 3 })
    expect(readFileSync(join(world.dir, 'bad.csv'), 'utf8')).toContain('CP-0103')
    expect(await count()).toBe(CHARGERS + 2)
    writeFileSync(join(world.dir, 'good.csv'), `${[head, rows[0], rows[5]].join('\n')}\n`)
    expect(await world.json('fleet', 'import', 'good.csv', '--apply')).toMatchObject({
      created: 0,
      unchanged: 2,
      rejected: 0,
      rejectedFile: null,
    })
    expect(await admin('fleet', 'import', 'none.csv')).toMatchObject({ code: 2, stderr: expect.stringMatching(/^error GB-1230/) })
  }, 60_000)

  test('capacity, opt-outs, select before operate, limits, events', async () => {
    expect((await world.json('capacity', 'BATH')).standing).toMatchObject({ drawing: CHARGERS, offline: 0 })
    expect((await world.cli('capacity', 'BATH', '--config', 'site.yaml')).stdout).toMatch(/kW can be cut now, of .*kW metered load/)
    expect(await world.json('opt-out', 'add', 'CP-0001', '--for', '1h', '--reason', 'driver')).toMatchObject([{ charger: 'CP-0001' }])
    expect(await world.json('opt-out', 'list')).toMatchObject([{ charger: 'CP-0001', reason: 'driver' }])

    const order = await world.json('emergency', 'select', 'BATH', '--limit', '6A', '--for', '10m')
    expect(order).toMatchObject({ state: 'selected', driversTouched: CHARGERS - 1 })
    expect(world.log.calls('SetChargingProfile')).toEqual([])
    const { event } = await world.json('emergency', 'operate', order.id, '--reason', 'thermalOverload')
    await until(
      'all but the one that is out obey',
      () => world.log.limited(),
      n => n === CHARGERS - 1,
    )
    expect(world.log.latest().get('CP-0001')?.limitW ?? null).toBeNull()
    expect(await world.json('charger', 'limits', 'CP-0002')).toMatchObject({ limited: { event, emergency: true }, online: true })
    expect((await world.cli('charger', 'limits', 'CP-0002', '--config', 'site.yaml')).stdout).toMatch(
      /^CP-0002 \(online\): limited to .*\n.*\n.*override: /,
    )

    expect((await world.json('event', 'list', '--state', 'active')).map((e: { id: string }) => e.id)).toEqual([event])
    const shown = await until(
      'all have answered',
      () => world.json('event', 'show', event),
      d => d.progress.answered === CHARGERS - 1,
    )
    expect(shown).toMatchObject({ event: { class: 'emergency', state: 'active' }, progress: { limited: CHARGERS - 1, refused: 0 } })
    expect(await admin('event', 'cancel', event)).toMatchObject({ code: 2, stdout: '' })
    expect(await admin('event', 'cancel', event, '--reason', 'over', '--at-once')).toMatchObject({ code: 0 })
    await until(
      'all are free',
      () => world.log.limited(),
      n => n === 0,
    )
    expect(await admin('event', 'cancel', event, '--reason', 'again')).toMatchObject({
      code: 5,
      stderr: expect.stringMatching(/^error GB-1304/),
    })
    // Its verdict may be there already.
    expect((await world.json('event', 'list'))[0]).toMatchObject({ id: event, state: expect.stringMatching(/^(cancelled|verified)$/) })
  }, 120_000)

  test('fleet release: our profiles are cleared, the configuration is put back, nothing is sent any more', async () => {
    await insist(() => world.dso.dispatch(letter('release', { a: 8 }, { durationS: 600, windowS: 0, restoreWindowS: 0 })))
    await until(
      'all but the one that is out obey',
      () => world.log.limited(),
      n => n === CHARGERS - 1,
    )
    // An odd one speaks 1.6, an even one 2.0.1.
    for (const id of ['CP-0003', 'CP-0004']) {
      const configured = (fromMs: number) =>
        world.log
          .calls()
          .filter(c => c.identity === id && c.atMs >= fromMs)
          .flatMap(c =>
            c.action === 'ChangeConfiguration' ? [c.payload] : c.action === 'SetVariables' ? c.payload['setVariableData'] : [],
          )
          .map(x => [x.key ?? `${x.component.name}.${x.variable.name}`, x.value ?? x.attributeValue] as const)
      const changed = configured(0)
      expect(changed.length, id).toBeGreaterThan(0)
      const fromMs = Date.now()
      const released = await world.json('fleet', 'release', id)
      expect(released).toMatchObject({ chargers: [id], programmesEnded: ['demo'], failed: [] })
      expect(released.cleared).toBeGreaterThan(0)
      const last = await until(
        'it is free',
        () => world.log.latest().get(id)!,
        c => c.limitW === null && c.heldW === null,
      )
      expect(last.atMs).toBeGreaterThanOrEqual(fromMs)
      const calls = world.log.calls().filter(c => c.identity === id && c.atMs >= fromMs)
      expect(calls.some(c => c.action === 'ClearChargingProfile' && c.answer?.['status'] === 'Accepted')).toBe(true)
      // Each key that was changed is back at the three seconds that the simulated box came with.
      const restored = new Map(configured(fromMs))
      expect([...new Set(changed.map(([key]) => key))].filter(key => !restored.has(key))).toEqual([])
      expect([...restored].filter(([key]) => /Interval/.test(key)).map(([, value]) => value)).toEqual(['3'])
    }
    const quietMs = Date.now()
    // What would reach it, had it not been let go: a new event, and a driver who comes back to it.
    await insist(() => world.dso.dispatch(letter('after', { a: 6 }, { durationS: 600, windowS: 0, restoreWindowS: 0 })))
    await until(
      'the others have the new limit',
      () => new Set(world.log.calls('SetChargingProfile').flatMap(c => (c.atMs > quietMs && c.answer ? [c.identity] : []))).size,
      n => n === CHARGERS - 3,
    )
    expect(world.log.calls().filter(c => c.atMs > quietMs && ['CP-0003', 'CP-0004'].includes(c.identity))).toEqual([])
    expect((await world.json('capacity', 'BATH')).standing).toMatchObject({ notEnrolled: 2 })
    expect(await admin('fleet', 'release', 'CP-0100')).toMatchObject({ code: 3, stdout: expect.stringContaining('offline') })
  }, 120_000)

  test('audit verify, config show, and the exit codes of who may not, what is not there and who does not answer', async () => {
    const kept = await world.keepCheckpoint('kept.checkpoint')
    await world.json('opt-out', 'add', 'CP-0005')
    expect(await world.verify(kept)).toMatchObject({ code: 0, stdout: expect.stringContaining('"ok": true') })
    writeFileSync(
      join(world.dir, 'forged.checkpoint'),
      readFileSync(join(world.dir, kept), 'utf8').replace(/^\d+$/m, n => `${Number(n) - 1}`),
    )
    expect((await world.verify('forged.checkpoint')).code).toBe(3)

    const lines = JSON.parse((await world.cli('config', 'show', '--origin', '--config', 'site.yaml', '--json')).stdout) as {
      path: string
      value: unknown
      from: string
      where: string
    }[]
    expect(lines.find(l => l.path === 'ocpp.port')).toMatchObject({
      value: world.ports.ocpp,
      from: 'file',
      where: expect.stringMatching(/site\.yaml:2$/),
    })
    expect(lines.find(l => l.path === 'ocpp.heartbeatS')).toMatchObject({ from: 'default' })
    expect(JSON.stringify(lines)).not.toContain(adminToken)

    expect(await world.as(readerToken, 'fleet', 'release', 'CP-0002')).toMatchObject({
      code: 4,
      stdout: '',
      stderr: expect.stringMatching(/^error GB-1302/),
    })
    expect(await world.as(readerToken, 'capacity', 'BATH')).toMatchObject({ code: 4 })
    for (const args of [
      ['event', 'show', 'nothing'],
      ['capacity', 'NOWHERE'],
      ['charger', 'limits', 'CP-7777'],
      ['fleet', 'release', 'CP-7777'],
      ['emergency', 'select', 'NOWHERE', '--limit', '6A'],
    ])
      expect(await admin(...args), args.join(' ')).toMatchObject({ code: 5, stdout: '', stderr: expect.stringMatching(/^error GB-1303/) })
    world.bridge().child.kill('SIGTERM')
    expect(await world.bridge().done).toMatchObject({ code: 0 })
    expect(await admin('event', 'list')).toMatchObject({ code: 6, stdout: '', stderr: expect.stringMatching(/^error GB-1301/) })
    expect(await world.verify(kept)).toMatchObject({ code: 0 })
  }, 120_000)
})
