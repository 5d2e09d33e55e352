import type { Second } from '../../src/core/model.ts'
import type { MeterFault } from '../model/boundary.ts'
import type { PlacedMeter } from './metered.ts'
import { nodeIndex, placeOf } from './places.ts'
import type { Played, PlayedEvent } from './play.ts'

/** Figures of a run by name, `evening.meteredRatio` among them; NaN where there is none. Units end names. */
export type Figures = Readonly<Record<string, number>>

/**
 * What a run comes to. `metered`: as the bridge's own verification has it. `true`: against the same cars limited by nobody, which only a simulation
 * knows; ratios over the settled window. Of an event: at the place where it acts. Rebound: the most that was drawn in the four hours after an event, over the most in the hour before it. `delivered`:
 * the share of all that was asked, by the meters.
 */
export function figuresOf(played: Played): Figures {
  const { takenWh, freeWh, built, world, recorded } = played
  const unmetWh = Array.from(takenWh, (wh, k) => Math.max(0, freeWh[k]! - wh))
  const answered = world.model.commands.filter(c => c.outcome !== undefined)
  return {
    ...Object.assign({}, ...played.events.map(e => named(e.id, eventFigures(played, e)))),
    delivered: deliveredShare(played),
    chargers: built.setting.chargers.length,
    sessions: takenWh.length,
    droppedSessions: built.dropped,
    energyWh: sum(takenWh),
    freeEnergyWh: sum(freeWh),
    unmetWh: sum(unmetWh),
    unmetSessions: unmetWh.filter(wh => wh > 100).length,
    worstUnmetWh: Math.max(0, ...unmetWh),
    peakW: Math.max(0, ...recorded.loadW),
    freePeakW: Math.max(0, ...played.freeW),
    commands: world.model.commands.length,
    accepted: answered.filter(c => c.outcome === 'accepted').length,
    journalEntries: world.journal.size(),
    ...meterFigures(played),
  }
}
/** Intervals of meters that are no charger's; nothing where there are none. */
function meterFigures({ meters }: Played): Figures {
  const intervals = meters.flatMap(m => m.intervals)
  const count = (fault: MeterFault) => intervals.filter(x => x.faults.includes(fault)).length
  return meters.length === 0
    ? {}
    : { meters: meters.length, meterIntervals: intervals.length, meterGaps: count('gap'), meterLate: count('late') }
}
/** Of an event, by kind of meter: the drop that the meters of it saw, and what the chargers under those explain of it. */
function dropFigures({ meters }: Played, { witnessed }: PlayedEvent): Figures {
  const of = (kind: PlacedMeter['kind']): Figures => {
    const gaps = witnessed.flatMap(w => (w.gap && meters.some(m => m.place === w.meter && m.kind === kind) ? [w.gap] : []))
    if (gaps.length === 0) return {}
    const total = (key: 'feederWh' | 'commandedWh' | 'residualWh') => sum(gaps.map(g => g[key]))
    return {
      [`${kind}DropWh`]: total('feederWh'),
      [`${kind}ChargersDropWh`]: total('commandedWh'),
      [`${kind}UnexplainedWh`]: total('residualWh'),
    }
  }
  return { ...of('site'), ...of('feeder'), ...of('substation') }
}
/** Of all that was asked in events that could be verified, by the meters. */
function deliveredShare({ events }: Played): number {
  const settled = events.flatMap(({ verification: v }) => (v && v.ratio !== null ? [v] : []))
  return sum(settled.map(v => v.deliveredWh)) / sum(settled.map(v => v.askedWh))
}
const named = (id: string, of: Figures): Figures => Object.fromEntries(Object.entries(of).map(([k, v]) => [`${id}.${k}`, v]))

function eventFigures(played: Played, e: PlayedEvent): Figures {
  const { recorded } = played
  const at = nodeIndex(played, placeOf(played, e.id))
  const { loadW } = recorded.nodes[at] ?? recorded
  const freeW = played.freeNodeW[at] ?? played.freeW
  const v = e.verification
  const during = span(recorded.startS, e.fromS, e.toS)
  const before = span(recorded.startS, e.fromS - 3_600, e.fromS)
  const after = span(recorded.startS, e.toS, e.toS + 4 * 3_600)
  const savedWh = (minutes: readonly [number, number]) => (sum(freeW.slice(...minutes)) - sum(loadW.slice(...minutes))) / 60
  const trueWh = savedWh(during)
  const beforeW = Math.max(0, ...loadW.slice(...before))
  return {
    askedWh: v?.askedWh ?? Number.NaN,
    meteredWh: v?.deliveredWh ?? Number.NaN,
    meteredRatio: v?.ratio ?? Number.NaN,
    trueWh,
    trueRatio: v && v.askedWh > 0 ? savedWh(span(recorded.startS, v.window.fromS, v.window.toS)) / v.askedWh : Number.NaN,
    coverage: v?.coverage ?? Number.NaN,
    reboundPeakRatio: beforeW > 0 ? Math.max(0, ...loadW.slice(...after)) / beforeW : Number.NaN,
    worstRampWPerMinute: worstStep(loadW.slice(during[0] - 1, after[1])),
    ...dropFigures(played, e),
  }
}
const span = (startS: Second, fromS: Second, toS: Second): [number, number] => [
  Math.max(0, Math.floor((fromS - startS) / 60)),
  Math.max(0, Math.floor((toS - startS) / 60)),
]
const worstStep = (w: readonly number[]): number => w.reduce((worst, x, k) => (k === 0 ? 0 : Math.max(worst, Math.abs(x - w[k - 1]!))), 0)
const sum = (values: Iterable<number>): number => {
  let total = 0
  for (const x of values) total += x
  return total
}
