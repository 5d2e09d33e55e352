import { parse } from 'yaml'
import type { GridEvent, Input, Programme } from '../../src/core/model.ts'
import { programme as schema } from '../../src/programmeConfig.ts'
import { ScenarioError } from '../scenario/read.ts'

/**
 * What is otherwise than it was: `spread` (start and end, s), a parameter of the event's programme (`allocation`, `restore.maxS`), or of what is asked in
 * each of its intervals (`ask.totalW`).
 */
export type Change = { readonly path: string; readonly value: unknown }

/** `path=value`; the value is read as YAML. @throws RangeError */
export function changeOf(text: string): Change {
  const [, path, value] = /^([\w.]+)=(.+)$/.exec(text) ?? []
  if (path === undefined) throw new RangeError(`${text}: wanted PATH=VALUE, such as allocation=rotation or ask.totalW=50000`)
  return { path, value: readValue(text, value!) }
}
function readValue(text: string, value: string): unknown {
  try {
    return parse(value)
  } catch (error) {
    throw new RangeError(`${text}: ${(error as Error).message.split('\n')[0]}`)
  }
}

/** Inputs as they would have come. @throws ScenarioError for a parameter that there is not, or a value that it may not have */
export function changedInput<I extends Input>(input: I, event: Pick<GridEvent, 'id' | 'programme'>, changes: readonly Change[]): I {
  if (changes.length === 0) return input
  if (input.kind === 'programme' && input.programme.id === event.programme)
    return { ...input, programme: changedProgramme(input.programme, changes) }
  if (input.kind === 'signal' && input.event.id === event.id) return { ...input, event: changedEvent(input.event, changes) }
  return input
}

export function changedProgramme(p: Programme, changes: readonly Change[]): Programme {
  const { version, ...rest } = structuredClone(p)
  const copy: Record<string, unknown> = rest
  for (const { path, value } of changes) {
    if (isOfAsk(path)) continue
    if (path === 'id') throw new ScenarioError(['--param id: an event is of its programme, whatever that is called'])
    for (const one of path === 'spread' ? ['startSpreadS', 'endSpreadS'] : [path]) put(copy, one, value)
  }
  const checked = schema.safeParse(copy)
  if (!checked.success) throw new ScenarioError(checked.error.issues.map(x => `--param ${x.path.join('.')}${unknownKeys(x)}: ${x.message}`))
  const { authorize: _, ...known } = checked.data
  return { ...known, version } as Programme
}
const unknownKeys = (issue: object): string => ('keys' in issue ? (issue.keys as string[]).join(', ') : '')

const isOfAsk = (path: string): boolean => path.split('.')[0] === 'ask'
function changedEvent(event: GridEvent, changes: readonly Change[]): GridEvent {
  const intervals = structuredClone(event.intervals) as GridEvent['intervals']
  for (const { path, value } of changes) {
    if (!isOfAsk(path)) continue
    const key = path.slice('ask.'.length)
    for (const { ask } of intervals) {
      if (key === 'kind' || !Object.hasOwn(ask, key)) throw new ScenarioError([`--param ${path}: the event asks ${JSON.stringify(ask)}`])
      const most = key === 'fraction' ? 1 : Number.MAX_SAFE_INTEGER
      if (typeof value !== 'number' || !(value >= 0 && value <= most))
        throw new ScenarioError([
          `--param ${path}: wanted ${key === 'fraction' ? 'a number from 0 to 1' : 'a number from 0 on'}, as in ${JSON.stringify(ask)}`,
        ])
      Object.assign(ask, { [key]: value })
    }
  }
  const spread = changes.findLast(c => c.path === 'spread')?.value
  if (spread === undefined || event.spread === 'programme' || 'forbidden' in event.spread) return { ...event, intervals }
  return { ...event, intervals, spread: { ...event.spread, startS: Number(spread), endS: Number(spread) } }
}

function put(into: Record<string, unknown>, path: string, value: unknown): void {
  const [first, ...rest] = path.split('.') as [string, ...string[]]
  if (first in {}) throw new ScenarioError([`--param ${path}: there is no ${first}`])
  if (rest.length === 0) into[first] = value
  else {
    const within = (into[first] ??= {}) as Record<string, unknown>
    if (typeof within !== 'object' || within === null) throw new ScenarioError([`--param ${path}: there is nothing within ${first}`])
    put(within, rest.join('.'), value)
  }
}
