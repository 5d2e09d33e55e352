import { describe, expect, it } from 'vitest'
import { decodeMeterValues, instantOf, type MeterContext, newMeterState, signedValues } from '../../../adapters/chargers/meterValues.ts'
import { quality } from '../../../src/core/model.ts'

const t0 = Date.parse('2026-11-20T17:00:00Z')
const at = (s: number): string => new Date(t0 + s * 1000).toISOString()
const context = (more: Partial<MeterContext> = {}): MeterContext => ({
  offsetMs: 0,
  periodMs: 30_000,
  alignedMs: 900_000,
  receivedMs: t0 + 900_000,
  stampsStart: false,
  phases: 3,
  voltageV: 230,
  ...more,
})
type Sampled = Record<string, unknown>
const W = (value: unknown, more: Sampled = {}): Sampled => ({ value, measurand: 'Power.Active.Import', unit: 'W', ...more })
const Wh = (value: unknown, more: Sampled = {}): Sampled => ({ value, ...more })
const A = (value: unknown, phase?: string): Sampled => ({ value, measurand: 'Current.Import', unit: 'A', ...(phase ? { phase } : {}) })
const V = (value: unknown, phase?: string): Sampled => ({ value, measurand: 'Voltage', unit: 'V', ...(phase ? { phase } : {}) })
const one = (sampledValue: Sampled[], more: Partial<MeterContext> = {}) =>
  decodeMeterValues([{ timestamp: at(0), sampledValue }], newMeterState(), context(more))

describe('one sample of a real box', () => {
  const cases: [name: string, Sampled[], powerW: number | null, flags?: number][] = [
    ['watts as text', [W('7360')], 7_360],
    ['watts as a number', [W(7360)], 7_360],
    ['kilowatts', [W('7.36', { unit: 'kW' })], 7_360],
    ['power without a unit is watts', [{ value: '7360', measurand: 'Power.Active.Import' }], 7_360],
    ['2.0.1 unit and multiplier', [{ value: 7.36, measurand: 'Power.Active.Import', unitOfMeasure: { unit: 'W', multiplier: 3 } }], 7_360],
    ['2.0.1 kW', [{ value: 7.36, measurand: 'Power.Active.Import', unitOfMeasure: { unit: 'kW' } }], 7_360],
    ['the phases sum', [W('1000', { phase: 'L1' }), W('2000', { phase: 'L2' }), W('3000', { phase: 'L3' })], 6_000],
    ['L1-N and so on sum', [W('1000', { phase: 'L1-N' }), W('2000', { phase: 'L2-N' }), W('3000', { phase: 'L3-N' })], 6_000],
    [
      'a total beside its phases is not counted twice',
      [W('6000'), W('1000', { phase: 'L1' }), W('2000', { phase: 'L2' }), W('3000', { phase: 'L3' })],
      6_000,
    ],
    ['one phase of three', [W('3680', { phase: 'L1' })], 3_680, quality.partialPhases],
    ['the current of one phase of three', [A('16', 'L1')], 3_680, quality.estimated | quality.partialPhases],
    ['a register of one phase of three', [W('3680'), Wh('5000', { phase: 'L1' })], 3_680, quality.partialPhases],
    ['empty text', [W('')], null],
    ['NaN', [W('NaN')], null],
    ['words', [W('n/a')], null],
    ['signed data', [W('0A1B2C', { format: 'SignedData' })], null],
    ["the car's own figure", [W('5000', { location: 'EV' })], null],
    ['a gigawatt is an error of units', [W('7360', { unitOfMeasure: { unit: 'W', multiplier: 6 } })], null],
    [
      'currents by phase and voltage',
      [A('16', 'L1'), A('16', 'L2'), A('16', 'L3'), V('231', 'L1-N'), V('231', 'L2-N'), V('231', 'L3-N')],
      11_088,
      quality.estimated,
    ],
    ['one current for each phase, nominal voltage', [A('10')], 6_900, quality.estimated],
    ['a line-to-line voltage is not a phase voltage', [A('10'), V('400')], 6_900, quality.estimated],
    ['power before current', [W('7000'), A('10')], 7_000],
    ['an energy interval', [{ value: '100', measurand: 'Energy.Active.Import.Interval', unit: 'Wh' }], 12_000, quality.fromRegister],
    ['an idle box', [W('0')], 0],
    ['export counts against import', [W('0'), { value: '2', measurand: 'Power.Active.Export', unit: 'kW' }], -2_000],
  ]
  it.each(cases)('%s', (_name, sampled, powerW, flags = quality.good) => {
    const rows = one(sampled)
    if (powerW === null) expect(rows).toEqual([])
    else expect(rows).toMatchObject([{ powerW, quality: flags, fromMs: t0 - 30_000, toMs: t0 }])
  })
  it('the register goes with the power, in Wh', () => {
    expect(one([W('7360'), Wh('12.5', { unit: 'kWh' })])[0]).toMatchObject({ registerWh: 12_500 })
    expect(one([W('7360'), Wh('12500')])[0]).toMatchObject({ registerWh: 12_500 })
    expect(one([W('7360'), Wh('4000', { phase: 'L1' }), Wh('4000', { phase: 'L2' }), Wh('4500', { phase: 'L3' })])[0]).toMatchObject({
      registerWh: 12_500,
    })
    expect(one([W('7360')])[0]!.registerWh).toBeNaN()
  })
  it('rubbish is left out and the rest is kept', () => {
    const rows = decodeMeterValues(
      [
        null,
        3,
        { timestamp: 'yesterday', sampledValue: [W('1')] },
        { timestamp: at(0) },
        { timestamp: at(0), sampledValue: [null, W('5')] },
      ],
      newMeterState(),
      context(),
    )
    expect(rows).toMatchObject([{ powerW: 5 }])
    expect(decodeMeterValues('x', newMeterState(), context())).toEqual([])
  })
  it('a stamp without a zone is UTC', () => {
    expect(instantOf('2026-11-20T17:00:00')).toBe(t0)
    expect(instantOf('2026-11-20T18:00:00+01:00')).toBe(t0)
    expect(instantOf(undefined)).toBeNaN()
  })
})

describe('where a reading lies in time', () => {
  const run = (samples: [s: number, sampled: Sampled[]][], more: Partial<MeterContext> = {}) => {
    const state = newMeterState()
    return samples.flatMap(([s, sampledValue]) => decodeMeterValues([{ timestamp: at(s), sampledValue }], state, context(more)))
  }
  const spans = (rows: ReturnType<typeof run>) => rows.map(row => [(row.fromMs - t0) / 1000, (row.toMs - t0) / 1000, row.powerW])

  it('a sample stands for the time since the one before, after a gap for one period', () => {
    expect(
      spans(
        run([
          [0, [W(1)]],
          [30, [W(2)]],
          [61, [W(3)]],
          [300, [W(4)]],
        ]),
      ),
    ).toEqual([
      [-30, 0, 1],
      [0, 30, 2],
      [30, 61, 3],
      [270, 300, 4],
    ])
  })
  it('clock-aligned averages carry the start of their interval', () => {
    expect(spans(run([[0, [W(1, { context: 'Sample.Clock' })]]]))).toEqual([[0, 900, 1]])
  })
  it('unless that interval is not over: then they were stamped when they were sent, and later samples are not late', () => {
    const state = newMeterState()
    const told = (s: number, value: number, more = {}) =>
      decodeMeterValues([{ timestamp: at(s), sampledValue: [W(value, more)] }], state, context({ receivedMs: t0 + s * 1000 + 300 }))
    expect(spans([...told(-15, 6)])).toEqual([[-45, -15, 6]])
    expect(spans([...told(0, 7, { context: 'Sample.Clock' })])).toEqual([[-15, 0, 7]])
    const [after] = told(15, 8)
    expect([after!.toMs, after!.quality]).toEqual([t0 + 15_000, quality.good])
  })
  it('a stamp of the future is a wrong clock: it counts as now, and does not make the next one late', () => {
    const state = newMeterState()
    const told = (stampS: number, nowS: number, value: number) =>
      decodeMeterValues([{ timestamp: at(stampS), sampledValue: [W(value)] }], state, context({ receivedMs: t0 + nowS * 1000 }))
    expect(told(3e8, 0, 7_000)).toMatchObject([{ toMs: t0, quality: quality.clockSkewed }])
    expect(told(30, 30, 6)).toMatchObject([{ fromMs: t0, toMs: t0 + 30_000, quality: quality.good }])
  })
  it('so do sampled ones of a model known for it', () => {
    expect(
      spans(
        run(
          [
            [0, [W(1)]],
            [30, [W(2)]],
          ],
          { stampsStart: true },
        ),
      ),
    ).toEqual([
      [0, 30, 1],
      [30, 60, 2],
    ])
  })
  it("stamps are corrected by the box's clock, and a bad clock is said", () => {
    expect(run([[0, [W(1)]]], { offsetMs: 5_000, receivedMs: t0 })).toMatchObject([{ toMs: t0 - 5_000, quality: quality.good }])
    expect(run([[0, [W(1)]]], { offsetMs: -120_000 })).toMatchObject([{ toMs: t0 + 120_000, quality: quality.clockSkewed }])
  })
  it('a duplicate counts once, a late one is marked', () => {
    const rows = run([
      [0, [W(1)]],
      [0, [W(1)]],
      [60, [W(3)]],
      [30, [W(2)]],
    ])
    expect(rows.map(row => [row.powerW, row.quality])).toEqual([
      [1, 0],
      [3, 0],
      [2, quality.late],
    ])
  })
})

describe('a box with nothing but a register', () => {
  const run = (samples: [s: number, wh: number, more?: Sampled][]) => {
    const state = newMeterState()
    return samples.flatMap(([s, wh, more]) =>
      decodeMeterValues([{ timestamp: at(s), sampledValue: [Wh(String(wh), more)] }], state, context({ receivedMs: t0 + s * 1000 })),
    )
  }
  it('power is what came in over a minute or enough energy', () => {
    expect(
      run([
        [0, 1000],
        [30, 1061],
        [60, 1122],
        [120, 1122],
      ]),
    ).toMatchObject([
      { fromMs: t0, toMs: t0 + 30_000, powerW: 7_320, quality: quality.fromRegister },
      { fromMs: t0 + 30_000, toMs: t0 + 60_000, powerW: 7_320 },
      { fromMs: t0 + 60_000, toMs: t0 + 120_000, powerW: 0 },
    ])
  })
  it('a coarse register waits', () => {
    expect(
      run([
        [0, 1000],
        [10, 1010],
        [20, 1020],
        [60, 1060],
      ]),
    ).toMatchObject([{ fromMs: t0, toMs: t0 + 60_000, powerW: 3_600 }])
  })
  it('a drop to zero for one sample is a hiccup', () => {
    expect(
      run([
        [0, 1000],
        [30, 0],
        [60, 1060],
      ]),
    ).toMatchObject([{ fromMs: t0, toMs: t0 + 60_000, powerW: 3_600, registerWh: 1_060 }])
  })
  it('a register that stays down was reset; energy is counted from there', () => {
    expect(
      run([
        [0, 1000],
        [30, 0],
        [60, 60],
        [120, 120],
      ]),
    ).toMatchObject([{ fromMs: t0 + 60_000, toMs: t0 + 120_000, powerW: 3_600 }])
  })
  it("the transaction's begin repeated in every sample is no standstill", () => {
    const begin = { context: 'Transaction.Begin' }
    expect(
      run([
        [0, 1000],
        [30, 900, begin],
        [60, 1060],
        [90, 900, begin],
      ]),
    ).toMatchObject([{ powerW: 3_600 }])
  })
  it('a gap is not bridged', () => {
    expect(
      run([
        [0, 1000],
        [3_600, 9000],
        [3_660, 9060],
      ]),
    ).toMatchObject([{ fromMs: t0 + 3_600_000, powerW: 3_600 }])
  })
})

describe('a spot reading that was asked for', () => {
  const series = (...samples: [s: number, powerW: number, context?: string][]) => {
    const state = newMeterState()
    return samples.flatMap(([s, w, kind]) =>
      decodeMeterValues([{ timestamp: at(s), sampledValue: [W(w, kind === undefined ? {} : { context: kind })] }], state, context()),
    )
  }
  it('is of its moment: it does not show a limit at work before there was one', () => {
    const rows = series([0, 7_360], [30, 7_360], [35, 0, 'Trigger'], [60, 0])
    expect(rows.map(r => [(r.fromMs - t0) / 1000, (r.toMs - t0) / 1000, r.powerW])).toEqual([
      [-30, 0, 7_360],
      [0, 30, 7_360],
      [34, 35, 0],
      [30, 60, 0],
    ])
  })
  it('of a box that says nothing else is a reading like any other', () => {
    expect(series([0, 0, 'Trigger'], [300, 0, 'Trigger']).map(r => (r.toMs - t0) / 1000)).toEqual([0, 300])
  })
})

describe('values that the meter signed', () => {
  const ocmf = 'OCMF|{"FV":"1.0","PG":"T12","RD":[{"TM":"2026-11-20T17:00:00,000+0000 S","RV":12.345}]}|{"SD":"30450221"}'
  it.each<[string, unknown, string[]]>([
    ['1.6', [{ value: ocmf, format: 'SignedData', context: 'Transaction.End' }], [ocmf]],
    [
      '2.0.1',
      [{ value: 7360, measurand: 'Power.Active.Import', signedMeterValue: { signedMeterData: ocmf, encodingMethod: 'OCMF' } }],
      [ocmf],
    ],
    ['none', [W(7360)], []],
    ['rubbish', [null, 7, 'x'], []],
  ])('%s: kept to the letter, with the time by our clock', (_, sampledValue, texts) => {
    const found = signedValues([{ timestamp: at(60), sampledValue }], 60_000)
    expect(found.map(v => v.atMs)).toEqual(texts.map(() => t0))
    for (const [k, text] of texts.entries()) expect(JSON.stringify(JSON.parse(found[k]!.body))).toContain(JSON.stringify(text))
  })
  it('what cannot be read has none', () => {
    expect(signedValues('x', 0)).toEqual([])
    expect(signedValues([null, { timestamp: 'noon', sampledValue: [{ format: 'SignedData' }] }], 0)).toEqual([])
  })
  it('a reading that waited for a quarter of an hour is late', () => {
    const [row] = one([W(7360)], { receivedMs: t0 + 900_001 })
    expect(row!.quality & quality.late).toBe(quality.late)
    expect(one([W(7360)], { receivedMs: t0 + 900_000 })[0]!.quality).toBe(quality.good)
  })
})
