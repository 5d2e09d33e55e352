import { resolve } from 'node:path'
import type { Incident } from '../operations/incident.ts'
import type { Context } from './context.ts'
import { writePrivate } from './output.ts'

/** JSON for the notice, to stdout or to a file that only its owner may read. */
export async function exportPeriod(context: Context<{ from: string; to?: string; out?: string }>): Promise<undefined> {
  const { out, options, cwd } = context
  const to = options.to ?? new Date().toISOString()
  const query = new URLSearchParams({ from: options.from, to }).toString()
  const { body } = await (await context.client())(`/v1/incident?${query}`, { timeoutMs: 600_000 })
  const incident = body as Incident
  const text = JSON.stringify(incident, null, 2)
  if (options.out === undefined) return void out.result(incident, text)
  writePrivate(resolve(cwd, options.out), `${text}\n`)
  out.result(
    { file: options.out },
    `written: ${options.out}, ${incident.timeline.length} entries; the early warning is due 24 h after you became aware, the full notice 72 h`,
  )
}
