import type { Second, Verification } from '../../src/core/model.ts'
import type { Journal, Meters } from '../../src/ports.ts'
import { ScenarioError } from '../scenario/read.ts'
import type { Figures } from '../scenario/summary.ts'
import type { Change } from './changes.ts'
import { changedProgramme } from './changes.ts'
import { type Grid, type Placebo, placebo, recordedGrid, sumOf } from './load.ts'
import { type RecordedEvent, recordedEvent } from './recorded.ts'
import { type Replayed, replayedEvent } from './world.ts'

export type WhatIf = {
  readonly event: RecordedEvent
  readonly who: Uint32Array
  readonly changes: readonly Change[]
  readonly grid: Grid
  /** Everything before it is recorded. */
  readonly modelFromS: Second
  readonly endS: Second
  readonly fromS: Second
  readonly toS: Second
  /** Sum of the record in steps of the grid, W; NaN where fewer than half of them were metered. */
  readonly recordedW: Float64Array
  readonly asItWas: Replayed
  readonly whatIf: Replayed
  readonly placebo: Placebo | null
  readonly figures: { readonly recorded: Figures; readonly asItWas: Figures; readonly whatIf: Figures }
  /** Load of the model under the recorded parameters against the record, over the steps in which somebody was limited: mean absolute error and bias of the sum, W. */
  readonly fit: { readonly maeW: number; readonly biasW: number; readonly meanLoadW: number }
}
/** What is looked at before the event: for the placebo. */
const BEFORE_S = 86_400
/** And after the last is back: for the verdict, and to see load settle. */
const AFTER_S = 600

/** Plays a recorded event again, with its own parameters and with others. Undefined where the journal has no such event. @throws ScenarioError for what cannot be changed, or played */
export async function whatIf(
  { journal, meters }: { readonly journal: Pick<Journal, 'read' | 'blob'>; readonly meters: Pick<Meters, 'range'> },
  wanted: string,
  changes: readonly Change[],
): Promise<WhatIf | undefined> {
  const event = await recordedEvent(journal, wanted)
  if (event === undefined) return undefined
  const { facts } = event
  if (facts.accepted === null || facts.event.intervals.length === 0)
    throw new ScenarioError([`${facts.event.id}: it was not accepted from a signal, so nothing of it can be played`])
  const { fromS, toS, modelFromS, endS } = spanOf(event, changes)
  const who = facts.members
  const startS = Math.floor(event.startMs / 1000)
  const grid = await recordedGrid(meters, who, Math.min(startS, modelFromS) - BEFORE_S, endS)
  const recordedW = sumOf(grid, who.length)
  const setting = { event, who, grid, recordedW, meters, modelFromS, endS }
  const asItWas = await replayedEvent({ ...setting, changes: [] })
  const other = await replayedEvent({ ...setting, changes })
  const measures = { grid, fromS, toS, modelFromS, freeW: asItWas.freeW }
  return {
    ...{ event, who, changes, grid, modelFromS, endS, fromS, toS, recordedW, asItWas, whatIf: other },
    placebo: placebo(grid, event, who, Math.min(startS, modelFromS), Math.max(60, toS - fromS)),
    figures: {
      recorded: {
        ...loadFigures(measures, recordedW),
        ...startFigures(measures, limitedOf(event, who)),
        ...verdictFigures(facts.verdicts.at(-1)?.fact.verification ?? null),
        ...{ commands: facts.told.commands, accepted: facts.told.outcomes['accepted'] ?? 0 },
      },
      asItWas: figuresOf(measures, asItWas),
      whatIf: figuresOf({ ...measures, freeW: other.freeW }, other),
    },
    fit: fitOf(measures, recordedW, loadOf(asItWas)),
  }
}
const limitedOf = ({ limitedFromS }: RecordedEvent, who: Uint32Array) => Float64Array.from(who, i => limitedFromS[i]!)

/** From when on the model may speak, and until the load is back under either set of parameters. */
function spanOf(event: RecordedEvent, changes: readonly Change[]) {
  const { event: signal, programme, cancelledS } = event.facts
  const fromS = signal.intervals[0]!.fromS
  const toS = Math.min(signal.intervals.at(-1)!.toS, cancelledS)
  const both = programme ? [programme, changedProgramme(programme, changes)] : []
  const own = typeof signal.spread === 'object' && 'startS' in signal.spread ? [signal.spread] : []
  const spreadS = (of: 'start' | 'end') => Math.max(600, ...both.map(p => p[`${of}SpreadS`]), ...own.map(x => x[`${of}S`]))
  const restoreS = Math.max(0, ...both.map(p => (p.restore.policy === 'levelCapped' ? p.restore.maxS : 0)))
  const firstLimitS = Math.min(fromS, ...event.limitedFromS.filter(s => !Number.isNaN(s)))
  const early = both.some(p => p.ramp !== 'post') ? spreadS('start') : 0
  return {
    ...{ fromS, toS },
    modelFromS: Math.max(Math.floor(event.startMs / 1000), Math.min(firstLimitS, fromS - early)),
    endS: toS + spreadS('end') + restoreS + AFTER_S,
  }
}
/** Recorded and modelled part together. */
export const loadOf = ({ recordedPartW, modelledPartW }: Replayed): Float64Array => recordedPartW.map((w, k) => w + modelledPartW[k]!)

type Measures = Pick<WhatIf, 'grid' | 'fromS' | 'toS' | 'modelFromS'> & { readonly freeW: Float64Array }

function figuresOf(m: Measures, run: Replayed): Figures {
  const unmetWh = Array.from(run.freeWh, (wh, r) => Math.max(0, wh - run.takenWh[r]!))
  return {
    ...loadFigures(m, loadOf(run)),
    ...startFigures(m, run.limitedFromS),
    ...verdictFigures(run.verification),
    commands: run.commands.length,
    accepted: run.commands.filter(c => c.outcome === 'accepted').length,
    unmetWh: unmetWh.reduce((a, b) => a + b, 0),
    worstUnmetWh: Math.max(0, ...unmetWh),
  }
}
function loadFigures({ grid, fromS, toS, modelFromS, freeW }: Measures, w: Float64Array): Figures {
  const at = (s: Second) => Math.max(0, Math.floor((s - grid.fromS) / grid.stepS))
  const known = (of: Float64Array, from: number, to: number) => [...of.subarray(from, to)].filter(x => !Number.isNaN(x))
  const during = known(w, at(fromS), at(toS))
  const after = known(w, at(toS), w.length)
  const meanW = (of: readonly number[]) => of.reduce((a, b) => a + b, 0) / of.length
  let cutWh = 0
  for (let k = at(fromS); k < at(toS); k++)
    if (!Number.isNaN(w[k]!) && !Number.isNaN(freeW[k]!)) cutWh += ((freeW[k]! - w[k]!) * grid.stepS) / 3600
  const steps = Math.max(1, Math.round(60 / grid.stepS))
  let rampW = 0
  for (let k = at(modelFromS) + steps; k < w.length; k++) rampW = Math.max(rampW, Math.abs(w[k]! - w[k - steps]!) || 0)
  return {
    beforeW: meanW(known(w, at(modelFromS - 300), at(modelFromS))),
    duringW: meanW(during),
    leastW: during.reduce((least, x) => Math.min(least, x), Number.POSITIVE_INFINITY),
    peakAfterW: after.reduce((most, x) => Math.max(most, x), Number.NEGATIVE_INFINITY),
    cutWh,
    worstRampWPerMinute: rampW,
  }
}
function startFigures({ fromS }: Measures, limitedFromS: Float64Array): Figures {
  const starts = limitedFromS.filter(s => !Number.isNaN(s)).sort()
  let within = 0
  for (let a = 0, b = 0; b < starts.length; b++) {
    while (starts[b]! - starts[a]! >= 60) a++
    within = Math.max(within, b - a + 1)
  }
  return {
    limitedChargers: starts.length,
    startsOverS: starts.length === 0 ? Number.NaN : starts.at(-1)! - Math.min(fromS, starts[0]!),
    mostStartsIn60S: within,
  }
}
const verdictFigures = (v: Verification | null): Figures => ({
  askedWh: v?.askedWh ?? Number.NaN,
  meteredWh: v?.deliveredWh ?? Number.NaN,
  meteredRatio: v?.ratio ?? Number.NaN,
})
function fitOf({ grid, modelFromS }: Measures, recordedW: Float64Array, w: Float64Array): WhatIf['fit'] {
  let [error, off, load, n] = [0, 0, 0, 0]
  for (let k = Math.floor((modelFromS - grid.fromS) / grid.stepS); k < recordedW.length; k++) {
    const [a, b] = [recordedW[k]!, w[k]!]
    if (Number.isNaN(a) || Number.isNaN(b)) continue
    error += Math.abs(b - a)
    off += b - a
    load += a
    n++
  }
  return { maeW: error / n, biasW: off / n, meanLoadW: load / n }
}
