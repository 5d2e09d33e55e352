import { type Command, Option } from 'commander'
import { type Does, examples, integer } from './flags.ts'

/** Meters that are no charger's. `remote` adds how the bridge is reached. */
export function meterCommands(program: Command, does: Does, remote: (command: Command) => Command): void {
  const meter = program.command('meter').description("meters that are no charger's: the network operator's own, a site's half-hourly one")
  remote(
    meter
      .command('import')
      .description('check a CSV file of energy by interval (a column of times, one of energy); with --apply also store it')
      .argument('<file.csv>')
      .requiredOption('--node <node>', 'what it measures: number, path or name of a node')
      .option('--name <name>', 'of the meter, where the file has no column of meters (default: as the node)')
      .addOption(new Option('--kind <kind>', 'what it is').choices(['substation', 'feeder', 'site', 'weather']).default('feeder'))
      .addOption(new Option('--unit <unit>', 'of the file').choices(['Wh', 'kWh', 'MWh', 'degC']).default('kWh'))
      .addOption(new Option('--sign <sign>', 'what is positive').choices(['consumption', 'generation']).default('consumption'))
      .addOption(new Option('--stamp <end>', 'which end of its interval a time names').choices(['start', 'end']).default('start'))
      .addOption(new Option('--step <seconds>', 'length of an interval').argParser(integer(60, 86_400)).default(1800))
      .option('--apply', 'store it; without this nothing changes'),
  )
    .addHelpText(
      'before',
      examples(
        'gridbridge meter import feeder.csv --node BATH-11 --unit kWh --step 1800 --apply',
        'gridbridge meter import airfield.csv --node BATH --name airfield --kind weather --unit degC --step 3600 --apply',
      ),
    )
    .action(does(async () => (await import('./meter.ts')).importFile))
  remote(meter.command('list').description('those that are known')).action(does(async () => (await import('./meter.ts')).list))
}
