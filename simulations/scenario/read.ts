import { LineCounter, parseDocument } from 'yaml'
import type { z } from 'zod'
import { type Scenario, scenario } from './schema.ts'

/** What is wrong with a scenario, with its line where it has one. */
export class ScenarioError extends Error {
  readonly faults: readonly string[]
  constructor(faults: readonly string[]) {
    super(faults.join('\n'))
    this.name = 'ScenarioError'
    this.faults = faults
  }
}

/**
 * A scenario from YAML. All that is wrong is said at once.
 * @throws ScenarioError
 */
export function readScenario(text: string, name = 'scenario'): Scenario {
  const lines = new LineCounter()
  const document = parseDocument(text, { lineCounter: lines })
  const at = (offset: number | undefined) => (offset === undefined ? '' : `:${lines.linePos(offset).line}`)
  if (document.errors.length > 0) throw new ScenarioError(document.errors.map(e => `${name}${at(e.pos[0])}: ${e.message.split('\n')[0]}`))
  const parsed = scenario.safeParse(document.toJS())
  if (parsed.success) return parsed.data
  throw new ScenarioError(
    parsed.error.issues.flatMap(meant).map(issue => {
      const node = document.getIn(
        issue.path.filter(p => typeof p !== 'symbol'),
        true,
      ) as { range?: [number] } | undefined
      return `${name}${at(node?.range?.[0])}: ${issue.path.join('.') || 'scenario'}: ${wordsOf(issue)}`
    }),
  )
}
/**
 * A scenario from plain data, for those who changed one.
 * @throws ScenarioError
 */
export function checkedScenario(value: unknown, name: string): Scenario {
  const parsed = scenario.safeParse(value)
  if (parsed.success) return parsed.data
  throw new ScenarioError(parsed.error.issues.flatMap(meant).map(issue => `${name}: ${issue.path.join('.')}: ${wordsOf(issue)}`))
}
/** Of what may be one of several things: the mistakes in that which was meant, which is the one with the fewest keys that it does not know. */
function meant(issue: z.core.$ZodIssue): z.core.$ZodIssue[] {
  if (issue.code !== 'invalid_union' || issue.errors.length === 0) return [issue]
  const strange = (issues: readonly z.core.$ZodIssue[]) =>
    issues.reduce((n, x) => n + (x.path.length > 0 ? 1 : x.code === 'unrecognized_keys' ? 2 * x.keys.length : 100), 0)
  const [best] = issue.errors.map(of => of.flatMap(meant)).sort((a, b) => strange(a) - strange(b))
  return best!.map(x => ({ ...x, path: [...issue.path, ...x.path] }))
}
const wordsOf = (issue: z.core.$ZodIssue): string =>
  issue.code === 'unrecognized_keys' ? `no such key: ${issue.keys.join(', ')}` : issue.message
