import { quality, type Readings } from '../model.ts'
import { curveOf, readingsByCharger, stepped } from './energy.ts'
import type { Finding } from './findings.ts'
import { amountIn } from './periods.ts'
import type { VerdictTerms } from './record.ts'
import type { Segment } from './segments.ts'

/** What the meter of one charger tells of an event, and what is wrong with it. */
export type Metering = {
  readonly segments: readonly Segment[]
  readonly findings: readonly Finding[]
  readonly readings: number
  readonly estimated: number
  readonly flawed: number
}
const nothing: Metering = { segments: [], findings: [], readings: 0, estimated: 0, flawed: 0 }
/** A stretch without readings is named from this on: boxes do not begin and end with an event. */
const GAP_S = 60

/** By row of `who`. What is wrong with one meter is its own. */
export function meteringOf(who: Uint32Array, terms: VerdictTerms, readings: Readings): Metering[] {
  const maxW = new Map(Array.from(who, (i, r) => [i, terms.maxW[r]!]))
  const known = new Map<number, Metering>()
  for (const [charger, own] of readingsByCharger(readings)) known.set(charger, meteringOfOne(own, terms, maxW.get(charger) ?? 0))
  return Array.from(who, (i, r) => withGap(known.get(i) ?? nothing, i, r, terms))
}

function meteringOfOne(own: Readings, { window }: VerdictTerms, maxW: number): Metering {
  const curve = curveOf(own, { maxW })
  const fromS = Math.min(window.baselineFromS, window.fromS)
  const all = stepped(curve, { fromS, toS: window.toS, stepS: Math.max(1, window.toS - fromS) }).findings
  // that much of what a box says is made of its register is how it is built, and a hole before the event's own stretches concerns nobody
  const findings = all.filter(x => x.kind !== 'fromRegister' && touches(x, window))
  const count = (isOne: (x: Finding) => boolean) => findings.reduce((n, x) => n + (isOne(x) ? x.count : 0), 0)
  return {
    segments: curve.segments,
    findings,
    readings: own.charger.length,
    estimated: own.quality.reduce((n, q) => n + ((q & quality.estimated) === 0 ? 0 : 1), 0),
    flawed: count(x => x.kind !== 'gap' && x.kind !== 'estimated'),
  }
}
function touches({ fromMs, toMs }: Finding, w: VerdictTerms['window']): boolean {
  const within = (fromS: number, toS: number): boolean => fromMs < toS * 1000 && toMs >= fromS * 1000
  return within(w.fromS, w.toS) || within(w.baselineFromS, w.baselineToS)
}

/** Readings that end early, or that are not there at all, leave no hole between two. */
function withGap(m: Metering, charger: number, row: number, { window, limitEnds }: VerdictTerms): Metering {
  const isCommanded = limitEnds[row]! > (row === 0 ? 0 : limitEnds[row - 1]!)
  const seconds = window.toS - window.fromS
  if (!isCommanded || m.findings.some(x => x.kind === 'gap') || seconds - amountIn(m.segments, window.fromS, window.toS).seconds < GAP_S)
    return m
  const gap: Finding = { charger, kind: 'gap', fromMs: window.fromS * 1000, toMs: window.toS * 1000, value: null, unit: 'Wh', count: 1 }
  return { ...m, findings: [...m.findings, gap] }
}
