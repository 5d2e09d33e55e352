import { type Command, CommanderError } from 'commander'
import { packageVersion } from '../version.ts'
import { type ExitCode, Fault, faultLine } from './exit.ts'
import { createProgram } from './program.ts'

export type Shell = Omit<Parameters<typeof createProgram>[0], 'exit'>

/** One command line, from `argv[2]` on: its exit code, after everything it has to say has been written. */
export async function run(argv: readonly string[], shell: Shell): Promise<ExitCode> {
  let code: ExitCode = 0
  const program = createProgram({ ...shell, exit: ended => (code = ended) }, packageVersion())
  try {
    await program.parseAsync(argv)
  } catch (error) {
    return explain(error, argv, { program, stderr: shell.stderr })
  }
  return code
}

const verbosity = (argv: readonly string[]): number =>
  argv.reduce((n, a) => n + (a === '--verbose' ? 1 : /^-v+$/.test(a) ? a.length - 1 : 0), 0)

/** The command that was meant, with those above it: whose help has the answer. */
function called(program: Command, argv: readonly string[]): string {
  const path = [program]
  for (const word of argv.slice(2)) {
    const child = path.at(-1)!.commands.find(c => c.name() === word)
    if (child) path.push(child)
  }
  return path.map(c => c.name()).join(' ')
}

/** Says what went wrong on stderr and returns the exit code. Only `-vv` shows a stack. */
export function explain(
  error: unknown,
  argv: readonly string[],
  { program, stderr }: { program?: Command; stderr: Shell['stderr'] },
): ExitCode {
  const say = (code: string, message: string, hint: string) => stderr.write(`${faultLine(code, message, hint)}\n`)
  const stack = () => {
    if (verbosity(argv) >= 2 && error instanceof Error) stderr.write(`${error.stack ?? ''}\n`)
  }
  if (error instanceof CommanderError) {
    if (error.exitCode === 0) return 0
    if (error.code === 'commander.help') return 2
    const [message = '', ...more] = error.message.replace(/^error: /, '').split('\n')
    const meant = /\((Did you mean .*)\)/.exec(more.join(' '))?.[1]
    say(
      error.code === 'commander.unknownOption' ? 'GB-1101' : 'GB-1102',
      message,
      meant?.replace('Did', 'did') ?? `see ${program ? called(program, argv) : 'gridbridge'} --help`,
    )
    return 2
  }
  if (error instanceof Fault) {
    say(error.code, error.message, error.hint)
    stack()
    return error.exit
  }
  if (error instanceof Error && error.name === 'ConfigError' && 'faults' in error) {
    for (const f of error.faults as { code: string; path: string; value: string; message: string; hint: string }[])
      say(f.code, `${f.path}${f.value === '' ? '' : ` "${f.value}"`}: ${f.message}`, f.hint)
    return 2
  }
  const { code, message, name } = error as { code?: string; message?: string; name?: string }
  if (name === 'StoreError') {
    say('GB-1240', `${message} [${code}]`, 'the bridge does not start on doubt; nothing was changed')
    stack()
    return 1
  }
  say(
    'GB-1400',
    message ?? String(error),
    code === 'EADDRINUSE' ? 'another process has this port' : verbosity(argv) >= 2 ? '' : '-vv shows where',
  )
  stack()
  return 1
}
