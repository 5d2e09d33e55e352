import { join, resolve } from 'node:path'
import type { AsItWas } from '../../simulations/replay/asItWas.ts'
import type { Change } from '../../simulations/replay/changes.ts'
import type { WhatIf } from '../../simulations/replay/whatIf.ts'
import type { Context } from './context.ts'
import { type ExitCode, Fault } from './exit.ts'
import { table, wattHours, watts } from './output.ts'
import { ofScenario } from './sim.ts'
import { folderFor, writeResult } from './simFolder.ts'

export type ReplayOptions = { event?: string; spread?: number; param?: readonly string[]; out?: string; csv?: boolean }

/** Decides a recorded journal again and compares, or, with `--spread` or `--param`, plays a recorded event with other parameters. Exit 3 where it differs. */
export async function replay(context: Context<ReplayOptions>, db: string): Promise<ExitCode> {
  const { options, cwd } = context
  const changes = await changesOf(options)
  if (changes.length > 0 && options.event === undefined)
    throw new Fault(2, 'GB-1284', 'which event is to be played with other parameters?', 'add --event with its id or number')
  if (changes.length === 0 && (options.out !== undefined || options.csv))
    throw new Fault(
      2,
      'GB-1285',
      'as it was there is nothing to write: --out and --csv are of an event with other parameters',
      'add --spread or --param',
    )
  const { recordReader } = await import('../main.ts')
  const record = (await recordReader())(resolve(cwd, db))
  try {
    return changes.length === 0 ? await asItWas(context, record) : await whatIf(context, record, changes)
  } catch (error) {
    throw await told(error, db)
  } finally {
    record.close()
  }
}
/** Without the columns that a state is made of there is nothing to decide in. */
async function told(error: unknown, db: string): Promise<unknown> {
  const { MissingBlob } = await import('../core/codec.ts')
  if (!(error instanceof MissingBlob)) return error
  return new Fault(
    3,
    'GB-1286',
    `${db}: ${error.message}, and no state can be made without it`,
    'gridbridge audit verify says what is missing',
  )
}
async function changesOf({ spread, param = [] }: ReplayOptions): Promise<readonly Change[]> {
  const { changeOf } = await import('../../simulations/replay/changes.ts')
  try {
    return [...(spread === undefined ? [] : [{ path: 'spread', value: spread }]), ...param.map(changeOf)]
  } catch (error) {
    throw new Fault(2, 'GB-1285', (error as Error).message, 'gridbridge sim replay --help')
  }
}
type Record = ReturnType<Awaited<ReturnType<typeof import('../main.ts')['recordReader']>>>

async function asItWas({ out, options }: Context<ReplayOptions>, record: Record): Promise<ExitCode> {
  const [{ asItWas }, { recordedEvent }] = await Promise.all([
    import('../../simulations/replay/asItWas.ts'),
    import('../../simulations/replay/recorded.ts'),
  ])
  const event = options.event === undefined ? undefined : await recordedEvent(record.journal, options.event)
  if (options.event !== undefined && event === undefined) throw noEvent(options.event)
  const found = await asItWas(record.journal, event ? { turns: event.turns } : {})
  out.result({ ...found, ok: isSame(found) }, asItWasText(found))
  return isSame(found) ? 0 : 3
}
const noEvent = (id: string) => new Fault(5, 'GB-1303', `no event ${JSON.stringify(id)} in this journal`, 'use its id or its number')
const isSame = ({ differing, extra }: AsItWas): boolean => differing + extra === 0

/** Pure. */
export function asItWasText(r: AsItWas): string {
  const unchecked = Object.entries(r.notRechecked).map(([name, n]) => `not rechecked: ${name}   ${n} facts`)
  const said = isSame(r)
    ? unchecked.length + r.expired > 0
      ? 'Nothing that could be decided again came out otherwise.'
      : 'Every decision comes out as it was recorded.'
    : `${r.differing} of what was decided comes out otherwise, ${r.extra} would be decided now and was not.`
  return [
    `turns         ${r.turns}`,
    `facts         ${r.facts}, ${r.inputs} from outside${r.snapshots > 0 ? `, ${r.snapshots} snapshots` : ''}`,
    `identical     ${r.identical}`,
    `differing     ${r.differing}${r.extra > 0 ? ` and ${r.extra} that are not in the record` : ''}`,
    ...unchecked,
    ...(r.expired + r.expiredTurns > 0 ? [`inputs expired   ${r.expired} facts in ${r.expiredTurns} turns`] : []),
    said,
    ...r.differences.map(
      d =>
        `turn ${d.turn}  ${new Date(d.atMs).toISOString()}  ${d.kind}${d.path === '' ? '' : ` ${d.path}`}: recorded ${valueText(d.recorded)}, now ${valueText(d.again)}`,
    ),
  ].join('\n')
}
const valueText = (value: unknown): string => (value === undefined ? 'nothing' : (JSON.stringify(value)?.slice(0, 200) ?? 'nothing'))

async function whatIf({ out, options, cwd }: Context<ReplayOptions>, record: Record, changes: readonly Change[]): Promise<ExitCode> {
  const [{ whatIf }, { filesOf, summaryOf }, { packageVersion }, { chartLibrary }, { plain }] = await Promise.all([
    import('../../simulations/replay/whatIf.ts'),
    import('../../simulations/replay/files.ts'),
    import('../version.ts'),
    import('../report/library.ts'),
    import('../report/model.ts'),
  ])
  const id = options.event!
  const made = await whatIf(record, id, changes).catch((error: unknown) => {
    throw ofScenario(error, 'gridbridge sim replay --help')
  })
  if (made === undefined) throw noEvent(id)
  const version = packageVersion()
  const dir = resolve(cwd, options.out ?? `replay-${made.event.facts.no}`)
  folderFor(dir, 'gridbridge-sim-replay-1')
  const files = filesOf(made, { library: chartLibrary(), version, csv: options.csv ?? false })
  writeResult(dir, files)
  const summary = plain(summaryOf(made, version)) as ReturnType<typeof summaryOf>
  out.result({ ...summary, dir, files: [...files.keys()] }, await whatIfText(made, dir))
  return 0
}

async function whatIfText(made: WhatIf, dir: string): Promise<string> {
  const { figureRows, fitText, MODEL, placeboText } = await import('../../simulations/replay/files.ts')
  const columns = (['recorded', 'asItWas', 'whatIf', 'difference'] as const).map(key => ({ key, title: titles[key], right: true }))
  const rows = figureRows(made).map(r => ({
    figure: r.figure,
    ...Object.fromEntries(columns.map(({ key }) => [key, r[key] === null ? '-' : figureText(r.figure, r[key])])),
  }))
  const verdict = (of: WhatIf['whatIf']) => of.verification?.verdict ?? 'none'
  return [
    `${made.event.facts.event.id} with ${made.changes.map(c => `${c.path}=${JSON.stringify(c.value)}`).join(' ')}, ${made.who.length} chargers`,
    `verdict    ${made.event.facts.verdicts.at(-1)?.fact.verification.verdict ?? 'none'} recorded, ${verdict(made.asItWas)} as it was, ${verdict(made.whatIf)} what if`,
    '',
    table(rows, [{ key: 'figure', title: 'FIGURE' }, ...columns]),
    '',
    `Recorded is recorded; as it was and what if are modelled from the first limit of each charger on.`,
    MODEL,
    placeboText(made.placebo),
    fitText(made),
    `report     ${join(dir, 'report.html')}`,
  ].join('\n')
}
const titles = { recorded: 'RECORDED', asItWas: 'AS IT WAS', whatIf: 'WHAT IF', difference: 'DIFFERENCE' } as const
/** The name of a figure ends in its unit. */
const figureText = (name: string, value: number): string =>
  name.endsWith('Wh') ? wattHours(value) : /W(PerMinute)?$/.test(name) ? watts(value) : String(Number(value.toPrecision(4)))
