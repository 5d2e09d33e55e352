import { describe, expect, test } from 'vitest'
import { demoFleet } from '../../simulations/fleet/demo.ts'
import { type DemoResult, reportText } from '../../src/cli/demoReport.ts'
import { perFeeder, withIgnorers, withOneIgnorer } from '../../src/cli/demoWorld.ts'

const result: DemoResult = {
  event: 'openadr2b:demo-grid:demo-1',
  ask: 'shed 1.20 MW',
  chargers: 200,
  ignoring: 60,
  spreadS: 10,
  defaultSpreadS: 600,
  commanded: 190,
  verification: {
    event: 0,
    revision: 0,
    verdict: 'partial',
    askedWh: 14_000,
    baselineWh: 17_500,
    actualWh: 5_600,
    deliveredWh: 11_900,
    ratio: 0.85,
    coverage: 0.985,
    baselineRule: 'meterBefore-1',
    window: { fromS: 1010, toS: 1052, baselineFromS: 700, baselineToS: 1000 },
    counts: { compliant: 110, notCompliant: 47, noData: 2, notCommanded: 41 },
    causes: { noData: 2, acceptedButUnmoved: 46, refused: 1, none: 110 },
  },
  checkpoint: 'gridbridge.demo/log\n479\nroot=\n\n— gridbridge.demo/log sig=\n',
  log: { ok: true, lines: ['ok: 479 entries'] },
  command: 'gridbridge audit verify db --key key',
  report: 'gridbridge report 0 --db db --out report',
  evidence: 'gridbridge audit export 0 --db db --out evidence.zip',
  dir: '/tmp/x',
  elapsedS: 80,
}

describe('what the demo reports', () => {
  test('a missed target', () => {
    expect(`\n${reportText(result)}\n`).toBe(`
Verification of openadr2b:demo-grid:demo-1 (shed 1.20 MW), by meters alone, over 42 s
  asked        14.0 kWh  (mean 1.20 MW)
  baseline     17.5 kWh  (mean 1.50 MW), rule meterBefore-1
  actual        5.6 kWh  (mean 480 kW)
  delivered    11.9 kWh  (mean 1.02 MW)
  ratio          85.0 %
  coverage       98.5 %  of charger-time has readings
  verdict     ▲ target missed: delivered in part
  chargers    110 compliant, 47 not compliant, 2 without data, 41 not commanded
  Not counted as a response, by cause:
      46  accepted, but the meter did not move
       2  no meter data
       1  refused by their firmware
  (60 of the simulated chargers were told to accept every limit and ignore it)

Random delay window used in this demo: 10 s. The default of a programme is 600 s.

Checkpoint of the log (keep it: a later log must extend it)
  gridbridge.demo/log
  479
  root=

  — gridbridge.demo/log sig=

The log was verified from its file:
  ok: 479 entries
Verify it yourself:
  gridbridge audit verify db --key key
A report of the event, to open in a browser:
  gridbridge report 0 --db db --out report
Its evidence as one file, for somebody who does not trust you, once its announced end is past:
  gridbridge audit export 0 --db db --out evidence.zip
`)
  })
  test('an unverifiable event has no ratio, never a number', () => {
    const text = reportText({ ...result, verification: { ...result.verification, verdict: 'unverifiable', ratio: null } })
    expect(text).toMatch(/ratio +unknown/)
    expect(text).toContain('▲ unverifiable')
  })
  test('a log that does not verify is shouted', () => {
    expect(reportText({ ...result, log: { ok: false, lines: ['root-mismatch: x'] } })).toContain(
      '▲ THE LOG DOES NOT VERIFY:\n  root-mismatch: x',
    )
  })
})

test.each([
  [0, 0],
  [0.3, 60],
  [1, 200],
])('a share of %d ignores: %d of 200, half of each OCPP version', (share, count) => {
  const ignoring = withIgnorers(demoFleet(200, 1, { ignoreShare: 0 }), share).filter(s => s.traits?.ignores)
  expect(ignoring).toHaveLength(count)
  expect(ignoring.filter(s => s.version === '1.6')).toHaveLength(count / 2)
})

test('in the demo of an emergency one charger of the first feeder ignores its limits: the one that draws most', () => {
  const specs = withOneIgnorer(demoFleet(100, 1, { ignoreShare: 0 }))
  const ignoring = specs.flatMap((s, i) => (s.traits?.ignores ? [i] : []))
  expect(ignoring).toHaveLength(1)
  expect(ignoring[0]).toBeLessThan(perFeeder(100))
  expect(specs[ignoring[0]!]!.cars?.[0]).toBeDefined()
})
