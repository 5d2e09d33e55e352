/**
 * `npm run bench -- NAME [flags]`: prints JSON lines on stdout and nothing else there. Every number in the docs comes from here. Ratios are taken
 * within one run, because machines are shared; nothing in the tests depends on an absolute.
 */
const benches = [
  'fanout',
  'plan',
  'journal',
  'audit',
  'ingest',
  'idle',
  'restore',
  'deliver',
  'capacity',
  'stagger',
  'baseline',
  'verify',
  'sim',
] as const
const [name, ...args] = process.argv.slice(2)

if (!benches.some(b => b === name)) {
  process.stderr.write(`usage: npm run bench -- ${benches.join('|')} [flags]\n`)
  process.exit(2)
}
const { run } = (await import(`./${name}.js`)) as { run(args: string[]): Promise<void> }
await run(args)
process.exit(0)
