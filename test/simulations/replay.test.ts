import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { gunzipSync } from 'node:zlib'
import fc from 'fast-check'
import { beforeAll, describe, expect, test } from 'vitest'
import { type AsItWas, asItWas } from '../../simulations/replay/asItWas.ts'
import { changedInput, changeOf } from '../../simulations/replay/changes.ts'
import { figureRows, filesOf, summaryOf } from '../../simulations/replay/files.ts'
import { recordedEvent } from '../../simulations/replay/recorded.ts'
import { turnsOf } from '../../simulations/replay/turns.ts'
import { loadOf, type WhatIf, whatIf } from '../../simulations/replay/whatIf.ts'
import { type Played, play } from '../../simulations/scenario/play.ts'
import { readScenario } from '../../simulations/scenario/read.ts'
import { asItWasText } from '../../src/cli/simReplay.ts'
import { evidenceOf } from '../../src/core/codec.ts'
import type { Journal } from '../../src/ports.ts'
import { scenario as anyScenario } from '../fuzz/scenario.ts'
import { play as playFaults, type Scenario, type Step } from '../fuzz/world.ts'

type Readable = Pick<Journal, 'read' | 'blob'>
const journalOf = async (x: Scenario): Promise<Journal> => {
  let journal: Journal | undefined
  const broken = await playFaults({
    ...x,
    journalled: j => {
      journal = j
    },
  })
  expect(broken).toBeUndefined()
  return journal!
}
const signal = (atMin: number, id: string, more: Partial<Step & { kind: 'signal' }> = {}): Step => ({
  ...{ kind: 'signal', atMin, id, revision: 1, startMin: 5, lengthMin: 30, spreadS: 600, cancelled: false, class: 'contracted' },
  ...{ ask: { kind: 'shed', totalW: 20_000 }, test: false },
  ...more,
})
/** Answers that get lost, a refusal, one that ignores, restarts, an emergency, a cancellation, links and supply that fail. */
const hardDay: Scenario = {
  seed: 'hard day',
  faultShare: 0.3,
  rejecting: [2],
  ignoring: [5],
  depths: [0, 2, 24],
  ownDelaysS: [0, 60],
  restore: { policy: 'levelCapped', levelCap: 1.2, maxS: 1_800 },
  steps: [
    signal(2, 'a'),
    { kind: 'optOut', atMin: 6, charger: 4, startMin: 0, lengthMin: 60 },
    { kind: 'crash', atMin: 12, followedBy: 'nothing' },
    signal(20, 'c', { class: 'emergency', startMin: 0, spreadS: 0, ask: { kind: 'off' } }),
    { kind: 'storm', atMin: 25 },
    { kind: 'crash', atMin: 30, followedBy: 'change' },
    signal(40, 'b'),
    signal(50, 'b', { revision: 2, cancelled: true }),
    { kind: 'blackout', atMin: 70, darkS: 300, apartS: 1 },
  ],
}
/** The same journal with leaves that say otherwise, and without some blobs. */
function altered(
  journal: Readable,
  change: (text: string) => string | undefined,
  isGone: (hash: string) => boolean = () => false,
): Readable {
  return {
    async *read(from) {
      for await (const leaves of journal.read(from))
        yield leaves.flatMap(leaf => {
          const text = change(Buffer.from(leaf).toString('utf8'))
          return text === undefined ? [] : [Buffer.from(text, 'utf8')]
        })
    },
    blob: async hash => (isGone(hash) ? undefined : journal.blob(hash)),
  }
}
const clean = { differing: 0, extra: 0, expired: 0, notRechecked: {}, differences: [] }

describe('a journal decided again', () => {
  let journal: Journal
  beforeAll(async () => {
    journal = await journalOf(hardDay)
  })
  test('comes out as it was recorded: over faults, restarts, snapshots, an emergency, a cancellation and an outage', async () => {
    const r = await asItWas(journal)
    expect(r).toMatchObject(clean)
    expect(r.facts).toBe(r.inputs + r.snapshots + r.identical)
    expect(r.snapshots).toBeGreaterThan(0)
    const kinds = new Set<string>()
    for await (const { facts } of turnsOf(journal)) for (const { fact } of facts) kinds.add(fact.kind)
    expect([...kinds]).toEqual(expect.arrayContaining(['accepted', 'refused', 'planned', 'sent', 'verified', 'outage', 'restoring']))
    expect(asItWasText(r)).toContain('Every decision comes out as it was recorded.')
  })
  test('and so does whatever the fuzzer thinks of', async () => {
    for (const x of fc.sample(anyScenario, { seed: 11, numRuns: Math.ceil(Number(process.env['FUZZ_RUNS'] ?? 20) / 10) }))
      expect(await asItWas(await journalOf(x)), x.seed).toMatchObject(clean)
  })
  test('a decision that was changed afterwards is found, with its turn and where it is in the fact', async () => {
    let changed = ''
    const r = await asItWas(
      altered(journal, text => {
        if (changed !== '' || !text.includes('"kind":"forecast"')) return text
        changed = text
        return text.replace(/"p50W":(\d+)/, (_, w) => `"p50W":${Number(w) + 1}`)
      }),
    )
    expect(r.extra).toBe(0)
    expect(r.differences[0]).toMatchObject({ turn: JSON.parse(changed).turn, kind: 'forecast', path: 'forecast.p50W' })
    // which the verdict repeats, and nothing else
    expect(r.differences.slice(1).map(d => d.kind)).toEqual(r.differences.slice(1).map(() => 'verified'))
    expect(r.differences[0]!.recorded).toBe((r.differences[0]!.again as number) + 1)
    expect(asItWasText(r)).toMatch(/turn \d+ {2}\S+ {2}forecast forecast\.p50W: recorded \d+, now \d+/)
  })
  test('one column of one command that was changed is found, and one that was taken out', async () => {
    const first = (kind: string, change: (text: string) => string | undefined) => {
      let isDone = false
      return altered(journal, text => {
        if (isDone || !text.includes(`"kind":"${kind}"`)) return text
        isDone = true
        return change(text)
      })
    }
    const seq = await asItWas(
      first('sent', text =>
        text.replace(/("seq":\{"\$b64":")[^"]+/, `$1${Buffer.from(new Uint16Array(9).fill(7).buffer).toString('base64')}`),
      ),
    )
    expect(seq.differences[0]).toMatchObject({ kind: 'sent', path: 'seq[0]', recorded: 7 })
    const gone = await asItWas(first('alarm', () => undefined))
    expect(gone).toMatchObject({ differing: 0, extra: 1, differences: [{ kind: 'alarm', path: '', recorded: undefined }] })
  })
  test('what stood on readings that have expired is said to, and is neither the same nor another', async () => {
    const gone = new Set<string>()
    for await (const leaves of journal.read(0))
      for (const leaf of leaves)
        if (Buffer.from(leaf).includes('"kind":"observed"')) for (const { hash } of evidenceOf(leaf)) gone.add(hash)
    const all = await asItWas(journal)
    const r = await asItWas(
      altered(
        journal,
        text => text,
        hash => gone.has(hash),
      ),
    )
    expect(r).toMatchObject({ differing: 0, extra: 0, facts: all.facts })
    expect(r.expired).toBeGreaterThan(0)
    expect(r.identical + r.expired).toBe(all.identical)
    expect(asItWasText(r)).toMatch(/inputs expired {3}\d+ facts in \d+ turns/)
  })
  test('a plan of an earlier algorithm is not rechecked, never called the same', async () => {
    const old = JSON.parse(
      gunzipSync(readFileSync(join(import.meta.dirname, '../core/fixtures/journal-plan-1.json.gz'))).toString('utf8'),
    ) as {
      leaves: string[]
      blobs: Record<string, string>
    }
    const r = await asItWas({
      async *read() {
        yield old.leaves.map(leaf => Buffer.from(leaf))
      },
      blob: async hash => (old.blobs[hash] === undefined ? undefined : Buffer.from(old.blobs[hash], 'base64')),
    })
    const plans = old.leaves.filter(leaf => leaf.includes('"kind":"planned"')).length
    expect(r.notRechecked['plan-1']).toBeGreaterThanOrEqual(plans)
    expect(r.differences.filter(d => d.kind === 'planned' || d.kind === 'sent')).toEqual([])
    expect(asItWasText(r)).toContain('not rechecked: plan-1')
  })
})

const evening = (more = '') =>
  readScenario(`
scenario: 1
name: an evening
seed: 7
start: 2026-01-15T15:15
end: 2026-01-15T19:30
fleet: { chargers: 40, faults: { ignores: 0.1, rejects: 0.1 } }
cars: { from: drawn, share: 1, arrival: "15:30", arrivalDeviationS: 600, energyWh: [20000, 40000] }
events:
  - { id: peak, announced: "17:00", intervals: [{ from: "17:30", forS: 3600, ask: { kind: shedShare, share: 0.5 } }] }
${more}`)

describe('a recorded event with other parameters', () => {
  let played: Played
  let same: WhatIf
  let slow: WhatIf
  beforeAll(async () => {
    played = await play(evening())
    const ask = (changes: Parameters<typeof whatIf>[2]) => whatIf(played.world, 'sim:dso:peak', changes)
    same = (await ask([]))!
    slow = (await ask([changeOf('spread=1800')]))!
  })
  test('with none that differs it is near its record', () => {
    const { fit, figures } = same
    // cars that never taper: a tenth of the load, because one step of a minute holds a part of a limit
    expect(fit.maeW).toBeLessThan(0.1 * fit.meanLoadW)
    expect(Math.abs(fit.biasW)).toBeLessThan(0.05 * fit.meanLoadW)
    expect(figures.whatIf).toEqual(figures.asItWas)
    expect(figures.asItWas['duringW']! / figures.recorded['duringW']!).toBeCloseTo(1, 1)
    expect(same.asItWas.verification?.verdict).toBe(played.events[0]!.verification?.verdict)
    // the same seed drew the same ranks
    expect(figures.asItWas['limitedChargers']).toBe(figures.recorded['limitedChargers'])
  })
  test('what the model says of a curtailed car is near what it would have drawn, which here is known', () => {
    const { grid, fromS, toS } = same
    const at = (s: number) => Math.floor((s - grid.fromS) / grid.stepS)
    const sum = (of: ArrayLike<number>, from: number, to: number) => Array.prototype.slice.call(of, from, to).reduce((a, b) => a + b, 0)
    const startS = played.recorded.startS
    const trueWh = sum(played.freeW, (fromS - startS) / 60, (toS - startS) / 60) / 60
    const modelledWh = (sum(same.asItWas.freeW, at(fromS), at(toS)) * grid.stepS) / 3600
    // these cars take less above 80 % of their battery; the model's do not
    expect(Math.abs(modelledWh / trueWh - 1)).toBeLessThan(0.1)
  })
  test('links fall as they fell, and boxes that then do as they like do so again', async () => {
    const { fleet, ...rest } = evening('incidents: [{ at: "17:50", what: linksLost, forS: 900 }]')
    const { world } = await play({ ...rest, fleet: { ...fleet, kinds: fleet.kinds.map(k => ({ ...k, onLinkLoss: 'resumes' as const })) } })
    const w = (await whatIf(world, 'sim:dso:peak', []))!
    const at = (minute: number) => Math.floor((w.fromS + 60 * minute - w.grid.fromS) / w.grid.stepS)
    const load = loadOf(w.asItWas)
    expect(load[at(25)]! / load[at(15)]!).toBeGreaterThan(1.2)
    expect(load[at(45)]!).toBeLessThan(load[at(25)]!)
    expect(w.fit.maeW).toBeLessThan(0.1 * w.fit.meanLoadW)
  })
  test('its error where nobody was limited is known', () => {
    expect(same.placebo).toMatchObject({ windows: expect.any(Number), lengthS: expect.any(Number), chargers: 40 })
    expect(same.placebo!.sumMaeW).toBeLessThan(0.5 * same.placebo!.meanLoadW)
  })
  test('a longer spread starts fewer in a minute, and takes longer', () => {
    const { asItWas, whatIf } = slow.figures
    expect(whatIf['startsOverS']).toBeGreaterThan(asItWas['startsOverS']! * 2)
    expect(whatIf['mostStartsIn60S']).toBeLessThan(asItWas['mostStartsIn60S']!)
    expect(whatIf['worstRampWPerMinute']).toBeLessThan(asItWas['worstRampWPerMinute']!)
    expect(slow.figures.recorded).toEqual(same.figures.recorded)
  })
  test('up to the first limit all of it is the record, and whoever refused or ignored does so again', () => {
    const { grid, modelFromS, whatIf: run, recordedW, event, who } = slow
    const first = Math.floor((modelFromS - grid.fromS) / grid.stepS)
    for (let k = first - 10; k < first; k++) {
      expect(run.modelledPartW[k]).toBe(0)
      expect(loadOf(run)[k]).toBeCloseTo(recordedW[k]!, 0)
    }
    const refused = [...event.answers].filter(([, answers]) => answers.some(a => a.kind === 'rejected')).map(([i]) => i)
    expect(refused.length).toBeGreaterThan(0)
    for (const i of refused) expect(run.limitedFromS[who.indexOf(i)]).toBeNaN()
    expect(event.ignores.reduce((a, b) => a + b, 0)).toBeGreaterThan(0)
  })
  test('is the same files again, in which each series is said to be recorded or modelled', async () => {
    const library = { script: '', style: '' }
    const again = (await whatIf(played.world, 'sim:dso:peak', [changeOf('spread=1800')]))!
    const files = filesOf(slow, { library, version: '0', csv: true })
    expect([...files.keys()]).toEqual(
      expect.arrayContaining(['summary.json', 'load.parquet', 'load.csv', 'chargers.csv', 'report.html', 'manifest.json']),
    )
    expect(filesOf(again, { library, version: '0', csv: true }).get('manifest.json')).toEqual(files.get('manifest.json'))
    const { series } = summaryOf(slow, '0')
    const header = String(files.get('load.csv')).split(/\r?\n/)[0]!.split(',')
    expect(header.slice(1)).toEqual(Object.keys(series))
    expect(figureRows(slow).find(r => r.figure === 'startsOverS')!.difference).toBeGreaterThan(0)
  })
  test('an ask that is not the event’s, a parameter that there is not and an unknown event are refused in words', async () => {
    const recorded = (await recordedEvent(played.world.journal, 'sim:dso:peak'))!
    const refused = (text: string) => whatIf(played.world, 'sim:dso:peak', [changeOf(text)])
    await expect(refused('ask.limitW=1')).rejects.toThrow(/ask\.limitW: the event asks/)
    await expect(refused('spraed=1')).rejects.toThrow(/spraed/)
    await expect(refused('allocation=luck')).rejects.toThrow(/allocation/)
    expect(() => changeOf('spread')).toThrow(RangeError)
    expect(await whatIf(played.world, 'no such', [])).toBeUndefined()
    const { event } = recorded.facts
    const [fed] = recorded.fed.flatMap(t => t.inputs).filter(i => i.kind === 'signal')
    const changed = changedInput(fed!, event, [changeOf('ask.totalW=1')])
    expect(changed.kind === 'signal' && changed.event.intervals[0]!.ask).toEqual({ kind: 'shed', totalW: 1 })
  })
  test('and its own journal decides again as it was, discovered capabilities and all', async () => {
    const { world } = played
    const station = world.engine().state().fleet.station[3]!
    await world.registry.put({
      stations: [{ no: station, identity: 'box', auth: { profile: 0 }, evses: [{ charger: 3, evseId: 1 }], capabilities: discovered }],
    })
    world.engine().sink.capabilities(station, discovered)
    await world.until(world.runtime.now() + 5_000)
    expect(world.engine().state().fleet.maxW[3]).toBe(3_680)
    const r: AsItWas = await asItWas(world.journal)
    expect(r).toMatchObject(clean)
    const part = await asItWas(world.journal, { turns: same.event.turns })
    expect(part).toMatchObject(clean)
    expect(part.turns).toBeLessThan(r.turns)
  })
})
const discovered = {
  units: ['A'],
  limitsAt: 'evse',
  phases: 1,
  voltageV: 230,
  minA: 6,
  maxA: 16,
  stepA: 1,
  maxStackLevel: 8,
  depth: 24,
  onLinkLoss: 'holds',
  takesZero: true,
  meterClass: '',
} as const
