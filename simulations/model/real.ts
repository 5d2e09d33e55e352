import { existsSync, readFileSync } from 'node:fs'
import { gunzipSync } from 'node:zlib'
import { parse } from 'csv-parse/sync'
import type { ChargerNo, Second } from '../../src/core/model.ts'
import { between, stream } from '../fleet/chance.ts'
import type { CarSession } from './cars.ts'

/** A session as it was recorded, without its date: minutes of the local day it began in. */
export type RealSession = { readonly startMinute: number; readonly minutes: number; readonly energyWh: number; readonly maxW: number }
/** Sessions that one outlet had on one day. */
export type OutletDay = readonly RealSession[]

const columns = ['start_local', 'end_local', 'energy_kwh', 'outlet', 'max_kw'] as const

/**
 * Outlet-days of a CSV with the columns of `simulations/data/SOURCE.md`. A bad row is left out and named; nothing else is lost.
 */
export function outletDays(csv: string): { readonly days: readonly OutletDay[]; readonly rejected: readonly string[] } {
  const rows: Record<string, string>[] = parse(csv, { columns: true, skip_empty_lines: true, relax_column_count: true })
  const rejected: string[] = []
  const days = new Map<string, RealSession[]>()
  rows.forEach((row, k) => {
    const bad = columns.find(c => !isFine(c, row[c]))
    if (bad) {
      rejected.push(`row ${k + 2}, column ${bad}: "${row[bad] ?? ''}"`)
      return
    }
    const start = Date.parse(`${row.start_local}Z`)
    const session = {
      startMinute: (start / 60_000) % 1440,
      minutes: (Date.parse(`${row.end_local}Z`) - start) / 60_000,
      energyWh: 1000 * Number(row.energy_kwh),
      maxW: 1000 * Number(row.max_kw),
    }
    if (session.minutes <= 0) {
      rejected.push(`row ${k + 2}, column end_local: "${row.end_local}" is not after its start`)
      return
    }
    const key = `${row.outlet} ${row.start_local!.slice(0, 10)}`
    const day = days.get(key)
    if (day) day.push(session)
    else days.set(key, [session])
  })
  return { days: [...days.values()], rejected }
}
const isFine = (column: (typeof columns)[number], value: string | undefined): boolean =>
  value !== undefined &&
  value !== '' &&
  (column === 'outlet' || (column.endsWith('_local') ? !Number.isNaN(Date.parse(`${value}Z`)) : Number(value) >= 0))

/** The public AC outlets of Dundee in the summer of 2018, which come with the project. */
export function dundeeDays(): readonly OutletDay[] {
  return outletDays(gunzipSync(readFileSync(shipped('data/dundee-2018-ac.csv.gz'))).toString('utf8')).days
}

/**
 * A day of real sessions for each charger: `perCharger` outlet-days, drawn by a stream of its own, laid over one another from local midnight `midnightS`; a
 * session that finds its outlet occupied is not had. More than 1 makes outlets busier than they were. The day before is drawn as well, for the cars that
 * are there at midnight.
 */
export function drawnDay(
  days: readonly OutletDay[],
  chargers: readonly { readonly no: ChargerNo; readonly maxW: number }[],
  { midnightS, perCharger, seed }: { readonly midnightS: Second; readonly perCharger: number; readonly seed: string },
): CarSession[] {
  return chargers.flatMap(({ no, maxW }) => {
    const chance = stream(seed, `cars ${no}`)
    const out: CarSession[] = []
    for (const dayS of [midnightS - 86_400, midnightS]) {
      const count = Math.floor(perCharger) + (chance() < perCharger % 1 ? 1 : 0)
      for (let k = 0; k < count; k++)
        for (const x of days[Math.floor(between(chance, 0, days.length))]!) {
          const arriveS = dayS + 60 * x.startMinute
          const carW = Math.min(x.maxW, maxW)
          // it had its energy in the time that it had
          const needWh = Math.min(x.energyWh, (carW * x.minutes) / 60)
          out.push({ charger: no, arriveS, departS: arriveS + 60 * x.minutes, needWh, maxW: carW })
        }
    }
    return out
  })
}

/** What comes with the project in the folder of the simulations, wherever this was compiled to. */
export function shipped(path: string): URL {
  for (let at = new URL('.', import.meta.url); at.pathname !== '/'; at = new URL('..', at)) {
    const found = new URL(`simulations/${path}`, at)
    if (existsSync(found)) return found
  }
  throw new Error(`simulations/${path} is missing`)
}
