import { writeFileSync } from 'node:fs'
import { resolve } from 'node:path'
import type { Refusal } from '../operations/result.ts'
import type { SettleRequest, settlementShape } from '../operations/settle.ts'
import type { Context } from './context.ts'
import { Fault } from './exit.ts'
import { overlapText, percent, table, wattHours } from './output.ts'

export type SettleOptions = {
  readonly split: SettleRequest['split']
  readonly by: SettleRequest['by']
  readonly db?: string
  readonly scheme: string
  readonly per?: SettleRequest['per']
  readonly price?: string
  readonly amount?: string
  readonly csv?: boolean
  readonly out?: string
}
type Settled = ReturnType<typeof settlementShape>

/** Statements per participant of a verified event: as a text, JSON, or the settlement file. From the running bridge, or with `--db` from its file. */
export async function settle(context: Context<SettleOptions>, id: string): Promise<undefined> {
  const { out, options, cwd } = context
  const isFile = options.csv || (options.out?.endsWith('.csv') ?? false)
  const settled = options.db === undefined ? await fromBridge(context, id, isFile) : await fromFile(context, resolve(cwd, options.db), id)
  if (options.out !== undefined) {
    writeFileSync(resolve(cwd, options.out), isFile ? settled.csv : `${JSON.stringify(settled.json, null, 2)}\n`)
    return void out.note(`written: ${options.out}`)
  }
  out.result(settled.json, isFile ? settled.csv : settledText(settled.json))
}
type Answer = { readonly json: Settled; readonly csv: string }

async function fromBridge({ client, options }: Context<SettleOptions>, id: string, isFile: boolean): Promise<Answer> {
  const { split, by, scheme, price, amount, per } = options
  const query = new URLSearchParams({
    split,
    by,
    scheme,
    ...(per ? { per } : {}),
    ...(price ? { price } : {}),
    ...(amount ? { amount } : {}),
  })
  const path = `/v1/events/${encodeURIComponent(id)}/settlement?${query}`
  const ask = await client()
  const { body } = await ask(path, { timeoutMs: 300_000, ...(isFile ? { headers: { accept: 'text/csv, application/problem+json' } } : {}) })
  return { json: body as Settled, csv: String(body) }
}

async function fromFile({ options }: Context<SettleOptions>, db: string, id: string): Promise<Answer> {
  const [{ recordReader }, { settleRecorded, settlementShape, statementsCsv }] = await Promise.all([
    import('../main.ts'),
    import('../operations/settle.ts'),
  ])
  const from = (await recordReader())(db)
  try {
    const { split, by, scheme, price, amount, per } = options
    const found = await settleRecorded(from, id, {
      ...{ split, by, scheme, per },
      ...(price ? { gbpPerMWh: Number(price) } : {}),
      ...(amount ? { amountGbp: Number(amount) } : {}),
    })
    if (!found.ok) throw faultOf(found.refusal)
    return { json: settlementShape(found.value), csv: statementsCsv(found.value) }
  } finally {
    from.close()
  }
}
/** A refusal of an operation that ran here, told as the bridge would tell it. */
export const faultOf = ({ kind, code, message, hint }: Refusal): Fault =>
  kind === 'invalid'
    ? new Fault(2, 'GB-1305', `${message} [${code}]`, hint)
    : new Fault(5, kind === 'notFound' ? 'GB-1303' : 'GB-1304', `${message} [${code}]`, hint)

const gbp = (pounds: number | null): string => (pounds === null ? '-' : `GBP ${pounds.toFixed(2)}`)
const perTexts = { minute: 'minute', SP: 'settlement period', event: 'event' } as const
/** Pure. */
export function settledText(x: Settled): string {
  const { none, perUnitSP, perMeterSP } = x.floors
  return [
    `${x.event}: ${gbp(x.gbp)} among ${x.statements.length}, by ${x.split}`,
    `  verdict ${x.verdict} (revision ${x.verdictRevision}), baseline ${x.baselineRule}, coverage ${percent(x.coverage)}, ${percent(x.availability)} available`,
    `  asked ${wattHours(x.askedWh)}, delivered ${wattHours(x.deliveredWh)}, ratio ${percent(x.ratio)}`,
    `  floors: none ${wattHours(none)}, per unit ${wattHours(perUnitSP)}, per meter ${wattHours(perMeterSP)}`,
    ...(x.freeRiders.count === 0
      ? []
      : [`  free riders: ${x.freeRiders.count} chargers that drew nothing before, ${percent(x.freeRiders.shareWh)} of what is credited`]),
    ...x.overlaps.map(o => `  ${overlapText(o)}`),
    x.gbpPerMWh === null
      ? '  the amount was given'
      : `  scheme ${x.scheme} at GBP ${x.gbpPerMWh}/MWh by ${perTexts[x.per]}${x.exact ? '' : ' ▲ a band, not a contract: an estimate'}`,
    ...x.periods.map(
      p =>
        `    ${p.from} to ${p.until}: asked ${wattHours(p.askedWh)}, delivered ${wattHours(p.deliveredWh)}${p.factor === null ? '' : `, factor ${p.factor.toFixed(3)}, ${gbp(p.gbp)}`}`,
    ),
    '',
    table(
      x.statements.map(s => ({
        ...s,
        delivered: wattHours(s.deliveredWh),
        coverage: s.coverage === null ? '-' : percent(s.coverage),
        gbp: s.gbp.toFixed(2),
      })),
      [
        { key: 'participant', title: 'PARTICIPANT' },
        { key: 'chargers', title: 'CHARGERS', right: true },
        { key: 'delivered', title: 'DELIVERED', right: true },
        { key: 'coverage', title: 'COVERAGE', right: true },
        ...(x.overlaps.length === 0 ? [] : [{ key: 'overlapping' as const, title: 'IN OTHERS', right: true }]),
        { key: 'gbp', title: 'GBP', right: true },
      ],
    ),
  ].join('\n')
}
