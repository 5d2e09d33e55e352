import { type ChildProcess, fork } from 'node:child_process'
import { once } from 'node:events'
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { numberFlag, print, round } from './flags.ts'

/**
 * Memory of one connected, registered and idle charger in a bridge, beside that of a bare `ws` server: growth of the resident set while `--chargers`
 * (10,000) connect, half OCPP 1.6 and half 2.0.1, after garbage collection. The bridge starts on a folder with the fleet already enrolled, asks each
 * charger what it can do and what others have set, and then rests.
 */
export async function run(args: string[]): Promise<void> {
  const chargers = numberFlag(args, 'chargers', 10_000)
  const dir = mkdtempSync(join(tmpdir(), 'gridbridge-idle-'))
  const children: ChildProcess[] = []
  try {
    await gone(await peer('enrol', [dir, String(chargers)], children))
    const kBPerCharger = await growth('serve', [dir, String(chargers)], chargers, children)
    const bareKBPerCharger = await growth('bare', [dir, String(chargers)], chargers, children)
    print({ bench: 'idle', chargers, kBPerCharger: round(kBPerCharger), bareKBPerCharger: round(bareKBPerCharger) })
  } finally {
    for (const child of children) child.kill('SIGKILL')
    rmSync(dir, { recursive: true, force: true })
  }
}

async function growth(role: string, args: string[], chargers: number, children: ChildProcess[]): Promise<number> {
  const server = await peer(role, args, children)
  const { url, rssKB: before } = (await ask(server, 'start')) as { url: string; rssKB: number }
  const clients = fork(fileURLToPath(new URL('./fanoutPeer.js', import.meta.url)), ['clients', url, String(chargers)], {
    serialization: 'advanced',
    stdio: ['ignore', 'ignore', 'inherit', 'ipc'],
  })
  children.push(clients)
  await once(clients, 'message')
  const { rssKB: after } = (await ask(server, 'rest')) as { rssKB: number }
  clients.kill('SIGKILL')
  server.kill('SIGKILL')
  return (after - before) / chargers
}

async function peer(role: string, args: string[], children: ChildProcess[]): Promise<ChildProcess> {
  const made = fork(fileURLToPath(new URL('./idlePeer.js', import.meta.url)), [role, ...args], {
    execArgv: ['--expose-gc'],
    stdio: ['ignore', 'ignore', 'inherit', 'ipc'],
  })
  children.push(made)
  await once(made, 'message')
  return made
}
async function ask(to: ChildProcess, question: string): Promise<unknown> {
  to.send(question)
  const [answer] = await once(to, 'message')
  return answer
}
async function gone(child: ChildProcess): Promise<void> {
  if (child.exitCode === null) await once(child, 'exit')
}
