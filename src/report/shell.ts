import { type Chart, script } from './chart.ts'
import { type Html, html, jsonScript, raw } from './escape.ts'
import { style } from './style.ts'

/** uPlot as it is shipped: its script and its style sheet. */
export type ChartLibrary = { readonly script: string; readonly style: string }
export type PageParts = {
  readonly title: string
  readonly header: Html
  readonly sections: readonly Html[]
  readonly footer: Html
  /** What the script draws into `.plot` elements, by their `data-chart`. */
  readonly charts: Readonly<Record<string, Chart>>
  readonly library: ChartLibrary
  /** Our own, after that of the charts. */
  readonly scripts?: readonly string[]
}

/** One page that needs nothing else: its policy forbids the network, style and scripts are within. */
export function pageOf({ title, header, sections, footer, charts, library, scripts = [] }: PageParts): string {
  return html`<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<meta http-equiv="Content-Security-Policy" content="default-src 'none'; script-src 'unsafe-inline'; style-src 'unsafe-inline'">
<title>${title}</title>
<style>${ownText(library.style)}${raw(style)}</style>
</head>
<body>
${header}
<main>
${sections}
</main>
<footer><p class="soft">${footer}</p></footer>
<script type="application/json" id="charts">${jsonScript(charts)}</script>
<script>${ownText(library.script)}</script>
<script>${raw(script)}</script>${scripts.map(
    text => html`
<script>${raw(text)}</script>`,
  )}
</body>
</html>
`.html
}
/** A script or style sheet within its element: nothing in it may end the element. */
const ownText = (text: string): Html => raw(text.replaceAll(/<\/(script|style)/gi, '<\\/$1'))
