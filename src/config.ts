import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { LineCounter, parse, parseDocument } from 'yaml'
import { z } from 'zod'
import { scopes } from './api/scopes.ts'
import { envPath, type Leaf, leavesOf, merge, nearest, type Origin, type Path, pathText, redacted, secretOfFile } from './layers.ts'
import { meters, strangersIn } from './metersConfig.ts'
import { name, ocpp, port, seconds } from './ocppConfig.ts'
import { programme } from './programmeConfig.ts'

export { DEFAULT_OCPP_PORT } from './ocppConfig.ts'
export { DEFAULT_SPREAD_S, MAX_SPREAD_S } from './programmeConfig.ts'

export const DEFAULT_API_PORT = 8380
const ENV_PREFIX = 'GRIDBRIDGE_'
/** Settings of the command line itself, not of the bridge. */
const NOT_CONFIG = new Set(['GRIDBRIDGE_URL', 'GRIDBRIDGE_TOKEN', 'GRIDBRIDGE_CONFIG'])

const api = z.strictObject({
  /** Beyond this machine only with `tls`, or with `allowPlain`. */
  host: z.string().default('127.0.0.1'),
  port: port.default(DEFAULT_API_PORT),
  /** PEM files; read at the start. */
  tls: z.strictObject({ certFile: z.string(), keyFile: z.string() }).optional(),
  /** Plain HTTP beyond this machine: tokens travel readable. For a proxy that ends TLS in front of us. */
  allowPlain: z.boolean().default(false),
  /** Publishes the register of emergencies without a token: areas, times, counts and kW, no charger. */
  publicRegister: z.boolean().default(false),
  tokens: z.array(z.strictObject({ name, token: z.string().min(24), scopes: z.array(z.enum(scopes)).min(1) })).default([]),
})

const keys = z
  .strictObject({
    /** What signs the log, as `audit.key` has it, instead of that file: from the environment (`GRIDBRIDGE_KEYS__SIGNING_SECRET`) or `signingSecretFile`. */
    signingSecret: z.string().min(1).optional(),
    /** A command of a key store that prints it on stdout; run once at the start, without a shell. */
    signingCommand: z.array(z.string().min(1)).min(1).optional(),
    /** What random delays are drawn from, 64 hex digits, instead of `seed.key`. */
    seedSecret: z.string().min(1).optional(),
  })
  .refine(k => k.signingSecret === undefined || k.signingCommand === undefined, 'give either signingSecret or signingCommand')

/** Days; 0: for ever. What goes is recorded by its hash, and the log stays provable without it. */
const retention = z.strictObject({
  /** Messages as received, and texts that people and boxes wrote: they can name somebody. */
  rawDays: z.union([z.literal(0), z.int().min(30).max(36_500)]).default(2557),
  /** Power of single chargers in the log; without it a verdict cannot be computed again. */
  powerDays: z.union([z.literal(0), z.int().min(30).max(36_500)]).default(2557),
})

/** The whole configuration, for the kinds of signal source that there are. */
export const schemaFor = <S extends readonly [z.ZodObject, ...z.ZodObject[]]>(signals: S) =>
  z.strictObject({
    /** Holds the journal, the meters, the registry and the keys. */
    dataDir: z.string().min(1).default('./gridbridge-data'),
    /** The name of the log in its signed checkpoints: a URL without a scheme, no spaces, no plus (C2SP tlog-checkpoint). */
    origin: z
      .string()
      .regex(/^[^\s+]+$/, 'must have no spaces and no "+"')
      .default('gridbridge.local/log'),
    keys: keys.prefault({}),
    retention: retention.prefault({}),
    ocpp: ocpp.prefault({}),
    meters: meters.prefault({}),
    api: api.prefault({}),
    signals: z.array(z.discriminatedUnion('kind', signals as never) as unknown as S[number]).default([]),
    programmes: z
      .array(programme)
      .min(1)
      .prefault([{ id: 'default' }]),
    /** The most that may be cut by routine events, and that may come back by any, within a minute: under a node, or without one in all. */
    bounds: z.array(z.strictObject({ node: name.optional(), wPerMinute: z.int().min(1) })).default([]),
    fleet: z
      .strictObject({
        /** A reading older than this says nothing about now. */
        staleAfterS: z.int().min(1).max(3600).default(180),
        /** How often chargers are asked to send readings. */
        sampleS: z.int().min(1).max(3600).default(30),
        /** How often the response to a running event is looked at. */
        observeEveryS: z.int().min(1).max(3600).default(30),
        /** How long late readings are waited for before an event is verified. */
        graceS: seconds(86_400).default(120),
      })
      .prefault({}),
    verification: z
      .strictObject({
        /** How long readings that come after a verdict are gathered before they make its next revision: boxes that were offline send theirs in bursts. */
        reviseAfterS: seconds(86_400).default(3600),
      })
      .prefault({}),
    witnesses: z
      .strictObject({
        /** Whose cosignatures the log's checkpoints need (C2SP tlog-policy: log, witness, group, quorum lines). Witnesses with a URL are asked. */
        policyFile: z.string().optional(),
        /** Checkpoints that stay without the quorum for longer are an alarm. */
        quorumWithinS: z.int().min(1).max(86_400).default(300),
      })
      .prefault({}),
    notices: z
      .strictObject({
        /** The aggregator's name, as drivers know it. */
        aggregator: name.default('gridbridge'),
        /** Where a charge-point operator's app is told of what limits its drivers; signed with the secret (Standard Webhooks). */
        endpoints: z.array(z.strictObject({ url: z.url({ protocol: /^https?$/ }), secret: z.string().min(24) })).default([]),
      })
      .prefault({}),
  })

/** The schemas of the signal adapters' options, by kind; the composition root hands in those of the registry. */
export type SignalSchemas = readonly [z.ZodObject, ...z.ZodObject[]]
export type ConfigOf<S extends SignalSchemas> = z.output<ReturnType<typeof schemaFor<S>>>
export type ProgrammeConfig = z.output<typeof programme>

/** One thing wrong with the configuration, with a code whose anchor the documentation has. */
export type ConfigFault = {
  readonly code: string
  readonly path: string
  readonly value: string
  readonly message: string
  readonly hint: string
}
/** Thrown once with everything that is wrong, so that nobody mends a file line by line. */
export class ConfigError extends Error {
  readonly faults: readonly ConfigFault[]
  constructor(faults: readonly ConfigFault[]) {
    super(faults.map(f => `${f.code} ${f.path}: ${f.message}`).join('\n'))
    this.name = 'ConfigError'
    this.faults = faults
  }
}

export type Sources = {
  /** `--config`; else the first that exists of the search order. */
  readonly file?: string | undefined
  readonly env: Readonly<Record<string, string | undefined>>
  /** By dotted path: `{'ocpp.port': '9000'}`. */
  readonly flags?: Readonly<Record<string, string | number | boolean | undefined>>
  readonly cwd: string
  readonly read?: (file: string) => string
}
export type Loaded<C> = { readonly config: C; readonly file: string | null; readonly origins: ReadonlyMap<string, Origin> }

/** Where a configuration file is looked for, first found wins. */
export const searchOrder = (sources: Pick<Sources, 'cwd' | 'env'>): string[] => [
  join(sources.cwd, 'gridbridge.yaml'),
  join(sources.env['XDG_CONFIG_HOME'] || join(sources.env['HOME'] ?? '/', '.config'), 'gridbridge', 'gridbridge.yaml'),
  '/etc/gridbridge/gridbridge.yaml',
]

const fault = (code: string, path: string, value: unknown, message: string, hint: string): ConfigFault => ({
  code,
  path,
  value: shown(value),
  message,
  hint,
})
const shown = (value: unknown): string => (value === undefined ? '' : typeof value === 'string' ? value : JSON.stringify(value))
const fail = (...faults: ConfigFault[]): never => {
  throw new ConfigError(faults)
}

/**
 * Flags > environment > file > default, once. Refuses on doubt: unknown keys, wrong types and contradictions throw one `ConfigError` with
 * all faults in it. Secrets may be given as `<name>File`, the path of a file that holds them.
 */
export function loadConfig<const S extends SignalSchemas>(signals: S, sources: Sources): Loaded<ConfigOf<S>> {
  const read = sources.read ?? ((file: string) => readFileSync(file, 'utf8'))
  const file = findFile(sources, read)
  const { tree, origins } = merge([file ? fileLeaves(file.path, file.text) : [], envLeaves(sources.env), flagLeaves(sources.flags ?? {})])
  const faults = readSecrets(tree, origins, read, [])
  const schema = schemaFor(signals)
  const parsed = parseKeepingText(schema, tree, origins, sources)
  if (!parsed.success) faults.push(...parsed.error.issues.flatMap(i => faultsOf(i, tree, schema, origins)))
  else faults.push(...contradictions(parsed.data as ConfigOf<SignalSchemas>))
  if (faults.length > 0 || !parsed.success) return fail(...faults)
  return { config: parsed.data as ConfigOf<S>, file: file?.path ?? null, origins }
}

function findFile(sources: Sources, read: (file: string) => string): { path: string; text: string } | undefined {
  const asked = sources.file ?? sources.env['GRIDBRIDGE_CONFIG']
  for (const path of asked ? [asked] : searchOrder(sources))
    try {
      return { path, text: read(path) }
    } catch (error) {
      const code = (error as NodeJS.ErrnoException).code
      if (asked || (code !== 'ENOENT' && code !== 'ENOTDIR'))
        fail(
          fault('GB-1001', '--config', path, `cannot read ${path} (${code})`, 'name a file that exists, or make one with: gridbridge init'),
        )
    }
  return undefined
}

function fileLeaves(path: string, text: string): Leaf[] {
  const lines = new LineCounter()
  const doc = parseDocument(text, { lineCounter: lines, uniqueKeys: true })
  const wrong = doc.errors[0]
  if (wrong) {
    const at = lines.linePos(wrong.pos[0])
    fail(fault('GB-1002', path, `line ${at.line}`, `not YAML: ${wrong.message.split('\n')[0]}`, `see line ${at.line}, column ${at.col}`))
  }
  const value: unknown = doc.toJS({ maxAliasCount: 0 })
  if (value !== null && (typeof value !== 'object' || Array.isArray(value)))
    fail(fault('GB-1002', path, typeof value, 'must be a mapping of settings', 'begin with lines like  dataDir: ./data'))
  return leavesOf(value ?? {}, p => {
    const node = doc.getIn(p, true) as { range?: [number, number, number] } | undefined
    return { from: 'file', where: node?.range ? `${path}:${lines.linePos(node.range[0]).line}` : path }
  })
}
const envLeaves = (env: Sources['env']): Leaf[] =>
  Object.entries(env)
    .filter(([key, value]) => key.startsWith(ENV_PREFIX) && !NOT_CONFIG.has(key) && value !== undefined)
    .sort(([a], [b]) => (a < b ? -1 : 1))
    .map(([key, value]) => ({ path: envPath(key, ENV_PREFIX), value: scalar(value!), origin: { from: 'env', where: key } }))
const flagLeaves = (flags: NonNullable<Sources['flags']>): Leaf[] =>
  Object.entries(flags)
    .filter(([, value]) => value !== undefined)
    .map(([key, value]) => ({
      path: key.split('.'),
      value: typeof value === 'string' ? scalar(value) : value,
      origin: { from: 'flag', where: `--${key.replace(/[.]/g, '-').replace(/[A-Z]/g, c => `-${c.toLowerCase()}`)}` },
    }))
/** Numbers, booleans and lists can be written in the environment as in the file. */
const scalar = (text: string): unknown => {
  try {
    return parse(text) ?? text
  } catch {
    return text
  }
}

/** `tokenFile: path` becomes `token: <content>`. Returns what could not be read. */
function readSecrets(node: unknown, origins: Map<string, Origin>, read: (file: string) => string, path: Path): ConfigFault[] {
  if (typeof node !== 'object' || node === null) return []
  const faults: ConfigFault[] = []
  for (const [key, value] of Object.entries(node)) {
    const secret = Array.isArray(node) ? undefined : secretOfFile(key)
    const at = [...path, Array.isArray(node) ? Number(key) : key]
    if (secret === undefined) {
      faults.push(...readSecrets(value, origins, read, at))
      continue
    }
    const record = node as Record<string, unknown>
    const own = pathText([...path, secret])
    delete record[key]
    if (secret in record) faults.push(fault('GB-1007', pathText(at), value, `${secret} is given twice`, `keep either ${secret} or ${key}`))
    try {
      record[secret] = read(String(value)).trim()
      origins.set(own, { from: origins.get(pathText(at))?.from ?? 'file', where: `file ${String(value)}` })
    } catch (error) {
      record[secret] = '?'.repeat(24)
      const why = (error as NodeJS.ErrnoException).code ?? 'error'
      faults.push(
        fault('GB-1006', pathText(at), value, `cannot read the secret (${why})`, 'the file must exist and be readable by this user'),
      )
    }
    origins.delete(pathText(at))
  }
  return faults
}

/** A password of digits in the environment looks like a number: where text was wanted, the text as written counts. */
function parseKeepingText(schema: z.ZodType, tree: Record<string, unknown>, origins: Map<string, Origin>, sources: Sources) {
  const first = schema.safeParse(tree)
  if (first.success) return first
  let changed = false
  for (const issue of first.error.issues) {
    const path = issue.path as Path
    const origin = origins.get(pathText(path))
    const written =
      origin?.from === 'env' ? sources.env[origin.where] : origin?.from === 'flag' ? sources.flags?.[path.join('.')] : undefined
    if (issue.code !== 'invalid_type' || issue.expected !== 'string' || written === undefined) continue
    const parent = valueAt(tree, path.slice(0, -1)) as Record<string | number, unknown>
    parent[path.at(-1)!] = String(written)
    changed = true
  }
  return changed ? schema.safeParse(tree) : first
}

function faultsOf(issue: z.core.$ZodIssue, tree: unknown, schema: z.ZodType, origins: ReadonlyMap<string, Origin>): ConfigFault[] {
  const path = issue.path as Path
  const value = valueAt(tree, path)
  const from = (p: string) => {
    const origin = origins.get(p) ?? [...origins].find(([key]) => key.startsWith(`${p}.`) || key.startsWith(`${p}[`))?.[1]
    return origin ? ` [${origin.where}]` : ''
  }
  if (issue.code === 'unrecognized_keys') {
    const known = keysAt(schema, tree, path)
    return issue.keys.map(key => {
      const at = pathText([...path, key])
      const meant = nearest(key, known)
      return fault('GB-1003', at, '', `unknown key${from(at)}`, meant ? `did you mean ${meant}?` : `known here: ${known.join(', ')}`)
    })
  }
  const at = pathText(path)
  const shownValue = redacted(path, value)
  if (issue.code === 'invalid_union') {
    const kinds = kindsAt(schema, tree, path.slice(0, -1))
    const meant = nearest(String(value), kinds)
    return [fault('GB-1004', at, shownValue, `no such kind${from(at)}`, meant ? `did you mean ${meant}?` : `one of: ${kinds.join(', ')}`)]
  }
  if (value === undefined) return [fault('GB-1005', at, '', 'missing', issue.message)]
  return [fault('GB-1004', at, shownValue, `not acceptable${from(at)}`, issue.message)]
}
const valueAt = (tree: unknown, path: Path): unknown =>
  path.reduce<unknown>((v, key) => (typeof v === 'object' && v !== null ? (v as Record<string | number, unknown>)[key] : undefined), tree)

/** The schema at a path: through wrappers, lists and, by the value's `kind`, unions. */
function schemaAt(schema: z.ZodType, tree: unknown, path: Path): z.ZodType {
  const bare = unwrapped(schema, tree)
  const [key, ...rest] = path
  if (key === undefined) return bare
  const below = valueAt(tree, [key])
  if (bare instanceof z.ZodArray) return schemaAt(bare.element as z.ZodType, below, rest)
  if (bare instanceof z.ZodObject) return schemaAt((bare.shape[key] ?? z.never()) as z.ZodType, below, rest)
  return bare
}
function unwrapped(schema: z.ZodType, value: unknown): z.ZodType {
  if (
    schema instanceof z.ZodOptional ||
    schema instanceof z.ZodDefault ||
    schema instanceof z.ZodPrefault ||
    schema instanceof z.ZodNullable
  )
    return unwrapped(schema.unwrap() as z.ZodType, value)
  if (!(schema instanceof z.ZodDiscriminatedUnion)) return schema
  const kind = valueAt(value, ['kind'])
  return (schema.options.find(o => o instanceof z.ZodObject && kindOf(o) === kind) as z.ZodType | undefined) ?? schema
}
const kindOf = (schema: z.ZodObject): unknown => (schema.shape['kind'] instanceof z.ZodLiteral ? schema.shape['kind'].value : undefined)
const keysAt = (schema: z.ZodType, tree: unknown, path: Path): string[] => {
  const at = schemaAt(schema, tree, path)
  return at instanceof z.ZodObject ? Object.keys(at.shape) : []
}
const kindsAt = (schema: z.ZodType, tree: unknown, path: Path): string[] => {
  const at = schemaAt(schema, tree, path)
  return at instanceof z.ZodDiscriminatedUnion ? at.options.map(o => String(kindOf(o as z.ZodObject))) : []
}

const isLoopback = (host: string): boolean => /^(localhost|127(\.\d{1,3}){3}|::1|\[::1\])$/i.test(host)

/** What each value allows but all together do not. */
function contradictions(config: ConfigOf<SignalSchemas>): ConfigFault[] {
  const faults: ConfigFault[] = []
  const twice = (what: string, names: readonly string[]) => {
    const seen = new Set<string>()
    for (const n of names) {
      if (seen.has(n)) faults.push(fault('GB-1008', what, n, `${n} is there twice`, 'give each its own name'))
      seen.add(n)
    }
  }
  twice(
    'programmes',
    config.programmes.map(p => p.id),
  )
  twice(
    'api.tokens',
    config.api.tokens.map(t => t.name),
  )
  twice(
    'meters.witnesses',
    config.meters.witnesses.map(m => m.name),
  )
  for (const { path, meter } of strangersIn(config.meters))
    faults.push(fault('GB-1008', path, meter, 'no such meter', 'declare it in meters.witnesses'))
  const { host, tls, allowPlain } = config.api
  if (!tls && !allowPlain && !isLoopback(host))
    faults.push(
      fault(
        'GB-1008',
        'api.host',
        host,
        'reachable from outside without TLS: tokens would travel readable',
        'set api.tls, or api.allowPlain: true behind a proxy that ends TLS',
      ),
    )
  const programmes = config.programmes.map(p => p.id)
  for (const { path, value } of leavesOf(config.signals, () => ({ from: 'default', where: '' }), ['signals'])) {
    if (path.at(-1) !== 'programme' || typeof value !== 'string' || programmes.includes(value)) continue
    const meant = nearest(value, programmes)
    faults.push(
      fault(
        'GB-1008',
        pathText(path),
        value,
        'no such programme',
        meant ? `did you mean ${meant}?` : `configured: ${programmes.join(', ')}`,
      ),
    )
  }
  return faults
}

export type ConfigLine = { readonly path: string; readonly value: unknown; readonly from: Origin['from']; readonly where: string }
/** Every value in force with where it came from; secrets are never in it. */
export const describeConfig = (loaded: Loaded<object>): ConfigLine[] =>
  leavesOf(loaded.config, p => originAt(loaded.origins, p)).map(({ path, value, origin }) => ({
    path: pathText(path),
    value: redacted(path, value),
    ...origin,
  }))
/** The nearest origin at or above a path: a default inside a list item of the file is still a default. */
const originAt = (origins: ReadonlyMap<string, Origin>, path: Path): Origin =>
  origins.get(pathText(path)) ?? { from: 'default', where: 'default' }
