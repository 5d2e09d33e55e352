import { writeFileSync } from 'node:fs'
import { resolve } from 'node:path'
import type { Context } from './context.ts'
import { percent, table, wattHours } from './output.ts'

export type SettleOptions = {
  readonly split: string
  readonly by: string
  readonly scheme: string
  readonly price?: string
  readonly amount?: string
  readonly csv?: boolean
  readonly out?: string
}
type Settled = {
  event: string
  verdict: string
  verdictRevision: number
  baselineRule: string
  scheme: string
  exact: boolean
  split: string
  gbpPerMWh: number | null
  askedWh: number
  deliveredWh: number
  ratio: number | null
  floors: { none: number; perMeterSP: number; perUnitSP: number }
  coverage: number
  gbp: number
  periods: { from: string; until: string; askedWh: number; deliveredWh: number | null; factor: number | null; gbp: number | null }[]
  statements: { participant: string; chargers: number; deliveredWh: number; coverage: number; gbp: number }[]
}

/** Statements per participant of a verified event: as a text, JSON, or the settlement file. */
export async function settle(context: Context<SettleOptions>, id: string): Promise<undefined> {
  const { out, options, cwd } = context
  const { split, by, scheme, price, amount } = options
  const query = new URLSearchParams({ split, by, scheme, ...(price ? { price } : {}), ...(amount ? { amount } : {}) })
  const client = await context.client()
  const path = `/v1/events/${encodeURIComponent(id)}/settlement?${query}`
  const isFile = options.csv || options.out?.endsWith('.csv')
  const { body } = await client(path, isFile ? { headers: { accept: 'text/csv, application/problem+json' } } : {})
  if (options.out !== undefined) {
    writeFileSync(resolve(cwd, options.out), isFile ? String(body) : `${JSON.stringify(body, null, 2)}\n`)
    return out.note(`written: ${options.out}`) as undefined
  }
  out.result(body, isFile ? String(body) : settledText(body as Settled))
}

const gbp = (pounds: number | null): string => (pounds === null ? '-' : `GBP ${pounds.toFixed(2)}`)
/** Pure. */
export function settledText(x: Settled): string {
  const { none, perUnitSP, perMeterSP } = x.floors
  return [
    `${x.event}: ${gbp(x.gbp)} among ${x.statements.length}, by ${x.split}`,
    `  verdict ${x.verdict} (revision ${x.verdictRevision}), baseline ${x.baselineRule}, ${percent(x.coverage)} metered`,
    `  asked ${wattHours(x.askedWh)}, delivered ${wattHours(x.deliveredWh)}, ratio ${percent(x.ratio)}`,
    `  floors: none ${wattHours(none)}, per unit ${wattHours(perUnitSP)}, per meter ${wattHours(perMeterSP)}`,
    x.gbpPerMWh === null
      ? '  the amount was given'
      : `  scheme ${x.scheme} at GBP ${x.gbpPerMWh}/MWh${x.exact ? '' : ' ▲ a band, not a contract: an estimate'}`,
    ...x.periods.map(
      p =>
        `    ${p.from} to ${p.until}: asked ${wattHours(p.askedWh)}, delivered ${wattHours(p.deliveredWh)}${p.factor === null ? '' : `, factor ${p.factor.toFixed(3)}, ${gbp(p.gbp)}`}`,
    ),
    '',
    table(
      x.statements.map(s => ({ ...s, delivered: wattHours(s.deliveredWh), metered: percent(s.coverage), gbp: s.gbp.toFixed(2) })),
      [
        { key: 'participant', title: 'PARTICIPANT' },
        { key: 'chargers', title: 'CHARGERS', right: true },
        { key: 'delivered', title: 'DELIVERED', right: true },
        { key: 'metered', title: 'METERED', right: true },
        { key: 'gbp', title: 'GBP', right: true },
      ],
    ),
  ].join('\n')
}
