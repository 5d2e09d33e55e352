import type { Chart } from './chart.ts'
import { html } from './escape.ts'
import type { EventReport } from './model.ts'
import { chargersSection, flawsSection, levelsSection, nonResponders, settlementSection, witnessSection } from './people.ts'
import { chartsOf, commandsSection, daysSection, headline, powerSection, proofSection, revisionsSection } from './sections.ts'
import { type ChartLibrary, pageOf } from './shell.ts'
import { createTimes, type Times } from './times.ts'

export type { ChartLibrary }
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
  return pageOf({
    title: `Event report: ${r.event.id}`,
    header: headline(context),
    sections,
    footer: html`Made ${times.full(r.madeAtMs)} by gridbridge ${r.version} from the journal and the meters. Power and energy are import positive. Times are ${zone}${zone === 'UTC' ? '' : '; UTC where the pointer rests'}.`,
    charts,
    library,
  })
}
