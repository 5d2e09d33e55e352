import { randomBytes } from 'node:crypto'
import { connect } from 'node:net'
import { WebSocket } from 'ws'
import { basic } from '../../../simulations/fleet/link.ts'

/** Writes bytes to a port; the first line of what comes back until the other side hangs up, '' for nothing. */
export const throwAt = (port: number, bytes: Buffer | string): Promise<string> =>
  new Promise((resolve, reject) => {
    let heard = ''
    const socket = connect(port, '127.0.0.1', () => socket.write(bytes))
    socket.setEncoding('latin1').setTimeout(30_000, () => socket.destroy(new Error(`port ${port} neither answers nor hangs up`)))
    socket.on('data', text => (heard += text))
    // A reset after what it wrote is a hang-up too.
    socket.on('error', error => ((error as NodeJS.ErrnoException).code ? resolve(heard.split('\r\n')[0]!) : reject(error)))
    socket.on('close', () => resolve(heard.split('\r\n')[0]!))
  })

/** What HTTP says to a stranger who wants a socket; 101 where he gets it. */
export const knock = (url: string, protocol: string, password = ''): Promise<number> =>
  new Promise((resolve, reject) => {
    const identity = decodeURIComponent(url.slice(url.lastIndexOf('/') + 1))
    const ws = new WebSocket(url, protocol, { headers: { authorization: basic(identity, password) } })
    ws.on('open', () => {
      ws.terminate()
      resolve(101)
    })
    ws.on('unexpected-response', (request, response) => {
      request.destroy()
      resolve(response.statusCode ?? 0)
    })
    ws.on('error', reject)
  })

/** A charger of the fleet file that speaks rubbish: what is said back, and the code the socket is closed with. */
export function babble(url: string, password: string, frames: readonly (string | Buffer)[]): Promise<{ heard: unknown[]; closed: number }> {
  return new Promise((resolve, reject) => {
    const identity = decodeURIComponent(url.slice(url.lastIndexOf('/') + 1))
    const heard: unknown[] = []
    const ws = new WebSocket(url, 'ocpp1.6', { headers: { authorization: basic(identity, password) } })
    ws.on('open', () => {
      for (const frame of frames) ws.send(frame)
    })
    ws.on('message', text => heard.push(JSON.parse(String(text))))
    ws.on('close', closed => resolve({ heard, closed }))
    ws.on('error', reject)
  })
}

export const noise = (bytes: number): Buffer => randomBytes(bytes)
