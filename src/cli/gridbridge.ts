#!/usr/bin/env node
import { type Command, CommanderError } from 'commander'
import { packageVersion } from '../version.ts'
import { type ExitCode, Fault, faultLine } from './exit.ts'
import { createProgram } from './program.ts'

const program = createProgram(
  {
    stdout: process.stdout,
    stderr: process.stderr,
    env: process.env,
    cwd: process.cwd(),
    exit: code => {
      process.exitCode = code
    },
  },
  packageVersion(),
)

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
function explain(error: unknown, argv: readonly string[]): ExitCode {
  const say = (code: string, message: string, hint: string) => process.stderr.write(`${faultLine(code, message, hint)}\n`)
  const stack = () => {
    if (verbosity(argv) >= 2 && error instanceof Error) process.stderr.write(`${error.stack ?? ''}\n`)
  }
  if (error instanceof CommanderError) {
    if (error.exitCode === 0) return 0
    if (error.code === 'commander.help') return 2
    const [message = '', ...more] = error.message.replace(/^error: /, '').split('\n')
    const meant = /\((Did you mean .*)\)/.exec(more.join(' '))?.[1]
    say(
      error.code === 'commander.unknownOption' ? 'GB-1101' : 'GB-1102',
      message,
      meant?.replace('Did', 'did') ?? `see ${called(program, argv)} --help`,
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

for (const stream of [process.stdout, process.stderr])
  stream.on('error', (error: NodeJS.ErrnoException) => {
    if (error.code === 'EPIPE') process.exit(0)
    throw error
  })
process.on('uncaughtException', error => {
  process.exit(explain(error, process.argv) || 1)
})
/** A command that has something to put in order on Ctrl-C takes this over. */
const interrupted = () => process.exit(130)
process.once('SIGINT', interrupted)

try {
  await program.parseAsync(process.argv)
} catch (error) {
  process.exitCode = explain(error, process.argv)
}
