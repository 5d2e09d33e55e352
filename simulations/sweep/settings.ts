import { parse } from 'yaml'
import { nearest } from '../../src/layers.ts'
import { checkedScenario, ScenarioError } from '../scenario/read.ts'
import type { Scenario } from '../scenario/schema.ts'
import type { Param } from './flags.ts'

/** One combination of values: its name as it stands in results, and the scenario with it. */
export type Setting = { readonly name: string; readonly params: Readonly<Record<string, string>>; readonly scenario: Scenario }

/** Names for what is tried most. */
const short: Readonly<Record<string, readonly string[]>> = {
  spread: ['programmes.*.startSpreadS', 'programmes.*.endSpreadS'],
  allocation: ['programmes.*.allocation'],
  vacant: ['programmes.*.vacant'],
  chargers: ['fleet.chargers'],
}

/**
 * Every combination of the values, the first parameter slowest, the first value of each first; the scenario alone where nothing is tried.
 * @throws ScenarioError for a place that there is not, and for a value that may not be there
 */
export function settingsOf(scenario: Scenario, params: readonly Param[]): Setting[] {
  for (const [k, { name }] of params.entries()) {
    if (name === 'seed') throw new ScenarioError(['--param seed: seeds are said with --seed, such as --seed 1..200'])
    if (params.findIndex(p => p.name === name) < k)
      throw new ScenarioError([`--param ${name}: it is there twice; its values go into one, such as ${name}=0,600`])
  }
  const combinations = params.reduce<Readonly<Record<string, string>>[]>(
    (all, { name, values }) => all.flatMap(one => values.map(value => ({ ...one, [name]: value }))),
    [{}],
  )
  return combinations.map(one => ({
    name: nameOf(one),
    params: one,
    scenario: Object.entries(one).reduce((s, [name, value]) => withValue(s, name, value), scenario),
  }))
}
const nameOf = (params: Readonly<Record<string, string>>): string =>
  Object.entries(params)
    .map(([name, value]) => `${name}=${value}`)
    .join(' ') || 'as it is'

function withValue(scenario: Scenario, name: string, text: string): Scenario {
  const copy = structuredClone(scenario)
  for (const path of pathsOf(name)) for (const spot of spotsOf(copy, path.split('.'), name)) spot.in[spot.key] = parse(text)
  return checkedScenario(copy, `--param ${name}=${text}`)
}
const pathsOf = (name: string): readonly string[] => (Object.hasOwn(short, name) ? short[name]! : [name])
type Place = Record<string, unknown>
type Spot = { readonly in: Place; readonly key: string }
/** The members that a path names. An element of a list goes by its number, its `id`, or `*` for all. */
function spotsOf(root: object, path: readonly string[], name: string): Spot[] {
  let places: Place[] = [root as Place]
  path.forEach((wanted, depth) => {
    const isLast = depth === path.length - 1
    const next: (Place | Spot)[] = []
    for (const place of places) {
      const keys = keysOf(place, wanted)
      // what has no default may be set as well: the schema knows
      if (keys.length === 0 && !(isLast && !Array.isArray(place) && isKnown(root, place, wanted))) throw unknown(name, wanted, place)
      for (const key of keys.length === 0 ? [wanted] : keys) {
        if (isLast) next.push({ in: place, key })
        else if (typeof place[key] === 'object' && place[key] !== null) next.push(place[key] as Place)
        else throw new ScenarioError([`--param ${name}: there is nothing within ${path.slice(0, depth + 1).join('.')}`])
      }
    }
    places = next as Place[]
  })
  return places as unknown as Spot[]
}
function keysOf(place: Place, wanted: string): string[] {
  if (!Array.isArray(place)) return Object.hasOwn(place, wanted) ? [wanted] : []
  if (wanted === '*') return [...place.keys()].map(String)
  const at = place.findIndex((x, k) => String(k) === wanted || (x as { id?: string })?.id === wanted)
  return at < 0 ? [] : [String(at)]
}
/** Does the format know the key there? Tried with a value that is none: what is said of the key then is not that there is none. */
function isKnown(root: object, place: Place, key: string): boolean {
  if (key in {}) return false
  place[key] = Symbol.iterator
  try {
    checkedScenario(root, '')
    return true
  } catch (error) {
    return error instanceof ScenarioError && !error.faults.some(f => f.includes('no such key'))
  } finally {
    delete place[key]
  }
}
function unknown(name: string, wanted: string, place: Place): ScenarioError {
  const known = Array.isArray(place) ? ['*', ...place.map((x, k) => (x as { id?: string })?.id ?? String(k))] : Object.keys(place)
  const others = name.includes('.') ? known : [...Object.keys(short), ...known]
  const meant = nearest(wanted, others)
  return new ScenarioError([
    `--param ${name}: there is no ${wanted}; ${meant ? `did you mean ${meant}?` : `known here: ${others.join(', ')}`}`,
  ])
}
