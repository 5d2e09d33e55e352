import { createLatest } from '../../adapters/stores/latest.ts'
import { createMemoryMeters } from '../../adapters/stores/memory/index.ts'
import { columnsOf, rowOf } from '../../adapters/stores/readings.ts'
import type { Instant, Readings } from '../../src/core/model.ts'
import type { Meters } from '../../src/ports.ts'

/** Readings of one interval: only their power is kept, as 32-bit floats. */
type Batch = {
  readonly fromMs: Instant
  readonly toMs: Instant
  readonly charger: Uint32Array
  readonly powerW: Float32Array
  readonly quality: Uint8Array
}

/**
 * Meters of a large simulated fleet in little memory: whoever reports for the same interval as others is kept in one batch with them, without its register.
 * 10,000 chargers and a day of minutes are 60 MB. What began more than `keepMs` before the newest is forgotten.
 */
export function createModelMeters({ keepMs = 86_400_000 }: { readonly keepMs?: number } = {}): Meters {
  const others = createMemoryMeters()
  const latest = createLatest()
  let batches: Batch[] = []
  let newestMs = 0
  let lastWho = new Uint32Array(0)
  let lastGood = new Uint8Array(0)
  /** Whoever reports is mostly who reported last: their numbers are kept once, and so is that all is well. */
  function shared(who: Uint32Array, quality: Uint8Array): Pick<Batch, 'charger' | 'quality'> {
    if (!isSame(who, lastWho)) lastWho = who.slice()
    if (lastGood.length !== who.length) lastGood = new Uint8Array(who.length)
    return { charger: lastWho, quality: quality.every(q => q === 0) ? lastGood : quality.slice() }
  }
  function add({ charger, fromMs, toMs, powerW, quality }: Readings): void {
    newestMs = Math.max(newestMs, toMs[0]!)
    batches.push({ fromMs: fromMs[0]!, toMs: toMs[0]!, powerW: Float32Array.from(powerW), ...shared(charger, quality) })
  }
  async function range(who: Uint32Array, fromMs: Instant, toMs: Instant): Promise<Readings> {
    const touching = batches.filter(b => b.toMs > fromMs && b.fromMs < toMs).sort((a, b) => a.fromMs - b.fromMs || a.toMs - b.toMs)
    return gathered(touching, who)
  }
  return {
    ...others,
    put(readings) {
      latest.see(readings)
      for (const one of evenParts(readings)) add(one)
      if (batches[0] && batches[0].toMs < newestMs - 2 * keepMs) batches = batches.filter(b => b.toMs >= newestMs - keepMs)
    },
    range,
    latest: latest.columns,
    async history(who, span) {
      const rows = createMemoryMeters()
      rows.put(await range(who, span.fromS * 1000 - 60_000, span.toS * 1000 + 60_000))
      return rows.history(who, span)
    },
  }
}

const isSame = (a: Uint32Array, b: Uint32Array): boolean => a.length === b.length && a.every((x, k) => x === b[k])

/** The readings as they are where all have one interval, else by interval. */
function evenParts(readings: Readings): Readings[] {
  const { charger, fromMs, toMs } = readings
  if (charger.length === 0) return []
  if (fromMs.every(ms => ms === fromMs[0]) && toMs.every(ms => ms === toMs[0])) return [readings]
  const parts = new Map<string, number[]>()
  charger.forEach((_, k) => {
    const key = `${fromMs[k]}/${toMs[k]}`
    const part = parts.get(key)
    if (part) part.push(k)
    else parts.set(key, [k])
  })
  return [...parts.values()].map(part => columnsOf(part.map(k => rowOf(readings, k))))
}

/** Rows of these chargers, by charger, then in the order of the batches. */
function gathered(batches: readonly Batch[], who: Uint32Array): Readings {
  const most = batches.reduce(
    (m, b) => b.charger.reduce((x, i) => Math.max(x, i), m),
    who.reduce((x, i) => Math.max(x, i), 0),
  )
  const isWanted = new Uint8Array(most + 1)
  for (const i of who) isWanted[i] = 1
  const next = new Uint32Array(most + 2)
  for (const { charger } of batches) for (const i of charger) next[i + 1]! += isWanted[i]!
  for (let i = 0; i <= most; i++) next[i + 1]! += next[i]!
  const count = next[most + 1]!
  const out = {
    charger: new Uint32Array(count),
    fromMs: new Float64Array(count),
    toMs: new Float64Array(count),
    powerW: new Float64Array(count),
    registerWh: new Float64Array(count).fill(Number.NaN),
    quality: new Uint8Array(count),
  }
  for (const { charger, fromMs, toMs, powerW, quality } of batches)
    for (let k = 0; k < charger.length; k++) {
      const i = charger[k]!
      if (isWanted[i] === 0) continue
      const at = next[i]!++
      out.charger[at] = i
      out.fromMs[at] = fromMs
      out.toMs[at] = toMs
      out.powerW[at] = powerW[k]!
      out.quality[at] = quality[k]!
    }
  return out
}
