import { resolve } from 'node:path'
import type { ProgrammeFigures } from '../operations/programmePerformance.ts'
import type { Context } from './context.ts'
import { percent, table, wattHours } from './output.ts'
import { faultOf } from './settle.ts'

/** A programme over all of its verified events. From the running bridge, or with `--db` from its file. */
export async function performance(context: Context<{ scheme: string; db?: string }>, programme: string): Promise<undefined> {
  const { out, options, cwd } = context
  const found =
    options.db === undefined ? await fromBridge(context, programme) : await fromFile(resolve(cwd, options.db), programme, options.scheme)
  out.result(found, performanceText(found))
}
async function fromBridge({ client, options }: Context<{ scheme: string }>, programme: string): Promise<ProgrammeFigures> {
  const path = `/v1/programmes/${encodeURIComponent(programme)}/performance?scheme=${encodeURIComponent(options.scheme)}`
  return (await (await client())(path, { timeoutMs: 300_000 })).body as ProgrammeFigures
}
async function fromFile(db: string, programme: string, scheme: string): Promise<ProgrammeFigures> {
  const [{ recordReader }, { programmePerformance }] = await Promise.all([
    import('../main.ts'),
    import('../operations/programmePerformance.ts'),
  ])
  const from = (await recordReader())(db)
  try {
    const found = await programmePerformance(from.journal, programme, scheme)
    if (!found.ok) throw faultOf(found.refusal)
    return found.value
  } finally {
    from.close()
  }
}

/** Pure. */
export function performanceText(x: ProgrammeFigures): string {
  const { inARow, inThreeMonths, isDue } = x.deregistration
  const slope = x.persistence === null ? 'unknown' : `${(100 * x.persistence).toFixed(1)} points an event`
  return [
    `${x.programme}: asked ${wattHours(x.askedWh)}, delivered ${wattHours(x.deliveredWh)}, ratio ${percent(x.ratio)}, over ${x.events.length} events`,
    `  persistence ${slope}; opted out ${percent(x.optOutRate)}`,
    `  ${isDue ? '▲ a buyer may take it off the register' : 'not to be taken off a register'}: factor of ${x.scheme} below 0.5 ${inARow} times in a row, ${inThreeMonths} times in three months`,
    '',
    table(
      x.events.map(e => ({
        ...e,
        verdict: e.isSettleable ? e.verdict : `${e.verdict} (not settleable)`,
        asked: wattHours(e.askedWh),
        delivered: wattHours(e.deliveredWh),
        ratio: percent(e.ratio),
        over: wattHours(e.overWh),
      })),
      [
        { key: 'from', title: 'FROM' },
        { key: 'verdict', title: 'VERDICT' },
        { key: 'asked', title: 'ASKED', right: true },
        { key: 'delivered', title: 'DELIVERED', right: true },
        { key: 'ratio', title: 'RATIO', right: true },
        { key: 'over', title: 'OVER', right: true },
        { key: 'optedOut', title: 'OPTED OUT', right: true },
        { key: 'event', title: 'EVENT' },
      ],
    ),
  ].join('\n')
}
