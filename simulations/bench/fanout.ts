import { type ChildProcess, fork } from 'node:child_process'
import { once } from 'node:events'
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { ocppLink } from '../../adapters/chargers/index.ts'
import { sendDispatch } from '../../adapters/signals/webhook/client.ts'
import { createBridge, readConfig } from '../../src/main.ts'
import type { ChargerLink, ChargerSink } from '../../src/ports.ts'
import { median, numberFlag, print, round } from './flags.ts'

const SECRET = `whsec_${Buffer.alloc(32, 7).toString('base64')}`
const identityOf = (i: number): string => `CP-${String(i + 1).padStart(6, '0')}`

/**
 * How long until the last charger has answered an emergency limit. The signal is one signed HTTP POST; its facts are fsynced and the plan checked
 * before the first frame; the chargers are sockets of another process, half OCPP 1.6 and half 2.0.1. `bareMs`: a bare `ws` server in a process of
 * its own writes the same frames to as many sockets of yet another process and waits for the last answer, before and after each measured run.
 * `lastSentMs` is when the last frame had arrived at its charger. Medians of `--runs` (5).
 */
export async function run(args: string[]): Promise<void> {
  const chargers = numberFlag(args, 'chargers', 10_000)
  const runs = numberFlag(args, 'runs', 5)
  const dir = mkdtempSync(join(tmpdir(), 'gridbridge-fanout-'))
  const children: ChildProcess[] = []
  try {
    const ours = await bridgeWith(dir, chargers, children)
    await ours.emergency()
    const frames = await ours.frames()
    const bare = await bareServer(frames, children)
    await bare.go()
    const results: Awaited<ReturnType<typeof ours.emergency>>[] = []
    const bareMs: number[] = []
    for (let k = 0; k < runs; k++) {
      bareMs.push(await bare.go())
      results.push(await ours.emergency())
      bareMs.push(await bare.go())
    }
    const lastAnswerMs = median(results.map(r => r.lastAnswerMs))
    print({
      bench: 'fanout',
      chargers,
      answered: Math.min(...results.map(r => r.answered)),
      lastSentMs: round(median(results.map(r => r.lastSentMs))),
      lastAnswerMs: round(lastAnswerMs),
      bareMs: round(median(bareMs)),
      ratio: round(lastAnswerMs / median(bareMs)),
    })
    await ours.stop()
  } finally {
    for (const child of children) child.kill('SIGKILL')
    rmSync(dir, { recursive: true, force: true })
  }
}

const nowMs = (): number => Number(process.hrtime.bigint() / 1000n) / 1000

async function bridgeWith(dir: string, chargers: number, children: ChildProcess[]) {
  const answers = counter()
  const link = counted(
    ocppLink({ port: 0, allowInsecure: true, authorize: 'all', sampleS: 0, discover: false, acceptPerS: 50_000, callTimeoutMs: 60_000 }),
    answers,
  )
  const text = `
dataDir: ${JSON.stringify(dir)}
origin: gridbridge.bench/log
ocpp: { host: 127.0.0.1, port: 0, allowInsecure: true }
api: { host: 127.0.0.1, port: 0 }
programmes: [{ id: flex, startSpreadS: 0, endSpreadS: 0, maxEventsPerDay: 1000 }]
signals:
  - kind: webhook
    port: 0
    peers: [{ name: dno, secrets: [${SECRET}], programme: flex, emergency: { basis: bench }, restoreWindowS: 0 }]
`
  const { config } = readConfig({ file: 'the bench', env: {}, cwd: dir, read: () => text })
  const bridge = await createBridge(config, { chargers: link })
  const rows = Array.from(
    { length: chargers },
    (_, i) => `${identityOf(i)},${identityOf(i)},GB,F${i % 100},S${i % 1000},0,3,230,32,flex,yes,2026-10-02,v1`,
  )
  const csv = `external_id,identity,licence_area,feeder,site,security_profile,phases,voltage_v,max_current_a,programme,consent,consent_date,consent_text\n${rows.join('\n')}\n`
  const imported = await bridge.operations.fleetImport.run(csv, { apply: true, badRows: 'stop' }, { name: 'bench' })
  if (!imported.ok || imported.value.rejected > 0) throw new Error(`the fleet was not enrolled: ${JSON.stringify(imported)}`)
  const clients = await child('clients', [bridge.urls.ocpp, String(chargers)], children)
  await until(() => bridge.engine.state().up.reduce((n, up) => n + up, 0) === chargers)
  const url = `http://127.0.0.1:${bridge.ports.webhook}`
  const target = [{ scheme: 'node', value: 'GB' }]
  let round = 0
  return {
    async emergency() {
      const id = `run-${++round}`
      const body = {
        id,
        version: 1,
        kind: 'limit',
        class: 'emergency',
        target,
        from: 'now',
        durationS: 1800,
        limit: { perCharger: { a: 8 + (round % 8) } },
        reason: { code: 'test', text: '' },
      }
      const received = ask(clients, { count: chargers })
      const done = answers.after(chargers)
      const startedMs = nowMs()
      const reply = await sendDispatch({ url, secret: SECRET, body: JSON.stringify(body) })
      if (reply.status !== 202) throw new Error(`the dispatch was answered ${reply.status}: ${JSON.stringify(reply.body)}`)
      const { atMs, answered } = await done
      const lastFrameAtMs = (await received) as number
      const freed = answers.after(chargers)
      const stop = await sendDispatch({
        url,
        secret: SECRET,
        body: JSON.stringify({ id, version: 2, kind: 'stop', stop: { immediate: true } }),
      })
      if (stop.status !== 202) throw new Error(`the stop was answered ${stop.status}: ${JSON.stringify(stop.body)}`)
      await freed
      return { answered, lastSentMs: lastFrameAtMs - startedMs, lastAnswerMs: atMs - startedMs }
    },
    frames: () => ask(clients, { frames: true }) as Promise<string[]>,
    stop: () => bridge.stop(),
  }
}

type Counter = { accepted(): void; after(n: number): Promise<{ atMs: number; answered: number }> }
function counter(): Counter {
  let seen = 0
  let waiting: { at: number; resolve: (r: { atMs: number; answered: number }) => void } | undefined
  return {
    accepted() {
      seen++
      if (waiting && seen >= waiting.at) waiting.resolve({ atMs: nowMs(), answered: seen })
    },
    after(n) {
      seen = 0
      return new Promise(resolve => {
        waiting = { at: n, resolve }
      })
    },
  }
}
/** The link itself, with every accepted outcome counted on its way in. */
function counted<L extends ChargerLink>(link: L, answers: Counter): L {
  return {
    ...link,
    start: (sink: ChargerSink) =>
      link.start({
        ...sink,
        outcome(o) {
          sink.outcome(o)
          if (o.kind === 'accepted') answers.accepted()
        },
      }),
  }
}

async function bareServer(frames: readonly string[], children: ChildProcess[]) {
  const server = await child('bare', [], children)
  const port = (await ask(server, { frames: [...frames] })) as number
  await child('clients', [`ws://127.0.0.1:${port}/ocpp`, String(frames.length)], children)
  return { go: () => ask(server, { go: true }) as Promise<number> }
}

async function child(role: string, args: string[], children: ChildProcess[]): Promise<ChildProcess> {
  const made = fork(fileURLToPath(new URL('./fanoutPeer.js', import.meta.url)), [role, ...args], {
    serialization: 'advanced',
    stdio: ['ignore', 'ignore', 'inherit', 'ipc'],
  })
  children.push(made)
  await once(made, 'message')
  return made
}
async function ask(to: ChildProcess, message: object): Promise<unknown> {
  to.send(message)
  const [reply] = await once(to, 'message')
  return (reply as { value: unknown }).value
}
async function until(met: () => boolean): Promise<void> {
  while (!met()) await new Promise(resolve => setTimeout(resolve, 50))
}
