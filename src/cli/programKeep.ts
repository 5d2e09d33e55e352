import type { Command, Option } from 'commander'
import { type Does, examples } from './flags.ts'

type Common = {
  readonly remote: (command: Command) => Command
  readonly configOption: () => Option
  readonly durationS: (text: string) => number
}

/** Commands for those who keep what the bridge has: people's rights, keys, backups, the end of a log, incidents. `audit` must be there already. */
export function keepCommands(program: Command, does: Does, { remote, configOption, durationS }: Common): void {
  const subject = program.command('subject').description('what is kept of a person (GDPR), and its end')
  remote(
    subject
      .command('export')
      .description('all that is kept of the person behind a charger, a box, an MPAN or a token, as JSON')
      .argument('<id>')
      .option('--out <file>', 'where to (mode 0600); stdout without it')
      .option('--also <text...>', 'what else people may have called the person in texts, such as a name'),
  ).action(does(async () => (await import('./subject.ts')).exportOne))
  remote(
    subject
      .command('erase')
      .description('let the box go, then remove who it is, its readings, and what names it; the log stays provable')
      .argument('<id>')
      .option('--also <text...>', 'what else people may have called the person in texts, such as a name')
      .option('--apply', 'do it; without this nothing changes, and it cannot be undone'),
  )
    .addHelpText('before', examples('gridbridge subject export CP-1042', 'gridbridge subject erase CP-1042 --also "Jane Smith" --apply'))
    .action(does(async () => (await import('./subject.ts')).erase))

  const keys = program.command('keys').description('the key that signs the log')
  keys
    .command('show')
    .description('public keys, the one in force and those before it')
    .addOption(configOption())
    .action(does(async () => (await import('./keys.ts')).show))
  keys
    .command('rotate')
    .description('give the log another key, signed by both; the bridge must be stopped')
    .addOption(configOption())
    .option('--to <file>', 'secret key to take, or where to make it; only where the key comes from outside the data folder')
    .action(does(async () => (await import('./keys.ts')).rotate))

  program
    .command('backup')
    .description('copy the whole state into a new folder, also while the bridge runs, and verify the copy')
    .argument('<folder>')
    .addOption(configOption())
    .option('--with-keys', 'with the secret keys: whoever has it can sign in your name')
    .option('--keep <duration>', 'then remove backups in this folder that are older, e.g. 35d', durationS)
    .addHelpText('before', examples('gridbridge backup /backups --keep 35d', 'gridbridge restore /backups/gridbridge-20261122T030000Z'))
    .action(does(async () => (await import('./backup.ts')).backup))
  program
    .command('restore')
    .description('put a backup in the place of the data folder; the bridge must be stopped')
    .argument('<backup>')
    .addOption(configOption())
    .option('--since <checkpoint>', 'a checkpoint kept from before: an older backup is refused')
    .option('--key <file>', 'public key of the log (default: audit.pub of the data folder, then of the backup)')
    .action(does(async () => (await import('./backup.ts')).restore))

  remote(
    program
      .command('incident')
      .description('for those who must be told of an incident')
      .command('export')
      .description('what a 24 h warning and a 72 h notice are written from: scale, impact, a timeline of the log')
      .requiredOption('--from <instant>', 'RFC 3339, e.g. 2026-11-22T03:00:00Z')
      .option('--to <instant>', 'default: now')
      .option('--out <file>', 'where to (mode 0600); stdout without it'),
  ).action(does(async () => (await import('./incident.ts')).exportPeriod))

  program.commands
    .find(c => c.name() === 'audit')!
    .command('close')
    .description('end the log with a last checkpoint and begin the next, each naming the other; the bridge must be stopped')
    .addOption(configOption())
    .requiredOption('--next <origin>', 'name of the next log: a URL without a scheme')
    .requiredOption('--archive <folder>', 'where the closed log goes, with its evidence')
    .action(does(async () => (await import('./backup.ts')).close))
}
