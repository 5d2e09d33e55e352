import type { Ask, ChargerNo, chargerVerdicts, EventClass, NonResponse, Verdict } from '../core/model.ts'
import type { Pass } from '../core/verify/accuracy.ts'
import type { Overlap, Unsettleable } from '../core/verify/record.ts'
import type { Flaw } from '../core/verify/series.ts'
import type { LevelKind } from './model.ts'

type ChargerVerdict = (typeof chargerVerdicts)[number]

/** `4.20 MW`, `812 kW`, `950 W`, `unknown`. */
export function watts(w: number | null | undefined): string {
  if (w === null || w === undefined || Number.isNaN(w)) return 'unknown'
  const a = Math.abs(w)
  return a >= 1_000_000
    ? `${(w / 1_000_000).toFixed(2)} MW`
    : a >= 10_000
      ? `${(w / 1000).toFixed(0)} kW`
      : a >= 1000
        ? `${(w / 1000).toFixed(1)} kW`
        : `${whole(w)} W`
}
/** Nothing has no sign. */
const whole = (x: number): string => x.toFixed(0).replace(/^-0$/, '0')
export const wattHours = (wh: number | null | undefined): string => {
  if (wh === null || wh === undefined || Number.isNaN(wh)) return 'unknown'
  const a = Math.abs(wh)
  return a >= 1_000_000 ? `${(wh / 1_000_000).toFixed(2)} MWh` : a >= 1000 ? `${(wh / 1000).toFixed(1)} kWh` : `${whole(wh)} Wh`
}
export const percent = (share: number | null | undefined): string =>
  share === null || share === undefined ? 'unknown' : `${(100 * share).toFixed(1)} %`

export const causeTexts: Record<NonResponse, string> = {
  none: 'none',
  offline: 'offline',
  refused: 'refused by their firmware',
  noAnswer: 'did not answer',
  acceptedButUnmoved: 'accepted, but the meter did not move',
  resumedOnLinkLoss: 'charged on when the link dropped',
  noData: 'no meter data',
  optedOut: 'opted out',
  idle: 'drew nothing before',
}
export const verdictTexts: Record<Verdict, string> = {
  delivered: 'delivered',
  partial: '▲ target missed: delivered in part',
  missed: '▲ target missed',
  unverifiable: '▲ unverifiable: too little meter data',
}
export const flawTexts: Record<Flaw, string> = {
  estimated: 'estimated by the meter',
  clockSkewed: 'the charger’s clock was off',
  reset: 'the register went back (meter changed or reset)',
  duplicate: 'sent twice',
  late: 'came late',
  fromRegister: 'power worked out from the register',
  partialPhases: 'not all phases metered',
  partial: 'only part of the time metered',
  gap: 'no reading',
  outOfOrder: 'came after a later one',
  implausible: 'more than the charger can draw (a wrong unit?)',
  contradicting: 'register and power contradict each other',
}
export const levelTexts: Record<LevelKind, string> = {
  event: 'Event',
  programme: 'Programme',
  group: 'Maker or backend',
  licenceArea: 'Licence area',
  gsp: 'GSP',
  primary: 'Primary',
  feeder: 'Feeder',
  site: 'Site',
}
export const classTexts: Record<EventClass, string> = {
  emergency: 'emergency',
  obligation: 'obligation',
  contracted: 'contracted service',
  voluntary: 'voluntary',
}
export function askText(ask: Ask): string {
  if (ask.kind === 'off') return 'off'
  if (ask.kind === 'keep') return `keep ${percent(ask.fraction)} of each`
  if (ask.kind !== 'limitEach') return `${ask.kind} ${watts(ask.totalW)}`
  return `limit each to ${'limitA' in ask ? `${ask.limitA} A` : watts(ask.limitW)}`
}
/** A charger in print: by number, with its own name where names were asked for. */
export const chargerText = (no: ChargerNo, names: Readonly<Record<number, string>> | undefined): string =>
  names?.[no] === undefined ? String(no) : `${no} (${names[no]})`

export const judgedTexts: Record<ChargerVerdict, string> = {
  compliant: '● compliant',
  notCompliant: '■ not compliant',
  noData: '▲ no data',
  notCommanded: 'not commanded',
}
export const measuredTexts: Record<Pass, string> = {
  pass: '● passes at the low end of the error',
  fail: '■ fails at the high end of the error',
  withinMeasurementError: '▲ within measurement error of the ask',
}
export const unsettleableTexts: Record<Unsettleable, string> = {
  noWindow: 'there is no settled window',
  coverage: 'too little of it is metered',
  meterClass: 'its meters are below the class that the scheme asks for',
  baseline: 'there is no baseline by the rules',
  groupTooSmall: 'too few chargers were asked or held out to compare them',
  unbalanced: 'those asked and those held out differed before the event',
  stacked: 'all its chargers served an event that came before, and the programme takes none that do',
}
/** `openadr2b:vtn:e2 (evenings): 3 chargers, not settled here`. */
export const overlapText = ({ id, programme, chargers, refused }: Overlap): string =>
  `${id} (${programme}): ${chargers} charger${chargers === 1 ? '' : 's'}${refused ? ', not settled here' : ''}`
