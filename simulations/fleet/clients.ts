import { execFileSync } from 'node:child_process'
import { WebSocket } from 'ws'
import { basic } from './link.ts'

/** A frame as it came, parsed as little as possible. */
export type Called = { client: BulkClient; id: string; action: string; text: string }

export type BulkOptions = {
  url: string
  n: number
  /** Share of clients that speak 2.0.1, spread evenly over the fleet; the rest speak 1.6. */
  share201?: number
  /** The identity of client `i`, from 0. `CP-000001` on by default. */
  identity?: (i: number) => string
  password?: (identity: string) => string
  /** The payload to answer a call with, as JSON text; undefined for no answer. Everything is Accepted by default. */
  answer?: (called: Called) => string | undefined
  /** Connections being opened at one time. */
  opening?: number
  /** Local addresses to use in turn: one address has only some 28,000 ports towards one server. */
  localAddresses?: readonly string[]
  tls?: { ca?: string | Buffer; rejectUnauthorized?: boolean }
}

export type BulkClient = { readonly identity: string; readonly version: '1.6' | '2.0.1'; readonly socket: WebSocket; calls: number }

export type Clients = {
  readonly clients: readonly BulkClient[]
  /** Calls received so far, all clients. */
  received(): number
  /** Resolves when this many calls were received since opening; rejects after `withinMs`. */
  receivedAtLeast(calls: number, withinMs: number): Promise<void>
  close(): void
}

const ACCEPTED = '{"status":"Accepted"}'

/** Sockets this process may open, or Infinity where that cannot be asked. */
const fileLimit = (): number => {
  try {
    const text = execFileSync('/bin/sh', ['-c', 'ulimit -n'], { encoding: 'utf8' }).trim()
    return text === 'unlimited' ? Infinity : Number(text)
  } catch {
    return Infinity
  }
}

const bootCall = (identity: string, version: '1.6' | '2.0.1'): string =>
  version === '1.6'
    ? `[2,"b-1","BootNotification",{"chargePointVendor":"Bulk","chargePointModel":"AC3x32","chargePointSerialNumber":${JSON.stringify(identity)}}]`
    : `[2,"b-1","BootNotification",{"reason":"PowerUp","chargingStation":{"vendorName":"Bulk","model":"AC3x32","serialNumber":${JSON.stringify(identity)}}}]`

/** Message id and action of a CALL, without parsing its payload; undefined for anything else. */
export const headOf = (text: string): { id: string; action: string } | undefined => {
  const head = /^\s*\[\s*2\s*,\s*"([^"]*)"\s*,\s*"([^"]*)"/.exec(text)
  return head === null ? undefined : { id: head[1]!, action: head[2]! }
}

/**
 * Opens `n` bare OCPP clients for a bench: each boots, then answers every call at once. Resolves when all have been accepted; rejects with
 * the first failure. Needs one file descriptor a client, and says so when the process may not have that many.
 */
export const openClients = async (options: BulkOptions): Promise<Clients> => {
  const { url, n, share201 = 0.5, answer = () => ACCEPTED, opening = 200, localAddresses = [], tls } = options
  const identityOf = options.identity ?? ((i: number) => `CP-${String(i + 1).padStart(6, '0')}`)
  if (fileLimit() < n + 100)
    throw new Error(`${n} clients need ${n + 100} open files, this process may have ${fileLimit()}: raise it with ulimit -n`)
  const clients: BulkClient[] = []
  let calls = 0
  let awaited: { calls: number; met: () => void } | undefined

  const onCall = (client: BulkClient, text: string): void => {
    const head = headOf(text)
    if (head === undefined) return
    const payload = answer({ client, ...head, text })
    if (payload !== undefined) client.socket.send(`[3,"${head.id}",${payload}]`)
    client.calls++
    calls++
    if (awaited !== undefined && calls >= awaited.calls) awaited.met()
  }

  const open = (i: number): Promise<void> =>
    new Promise((resolve, reject) => {
      const identity = identityOf(i)
      const version = Math.floor((i + 1) * share201) > Math.floor(i * share201) ? '2.0.1' : '1.6'
      const password = options.password?.(identity)
      const localAddress = localAddresses[i % Math.max(1, localAddresses.length)]
      const socket = new WebSocket(`${url.replace(/\/$/, '')}/${encodeURIComponent(identity)}`, `ocpp${version}`, {
        perMessageDeflate: false,
        ...(password === undefined ? {} : { headers: { authorization: basic(identity, password) } }),
        ...(localAddress === undefined ? {} : { localAddress }),
        ...tls,
      })
      const client: BulkClient = { identity, version, socket, calls: 0 }
      const boot = bootCall(identity, version)
      socket.on('open', () => socket.send(boot))
      socket.on('message', data => {
        const text = String(data)
        if (!text.startsWith('[3,"b-1"')) return onCall(client, text)
        if (text.includes('"Accepted"')) resolve()
        else reject(new Error(`${identity} was not accepted: ${text}`))
      })
      socket.on('error', reject)
      socket.on('close', code => reject(new Error(`${identity} was closed with ${code}`)))
      clients[i] = client
    })

  let next = 0
  const openSome = async (): Promise<void> => {
    while (next < n) await open(next++)
  }
  const close = (): void => {
    for (const c of clients) c?.socket.terminate()
  }
  try {
    await Promise.all(Array.from({ length: Math.min(opening, n) }, openSome))
  } catch (thrown) {
    next = n
    close()
    throw thrown
  }

  return {
    clients,
    received: () => calls,
    receivedAtLeast: (wanted, withinMs) =>
      new Promise((resolve, reject) => {
        if (calls >= wanted) {
          resolve()
          return
        }
        const timer = setTimeout(() => reject(new Error(`${calls} of ${wanted} calls came within ${withinMs} ms`)), withinMs)
        awaited = {
          calls: wanted,
          met: () => {
            clearTimeout(timer)
            awaited = undefined
            resolve()
          },
        }
      }),
    close,
  }
}
