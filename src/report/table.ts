import { type Html, html, raw } from './escape.ts'

export type Cell = Html | string | number | null
/** `n`: numbers, to the right. */
export type Head = readonly [title: string, kind?: 'n']

/** A table that scrolls by itself where it is wider than the page, reachable by keyboard. Empty: says so. */
export function table(caption: string, heads: readonly Head[], rows: readonly (readonly Cell[])[]): Html {
  if (rows.length === 0) return html`<p class="soft">${caption}: none.</p>`
  const kind = (k: number): Html => raw(heads[k]?.[1] === 'n' ? ' class="n"' : '')
  const body = rows.map(
    row =>
      html`<tr>${row.map((c, k) => (k === 0 ? html`<th scope="row"${kind(k)}>${shown(c)}</th>` : html`<td${kind(k)}>${shown(c)}</td>`))}</tr>\n`,
  )
  return html`<div class="scroll" tabindex="0" role="region" aria-label="${caption}"><table><caption>${caption}</caption>
<thead><tr>${heads.map(([title], k) => html`<th scope="col"${kind(k)}>${title}</th>`)}</tr></thead>
<tbody>${body}</tbody></table></div>`
}
const shown = (cell: Cell): Cell =>
  cell === null ? '–' : typeof cell === 'string' ? minus(cell) : typeof cell === 'number' ? minus(String(cell)) : cell
/** A true minus sign before a number. */
export const minus = (text: string): string => text.replaceAll(/(^|[\s(])-(?=\d)/g, '$1−')
/** A small table of what is called what. */
export const facts = (entries: readonly (readonly [term: string, value: Cell, more?: Cell])[]): Html =>
  html`<dl class="facts">${entries.map(([term, value, more]) => html`<div><dt>${term}</dt><dd>${shown(value)}${more === undefined || more === null ? null : html`<small>${shown(more)}</small>`}</dd></div>`)}</dl>`
