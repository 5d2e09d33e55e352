// XML in and out, and nothing of OpenADR beyond its namespaces. Reading is by namespace URI: a prefix means nothing
// (one real VEN binds the same prefix to two namespaces inside one message).
import { Parser } from 'xml2js'

/** The namespaces of the 2.0b profile, under the prefixes our own messages use. */
export const NS = {
  oadr: 'http://openadr.org/oadr-2.0b/2012/07',
  ei: 'http://docs.oasis-open.org/ns/energyinterop/201110',
  pyld: 'http://docs.oasis-open.org/ns/energyinterop/201110/payloads',
  emix: 'http://docs.oasis-open.org/ns/emix/2011/06',
  power: 'http://docs.oasis-open.org/ns/emix/2011/06/power',
  scale: 'http://docs.oasis-open.org/ns/emix/2011/06/siscale',
  xcal: 'urn:ietf:params:xml:ns:icalendar-2.0',
  strm: 'urn:ietf:params:xml:ns:icalendar-2.0:stream',
  gml: 'http://www.opengis.net/gml/3.2',
  ds: 'http://www.w3.org/2000/09/xmldsig#',
} as const
export type Prefix = keyof typeof NS

export type WireCode =
  | 'tooLarge'
  | 'notUtf8'
  | 'doctype'
  | 'tooDeep'
  | 'tooManyElements'
  | 'tooManyAttributes'
  | 'tooManyNamespaces'
  | 'notXml'
  | 'notOpenAdr'
  | 'missing'
  | 'badValue'

/** What a peer sent could not be read. Names the adapter, where in the message (element path) and the value found there. */
export class WireError extends Error {
  readonly adapter = 'openadr2b'
  readonly code: WireCode
  readonly path: string
  readonly value: string
  constructor(code: WireCode, path: string, value: string) {
    super(`openadr2b: ${code} at ${path || '/'}: ${value.slice(0, 120)}`)
    this.name = 'WireError'
    this.code = code
    this.path = path
    this.value = value.slice(0, 200)
  }
}

/**
 * Caps on what we are willing to parse. 1 MB holds an event with thousands of intervals. `namespaces`: those in scope, summed over all elements,
 * because the parser goes through all of them at each.
 */
export const LIMITS = { bodyBytes: 1_000_000, depth: 64, elements: 50_000, attributes: 100, namespaces: 500_000 } as const

export type El = {
  readonly ns: string
  readonly name: string
  readonly text: string
  readonly attrs: ReadonlyMap<string, string>
  readonly children: readonly El[]
  readonly path: string
}

/**
 * Parse one XML document to a tree. Throws WireError: body over 1 MB, not UTF-8, a DOCTYPE or ENTITY (refused before any
 * parser sees it), nesting deeper than 64, more than 50,000 elements or 100 attributes in one, or not well-formed.
 */
export const parseXml = (body: string | Uint8Array): El => {
  const xml = toText(body)
  refuseDangerous(xml)
  return toEl(runParser(xml), '', 1)
}

/** The only child of that name, the first if there are several, undefined if there is none. */
export const child = (el: El | undefined, prefix: Prefix, name: string): El | undefined =>
  el?.children.find(c => c.name === name && c.ns === NS[prefix])

export const children = (el: El | undefined, prefix: Prefix, name: string): readonly El[] =>
  el?.children.filter(c => c.name === name && c.ns === NS[prefix]) ?? []

/** Like `child`, but its absence is an error that names the path. */
export const need = (el: El, prefix: Prefix, name: string): El => {
  const found = child(el, prefix, name)
  if (!found) throw new WireError('missing', `${el.path}/${name}`, '')
  return found
}

/** Trimmed text of a child; undefined when the child is absent or empty (OpenLEADR sends empty elements for "none"). */
export const text = (el: El | undefined, prefix: Prefix, name: string): string | undefined => child(el, prefix, name)?.text || undefined

export const needText = (el: El, prefix: Prefix, name: string): string => {
  const found = need(el, prefix, name)
  if (found.text === '') throw new WireError('missing', found.path, '')
  return found.text
}

const toText = (body: string | Uint8Array): string => {
  const size = typeof body === 'string' ? Buffer.byteLength(body) : body.byteLength
  if (size > LIMITS.bodyBytes) throw new WireError('tooLarge', '', `${size} bytes`)
  const xml = typeof body === 'string' ? body : decode(body)
  const declared = /^\s*<\?xml[^>]*?encoding\s*=\s*["']([^"']*)/i.exec(xml)?.[1]
  if (declared && declared.toLowerCase() !== 'utf-8') throw new WireError('notUtf8', '', declared)
  return xml
}

const decode = (body: Uint8Array): string => {
  try {
    return new TextDecoder('utf-8', { fatal: true }).decode(body)
  } catch {
    throw new WireError('notUtf8', '', Buffer.from(body.subarray(0, 16)).toString('hex'))
  }
}

/** One linear pass before the parser: declarations, depth, number of elements and, for what a parser does with namespaces, of attributes. */
const refuseDangerous = (xml: string): void => {
  const declaration = /<!\s*(DOCTYPE|ENTITY|ELEMENT|ATTLIST|NOTATION)/i.exec(xml)
  if (declaration) throw new WireError('doctype', '', declaration[0])
  let elements = 0
  let namespaces = 0
  /** Of the open elements, the namespaces in scope. */
  const scopes: number[] = []
  for (let at = xml.indexOf('<'); at >= 0; at = xml.indexOf('<', at)) {
    if (xml.startsWith('<!--', at)) at = after(xml, '-->', at + 4)
    else if (xml.startsWith('<![CDATA[', at)) at = after(xml, ']]>', at + 9)
    else if (xml.startsWith('<?', at)) at = after(xml, '?>', at + 2)
    else {
      const end = tagEnd(xml, at)
      if (xml[at + 1] === '/') scopes.pop()
      else {
        if (++elements > LIMITS.elements) throw new WireError('tooManyElements', '', `> ${LIMITS.elements}`)
        const declared = xml.slice(at, end).match(/\sxmlns[:=]/g)?.length ?? 0
        const scope = (scopes.at(-1) ?? 0) + declared
        namespaces += scope
        if (namespaces > LIMITS.namespaces) throw new WireError('tooManyNamespaces', '', `> ${LIMITS.namespaces}`)
        if (xml[end - 1] !== '/' && scopes.push(scope) > LIMITS.depth) throw new WireError('tooDeep', '', `> ${LIMITS.depth}`)
      }
      at = end + 1
    }
  }
}

const after = (xml: string, mark: string, from: number): number => {
  const at = xml.indexOf(mark, from)
  if (at < 0) throw new WireError('notXml', '', `no ${mark}`)
  return at + mark.length
}

/** Index of the `>` that ends the tag, ignoring those inside quoted attribute values. Refuses a tag with too many attributes. */
const tagEnd = (xml: string, from: number): number => {
  let quote = ''
  let attributes = 0
  for (let i = from + 1; i < xml.length; i++) {
    const c = xml[i]!
    if (quote) quote = c === quote ? '' : quote
    else if (c === '"' || c === "'") quote = c
    else if (c === '>') return i
    else if (c === '=' && ++attributes > LIMITS.attributes) throw new WireError('tooManyAttributes', '', `> ${LIMITS.attributes}`)
  }
  throw new WireError('notXml', '', 'unclosed tag')
}

type Raw = {
  $ns?: { uri: string; local: string }
  $?: Record<string, { local: string; uri: string; value: string }>
  '#text'?: string
  $$?: Raw[]
}

const runParser = (xml: string): Raw => {
  let failure: Error | undefined
  let root: Record<string, Raw> | undefined
  // the default key of an element's text, `_`, is also a lawful name of an element; `#` can begin none
  const parser = new Parser({
    xmlns: true,
    explicitArray: true,
    explicitChildren: true,
    preserveChildrenOrder: true,
    trim: true,
    charkey: '#text',
  })
  try {
    parser.parseString(xml.replace(/^\uFEFF/, ''), (error: Error | null, result: Record<string, Raw>) => {
      if (error) failure ??= error
      else root = result
    })
  } catch (error) {
    failure ??= error as Error
  }
  const top = root && Object.values(root)[0]
  if (failure || !top) throw new WireError('notXml', '', failure?.message.split('\n')[0] ?? 'empty')
  return top
}

const toEl = (raw: Raw, parent: string, nth: number): El => {
  const name = raw.$ns?.local ?? ''
  const path = `${parent}/${name}${nth > 1 ? `[${nth}]` : ''}`
  const seen = new Map<string, number>()
  const nthOf = (local: string) => seen.set(local, (seen.get(local) ?? 0) + 1).get(local)!
  return {
    ns: raw.$ns?.uri ?? '',
    name,
    path,
    text: (raw['#text'] ?? '').trim(),
    attrs: new Map(Object.values(raw.$ ?? {}).map(a => [a.local, a.value])),
    children: (raw.$$ ?? []).filter(c => c.$ns).map(c => toEl(c, path, nthOf(c.$ns!.local))),
  }
}

/** An element to write: `prefix:name`, attributes, and either text or children (absent ones are left out). */
export type Out = {
  readonly name: `${Prefix}:${string}`
  readonly attrs: readonly [string, string][]
  readonly body: string | readonly Out[]
}
export type Body = string | number | boolean | readonly (Out | undefined)[]

export const out = (name: Out['name'], body: Body, attrs: Readonly<Record<string, string>> = {}): Out => ({
  name,
  attrs: Object.entries(attrs),
  body: typeof body === 'object' ? body.filter(b => b !== undefined) : String(body),
})

/** The element, or nothing when there is nothing to say: 2.0b leaves optional elements out, it does not send them empty. */
export const maybe = (name: Out['name'], body: string | number | boolean | undefined): Out | undefined =>
  body === undefined ? undefined : out(name, body)

const declaredBy = (root: Out, found = new Set<string>()): Set<string> => {
  for (const name of [root.name, ...root.attrs.map(([n]) => n)]) if (name.includes(':')) found.add(name.split(':')[0]!)
  if (typeof root.body !== 'string') for (const b of root.body) declaredBy(b, found)
  return found
}

/** Serialise with the fixed prefixes, all declared on the root. Never a schemaLocation [R45]. */
export const writeXml = (root: Out): string => {
  const used = [...declaredBy(root)].sort().map((p): [string, string] => [`xmlns:${p}`, NS[p as Prefix]])
  return `<?xml version="1.0" encoding="UTF-8"?>\n${write({ ...root, attrs: [...used, ...root.attrs] })}`
}

const write = ({ name, attrs, body }: Out): string => {
  const open = `<${name}${attrs.map(([n, v]) => ` ${n}="${escaped(v)}"`).join('')}`
  if (body.length === 0) return `${open}/>`
  return `${open}>${typeof body === 'string' ? escaped(body) : body.map(write).join('')}</${name}>`
}

const ESCAPES: Readonly<Record<string, string>> = {
  '&': '&amp;',
  '<': '&lt;',
  '>': '&gt;',
  '"': '&quot;',
  '\t': '&#9;',
  '\n': '&#10;',
  '\r': '&#13;',
}

/** Characters that XML 1.0 cannot hold at all are replaced by U+FFFD rather than making the document unreadable. */
const escaped = (value: string): string =>
  value
    .replace(/\p{Surrogate}/gu, '\uFFFD')
    // biome-ignore lint/suspicious/noControlCharactersInRegex: these are exactly the characters XML 1.0 forbids
    .replace(/[\u0000-\u0008\u000B\u000C\u000E-\u001F\uFFFE\uFFFF]/g, '\uFFFD')
    .replace(/[&<>"\t\n\r]/g, c => ESCAPES[c]!)
