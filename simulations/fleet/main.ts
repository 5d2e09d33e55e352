import { createWriteStream, readFileSync } from 'node:fs'
import { parseArgs } from 'node:util'
import { demoFleet } from './demo.ts'
import { createFleet } from './fleet.ts'

const USAGE = `usage: main.js --url ws://HOST:PORT/PATH [--chargers 200] [--seed 1] [--ignore 0.03] [--reject 0.04] [--lag 0.05] [--offline 0.04]
  [--resume 0.03] [--plugged 0.8] [--sample 3] [--offline-from 20] [--offline-to 70] [--time-scale 1] [--tick-ms 250] [--connect-per-s 200]
  [--ca FILE] [--log FILE.jsonl] [--status-every SECONDS]
Runs the demo fleet against a central system until SIGTERM. A JSON status line goes to stdout on SIGUSR2 and every --status-every seconds.`

const fail = (why: string): never => {
  process.stderr.write(`${why}\n${USAGE}\n`)
  process.exit(2)
}

const OPTIONS = [
  ['chargers', 200],
  ['seed', 1],
  ['ignore', 0.03],
  ['reject', 0.04],
  ['lag', 0.05],
  ['offline', 0.04],
  ['resume', 0.03],
  ['plugged', 0.8],
  ['sample', 3],
  ['offline-from', 20],
  ['offline-to', 70],
  ['time-scale', 1],
  ['tick-ms', 250],
  ['connect-per-s', 200],
  ['status-every', 0],
] as const
type Option = (typeof OPTIONS)[number][0]

const readArgs = () => {
  const names = [...OPTIONS.map(([name]) => name), 'url', 'ca', 'log']
  try {
    return parseArgs({ options: Object.fromEntries(names.map(name => [name, { type: 'string' as const }])), strict: true }).values
  } catch (thrown) {
    return fail((thrown as Error).message)
  }
}

const args = readArgs()
const given = (name: Option): number => {
  const text = args[name] as string | undefined
  const value = text === undefined ? OPTIONS.find(([n]) => n === name)![1] : Number(text)
  return Number.isFinite(value) && value >= 0 ? value : fail(`--${name}: ${text} is not a number`)
}

const url = (args['url'] as string | undefined) ?? fail('--url is missing')
const seed = given('seed')
const ca = args['ca'] as string | undefined
const logFile = args['log'] as string | undefined
const log = logFile === undefined ? undefined : createWriteStream(logFile, { flags: 'a' })
const line = (entry: object): unknown => log?.write(`${JSON.stringify(entry)}\n`)
const LOGGED = ['SetChargingProfile', 'ClearChargingProfile', 'ChangeConfiguration', 'SetVariables']

const fleet = createFleet({
  url,
  seed,
  tickMs: given('tick-ms'),
  timeScale: given('time-scale'),
  connectPerS: given('connect-per-s'),
  ...(ca === undefined ? {} : { tls: { ca: readFileSync(ca) } }),
  chargers: demoFleet(given('chargers'), seed, {
    ignoreShare: given('ignore'),
    rejectShare: given('reject'),
    lagShare: given('lag'),
    offlineShare: given('offline'),
    resumeShare: given('resume'),
    pluggedShare: given('plugged'),
    sampleIntervalS: given('sample'),
    offlineFromS: given('offline-from'),
    offlineToS: given('offline-to'),
  }),
  ...(log === undefined
    ? {}
    : {
        logged: (identity, e) =>
          line({ atMs: Math.round(e.atMs), identity, limitW: e.appliedW ?? null, heldW: e.limitW ?? null, powerW: Math.round(e.powerW) }),
        framed: ({ dir, kind, action, identity, payload }) => {
          if (!LOGGED.includes(action)) return
          if (dir === 'in' && kind === 'call') line({ atMs: Date.now(), identity, action, payload })
          else if (dir === 'out') line({ atMs: Date.now(), identity, answerTo: action, payload })
        },
      }),
})

const status = (): unknown => process.stdout.write(`${JSON.stringify(fleet.status())}\n`)
const stop = (): void => {
  clearInterval(reporting)
  fleet.stop()
  if (log === undefined) process.exit(0)
  log.end(() => process.exit(0))
}
const every = given('status-every')
const reporting = every > 0 ? setInterval(status, every * 1000) : undefined
process.on('SIGUSR2', status)
process.on('SIGTERM', stop)
process.on('SIGINT', stop)
fleet.start()
