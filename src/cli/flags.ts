import { InvalidArgumentError } from 'commander'
import type { Context } from './context.ts'
import type { ExitCode } from './exit.ts'

export type Run<O extends object> = (context: Context<O>, ...args: string[]) => Promise<ExitCode | undefined>
/** What a command does, loaded when it runs. */
export type Does = <O extends object>(load: () => Promise<Run<O>>) => (...args: unknown[]) => Promise<void>

export const examples = (...lines: string[]): string => `Examples:\n${lines.map(l => `  $ ${l}`).join('\n')}\n`

export const integer = (min: number, max: number) => (text: string) => {
  const n = Number(text)
  if (!Number.isInteger(n) || n < min || n > max) throw new InvalidArgumentError(`wanted a whole number from ${min} to ${max}`)
  return n
}
