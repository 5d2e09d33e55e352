import { readFileSync, writeFileSync } from 'node:fs'
import { resolve } from 'node:path'
import { setTimeout as pause } from 'node:timers/promises'
import type { LiveFleet } from '../../simulations/live/fleet.ts'
import type { Scenario } from '../../simulations/scenario/schema.ts'
import type { Context } from './context.ts'
import { type ExitCode, Fault } from './exit.ts'
import { watts } from './output.ts'
import { ofScenario, open } from './sim.ts'

export type LiveFleetOptions = {
  connect: string
  scenario?: string
  chargers?: number
  seed?: string
  ca?: string
  timeScale: number
  connectPerS: number
  sample: number
  statusEvery: number
  writeFleet?: string
}

/**
 * Plays the fleet of a scenario over real OCPP sockets against any central system, until interrupted: a load generator. A status each few seconds on
 * stdout, as a JSON line with `--json`.
 */
export async function fleet(context: Context<LiveFleetOptions>): Promise<ExitCode | undefined> {
  const { out, options, cwd } = context
  const [{ build }, { createLiveFleet, boxesOf }] = await Promise.all([
    import('../../simulations/scenario/build.ts'),
    import('../../simulations/live/fleet.ts'),
  ])
  const opened = open(options.scenario ?? 'evening-peak', cwd)
  const chargers = options.chargers ?? opened.scenario.fleet.chargers
  const scenario: Scenario = { ...opened.scenario, fleet: { ...opened.scenario.fleet, chargers } }
  const built = build(scenario, { seed: options.seed ?? scenario.seed, folder: opened.folder })
  if (options.writeFleet !== undefined) {
    const { fleetFile } = await import('../../simulations/live/fleetFile.ts')
    const file = fleetFile(built, boxesOf(built, options.sample), scenario.programmes[0]!.id)
    withFile(options.writeFleet, path => writeFileSync(resolve(cwd, path), file, { mode: 0o600 }))
    out.note(`wrote ${options.writeFleet}: gridbridge fleet import ${options.writeFleet} --apply`)
    return 0
  }
  const live = createLiveFleet(built, {
    url: options.connect,
    timeScale: options.timeScale,
    connectPerS: options.connectPerS,
    sampleIntervalS: options.sample,
    tickMs: Math.max(250, Math.ceil(chargers / 20)),
    ...(options.ca === undefined ? {} : { tls: { ca: withFile(options.ca, path => readFileSync(resolve(cwd, path))) } }),
  })
  out.note(`${chargers} chargers of ${scenario.name}, seed ${built.seed}, against ${options.connect}; Ctrl-C ends it`)
  await untilEnded(async ended => {
    live.start()
    const startedMs = Date.now()
    for (let told = 0; !ended.aborted; ) {
      const atS = ((Date.now() - startedMs) / 1000) * options.timeScale
      live.visit(atS)
      if ((Date.now() - startedMs) / 1000 >= told) {
        told += options.statusEvery
        tell(context, live)
      }
      await pause(250, undefined, { signal: ended }).catch(() => {})
    }
    live.stop()
  })
  return 0
}
function withFile<T>(path: string, use: (path: string) => T): T {
  try {
    return use(path)
  } catch (error) {
    throw new Fault(2, 'GB-1282', `${path}: ${(error as NodeJS.ErrnoException).code}`, 'another path')
  }
}
function tell({ out }: Context<LiveFleetOptions>, live: LiveFleet): void {
  const s = live.status()
  out.item(s, `${s.connected} of ${s.chargers} connected, ${s.charging} charge, ${s.limited} limited, ${watts(s.totalW)}`)
}

export type LiveVtnOptions = { port: number; host: string; context: string; poll: number; seed?: string }
/** Plays the operators of a scenario as an OpenADR 2.0b VTN (HTTP pull, plain), until interrupted. What VENs answer and report goes to stdout. */
export async function vtn(context: Context<LiveVtnOptions>, file?: string): Promise<ExitCode | undefined> {
  const { out, options, cwd } = context
  const [{ createVtn }, { announcementsOf }, { freeLoad }, { build }] = await Promise.all([
    import('../../simulations/grid/vtn2b.ts'),
    import('../../simulations/live/vtn.ts'),
    import('../../simulations/live/freeLoad.ts'),
    import('../../simulations/scenario/build.ts'),
  ])
  const { scenario, folder } = open(file ?? 'evening-peak', cwd)
  const startMs = Math.ceil(Date.now() / 1000) * 1000
  const announcements = refused(() => {
    const loadW = freeLoad(build(scenario, { seed: options.seed ?? scenario.seed, folder }))
    return announcementsOf(scenario, { startMs, context: options.context, folder, loadW })
  })
  const server = createVtn({ port: options.port, host: options.host, pollFreqS: options.poll })
  await server.start()
  out.note(
    `a VTN at ${server.url()} plays ${scenario.name}; ${announcements.length} messages, the first ${Math.round(announcements[0]?.atS ?? 0)} s from now; Ctrl-C ends it`,
  )
  await untilEnded(async ended => {
    let [next, opts, reports] = [0, 0, 0]
    while (!ended.aborted) {
      const atS = (Date.now() - startMs) / 1000
      for (; next < announcements.length && announcements[next]!.atS <= atS; next++) {
        announcements[next]!.tell(server)
        out.item({ atMs: Date.now(), what: announcements[next]!.what }, announcements[next]!.what)
      }
      for (; opts < server.opts.length; opts++) {
        const o = server.opts[opts]!
        out.item({ ...o }, `${o.venID} answers ${o.optType} to ${o.eventID} (${o.code})`)
      }
      for (; reports < server.reports.length; reports++) {
        const r = server.reports[reports]!
        out.item({ ...r }, `${r.venID} reports ${r.rID}: ${JSON.stringify(r.value)}`)
      }
      await pause(250, undefined, { signal: ended }).catch(() => {})
    }
    await server.stop()
  })
  return 0
}

function refused<T>(of: () => T): T {
  try {
    return of()
  } catch (error) {
    throw ofScenario(error)
  }
}
/** Runs until the process is asked to end. */
async function untilEnded(run: (ended: AbortSignal) => Promise<void>): Promise<void> {
  const ended = new AbortController()
  const end = () => ended.abort()
  process.once('SIGINT', end)
  process.once('SIGTERM', end)
  try {
    await run(ended.signal)
  } finally {
    process.off('SIGINT', end)
    process.off('SIGTERM', end)
  }
}
