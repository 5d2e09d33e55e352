/**
 * docs/reference, made from the code: options from their schemas, commands from the command line, errors and metrics from where they are declared.
 * `UPDATE_DOCS=1 npx vitest run test/docs.test.ts` writes it.
 */
import { readdirSync, readFileSync } from 'node:fs'
import { fileURLToPath } from 'node:url'
import type { Command } from 'commander'
import { z } from 'zod'
import { signalSchemas } from '../adapters/index.ts'
import { scenarioJsonSchema } from '../simulations/scenario/schema.ts'
import { createMetrics } from '../src/api/metrics.ts'
import { exitCodes } from '../src/cli/exit.ts'
import { createProgram } from '../src/cli/program.ts'
import { schemaFor } from '../src/config.ts'
import type { Engine } from '../src/engine.ts'

const root = fileURLToPath(new URL('../', import.meta.url))
const read = (path: string) => readFileSync(`${root}${path}`, 'utf8')
const made = '<!-- Made from the code: UPDATE_DOCS=1 npx vitest run test/docs.test.ts -->\n\n'
/** In a cell of a table. */
const cell = (text: string) => text.replaceAll('|', '\\|').replaceAll('\n', ' ')
const table = (head: readonly string[], rows: readonly (readonly string[])[]) =>
  [head, head.map(() => '---'), ...rows].map(row => `| ${row.map(cell).join(' | ')} |`).join('\n')

export const program = (): Command =>
  createProgram({ stdout: { write() {} }, stderr: { write() {} }, env: {}, cwd: '/', exit() {} }, '0.0.0')

// ---- configuration --------------------------------------------------------------------------------------------------

type Json = {
  readonly type?: string
  readonly const?: unknown
  readonly enum?: readonly unknown[]
  readonly default?: unknown
  readonly properties?: Readonly<Record<string, Json>>
  readonly required?: readonly string[]
  readonly items?: Json
  readonly anyOf?: readonly Json[]
  readonly oneOf?: readonly Json[]
  readonly format?: string
  readonly pattern?: string
  readonly minimum?: number
  readonly maximum?: number
  readonly minLength?: number
  readonly description?: string
}
type Row = readonly [path: string, type: string, otherwise: string, what: string]

/** What the comment right before a key of a schema says, by key. A key that means two things in one file needs two names, or one comment. */
export function commentsOf(source: string): Map<string, string> {
  const out = new Map<string, string>()
  for (const [, text, key] of source.matchAll(/\/\*\*((?:(?!\*\/)[\s\S])*)\*\/\n +(\w+): *(?:z\b|[\w.]+[(,\n])/g)) {
    const said = text!.replace(/\s*\n\s*\*\s?/g, ' ').trim()
    if (out.has(key!) && out.get(key!) !== said) throw new Error(`two comments for the option ${key}: "${out.get(key!)}" and "${said}"`)
    out.set(key!, said)
  }
  return out
}

const ASK = 'ask'
function typeOf(s: Json): string {
  if (s.const !== undefined) return `\`${s.const}\``
  if (s.enum) return s.enum.map(v => `\`${v}\``).join(', ')
  const branches = s.anyOf ?? s.oneOf
  if (branches?.some(b => b.properties?.['kind']?.const === 'shed')) return ASK
  if (branches) return branches.map(typeOf).join(' or ')
  if (s.type === 'array') return `list of ${typeOf(s.items ?? {})}`
  if (s.format === 'uri') return 'URL'
  if (s.type === 'string') return (s.minLength ?? 0) > 1 ? `text, ${s.minLength} characters or more` : 'text'
  if (s.type === 'boolean') return 'true, false'
  if (s.type === 'null') return 'null'
  if (s.type === 'object') return 'group'
  const whole = s.type === 'integer' ? 'whole number' : 'number'
  const [least, most] = [s.minimum, s.maximum === Number.MAX_SAFE_INTEGER ? undefined : s.maximum]
  if (least !== undefined && most !== undefined) return `${whole}, ${least} to ${most}`
  return least === undefined ? whole : `${whole} from ${least}`
}

function rowsOf(s: Json, comments: ReadonlyMap<string, string>, path = ''): Row[] {
  const required = new Set(s.required ?? [])
  return Object.entries(s.properties ?? {}).flatMap(([key, child]): Row[] => {
    const here = path === '' ? key : `${path}.${key}`
    const isList = child.type === 'array' && child.items?.type === 'object' && child.items.properties?.['scheme'] === undefined
    const inner = isList ? child.items! : child
    const below = inner.type === 'object' ? rowsOf(inner, comments, isList ? `${here}[]` : here) : []
    const otherwise = required.has(key) ? 'required' : shownDefault(child)
    const said = comments.get(key) ?? ''
    if (below.length > 0 && !isList && said === '' && (child.default !== undefined || required.has(key))) return below
    const type = isList ? 'list' : child.items?.properties?.['scheme'] ? 'list of `{scheme, value}`' : typeOf(child)
    return [[`\`${here}\``, type, otherwise, child.description ?? said], ...below]
  })
}
const shownDefault = (s: Json): string =>
  s.default === undefined
    ? ''
    : typeof s.default === 'object' && s.default !== null && !Array.isArray(s.default)
      ? ''
      : `\`${JSON.stringify(s.default)}\``

const optionFiles: Readonly<Record<string, string>> = Object.fromEntries(
  signalSchemas.map(({ shape }) => [shape.kind.value, `adapters/signals/${shape.kind.value}/options.ts`]),
)

export function configurationPage(): string {
  const schema = z.toJSONSchema(schemaFor(signalSchemas), { io: 'input', unrepresentable: 'any' }) as Json
  const { signals, ...rest } = schema.properties!
  const head = ['Setting', 'Type', 'Default', 'Means'] as const
  const kinds = (signals!.items!.oneOf ?? [signals!.items!]).map(kind => {
    const name = String(kind.properties!['kind']!.const)
    const { kind: _, ...properties } = kind.properties!
    const rows = rowsOf({ ...kind, properties }, commentsOf(read(optionFiles[name]!)), 'signals[]')
    return `## Signals of kind \`${name}\`\n\n${table(head, rows)}\n`
  })
  return `${made}# Configuration

One YAML file, found by \`--config\`, else \`gridbridge.yaml\` here, else in \`$XDG_CONFIG_HOME/gridbridge\` (or \`~/.config/gridbridge\`), else in \`/etc/gridbridge\`.
Flags win over environment variables, these over the file, the file over defaults. Unknown keys are errors. \`gridbridge config show --origin\` prints what is in force.

- **Environment:** \`GRIDBRIDGE_\`, then the path with two underscores between its parts: \`GRIDBRIDGE_OCPP__PORT=9000\`, \`GRIDBRIDGE_API__TOKENS__0__TOKEN=...\`.
- **Secrets** may be given as a file that holds them: \`tokenFile\` instead of \`token\`, \`GRIDBRIDGE_API__TOKENS__0__TOKEN_FILE\`.
- \`gridbridge init\` writes a file to begin with; \`gridbridge config check\` tells what is wrong with one.

## Bridge

${table(head, rowsOf({ ...schema, properties: rest }, commentsOf(['config', 'ocppConfig', 'programmeConfig', 'verificationConfig'].map(f => read(`src/${f}.ts`)).join(''))))}

${kinds.join('\n')}
## Asks

Where a setting is an ask, it is one of: \`{kind: cap, totalW}\` (ceiling on the load of the targets together), \`{kind: shed, totalW}\` (reduction below the baseline),
\`{kind: keep, fraction}\` (each keeps this share of its maximum), \`{kind: limitEach, limitW}\`, \`{kind: limitEach, limitA}\` (per phase), \`{kind: off}\`.
`
}

// ---- commands -------------------------------------------------------------------------------------------------------

/** Leaves of the command tree, as they are typed. */
export function commands(command: Command, path: readonly string[] = []): { path: string; command: Command }[] {
  const here = [...path, command.name()]
  return command.commands.length === 0 ? [{ path: here.join(' '), command }] : command.commands.flatMap(child => commands(child, here))
}
const options = (command: Command): string[][] =>
  command.options.map(o => [
    `\`${o.flags}\``,
    o.description + (o.argChoices ? `: ${o.argChoices.join(', ')}` : ''),
    o.mandatory
      ? 'required'
      : o.defaultValue === undefined || o.defaultValue === true
        ? ''
        : `\`${o.defaultValueDescription ?? o.defaultValue}\``,
  ])

export function commandsPage(): string {
  const all = program()
  const parts = commands(all).map(({ path, command }) => {
    const args = command.registeredArguments.map(a => {
      const name = `${a.name()}${a.variadic ? '...' : ''}`
      return a.required ? `<${name}>` : `[${name}]`
    })
    const rows = options(command)
    return `## ${[path, ...args].join(' ')}\n\n${sentence(command.description())}\n${rows.length === 0 ? '' : `\n${table(['Option', 'Means', 'Default'], rows)}\n`}`
  })
  return `${made}# Commands

Results go to stdout, everything else to stderr. Unknown flags and surplus arguments are refused. Every command takes:

${table(['Option', 'Means', 'Default'], options(all))}

${parts.join('\n')}
## Exit codes

Scripts may depend on them. \`gridbridge help exit-codes\` prints them too.

${table(
  ['Code', 'Means'],
  exitCodes.map(([code, text]) => [String(code), text]),
)}
`
}
const sentence = (text: string): string => `${text[0]?.toUpperCase()}${text.slice(1)}${/[.?]$/.test(text) ? '' : '.'}`

// ---- scenarios of the simulation ---------------------------------------------------------------------------------------

type Comments = ReadonlyMap<string, string>
/** JSON Schema of a scenario, each key with what its comment in the code says: editors show it. Some parts have a file of their own. */
export function scenarioSchema(): string {
  const parts = {
    programmes: commentsOf(read('src/programmeConfig.ts')),
    incidents: commentsOf(read('simulations/scenario/incidentSchema.ts')),
  }
  return `${JSON.stringify(described(scenarioJsonSchema(), commentsOf(read('simulations/scenario/schema.ts')), parts), null, 2)}\n`
}
function described(value: unknown, comments: Comments, parts: Readonly<Record<string, Comments>>): unknown {
  if (Array.isArray(value)) return value.map(v => described(v, comments, parts))
  if (typeof value !== 'object' || value === null) return value
  const property = ([key, inner]: [string, unknown]): [string, unknown] => {
    const said = comments.get(key)
    const below = described(inner, parts[key] ?? comments, parts) as object
    return [key, { ...(said ? { description: said } : {}), ...below }]
  }
  const entries = Object.entries(value).map(([key, inner]): [string, unknown] => [
    key,
    key === 'properties' ? Object.fromEntries(Object.entries(inner as object).map(property)) : described(inner, comments, parts),
  ])
  return Object.fromEntries(entries)
}

// ---- metrics and errors ---------------------------------------------------------------------------------------------

export async function metricsPage(): Promise<string> {
  const engine = { bridge: { follow: () => () => {} }, listen: () => () => {} } as unknown as Engine
  const { registry } = createMetrics({ engine, version: '0.0.0' })
  // `collect` would look at the engine: what is declared is enough.
  const declared = registry.getMetricsAsArray() as unknown as {
    name: string
    help: string
    type?: string
    labelNames: readonly string[]
    constructor: { name: string }
  }[]
  const rows = declared
    .map(m => [`\`${m.name}\``, m.constructor.name.toLowerCase(), m.labelNames.map(l => `\`${l}\``).join(', '), m.help])
    .sort((a, b) => (a[0]! < b[0]! ? -1 : 1))
  return `${made}# Metrics

Prometheus text at \`/metrics\` of the API's port. Chargers and events are never labels: there is no bound to their number.

${table(['Name', 'Type', 'Labels', 'Means'], rows)}
`
}

/** Codes of errors (`GB-1234`) that the sources name. */
export function errorCodes(): string[] {
  const files = ['src', 'adapters'].flatMap(top =>
    readdirSync(`${root}${top}`, { recursive: true, encoding: 'utf8' })
      .filter(f => f.endsWith('.ts'))
      .map(f => `${top}/${f}`),
  )
  const found = files.flatMap(f => [...read(f).matchAll(/GB-(\d{4})/g)].map(m => m[0]))
  // The command line makes its codes for answers of the API out of the status.
  const client = read('src/cli/client.ts')
  const byStatus = /const codeOf =[^\n]*\n(.*)\n/.exec(client)?.[1] ?? ''
  const more = [...byStatus.matchAll(/\b(1[0-9]{3})\b/g)].map(m => `GB-${m[1]}`)
  return [...new Set([...found, ...more])].sort()
}
