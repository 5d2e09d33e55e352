import { describe, expect, test } from 'vitest'
import { createMemoryMeters } from '../../../adapters/stores/memory/index.ts'
import { canonicalJson } from '../../../src/core/codec.ts'
import type { VerdictTerms } from '../../../src/core/verify/record.ts'
import { verificationDefaults } from '../../../src/core/verify/record.ts'
import { flaw } from '../../../src/core/verify/series.ts'
import { verdictOn } from '../../../src/core/verify/verdict.ts'
import { readingsOf } from '../../../src/core/verify/worked.ts'
import { createGathering } from '../../../src/engine/verifyingReadings.ts'
import type { Meters } from '../../../src/ports.ts'

/** Tuesday 14 November 2023, 18:00. */
const fromS = 1_699_984_800
const toS = fromS + 3_600
const chargers = 450
const salt = new Uint8Array(16).fill(9)
/** In no order, and not from 0. */
const who = Uint32Array.from({ length: chargers }, (_, k) => 7 + ((k * 101) % chargers))

const termsOf = (id: string): VerdictTerms => {
  const { profileWh: _, ...rules } = verificationDefaults
  return {
    ruleset: { id, version: 1 },
    rules,
    asks: { startS: Uint32Array.of(fromS), endS: Uint32Array.of(toS), kind: Uint8Array.of(0), totalW: Float64Array.of(0) },
    forecast: null,
    window: { fromS, toS, baselineFromS: fromS - 300, baselineToS: fromS },
    minW: new Int32Array(chargers).fill(1_380),
    maxW: new Int32Array(chargers).fill(7_360),
    standing: new Uint8Array(chargers).fill(4),
    resumes: new Uint8Array(chargers),
    limitEnds: Uint32Array.from(who, (_, r) => r + 1),
    limitFromS: new Uint32Array(chargers).fill(fromS),
    limitToS: new Uint32Array(chargers).fill(toS),
    limitW: new Int32Array(chargers),
    errorBp: new Uint16Array(chargers).fill(100),
    eventDays: Int32Array.of(Math.floor(fromS / 86_400) - 1),
    inEvent: Uint8Array.from(who, i => (i % 3 === 0 ? 1 : 0)),
  }
}
/** Chargers with holes, and without anything. */
function meters(): Meters {
  const store = createMemoryMeters()
  for (const i of who) {
    if (i % 50 === 3) continue
    const own: number[] = []
    for (let s = fromS - 600; s < toS; s += 60) if (!(i % 11 === 0 && s > fromS + 600)) own.push(s)
    store.put({
      charger: new Uint32Array(own.length).fill(i),
      fromMs: Float64Array.from(own, s => s * 1000),
      toMs: Float64Array.from(own, s => (s + 60) * 1000),
      powerW: Float64Array.from(own, s => ((s / 60 + i * 7_919) % 7_000) + 0.125),
      registerWh: new Float64Array(own.length).fill(Number.NaN),
      quality: new Uint8Array(own.length),
    })
  }
  return {
    ...store,
    async history(some, { fromS: firstS, toS: lastS, stepS }) {
      const count = (lastS - firstS) / stepS
      const columns = { wh: new Float64Array(some.length * count), flaws: new Uint16Array(some.length * count) }
      some.forEach((i, k) => {
        for (let t = 0; t < count; t++) {
          columns.wh[k * count + t] = ((firstS / stepS + t) * 31 + i * 7_919) % 2_000
          if ((firstS / 86_400 + i) % 9 === 0 && t === i % count) columns.flaws[k * count + t] = flaw.gap
        }
      })
      return { who: some, fromS: firstS, stepS, count, ...columns }
    },
  }
}

describe('a verdict on readings that were gathered', () => {
  const store = meters()
  test.each(['meterBefore', 'elexon-bl01'])(
    'by %s is the same, to the last digit, whether they were worked out ahead or are now',
    async id => {
      const judging = { event: 1, revision: 0, who, terms: termsOf(id) }
      let breaths = 0
      const found = await createGathering(store, undefined, async () => void breaths++)(judging, salt, () => false)
      const { pieces } = found!
      expect(breaths).toBeGreaterThan(4)
      const ahead = verdictOn(judging, { pieces, salt })
      const now = verdictOn(judging, { pieces: pieces.map(p => p.slice()), salt })
      const { readings, history } = readingsOf({ pieces })
      const columns = verdictOn(judging, { readings, ...(history ? { history } : {}), salt })
      expect(canonicalJson(now)).toBe(canonicalJson(ahead))
      expect(canonicalJson(columns)).toBe(canonicalJson(ahead))
      expect(ahead.verification.coverage).toBeGreaterThan(0.8)
      expect(readings.charger.length).toBe(ahead.verification.readings!.count)
    },
  )
  test('takes what became of the commands as it is known in its turn, and readings anew where their rules are others', async () => {
    const terms = termsOf('meterBefore')
    const judging = { event: 1, revision: 0, who, terms }
    const { pieces } = (await createGathering(store, undefined, async () => {})(judging, salt, () => false))!
    for (const change of [
      { standing: new Uint8Array(chargers).fill(3) },
      { limitW: new Int32Array(chargers).fill(5_000) },
      { maxW: new Int32Array(chargers).fill(3_000) },
    ]) {
      const other = { ...judging, terms: { ...terms, ...change } }
      const made = verdictOn(other, { pieces, salt })
      expect(canonicalJson(made)).toBe(canonicalJson(verdictOn(other, { pieces: [...pieces], salt })))
      expect(canonicalJson(made)).not.toBe(canonicalJson(verdictOn(judging, { pieces, salt })))
    }
  })
  test('that are not wanted any more ends early', async () => {
    let left = 2
    const found = await createGathering(store, undefined, async () => {})({ who, terms: termsOf('meterBefore') }, salt, () => --left < 0)
    expect(found).toBe(undefined)
  })
})
