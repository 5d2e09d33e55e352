import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { createServer } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { expect } from 'vitest'
import type { Reply } from '../../../adapters/signals/webhook/client.ts'
import type { DispatchBody } from '../../../adapters/signals/webhook/message.ts'
import type { ChargerSpec } from '../../../simulations/fleet/box.ts'
import { demoFleet } from '../../../simulations/fleet/demo.ts'
import { createDso, type Dso } from '../../../simulations/grid/dso.ts'
import { fleetCsv } from '../../../src/cli/demoWorld.ts'
import { build, type Ran, type Running, run, start } from '../../cli/built.ts'
import { type FleetLog, fleetLog } from './fleetLog.ts'
import { until } from './until.ts'

/** `GRIDBRIDGE_LONG=1`, as CI sets it: the long version of a story. The short one says so in its title. */
export const isLong = process.env['GRIDBRIDGE_LONG'] === '1'
export const version = isLong ? 'long' : 'short version, GRIDBRIDGE_LONG=1 runs the long one'

export const adminToken = 'admin-token-0123456789abcdef'
export const readerToken = 'reader-token-0123456789abcde'
export const secret = `whsec_${Buffer.from('0123456789abcdef0123456789abcdef').toString('base64')}`

export type WorldOptions = {
  readonly chargers: number
  readonly seed?: number
  /** Shares of faulty chargers and other flags of the simulated fleet's command line. */
  readonly fleet?: Readonly<Record<string, string | number>>
  /** More entries of the configuration's `signals`, as YAML. */
  readonly signals?: string
  /** Rows of the fleet file besides the simulated chargers'. */
  readonly extraRows?: readonly string[]
}
/** A bridge as its users run it, a fleet in a process of its own that outlives it, and a control room. */
export type World = {
  readonly dir: string
  readonly bin: string
  readonly specs: readonly ChargerSpec[]
  readonly ports: { readonly ocpp: number; readonly api: number; readonly webhook: number }
  readonly dso: Dso
  readonly log: FleetLog
  /** What is running now. */
  bridge(): Running
  /** The fleet's process; prints its state as `--status-every` asks. */
  fleet(): Running
  /** Starts `serve` on the same data and the same ports; resolves when it listens. */
  serve(): Promise<Running>
  /** Any other command as a process that does not outlive this world. */
  start(...args: string[]): Running
  /** Resolves when the fleet is connected and metered. */
  isThere(): Promise<void>
  /** `kill -9`; resolves when it is dead. */
  kill(): Promise<void>
  cli(...args: string[]): Promise<Ran>
  as(token: string, ...args: string[]): Promise<Ran>
  /** The result of a command that must succeed and say nothing else. */
  // biome-ignore lint/suspicious/noExplicitAny: whatever the command prints
  json(...args: string[]): Promise<any>
  get(path: string, accept?: string): Promise<string>
  /** Keeps the log's signed checkpoint in a file; returns its name. */
  keepCheckpoint(name: string): Promise<string>
  /** `audit verify` on the file, also of a dead bridge. */
  verify(since?: string): Promise<Ran>
  close(): Promise<void>
}

/** Below the range from which outgoing connections take theirs: a bridge that is down must find its ports free again. */
export async function freePort(): Promise<number> {
  for (;;) {
    const port = 15_000 + Math.floor(Math.random() * 15_000)
    const free = await new Promise<boolean>(resolve => {
      const server = createServer()
      server.once('error', () => resolve(false))
      server.listen(port, '127.0.0.1', () => server.close(() => resolve(true)))
    })
    if (free) return port
  }
}

export const configText = (ports: World['ports'], callbackUrl: string, dataDir = './data'): string => `dataDir: ${dataDir}
ocpp: { host: 127.0.0.1, port: ${ports.ocpp}, authorize: all, callTimeoutS: 10 }
api:
  port: ${ports.api}
  tokens:
    - { name: admin, token: ${adminToken}, scopes: [event:read, event:write, dispatch, fleet:read, fleet:write, audit:read, optout:write] }
    - { name: reader, token: ${readerToken}, scopes: [event:read] }
programmes: [{ id: demo, startSpreadS: 8, endSpreadS: 8, maxEventsPerDay: 1000 }]
fleet: { sampleS: 1, staleAfterS: 30, observeEveryS: 5, graceS: 3 }
signals:
  - kind: webhook
    port: ${ports.webhook}
    peers:
      - name: western
        secrets: [${secret}]
        programme: demo
        emergency: { basis: connection agreement }
        telemetryEveryS: 10
        callback: { url: ${callbackUrl} }
`

/** Builds the product, enrols the fleet through the command line and waits until its chargers are connected and metered. */
export async function startWorld(o: WorldOptions): Promise<World> {
  const { bin, remove } = build()
  const dir = mkdtempSync(join(tmpdir(), 'gridbridge-e2e-'))
  const seed = o.seed ?? 1
  const ports = { ocpp: await freePort(), api: await freePort(), webhook: await freePort() }
  const url = `http://127.0.0.1:${ports.api}`
  const dso = await createDso({ secret })
  dso.connect(`http://127.0.0.1:${ports.webhook}`)
  writeFileSync(join(dir, 'site.yaml'), configText(ports, dso.callbackUrl) + (o.signals ?? ''))
  const specs = demoFleet(o.chargers, seed)
  writeFileSync(join(dir, 'fleet.csv'), `${fleetCsv(specs)}${(o.extraRows ?? []).map(row => `${row}\n`).join('')}`)
  const log = fleetLog(join(dir, 'fleet.jsonl'))
  let bridge: Running
  let fleetProcess: Running
  const running: Running[] = []
  const keep = (r: Running): Running => {
    running.push(r)
    return r
  }

  const serve = async () => {
    bridge = keep(start(bin, ['serve', '--config', 'site.yaml', '--json'], { cwd: dir }))
    await bridge.seen(/\{"event":"listening".*\}/)
    return bridge
  }
  const as = (token: string, ...args: string[]) =>
    run(bin, [...args, '--json'], { cwd: dir, env: { GRIDBRIDGE_TOKEN: token, GRIDBRIDGE_URL: url } })
  const json = async (...args: string[]) => {
    const r = await as(adminToken, ...args)
    expect(r, args.join(' ')).toMatchObject({ code: 0, stderr: '' })
    return JSON.parse(r.stdout)
  }
  const get = async (path: string, accept = 'application/json') => {
    const response = await fetch(url + path, { headers: { authorization: `Bearer ${adminToken}`, accept } })
    return response.text()
  }
  const world: World = {
    dir,
    bin,
    specs,
    ports,
    dso,
    log,
    bridge: () => bridge,
    fleet: () => fleetProcess,
    serve,
    start: (...args) => keep(start(bin, args, { cwd: dir })),
    async isThere() {
      const plugged = Number(o.fleet?.['plugged'] ?? 0.8)
      await until(
        'the fleet is connected and metered',
        async () => JSON.parse(await get('/v1/nodes/BATH/capacity')) as { online: number; metered: number },
        c => c.online >= o.chargers * 0.98 && c.metered >= o.chargers * plugged * 0.8,
      )
    },
    async kill() {
      bridge.child.kill('SIGKILL')
      await bridge.done
    },
    cli: (...args) => run(bin, args, { cwd: dir }),
    as,
    json,
    get,
    async keepCheckpoint(name) {
      writeFileSync(join(dir, name), await get('/v1/audit/checkpoint', 'text/plain'))
      return name
    },
    verify: since =>
      run(
        bin,
        ['audit', 'verify', 'data/gridbridge.db', '--key', 'data/audit.pub', ...(since === undefined ? [] : ['--since', since]), '--json'],
        { cwd: dir },
      ),
    async close() {
      for (const r of running) r.child.kill('SIGKILL')
      await Promise.all(running.map(r => r.done))
      await dso.close()
      remove()
      rmSync(dir, { recursive: true, force: true })
    },
  }
  try {
    await serve()
    await json('fleet', 'import', 'fleet.csv', '--apply')
    const flags = { chargers: o.chargers, seed, sample: 1, log: join(dir, 'fleet.jsonl'), url: `ws://127.0.0.1:${ports.ocpp}`, ...o.fleet }
    const fleet = bin.replace('src/cli/gridbridge.js', 'simulations/fleet/main.js')
    fleetProcess = keep(
      start(
        fleet,
        Object.entries(flags).flatMap(([k, v]) => [`--${k}`, `${v}`]),
        { cwd: dir },
      ),
    )
    await world.isThere()
  } catch (error) {
    await world.close()
    throw error
  }
  return world
}

export type Asked = { a: number } | { share: number } | { totalKw: number } | { shedKw: number }
/** The DSO's letter: everybody starts within `windowS` from now and comes back within `restoreWindowS` of the end. */
export function letter(id: string, asked: Asked, o: { durationS: number; windowS: number; restoreWindowS: number }): DispatchBody {
  const common = {
    id,
    version: 1,
    target: [{ scheme: 'primary', value: 'BATH' }],
    durationS: o.durationS,
    randomise: { mode: 'window' as const, windowS: o.windowS, restoreWindowS: o.restoreWindowS },
  }
  if ('shedKw' in asked) return { ...common, kind: 'shed', shed: { totalKw: asked.shedKw } }
  return { ...common, kind: 'limit', limit: 'totalKw' in asked ? asked : { perCharger: asked } }
}

/** A dispatch until it is answered: the bridge may be dying under it. The same letter each time, as a control room repeats it. */
export function insist(send: () => Promise<Reply>): Promise<Pick<Reply, 'status' | 'body'>> {
  const sent = async () => {
    const { status, body } = await send()
    return { status, body }
  }
  return until('a 202', sent, r => r.status === 202)
}
