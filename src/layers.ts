/**
 * Configuration as layers: default < file < environment < flags. Pure: every layer is handed in. Each leaf remembers where it came from.
 */
export type Path = readonly (string | number)[]
export type Origin = { readonly from: 'default' | 'file' | 'env' | 'flag'; readonly where: string }
export type Leaf = { readonly path: Path; readonly value: unknown; readonly origin: Origin }

/** `ocpp.port`, `signals[0].url`: as messages and `config show` print it. */
export const pathText = (path: Path): string =>
  path.map((p, i) => (typeof p === 'number' || /^\d+$/.test(p) ? `[${p}]` : i === 0 ? p : `.${p}`)).join('') || '(top)'

const isRecord = (v: unknown): v is Record<string, unknown> => typeof v === 'object' && v !== null && !Array.isArray(v)

/** Leaves of a tree; an empty object or list is a leaf itself, so that it is not lost. */
export function leavesOf(value: unknown, origin: (path: Path) => Origin, path: Path = []): Leaf[] {
  const entries: [string | number, unknown][] = Array.isArray(value) ? [...value.entries()] : isRecord(value) ? Object.entries(value) : []
  if (entries.length === 0) return path.length === 0 ? [] : [{ path, value, origin: origin(path) }]
  return entries.flatMap(([key, v]) => leavesOf(v, origin, [...path, key]))
}

/** `GRIDBRIDGE_API__TOKENS__0__TOKEN_FILE` -> `api.tokens[0].tokenFile`. */
export const envPath = (name: string, prefix: string): Path =>
  name
    .slice(prefix.length)
    .split('__')
    .map(part => (/^\d+$/.test(part) ? Number(part) : part.toLowerCase().replace(/_([a-z0-9])/g, (_, c: string) => c.toUpperCase())))

/** Later leaves win. A list of a later layer that is given as a whole replaces the former one; an index of it changes one item. */
export function merge(layers: readonly (readonly Leaf[])[]): {
  readonly tree: Record<string, unknown>
  readonly origins: Map<string, Origin>
} {
  const tree: Record<string, unknown> = {}
  const origins = new Map<string, Origin>()
  for (const layer of layers) {
    for (const root of wholeLists(layer)) drop(tree, origins, root)
    for (const leaf of layer) {
      put(tree, leaf.path, leaf.value)
      origins.set(pathText(leaf.path), leaf.origin)
    }
  }
  return { tree, origins }
}

/** Paths of the lists that a file gives: it gives them as a whole. */
function wholeLists(layer: readonly Leaf[]): Path[] {
  const roots = new Map<string, Path>()
  for (const { path, origin } of layer) {
    const at = path.findIndex(p => typeof p === 'number')
    if (at > 0 && origin.from === 'file') roots.set(pathText(path.slice(0, at)), path.slice(0, at))
  }
  return [...roots.values()]
}
function drop(tree: Record<string, unknown>, origins: Map<string, Origin>, path: Path): void {
  let at: unknown = tree
  for (const p of path.slice(0, -1)) at = isRecord(at) ? at[p] : undefined
  if (!isRecord(at)) return
  delete at[path.at(-1)!]
  for (const key of [...origins.keys()]) if (key.startsWith(`${pathText(path)}[`)) origins.delete(key)
}
function put(tree: Record<string, unknown>, path: Path, value: unknown): void {
  let at: Record<string | number, unknown> = tree
  path.forEach((key, i) => {
    if (i === path.length - 1) {
      define(at, key, value)
      return
    }
    if (typeof at[key] !== 'object' || at[key] === null || !Object.hasOwn(at, key))
      define(at, key, typeof path[i + 1] === 'number' ? [] : {})
    at = at[key] as Record<string | number, unknown>
  })
}
/** An own property even for `__proto__`, so that no layer can reach a prototype. */
const define = (at: object, key: string | number, value: unknown): void => {
  Object.defineProperty(at, key, { value, writable: true, enumerable: true, configurable: true })
}

/** The nearest of `known` within a third of its length, for "did you mean". */
export function nearest(word: string, known: readonly string[]): string | undefined {
  const scored = known.map(k => ({ k, d: distance(word.toLowerCase(), k.toLowerCase()) })).sort((a, b) => a.d - b.d)
  const best = scored[0]
  return best && best.d <= Math.max(1, Math.ceil(best.k.length / 3)) ? best.k : undefined
}
function distance(a: string, b: string): number {
  let row = Array.from({ length: b.length + 1 }, (_, i) => i)
  for (let i = 1; i <= a.length; i++) {
    const next = [i]
    for (let j = 1; j <= b.length; j++) next[j] = Math.min(next[j - 1]! + 1, row[j]! + 1, row[j - 1]! + (a[i - 1] === b[j - 1] ? 0 : 1))
    row = next
  }
  return row[b.length]!
}

const SECRET = /(token|password|secret|passphrase)s?$/i
/** Is the value at this path never to be shown? By name, so that a new adapter's secrets are covered without its author thinking of it. */
export const isSecret = (path: Path): boolean => {
  const name = [...path].reverse().find((p): p is string => typeof p === 'string')
  return name !== undefined && SECRET.test(name)
}
/** A value as it may be shown: secrets anywhere within it, user names, passwords and queries of addresses, and `--token=...` of a command are left out. */
export const redacted = (path: Path, value: unknown): unknown => {
  if (Array.isArray(value)) return value.map((v, i) => redacted([...path, i], v))
  if (isRecord(value)) return Object.fromEntries(Object.entries(value).map(([key, v]) => [key, redacted([...path, key], v)]))
  if (value === undefined || value === null) return value
  if (isSecret(path)) return '(redacted)'
  return typeof value === 'string' ? shown(value) : value
}
const shown = (text: string): string =>
  text
    .replace(/^([a-z][a-z0-9+.-]*:\/\/)[^/?#]*@/i, '$1(redacted)@')
    .replace(/^([a-z][a-z0-9+.-]*:\/\/[^?]*\?).*/i, '$1(redacted)')
    .replace(/^(--?[\w-]*(?:token|password|secret|passphrase|key)=).*/i, '$1(redacted)')
/** `tokenFile` -> `token`: a secret given by the file that holds it. Undefined for files that are no secrets, as certificates. */
export const secretOfFile = (key: string): string | undefined =>
  key.endsWith('File') && SECRET.test(key.slice(0, -4)) ? key.slice(0, -4) : undefined
