import { type Command, InvalidArgumentError, Option } from 'commander'
import { type Does, examples, integer, kilowatts } from './flags.ts'
import { type Param, paramOf, seedsOf } from './simFlags.ts'

/** What an event would do to a fleet: scenarios in virtual time, with the product's own engine. No running bridge. */
export function simCommands(program: Command, does: Does): void {
  const sim = program.command('sim').description('simulate: the same engine in virtual time over a modelled fleet; no running bridge')
  sim
    .command('run')
    .description('play a scenario and write what came of it; without a file: the scenarios that come with the product')
    .argument('[file]', 'a scenario, or the name of one of the library')
    .option('--seed <seed>', 'instead of the one in the scenario', anything)
    .option('--out <dir>', 'where to (default: sim-NAME-SEED)')
    .option('--csv', 'tables as CSV too')
    .option('--junit <file>', 'thresholds as a JUnit file')
    .addHelpText(
      'before',
      examples('gridbridge sim run', 'gridbridge sim run evening-peak', 'gridbridge sim run mine.yaml --seed 7 --out results'),
    )
    .action(does(async () => (await import('./sim.ts')).run))
  sim
    .command('new')
    .description('write a commented scenario to begin with')
    .argument('<name>')
    .option('--force', 'replace a file that is there')
    .action(does(async () => (await import('./sim.ts')).create))
  sim
    .command('sweep')
    .description('play a scenario under many seeds and settings, on all cores; what is there from an earlier try is not played again')
    .argument('<file>', 'a scenario, or the name of one of the library')
    .requiredOption('--seed <seeds>', 'such as 1..200, or 1,2,5', parsed(seedsOf))
    .option(
      '--param <name=values>',
      'what is tried: spread, allocation, chargers, or a place such as events.evening.intervals.0.ask.share; again for another',
      (text: string, before: readonly Param[]) => [...before, parsed(paramOf)(text)],
      [] as readonly Param[],
    )
    .option('--out <dir>', 'where to (default: sweep-NAME)')
    .option('--workers <n>', 'threads (default: one for each core)', integer(1, 256))
    .option('--csv', 'results as CSV too')
    .option('--junit <file>', 'thresholds as a JUnit file')
    .addHelpText(
      'before',
      examples(
        'gridbridge sim sweep evening-peak --seed 1..200 --param spread=0,300,600,1800',
        'gridbridge sim sweep mine.yaml --seed 1..50 --param manners.overrides=0,0.1 --param fleet.faults.ignores=0,0.1',
      ),
    )
    .action(does(async () => (await import('./simSweep.ts')).sweep))
  sim
    .command('compare')
    .description('what two runs, or two sweeps, differ in')
    .argument('<dirA>')
    .argument('<dirB>')
    .option('--out <file.html>', 'as a page too')
    .action(does(async () => (await import('./simCompare.ts')).compare))
  sim
    .command('reference')
    .description('the cars of a scenario under one cap: uncontrolled, first come, earliest deadline, least laxity, and our own policies')
    .argument('<file>', 'a scenario, or the name of one of the library')
    .option('--cap <kW>', 'of all chargers together (default: 60 % of the uncontrolled peak)', kilowatts)
    .option('--seed <seed>', 'instead of the one in the scenario', anything)
    .action(does(async () => (await import('./simReference.ts')).reference))
  replayCommand(sim, does)
  liveCommands(sim, does)
}
/** What cannot be read is a mistake of whoever typed it. */
const parsed =
  <T>(read: (text: string) => T) =>
  (text: string): T => {
    try {
      return read(text)
    } catch (error) {
      throw new InvalidArgumentError((error as Error).message)
    }
  }
const anything = (text: string): string => {
  if (text.trim() === '') throw new InvalidArgumentError('it is empty')
  return text
}
const factor = (text: string): number => {
  const n = Number(text)
  if (!(n > 0 && n <= 10_000)) throw new InvalidArgumentError('wanted a number above 0, such as 60')
  return n
}
/** Where chargers connect, without what a box puts behind it. */
const socketUrl = (text: string): string => {
  if (!URL.canParse(text) || !/^wss?:$/.test(new URL(text).protocol))
    throw new InvalidArgumentError('wanted a WebSocket address, such as ws://127.0.0.1:8180/ocpp')
  return text.replace(/\/+$/, '')
}

/** The record of a bridge: decided again, or with other parameters. */
function replayCommand(sim: Command, does: Does): void {
  sim
    .command('replay')
    .description("decide a bridge's recorded journal again and compare; with --spread or --param play one of its events otherwise")
    .argument('<db>', 'its file, also while it runs: gridbridge-data/gridbridge.db')
    .option('--event <event>', 'id or number: only the turns of this event')
    .option('--spread <s>', 'start and end of the event are spread over so long, s', integer(0, 1_800))
    .option(
      '--param <path=value>',
      'another parameter of its programme, or of what is asked, such as allocation=rotation or ask.totalW=50000; again for another',
      (text: string, before: readonly string[]) => [...before, text],
      [] as readonly string[],
    )
    .option('--out <dir>', 'where to (default: replay-NUMBER)')
    .option('--csv', 'tables as CSV too')
    .addHelpText(
      'before',
      examples(
        'gridbridge sim replay gridbridge-data/gridbridge.db',
        'gridbridge sim replay gridbridge-data/gridbridge.db --event 12 --spread 1800 --out what-if',
      ),
    )
    .action(does(async () => (await import('./simReplay.ts')).replay))
}

/** The same fleet and operators over real sockets. */
function liveCommands(sim: Command, does: Does): void {
  sim
    .command('fleet')
    .description('play the fleet of a scenario over real OCPP sockets against any central system, until interrupted')
    .requiredOption('--connect <url>', 'the central system, e.g. ws://127.0.0.1:8180/ocpp', socketUrl)
    .option('--scenario <file>', 'whose fleet and cars, or a name of the library (default: evening-peak)')
    .option('--chargers <n>', 'instead of as many as it says', integer(1, 100_000))
    .option('--seed <seed>', 'instead of the one in the scenario', anything)
    .option('--ca <file>', 'whom to trust behind wss://')
    .addOption(new Option('--time-scale <n>', 'seconds of the fleet per second').argParser(factor).default(1))
    .addOption(new Option('--connect-per-s <n>', 'how many connect a second').argParser(integer(1, 10_000)).default(200))
    .addOption(new Option('--sample <s>', 'seconds between meter readings').argParser(integer(1, 3_600)).default(60))
    .addOption(new Option('--status-every <s>', 'seconds between lines of status').argParser(integer(1, 3_600)).default(5))
    .option('--write-fleet <file>', 'write the chargers and their passwords as a fleet file, and end')
    .addHelpText(
      'before',
      examples(
        'gridbridge sim fleet --connect ws://127.0.0.1:8180/ocpp --chargers 5000 --write-fleet fleet.csv',
        'gridbridge sim fleet --connect ws://127.0.0.1:8180/ocpp --chargers 5000',
      ),
    )
    .action(does(async () => (await import('./simLive.ts')).fleet))
  sim
    .command('vtn')
    .description("play a scenario's operators as an OpenADR 2.0b VTN over HTTP, until interrupted")
    .argument('[file]', 'a scenario, or the name of one of the library')
    .addOption(new Option('--port <port>', 'where to listen').argParser(integer(0, 65_535)).default(8081))
    .addOption(new Option('--host <host>', 'on which address').default('127.0.0.1'))
    .addOption(new Option('--context <uri>', 'market contexts are this and the programme').default('http://gridbridge.example'))
    .option('--seed <seed>', 'instead of the one in the scenario: whose load a share is of', anything)
    .addOption(new Option('--poll <s>', 'how often VENs are asked to poll').argParser(integer(1, 3_600)).default(10))
    .action(does(async () => (await import('./simLive.ts')).vtn))
}
