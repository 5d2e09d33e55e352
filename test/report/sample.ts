import { chargerVerdicts, nonResponses, type Verification } from '../../src/core/model.ts'
import { answers, type ChargerRows, type EventReport } from '../../src/report/model.ts'

export const fromS = Date.UTC(2026, 10, 22, 17) / 1000
const window = { fromS: fromS + 60, toS: fromS + 1800, baselineFromS: fromS - 300, baselineToS: fromS }
export const verification = (change: Partial<Verification> = {}): Verification => ({
  event: 3,
  revision: 0,
  verdict: 'partial',
  askedWh: 6000,
  baselineWh: 10_000,
  actualWh: 5500,
  deliveredWh: 4500,
  ratio: 0.75,
  coverage: 0.98,
  baselineRule: 'bl01@1',
  window,
  counts: { compliant: 1, notCompliant: 1, noData: 1, notCommanded: 0 },
  causes: { acceptedButUnmoved: 1, noData: 1 },
  ...change,
})
/** Three chargers: one that obeyed, one that did not, one of which nothing is known. */
export const chargers = (count = 3): ChargerRows => {
  const of = <T>(values: readonly T[]): T[] => Array.from({ length: count }, (_, k) => values[k % values.length]!)
  return {
    charger: Array.from({ length: count }, (_, k) => k),
    station: Array.from({ length: count }, (_, k) => 10 + k),
    ...{ site: of([4, 4, -1]), feeder: of([2]), group: of([0, 7, 7]) },
    verdict: of([0, 1, 2].map(k => chargerVerdicts.indexOf(chargerVerdicts[k]!))),
    cause: of([nonResponses.indexOf('none'), nonResponses.indexOf('acceptedButUnmoved'), nonResponses.indexOf('noData')]),
    answer: of([answers.indexOf('accepted'), answers.indexOf('accepted'), answers.indexOf('unknown')]),
    limitW: of<number | null>([1380, 1380, Number.NaN]),
    commandedMs: of<number | null>([fromS * 1000 - 300_000, fromS * 1000 - 299_000, null]),
    answeredMs: of<number | null>([fromS * 1000 - 299_000, fromS * 1000 - 297_000, null]),
    baselineWh: of<number | null>([5000, 5000, Number.NaN]),
    actualWh: of<number | null>([500, 5001, Number.NaN]),
    deliveredWh: of<number | null>([4500, -1, Number.NaN]),
    coverage: of<number | null>([1, 1, 0]),
    counted: of([1, 1, 1]),
    flaws: of([0, 4, 512]),
  }
}
export function reportOf(change: Partial<EventReport> = {}): EventReport {
  const steps = Array.from({ length: 6 }, (_, k) => k)
  return {
    format: 'gridbridge-report-1',
    version: '0.0.0-test',
    madeAtMs: fromS * 1000 + 7_200_000,
    event: {
      ...{
        no: 3,
        id: 'openadr2b:vtn:e1',
        adapter: 'openadr2b',
        peer: 'vtn',
        class: 'contracted',
        programme: 'evenings',
        programmeVersion: 2,
      },
      ...{ revision: 0, test: false, declined: null, receivedMs: fromS * 1000 - 600_000, cancelledS: null, targets: ['BATH'] },
      intervals: [{ fromS, toS: fromS + 1800, ask: { kind: 'shed', totalW: 12_000 } }],
      ...{ spread: { startS: 60, endS: 120 }, members: 3 },
    },
    verdicts: [{ atMs: fromS * 1000 + 3_600_000, leaf: 41, verification: verification(), days: null }],
    series: {
      ...{ fromMs: fromS * 1000, stepMs: 60_000, targetW: steps.map(() => 8000), baselineW: steps.map(() => 20_000) },
      actualW: [20_000, 9000, Number.NaN, 9100, 21_000, Number.POSITIVE_INFINITY],
      ...{ lowW: [19_000, 8500, Number.NaN, 8600, 20_000, null], highW: [21_000, 9500, Number.NaN, 9600, 22_000, null] },
      ...{ coverage: [1, 1, 0, 1, 1, 0], commanded: [2, 1, 0, 0, 0, 0], answered: [0, 2, 0, 0, 0, 0] },
    },
    response: { issuedS: fromS - 600, t50S: 660, t90S: null, resolutionS: 60, ramp: { riseW: 12_000, fallW: 11_000 }, overWh: 0 },
    rebound: {
      reboundWh: 900,
      paybackRatio: 0.2,
      peakW: 21_000,
      peakRatio: 1.05,
      settledAfterS: 120,
      fromS: fromS + 1800,
      toS: fromS + 5400,
    },
    commands: {
      ...{ sent: 3, chargers: 2, firstMs: fromS * 1000 - 300_000, lastFirstMs: fromS * 1000 - 299_000, outcomes: { accepted: 2 } },
      answerMs: { p50: 1000, p90: 2000, max: 2000 },
    },
    levels: [
      {
        ...{ level: 'event', no: null, name: 'openadr2b:vtn:e1', chargers: 3, compliant: 1, notCompliant: 1, noData: 1, notCommanded: 0 },
        ...{ baselineWh: 10_000, actualWh: 5501, deliveredWh: 4499, coverage: 0.67 },
      },
    ],
    flaws: {
      counts: [{ flaw: 'reset', count: 1, chargers: 1 }],
      examples: [{ charger: 1, kind: 'reset', fromMs: fromS * 1000, toMs: fromS * 1000 + 60_000, value: -1200, unit: 'Wh', count: 1 }],
    },
    settlement: [
      {
        ...{ fromS: fromS + 60, toS: fromS + 1800, askedWh: 6000, baselineWh: 10_000, actualWh: 5500, ratio: 0.75 },
        delivered: { none: 4500, perMeterSP: 4501, perUnitSP: 4500 },
      },
    ],
    witnesses: null,
    log: { size: 50, checkpoint: 'gridbridge.test/log\n50\nroot=\n', command: 'gridbridge audit verify db --key key', signalLeaf: 7 },
    chargers: chargers(),
    names: null,
    ...change,
  }
}
