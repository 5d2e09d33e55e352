/**
 * Finds names in messages of all kinds, and masks those of others. A name counts where it stands alone: `CP-1` is not in `CP-10`. It is found as it is, in
 * capitals or not (OCPP's identifiers are one in any case), percent-encoded, escaped for XML or JSON, with its accents in one character or two, and within
 * base64. One so short that it stands everywhere by chance counts only as the whole of a value.
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

/** What stands for one character. Letters and digits of ASCII are written as they are by nearly everybody: `isWide` asks for other ways too. */
function written(char: string, isWide: boolean): string {
  const isPlain = /[A-Za-z0-9]/.test(char)
  if (isPlain && !isWide) return char
  const apart = char.normalize('NFD')
  const both = apart === char ? [] : [[...apart].map(c => written(c, isWide)).join('')]
  const cases = isPlain ? new Set([char.toLowerCase(), char.toUpperCase()]) : [char]
  return `(?:${[...[...cases].flatMap(formsOf), ...both].join('|')})`
}
function formsOf(char: string): string[] {
  const code = char.codePointAt(0)!
  const bytes = [...Buffer.from(char, 'utf8')].map(b => `%${hex(b.toString(16).padStart(2, '0'))}`).join('')
  const units = Array.from({ length: char.length }, (_, k) => `\\\\u${hex(char.charCodeAt(k).toString(16).padStart(4, '0'))}`).join('')
  const forms = [escapedForRegExp(char), bytes, units, `&#0*${code};`, `&#[xX]0*${hex(code.toString(16))};`]
  if (XML_NAMES[char]) forms.push(`&${XML_NAMES[char]};`)
  if (char === '"' || char === '/' || char === '\\') forms.push(`\\\\${escapedForRegExp(char)}`)
  if (char === ' ') forms.push('\\+')
  return forms
}
/** A word of a name, by which a text is looked at for it: its longest run of ASCII letters and digits, of equals the last. */
const wordOf = (name: string): string =>
  (name.normalize('NFC').match(/[A-Za-z0-9]+/g) ?? []).reduce((a, b) => (b.length >= a.length ? b : a), '').toLowerCase()
/** Does it write letters or digits of ASCII as escapes? */
const isEscaped = (text: string): boolean => /%[3-7][\da-f]|\\u00[3-7]|&#/i.test(text)

/** `isSpoken`: what people call somebody in their own words counts of whatever length. */
type Name = {
  readonly pattern: RegExp
  /** For texts that are `isEscaped`: looking with it takes longer. */
  readonly wide: RegExp
  readonly word: string
  readonly length: number
  readonly isValue: boolean
}
function nameOf(given: string, isSpoken = false): Name {
  const name = given.normalize('NFC')
  const pattern = (isWide: boolean) => new RegExp([...name].map(c => written(c, isWide)).join(''), 'giu')
  return { pattern: pattern(false), wide: pattern(true), word: wordOf(name), length: name.length, isValue: isShort(name) && !isSpoken }
}
function* placesOf(text: string, { pattern, wide, isValue }: Name): Generator<{ from: number; to: number }> {
  for (const { 0: found, index } of text.matchAll(isEscaped(text) ? wide : pattern)) {
    const to = index + found.length
    if (standsAlone(text, index, to, isValue)) yield { from: index, to }
  }
}

/** Does a text name one of these? */
export function namesAny(names: readonly string[], spoken: readonly string[] = []): (text: string) => boolean {
  const all = [...names.map(n => nameOf(n)), ...spoken.map(n => nameOf(n, true))]
  const isIn = (text: string) => all.some(name => placesOf(text, name).next().done === false)
  return text => isIn(text) || wrappedIn(text).some(w => isIn(w.text))
}

type Wrapped = { readonly from: number; readonly to: number; readonly text: string }
/** What stands as base64 in a text, as the body of another message may: where it stands, and what it says. */
function wrappedIn(text: string): Wrapped[] {
  return [...text.matchAll(/(?<![A-Za-z0-9+/_-])[A-Za-z0-9+/_-]{8,}={0,2}/g)].flatMap(({ 0: run, index }) => {
    const said = Buffer.from(run, 'base64').toString('utf8')
    return /[^\P{C}\s]|\uFFFD/u.test(said) ? [] : [{ from: index, to: index + run.length, text: said }]
  })
}

export type Masked = {
  readonly text: string
  /** How many names of others were masked. */
  readonly masked: number
  /** Does it name whom it is searched for, and not only somebody whose name has that one in it? */
  readonly isNamed: boolean
}
export const MASK = '[somebody else]'

const ESCAPE = '%[\\da-fA-F]{2}|\\\\u[\\da-fA-F]{4}|\\\\[bfnrt]|&#?\\w+;'
const runs = new RegExp(`(?:[A-Za-z0-9]|${ESCAPE})+`, 'g')
const signs = new RegExp(`${ESCAPE}|[A-Za-z0-9]+`, 'g')
/** What an escape stands for, where that is a letter or digit of ASCII. */
function letterOf(sign: string): string | undefined {
  const [, percent, unit, decimal, hexadecimal] = /^(?:%(..)|\\u00(..)|&#0*(\d+);|&#[xX]0*([\da-fA-F]+);)$/.exec(sign) ?? []
  const code = decimal === undefined ? Number.parseInt(percent ?? unit ?? hexadecimal ?? '', 16) : Number(decimal)
  const char = code < 128 ? String.fromCharCode(code) : ''
  return /^[A-Za-z0-9]$/.test(char) ? char : undefined
}
/** Where each word of a text begins, in small letters. An escape is none, but for that of a letter; nor is a letter that an accent follows. */
function placesIn(text: string): Map<string, number[]> {
  const places = new Map<string, number[]>()
  const add = (word: string, at: number): void => {
    const known = places.get(word)
    if (known) known.push(at)
    else if (word !== '') places.set(word, [at])
  }
  for (const { 0: run, index } of text.matchAll(runs)) {
    let [word, at] = ['', index]
    const hasAccent = /^\p{M}/u.test(text.slice(index + run.length, index + run.length + 2))
    for (const { 0: sign, index: k } of run.matchAll(signs)) {
      const said = /^[A-Za-z0-9]/.test(sign) ? sign : letterOf(sign)
      if (said === undefined) add(word.toLowerCase(), at)
      if (word === '' || said === undefined) at = index + k
      word = said === undefined ? '' : word + said
    }
    add((hasAccent ? word.slice(0, -1) : word).toLowerCase(), at)
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
  const wrapped = texts.map(wrappedIn)
  const all = [...texts, ...wrapped.flatMap(ws => ws.map(w => w.text))]
  const found = await spansIn(all, own, others)
  let inner = texts.length
  return texts.map((text, k) => {
    const within = wrapped[k]!.map(({ from, to }) => ({ from, to, spans: found[inner++]! }))
    // whoever is named in it cannot be masked in it alone
    const covered = within.flatMap(({ from, to, spans }) => (spans.some(s => !s.isOwn) ? [{ from, to, isOwn: false }] : []))
    const { isNamed, ...rest } = masked(text, longest([...found[k]!, ...covered]))
    return { ...rest, isNamed: isNamed || within.some(({ spans }) => spans.some(s => s.isOwn)) }
  })
}
async function spansIn(
  texts: readonly string[],
  own: { readonly names: readonly string[]; readonly spoken: readonly string[] },
  others: AsyncIterable<string>,
): Promise<Span[][]> {
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
    return longest(spans.flat())
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
  const cut = (from: string, places: readonly { from: number; to: number }[]): string =>
    places.reduceRight((out, place) => out.slice(0, place.from) + by + out.slice(place.to), from)
  const isNamed = namesAny(names, spoken)
  const open = cut(
    text,
    wrappedIn(text).filter(w => isNamed(w.text)),
  )
  return all.reduce((before, name) => cut(before, [...placesOf(before, name)]), open)
}
