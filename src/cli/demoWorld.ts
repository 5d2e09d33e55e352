import { randomBytes } from 'node:crypto'
import { mkdirSync, mkdtempSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join, resolve } from 'node:path'
import type { ChargerSpec } from '../../simulations/fleet/box.ts'
import { demoFleet } from '../../simulations/fleet/demo.ts'
import { createFleet, type Fleet } from '../../simulations/fleet/fleet.ts'
import { createVtn, loadDispatch, type Vtn } from '../../simulations/grid/vtn2b.ts'
import { type BridgeProcess, createBridge, readConfig } from '../main.ts'
import { Fault } from './exit.ts'

/** Short, so that a demo ends within two minutes; a programme's default is 600 s. */
export const DEMO_SPREAD_S = 10
/** Long enough for the spread, the half minute that cars get to settle, and a few readings after it. */
export const DEMO_EVENT_S = 52
export const DEMO_GRACE_S = 6
export const SAMPLE_S = 2
export const OBSERVE_S = 5
const POLL_S = 2
const MARKET = 'http://grid.example/ev-demand-response'

export type DemoOptions = {
  readonly chargers: number
  readonly seed: number
  readonly ignore: number
  readonly dir: string | undefined
  readonly cwd: string
  /** The programme allows the last resort, and one charger of the first feeder ignores every limit. */
  readonly emergency?: boolean
}
/** Everything that a demo runs: the real bridge, and around it the world it has to deal with. */
export type DemoWorld = {
  readonly dir: string
  readonly bridge: BridgeProcess
  readonly vtn: Vtn
  readonly fleet: Fleet
  readonly specs: readonly ChargerSpec[]
  /** The VTN announces that load must fall by `shedW`, in `leadS` seconds. Returns the bridge's id of the event. */
  announce(shedW: number, leadS: number, nowMs: number): string
  stop(): Promise<void>
}

/** Starts the VTN, the bridge on SQLite, and enrols the fleet as `fleet import` would. The chargers connect when `fleet.start()` is called. */
export async function createWorld(o: DemoOptions): Promise<DemoWorld> {
  const dir = o.dir === undefined ? mkdtempSync(join(tmpdir(), 'gridbridge-demo-')) : resolve(o.cwd, o.dir)
  mkdirSync(dir, { recursive: true, mode: 0o700 })
  const vtn = createVtn({ pollFreqS: POLL_S, reports: { how: 'piggyback', granularityS: 10, reportBackS: 10 } })
  await vtn.start()
  const token = randomBytes(24).toString('base64url')
  const { config } = readConfig({
    file: 'the demo',
    env: {},
    cwd: o.cwd,
    read: () => configText(dir, vtn.url(), token, o.emergency ?? false),
  })
  const bridge = await createBridge(config).catch(async (error: unknown) => {
    await vtn.stop()
    throw error
  })
  const drawn = demoFleet(o.chargers, o.seed, { sampleIntervalS: SAMPLE_S, ...(o.ignore > 0 || o.emergency ? { ignoreShare: 0 } : {}) })
  const specs = o.emergency ? withOneIgnorer(drawn) : withIgnorers(drawn, o.ignore)
  const fleet = createFleet({ url: bridge.urls.ocpp, chargers: specs, seed: o.seed })
  const stop = async () => {
    fleet.stop()
    await bridge.stop()
    await vtn.stop()
  }
  const imported = await bridge.operations.fleetImport.run(fleetCsv(specs), { apply: true, badRows: 'stop' }, { name: 'demo' })
  if (!imported.ok || imported.value.rejected > 0) {
    await stop()
    throw new Fault(
      1,
      'GB-1220',
      `the fleet was not enrolled: ${JSON.stringify(imported.ok ? imported.value.errors[0] : imported.refusal)}`,
    )
  }
  return {
    dir,
    bridge,
    vtn,
    fleet,
    specs,
    announce(shedW, leadS, nowMs) {
      const id = `demo-${Math.floor(nowMs / 1000).toString(36)}`
      const startMs = (Math.ceil(nowMs / 1000) + leadS) * 1000
      vtn.announce({
        id,
        marketContext: MARKET,
        startMs,
        durationS: DEMO_EVENT_S,
        signals: [loadDispatch(DEMO_EVENT_S, [-shedW], 'delta')],
      })
      return `openadr2b:demo-grid:${id}`
    },
    stop,
  }
}

/** This share of the fleet accepts every limit and ignores it, instead of whatever fault it had: in pairs, one of each OCPP version, spread evenly. */
export const withIgnorers = (specs: readonly ChargerSpec[], share: number): readonly ChargerSpec[] =>
  specs.map((spec, i) => {
    const pair = Math.floor(i / 2)
    return Math.floor((pair + 1) * share) > Math.floor(pair * share) ? { ...spec, traits: { ignores: true } } : spec
  })

/** The greatest load on the first feeder accepts every limit and ignores it. */
export function withOneIgnorer(specs: readonly ChargerSpec[]): readonly ChargerSpec[] {
  const loads = specs.slice(0, perFeeder(specs.length)).map(loadW)
  const k = loads.indexOf(Math.max(...loads))
  return specs.map((spec, i) => (i === k ? { ...spec, traits: { ignores: true } } : spec))
}
function loadW({ cars, phases, maxA, voltageV = 230 }: ChargerSpec): number {
  const car = cars?.[0]
  return car ? Math.min(phases, car.phases) * Math.min(maxA, car.maxA) * voltageV : 0
}
export const perFeeder = (chargers: number): number => Math.max(1, Math.ceil(chargers / 5))

const configText = (dir: string, vtnUrl: string, token: string, emergency: boolean): string => `
dataDir: ${JSON.stringify(dir)}
origin: gridbridge.demo/log
ocpp: { host: 127.0.0.1, port: 0, authorize: all, callTimeoutS: 8 }
api:
  host: 127.0.0.1
  port: 0
  tokens: [{ name: demo, token: ${token}, scopes: [event:read, fleet:read, audit:read] }]
programmes:
  - { id: demo, startSpreadS: ${DEMO_SPREAD_S}, endSpreadS: ${DEMO_SPREAD_S}, maxEventsPerDay: 1000, lastResort: ${emergency} }
fleet: { sampleS: ${SAMPLE_S}, staleAfterS: 20, observeEveryS: ${OBSERVE_S}, graceS: ${DEMO_GRACE_S} }
signals:
  - kind: openadr2b
    peer: demo-grid
    url: ${vtnUrl}
    markets: [{ context: ${MARKET}, programme: demo, class: contracted }]
`

/** What an aggregator would import: five feeders of a primary, ten chargers to a site. */
export function fleetCsv(specs: readonly ChargerSpec[]): string {
  const head =
    'external_id,identity,licence_area,primary,feeder,site,security_profile,password,phases,voltage_v,max_current_a,programme,consent,consent_date,consent_text'
  const each = perFeeder(specs.length)
  const rows = specs.map((s, i) => {
    const feeder = `F${Math.floor(i / each) + 1}`
    const site = `${feeder}-S${Math.floor((i % each) / 10) + 1}`
    return `${s.identity},${s.identity},South West,BATH,${feeder},${site},1,${s.password},${s.phases},${s.voltageV ?? 230},${s.maxA},demo,yes,2026-10-02,v4`
  })
  return `${[head, ...rows].join('\n')}\n`
}
