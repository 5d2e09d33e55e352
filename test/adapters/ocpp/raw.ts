/** A charge point at the level of frames, for what no well-behaved client would do. */
import { WebSocket } from 'ws'
import { until } from './bed.ts'

export type Frame = [type: number, id: string, ...rest: unknown[]]
export type RawPoint = {
  readonly socket: WebSocket
  readonly frames: Frame[]
  /** Calls that came to it. */
  calls(action?: string): Frame[]
  send(frame: unknown): void
  /** Sends a CALL and waits for its answer. */
  ask(action: string, payload: object, id?: string): Promise<Frame>
  /** Waits for the n-th CALL of this action. */
  called(action: string, count?: number): Promise<Frame>
  readonly closed: Promise<{ code: number }>
}
let id = 0

export const rawPoint = (url: string, identity: string, protocol = 'ocpp1.6', options: object = {}): Promise<RawPoint> =>
  new Promise((resolve, reject) => {
    const socket = new WebSocket(`${url}/${encodeURIComponent(identity)}`, protocol.split(','), options)
    const frames: Frame[] = []
    const calls = (action?: string) => frames.filter(frame => frame[0] === 2 && (action === undefined || frame[2] === action))
    const closed = new Promise<{ code: number }>(done => socket.on('close', code => done({ code })))
    socket.on('message', data => void frames.push(JSON.parse(String(data)) as Frame))
    socket.on('error', reject)
    socket.on('unexpected-response', (_request, response) =>
      reject(Object.assign(new Error(`HTTP ${response.statusCode}`), { status: response.statusCode, headers: response.headers })),
    )
    socket.on('open', () =>
      resolve({
        socket,
        frames,
        calls,
        closed,
        send: frame => socket.send(typeof frame === 'string' ? frame : JSON.stringify(frame)),
        async ask(action, payload, own = `r${++id}`) {
          const before = frames.filter(frame => frame[1] === own).length
          socket.send(JSON.stringify([2, own, action, payload]))
          const answers = () => frames.filter(frame => frame[1] === own && frame[0] !== 2)
          await until(`${action} is answered`, () => answers().length > before)
          return answers().at(-1)!
        },
        async called(action, count = 1) {
          await until(`${action} comes`, () => calls(action).length >= count)
          return calls(action)[count - 1]!
        },
      }),
    )
  })

export const bootPayload = { chargePointVendor: 'Raw', chargePointModel: 'Box', firmwareVersion: '1' }
/** A 1.6 point that has booted on a link that asks nothing by itself (`discover: false`). */
export const booted = async (url: string, identity: string, options: object = {}): Promise<RawPoint> => {
  const point = await rawPoint(url, identity, 'ocpp1.6', options)
  await point.ask('BootNotification', bootPayload)
  return point
}
/** Answers the two composite schedules that are read before the first profile: nobody else's limit is there. */
export const answerComposites = async (point: RawPoint): Promise<void> => {
  for (const count of [1, 2]) {
    const [, callId, , payload] = await point.called('GetCompositeSchedule', count)
    const schedule = { chargingRateUnit: 'A', chargingSchedulePeriod: [{ startPeriod: 0, limit: 32 }] }
    point.send([
      3,
      callId,
      { status: 'Accepted', connectorId: (payload as { connectorId: number }).connectorId, chargingSchedule: schedule },
    ])
  }
}
