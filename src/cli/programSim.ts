import type { Command } from 'commander'
import { type Does, examples } from './flags.ts'

/** What an event would do to a fleet: scenarios in virtual time, with the product's own engine. No running bridge. */
export function simCommands(program: Command, does: Does): void {
  const sim = program.command('sim').description('simulate: the same engine in virtual time over a modelled fleet; no running bridge')
  sim
    .command('run')
    .description('play a scenario and write what came of it; without a file: the scenarios that come with the product')
    .argument('[file]', 'a scenario, or the name of one of the library')
    .option('--seed <seed>', 'instead of the one in the scenario')
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
}
