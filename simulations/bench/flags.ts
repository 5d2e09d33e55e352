/** The number after `--name`, or the default. */
export function numberFlag(args: readonly string[], name: string, otherwise: number): number {
  const at = args.indexOf(`--${name}`)
  const value = at < 0 ? otherwise : Number(args[at + 1])
  if (!Number.isFinite(value)) throw new Error(`--${name} takes a number, not ${args[at + 1]}`)
  return value
}
export const median = (values: readonly number[]): number => values.toSorted((a, b) => a - b)[Math.floor(values.length / 2)] ?? Number.NaN
export const print = (line: Record<string, unknown>): void => {
  process.stdout.write(`${JSON.stringify(line)}\n`)
}
/** Three significant figures. */
export const round = (x: number): number => Number(x.toPrecision(3))
