/**
 * Finds names in messages of all kinds, and masks those of others. A name counts where it stands alone: `CP-1` is not in `CP-10`. It is found as it is,
 * percent-encoded, and escaped for XML or JSON. One so short that it stands everywhere by chance counts only as the whole of a value.
 */

const DIGITS = 6
const LETTERS = 4
/** `7`, `CP1`, `12345`: somebody's version, power or page as often as a name. */
const isShort = (name: string): boolean => name.length < LETTERS || (/^\d+$/.test(name) && name.length < DIGITS)

/** A name begins after what is no letter or digit, or after an escape of such. */
const HEX_OF_NONE = '(?:[01][\\da-fA-F]|2[\\da-fA-F]|3[a-fA-F]|40|5[b-fB-F]|60|7[b-fB-F])'
const freeBefore = new RegExp(`(?:^|[^\\p{L}\\p{N}]|(?:%|\\\\u00)${HEX_OF_NONE}|\\\\[bfnrt])$`, 'u')
const freeAfter = /^(?![\p{L}\p{N}])/u
const valueBefore = /(?:^|["'>=])$/
const valueAfter = /^(?:["'<&]|\\"|$)/
/** Enough of a text on each side to see what stands there. */
const NEAR = 6
function standsAlone(text: string, from: number, to: number, isValue: boolean): boolean {
  const [before, after] = [text.slice(Math.max(0, from - NEAR), from), text.slice(to, to + NEAR)]
  return isValue ? valueBefore.test(before) && valueAfter.test(after) : freeBefore.test(before) && freeAfter.test(after)
}

const XML_NAMES: Readonly<Record<string, string>> = { '&': 'amp', '<': 'lt', '>': 'gt', '"': 'quot', "'": 'apos' }
const escapedForRegExp = (text: string): string => text.replaceAll(/[\\^$.*+?()[\]{}|/]/g, '\\$&')
/** Hex digits in either case. */
const hex = (digits: string): string => digits.replaceAll(/[a-f]/g, c => `[${c}${c.toUpperCase()}]`)

/** What stands for one character. Letters and digits of ASCII are written as they are by everybody. */
function written(char: string): string {
  if (/[A-Za-z0-9]/.test(char)) return char
  const code = char.codePointAt(0)!
  const bytes = [...Buffer.from(char, 'utf8')].map(b => `%${hex(b.toString(16).padStart(2, '0'))}`).join('')
  const units = Array.from({ length: char.length }, (_, k) => `\\\\u${hex(char.charCodeAt(k).toString(16).padStart(4, '0'))}`).join('')
  const forms = [escapedForRegExp(char), bytes, units, `&#0*${code};`, `&#[xX]0*${hex(code.toString(16))};`]
  if (XML_NAMES[char]) forms.push(`&${XML_NAMES[char]};`)
  if (char === '"' || char === '/' || char === '\\') forms.push(`\\\\${escapedForRegExp(char)}`)
  if (char === ' ') forms.push('\\+')
  return `(?:${forms.join('|')})`
}
/** A word of a name, by which a text is looked at for it: its longest run of ASCII letters and digits, of equals the last. */
const wordOf = (name: string): string => (name.match(/[A-Za-z0-9]+/g) ?? []).reduce((a, b) => (b.length >= a.length ? b : a), '')

/** `isSpoken`: what people call somebody in their own words counts of whatever length. */
type Name = { readonly pattern: RegExp; readonly word: string; readonly length: number; readonly isValue: boolean }
const nameOf = (name: string, isSpoken = false): Name => ({
  pattern: new RegExp([...name].map(written).join(''), 'gu'),
  word: wordOf(name),
  length: name.length,
  isValue: isShort(name) && !isSpoken,
})
function* placesOf(text: string, { pattern, isValue }: Name): Generator<{ from: number; to: number }> {
  for (const { 0: found, index } of text.matchAll(pattern)) {
    const to = index + found.length
    if (standsAlone(text, index, to, isValue)) yield { from: index, to }
  }
}

/** Does a text name one of these? */
export function namesAny(names: readonly string[], spoken: readonly string[] = []): (text: string) => boolean {
  const all = [...names.map(n => nameOf(n)), ...spoken.map(n => nameOf(n, true))]
  return text => all.some(name => placesOf(text, name).next().done === false)
}

export type Masked = {
  readonly text: string
  /** How many names of others were masked. */
  readonly masked: number
  /** Does it name whom it is searched for, and not only somebody whose name has that one in it? */
  readonly isNamed: boolean
}
export const MASK = '[somebody else]'

const escapes = /%[\da-fA-F]{2}|\\u[\da-fA-F]{4}|\\[bfnrt]|&#?\w+;/g
/** Where each word of a text stands; escapes are none. */
function placesIn(text: string): Map<string, number[]> {
  const places = new Map<string, number[]>()
  for (const { 0: word, index } of text.replaceAll(escapes, e => ' '.repeat(e.length)).matchAll(/[A-Za-z0-9]+/g)) {
    const known = places.get(word)
    if (known) known.push(index)
    else places.set(word, [index])
  }
  return places
}

type Span = { readonly from: number; readonly to: number; readonly isOwn: boolean }
/** A character takes at most so many in a text: `&#x0010ffff;`. */
const WIDEST = 12
/** All that is found of a name. Looked for only around its word, so that a message about thousands is not read thousands of times. */
function spansOf(text: string, places: ReadonlyMap<string, readonly number[]>, name: Name, isOwn: boolean): Span[] {
  const { word, isValue } = name
  if (word === '') return [...placesOf(text, name)].map(place => ({ ...place, isOwn }))
  const reach = name.length * WIDEST
  const spans = new Map<number, Span>()
  for (const at of places.get(word) ?? []) {
    const start = Math.max(0, at - reach)
    // what stands beside the name is looked at in the whole text: a window must not be taken for its end
    for (const { from, to } of placesOf(text.slice(start, at + reach), { ...name, isValue: false })) {
      const span = { from: start + from, to: start + to, isOwn }
      if (standsAlone(text, span.from, span.to, isValue)) spans.set(span.from, span)
    }
  }
  return [...spans.values()]
}
/** The longest name that covers a place is the one that stands there. */
function longest(spans: readonly Span[]): Span[] {
  const taken = new Set<number>()
  const chosen: Span[] = []
  for (const span of spans.toSorted((a, b) => b.to - b.from - (a.to - a.from) || Number(b.isOwn) - Number(a.isOwn))) {
    if (taken.has(span.from) || taken.has(span.to - 1)) continue
    for (let at = span.from; at < span.to; at++) taken.add(at)
    chosen.push(span)
  }
  return chosen.sort((a, b) => a.from - b.from)
}

/**
 * Masks texts for the person of `own`. `others` gives the names of everybody else, anew for each call: a batch of texts is looked at in one pass over
 * them, and only those that may stand in one of the texts are kept.
 */
export async function maskAll(
  texts: readonly string[],
  own: { readonly names: readonly string[]; readonly spoken: readonly string[] },
  others: AsyncIterable<string>,
): Promise<Masked[]> {
  const places = texts.map(placesIn)
  const all = new Set(places.flatMap(p => [...p.keys()]))
  const isOwn = new Set([...own.names, ...own.spoken])
  const candidates = new Map<string, Set<string>>()
  for await (const name of others) {
    const word = wordOf(name)
    if ((word !== '' && !all.has(word)) || isOwn.has(name)) continue
    candidates.set(word, (candidates.get(word) ?? new Set()).add(name))
  }
  const ownNames = [...own.names.map(n => nameOf(n)), ...own.spoken.map(n => nameOf(n, true))]
  return texts.map((text, k) => {
    const named = [...places[k]!.keys(), ''].flatMap(word => [...(candidates.get(word) ?? [])])
    const spans = [...ownNames.map(n => spansOf(text, places[k]!, n, true)), ...named.map(n => spansOf(text, places[k]!, nameOf(n), false))]
    return masked(text, longest(spans.flat()))
  })
}
function masked(text: string, spans: readonly Span[]): Masked {
  let out = ''
  let at = 0
  let count = 0
  for (const { from, to, isOwn } of spans) {
    if (isOwn) continue
    out += text.slice(at, from) + MASK
    at = to
    count++
  }
  return { text: out + text.slice(at), masked: count, isNamed: spans.some(s => s.isOwn) }
}

/** A text with each of these names replaced, the longest first, so that no piece of one is left. */
export function replaced(text: string, names: readonly string[], spoken: readonly string[], by: string): string {
  const all = [...names.map(n => nameOf(n)), ...spoken.map(n => nameOf(n, true))].toSorted((a, b) => b.length - a.length)
  return all.reduce((before, name) => {
    const places = [...placesOf(before, name)]
    return places.reduceRight((out, { from, to }) => out.slice(0, from) + by + out.slice(to), before)
  }, text)
}
