import { createRequire } from 'node:module'
import type { AddressInfo } from 'node:net'
import { Ajv, type ValidateFunction } from 'ajv'
import formats from 'ajv-formats'
import { type WebSocket, WebSocketServer } from 'ws'
import type { ChargerSpec } from '../../simulations/fleet/box.ts'
import { createFleet, type Fleet, type FleetOptions } from '../../simulations/fleet/fleet.ts'

type Fields = Record<string, unknown>
type Schema = { $id: string; $schema?: string }
export type Said = { identity: string; action: string; payload: Fields }

const require = createRequire(import.meta.url)

/** The official schemas of one version, compiled when first needed. ajv cannot digest their $id, which is taken off. */
const schemas = (file: string): ((name: string) => ValidateFunction | undefined) => {
  const all = require(`ocpp-rpc/lib/schemas/${file}.json`) as readonly Schema[]
  const ajv = new Ajv({ strict: false, multipleOfPrecision: 4 })
  formats.default(ajv)
  const compiled = new Map<string, ValidateFunction>()
  return name => {
    const found = all.find(s => s.$id === `urn:${name}`)
    if (found === undefined) return undefined
    const { $id: _id, $schema: _schema, ...schema } = found
    const validate = compiled.get(name) ?? ajv.compile(schema)
    compiled.set(name, validate)
    return validate
  }
}
const SCHEMAS = { 'ocpp1.6': schemas('ocpp1_6'), 'ocpp2.0.1': schemas('ocpp2_0_1') } as const
export type Protocol = keyof typeof SCHEMAS

/** Why a message is not what the official schema wants, or undefined. */
export const schemaFault = (protocol: Protocol, name: string, payload: unknown): string | undefined => {
  const validate = SCHEMAS[protocol](name)
  if (validate === undefined) return `no schema ${name}`
  return validate(payload) ? undefined : `${name}: ${JSON.stringify(validate.errors)} in ${JSON.stringify(payload)}`
}

export type Central = {
  url: string
  /** Every call received, the oldest first. */
  said: Said[]
  /** Every message of a charger that the official schemas refuse. */
  faults: string[]
  /** What to answer to an action instead of the ordinary thing. */
  answers: Record<string, (identity: string, payload: Fields, protocol: Protocol) => Fields | undefined>
  /** Calls a charger; resolves with its answer, or with `{ code }` of a CALLERROR. Never resolves when it keeps silent. */
  call(identity: string, action: string, payload: Fields): Promise<Fields>
  of(identity: string, action: string): readonly Fields[]
  authorizations: (string | undefined)[]
  /** Set to send what the official schemas refuse. */
  unchecked: boolean
  close(): void
}

/** A small central system that says yes to everything and checks every word. */
export const createCentral = async (): Promise<Central> => {
  const server = new WebSocketServer({ port: 0, host: '127.0.0.1', handleProtocols: offered => [...offered][0]! })
  await new Promise(resolve => server.on('listening', resolve))
  const sockets = new Map<string, WebSocket>()
  const open = new Map<string, { action: string; done: (payload: Fields) => void }>()
  let transactions = 0
  let ids = 0

  const yes = (action: string, v16: boolean): Fields => {
    const currentTime = new Date().toISOString()
    const idTagInfo = { status: 'Accepted' }
    switch (action) {
      case 'BootNotification':
        return { status: 'Accepted', interval: 300, currentTime }
      case 'Heartbeat':
        return { currentTime }
      case 'Authorize':
        return v16 ? { idTagInfo } : { idTokenInfo: idTagInfo }
      case 'StartTransaction':
        return { transactionId: ++transactions, idTagInfo }
      default:
        return {}
    }
  }

  const central: Central = {
    url: `ws://127.0.0.1:${(server.address() as AddressInfo).port}/ocpp`,
    said: [],
    faults: [],
    answers: {},
    authorizations: [],
    unchecked: false,
    call: (identity, action, payload) =>
      new Promise((done, fail) => {
        const socket = sockets.get(identity)
        if (socket === undefined) return fail(new Error(`${identity} is not connected`))
        const asked = schemaFault(socket.protocol as Protocol, `${action}.req`, payload)
        if (asked !== undefined && !central.unchecked) return fail(new Error(asked))
        const id = `c${++ids}`
        open.set(id, { action, done })
        socket.send(JSON.stringify([2, id, action, payload]))
      }),
    of: (identity, action) => central.said.filter(s => s.identity === identity && s.action === action).map(s => s.payload),
    close: () => {
      for (const s of server.clients) s.terminate()
      server.close()
    },
  }

  server.on('connection', (socket, request) => {
    const identity = decodeURIComponent(request.url!.split('/').at(-1)!)
    const protocol = socket.protocol as Protocol
    central.authorizations.push(request.headers.authorization)
    sockets.set(identity, socket)
    socket.on('close', () => sockets.get(identity) === socket && sockets.delete(identity))
    socket.on('message', data => {
      const [type, id, action, payload] = JSON.parse(String(data)) as [number, string, string, Fields]
      if (type === 2) {
        const fault = schemaFault(protocol, `${action}.req`, payload)
        if (fault !== undefined) central.faults.push(`${identity} ${fault}`)
        central.said.push({ identity, action, payload })
        const special = central.answers[action]
        const reply = special === undefined ? yes(action, protocol === 'ocpp1.6') : special(identity, payload, protocol)
        if (reply !== undefined) socket.send(JSON.stringify([3, id, reply]))
        return
      }
      const asked = open.get(id)
      open.delete(id)
      if (type === 4) return asked?.done({ code: action })
      const result = action as unknown as Fields
      const fault = asked && schemaFault(protocol, `${asked.action}.conf`, result)
      if (fault !== undefined) central.faults.push(`${identity} ${fault}`)
      asked?.done(result)
    })
  })
  return central
}

export type Story = {
  central: Central
  fleet: Fleet
  /** Fleet time now, ms since the epoch. */
  now(): number
  /** Fleet time `s` seconds from now, as OCPP writes it. */
  iso(s: number): string
  /** Lets fleet time pass, a tick of 250 ms after the other, with the sockets served between. */
  pass(s: number): Promise<void>
  /** Lets fleet time pass until `met`; fails when an hour of it has gone, or three real seconds. */
  until(met: () => unknown): Promise<void>
  /** A call and its answer, with time passing; `undefined` when there is none within `s` seconds of fleet time. */
  ask(identity: string, action: string, payload: Fields, s?: number): Promise<Fields | undefined>
  end(): void
}

export const START_MS = Date.UTC(2026, 0, 5, 12)
const TICK_MS = 250

/** A fleet on a central system, over real sockets but in a time of its own: a test waits for conditions, not for seconds. */
export const tell = async (chargers: readonly ChargerSpec[], options: Partial<FleetOptions> = {}): Promise<Story> => {
  const central = await createCentral()
  let nowMs = START_MS
  const fleet = createFleet({ url: central.url, seed: 1, connectPerS: 1000, ...options, chargers, clock: () => nowMs })
  const breathe = () => new Promise(resolve => setImmediate(resolve))
  const tick = async () => {
    nowMs += TICK_MS
    fleet.tick(nowMs)
    // loopback sockets need a few turns of the loop to carry a question and its answer
    for (let i = 0; i < 4; i++) await breathe()
  }
  const story: Story = {
    central,
    fleet,
    now: () => nowMs,
    iso: s => new Date(nowMs + s * 1000).toISOString(),
    pass: async s => {
      for (let i = 0; i < (s * 1000) / TICK_MS; i++) await tick()
    },
    until: async met => {
      const lastMs = nowMs + 3_600_000
      const realLast = performance.now() + 3000
      while (!met()) {
        if (nowMs > lastMs || performance.now() > realLast) throw new Error(`never came: ${met}`)
        await tick()
      }
    },
    ask: async (identity, action, payload, s = 60) => {
      let answer: Fields | undefined
      central.call(identity, action, payload).then(a => {
        answer = a
      })
      const lastMs = nowMs + s * 1000
      while (answer === undefined && nowMs < lastMs) await tick()
      return answer
    },
    end: () => {
      fleet.stop()
      central.close()
    },
  }
  return story
}

export const charger = (version: '1.6' | '2.0.1', more: Partial<ChargerSpec> = {}): ChargerSpec => ({
  identity: `CP-${version}`,
  version,
  phases: 1,
  maxA: 32,
  cars: [{ phases: 1, maxA: 32, batteryWh: 60_000, soc: 0.4 }],
  sampleIntervalS: 5,
  ...more,
})

type Limit = {
  limit: number
  unit?: 'A' | 'W'
  durationS?: number
  purpose?: string
  id?: number
  evse?: number
  stackLevel?: number
  transactionId?: unknown
}

/** A SetChargingProfile with one Absolute period from a minute ago to `durationS` from now. */
export const limitCall = (version: '1.6' | '2.0.1', story: Story, wanted: Limit): Fields => {
  const { limit, unit = 'A', durationS = 120, purpose = 'TxDefaultProfile', id = 7000, evse = 1, stackLevel = 0, transactionId } = wanted
  const schedule = {
    startSchedule: story.iso(-60),
    duration: durationS + 60,
    chargingRateUnit: unit,
    chargingSchedulePeriod: [{ startPeriod: 0, limit }],
  }
  const common = {
    stackLevel,
    chargingProfilePurpose: purpose,
    chargingProfileKind: 'Absolute',
    ...(transactionId === undefined ? {} : { transactionId }),
  }
  return version === '1.6'
    ? { connectorId: evse, csChargingProfiles: { chargingProfileId: id, ...common, chargingSchedule: schedule } }
    : { evseId: evse, chargingProfile: { id, ...common, chargingSchedule: [{ id: 1, ...schedule }] } }
}
