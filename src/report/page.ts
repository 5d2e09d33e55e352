import { type Chart, script } from './chart.ts'
import { type Html, html, jsonScript, raw } from './escape.ts'
import type { EventReport } from './model.ts'
import { chargersSection, flawsSection, levelsSection, nonResponders, settlementSection, witnessSection } from './people.ts'
import { chartsOf, commandsSection, daysSection, headline, powerSection, proofSection, revisionsSection } from './sections.ts'
import { style } from './style.ts'
import { createTimes, type Times } from './times.ts'

/** uPlot as it is shipped: its script and its style sheet. */
export type ChartLibrary = { readonly script: string; readonly style: string }
export type PageOptions = {
  readonly library: ChartLibrary
  /** IANA name; times stand in it, with UTC beside where a pointer rests. UTC by default. */
  readonly zone?: string
  /** Rows of the table by charger; the others are in the CSV file. */
  readonly mostChargers?: number
  /** Names of files that lie beside the page, for links. */
  readonly files?: readonly string[]
}
/** What every section gets. */
export type PageContext = {
  readonly r: EventReport
  readonly times: Times
  readonly mostChargers: number
  readonly files: readonly string[]
}
/** Of the table by charger, and of other tables that could be as long as the fleet. */
export const MOST_ROWS = 200

/**
 * One page that needs nothing else: no network (its policy forbids it), no other file. Charts are drawn by the script in it; without scripts the same
 * figures stand in its tables. Every name in it is escaped.
 */
export function reportPage(r: EventReport, { library, zone = 'UTC', mostChargers = MOST_ROWS, files = [] }: PageOptions): string {
  const times = createTimes(zone)
  const context: PageContext = { r, times, mostChargers, files }
  const charts: Readonly<Record<string, Chart>> = chartsOf(context)
  const sections = [
    powerSection(context),
    nonResponders(context),
    commandsSection(context),
    levelsSection(context),
    chargersSection(context),
    settlementSection(context),
    witnessSection(context),
    flawsSection(context),
    daysSection(context),
    revisionsSection(context),
    proofSection(context),
  ]
  const title = `Event report: ${r.event.id}`
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
${headline(context)}
<main>
${sections}
</main>
<footer><p class="soft">Made ${times.full(r.madeAtMs)} by gridbridge ${r.version} from the journal and the meters. Power and energy are import positive. Times are ${zone}${zone === 'UTC' ? '' : '; UTC where the pointer rests'}.</p></footer>
<script type="application/json" id="charts">${jsonScript(charts)}</script>
<script>${ownText(library.script)}</script>
<script>${raw(script)}</script>
</body>
</html>
`.html
}
/** A script or style sheet within its element: nothing in it may end the element. */
const ownText = (text: string): Html => raw(text.replaceAll(/<\/(script|style)/gi, '<\\/$1'))
