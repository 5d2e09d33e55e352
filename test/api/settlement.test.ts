import { beforeEach, describe, expect, test } from 'vitest'
import { blobsOf, decode, encode } from '../../src/core/codec.ts'
import { programmePerformance } from '../../src/operations/programmePerformance.ts'
import { eventReport } from '../../src/operations/report.ts'
import { settlementShape, settleRecorded, statementsCsv } from '../../src/operations/settle.ts'
import type { Journal } from '../../src/ports.ts'
import { csvOf } from '../../src/report/csv.ts'
import { tablesOf } from '../../src/report/tables.ts'
import { ana, type Bridge, eve, gridEvent, startBridge } from './bridge.ts'

let b: Bridge
const id = 'openadr2b:vtn:e1'
const url = (query = '') => `/v1/events/${encodeURIComponent(id)}/settlement?${query}`
const csv = { ...ana, accept: 'text/csv' }

/** Half an hour at 2 kW each: c0 to c3 drew 5 kW before and obey, all but c3; c4 drew nothing. */
async function anEvent(names = ['c0', 'c1', 'c2', 'c3', 'c4'], change: Parameters<typeof gridEvent>[2] = {}) {
  const node = (b.engine.registry.resolve('node', 'BATH/BATH-11')![0] as { node: number }).node
  const { event, raw } = gridEvent(node, b.engine.now(), change, 600)
  await b.engine.bridge.submit(event, raw)
  for (let minute = 0; minute < 45; minute++) {
    await b.seconds(60)
    const nowS = b.engine.now() / 1000
    const isDuring = nowS > event.intervals[0]!.fromS && nowS <= event.intervals[0]!.toS
    b.meter(Object.fromEntries(names.map(name => [name, name === 'c4' ? 0 : isDuring && name !== 'c3' ? 2000 : 5000])))
  }
  for (let minute = 0; minute < 120 && b.engine.bridge.event(event.id)?.state !== 'verified'; minute++) await b.seconds(60)
  expect(b.engine.bridge.event(event.id)?.state).toBe('verified')
}
beforeEach(async () => {
  b = await startBridge({ programme: { endSpreadS: 0 } })
})

describe('gridbridge settles an event', () => {
  test('by what the meters say of each site: the statements sum to the penny', async () => {
    await anEvent()
    const answer = await b.get(url('price=300&by=site'))
    expect(answer.statusCode, answer.body).toBe(200)
    const s = answer.json()
    expect(s).toMatchObject({ event: id, scheme: 'proportional', split: 'delivered', verdictRevision: 1, gbpPerMWh: 300, exact: true })
    expect(s.statements.map((x: { participant: string }) => x.participant.split('/').at(-1))).toEqual(['c0', 'c1', 'c2', 'c3', 'c4', 'c5'])
    const pence = s.statements.map((x: { gbp: number }) => Math.round(x.gbp * 100))
    expect(pence.reduce((sum: number, p: number) => sum + p, 0)).toBe(Math.round(s.gbp * 100))
    // 3 of 4 gave 3 kW for half an hour: 4.5 kWh at 30p
    expect(s.gbp).toBeCloseTo(1.35, 2)
    expect(pence.slice(0, 3)).toEqual([45, 45, 45])
    expect(pence.slice(3)).toEqual([0, 0, 0])
    expect(s.deliveredWh).toBeCloseTo(4500, -2)
    expect(s.periods.reduce((sum: number, p: { gbp: number }) => sum + p.gbp, 0)).toBeCloseTo(s.gbp, 2)
  })
  test('an amount that was paid, among all alike, as the file that is sent', async () => {
    await anEvent()
    const file = (await b.get(url('amount=100&by=charger&split=equal'), csv)).body.trim().split('\r\n')
    expect(file[0]).toBe('participant,chargers,baseline_kwh,actual_kwh,delivered_kwh,metered_share,gbp,overlapping_chargers')
    expect(file.slice(1).map(line => [line.split(',')[0], line.split(',').at(-2)])).toEqual([
      ['c0', '16.67'],
      ['c1', '16.67'],
      ['c2', '16.67'],
      ['c3', '16.67'],
      ['c4', '16.66'],
      ['c5', '16.66'],
    ])
  })
  test.each(['SP', 'minute'])('energies of each participant by %s sum to what its statement says', async per => {
    await anEvent()
    const { statements, energies, deliveredWh, floors: all } = (await b.get(url(`price=300&by=charger&per=${per}`))).json()
    const of = (participant: string): { from: string; until: string; deliveredWh: number | null }[] =>
      energies.filter((e: { participant: string }) => e.participant === participant)
    const sum = (rows: { deliveredWh: number | null }[]) => rows.reduce((wh, e) => wh + (e.deliveredWh ?? 0), 0)
    for (const s of statements) expect(sum(of(s.participant))).toBeCloseTo(s.deliveredWh, 0)
    expect(sum(energies)).toBeCloseTo(deliveredWh, 0)
    const rows = of('c0')
    rows.slice(1).forEach((row, k) => expect(row.from).toBe(rows[k]!.until))
    if (per === 'minute') expect(rows).toHaveLength(30)
    else
      for (const floor of ['none', 'perUnitSP', 'perMeterSP'])
        expect(energies.reduce((wh: number, e: { floors: Record<string, number> }) => wh + (e.floors[floor] ?? 0), 0)).toBeCloseTo(
          all[floor],
          6,
        )
    const file = (await b.get(url(`price=300&by=charger&per=${per}`), csv)).body.trim().split('\r\n')
    const floors = per === 'SP' ? ',delivered_floor_unit_kwh,delivered_floor_meter_kwh' : ''
    expect(file[0]).toBe(`participant,from_utc,to_utc,baseline_kwh,actual_kwh,delivered_kwh${floors}`)
    expect(file).toHaveLength(1 + energies.length)
    expect((await b.get(url('price=300'))).json().energies).toBeUndefined()
  })
  test.each([
    ['event', [id]],
    ['gsp', ['BATH']],
    ['feeder', ['BATH/BATH-11']],
    ['primary', ['(none)']],
  ])('by %s: one statement with all that was settled, under each floor', async (by, names) => {
    await anEvent()
    const s = (await b.get(url(`price=300&by=${by}&per=SP`))).json()
    expect(s.statements).toMatchObject(names.map(participant => ({ participant, chargers: 6, gbp: s.gbp, coverage: s.coverage })))
    expect(new Set(s.energies.map((e: { participant: string }) => e.participant))).toEqual(new Set(names))
    for (const floor of ['none', 'perUnitSP', 'perMeterSP'])
      expect(s.energies.reduce((wh: number, e: { floors: Record<string, number> }) => wh + e.floors[floor]!, 0)).toBeCloseTo(
        s.floors[floor],
        6,
      )
    const minutes = (await b.get(url(`price=300&by=${by}&per=minute`))).json().energies
    expect(minutes).toHaveLength(30)
    expect(minutes[0].floors).toBeUndefined()
  })
  test('what is nothing has no sign in the file', () => {
    const statement = {
      participant: 'a',
      chargers: 1,
      baselineWh: 0,
      actualWh: 0.3,
      deliveredWh: -0.3,
      coverage: null,
      overlapping: 0,
      weight: 0,
      pence: 0,
    }
    expect(
      statementsCsv({ statements: [statement, { ...statement, deliveredWh: -2 }] })
        .split('\r\n')
        .slice(1, 3),
    ).toEqual(['a,1,0.000,0.000,0.000,,0.00,0', 'a,1,0.000,0.000,-0.002,,0.00,0'])
  })
  test('by group of the outside; who is in none is shown too', async () => {
    const no = (name: string) => b.engine.registry.chargerByExternalId(name)!
    const group = (value: string, ...names: string[]) => ({
      scheme: 'groupID',
      value,
      targets: names.map(name => ({ kind: 'charger' as const, charger: no(name) })),
    })
    await b.engine.registry.put({ aliases: [group('depot', 'c0', 'c1'), group('homes', 'c2')] })
    await anEvent()
    const { statements } = (await b.get(url('price=300&by=group'))).json()
    expect(statements.map((x: { participant: string; chargers: number; gbp: number }) => [x.participant, x.chargers, x.gbp])).toEqual([
      ['(none)', 3, 0],
      ['depot', 2, 0.9],
      ['homes', 1, 0.45],
    ])
    await b.engine.registry.put({ aliases: [group('homes', 'c1', 'c2')] })
    expect((await b.get(url('price=300&by=group'))).json()).toMatchObject({ status: 409, code: 'group-overlap' })
  })
  test('schemes pay differently for the same meters', async () => {
    await anEvent()
    const paid = async (scheme: string) => (await b.get(url(`price=1000&scheme=${scheme}`))).json()
    const [dfs, ssen] = [await paid('dfs'), await paid('ssen')]
    expect(dfs.ratio).toBeGreaterThan(0.5)
    expect(dfs.periods.map((p: { factor: number; ratio: number }) => p.factor - p.ratio)).toEqual(
      dfs.periods.map(() => expect.closeTo(0, 6)),
    )
    expect(ssen.exact).toBe(false)
    // three quarters of the ask in every minute: 20 points below the grace, 3 % each
    expect(await paid('flexiblePower')).toMatchObject({ per: 'minute', gbp: expect.closeTo(dfs.askedWh * 1e-3 * 0.4, 2) })
  })
  test('the same from what is stored, without a running bridge', async () => {
    await anEvent()
    const request = { split: 'delivered', by: 'site', scheme: 'flexiblePower', gbpPerMWh: 300 } as const
    const stored = await settleRecorded(b.engine, id, request)
    expect(stored.ok && settlementShape(stored.value)).toEqual((await b.get(url('price=300&scheme=flexiblePower'))).json())
    expect(await settleRecorded(b.engine, 'nope', request)).toMatchObject({ ok: false, refusal: { code: 'event-not-found' } })
  })
  test('the price of the programme is the default', async () => {
    b = await startBridge({ programme: { endSpreadS: 0, verification: { gbpPerMWh: 200 } } })
    await anEvent()
    expect((await b.get(url())).json()).toMatchObject({ gbpPerMWh: 200 })
  })
})

describe('two events of two operators on the same chargers', () => {
  async function twoEvents() {
    const target = b.engine.registry.chargerByExternalId('c0')!
    const other = gridEvent(0, b.engine.now(), {
      ...{ id: 'webhook:dso:x', upstreamRef: 'x', targets: [{ kind: 'charger', charger: target }] },
      source: { adapter: 'webhook', peer: 'dso', credential: '' },
    }, 600) // biome-ignore format: one event
    await b.engine.bridge.submit(other.event, other.raw)
    await anEvent()
  }
  const other = { id: 'webhook:dso:x', programme: 'evenings', chargers: 1 }
  test('the API, the statements, the report and its files say so; both are credited', async () => {
    await twoEvents()
    const detail = (await b.get(`/v1/events/${encodeURIComponent(id)}`)).json()
    expect(detail.verification.overlaps).toEqual([
      { event: 0, ...other, from: detail.verification.window.from, until: detail.verification.window.until },
    ])
    const settled = (await b.get(url('price=300&by=charger'))).json()
    expect(settled.overlaps).toEqual(detail.verification.overlaps)
    expect(settled.statements.map((x: { overlapping: number }) => x.overlapping)).toEqual([1, 0, 0, 0, 0, 0])
    expect(settled.deliveredWh).toBeCloseTo(4500, -2)
    const theirs = (await b.get(url('price=300').replace(encodeURIComponent(id), encodeURIComponent(other.id)))).json()
    expect(theirs).toMatchObject({ deliveredWh: expect.closeTo(1500, -2), overlaps: [{ event: 1, id, chargers: 1 }] })
    const lines = (await b.get(url('price=300&by=charger'), csv)).body.split('\r\n')
    expect(lines.slice(0, 3).map(line => line.split(',').at(-1))).toEqual(['overlapping_chargers', '1', '0'])
    const page = (await b.get(`/v1/events/${encodeURIComponent(id)}/report.html`)).body
    expect(page).toMatch(
      /At the same time 1 of its chargers were in event <b>webhook:dso:x<\/b> of programme evenings[\s\S]{0,300}Each verdict measures for itself/,
    )
    const found = await eventReport(b.engine, id, { nowMs: b.engine.now(), version: '0', command: 'verify' })
    const table = tablesOf(found!).find(t => t.name === 'verdicts')!
    expect([...csvOf(table)].join('')).toContain('webhook:dso:x (evenings): 1 charger')
  })
  test('where the programme takes none that already serve another, the second settles the others alone', async () => {
    b = await startBridge({ programme: { endSpreadS: 0, verification: { stacking: 'refused' } } })
    await twoEvents()
    const s = (await b.get(url('price=300&by=charger&per=SP'))).json()
    expect(s.overlaps).toMatchObject([{ ...other, refused: true }])
    expect(s.statements.map((x: { gbp: number }) => x.gbp).slice(0, 3)).toEqual([0, 0.45, 0.45])
    expect(
      s.energies.filter((e: { participant: string }) => e.participant === 'c0').every((e: { deliveredWh: null }) => e.deliveredWh === null),
    ).toBe(true)
    expect(s.deliveredWh).toBeCloseTo(3000, -2)
    expect((await b.get(`/v1/events/${encodeURIComponent(id)}`)).json().verification.deliveredWh).toBeCloseTo(4500, -2)
    const first = (await b.get(url('price=300').replace(encodeURIComponent(id), encodeURIComponent(other.id)))).json()
    expect(first.gbp).toBe(0.45)
  })
})

describe('nothing is settled', () => {
  test('that too little was metered of', async () => {
    await anEvent(['c0'])
    expect((await b.get(url('price=300'))).json()).toMatchObject({ status: 409, code: 'not-settleable' })
  })
  test.each([
    ['before it is verified', '', 404, 'no-results'],
    ['by a rule that is none', 'split=fair', 400, 'validation'],
  ])('%s', async (_, query, status, code) => {
    const node = (b.engine.registry.resolve('node', 'BATH/BATH-11')![0] as { node: number }).node
    const { event, raw } = gridEvent(node, b.engine.now(), {}, 600)
    await b.engine.bridge.submit(event, raw)
    expect((await b.get(url(query))).json()).toMatchObject({ status, code })
  })
  test('without a price, for an event that is not there, or by one who may not look', async () => {
    await anEvent()
    expect((await b.get(url())).json()).toMatchObject({ status: 400, code: 'no-price' })
    expect((await b.get('/v1/events/nope/settlement')).json()).toMatchObject({ status: 404, code: 'event-not-found' })
    expect((await b.get(url('price=1'), eve)).statusCode).toBe(403)
  })
})

/** The same log, but the event has so many periods, each of which asked for 1 kWh and got 400 Wh. */
async function withPeriods(journal: Bridge['engine']['journal'], count: number): Promise<Pick<Journal, 'read' | 'blob'>> {
  const leaves: Uint8Array[] = []
  const blobs = new Map<string, Uint8Array>()
  const of = (wh: number) => new Float64Array(count).fill(wh)
  for await (const some of journal.read(0))
    for (const leaf of some) {
      for (const hash of blobsOf(leaf)) blobs.set(hash, (await journal.blob(hash))!)
      const { turn, at, fact } = decode(leaf, hash => blobs.get(hash))
      const startS = Uint32Array.from(of(0), (_, t) => 1_700_000_000 + 1800 * t)
      const periods = {
        ...{ startS, endS: startS.map(s => s + 1800), askedWh: of(1000), baselineWh: of(2000), actualWh: of(1600) },
        ...{ deliveredWh: of(400), ratio: of(0.4) },
      }
      const changed = fact.kind === 'verified' ? { ...fact, periods } : fact
      const encoded = encode({ turn, at, fact: changed }, () => new Uint8Array(16))
      leaves.push(encoded.leaf)
      for (const { hash, salted } of encoded.blobs) blobs.set(hash, salted.subarray(16))
    }
  return {
    async *read() {
      yield leaves
    },
    blob: async hash => blobs.get(hash),
  }
}

describe('a programme over its events', () => {
  const performance = async (query = '') => (await b.get(`/v1/programmes/evenings/performance?${query}`)).json()
  test('what was asked and delivered, and whether a buyer might take it off the register', async () => {
    await anEvent()
    const found = await performance()
    expect(found).toMatchObject({ programme: 'evenings', scheme: 'dfs', persistence: null, optOutRate: 0 })
    expect(found.deregistration).toEqual({ inARow: 0, inThreeMonths: 0, isDue: false })
    expect(found.events).toMatchObject([{ event: id, verdict: 'partial', isSettleable: true, chargers: 6 }])
    expect(found.ratio).toBeCloseTo(0.75, 2)
    expect(found.events[0].overWh).toBeCloseTo(0, 6)
  })
  test.each([
    ['SP', 2],
    ['minute', 60],
  ])('by %s over its events of a time: sums of what each event says, as JSON and as a file', async (per, least) => {
    await anEvent()
    const firstUntil = new Date(b.engine.now()).toISOString()
    const second = 'openadr2b:vtn:e2'
    await anEvent(undefined, { id: second, upstreamRef: 'e2' })
    const found = await performance(`per=${per}`)
    const sum = (rows: { deliveredWh: number | null }[]) => rows.reduce((wh, e) => wh + (e.deliveredWh ?? 0), 0)
    expect(found).toMatchObject({ coverage: expect.closeTo(found.events[0].coverage, 6), withoutEnergies: [] })
    expect(found.events).toHaveLength(2)
    expect(found.energies.length).toBeGreaterThanOrEqual(least)
    expect(sum(found.energies)).toBeCloseTo(found.deliveredWh, 0)
    const file = (await b.get(`/v1/programmes/evenings/performance?per=${per}`, csv)).body.trim().split('\r\n')
    expect(file).toHaveLength(1 + found.energies.length)
    const early = await performance(`per=${per}&until=${firstUntil}`)
    expect(early.events.map((e: { event: string }) => e.event)).toEqual([id])
    expect(sum(early.energies)).toBeCloseTo(early.deliveredWh, 0)
    expect((await performance(`from=${firstUntil}`)).events.map((e: { event: string }) => e.event)).toEqual([second])
    if (per === 'minute') return
    const { floors } = (await b.get(url('price=300&by=event'))).json()
    for (const floor of ['none', 'perUnitSP', 'perMeterSP'])
      expect(early.energies.reduce((wh: number, e: { floors: Record<string, number> }) => wh + e.floors[floor]!, 0)).toBeCloseTo(
        floors[floor],
        6,
      )
    expect((await performance()).energies).toBeUndefined()
  })
  test('an event that cannot be settled is shown and not counted', async () => {
    await anEvent(['c0'])
    expect(await performance()).toMatchObject({ askedWh: 0, ratio: null, events: [{ isSettleable: false }] })
  })
  test.each([120, 150, 300])('an event of %i settlement periods is as many acceptances', async periods => {
    await anEvent()
    const figures = await programmePerformance({ ...b.engine, journal: await withPeriods(b.engine.journal, periods) }, 'evenings', {
      scheme: 'dfs',
    })
    // of each period four tenths were delivered
    expect(figures).toMatchObject({ ok: true, value: { deregistration: { inARow: periods, inThreeMonths: periods, isDue: true } } })
    expect(figures.ok && figures.value.events[0]!.overWh).toBe(0)
  })
  test('without any verified event there is nothing to say', async () => {
    expect(await performance()).toMatchObject({ status: 404, code: 'no-events' })
    expect(await performance('scheme=fair')).toMatchObject({ status: 400 })
  })
})

describe("the network operator's own meter beside the chargers under it", () => {
  /** A feeder meter of one minute: what the chargers draw, and other load of 10 kW that falls by 1 kW with the event. */
  async function witnessed(stepS: number, fromWs: readonly (readonly [untilS: number, w: number])[]) {
    await b.operations.witnesses.declare({
      ...{ name: 'feeder-11', node: 'BATH/BATH-11', kind: 'feeder', stepS, unit: 'W', sign: 'consumption', stamp: 'start' },
    })
    const nowS = b.engine.now() / 1000
    const firstS = Math.ceil((nowS - 7200) / stepS) * stepS
    const points = Array.from({ length: Math.floor((nowS - firstS) / stepS) }, (_, k) => {
      const atS = firstS + k * stepS
      return { at: atS * 1000, value: fromWs.find(([untilS]) => atS < untilS)![1] }
    })
    expect(await b.operations.witnesses.take('feeder-11', points)).toMatchObject({ ok: true, value: { errors: [] } })
    return (await b.get(`/v1/events/${encodeURIComponent(id)}/witnesses`)).json().items
  }
  const eventS = async () => {
    const startS = Math.floor(b.engine.now() / 1000) + 600
    await anEvent()
    return startS
  }
  test('the gap is what else moved behind the meter', async () => {
    const startS = await eventS()
    const [found] = await witnessed(60, [[startS, 30_000], [startS + 1800, 20_000], [Infinity, 30_000]]) // biome-ignore format: a table
    expect(found).toMatchObject({ meter: 'feeder-11', chargers: 6, commanded: 6, why: null, gap: { notCommandedWh: 0 } })
    const hours = found.gap.periods / 60
    expect(found.gap.feederWh / hours).toBeCloseTo(10_000, 3)
    expect(found.gap.commandedWh / hours).toBeCloseTo(9_000, -2)
    expect(found.gap.residualWh).toBeCloseTo(found.gap.feederWh - found.gap.commandedWh, 6)
  })
  test('a meter of half hours that has none within the event says nothing', async () => {
    const startS = await eventS()
    expect(await witnessed(1800, [[startS, 30_000], [Infinity, 20_000]])).toMatchObject([{ gap: null, why: 'tooCoarse' }]) // biome-ignore format: a table
  })
  test('without its readings nothing is compared; without a meter there is nothing to show', async () => {
    await eventS()
    expect((await b.get(`/v1/events/${encodeURIComponent(id)}/witnesses`)).json()).toEqual({ items: [] })
    await b.operations.witnesses.declare({
      ...{ name: 'silent', node: 'BATH/BATH-11', kind: 'feeder', stepS: 60, unit: 'W', sign: 'consumption', stamp: 'start' },
    })
    expect((await b.get(`/v1/events/${encodeURIComponent(id)}/witnesses`)).json().items).toMatchObject([{ gap: null, why: 'noReadings' }])
  })
})
