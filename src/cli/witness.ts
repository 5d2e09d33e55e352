import { existsSync, readFileSync } from 'node:fs'
import { createServer, type IncomingMessage, type Server } from 'node:http'
import type { AddressInfo } from 'node:net'
import { resolve } from 'node:path'
import { parseVkey, type Verifier } from '../audit/note.ts'
import { createWitness, type WitnessAnswer } from '../audit/witness.ts'
import { holdFolder } from '../main.ts'
import type { Context } from './context.ts'
import { type ExitCode, Fault } from './exit.ts'
import { untilStopped } from './signals.ts'
import { fileStore, witnessKey } from './witnessStore.ts'

export type WitnessOptions = { log?: string[]; dir: string; name?: string; host: string; port: number }
const maxBody = 65_536

/** Cosigns the checkpoints of logs until SIGTERM or Ctrl-C. */
export async function witness({ out, options, cwd }: Context<WitnessOptions>): Promise<ExitCode> {
  const logs = (options.log ?? []).map(log => logKey(cwd, log))
  if (logs.length === 0) throw new Fault(2, 'GB-1211', 'no log to watch', 'name each with --log audit.pub')
  const dir = resolve(cwd, options.dir)
  const release = (await holdFolder())(dir)
  const { stopped, release: letSignalsGo } = untilStopped()
  try {
    const cosigner = witnessKey(dir, options.name)
    const answer = createWitness({
      cosigner,
      logs,
      store: fileStore(dir, line => out.raw(`${line}\n`)),
      nowS: () => Math.floor(Date.now() / 1000),
    })
    const server = witnessServer(answer, cosigner.verifier, error => out.raw(`error: ${error}\n`))
    await listening(server, options)
    const { port } = server.address() as AddressInfo
    const { vkey } = cosigner.verifier
    const line = `witness W ${vkey} http://${options.host}:${port}`
    out.item(
      { event: 'listening', port, vkey, logs: logs.map(l => l.name) },
      `listening: port ${port}\n  for the bridge's policy:  ${line}`,
    )
    await stopped
    server.close()
    server.closeAllConnections()
    out.item({ event: 'stopped' }, 'stopped')
    return 0
  } finally {
    letSignalsGo()
    release()
  }
}

/** A vkey, or a file with one. */
function logKey(cwd: string, log: string): Verifier {
  const file = resolve(cwd, log)
  try {
    return parseVkey(existsSync(file) ? readFileSync(file, 'utf8') : log)
  } catch (error) {
    throw new Fault(2, 'GB-1211', `--log ${log}: ${(error as Error).message}`, 'the vkey of the log, or the file audit.pub of the bridge')
  }
}
const listening = (server: Server, { host, port }: WitnessOptions): Promise<void> =>
  new Promise((done, fail) => {
    server.once('error', fail)
    server.listen(port, host, done)
  })

/** `POST <anything>/add-checkpoint`; whatever else tells who this is. */
export function witnessServer(answer: (body: string) => Promise<WitnessAnswer>, me: Verifier, failed: (error: unknown) => void): Server {
  return createServer({ requestTimeout: 10_000, headersTimeout: 10_000 }, async (request, response) => {
    const send = ({ status, type, body }: { status: number; type: string; body: string }) =>
      response.writeHead(status, { 'content-type': type, 'content-length': Buffer.byteLength(body) }).end(body)
    const plain = 'text/plain; charset=utf-8'
    try {
      if (request.method !== 'POST' || !/\/add-checkpoint$/.test((request.url ?? '').split('?', 1)[0]!))
        return send({ status: request.method === 'GET' && request.url === '/' ? 200 : 404, type: plain, body: `${me.vkey}\n` })
      const body = await bodyOf(request)
      return send(body === undefined ? { status: 413, type: plain, body: 'too long\n' } : await answer(body))
    } catch (error) {
      failed(error)
      return send({ status: 500, type: plain, body: 'this witness cannot keep what it sees\n' })
    }
  })
}
async function bodyOf(request: IncomingMessage): Promise<string | undefined> {
  const chunks: Buffer[] = []
  let length = 0
  for await (const chunk of request as AsyncIterable<Buffer>) {
    length += chunk.length
    if (length > maxBody) return undefined
    chunks.push(chunk)
  }
  return Buffer.concat(chunks).toString('utf8')
}
