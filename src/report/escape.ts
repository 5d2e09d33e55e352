/** Text that is safe as content of an element and within a double-quoted attribute. Names come from outside: every one goes through here. */
export const escaped = (text: string): string =>
  text
    // what cannot be seen can reorder what can
    .replaceAll(/[\p{Cc}\u200e\u200f\u202a-\u202e\u2066-\u2069]/gu, c => (c === '\n' ? c : '�'))
    .replaceAll('&', '&amp;')
    .replaceAll('<', '&lt;')
    .replaceAll('>', '&gt;')
    .replaceAll('"', '&quot;')
    .replaceAll("'", '&#39;')

/** HTML that is done: made only by `html` and `raw`, so that no text gets in unescaped. */
export type Html = { readonly html: string }
type Part = Html | string | number | null | undefined | readonly Part[]
const textOf = (part: Part): string =>
  part === null || part === undefined
    ? ''
    : typeof part === 'object'
      ? 'html' in part
        ? part.html
        : part.map(textOf).join('')
      : escaped(String(part))
/** Template tag: everything put in is escaped unless it is `Html`. */
export const html = (strings: TemplateStringsArray, ...parts: readonly Part[]): Html => ({
  html: strings.map((s, i) => s + textOf(parts[i])).join(''),
})
/** What we wrote ourselves: a script, a style sheet. */
export const raw = (text: string): Html => ({ html: text })
/** JSON within a script element: nothing in it can end the element. */
export const jsonScript = (value: unknown): Html =>
  raw(JSON.stringify(value).replaceAll('<', '\\u003c').replaceAll('\u2028', '\\u2028').replaceAll('\u2029', '\\u2029'))
