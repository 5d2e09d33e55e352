import { createBridge, readConfig } from '../main.ts'
import type { Context } from './context.ts'
import type { ExitCode } from './exit.ts'
import { untilStopped } from './signals.ts'

/** A stop that hangs must not outlast the patience of whoever stops us: what is in the journal is safe anyhow. */
const STOP_WITHIN_MS = 9_000

export type ServeOptions = { ocppPort?: number; apiPort?: number; dataDir?: string }

/** Runs the bridge until SIGTERM or SIGINT. A second signal ends it at once. A start carries on where the journal ends, also in mid-event. */
export async function serve(context: Context<ServeOptions>): Promise<ExitCode> {
  const { out, options, env, cwd } = context
  const { config, file } = readConfig({
    file: options.config,
    env,
    cwd,
    flags: { 'ocpp.port': options.ocppPort, 'api.port': options.apiPort, dataDir: options.dataDir },
  })
  const { stopped, release } = untilStopped()
  out.detail(`configuration: ${file ?? 'defaults and environment'}`)
  const bridge = await createBridge(config)
  const { ocpp, api, webhook } = bridge.ports
  out.item(
    { event: 'listening', ocpp, api, webhook: webhook ?? null, dataDir: bridge.dataDir, pid: process.pid },
    [
      `listening: OCPP ${ocpp}, API ${api}${webhook === undefined ? '' : `, webhook ${webhook}`}`,
      `  chargers   ${bridge.urls.ocpp}/<identity>`,
      `  API        ${bridge.urls.api}/docs`,
      `  data       ${bridge.dataDir}`,
    ].join('\n'),
  )
  const events = bridge.engine.bridge.events().filter(e => e.state === 'active' || e.state === 'scheduled' || e.state === 'restoring')
  if (events.length > 0)
    out.note(`carrying on with ${events.length} event${events.length === 1 ? '' : 's'}: ${events.map(e => e.id).join(', ')}`)

  const signal = await stopped
  out.note(`${signal}: stopping; chargers keep their schedules and come back by themselves. Again to stop at once.`)
  setTimeout(() => process.exit(1), STOP_WITHIN_MS).unref()
  await bridge.stop()
  release()
  out.item({ event: 'stopped', signal }, 'stopped')
  return 0
}
