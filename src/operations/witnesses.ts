import type { Instant, NodeNo, Readings } from '../core/model.ts'
import { energyOf, type Steps } from '../core/verify/energy.ts'
import { MOST } from '../core/verify/rows.ts'
import { type EnergySeries, flaw } from '../core/verify/series.ts'
import type { Engine } from '../engine.ts'
import type { Witnesses, WitnessMeter, WitnessPoint, WitnessRows, WitnessSource } from '../ports.ts'
import { type EnergyUnit, MeterFileError, type MeterRowError, readMeterCsv } from './meterCsv.ts'
import { findNode, pathName } from './names.ts'
import { mostPlausibleW, USUAL_MS } from './plausible.ts'
import { type EnergyPoint, MOST_STEPS, pointsOfSeries } from './readings.ts'
import { type By, done, invalid, isoS, type Result, refuse } from './result.ts'

/** A meter as people declare it; the node by number, path or name. */
export type WitnessDeclaration = Omit<WitnessMeter, 'no' | 'node'> & { readonly node: string }
export type WitnessView = Omit<WitnessMeter, 'node'> & { readonly node: { readonly no: NodeNo; readonly path: string } }
export type PointError = { readonly index: number; readonly value: unknown; readonly message: string }
export type Taken = { readonly taken: number; readonly errors: readonly PointError[] }
export type WitnessImport = {
  readonly applied: boolean
  readonly rows: number
  readonly readings: number
  readonly duplicates: number
  readonly meters: readonly string[]
  readonly errors: readonly MeterRowError[]
}

/** Wh of a unit, for one hour of a power. */
const factors: Readonly<Record<WitnessMeter['unit'], number>> = { Wh: 1, kWh: 1e3, MWh: 1e6, W: 1, kW: 1e3, MW: 1e6, degC: 1 }
export const isPower = (unit: WitnessMeter['unit']): boolean => unit.endsWith('W')
/** Is it no meter of energy? */
export const isWeather = ({ kind }: Pick<WitnessMeter, 'kind'>): boolean => kind === 'weather'

/** Energy of one interval as its wire says it, in Wh with import positive. */
export function witnessWh({ unit, sign, stepS }: Pick<WitnessMeter, 'unit' | 'sign' | 'stepS'>, value: number): number {
  const wh = value * factors[unit] * (isPower(unit) ? stepS / 3600 : 1)
  return sign === 'generation' ? -wh || 0 : wh
}
/** Kinds of refusals that are put on record, until the next start. */
const MOST_NOTED = 200
/** Beyond what any substation carries: a unit that was mixed up. */
const MOST_W = 2e9
/** Beyond what was ever measured on Earth: degrees Fahrenheit, or a fault. */
const MOST_C = 60
const LEAST_C = -90
/** A wire's clock may be this far ahead of ours. */
const AHEAD_MS = 60_000

/** The rows of some points, or what is wrong with them; one bad point takes none of the others with it. */
export function witnessRows(
  meter: WitnessMeter,
  points: readonly WitnessPoint[],
  nowMs: Instant,
): { readonly rows: WitnessRows; readonly errors: readonly PointError[] } {
  const errors: PointError[] = []
  const good: { fromMs: number; wh: number }[] = []
  points.forEach(({ at, value }, index) => {
    const stampMs = typeof at === 'number' ? at : Date.parse(at)
    const fromMs = meter.stamp === 'end' ? stampMs - meter.stepS * 1000 : stampMs
    const wh = witnessWh(meter, value)
    const refuse = (what: unknown, message: string) => errors.push({ index, value: what, message })
    if (!Number.isFinite(stampMs)) refuse(at, 'is no time: write RFC 3339, or ms since the epoch')
    else if (fromMs % (meter.stepS * 1000) !== 0) refuse(at, `does not ${meter.stamp} an interval of ${meter.stepS} s`)
    else if (fromMs + meter.stepS * 1000 > nowMs + AHEAD_MS) refuse(at, 'is an interval that is not over yet')
    else if (!Number.isFinite(value)) refuse(value, 'is no number')
    else if (isWeather(meter)) {
      if (value < LEAST_C || value > MOST_C) refuse(value, 'is no temperature in degrees Celsius')
      else good.push({ fromMs, wh })
    } else if (Math.abs(wh) > (MOST_W * meter.stepS) / 3600) refuse(value, `is more than any feeder carries: is the unit ${meter.unit}?`)
    else good.push({ fromMs, wh })
  })
  return {
    rows: {
      fromMs: Float64Array.from(good, x => x.fromMs),
      toMs: Float64Array.from(good, x => x.fromMs + meter.stepS * 1000),
      wh: Float64Array.from(good, x => x.wh),
      receivedMs: new Float64Array(good.length).fill(nowMs),
    },
    errors,
  }
}

/** Data of a day come the next day at the latest; what comes after that is late. */
const LATE_MS = 26 * 3_600_000

/** A witness's intervals as the steps that are asked for; its own flaws are gaps, corrections, lateness, and what is beyond `maxW`: that is flagged, and not counted. */
export function witnessSeries(rows: WitnessRows, steps: Steps, maxW = Number.POSITIVE_INFINITY): EnergySeries {
  const n = rows.wh.length
  const readings: Readings = {
    charger: new Uint32Array(n),
    fromMs: rows.fromMs,
    toMs: rows.toMs,
    powerW: rows.wh.map((wh, k) => (wh * 3_600_000) / (rows.toMs[k]! - rows.fromMs[k]!)),
    registerWh: new Float64Array(n).fill(Number.NaN),
    quality: Uint8Array.from(rows.receivedMs, (at, k) => (at - rows.toMs[k]! > LATE_MS ? flaw.late : 0)),
  }
  // energies allow a rating to be passed by some; here it is a bound
  return energyOf(readings, steps, { maxW: maxW / MOST }).series
}

/** Meters of the network operator as second witnesses of what the chargers' own meters say. */
export function createWitnesses(engine: Engine, store: Witnesses, configured: readonly WitnessDeclaration[] = []) {
  const told = new Set<string>()
  const viewOf = ({ node, ...meter }: WitnessMeter): WitnessView => ({
    ...meter,
    node: { no: node, path: pathName(engine.registry, node) },
  })
  /** One that is configured becomes known when it is first asked for: its node may have been imported since the start. */
  async function find(name: string): Promise<Result<WitnessMeter>> {
    const declaration = configured.find(d => d.name === name)
    const known = store.byName(name)
    if (declaration && !told.has(name)) {
      const declared = await declare(declaration)
      if (declared.ok) told.add(name)
      return declared
    }
    if (known) return done(known)
    return refuse(
      'notFound',
      'meter-not-found',
      `no meter is called ${JSON.stringify(name)}`,
      'declare it in meters.witnesses, or with its first import',
    )
  }
  async function declare({ node, ...rest }: WitnessDeclaration): Promise<Result<WitnessMeter>> {
    if (isWeather(rest) !== (rest.unit === 'degC'))
      return invalid('bad-unit', '#/unit', rest.unit, 'weather is in degC, and nothing else is', 'say --kind weather --unit degC')
    const found = findNode(engine.registry, node)
    return found.ok ? done(await store.declare({ ...rest, node: found.value })) : found
  }
  async function take(name: string, points: readonly WitnessPoint[]): Promise<Result<Taken>> {
    const found = await find(name)
    if (!found.ok) return found
    const { rows, errors } = witnessRows(found.value, points, engine.now())
    if (rows.wh.length > 0) await store.put(found.value.no, rows)
    return done({ taken: rows.wh.length, errors })
  }

  /** What a source sends and cannot be taken is on record, each kind of it once. */
  const noted = new Set<string>()
  async function note(about: { readonly meter: string; readonly why: string }): Promise<void> {
    const key = `${about.meter} ${about.why}`
    if (noted.has(key) || noted.size > MOST_NOTED) return
    noted.add(key)
    await engine.bridge.note('meterRefused', about)
  }
  async function takeOrNote(meter: string, points: readonly WitnessPoint[]): Promise<void> {
    const taken = await take(meter, points)
    if (!taken.ok) await note({ meter, why: taken.refusal.message })
    else if (taken.value.errors[0]) await note({ meter, why: taken.value.errors[0].message })
  }
  const series = async (meter: WitnessMeter, steps: Steps): Promise<EnergySeries> => {
    const [fromMs, toMs] = [steps.fromS * 1000, steps.toS * 1000]
    if (isWeather(meter)) return witnessSeries(await store.range(meter.no, fromMs, toMs), steps)
    const known = await store.range(meter.no, fromMs - USUAL_MS, toMs)
    const first = known.toMs.findIndex(ms => ms > fromMs)
    const asked = rowsFrom(known, first < 0 ? known.wh.length : first)
    return witnessSeries(asked, steps, mostPlausibleW(engine.state(), meter.node, known))
  }

  return {
    list: (): WitnessView[] => store.meters().map(viewOf),
    declare,
    take,
    /** Takes what a source gives for as long as it runs. */
    follow: (source: WitnessSource): Promise<void> =>
      source.start(
        (meter, points) => void takeOrNote(meter, points),
        why => void note({ meter: '', why }),
      ),
    /** Every row of the file that can be used; a dry run unless `apply`. The file's column of meters, or else `name`, says whose it is. */
    async importCsv(text: string, declaration: WitnessDeclaration, apply: boolean, by: By): Promise<Result<WitnessImport>> {
      if (isPower(declaration.unit))
        return invalid(
          'bad-unit',
          '#/unit',
          declaration.unit,
          'a file has energy: Wh, kWh or MWh',
          'convert it, or push it through the API',
        )
      const node = findNode(engine.registry, declaration.node)
      if (!node.ok) return node
      try {
        // temperatures stand in the file as they are
        const file = readMeterCsv(text, { unit: isWeather(declaration) ? 'Wh' : (declaration.unit as EnergyUnit) })
        const wrong = [...file.meters.values()].find(s => s.wh.length > 1 && s.stepS !== declaration.stepS)
        if (wrong)
          return invalid(
            'wrong-step',
            '#/stepS',
            declaration.stepS,
            `the intervals of the file are ${wrong.stepS} s`,
            `declare it with a step of ${wrong.stepS}`,
          )
        const known = [...file.meters].map(([id, series]) => ({ name: id || declaration.name, points: pointsOf(series, declaration) }))
        let readings = 0
        const errors: MeterRowError[] = [...file.errors]
        for (const { name, points } of known) {
          const checked = witnessRows({ ...declaration, name, no: -1, node: node.value }, points, engine.now())
          readings += checked.rows.wh.length
          errors.push(...checked.errors.map(e => rowError(points, e)))
          if (!apply) continue
          const declared = await declare({ ...declaration, name })
          if (!declared.ok) return declared
          const taken = await take(name, points)
          if (!taken.ok) return taken
        }
        if (apply) await engine.bridge.note('metersImported', { by: by.name, meters: known.length, readings, rejected: errors.length })
        const meters = known.map(m => m.name)
        return done({ applied: apply, rows: file.rows, readings, duplicates: file.duplicates, meters, errors })
      } catch (error) {
        if (error instanceof MeterFileError) return refuse('invalid', 'not-a-meter-file', error.message, error.hint)
        throw error
      }
    },
    async energy(name: string, steps: Steps): Promise<Result<readonly EnergyPoint[]>> {
      const found = await find(name)
      if (!found.ok) return found
      if (isWeather(found.value)) return refuse('conflict', 'no-energy', `${name} is a series of temperatures`)
      if (!(steps.toS > steps.fromS) || (steps.toS - steps.fromS) / steps.stepS > MOST_STEPS)
        return invalid('bad-span', '#/until', isoS(steps.toS), `ask for at least one and at most ${MOST_STEPS} steps`)
      return done(pointsOfSeries(await series(found.value, steps)))
    },
    series,
    /** Meters of a node, and not of those above or below it. */
    at: (node: NodeNo): readonly WitnessMeter[] => store.meters().filter(m => m.node === node && !isWeather(m)),
  }
}
export type WitnessOperations = ReturnType<typeof createWitnesses>

const rowsFrom = ({ fromMs, toMs, wh, receivedMs }: WitnessRows, first: number): WitnessRows => ({
  fromMs: fromMs.subarray(first),
  toMs: toMs.subarray(first),
  wh: wh.subarray(first),
  receivedMs: receivedMs.subarray(first),
})
/** A row that was read, and cannot be taken. Which line it was is not known any more: its time says which. */
const rowError = (points: readonly WitnessPoint[], { index, value, message }: PointError): MeterRowError => ({
  ...{ line: 0, column: 'value', value: String(value), code: 'bad-value', message },
  hint: `the row of ${new Date(Number(points[index]!.at)).toISOString()}`,
})
/** As its wire would say it. */
const pointsOf = ({ fromS, stepS, wh }: EnergySeries, { unit, stamp }: WitnessDeclaration): WitnessPoint[] =>
  [...wh.entries()]
    .filter(([, x]) => !Number.isNaN(x))
    .map(([k, x]) => ({ at: (fromS + (k + (stamp === 'end' ? 1 : 0)) * stepS) * 1000, value: x / factors[unit] }))
