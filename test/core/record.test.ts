import { createCipheriv, createHash } from 'node:crypto'
import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { apply, beginTurn } from '../../src/core/apply.ts'
import { blobsOf, canonicalJson, decode, encode, MAX_LEAF_BYTES, MissingBlob } from '../../src/core/codec.ts'
import { below, draws, drawsOf, reach } from '../../src/core/draw.ts'
import { withChanges } from '../../src/core/fleet.ts'
import { rangesOf } from '../../src/core/members.ts'
import type { Fact, Readings } from '../../src/core/model.ts'
import { newPad, type Pad, pushSegment, summed, tightest } from '../../src/core/schedule.ts'
import { fromBytes, stateDigest, toBytes } from '../../src/core/snapshot.ts'
import { emptyFleet, emptyState } from '../../src/core/state.ts'
import { bed, during, fleetOfN, seedOf, T } from './bed.ts'

const salt = () => new Uint8Array(16).fill(9)
const leafOf = (fact: Fact) => Buffer.from(encode({ turn: 1, at: 2, fact }, salt).leaf).toString()
function through(fact: Fact, expired = false): Fact {
  const { leaf, blobs } = encode({ turn: 1, at: 2, fact }, salt)
  const bodies = new Map(blobs.map(b => [b.hash, b.salted.subarray(16)]))
  return decode(leaf, hash => (expired ? undefined : bodies.get(hash))).fact
}
const noted = (about: Record<string, string | number | boolean | null>): Fact => ({ kind: 'noted', what: 'x', about })

describe('a leaf of the log', () => {
  test('is canonical: sorted keys, no white space, whatever the order in which the fact was built', () => {
    expect(leafOf({ kind: 'optIn', who: Uint32Array.of(1, 258) })).toBe(
      '{"at":2,"fact":{"kind":"optIn","who":{"$b64":"AQAAAAIBAAA=","$t":"u32"}},"turn":1}',
    )
    expect(leafOf(noted({ b: 1, a: 'ü"\n', c: null }))).toBe(leafOf(noted({ c: null, a: 'ü"\n', b: 1 })))
    expect(canonicalJson({ b: [1, { d: 0, c: -0 }], a: undefined })).toBe('{"b":[1,{"c":0,"d":0}]}')
  })
  test('keeps every column, short or long, and what is not a number', () => {
    const power = Float64Array.of(1.5, Number.NaN, -Infinity)
    const columns: Readings = {
      charger: Uint32Array.of(1, 2, 3),
      fromMs: power,
      toMs: power,
      powerW: power,
      registerWh: power,
      quality: Uint8Array.of(1, 2, 4),
    }
    const fact: Fact = { kind: 'metered', event: 3, readings: columns }
    expect(through(fact)).toEqual(fact)
    const long: Fact = { kind: 'optIn', who: Uint32Array.from({ length: 5_000 }, (_, i) => i * 7) }
    expect(through(long)).toEqual(long)
    expect(leafOf(long).length).toBeLessThan(200)
  })
  test('keeps a column that is a part of a greater one', () => {
    const whole = Uint32Array.of(9, 1, 2, 9)
    expect(through({ kind: 'optIn', who: whole.subarray(1, 3) })).toEqual({ kind: 'optIn', who: Uint32Array.of(1, 2) })
  })
  test('has the hash of salt and body for what is secret or personal, however short, and never the thing itself', () => {
    const fact: Fact = { kind: 'observed', event: 0, who: Uint32Array.of(1), powerW: Int32Array.of(7_000) }
    const { leaf, blobs } = encode({ turn: 1, at: 2, fact }, salt)
    expect(blobs).toHaveLength(1)
    expect(blobs[0]!.hash).toBe(createHash('sha256').update(blobs[0]!.salted).digest('hex'))
    expect(blobsOf(leaf)).toEqual([blobs[0]!.hash])
  })
  test('whose evidence has expired still folds; one whose columns are lost does not', () => {
    const n = 2_000
    const column = new Float64Array(n)
    const columns: Readings = {
      charger: new Uint32Array(n),
      fromMs: column,
      toMs: column,
      powerW: column,
      registerWh: column,
      quality: new Uint8Array(n),
    }
    expect(through({ kind: 'metered', event: 3, readings: columns }, true)).toMatchObject({ kind: 'metered', event: 3 })
    expect(() => through({ kind: 'optIn', who: new Uint32Array(n) }, true)).toThrow(MissingBlob)
  })
  test('power that has expired is unknown power, not none', () => {
    const b = bed(fleetOfN(2))
    b.signal(during(T + 3600, T + 7200, { kind: 'shed', totalW: 1 }))
    apply(b.s, through({ kind: 'observed', event: 0, who: Uint32Array.of(0, 1), powerW: Int32Array.of(5, 5) }, true))
    expect(Array.from(b.event().basisW)).toEqual([-1, -1])
  })
  test('that would be too long is refused', () => {
    expect(() => encode({ turn: 1, at: 2, fact: noted({ a: 'x'.repeat(MAX_LEAF_BYTES) }) }, salt)).toThrow(RangeError)
  })
  test('cannot be forged by words from outside', () => {
    const about = { a: '"$blob":"' + 'a'.repeat(64) + '"', $t: 'x' }
    expect(blobsOf(encode({ turn: 1, at: 2, fact: noted(about) }, salt).leaf)).toEqual([])
    expect(through(noted(about))).toEqual(noted(about))
  })
})

describe('a snapshot', () => {
  const story = (): Fact[][] => {
    const b = bed(fleetOfN(6), { lastResort: true })
    const turns: Fact[][] = []
    const take = (facts: Fact[]) => turns.push(facts)
    take(b.signal({ class: 'emergency', basis: 'x', ...during(T, T + 3600, { kind: 'cap', totalW: 20_000 }) }))
    take(b.observed([7_000, 7_000, 7_000, -1, 0, 10]))
    take(b.answer('accepted', [0, 1, 2]))
    take(b.answer('rejected', [3]))
    take(b.optOut(4, T, T + 600))
    take(b.link(false, [5]))
    take(b.signal({ id: 'b', ...during(T + 7200, T + 9000, { kind: 'keep', fraction: 0.3 }), spread: 'programme' }))
    return turns
  }
  const prologue = bed(fleetOfN(6), { lastResort: true })
  const start = toBytes(prologue.s)
  const folded = (turns: readonly Fact[][], snapshotAfter?: number) => {
    let s = fromBytes(start)
    turns.forEach((facts, k) => {
      beginTurn(s, s.turn + 1, (T + k) * 1000)
      for (const fact of facts) apply(s, through(fact))
      if (k === snapshotAfter) s = fromBytes(toBytes(s))
    })
    return s
  }
  test('is the state: going on from any of them ends in the same bytes', () => {
    const turns = story()
    const whole = stateDigest(folded(turns))
    turns.forEach((_, k) => {
      expect(stateDigest(folded(turns, k)), `snapshot after turn ${k}`).toBe(whole)
    })
  })
  test('looks at every charger anew: when to look again is not part of it', () => {
    const s = folded(story())
    expect(Array.from(fromBytes(toBytes(s)).dueS)).toEqual([0, 0, 0, 0, 0, 0])
  })
})

describe('a draw', () => {
  test('is AES-256-CTR of zeros under SHA-256 of label and seed, as anyone can recompute', () => {
    const seed = seedOf('revealed')
    const key = createHash('sha256')
      .update(Buffer.concat([Buffer.of(5), Buffer.from('start'), seed]))
      .digest()
    const stream = createCipheriv('aes-256-ctr', key, Buffer.alloc(16)).update(Buffer.alloc(4 * 300_000))
    const words = draws(300_000, seed, 'start')
    for (const i of [0, 1, 2, 262_143, 262_144, 299_999]) expect(words[i]).toBe(stream.readUInt32LE(4 * i))
    // openssl enc -aes-256-ctr -K $(printf '\001a' | sha256sum | cut -c-64) -iv 0 over 8 zero bytes
    expect(Array.from(draws(2, new Uint8Array(0), 'a'))).toEqual([2102000615, 911272309])
  })
  test('of a few numbers is what they have among all, in any order and however far apart', () => {
    const all = draws(100_000, seedOf('x'), 'order')
    for (const who of [[], [5], [99_999, 0, 7, 3, 4], Array.from({ length: 500 }, (_, k) => (k * 7_919) % 100_000), [3, 1, 2, 0]])
      expect(drawsOf(Uint32Array.from(who), seedOf('x'), 'order')).toEqual(Uint32Array.from(who, i => all[i]!))
  })
  test('below n is one of 0..n-1, both ends included', () => {
    expect([below(0, 7), below(4294967295, 7), below(2 ** 31, 7)]).toEqual([0, 6, 3])
  })
  test('reaches as far as the budget, in drawn order, as sorting all of them would', () => {
    fc.assert(
      fc.property(fc.integer({ min: 1, max: 400 }), fc.integer({ min: 0, max: 60_000 }), fc.string(), (n, budget, name) => {
        const u = draws(n, seedOf(name), 'order')
        const weights = Int32Array.from(u, x => x % 300)
        const far = reach(u, weights, budget)
        let left = budget
        for (const m of [...u.keys()].sort((a, b) => u[a]! - u[b]!)) if (u[m]! >>> 20 < far.bin) left -= weights[m]!
        expect(far.left).toBe(left)
        expect(left).toBeGreaterThanOrEqual(0)
        const inBinW = far.inBin.reduce((sum, m) => sum + weights[m]!, 0)
        if (far.inBin.length > 0) expect(inBinW).toBeGreaterThan(left)
      }),
    )
  })
})

describe('the fleet', () => {
  const none = { no: new Uint32Array(0), parent: new Int32Array(0), kind: new Uint8Array(0), limitW: new Int32Array(0) }
  const nodes = (no: number[], parent: number[]) => ({
    no: Uint32Array.from(no),
    parent: Int32Array.from(parent),
    kind: new Uint8Array(no.length),
    limitW: new Int32Array(no.length),
  })
  const chargers = (no: number[], station: number[]) => {
    const n = no.length
    return {
      no: Uint32Array.from(no),
      station: Uint32Array.from(station),
      minW: new Int32Array(n),
      maxW: new Int32Array(n).fill(7_360),
      phases: new Uint8Array(n),
      voltageV: new Uint16Array(n),
      depth: new Uint16Array(n),
      onLinkLoss: new Uint8Array(n),
      limitsAtStation: new Uint8Array(n),
      reliability: new Uint16Array(n),
    }
  }
  const f = withChanges(emptyFleet(), nodes([0, 1, 2, 3], [-1, 0, 0, 1]), chargers([0, 1, 2], [2, 3, 3]))
  test('is a depth-first order in which every node is a range', () => {
    expect(Array.from(f.order)).toEqual([1, 2, 0])
    expect([0, 1, 2, 3].map(n => [f.nodeFrom[n], f.nodeTo[n]])).toEqual([
      [0, 3],
      [0, 2],
      [2, 3],
      [0, 2],
    ])
    expect(Array.from(f.deepestFirst)[0]).toBe(3)
  })
  test('grows, and a known number is changed in place', () => {
    const g = withChanges(f, none, chargers([1, 3], [2, 0]))
    expect(Array.from(g.station)).toEqual([2, 2, 3, 0])
    expect(Array.from(f.station)).toEqual([2, 3, 3])
  })
  test.each([
    ['a gap in the numbers', () => withChanges(f, none, chargers([4], [0]))],
    ['a gap in the nodes', () => withChanges(f, nodes([5], [0]), chargers([], []))],
    ['a cycle', () => withChanges(f, nodes([0], [3]), chargers([], []))],
    ['a station that does not exist', () => withChanges(f, none, chargers([3], [9]))],
  ])('refuses %s', (_, change) => {
    expect(change).toThrow(RangeError)
  })
  test('targets that overlap or touch are one range, unknown ones are none', () => {
    expect(
      rangesOf(f, [
        { kind: 'node', node: 1 },
        { kind: 'charger', charger: 2 },
        { kind: 'charger', charger: 0 },
      ]),
    ).toEqual([{ from: 0, to: 3 }])
    expect(
      rangesOf(f, [
        { kind: 'charger', charger: 0 },
        { kind: 'charger', charger: 1 },
      ]),
    ).toEqual([
      { from: 0, to: 1 },
      { from: 2, to: 3 },
    ])
    expect(
      rangesOf(f, [
        { kind: 'node', node: 99 },
        { kind: 'charger', charger: 99 },
      ]),
    ).toEqual([])
  })
})

describe('schedules', () => {
  type Row = readonly [fromS: number, toS: number, limitW: number, because: number]
  const pad = (rows: readonly Row[]): Pad => {
    const p = newPad(Math.max(1, rows.length))
    for (const r of rows) pushSegment(p, ...r)
    return p
  }
  const rowsOf = (p: Pad): Row[] => Array.from({ length: p.count }, (_, k) => [p.fromS[k]!, p.toS[k]!, p.limitW[k]!, p.because[k]!])
  const at = (rows: readonly Row[], s: number): number => Math.min(Infinity, ...rows.filter(r => r[0] <= s && s < r[1]).map(r => r[2]))
  const rows = fc.array(
    fc.tuple(fc.nat(40), fc.integer({ min: 1, max: 20 }), fc.nat(5), fc.nat(3)).map(([a, n, w, e]): Row => [a, a + n, w, e]),
    { minLength: 1, maxLength: 6 },
  )
  test('the tightest of several is the least at every second, sorted, without overlap', () => {
    fc.assert(
      fc.property(rows, list => {
        const out = newPad(4 * list.length)
        tightest(pad(list), out)
        const found = rowsOf(out)
        for (let s = 0; s < 65; s++) expect(at(found, s)).toBe(at(list, s))
        found.forEach((r, k) => {
          expect(r[0]).toBeLessThan(r[1])
          if (k > 0) expect(found[k - 1]![1]).toBeLessThanOrEqual(r[0])
        })
      }),
    )
  })
  test('the sum of several counts those that are free at their maximum, and is free where all are', () => {
    const out = newPad(10)
    summed([pad([[0, 10, 100, 1]]), pad([[5, 20, 200, 2]])], [1_000, 2_000], out)
    expect(rowsOf(out)).toEqual([
      [0, 5, 2_100, 1],
      [5, 10, 300, 1],
      [10, 20, 1_200, 2],
    ])
  })
})

test('a state without facts is empty', () => {
  expect(stateDigest(emptyState())).toBe(stateDigest(fromBytes(toBytes(emptyState()))))
})

describe('who moves when is as secret as the seed', () => {
  test('a plan of two chargers stands in the leaf without its instants, and folds from its blobs', () => {
    const columns = { who: Uint32Array.of(1, 2), ends: Uint32Array.of(1, 2), limitW: Int32Array.of(0, 0), because: Uint32Array.of(0, 0) }
    const schedules = { ...columns, fromS: Uint32Array.of(1_700_000_017, 1_700_000_311), toS: Uint32Array.of(1_700_003_600, 1_700_003_700) }
    const planned = { kind: 'planned', generation: 1, algorithm: 'plan-1', schedules, unreachable: [] } as const
    const { leaf, blobs } = encode({ turn: 1, at: 0, fact: planned }, () => new Uint8Array(16).fill(9))
    const shown = JSON.parse(Buffer.from(leaf).toString()).fact.schedules
    expect(Object.keys(shown.fromS)).toEqual(['$blob', '$t'])
    expect(Object.keys(shown.toS)).toEqual(['$blob', '$t'])
    expect(decode(leaf, hash => blobs.find(b => b.hash === hash)?.salted.subarray(16)).fact).toEqual(planned)
    expect(() => decode(leaf, () => undefined)).toThrow(MissingBlob)
  })
})
