/** A ChargerLink under test: a sink that remembers, a registry in memory, and charge points of the ocpp-rpc package, which we did not write. */
import { RPCClient } from 'ocpp-rpc'
import { type OcppLink, type OcppOptions, ocppLink } from '../../../adapters/chargers/index.ts'
import { createMemoryRegistry } from '../../../adapters/stores/memory/registry.ts'
import type { ChargerNo, Command, Outcome, Segment, Session } from '../../../src/core/model.ts'
import type { Capabilities, ChargerSink, Registry, Station, StationAuth } from '../../../src/ports.ts'

export const capabilities: Capabilities = {
  units: ['A', 'W'],
  limitsAt: 'evse',
  phases: 3,
  voltageV: 230,
  minA: 6,
  maxA: 32,
  stepA: 0.1,
  maxStackLevel: 8,
  depth: 24,
  onLinkLoss: 'holds',
  takesZero: true,
  meterClass: 'unknown',
}

export const station = (no: number, identity: string, more: Partial<Station> = {}): Station => ({
  no,
  identity,
  auth: { profile: 0 } satisfies StationAuth,
  evses: [{ charger: no, evseId: 1 }],
  capabilities,
  ...more,
})

export type Reading = { charger: number; fromMs: number; toMs: number; powerW: number; registerWh: number; quality: number }
export type Seen = {
  readonly outcomes: Outcome[]
  readonly links: { station: number; up: boolean }[]
  readonly doubts: { chargers: readonly ChargerNo[]; why: string }[]
  readonly readings: Reading[]
  readonly overrides: { charger: number; reason: string }[]
  readonly notes: { what: string; about: Readonly<Record<string, unknown>> }[]
  readonly boots: number[]
  readonly sessions: { charger: ChargerNo; session: Session }[]
  readonly capabilities: { station: number; capabilities: Capabilities }[]
}

export const rememberingSink = (registry: Registry, now: () => number): { sink: ChargerSink; seen: Seen } => {
  const seen: Seen = {
    outcomes: [],
    links: [],
    doubts: [],
    readings: [],
    overrides: [],
    notes: [],
    boots: [],
    sessions: [],
    capabilities: [],
  }
  const sink: ChargerSink = {
    registry,
    now,
    outcome: outcome => void seen.outcomes.push(outcome),
    link: (no, up) => void seen.links.push({ station: no, up }),
    doubt: (chargers, why) => void seen.doubts.push({ chargers, why }),
    readings(columns) {
      for (let k = 0; k < columns.charger.length; k++)
        seen.readings.push({
          charger: columns.charger[k]!,
          fromMs: columns.fromMs[k]!,
          toMs: columns.toMs[k]!,
          powerW: columns.powerW[k]!,
          registerWh: columns.registerWh[k]!,
          quality: columns.quality[k]!,
        })
    },
    booted: no => void seen.boots.push(no),
    override: (charger, reason) => void seen.overrides.push({ charger, reason }),
    note: (what, about) => void seen.notes.push({ what, about }),
    session: (charger, session) => void seen.sessions.push({ charger, session }),
    capabilities: (no, found) => void seen.capabilities.push({ station: no, capabilities: found }),
  }
  return { sink, seen }
}

export type Bed = { link: OcppLink; registry: Registry; seen: Seen; url: string; close(): Promise<void> }
/** A listening link for these stations; `registry` can be handed on to a second one, as after a restart. */
export const bed = async (
  stations: readonly Station[],
  options: Partial<OcppOptions> = {},
  registry = createMemoryRegistry(),
): Promise<Bed> => {
  await registry.put({ stations })
  const { sink, seen } = rememberingSink(registry, Date.now)
  const link = ocppLink({ port: 0, allowInsecure: true, authorize: 'all', sampleS: 5, callTimeoutMs: 2_000, ...options })
  await link.start(sink)
  return { link, registry, seen, url: `ws://127.0.0.1:${link.port()}/ocpp`, close: () => link.stop() }
}

export const until = async (what: string, test: () => boolean, withinMs = 8_000): Promise<void> => {
  const endMs = Date.now() + withinMs
  while (!test()) {
    if (Date.now() > endMs) throw new Error(`waited in vain until ${what}`)
    await new Promise(resolve => setTimeout(resolve, 5))
  }
}

export const nowS = (): number => Math.floor(Date.now() / 1000)
let seq = 0
export const command = (charger: ChargerNo, segments: readonly Omit<Segment, 'because'>[], more: Partial<Command> = {}): Command => ({
  charger,
  station: charger,
  seq: ++seq,
  schedule: segments.map(segment => ({ ...segment, because: 1 })),
  urgent: false,
  atS: nowS(),
  ...more,
})
export const outcomeOf = async (seen: Seen, wanted: Command): Promise<Outcome> => {
  await until(`command ${wanted.seq} has an outcome`, () => seen.outcomes.some(o => o.charger === wanted.charger && o.seq === wanted.seq))
  return seen.outcomes.find(o => o.charger === wanted.charger && o.seq === wanted.seq)!
}

// biome-ignore lint/suspicious/noExplicitAny: what a peer sends in a test
type Json = any
type Params = Record<string, Json>
export type ChargePoint = {
  readonly client: RPCClient
  readonly calls: { action: string; params: Params }[]
  /** Frames that the independent validator refused, either way. */
  readonly violations: string[]
  answer(action: string, reply: (params: Params) => unknown): void
  call(action: string, params?: Params): Promise<Json>
  close(): Promise<void>
}
export type Protocol = 'ocpp1.6' | 'ocpp2.0.1'

/** A charge point in strict mode: each frame of ours is checked against the schemas inside ocpp-rpc. */
export const chargePoint = async (
  url: string,
  identity: string,
  protocol: Protocol,
  options: Record<string, unknown> = {},
): Promise<ChargePoint> => {
  const client = new RPCClient({
    endpoint: url,
    identity,
    protocols: [protocol],
    strictMode: true,
    reconnect: false,
    callTimeoutMs: 5_000,
    ...options,
  } as never)
  const calls: ChargePoint['calls'] = []
  const violations: string[] = []
  const replies = new Map<string, (params: Params) => unknown>()
  client.on('strictValidationFailure', ({ method, error, outbound }: { method: string; error: Error; outbound: boolean }) =>
    violations.push(`${outbound ? 'theirs' : 'ours'} ${method}: ${error.message}`),
  )
  client.handle((async ({ method, params }: { method: string; params: Params }) => {
    calls.push({ action: method, params })
    const reply = replies.get(method)
    if (reply === undefined) throw Object.assign(new Error(method), { rpcErrorCode: 'NotImplemented' })
    return reply(params)
  }) as never)
  await client.connect()
  return {
    client,
    calls,
    violations,
    answer: (action, reply) => void replies.set(action, reply),
    call: (action, params = {}) => client.call(action, params) as Promise<Json>,
    close: async () => void (await client.close({ force: true } as never)),
  }
}

/** Registers and answers what a plain, obedient box answers. */
export const register = async (point: ChargePoint, protocol: Protocol): Promise<void> => {
  if (protocol === 'ocpp1.6') {
    point.answer('GetConfiguration', () => ({ configurationKey: [], unknownKey: [] }))
    point.answer('ChangeConfiguration', () => ({ status: 'Accepted' }))
    point.answer('GetCompositeSchedule', ({ connectorId }) => ({
      status: 'Accepted',
      connectorId,
      scheduleStart: new Date().toISOString(),
      chargingSchedule: { duration: 86_400, chargingRateUnit: 'A', chargingSchedulePeriod: [{ startPeriod: 0, limit: 32 }] },
    }))
  } else {
    point.answer('GetVariables', ({ getVariableData }) => ({
      getVariableResult: getVariableData.map((item: Params) => ({ ...item, attributeStatus: 'UnknownVariable' })),
    }))
    point.answer('GetChargingProfiles', () => ({ status: 'NoProfiles' }))
  }
  point.answer('SetChargingProfile', () => ({ status: 'Accepted' }))
  point.answer('ClearChargingProfile', () => ({ status: 'Accepted' }))
  point.answer('TriggerMessage', () => ({ status: 'Accepted' }))
  await boot(point, protocol)
}
export const boot = (point: ChargePoint, protocol: Protocol): Promise<Json> =>
  point.call(
    'BootNotification',
    protocol === 'ocpp1.6'
      ? { chargePointVendor: 'Peer', chargePointModel: 'One', firmwareVersion: '1.0' }
      : { reason: 'PowerUp', chargingStation: { vendorName: 'Peer', model: 'Two', firmwareVersion: '1.0' } },
  )

export const profileOf = (params: Params): Params => params['csChargingProfiles'] ?? params['chargingProfile']
export const scheduleOf = (params: Params): Params => {
  const schedule = profileOf(params)['chargingSchedule']
  return Array.isArray(schedule) ? schedule[0] : schedule
}
