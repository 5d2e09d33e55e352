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

export type Amps = { readonly L1: number; readonly L2: number; readonly L3: number }
/** `63` is each phase, `L1=63,L2=50,L3=63` each by name. */
export function parseAmps(text: string): Amps {
  if (/^\d+(\.\d+)?$/.test(text)) return { L1: Number(text), L2: Number(text), L3: Number(text) }
  const named = new Map(text.split(',').map(part => part.trim().toUpperCase().split('=') as [string, string]))
  const of = (name: string) => (/^\d+(\.\d+)?$/.test(named.get(name) ?? '') ? Number(named.get(name)) : Number.NaN)
  const amps = { L1: of('L1'), L2: of('L2'), L3: of('L3') }
  if (named.size !== 3 || Object.values(amps).some(Number.isNaN))
    throw new InvalidArgumentError('write 63 for each phase, or L1=63,L2=50,L3=63')
  return amps
}

/** `50` or `50kW`, as it is passed on: kW. */
export function kilowatts(text: string): string {
  const [, n] = /^(\d+(?:\.\d+)?)\s*(?:kW)?$/.exec(text) ?? []
  if (n === undefined || Number(n) > 2_000_000) throw new InvalidArgumentError('wanted kW, such as 50')
  return n
}
