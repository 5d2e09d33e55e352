import { Command, InvalidArgumentError, Option } from 'commander'
import { type LimitRequest, parseLimit } from '../operations/limit.ts'
import { createClient } from './client.ts'
import { type Context, findPeer } from './context.ts'
import { type ExitCode, exitCodes } from './exit.ts'
import { type Does, examples, integer, kilowatts, parseAmps, type Run } from './flags.ts'
import { createOutput, type GlobalOptions, type Streams } from './output.ts'
import { auditCommands } from './programAudit.ts'
import { keepCommands } from './programKeep.ts'
import { meterCommands } from './programMeter.ts'
import { settlementCommands } from './programSettlement.ts'
import { simCommands } from './programSim.ts'

export type Process = Streams & { readonly cwd: string; exit(code: ExitCode): void }

/**
 * The whole command line. What a command does stands in its own file and is loaded when it runs, so that `--help` stays quick. Unknown flags and
 * surplus arguments are refused: a mistyped `--aply` must not pass for a dry run.
 */
export function createProgram(proc: Process, version: string): Command {
  const program = new Command('gridbridge')
    .description('Demand-side-response bridge: OpenADR in, staggered OCPP limits out, verified by meters, provable to outsiders.')
    .version(version, '-V, --version')
    .option('--json', 'machine-readable result on stdout (NDJSON for streams)')
    .option('-q, --quiet', 'results only; lists print ids alone')
    .option('-v, --verbose', 'say more; -vv shows stack traces', (_, n: number) => n + 1, 0)
    .option('--no-color', 'no colours (also NO_COLOR, TERM=dumb, or no terminal)')
    .addHelpText('before', examples('gridbridge demo', 'gridbridge init && gridbridge serve', 'gridbridge event list --json'))
    .addHelpText('after', '\nExit codes: gridbridge help exit-codes')
    .configureHelp({ showGlobalOptions: true })
    .helpCommand(false)

  const does: Does =
    <O extends object>(load: () => Promise<Run<O>>) =>
    async (...args: unknown[]) => {
      const command = args.at(-1) as Command
      const options = command.optsWithGlobals<O & GlobalOptions>()
      const context: Context<O> = {
        out: createOutput(options, proc),
        options,
        env: proc.env,
        cwd: proc.cwd,
        client: async () => createClient(await findPeer(context)),
      }
      proc.exit(
        (await (
          await load()
        )(
          context,
          ...(args
            .slice(0, -2)
            .flat()
            .filter(a => a !== undefined) as string[]),
        )) ?? 0,
      )
    }

  program
    .command('demo')
    .description('run the whole path in about a minute: 200 simulated chargers, a VTN, an event, the verdict, the proof')
    .option('--chargers <n>', 'how many simulated chargers', integer(1, 5000), 200)
    .option('--seed <n>', 'what the simulated world is drawn from', integer(0, 2 ** 31), 1)
    .option('--ignore <share>', 'share of chargers that accept a limit and ignore it, e.g. 30%', share, 0)
    .option('--emergency', 'instead: a feeder is limited by hand, one charger ignores it, up to its last resort and the register')
    .option('--dir <path>', 'keep the data here instead of in a temporary directory')
    .addHelpText(
      'before',
      examples('gridbridge demo', 'gridbridge demo --emergency', 'gridbridge demo --ignore 30%', 'gridbridge demo --chargers 50 --json'),
    )
    .action(does(async () => (await import('./demo.ts')).demo))

  program
    .command('init')
    .description('write a configuration with fresh tokens (mode 0600)')
    .argument('[file]', 'where to', 'gridbridge.yaml')
    .option('--force', 'replace a file that is there')
    .option('--print', 'print it instead')
    .action(does(async () => (await import('./init.ts')).init))

  program
    .command('serve')
    .description('run the bridge until SIGTERM or Ctrl-C')
    .addOption(configOption())
    .option('--ocpp-port <n>', 'port for chargers', integer(0, 65_535))
    .option('--api-port <n>', 'port for the API', integer(0, 65_535))
    .option('--data-dir <path>', 'where journal, meters, registry and keys are')
    .addHelpText('before', examples('gridbridge serve --config gridbridge.yaml', 'GRIDBRIDGE_OCPP__PORT=9000 gridbridge serve'))
    .action(does(async () => (await import('./serve.ts')).serve))

  const event = program.command('event').description('events: what the grid asked for and what became of it')
  remote(event.command('list').description('all events, newest first').option('--state <state>', 'only events in this state')).action(
    does(async () => (await import('./event.ts')).list),
  )
  remote(event.command('seed').description('what its random delays were drawn from, once it is over').argument('<id>')).action(
    does(async () => (await import('./event.ts')).seed),
  )
  remote(event.command('show').description('one event with target, measured and verification').argument('<id>')).action(
    does(async () => (await import('./event.ts')).show),
  )
  remote(
    event
      .command('cancel')
      .description('end an event; its chargers come back spread over the restore window')
      .argument('<id>')
      .requiredOption('--reason <text>', 'why; goes into the log')
      .option('--at-once', 'free all chargers at the same time'),
  ).action(does(async () => (await import('./event.ts')).cancel))

  settlementCommands(program, does, remote)

  remote(
    program
      .command('report')
      .description('everything about one event as files: a page that needs nothing else, CSV and Parquet')
      .argument('<event>', 'its id or number')
      .option('--out <dir>', 'where to (default: report-NUMBER)')
      .option('--format <formats>', 'which of html, csv, parquet', reportFormatsOf, ['html', 'csv', 'parquet'])
      .option('--with-names', 'with external ids of chargers and names of sites, which are personal')
      .option('--time-zone <name>', 'of the times on the page, such as Europe/London', timeZone, 'UTC')
      .option('--db <file>', "from a bridge's file instead of the bridge, running or not"),
  )
    .addHelpText('before', examples('gridbridge report 7', 'gridbridge report 7 --db gridbridge-data/gridbridge.db --format html'))
    .action(does(async () => (await import('./report.ts')).report))

  const optOut = program.command('opt-out').description('the right of drivers and operators to be left alone')
  remote(
    optOut
      .command('add')
      .description('take chargers out')
      .argument('<charger...>')
      .option('--for <duration>', 'e.g. 90m, 12h, 7d; without it: until taken back', durationS)
      .addOption(new Option('--reason <why>', 'who wants it').choices(['driver', 'operator', 'consentWithdrawn']).default('operator')),
  ).action(does(async () => (await import('./optOut.ts')).add))
  remote(optOut.command('list').description('who is out, why and until when')).action(does(async () => (await import('./optOut.ts')).list))

  const fleet = program.command('fleet').description('who may be limited')
  remote(
    fleet
      .command('import')
      .description('check a CSV file of chargers; with --apply also enrol them')
      .argument('<file.csv>')
      .option('--apply', 'write it; without this nothing changes')
      .option('--rejected <file>', 'where refused rows go (default: FILE.rejected.csv)'),
  )
    .addHelpText('before', examples('gridbridge fleet import fleet.csv', 'gridbridge fleet import fleet.csv --apply'))
    .action(does(async () => (await import('./fleet.ts')).importFile))
  remote(
    fleet
      .command('release')
      .description('let a charger or station go: clear our profiles, put back its configuration, end its consent')
      .argument('<id>'),
  ).action(does(async () => (await import('./fleet.ts')).release))

  remote(
    fleet
      .command('test')
      .description('test newly enrolled chargers: a short real limit under their programme, judged by their meters')
      .argument('<node|charger>')
      .option('--limit <limit>', 'as for an emergency; without it 6 A', limit)
      .addOption(new Option('--for <duration>', 'how long each holds it').argParser(durationS).default(300, '5m'))
      .option('--programme <id>', 'where they are in more than one'),
  ).action(does(async () => (await import('./fleetTest.ts')).test))

  meterCommands(program, does, remote)
  auditCommands(program, does, remote)
  simCommands(program, does)

  const config = program.command('config').description('the configuration in force')
  config
    .command('show')
    .description('every value, secrets redacted')
    .addOption(configOption())
    .option('--origin', 'with where each value comes from')
    .action(does(async () => (await import('./config.ts')).show))
  config
    .command('check')
    .description('is it acceptable?')
    .addOption(configOption())
    .action(does(async () => (await import('./config.ts')).check))

  remote(
    program
      .command('capacity')
      .description(
        'kW that can be cut now under a node of the network, and what of it comes within a time; without a node: what is enrolled',
      )
      .argument('[node]')
      .option('--within <duration>', 'how soon, e.g. 5m (default: 15m)', durationS),
  ).action(does(async () => (await import('./capacity.ts')).capacity))

  const emergency = program.command('emergency').description('an emergency limit by hand, in two steps on purpose')
  remote(
    emergency
      .command('select')
      .description('check an order, lock its node for 30 s and say what it would do')
      .argument('<node>')
      .requiredOption('--limit <limit>', 'each charger: 6A, 4.2kW, 50% of its maximum, floor, 0; the node: "total 500kW"', limit)
      .addOption(new Option('--for <duration>', 'how long').argParser(durationS).default(1800, '30m'))
      .option('--programme <id>', 'where more than one allows emergencies')
      .option('--basis <text>', 'legal ground for using chargers without consent; goes into the log')
      .option('--test', 'take the whole path and command nobody'),
  )
    .addHelpText(
      'before',
      examples('gridbridge emergency select BATH-11 --limit 6A --for 30m', 'gridbridge emergency operate ID --reason thermalOverload'),
    )
    .action(does(async () => (await import('./emergency.ts')).select))
  remote(
    emergency
      .command('operate')
      .description('fire a selected order')
      .argument('<id>')
      .requiredOption('--reason <code>', 'thermalOverload, voltage, faultRestoration, esoInstruction or test; goes into the log')
      .option('--text <text>', 'remark for the log'),
  ).action(does(async () => (await import('./emergency.ts')).operate))
  remote(emergency.command('put-back').description('let a selected order go, and its node with it').argument('<id>')).action(
    does(async () => (await import('./emergency.ts')).putBack),
  )

  const nodeLimit = program.command('limit').description('limits that stand on nodes of the network until they are cleared')
  remote(
    nodeLimit
      .command('set')
      .description('the load under a node may not pass this; a limit that is there is replaced')
      .argument('<node>')
      .argument('[kw]', 'kW, e.g. 50', kilowatts)
      .option('--amps <amps>', 'on each phase, e.g. 63, or L1=63,L2=50,L3=63', parseAmps)
      .option('--programme <id>', 'where the chargers of the node are in more than one'),
  )
    .addHelpText(
      'before',
      examples(
        'gridbridge limit set BATH/BATH-11 50',
        'gridbridge limit set BATH/BATH-11 --amps 63',
        'gridbridge limit clear BATH/BATH-11',
      ),
    )
    .action(does(async () => (await import('./limit.ts')).set))
  remote(nodeLimit.command('list').description('those in force')).action(does(async () => (await import('./limit.ts')).list))
  remote(nodeLimit.command('clear').description('take it back: load returns over the restore window').argument('<node>')).action(
    does(async () => (await import('./limit.ts')).clear),
  )

  const register = program.command('register').description('every emergency there was: who, what, why, how long, with what effect')
  remote(register.command('list').description('newest first').option('--unreviewed', 'only those whose review is owed')).action(
    does(async () => (await import('./register.ts')).list),
  )
  remote(register.command('show').description('one, with each step of its last resort').argument('<id>', 'its number or its event')).action(
    does(async () => (await import('./register.ts')).show),
  )
  remote(
    register
      .command('export')
      .description('all of it; with --anonymous for the public: areas, times, counts and kW, no charger')
      .option('--anonymous', 'nobody can be known from it')
      .addOption(new Option('--format <format>', 'csv or json').choices(['csv', 'json']).default('csv'))
      .option('--out <file>', 'where to; stdout without it'),
  ).action(does(async () => (await import('./register.ts')).exportAll))
  remote(
    register
      .command('review')
      .description('say that somebody looked at it, and what was found; goes into the log')
      .argument('<id>')
      .requiredOption('--by <name>', 'who looked')
      .requiredOption('--note <text>', 'what was found'),
  ).action(does(async () => (await import('./register.ts')).review))

  program
    .command('baseline')
    .description('what a meter would have drawn without an event, from a plain CSV file; no fleet, no running bridge')
    .option('--ruleset <id>', 'e.g. elexon-bl01 (the version in force on the day) or dfs-domestic@1; with --compare several, by comma')
    .option('--meter <file>', 'CSV with a column of interval starts and one of energy: start,kwh')
    .option('--id <meter>', 'one meter of a file that has a column for it')
    .option('--day <date>', 'the local day of the event, e.g. 2024-02-15')
    .option('--from <time>', 'its start by the local clock, e.g. 17:00 (default: the whole day; with --compare 17:00)')
    .option('--to <time>', 'its end; at or before --from: on the next day (with --compare 18:00)')
    .option('--weather <file>', 'CSV of temperatures, for a ruleset that looks for days alike in them: start,temperature')
    .option('--event-days <dates>', 'days on which the meter was in an event, by comma')
    .addOption(new Option('--unit <unit>', 'of the energy; without it as the column is called, else kWh').choices(['Wh', 'kWh', 'MWh']))
    .option('--stamps <zone>', 'what times without an offset are in', 'UTC')
    .option('--zone <zone>', 'whose clock makes the days (default: the zone of the ruleset)')
    .option('--compare', 'instead: how far each ruleset is off on days without an event')
    .option('--sizes <list>', 'with --compare: meters added up', '1,10,100,1000')
    .option('--list', 'instead: the rulesets')
    .addHelpText(
      'before',
      examples(
        'gridbridge baseline --list',
        'gridbridge baseline --ruleset elexon-bl01 --meter meter.csv --day 2024-02-15 --from 17:00 --to 18:00',
        'gridbridge baseline --compare --meter meters.csv --from 17:00 --to 19:00',
      ),
    )
    .action(does(async () => (await import('./baseline.ts')).baseline))

  keepCommands(program, does, { remote, configOption, durationS })

  const charger = program.command('charger').description('one charger')
  remote(charger.command('limits').description('who limits it, why, until when, and how to override').argument('<id>')).action(
    does(async () => (await import('./charger.ts')).limits),
  )

  program
    .command('help')
    .description('help on a command, or on exit-codes')
    .argument('[topic...]')
    .action((topic: string[]) => {
      if (topic[0] === 'exit-codes') {
        proc.stdout.write(exitCodes.map(([code, text]) => `${String(code).padStart(3)}  ${text}\n`).join(''))
        proc.exit(0)
        return
      }
      let at: Command = program
      for (const word of topic) at = at.commands.find(c => c.name() === word) ?? at.error(`unknown command '${word}'`)
      at.help()
    })
  return strict(program, proc)
}

/** One way of failing for the whole tree: commander throws, `run.ts` says it. */
function strict(command: Command, proc: Process): Command {
  command
    .exitOverride()
    .configureOutput({
      outputError: () => {},
      writeOut: text => void proc.stdout.write(text),
      writeErr: text => void proc.stderr.write(text),
    })
    .allowExcessArguments(false)
    .showSuggestionAfterError(true)
  for (const child of command.commands) strict(child, proc)
  return command
}

const configOption = () => new Option('-c, --config <file>', 'configuration file (default: ./gridbridge.yaml, then XDG, then /etc)')
/** Options of a command that speaks to a running bridge. */
const remote = (command: Command): Command =>
  command
    .addOption(configOption())
    .option('--url <url>', 'the bridge (or GRIDBRIDGE_URL, or from the configuration)')
    .option('--token <token>', 'bearer token (or GRIDBRIDGE_TOKEN, or from the configuration)')

/** `30%` or `0.3` -> 0.3. */
export function share(text: string): number {
  const n = text.endsWith('%') ? Number(text.slice(0, -1)) / 100 : Number(text)
  if (text.trim() === '' || !(n >= 0 && n <= 1)) throw new InvalidArgumentError('wanted a share such as 30%')
  return n
}
/** `html,csv` -> a list. */
export function reportFormatsOf(text: string): string[] {
  const formats = text.split(',').map(f => f.trim())
  if (formats.some(f => !['html', 'csv', 'parquet'].includes(f))) throw new InvalidArgumentError('wanted some of html,csv,parquet')
  return formats
}
/** A zone that this machine's tables have. */
function timeZone(name: string): string {
  try {
    new Intl.DateTimeFormat('en-GB', { timeZone: name })
    return name
  } catch {
    throw new InvalidArgumentError('wanted a time zone such as Europe/London')
  }
}
/** `90s`, `30m`, `2h`, `7d` -> seconds. A number without a unit is refused: nobody can tell what it means. */
export function durationS(text: string): number {
  const [, n, unit] = /^(\d+(?:\.\d+)?)(s|m|h|d)$/.exec(text) ?? []
  const s = Math.round(Number(n) * ({ s: 1, m: 60, h: 3600, d: 86_400 }[unit as 's'] ?? Number.NaN))
  if (!(s > 0)) throw new InvalidArgumentError('wanted a duration with a unit, such as 90s, 30m, 2h')
  return s
}
/** `6A`, `4.2kW`, `50%`, `floor`, `off`, `total 500kW`, and `0` for off. A number other than 0 needs its unit. */
export function limit(text: string): LimitRequest {
  if (/^0+(\.0+)?\s*(A|W|kW)?$/.test(text)) return { to: 'off' }
  const parsed = parseLimit(text)
  if (!parsed.ok) throw new InvalidArgumentError(parsed.refusal.hint ?? parsed.refusal.message)
  return parsed.value
}
