import { WebSocketServer } from 'ws'
import { openClients } from '../fleet/clients.ts'

/** The other processes of the fanout bench: `clients URL N` are chargers that answer at once, `bare` is a bare `ws` server. */
const [role, ...args] = process.argv.slice(2)
const nowMs = (): number => Number(process.hrtime.bigint() / 1000n) / 1000
const reply = (value: unknown): void => {
  process.send?.({ value })
}
process.on('disconnect', () => process.exit(0))

async function clients([url = '', n = '0']: string[]): Promise<void> {
  const frames: string[] = Array.from({ length: Number(n) }, () => '')
  const numbers = new Map<string, number>()
  let counting = 0
  let wanted = Number.POSITIVE_INFINITY
  const all = await openClients({
    url,
    n: Number(n),
    answer({ client, action, text }) {
      if (action === 'GetChargingProfiles') return '{"status":"NoProfiles"}'
      if (action === 'GetCompositeSchedule') return '{"status":"Rejected"}'
      if (action !== 'SetChargingProfile') return '{"status":"Accepted"}'
      frames[numbers.get(client.identity) ?? 0] = text
      if (++counting === wanted) reply(nowMs())
      return '{"status":"Accepted"}'
    },
  })
  for (const [i, c] of all.clients.entries()) numbers.set(c.identity, i)
  process.on('message', (m: { count?: number; frames?: boolean }) => {
    if (m.frames) return reply(frames)
    counting = 0
    wanted = m.count ?? 0
  })
  reply('open')
}

function bare(): void {
  const server = new WebSocketServer({
    port: 0,
    host: '127.0.0.1',
    perMessageDeflate: false,
    maxPayload: 65_536,
    handleProtocols: offered => [...offered][0] ?? false,
  })
  const sockets: import('ws').WebSocket[] = []
  let frames: string[] = []
  let answers = 0
  let startedMs = 0
  server.on('connection', socket => {
    sockets.push(socket)
    socket.on('message', data => {
      const message = JSON.parse(String(data)) as unknown[]
      if (message[0] === 2)
        socket.send(JSON.stringify([3, message[1], { status: 'Accepted', currentTime: new Date().toISOString(), interval: 300 }]))
      else if (++answers === frames.length) reply(nowMs() - startedMs)
    })
  })
  process.on('message', (m: { frames?: string[]; go?: boolean }) => {
    if (m.frames) {
      frames = m.frames
      return reply((server.address() as { port: number }).port)
    }
    answers = 0
    startedMs = nowMs()
    for (const [i, socket] of sockets.entries()) socket.send(frames[i]!)
  })
  server.on('listening', () => reply('listening'))
}

if (role === 'clients') await clients(args)
else bare()
