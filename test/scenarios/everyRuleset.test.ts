import { expect, test } from 'vitest'
import { everyoneEnrolled, testProgramme } from '../../simulations/virtual/fleet.ts'
import { pinOf, rulesetAt, rulesets } from '../../src/core/verify/baseline/rulesets.ts'
import type { Metered } from '../../src/core/verify/record.ts'
import { recomputed } from '../../src/core/verify/revision.ts'
import { entries } from '../../src/engine/recover.ts'
import { gridEvent, stage, start } from './stage.ts'

/** Those that need more than meters have stories of their own: givenBaselines.test.ts. */
const others = ['nominated', 'control-group', 'caiso-weather-match']
const DAY_S = 86_400
const midnight = start - 17 * 3_600
const [from, to] = [start + 7_200, start + 9_000]

test('every ruleset that lives by meters verifies a live event: an evening of as many contracts, each with its own', async () => {
  const ids = [...new Set(rulesets.map(r => r.id))].filter(id => !others.includes(id))
  const s = await stage({ specs: ids.map(() => ({ maxA: 32 })), programme: {}, meterEveryS: 300 })
  for (const c of s.chargers) c.wantsW = 4_000
  for (const [k, id] of ids.entries()) {
    const version = rulesetAt(id, '2023-11-14')?.version ?? null
    const verification = { ruleset: id, version, ...(id === 'fixed-reference' ? { profileWh: Array<number>(48).fill(900) } : {}) }
    const programme = testProgramme({ id, startSpreadS: 0, endSpreadS: 0, verification })
    await s.engine().handle({ kind: 'programme', programme }, everyoneEnrolled(ids.length, id))
    // 3 kW in the evenings of the last weeks, 1 kW else; 4 kW today
    const starts = Array.from({ length: 24 * 48 + 34 }, (_, slot) => (midnight - 24 * DAY_S + slot * 1_800) * 1000)
    s.meters.put({
      charger: new Uint32Array(starts.length).fill(k),
      fromMs: Float64Array.from(starts),
      toMs: Float64Array.from(starts, ms => ms + 1_800_000),
      powerW: Float64Array.from(starts, ms => (ms >= midnight * 1000 ? 4_000 : new Date(ms).getUTCHours() >= 16 ? 3_000 : 1_000)),
      registerWh: new Float64Array(starts.length).fill(Number.NaN),
      quality: new Uint8Array(starts.length),
    })
  }
  for (const [k, id] of ids.entries())
    await s.submit(gridEvent(id, from, to, { ask: { kind: 'off' }, programme: id, targets: [{ kind: 'charger', charger: k }] }))
  await s.until(to + 6 * 3_600)

  const kWh = new Map<string, string>()
  const metered = new Map<number, Metered>()
  for await (const { fact } of entries(s.journal, 0)) {
    if (fact.kind === 'metered') metered.set(fact.event, fact)
    if (fact.kind !== 'verified') continue
    const { verification: v } = fact
    kWh.set(v.baselineRule, `${(v.baselineWh / 1000).toFixed(2)}${v.baseline!.insufficient === 0 ? '' : ' insufficient'}`)
    expect(recomputed(fact, metered.get(v.event)!)).toEqual(fact)
  }
  expect([...kWh.keys()].sort()).toEqual(ids.map(id => pinOf(rulesetAt(id, '2023-11-14') ?? rulesets.findLast(r => r.id === id)!)).sort())
  // by hand: 1.5 unadjusted; + mean(2.0 - U) of 15:00 to 18:00 = 0.83, of the last two hours 0.5; x 1.2 or 1.4, where the ratio is capped; 2.0 just before
  expect(Object.fromEntries(kWh)).toMatchInlineSnapshot(`
    {
      "aemo-wdr-10-of-10@1": "1.80",
      "caiso-10-in-10@1": "1.80",
      "caiso-residential-5-in-10@1": "2.10",
      "dfs-domestic@2": "1.50",
      "elexon-bl01-unadjusted@1": "1.50",
      "elexon-bl01@1": "2.33",
      "ercot-matching-day@1": "1.50",
      "ercot-mid-8-of-10@1": "1.80",
      "fixed-reference@1": "0.90",
      "high-5-of-10@1": "1.50",
      "iso-ne-rolling@1": "2.00",
      "meter-before@1": "2.00",
      "mid-8-in-10-adjusted@1": "2.33",
      "mid-8-in-10@1": "1.50",
      "nyiso-high-5-of-10@1": "1.80",
      "pjm-high-4-of-5-saa@1": "2.33",
      "zero@1": "0.00",
    }
  `)
})
