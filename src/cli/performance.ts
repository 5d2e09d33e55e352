import { writeFileSync } from 'node:fs'
import { resolve } from 'node:path'
import type { energyShape } from '../operations/energies.ts'
import type { ProgrammeFigures } from '../operations/programmePerformance.ts'
import type { Context } from './context.ts'
import { Fault } from './exit.ts'
import { percent, table, wattHours } from './output.ts'
import { faultOf } from './settle.ts'

export type PerformanceOptions = {
  readonly scheme: string
  readonly db?: string
  readonly per?: 'SP' | 'minute'
  readonly from?: string
  readonly until?: string
  readonly csv?: boolean
  readonly out?: string
}
/** As the API tells it. */
type Told = Omit<ProgrammeFigures, 'energies'> & { readonly energies?: readonly ReturnType<typeof energyShape>[] }
type Answer = { readonly json: Told; readonly csv: string }

/** A programme over its verified events. From the running bridge, or with `--db` from its file. */
export async function performance(context: Context<PerformanceOptions>, programme: string): Promise<undefined> {
  const { out, options, cwd } = context
  const isFile = options.csv || (options.out?.endsWith('.csv') ?? false)
  const per = options.per ?? (isFile ? 'SP' : undefined)
  const asked = { ...options, ...(per ? { per } : {}) }
  const found =
    options.db === undefined
      ? await fromBridge({ ...context, options: asked }, programme, isFile)
      : await fromFile(resolve(cwd, options.db), programme, asked)
  if (options.out !== undefined) {
    writeFileSync(resolve(cwd, options.out), isFile ? found.csv : `${JSON.stringify(found.json, null, 2)}\n`)
    return void out.note(`written: ${options.out}`)
  }
  out.result(found.json, isFile ? found.csv : performanceText(found.json))
}
async function fromBridge({ client, options }: Context<PerformanceOptions>, programme: string, isFile: boolean): Promise<Answer> {
  const { scheme, per, from, until } = options
  const query = new URLSearchParams({ scheme, ...(per ? { per } : {}), ...(from ? { from } : {}), ...(until ? { until } : {}) })
  const ask = await client()
  const path = `/v1/programmes/${encodeURIComponent(programme)}/performance?${query}`
  const { body } = await ask(path, { timeoutMs: 300_000, ...(isFile ? { headers: { accept: 'text/csv, application/problem+json' } } : {}) })
  return { json: body as Told, csv: String(body) }
}
async function fromFile(db: string, programme: string, { scheme, per, from: since, until }: PerformanceOptions): Promise<Answer> {
  const [{ recordReader }, { programmePerformance }, { energiesCsv, energyShape }] = await Promise.all([
    import('../main.ts'),
    import('../operations/programmePerformance.ts'),
    import('../operations/energies.ts'),
  ])
  const from = (await recordReader())(db)
  try {
    const period = { fromS: secondOf(since, '--from'), untilS: secondOf(until, '--until') }
    const found = await programmePerformance(from, programme, { scheme, per, ...period })
    if (!found.ok) throw faultOf(found.refusal)
    const { energies, ...rest } = found.value
    return { json: { ...rest, ...(energies ? { energies: energies.map(energyShape) } : {}) }, csv: energiesCsv(energies ?? []) }
  } finally {
    from.close()
  }
}
function secondOf(text: string | undefined, flag: string): number | undefined {
  if (text === undefined) return undefined
  const atMs = Date.parse(text)
  if (Number.isNaN(atMs)) throw new Fault(2, 'GB-1305', `${flag} ${JSON.stringify(text)} is no instant`, 'such as 2026-11-01T00:00:00Z')
  return Math.ceil(atMs / 1000)
}

/** Pure. */
export function performanceText(x: Told): string {
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
    ...energiesText(x),
  ].join('\n')
}
function energiesText({ energies, coverage, withoutEnergies = [] }: Told): string[] {
  if (!energies) return []
  const orDash = (wh: number | null | undefined): string => (wh === null || wh === undefined ? '-' : wattHours(wh))
  return [
    '',
    `coverage ${percent(coverage ?? null)}${withoutEnergies.length === 0 ? '' : `; not known any more: ${withoutEnergies.join(', ')}`}`,
    table(
      energies.map(e => ({
        ...{ from: e.from, until: e.until },
        ...{ baseline: orDash(e.baselineWh), actual: orDash(e.actualWh), delivered: orDash(e.deliveredWh) },
        ...{ unit: orDash(e.floors?.perUnitSP), meter: orDash(e.floors?.perMeterSP) },
      })),
      [
        { key: 'from', title: 'FROM' },
        { key: 'until', title: 'UNTIL' },
        { key: 'baseline', title: 'BASELINE', right: true },
        { key: 'actual', title: 'ACTUAL', right: true },
        { key: 'delivered', title: 'DELIVERED', right: true },
        ...(energies[0]?.floors
          ? [
              { key: 'unit' as const, title: 'FLOOR UNIT', right: true },
              { key: 'meter' as const, title: 'FLOOR METER', right: true },
            ]
          : []),
      ],
    ),
  ]
}
