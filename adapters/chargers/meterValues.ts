/**
 * MeterValues of real boxes as readings. Pure: one function over a small state per EVSE.
 *
 * A reading is the mean power over an interval. What a box sends is an instant's power, an average over an interval stamped at its start or its end, or only
 * an energy register. We choose: a sampled value stands for the time since the sample before it (or one sampling period); clock-aligned values stand for
 * the interval that begins at their stamp (OCPP 1.6 §3.16.2 leaves the stamp open, 2.0.1 J02 says start); where the register is all there is, power is
 * dE/dt over at least `registerSpanMs`. The order of trust: active power, then current times voltage, then register and energy interval.
 */
import { type Instant, quality } from '../../src/core/model.ts'

export type MeterState = {
  /** End of the newest interval, by our clock; 0 before the first. */
  lastMs: Instant
  lastPrint: number
  /** The register to measure from, NaN before the first. */
  anchorWh: number
  anchorMs: Instant
  /** A register that fell to zero once (some boxes do that for one sample); believed when it stays down. */
  fell: boolean
}
export const newMeterState = (): MeterState => ({ lastMs: 0, lastPrint: Number.NaN, anchorWh: Number.NaN, anchorMs: 0, fell: false })

export type MeterContext = {
  /** The box's clock minus ours. */
  readonly offsetMs: number
  readonly periodMs: number
  readonly alignedMs: number
  /** When the message came in, by our clock. */
  readonly receivedMs: Instant
  /** This model stamps sampled averages at the start of their interval. */
  readonly stampsStart: boolean
  readonly phases: number
  readonly voltageV: number
}
export type MeterRow = {
  readonly fromMs: Instant
  readonly toMs: Instant
  readonly powerW: number
  /** At `toMs`; NaN if none. */
  readonly registerWh: number
  readonly quality: number
}

type Sampled = Readonly<Record<string, unknown>>
/** One quantity over its phases: total without a phase, or L1..L3, or L1-N..L3-N. */
type Quantity = { total: number; lines: number; count: number; neutrals: number; neutralCount: number }
const none = (): Quantity => ({ total: Number.NaN, lines: 0, count: 0, neutrals: 0, neutralCount: 0 })

const registerSpanMs = 55_000
const registerStepWh = 50
const skewMs = 60_000
/** Of clocks that agree within what is followed without a doubt. */
const aheadMs = 5_000
/** A reading that comes so long after its time waited in the box, or somewhere on the way. */
const longAgoMs = 900_000
/** More than a megawatt on one EVSE is a unit error. */
const absurdW = 1_000_000

const numberOf = (value: unknown): number => {
  if (typeof value === 'number') return value
  if (typeof value !== 'string') return Number.NaN
  const text = value.trim()
  return text === '' ? Number.NaN : Number(text)
}

const scales: Readonly<Record<string, number>> = {
  kW: 1000,
  kWh: 1000,
  kVA: 1000,
  MW: 1e6,
  MWh: 1e6,
  mA: 0.001,
  mV: 0.001,
  mW: 0.001,
  mWh: 0.001,
}

/** Value in W, Wh, A or V; NaN for what is no number. 2.0.1 gives `unitOfMeasure`, 1.6 `unit`; absent means the measurand's base unit. */
const scaled = (sampled: Sampled): number => {
  const measure = sampled['unitOfMeasure'] as Sampled | undefined
  const unit = measure?.['unit'] ?? sampled['unit']
  const multiplier = numberOf(measure?.['multiplier'] ?? 0)
  const value = numberOf(sampled['value']) * (typeof unit === 'string' ? (scales[unit] ?? 1) : 1)
  return multiplier === 0 || Number.isNaN(multiplier) ? value : value * 10 ** multiplier
}

const add = (quantity: Quantity, phase: unknown, value: number): void => {
  switch (phase) {
    case 'L1':
    case 'L2':
    case 'L3':
      quantity.lines += value
      quantity.count++
      return
    case 'L1-N':
    case 'L2-N':
    case 'L3-N':
      quantity.neutrals += value
      quantity.neutralCount++
      return
    case undefined:
    case null:
      quantity.total = value
  }
}
const sumOf = (quantity: Quantity): number =>
  !Number.isNaN(quantity.total)
    ? quantity.total
    : quantity.count > 0
      ? quantity.lines
      : quantity.neutralCount > 0
        ? quantity.neutrals
        : Number.NaN
const isPartial = (quantity: Quantity, phases: number): boolean => phasesOf(quantity) > 0 && phasesOf(quantity) < phases
const phasesOf = (quantity: Quantity): number => (!Number.isNaN(quantity.total) ? 0 : quantity.count || quantity.neutralCount)

type Sample = {
  power: Quantity
  exported: Quantity
  register: Quantity
  interval: Quantity
  current: Quantity
  voltage: Quantity
  aligned: boolean
  spot: boolean
  begins: boolean
}

const gather = (values: readonly unknown[]): Sample => {
  const sample: Sample = {
    power: none(),
    exported: none(),
    register: none(),
    interval: none(),
    current: none(),
    voltage: none(),
    aligned: false,
    spot: false,
    begins: false,
  }
  for (const item of values) {
    if (typeof item !== 'object' || item === null) continue
    const sampled = item as Sampled
    if (sampled['format'] === 'SignedData') continue
    const location = sampled['location']
    if (location === 'EV' || location === 'Body') continue
    const value = scaled(sampled)
    if (!Number.isFinite(value)) continue
    const context = sampled['context']
    if (context === 'Sample.Clock') sample.aligned = true
    if (context === 'Trigger') sample.spot = true
    // Some boxes repeat the register of the transaction's begin in every sample: it would look like a counter that stands still.
    if (context === 'Transaction.Begin') {
      sample.begins = true
      continue
    }
    const phase = sampled['phase']
    switch (sampled['measurand'] ?? 'Energy.Active.Import.Register') {
      case 'Power.Active.Import':
        add(sample.power, phase, value)
        break
      case 'Power.Active.Export':
        add(sample.exported, phase, value)
        break
      case 'Energy.Active.Import.Register':
        add(sample.register, phase, value)
        break
      case 'Energy.Active.Import.Interval':
        add(sample.interval, phase, value)
        break
      case 'Current.Import':
        add(sample.current, phase, value)
        break
      case 'Voltage':
        add(sample.voltage, phase, value)
    }
  }
  return sample
}

/** Power from currents: the phases' sum, or one value for each of the box's phases, at the measured phase voltage or the nominal one. */
const fromCurrent = (sample: Sample, context: MeterContext): number => {
  const amps = sumOf(sample.current)
  if (Number.isNaN(amps)) return Number.NaN
  const { total, neutrals, neutralCount, lines, count } = sample.voltage
  const measuredV = neutralCount > 0 ? neutrals / neutralCount : count > 0 ? lines / count : total
  // 400 V is a line-to-line figure.
  const voltageV = measuredV > 100 && measuredV < 300 ? measuredV : context.voltageV
  return amps * voltageV * (phasesOf(sample.current) > 0 ? 1 : context.phases)
}

/** Timestamp in ms; without a zone it is UTC (both specifications ask for UTC, not all boxes write it). NaN if unreadable. */
export const instantOf = (text: unknown): Instant => {
  if (typeof text !== 'string') return Number.NaN
  const direct = Date.parse(text)
  if (Number.isNaN(direct)) return Number.NaN
  return /(?:Z|[+-]\d\d:?\d\d)$/i.test(text.trim()) ? direct : Date.parse(text.trim() + 'Z')
}

/**
 * Decodes the `meterValue` of MeterValues, TransactionEvent or StopTransaction for one EVSE: rows in the order of their stamps, `state` moved on.
 * Whatever cannot be read is left out; a duplicate gives no row.
 */
export const decodeMeterValues = (meterValue: unknown, state: MeterState, context: MeterContext): readonly MeterRow[] => {
  if (!Array.isArray(meterValue)) return []
  const rows: MeterRow[] = []
  for (const element of meterValue as readonly unknown[]) {
    if (typeof element !== 'object' || element === null) continue
    const { timestamp, sampledValue } = element as Sampled
    const stampMs = instantOf(timestamp) - context.offsetMs
    if (Number.isNaN(stampMs) || !Array.isArray(sampledValue)) continue
    const row = rowOf(stampMs, gather(sampledValue), state, context)
    if (row !== null) rows.push(row)
  }
  return rows
}

/**
 * Sampled values that the box's meter signed, as JSON, with the stamps of their samples by our clock: 1.6 `format: SignedData` (§7.32, the value is the
 * signed text) and 2.0.1 `signedMeterValue` (beside a value, which counts as usual).
 */
export const signedValues = (meterValue: unknown, offsetMs: number): { readonly atMs: Instant; readonly body: string }[] => {
  if (!Array.isArray(meterValue)) return []
  return (meterValue as readonly unknown[]).flatMap(element => {
    const { timestamp, sampledValue } = (typeof element === 'object' && element !== null ? element : {}) as Sampled
    const atMs = instantOf(timestamp) - offsetMs
    if (Number.isNaN(atMs) || !Array.isArray(sampledValue)) return []
    return (sampledValue as readonly Sampled[])
      .filter(v => v?.['format'] === 'SignedData' || v?.['signedMeterValue'] !== undefined)
      .map(v => ({ atMs, body: JSON.stringify(v) }))
  })
}

/**
 * When a reading's interval ends. What a box tells has happened: an interval said to begin at its stamp that would end after the message came in began
 * before it (many 1.6 boxes stamp clock-aligned values with the moment they send them), and a stamp of the future is a wrong clock. Believed, either
 * would count as the newest reading until its time comes, and every true one as late.
 */
const endOf = (stampMs: Instant, spanMs: number, stampedAtStart: boolean, receivedMs: Instant) => {
  const latestMs = receivedMs + aheadMs
  if (stampedAtStart && stampMs + spanMs <= latestMs) return { atStart: true, toMs: stampMs + spanMs }
  return { atStart: false, toMs: stampMs <= latestMs ? stampMs : receivedMs }
}

const spotMs = 1_000
const rowOf = (stampMs: Instant, sample: Sample, state: MeterState, context: MeterContext): MeterRow | null => {
  let flags = Math.abs(context.offsetMs) > skewMs ? quality.clockSkewed : quality.good
  const spanMs = sample.aligned ? context.alignedMs : context.periodMs
  const { atStart, toMs } = endOf(stampMs, spanMs, sample.aligned || context.stampsStart, context.receivedMs)
  if (toMs !== stampMs && !atStart) flags |= quality.clockSkewed
  const direct = sumOf(sample.power)
  const exported = sumOf(sample.exported)
  let powerW = Number.isNaN(direct) ? (Number.isNaN(exported) ? Number.NaN : -exported) : direct - (Number.isNaN(exported) ? 0 : exported)
  let measured = sample.power
  if (Number.isNaN(powerW)) {
    powerW = fromCurrent(sample, context)
    measured = sample.current
    if (!Number.isNaN(powerW)) flags |= quality.estimated
  }
  if (isPartial(measured, context.phases) || isPartial(sample.register, context.phases)) flags |= quality.partialPhases
  const registerWh = sumOf(sample.register)
  const intervalWh = sumOf(sample.interval)
  const print = (powerW || 0) * 31 + (registerWh || 0) * 17 + (intervalWh || 0) * 7
  if (toMs === state.lastMs && print === state.lastPrint) return null
  const late = toMs < state.lastMs
  if (context.receivedMs - toMs > longAgoMs) flags |= quality.late
  const anchored = late ? { wh: Number.NaN, flags: quality.late } : anchor(toMs, registerWh, state)
  flags |= anchored.flags
  // A spot reading is of its moment: believed back to the reading before, it would show a limit at work before there was one.
  const span = sample.spot
    ? spotMs
    : late || atStart || state.lastMs === 0 || toMs - state.lastMs > spanMs * 2.5
      ? spanMs
      : toMs - state.lastMs
  if (Number.isNaN(powerW) && !Number.isNaN(intervalWh)) {
    powerW = (intervalWh * 3_600_000) / spanMs
    flags |= quality.fromRegister
  } else if (Number.isNaN(powerW)) return late ? null : fromRegister(toMs, registerWh, flags, anchored, state, context)
  if (Math.abs(powerW) > absurdW || span <= 0) return null
  if (!late && (!sample.spot || state.lastMs === 0)) {
    state.lastMs = toMs
    state.lastPrint = print
    if (!Number.isNaN(anchored.wh)) move(state, toMs, anchored.wh)
  }
  return { fromMs: toMs - span, toMs, powerW, registerWh: anchored.wh, quality: flags }
}

const move = (state: MeterState, atMs: Instant, wh: number): void => {
  state.anchorWh = wh
  state.anchorMs = atMs
}

type Anchored = { readonly wh: number; readonly flags: number }
/** The register if it can be believed: one that falls is a reset when it stays down, a hiccup when it comes back. */
const anchor = (atMs: Instant, wh: number, state: MeterState): Anchored => {
  if (Number.isNaN(wh)) return { wh, flags: 0 }
  if (!Number.isNaN(state.anchorWh) && wh < state.anchorWh) {
    if (!state.fell) {
      state.fell = true
      return { wh: Number.NaN, flags: quality.reset }
    }
    state.fell = false
    move(state, atMs, wh)
    return { wh, flags: quality.reset }
  }
  state.fell = false
  return { wh, flags: 0 }
}

/** Only a register: power once enough time or energy lies between two values (1 Wh in 5 s is 720 W of rounding). */
const fromRegister = (
  toMs: Instant,
  registerWh: number,
  flags: number,
  anchored: Anchored,
  state: MeterState,
  context: MeterContext,
): MeterRow | null => {
  if (Number.isNaN(registerWh) || Number.isNaN(anchored.wh)) return null
  const first = Number.isNaN(state.anchorWh) || (flags & quality.reset) !== 0
  // A gap is not bridged: energy that came in while nobody listened belongs to no interval that we know.
  if (first || toMs - state.anchorMs > Math.max(5 * registerSpanMs, 5 * context.periodMs)) {
    move(state, toMs, anchored.wh)
    return null
  }
  const deltaWh = anchored.wh - state.anchorWh
  const spanMs = toMs - state.anchorMs
  if (spanMs <= 0 || (spanMs < registerSpanMs && deltaWh < registerStepWh)) return null
  const powerW = (deltaWh * 3_600_000) / spanMs
  const fromMs = state.anchorMs
  move(state, toMs, anchored.wh)
  state.lastMs = toMs
  state.lastPrint = Number.NaN
  return Math.abs(powerW) > absurdW ? null : { fromMs, toMs, powerW, registerWh: anchored.wh, quality: flags | quality.fromRegister }
}
