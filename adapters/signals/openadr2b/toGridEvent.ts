// The meaning of a 2.0b event here. Pure: an event in, a GridEvent or the code to refuse it with out.
import { type Ask, type GridEvent, type Interval, NEVER_S, type Target } from '../../../src/core/model.ts'
import { type ActivePeriod, isTest, type Oadr20bEvent, type OptType, type WireSignal } from './event.ts'
import { type Market, normalUri } from './options.ts'
import { type ItemBase, SI_SCALES, scaled } from './parts.ts'

export type Context = {
  readonly peer: string
  readonly credential: string
  readonly venID: string
  readonly markets: readonly Market[]
  /** What the VEN itself stands for: an event without targets. */
  readonly fleet: readonly Target[]
  readonly resolve: (scheme: string, value: string) => readonly Target[] | undefined
  readonly revision: number
  readonly rawHash: string
  /** The VTN counts as silent after this. */
  readonly silentAfterS: number
}
/**
 * `event`: submit it. `recorded`: understood, but nothing here is to be done: 200, optOut for
 * a price that no programme acts on, optIn for normal operation. `refused`: an application error
 * code of 2.0b (454 bad data, 460 signal not supported, 462 target mismatch) with optOut.
 */
export type Mapped =
  | { readonly kind: 'event'; readonly event: GridEvent; readonly signal: string; readonly unknownTargets: readonly string[] }
  | { readonly kind: 'recorded'; readonly why: string; readonly opt: OptType }
  | Refused

/** `names` are for the VTN, which sent them, and never for the record: a target can be the meter point of a home. */
type Refused = { readonly kind: 'refused'; readonly code: '454' | '460' | '462'; readonly why: string; readonly names?: string }

const refused = (code: '454' | '460' | '462', why: string): Refused => ({ kind: 'refused', code, why })

export const eventIdOf = (peer: string, eventID: string): string => `openadr2b:${peer}:${eventID}`

export const toGridEvent = (event: Oadr20bEvent, context: Context): Mapped => {
  const market = context.markets.find(m => normalUri(m.context) === normalUri(event.marketContext))
  if (!market) return refused('462', `market context ${event.marketContext} is not known here`)
  const targets = targetsOf(event, context)
  if (targets.found.length === 0) return { ...refused('462', 'no target known here'), names: targets.unknown.join(', ') }
  const ours = event.signals.filter(isForChargers)
  if (ours.length === 0) return refused('462', 'no signal for electric vehicles')
  const chosen = choose(ours, event.activePeriod, market)
  if (chosen.kind !== 'intervals') return chosen
  return {
    kind: 'event',
    signal: chosen.signal,
    unknownTargets: targets.unknown,
    event: {
      id: eventIdOf(context.peer, event.eventID),
      source: { adapter: 'openadr2b', peer: context.peer, credential: context.credential },
      upstreamRef: event.eventID,
      revision: context.revision,
      class: market.class,
      programme: market.programme,
      targets: targets.found,
      intervals: chosen.intervals,
      spread: spreadOf(event.activePeriod, market),
      priority: priorityOf(event.priority),
      stopAtOnce: market.stopAtOnce && !event.activePeriod.startafterS,
      test: isTest(event),
      duties: { ack: event.responseRequired === 'always', started: false, completed: false, telemetryEveryS: 0 },
      liveness: livenessOf(market, context.silentAfterS),
      basis: market.basis ?? null,
      rawHash: context.rawHash,
    },
  }
}

/** 2.0b has no such rule: the contract is this market's configuration, and silence is that of the poll. */
const livenessOf = ({ failsafeW, failsafeS }: Market, silentAfterS: number): GridEvent['liveness'] =>
  failsafeW === undefined ? null : { heartbeatS: silentAfterS, failsafeW, ...(failsafeS !== undefined && { failsafeS }) }

/**
 * The event without what is past when it is heard of: a random start is then counted from now. Counted from `dtstart`, everybody whose delay has
 * passed would step in the same second. A change keeps the start that its former form has had here. An emergency has no delay, and what is over
 * altogether stays as it is, to be declined.
 */
export const fromNowOn = (event: GridEvent, former: GridEvent | null | undefined, nowS: number): GridEvent => {
  const [first, last] = [event.intervals[0], event.intervals.at(-1)]
  if (!first || !last || event.class === 'emergency' || first.fromS >= nowS || last.toS <= nowS) return event
  const begunS = former?.intervals[0]?.fromS ?? nowS
  const startS = begunS <= nowS ? Math.max(first.fromS, begunS) : nowS
  return { ...event, intervals: event.intervals.flatMap(i => (i.toS <= startS ? [] : [{ ...i, fromS: Math.max(i.fromS, startS) }])) }
}

/** 2.0b: 1 is the highest, 0 or none the lowest [R3]. Ours: 0 is the most urgent. */
const LOWEST_PRIORITY = 1_000_000
export const priorityOf = (priority: number | undefined): number =>
  priority ? Math.min(priority - 1, LOWEST_PRIORITY - 1) : LOWEST_PRIORITY

/**
 * Targets are alternatives (OR) [R22]. One that nobody here knows is named to the caller and refuses the event only if no
 * other is known: the profile is silent on a part match, and load that we can shed should not wait for load that is not ours.
 */
const targetsOf = (event: Oadr20bEvent, c: Context): { readonly found: readonly Target[]; readonly unknown: readonly string[] } => {
  if (event.targets.length === 0) return { found: c.fleet, unknown: [] }
  const found = new Map<string, Target>()
  const unknown: string[] = []
  for (const { kind, id } of event.targets) {
    // IDs are case-sensitive [R512]; our own venID stands for the whole fleet.
    const known =
      kind === 'venID' && id === c.venID ? c.fleet : kind === 'endDeviceAsset' && isChargerClass(id) ? c.fleet : c.resolve(kind, id)
    if (!known || known.length === 0) unknown.push(`${kind} ${id}`)
    for (const t of known ?? []) found.set(JSON.stringify(t), t)
  }
  return { found: [...found.values()], unknown }
}

/** Device classes of the profile that are ours; the rest of its closed list and all private ones are not [R111]. */
const isChargerClass = (mrid: string): boolean => mrid === 'Electric_Vehicle' || mrid === 'EVSE'
const isForChargers = (s: WireSignal): boolean =>
  s.targets.length === 0 || s.targets.some(t => t.kind === 'endDeviceAsset' && isChargerClass(t.id))

type Reading =
  | { readonly kind: 'intervals'; readonly signal: string; readonly intervals: readonly Interval[] }
  | Extract<Mapped, { kind: 'recorded' | 'refused' }>

/** The most exact instruction acts; the others are there for VENs that know less. */
const PREFERENCE = ['LOAD_DISPATCH', 'LOAD_CONTROL', 'SIMPLE', 'ELECTRICITY_PRICE']

const choose = (signals: readonly WireSignal[], period: ActivePeriod, market: Market): Reading => {
  const readings = signals
    .map(s => ({ name: nameOf(s), reading: read(s, period, market) }))
    .sort((a, b) => PREFERENCE.indexOf(a.name) - PREFERENCE.indexOf(b.name))
  // Any signal that is not supported refuses the event [R109], but a level or price that merely has no meaning here does so only when it would act.
  const unsupported = readings.find(r => r.reading.kind === 'refused' && (r.name !== 'SIMPLE' || r === readings[0]))
  if (unsupported) return unsupported.reading
  return readings.find(r => r.reading.kind === 'intervals')?.reading ?? readings[0]!.reading
}
const nameOf = (s: WireSignal): string => (s.signalName === 'simple' ? 'SIMPLE' : s.signalName)

/** What a value asks for: nothing (null), an ask, or why it cannot be served. */
type Meaning = Ask | null | { readonly kind: 'no'; readonly code: '454' | '460'; readonly why: string }
const no = (code: '454' | '460', why: string): Meaning => ({ kind: 'no', code, why })

const read = (s: WireSignal, period: ActivePeriod, market: Market): Reading => {
  const means = meaningOf(s, market)
  if (!means)
    return {
      kind: 'refused',
      code: '460',
      why: `${s.signalName}/${s.signalType}${s.itemBase ? ` in ${s.itemBase.name} ${s.itemBase.units}` : ''} is not supported`,
    }
  const total = s.intervals.reduce((sum, i) => sum + i.durationS, 0)
  if (s.intervals.length === 0) return { kind: 'refused', code: '454', why: 'no interval' }
  if (period.durationS > 0 && total !== period.durationS)
    return { kind: 'refused', code: '454', why: `intervals last ${total} s, the event ${period.durationS} s` }
  const startS = period.dtstartMs / 1000
  if (startS < EARLIEST_S || startS + total > LATEST_S)
    return { kind: 'refused', code: '454', why: 'it begins or ends beyond the times that can be kept' }
  const intervals: Interval[] = []
  let atS = startS
  for (const [k, i] of s.intervals.entries()) {
    // Duration 0 of the event: until it is cancelled [R47], so its last interval has no end.
    const open = period.durationS === 0 && k === s.intervals.length - 1
    const [fromS, toS] = [Math.floor(atS), open ? NEVER_S : Math.floor(atS + i.durationS)]
    const ask = means(i.value)
    if (ask?.kind === 'no') return { kind: 'refused', code: ask.code, why: ask.why }
    if (ask && toS > fromS) joined(intervals, { fromS, toS, ask })
    atS += i.durationS
  }
  if (nameOf(s) === 'ELECTRICITY_PRICE' && market.prices.length === 0)
    return { kind: 'recorded', why: 'prices are recorded; no programme acts on them', opt: 'optOut' }
  if (intervals.length === 0) return { kind: 'recorded', why: 'asks for normal operation throughout', opt: 'optIn' }
  return { kind: 'intervals', signal: s.signalName, intervals }
}

/** Schedules are 32-bit seconds: what lies outside would come round as another time, now among them. A day is left for windows and time zones. */
const EARLIEST_S = 86_400
const LATEST_S = NEVER_S - 86_400

/** Intervals that ask for the same without a break are one: a day in steps of a minute still fits an entry of the log. */
const joined = (intervals: Interval[], next: Interval): void => {
  const last = intervals.at(-1)
  if (last?.toS === next.fromS && JSON.stringify(last.ask) === JSON.stringify(next.ask))
    intervals[intervals.length - 1] = { ...last, toS: next.toS }
  else intervals.push(next)
}

const meaningOf = (s: WireSignal, market: Market): ((value: number) => Meaning) | undefined => {
  switch (`${nameOf(s)}/${s.signalType}`) {
    case 'SIMPLE/level':
      return value => level(value, market)
    case 'LOAD_DISPATCH/setpoint':
      return isRealPower(s.itemBase) ? value => setpoint(scaled(value, s.itemBase!.scale)) : undefined
    case 'LOAD_DISPATCH/delta':
      return isRealPower(s.itemBase) ? value => delta(scaled(value, s.itemBase!.scale), market) : undefined
    case 'LOAD_CONTROL/x-loadControlCapacity':
      return value => (value < 0 || value > 1 ? no('454', `capacity ${value} is not within 0..1`) : keep(value))
    case 'LOAD_CONTROL/x-loadControlSetpoint':
      return each(s.itemBase)
    case 'LOAD_CONTROL/x-loadControlPercentOffset':
      // "Percentage change from normal": -20 leaves 80 % of what a charger could take.
      return value => (value < -100 ? no('454', `offset ${value} % is below -100 %`) : keep(Math.min(1, 1 + value / 100)))
    case 'ELECTRICITY_PRICE/price':
      return value =>
        [...market.prices]
          .sort((a, b) => b.atLeast - a.atLeast)
          .find(p => value * 10 ** SI_SCALES[s.itemBase?.scale ?? 'none'] >= p.atLeast)?.ask ?? null
    default:
      return undefined
  }
}

const isRealPower = (unit: ItemBase | undefined): boolean => unit?.name === 'powerReal' && (unit.units === 'W' || unit.units === 'J/s')

const level = (value: number, market: Market): Meaning => {
  if (value === 0) return null
  if (value !== 1 && value !== 2 && value !== 3) return no('454', `level ${value} is not 0, 1, 2 or 3`)
  return market.simple[`${value}`] ?? no('460', `level ${value} has no meaning in this market`)
}
/** More than any network here carries; within it sums of watts stay exact. */
const MOST_W = 2_000_000_000
/** Whole watts on the safe side; the millionth keeps 1.005 kW from becoming 1,004 W in binary. */
const down = (watts: number): number => Math.floor(watts + 1e-6)
const up = (watts: number): number => Math.ceil(watts - 1e-6)
/** Consumption of the targets: chargers cannot export, so a negative one cannot be met. One beyond all measure limits nobody. */
const setpoint = (watts: number): Meaning =>
  watts < 0 ? no('460', `setpoint ${watts} W asks for export`) : { kind: 'cap', totalW: Math.min(MOST_W, down(watts)) }
const delta = (watts: number, market: Market): Meaning => {
  const lessW = market.reduction === 'negative' ? -watts : watts
  if (lessW === 0) return null
  if (lessW < 0) return no('460', 'asks for more consumption')
  return lessW > MOST_W ? no('454', `delta ${watts} W is beyond all measure`) : { kind: 'shed', totalW: up(lessW) }
}
const keep = (fraction: number): Meaning => (fraction >= 1 ? null : fraction === 0 ? { kind: 'off' } : { kind: 'keep', fraction })
/** A set point of a load controller is one charger's limit: in W, or A per phase. */
const each = (unit: ItemBase | undefined): ((value: number) => Meaning) | undefined => {
  if (!unit) return undefined
  const amps = unit.name === 'current' && unit.units === 'A'
  if (!amps && !isRealPower(unit)) return undefined
  return value => {
    const limit = scaled(value, unit.scale)
    if (limit < 0) return no('460', `set point ${limit} asks for export`)
    if (limit === 0) return { kind: 'off' }
    return amps ? { kind: 'limitEach', limitA: Math.min(limit, 1_000) } : { kind: 'limitEach', limitW: Math.min(MOST_W, down(limit)) }
  }
}

/** The longest random delay (SI 2021/1467 reg. 11). */
const MAX_SPREAD_S = 1_800
const within = (seconds = 0): number => Math.max(-MAX_SPREAD_S, Math.min(MAX_SPREAD_S, Math.trunc(seconds)))

/**
 * How 2.0b's durations become windows. startafter: each charger starts up to that much later and ends as much later [R30].
 * Ramp-up: positive, the load comes down in that time before dtstart; negative, from dtstart on. Recovery: positive, the load
 * returns in that time after the end; negative, before it. The profile is silent on startafter together with a ramp: the
 * windows are then joined. A ramp that is longer than any window may be is the half hour of it next to the start or the end that
 * it belongs to: its far end would have the load come back long before the event is over. An emergency takes no random start whatever is sent: a supply limitation is never delayed.
 */
export const spreadOf = (p: ActivePeriod, market: Market): GridEvent['spread'] => {
  const after = p.startafterS ?? 0
  const [ramp, recovery] = [within(p.rampUpS), within(p.recoveryS)]
  if (after === 0 && ramp === 0 && recovery === 0) return 'programme'
  const emergency = market.class === 'emergency'
  if (after > 0 && ramp === 0 && recovery === 0 && !emergency)
    return { startS: after, endS: after, startShiftS: 0, endShiftS: 0, endFollowsStart: true }
  const ends = after > 0 || recovery !== 0
  return {
    startS: emergency ? 0 : after > 0 || ramp !== 0 ? after + Math.abs(ramp) : market.startSpreadS,
    endS: ends ? after + Math.abs(recovery) : market.endSpreadS,
    startShiftS: emergency ? 0 : 0 - Math.max(0, ramp),
    endShiftS: Math.min(0, recovery),
    endFollowsStart: false,
  }
}
