import { createHash } from 'node:crypto'
import type { Second } from '../../src/core/model.ts'
import { DAY_S, offsetS, type Zone } from '../../src/core/verify/calendar.ts'
import { type DfsEvent, type DfsHalfHour, dfsEvents, readDfs } from '../grid/dfs.ts'
import { byEvent, type Form, formsIn, inTime, overS, shifted, startS } from '../grid/handedOver.ts'
import { instantOf, localText } from './clock.ts'
import type { DfsList, OpenadrList, ScenarioEvent, ScenarioInterval } from './eventSchema.ts'
import { filesOf, readNamed } from './files.ts'
import { ScenarioError } from './read.ts'
import type { Scenario } from './schema.ts'

export type AskedInterval = { readonly fromS: Second; readonly toS: Second; readonly ask: ScenarioInterval['ask'] }
/** An event of the scenario's own words, or of a DFS list, with its times as instants. */
export type AskedEvent = Omit<ScenarioEvent, 'announced' | 'intervals' | 'changes'> & {
  readonly announcedS: Second
  readonly intervals: readonly AskedInterval[]
  readonly changes: readonly AskedChange[]
}
export type AskedChange = Pick<ScenarioEvent, 'class'> & {
  readonly announcedS: Second
  readonly intervals: readonly AskedInterval[]
  readonly stopAtOnce: boolean
}
/** An event of an OpenADR list. `place`: where it acts, `all` for several places; `toS` is the scenario's end where it has none. */
export type HandedEvent = {
  readonly id: string
  readonly place: string
  readonly fromS: Second
  readonly toS: Second
  readonly forms: readonly Form[]
}
export type HandedList = { readonly list: OpenadrList; readonly events: readonly HandedEvent[] }
/** What a list of events was made of. `leftOut`: its events that are not within the scenario. */
export type EventSource = {
  readonly kind: 'openadr' | 'dfs'
  readonly files: readonly { readonly path: string; readonly sha256: string }[]
  readonly events: number
  readonly leftOut: number
}
export type Expected = {
  readonly asked: readonly AskedEvent[]
  readonly handed: readonly HandedList[]
  readonly sources: readonly EventSource[]
}
type When = { readonly zone: Zone; readonly startS: Second; readonly endS: Second; readonly folder: string }

/**
 * All that operators will say in a scenario, its lists read from their files. A file with any row or event that cannot be read is refused with all of them
 * named: a run is of the whole list or of none.
 * @throws ScenarioError
 */
export function expectedOf(scenario: Scenario, folder: string): Expected {
  const zone = scenario.zone as Zone
  const when = { zone, folder, startS: instantOf(zone, scenario.start, 0), endS: instantOf(zone, scenario.end, 0) }
  const faults: string[] = []
  const all = scenario.events.map((e): Expected => {
    try {
      if ('openadr' in e) return handedOf(e, when)
      return 'dfs' in e ? dfsOf(e, when) : { asked: [ownOf(e, when)], handed: [], sources: [] }
    } catch (error) {
      if (!(error instanceof ScenarioError)) throw error
      faults.push(...error.faults)
      return { asked: [], handed: [], sources: [] }
    }
  })
  const expected = { asked: all.flatMap(x => x.asked), handed: all.flatMap(x => x.handed), sources: all.flatMap(x => x.sources) }
  faults.push(
    ...twice(
      'event',
      [...expected.asked, ...expected.handed.flatMap(h => h.events)].map(e => e.id),
    ),
  )
  faults.push(
    ...twice(
      'OpenADR list with the peer',
      expected.handed.map(h => h.list.peer),
    ),
  )
  if (faults.length > 0) throw new ScenarioError(shortened(faults))
  return expected
}
function twice(what: string, ids: readonly string[]): string[] {
  const seen = new Set<string>()
  const again = new Set(ids.filter(id => seen.size === seen.add(id).size))
  return [...again].map(id => `events: the ${what} ${id} is there more than once`)
}
const MOST_FAULTS = 50
const shortened = (faults: readonly string[]): string[] =>
  faults.length <= MOST_FAULTS ? [...faults] : [...faults.slice(0, MOST_FAULTS), `and ${faults.length - MOST_FAULTS} more`]

function ownOf({ announced, intervals, changes, ...e }: ScenarioEvent, { zone, startS }: When): AskedEvent {
  const at = (text: string) => instantOf(zone, text, startS)
  const spans = (of: readonly ScenarioInterval[]) => of.map(x => ({ fromS: at(x.from), toS: at(x.from) + x.forS, ask: x.ask }))
  return {
    ...e,
    announcedS: at(announced),
    intervals: spans(intervals),
    changes: changes.map((c, k) => ({
      ...{ announcedS: at(c.announced), intervals: spans(c.intervals), stopAtOnce: c.stopAtOnce },
      class: changes.slice(0, k + 1).findLast(x => x.class)?.class ?? e.class,
    })),
  }
}

const LONDON = 'Europe/London'
function dfsOf(list: DfsList, when: When): Expected {
  const sources = sourcesOf(list.dfs, when.folder)
  const halfHours = halfHoursOf(list, sources)
  const byClockS = list.shift === undefined ? 0 : clockOf(instantOf(when.zone, list.shift, when.startS)) - clockS(halfHours[0]!)
  const mostMw = halfHours.reduce((most, x) => Math.max(most, x.mw), 0)
  const wattsOf = (mw: number) => Math.round(list.share === undefined ? (mw / mostMw) * list.scaleKw! * 1_000 : mw * 1e6 * list.share)
  const all = dfsEvents(halfHours, byClockS).map(e => askedOf(e, list, wattsOf))
  const asked = withinOnly(all, e => [e.intervals[0]!.fromS, e.intervals.at(-1)!.toS], filesOf(list.dfs).join(', '), when)
  return {
    asked,
    handed: [],
    sources: [{ kind: 'dfs', files: sources.map(hashed), events: asked.length, leftOut: all.length - asked.length }],
  }
}
const clockOf = (atS: Second): number => atS + offsetS(LONDON, atS)
const clockS = ({ day, fromClockS }: DfsHalfHour): number => day * DAY_S + fromClockS
/** Half hours of all files in order of time, without those that ask for nothing. */
function halfHoursOf(list: DfsList, sources: readonly Source[]): DfsHalfHour[] {
  const read = sources.map(({ path, bytes }) => ({ path, ...readDfs(bytes.toString('utf8'), list) }))
  const faults = read.flatMap(({ path, faults }) =>
    faults.map(f => `${path}:${f.line}: ${f.column === '' ? '' : `${f.column}: `}${JSON.stringify(f.value.slice(0, 200))} ${f.why}`),
  )
  const halfHours = read
    .flatMap(r => r.halfHours)
    .filter(x => x.mw > 0)
    .sort((a, b) => clockS(a) - clockS(b))
  const again = halfHours.find((x, k) => k > 0 && clockS(x) === clockS(halfHours[k - 1]!))
  if (again) faults.push(`${filesOf(list.dfs).join(', ')}: two of the files have the half hour of ${localClock(clockS(again))}`)
  if (faults.length === 0 && halfHours.length === 0) faults.push(`${filesOf(list.dfs).join(', ')}: no half hour of it asks for anything`)
  if (faults.length > 0) throw new ScenarioError(faults)
  return halfHours
}
const localClock = (s: number): string => new Date(s * 1000).toISOString().slice(0, 16)
function askedOf({ halfHours }: DfsEvent, list: DfsList, wattsOf: (mw: number) => number): AskedEvent {
  const first = halfHours[0]!
  const { operator, class: of, programme, target, priority } = list
  return {
    ...{
      id: `dfs-${localClock(clockOf(first.fromS)).replace('T', '-').replace(':', '')}`,
      operator,
      class: of,
      programme,
      target,
      priority,
    },
    announcedS: first.fromS - list.noticeS,
    intervals: halfHours.map(({ fromS, toS, mw }) => ({ fromS, toS, ask: { kind: 'shed', totalW: wattsOf(mw) } })),
    changes: [],
  }
}

function handedOf(list: OpenadrList, when: When): Expected {
  const sources = sourcesOf(list.openadr, when.folder)
  const read = sources.map(({ path, bytes }) => ({ path, ...formsIn(bytes) }))
  const faults = read.flatMap(({ path, faults }) =>
    faults.map(f => `${path}: ${f.path}: ${f.value === '' ? '' : `${JSON.stringify(f.value.slice(0, 200))} `}${f.why}`),
  )
  if (faults.length > 0) throw new ScenarioError(faults)
  const found = byEvent(read.flatMap(r => r.forms))
  const byS = list.shift === undefined ? 0 : instantOf(when.zone, list.shift, when.startS) - startS(found[0]![0]!)
  const all = found.map(forms =>
    handedEvent(
      forms.map(f => shifted(f, byS)),
      list,
      when,
    ),
  )
  const events = withinOnly(all, e => [e.fromS, e.toS], filesOf(list.openadr).join(', '), when)
  return {
    asked: [],
    handed: [{ list, events }],
    sources: [{ kind: 'openadr', files: sources.map(hashed), events: events.length, leftOut: all.length - events.length }],
  }
}
function handedEvent(forms: readonly Form[], list: OpenadrList, when: When): HandedEvent {
  const first = forms[0]!
  const named = new Set(
    first.event.targets.map(t => (t.kind === 'venID' && t.id === list.venID ? 'all' : placeOfTarget(list, t.kind, t.id))),
  )
  const [only = 'all'] = named.size === 1 ? named : ['all']
  return {
    id: first.event.eventID,
    place: only,
    fromS: startS(first),
    toS: overS(first) ?? when.endS,
    forms: inTime(forms, list.noticeS, when.startS),
  }
}
/** Where a target of the file is here; undefined where nobody knows. */
export function placeOfTarget({ targets }: OpenadrList, scheme: string, value: string): string | undefined {
  const told = targets.find(t => t.scheme === scheme && t.value === value)?.place
  return told ?? (scheme === 'groupID' && /^(all|[a-zA-Z]+\/\d+)$/.test(value) ? value : undefined)
}

type Source = { readonly path: string; readonly bytes: Buffer }
const sourcesOf = (named: string | readonly string[], folder: string): Source[] =>
  filesOf(named).map(path => ({ path, bytes: readNamed(folder, path) }))
const hashed = ({ path, bytes }: Source) => ({ path, sha256: createHash('sha256').update(bytes).digest('hex') })

/** @throws ScenarioError where nothing of a list is within the scenario: `shift` was forgotten, or the dates are of another list */
function withinOnly<T>(all: readonly T[], span: (one: T) => readonly [Second, Second], file: string, { zone, startS, endS }: When): T[] {
  const within = all.filter(one => span(one)[1] > startS && span(one)[0] < endS)
  if (within.length > 0) return within
  const day = (s: Second) => localText(zone, s).slice(0, 16)
  const first = all.reduce((s, one) => Math.min(s, span(one)[0]), Number.POSITIVE_INFINITY)
  const last = all.reduce((s, one) => Math.max(s, span(one)[1]), 0)
  throw new ScenarioError([
    `${file}: nothing of it (${day(first)} to ${day(last)}) is between start and end; shift moves the first of them`,
  ])
}
