import type { Command } from 'commander'
import { type Does, examples, integer } from './flags.ts'

const defaultDb = 'gridbridge-data/gridbridge.db'
const collect = (value: string, all: readonly string[] = []): string[] => [...all, value]

/** Commands for those who check the log. All but the bridge's own work offline, on a file, a folder or a proof. */
export function auditCommands(program: Command, does: Does, remote: (command: Command) => Command): void {
  const audit = program.command('audit').description('the log that outsiders can check')
  const journal = (command: Command) => command.argument('[db]', 'journal file, or an exported folder', defaultDb)
  const trusting = (command: Command) =>
    command
      .option('--key <file>', 'public key (vkey) of the log')
      .option('--policy <file>', 'logs, witnesses and quorum to trust (C2SP tlog-policy), instead of --key')
  trusting(
    audit
      .command('verify')
      .description('recompute the whole log from its file, or check the evidence pack of an event')
      .argument('[file]', 'journal file, exported folder, or evidence pack (.zip)', defaultDb),
  )
    .option('--since <checkpoint>', 'a checkpoint kept from before: the log must only have grown since')
    .addHelpText(
      'before',
      examples(
        'gridbridge audit verify --key audit.pub --since kept.checkpoint',
        'gridbridge audit verify log-copy --policy policy.txt',
        'gridbridge audit verify evidence-7.zip --key audit.pub',
      ),
    )
    .action(does(async () => (await import('./audit.ts')).verify))
  remote(
    audit
      .command('export')
      .description('the evidence of an event that is over, as one zip file that anybody checks offline')
      .argument('<event>', 'its id or its number'),
  )
    .option('--out <file>', 'where to (default: evidence-NUMBER.zip)')
    .option('--db <file>', "from the bridge's file instead of the running bridge; with the seed.key beside it")
    .option('--without-raw', 'without messages as received and words of people, which can name somebody')
    .addHelpText('before', examples('gridbridge audit export 7', 'gridbridge audit verify evidence-7.zip --key audit.pub'))
    .action(does(async () => (await import('./auditExport.ts')).exportEvidence))
  journal(
    audit
      .command('export-log')
      .description('write the log as tiles and entry bundles (C2SP tlog-tiles) that other tools read; again: only what is new')
      .argument('<dir>'),
  )
    .option('--newest', 'under the newest checkpoint, also where witnesses have not cosigned it')
    .action(does(async () => (await import('./auditLog.ts')).exportFolder))
  journal(
    audit
      .command('prove')
      .description('write an entry, and the proof that it is in the log')
      .argument('<entry>', 'its number, or its leaf hash in hex'),
  )
    .option('--out <name>', 'NAME.json and NAME.tlog-proof (default: entry-NUMBER)')
    .addHelpText(
      'before',
      examples('gridbridge audit prove 1042', 'gridbridge audit check entry-1042.tlog-proof entry-1042.json --key audit.pub'),
    )
    .action(does(async () => (await import('./auditLog.ts')).prove))
  trusting(
    audit
      .command('check')
      .description('check such a proof, anywhere and offline')
      .argument('<proof>', 'the .tlog-proof file')
      .argument('<entry>', 'the file of the entry, byte for byte'),
  ).action(does(async () => (await import('./auditLog.ts')).check))
  audit
    .command('page')
    .description('write one HTML page that checks proofs in a browser, offline')
    .argument('[file]', 'where to', 'check-proof.html')
    .action(does(async () => (await import('./auditPage.ts')).page))

  program
    .command('witness')
    .description("cosign the checkpoints of other people's logs as long as they only grow (C2SP tlog-witness)")
    .option('--log <vkey>', 'a log to watch: its vkey, or a file with it such as audit.pub; can be repeated', collect)
    .option(
      '--name <name>',
      'of the key made on the first start, a URL without its scheme (default: witness.invalid/gridbridge); later another one is refused',
    )
    .option('--dir <path>', 'where its key and what it has seen are kept', 'witness-data')
    .option('--host <address>', 'where to listen', '127.0.0.1')
    .option('--port <n>', 'where to listen', integer(0, 65_535), 8390)
    .addHelpText('before', examples('gridbridge witness --log audit.pub --name dso.example/witness --host 0.0.0.0'))
    .action(does(async () => (await import('./witness.ts')).witness))
}
