import { type Command, InvalidArgumentError, Option } from 'commander'
import { type Does, examples } from './flags.ts'

/** Those of src/core/verify/schemes.ts; a test holds the two together. With what a contract sets: `flexiblePower:grace=0.03,slope=2`, `points:0.5=0.5,1=1`. */
export const schemeIds = ['dfs', 'ssen', 'flexiblePower', 'ercot', 'proportional']
const schemeText = `${schemeIds.join(', ')}; as a contract sets it: flexiblePower:grace=0.03,slope=2 or points:0.5=0.5,1=1`

/** Those of src/operations/participants.ts; a test holds the two together. */
export const participants = ['charger', 'group', 'event', 'licenceArea', 'gsp', 'primary', 'feeder', 'site', 'station']

/** Commands for those who deal with buyers and participants: statements, how a programme does, what is submitted before an event. */
export function settlementCommands(program: Command, does: Does, remote: (command: Command) => Command): void {
  remote(
    program
      .command('settle')
      .description('what a verified event comes to, and who gets what, exact to the penny; pays nobody')
      .argument('<event>')
      .addOption(
        new Option('--split <rule>', 'what the money is shared by')
          .choices(['equal', 'delivered', 'availability', 'chargers'])
          .default('delivered'),
      )
      .addOption(new Option('--by <who>', 'who gets a statement').choices(participants).default('site'))
      .addOption(new Option('--scheme <id>', `how pay follows delivery: ${schemeText}`).default('proportional'))
      .option('--price <gbp>', 'GBP per MWh (default: that of the programme)', pounds)
      .addOption(new Option('--amount <gbp>', 'GBP that the buyer has paid, instead of a price').argParser(pounds).conflicts('price'))
      .option('--db <file>', 'from the file of a bridge instead of the running one')
      .addOption(new Option('--per <step>', 'with the energies of each participant; with --csv a line for each').choices(['SP', 'minute']))
      .option('--csv', 'the settlement file: a line per participant')
      .option('--out <file>', 'where to; stdout without it; a name in .csv gives the settlement file'),
  )
    .addHelpText(
      'before',
      examples('gridbridge settle EVENT --scheme dfs --price 300', 'gridbridge settle EVENT --amount 1250 --by group --out may.csv'),
    )
    .action(does(async () => (await import('./settle.ts')).settle))

  remote(
    program
      .command('performance')
      .description(
        'a programme over its verified events: delivery, persistence, opt-outs, and whether a buyer may take it off the register',
      )
      .argument('<programme>')
      .addOption(new Option('--scheme <id>', `whose pay factor counts: ${schemeText}`).default('dfs'))
      .option('--from <instant>', 'events that begin at or after it, e.g. 2026-11-01T00:00:00Z')
      .option('--until <instant>', 'and before it')
      .addOption(new Option('--per <step>', 'with the sums of the events, by settlement period or by minute').choices(['SP', 'minute']))
      .option('--db <file>', 'from the file of a bridge instead of the running one')
      .option('--csv', 'the sums as a file: a line per settlement period, or minute')
      .option('--out <file>', 'where to; stdout without it; a name in .csv gives the file'),
  )
    .addHelpText('before', examples('gridbridge performance evenings --from 2026-11-01T00:00:00Z --per SP --out november.csv'))
    .action(does(async () => (await import('./performance.ts')).performance))

  const submission = program.command('submission').description('baselines and availability that a buyer wants before an event')
  remote(submission.command('list').description('by deadline: draft, due, sent or late')).action(
    does(async () => (await import('./submission.ts')).list),
  )
  remote(
    submission
      .command('draft')
      .description('make one from the meters, with what such a forecast was wrong by lately')
      .argument('<node>')
      .addOption(new Option('--kind <kind>', 'what it says').choices(['baseline', 'availability']).default('baseline'))
      .addOption(new Option('--cadence <cadence>', 'for a day, or for a week').choices(['dayAhead', 'weekly']).default('dayAhead'))
      .option('--day <date>', 'a day of it, e.g. 2026-11-23 (default: the next that can be in time)')
      .option('--deadline <instant>', "the buyer's own (default: noon of the day before; a week: of the Wednesday before)"),
  ).action(does(async () => (await import('./submission.ts')).draft))
  remote(
    submission
      .command('send')
      .description('write the file that you upload, and put on record that it was sent')
      .argument('<id>')
      .option('--out <file>', 'where to (default: ID.csv)'),
  )
    .addHelpText(
      'before',
      examples('gridbridge submission draft BATH --cadence weekly', 'gridbridge submission send ID --out baseline.csv'),
    )
    .action(does(async () => (await import('./submission.ts')).send))

  remote(
    submission
      .command('nominate')
      .description('say what a node will draw in half hours to come: the baseline of events whose ruleset is `nominated`')
      .argument('<node>', 'path, name or number; everything below it is the unit')
      .argument('<file.csv>', 'columns from_utc and kw, as `submission send` writes them'),
  )
    .addHelpText('before', examples('gridbridge submission nominate BATH-11 tomorrow.csv'))
    .action(does(async () => (await import('./nominate.ts')).nominate))
  remote(
    submission.command('nominations').description('what was nominated, oldest first').option('--node <node>', 'of this node alone'),
  ).action(does(async () => (await import('./nominate.ts')).nominations))
}

/** `12`, `12.50`, as it is passed on: pounds, no more than pence. */
function pounds(text: string): string {
  if (!/^-?\d{1,9}(\.\d{1,2})?$/.test(text)) throw new InvalidArgumentError('wanted pounds, such as 12.50')
  return text
}
