import { WebSocketServer } from 'ws'
import { ocppLink } from '../../adapters/chargers/index.ts'
import { createBridge, readConfig } from '../../src/main.ts'

/** The other processes of the idle bench: `enrol DIR N` makes the fleet, `serve DIR N` is a bridge on it, `bare DIR N` a bare `ws` server. */
const [role, dir = '', n = '0'] = process.argv.slice(2)
process.on('disconnect', () => process.exit(0))
const collect = (globalThis as { gc?: () => void }).gc ?? (() => {})
const sleep = (ms: number): Promise<void> => new Promise(resolve => setTimeout(resolve, ms))

const config = () => {
  const text = `
dataDir: ${JSON.stringify(dir)}
origin: gridbridge.bench/log
ocpp: { host: 127.0.0.1, port: 0, allowInsecure: true }
api: { host: 127.0.0.1, port: 0 }
programmes: [{ id: flex }]
`
  return readConfig({ file: 'the bench', env: {}, cwd: dir, read: () => text }).config
}

async function enrol(): Promise<void> {
  const bridge = await createBridge(config(), { chargers: ocppLink({ port: 0 }) })
  const row = (i: number): string => {
    const identity = `CP-${String(i + 1).padStart(6, '0')}`
    return `${identity},${identity},GB,F${i % 100},S${i % 1000},0,3,230,32,flex,yes,2026-10-02,v1`
  }
  const header =
    'external_id,identity,licence_area,feeder,site,security_profile,phases,voltage_v,max_current_a,programme,consent,consent_date,consent_text'
  const csv = `${header}\n${Array.from({ length: Number(n) }, (_, i) => row(i)).join('\n')}\n`
  const imported = await bridge.operations.fleetImport.run(csv, { apply: true, badRows: 'stop' }, { name: 'bench' })
  if (!imported.ok || imported.value.rejected > 0) throw new Error(`the fleet was not enrolled: ${JSON.stringify(imported)}`)
  await bridge.stop()
}

/** Resident set once nothing moves any more. */
async function restingKB(busy: () => number): Promise<number> {
  let seen = -1
  while (busy() !== seen) {
    seen = busy()
    await sleep(2_000)
  }
  for (let k = 0; k < 3; k++) {
    collect()
    await sleep(200)
  }
  return process.memoryUsage.rss() / 1024
}

function answerQuestions(url: string, busy: () => number): void {
  process.on('message', async () => process.send?.({ url, rssKB: await restingKB(busy) }))
  process.send?.('ready')
}

async function serve(): Promise<void> {
  const link = ocppLink({ port: 0, allowInsecure: true, authorize: 'all', acceptPerS: 50_000 })
  const bridge = await createBridge(config(), { chargers: link })
  answerQuestions(bridge.urls.ocpp, () => link.counters().sent + link.counters().received)
}

function bare(): void {
  let received = 0
  const server = new WebSocketServer({
    port: 0,
    host: '127.0.0.1',
    perMessageDeflate: false,
    maxPayload: 65_536,
    clientTracking: false,
    handleProtocols: offered => [...offered][0] ?? false,
  })
  server.on('connection', socket => {
    socket.on('message', data => {
      received++
      const [, id] = JSON.parse(String(data)) as unknown[]
      socket.send(JSON.stringify([3, id, { status: 'Accepted', currentTime: new Date().toISOString(), interval: 300 }]))
    })
  })
  server.on('listening', () => answerQuestions(`ws://127.0.0.1:${(server.address() as { port: number }).port}`, () => received))
}

if (role === 'enrol') {
  process.send?.('working')
  await enrol()
  process.exit(0)
} else if (role === 'serve') await serve()
else bare()
