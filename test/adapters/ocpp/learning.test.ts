import { describe, expect, it, onTestFinished } from 'vitest'
import type { OcppOptions } from '../../../adapters/chargers/index.ts'
import type { Registry, Station } from '../../../src/ports.ts'
import {
  type Bed,
  bed,
  boot,
  type ChargePoint,
  capabilities,
  chargePoint,
  command,
  nowS,
  outcomeOf,
  type Protocol,
  profileOf,
  register,
  scheduleOf,
  station,
  until,
} from './bed.ts'

const open = async (
  stations: readonly Station[] = [station(1, 'A')],
  options: Partial<OcppOptions> = {},
  registry?: Registry,
): Promise<Bed> => {
  const made = await bed(stations, options, registry)
  onTestFinished(() => made.close())
  return made
}
const connect = async (b: Bed, protocol: Protocol, identity = 'A', set: (point: ChargePoint) => void = () => {}): Promise<ChargePoint> => {
  const point = await chargePoint(b.url, identity, protocol)
  onTestFinished(() => point.close())
  await register(Object.assign(point, { call: wrap(point, set) }), protocol)
  return point
}
/** Lets a test replace answers after the defaults are set and before the box registers. */
const wrap = (point: ChargePoint, set: (point: ChargePoint) => void): ChargePoint['call'] => {
  const { call } = point
  return (action, params) => {
    if (action === 'BootNotification') set(point)
    return call(action, params)
  }
}
const limit = (charger = 1, limitW = 11_040, more = {}) => command(charger, [{ fromS: nowS() - 5, toS: nowS() + 600, limitW }], more)
const sets = (point: ChargePoint) => point.calls.filter(c => c.action === 'SetChargingProfile').map(c => c.params)
const purposes = (point: ChargePoint) => sets(point).map(params => profileOf(params)['chargingProfilePurpose'])
const both = ['ocpp1.6', 'ocpp2.0.1'] as const
const stationMax = { 'ocpp1.6': 'ChargePointMaxProfile', 'ocpp2.0.1': 'ChargingStationMaxProfile' }

describe.each(both)('what a %s box takes is learnt', protocol => {
  const refusesMax = (point: ChargePoint) =>
    point.answer('SetChargingProfile', params => ({
      status:
        profileOf(params)['chargingProfilePurpose'] === stationMax[protocol]
          ? protocol === 'ocpp1.6'
            ? 'NotSupported'
            : 'Rejected'
          : 'Accepted',
      ...(protocol === 'ocpp2.0.1' && profileOf(params)['chargingProfilePurpose'] === stationMax[protocol]
        ? { statusInfo: { reasonCode: 'UnsupportedPurpose' } }
        : {}),
    }))

  it('a rung is remembered for the model only once a meter moved', async () => {
    const b = await open([station(1, 'A'), station(2, 'B'), station(3, 'C')])
    const first = await connect(b, protocol, 'A', refusesMax)
    const wanted = limit()
    b.link.send([wanted])
    expect(await outcomeOf(b.seen, wanted)).toMatchObject({ kind: 'accepted' })
    expect(purposes(first)).toEqual([stationMax[protocol], 'TxDefaultProfile'])

    const before = await connect(b, protocol, 'B', refusesMax)
    const second = limit(2)
    b.link.send([second])
    await outcomeOf(b.seen, second)
    expect(purposes(before)).toEqual([stationMax[protocol], 'TxDefaultProfile'])

    b.link.moved(1)
    const after = await connect(b, protocol, 'C', refusesMax)
    const third = limit(3)
    b.link.send([third])
    await outcomeOf(b.seen, third)
    expect(purposes(after)).toEqual(['TxDefaultProfile'])
    expect([...b.registry.keys('ocpp.rung:')]).toHaveLength(1)
    expect(first.violations).toEqual([])
  })

  it('accepted without effect: the next purpose, and the old profile is removed', async () => {
    const b = await open()
    const point = await connect(b, protocol)
    const wanted = limit()
    b.link.send([wanted])
    await outcomeOf(b.seen, wanted)
    expect(b.link.unmoved(1)).toBe(true)
    const again = limit()
    b.link.send([again])
    await outcomeOf(b.seen, again)
    expect(purposes(point)).toEqual([stationMax[protocol], 'TxDefaultProfile'])
    await until('the first is cleared', () => point.calls.some(c => c.action === 'ClearChargingProfile'))
    const cleared = point.calls.find(c => c.action === 'ClearChargingProfile')!.params
    const firstId = profileOf(sets(point)[0]!)['chargingProfileId'] ?? profileOf(sets(point)[0]!)['id']
    expect(cleared).toEqual(protocol === 'ocpp1.6' ? { id: firstId } : { chargingProfileId: firstId })
    expect(b.link.unmoved(1)).toBe(true)
    expect(b.link.unmoved(1)).toBe(true)
    expect(b.link.unmoved(1)).toBe(false)
    expect(b.seen.notes.filter(n => n.about['answer'] === 'unmoved')).toHaveLength(4)
  })

  it('what is over by the time its profiles are read is not asked of it, and no rung is given up for that', async () => {
    const b = await open()
    const slowly = () => new Promise<object>(resolve => setTimeout(() => resolve({ status: 'Rejected' }), 1_300))
    const point = await connect(b, protocol, 'A', p => {
      for (const action of ['GetCompositeSchedule', 'GetChargingProfiles']) p.answer(action, slowly)
    })
    const short = command(1, [{ fromS: nowS() - 5, toS: nowS() + 1, limitW: 11_040 }])
    b.link.send([short])
    expect(await outcomeOf(b.seen, short)).toMatchObject({ kind: 'accepted' })
    expect(sets(point)).toEqual([])
    expect(b.seen.notes.filter(n => n.what === 'tried')).toEqual([])
    const next = limit()
    b.link.send([next])
    await outcomeOf(b.seen, next)
    // the first rung of one whose profiles cannot be read
    expect(purposes(point)).toEqual(['TxDefaultProfile'])
  })

  it('it cannot clear: a free profile under the same id that lapses', async () => {
    const b = await open()
    const point = await connect(b, protocol, 'A', p =>
      p.answer('ClearChargingProfile', () => Promise.reject(Object.assign(new Error(), { rpcErrorCode: 'NotSupported' }))),
    )
    const wanted = limit()
    b.link.send([wanted])
    await outcomeOf(b.seen, wanted)
    const free = command(1, [])
    b.link.send([free])
    expect(await outcomeOf(b.seen, free)).toMatchObject({ kind: 'accepted' })
    const [set, freed] = sets(point)
    expect(profileOf(freed!)['id'] ?? profileOf(freed!)['chargingProfileId']).toBe(
      profileOf(set!)['id'] ?? profileOf(set!)['chargingProfileId'],
    )
    expect(scheduleOf(freed!)['chargingSchedulePeriod']).toEqual([{ startPeriod: 0, limit: 32 }])
    expect(scheduleOf(freed!)['duration']).toBeLessThan(120)
  })

  it('after our restart a clear takes back all that may be ours, and nothing else', async () => {
    const registry = await (async () => {
      const b = await open()
      await connect(b, protocol)
      await until('it is up', () => b.seen.links.length === 1)
      return b.registry
    })()
    const b = await open([station(1, 'A')], {}, registry)
    const point = await connect(b, protocol)
    const free = command(1, [])
    b.link.send([free])
    expect(await outcomeOf(b.seen, free)).toMatchObject({ kind: 'accepted' })
    const ids = point.calls.filter(c => c.action === 'ClearChargingProfile').map(c => c.params['id'] ?? c.params['chargingProfileId'])
    expect(ids).toEqual([7_000_001, 7_000_002, 7_000_012, 7_000_013])
  })

  it('two EVSEs are limited each for itself, the transaction last', async () => {
    const b = await open([
      station(1, 'A', {
        evses: [
          { charger: 1, evseId: 1 },
          { charger: 2, evseId: 2 },
        ],
      }),
    ])
    const point = await connect(b, protocol, 'A', p =>
      p.answer('SetChargingProfile', params => ({
        status: profileOf(params)['chargingProfilePurpose'] === 'TxProfile' ? 'Accepted' : 'Rejected',
      })),
    )
    const idle = limit(2, 11_040, { station: 1 })
    b.link.send([idle])
    expect(await outcomeOf(b.seen, idle)).toMatchObject({ kind: 'unknown', cause: 'noTransaction' })
    const timestamp = new Date().toISOString()
    const id: unknown =
      protocol === 'ocpp1.6'
        ? (await point.call('StartTransaction', { connectorId: 2, idTag: 'T', meterStart: 0, timestamp })).transactionId
        : 'tx-2'
    const begun = {
      eventType: 'Started',
      timestamp,
      triggerReason: 'CablePluggedIn',
      seqNo: 0,
      transactionInfo: { transactionId: id },
      evse: { id: 2 },
    }
    if (protocol === 'ocpp2.0.1') await point.call('TransactionEvent', begun)
    // The core learns that a charger without a limit has begun to charge.
    expect(b.seen.doubts).toEqual([{ chargers: [2], why: 'a transaction began' }])
    const busy = limit(2, 11_040, { station: 1 })
    b.link.send([busy])
    expect(await outcomeOf(b.seen, busy)).toMatchObject({ kind: 'accepted' })
    const last = sets(point).at(-1)!
    expect(last['connectorId'] ?? last['evseId']).toBe(2)
    expect(profileOf(last)['transactionId']).toBe(id)
    expect(purposes(point)).not.toContain(stationMax[protocol])
    expect(point.violations).toEqual([])
  })

  it('one budget for two EVSEs is divided where the box takes defaults only', async () => {
    const b = await open([
      station(1, 'A', {
        evses: [
          { charger: 1, evseId: 1 },
          { charger: 2, evseId: 2 },
        ],
        capabilities: { ...capabilities, limitsAt: 'station' },
      }),
    ])
    const point = await connect(b, protocol, 'A', refusesMax)
    const wanted = limit(1, 22_080)
    b.link.send([wanted])
    await outcomeOf(b.seen, wanted)
    const limits = sets(point).map(params => scheduleOf(params)['chargingSchedulePeriod'][0].limit)
    expect(limits).toEqual([32, 16])
  })
})

it('a profile of ours from before our restart is in the way: it is removed, and the limit taken', async () => {
  const before = await open()
  await connect(before, 'ocpp2.0.1')
  await until('it is up', () => before.seen.links.length === 1)
  const b = await open([station(1, 'A')], {}, before.registry)
  let inTheWay = true
  const point = await connect(b, 'ocpp2.0.1', 'A', p => {
    p.answer('SetChargingProfile', () =>
      inTheWay ? { status: 'Rejected', statusInfo: { reasonCode: 'DuplicateProfile' } } : { status: 'Accepted' },
    )
    p.answer('ClearChargingProfile', ({ chargingProfileId }) => {
      if (chargingProfileId === 7_000_012) inTheWay = false
      return { status: 'Accepted' }
    })
  })
  const wanted = limit()
  b.link.send([wanted])
  expect(await outcomeOf(b.seen, wanted)).toMatchObject({ kind: 'accepted' })
  expect(purposes(point)).toEqual(['ChargingStationMaxProfile', 'ChargingStationMaxProfile'])
})

describe('a box is asked once what it can do, and put back as it was', () => {
  it('1.6: configuration keys', async () => {
    const b = await open()
    const keys: Record<string, string> = {
      SupportedFeatureProfiles: 'Core,SmartCharging',
      ChargeProfileMaxStackLevel: '3',
      ChargingScheduleAllowedChargingRateUnit: 'Power',
      ChargingScheduleMaxPeriods: '5',
      MeterValueSampleInterval: '60',
      MeterValuesSampledData: 'Energy.Active.Import.Register',
    }
    const point = await connect(b, 'ocpp1.6', 'A', p => {
      p.answer('GetConfiguration', ({ key }) => ({
        configurationKey: key.filter((k: string) => k in keys).map((k: string) => ({ key: k, readonly: false, value: keys[k] })),
      }))
      p.answer('ChangeConfiguration', ({ key, value }) => {
        if (value.includes('Current.Offered')) return { status: 'Rejected' }
        keys[key] = value
        return { status: 'Accepted' }
      })
    })
    await until(
      'both keys are set',
      () => keys['MeterValueSampleInterval'] === '5' && keys['MeterValuesSampledData']!.includes('Power.Active.Import'),
    )
    expect(keys['MeterValuesSampledData']).toBe('Power.Active.Import,Energy.Active.Import.Register,Current.Import')
    expect(b.seen.capabilities.at(-1)?.capabilities).toMatchObject({ units: ['W', 'A'], depth: 5, maxStackLevel: 3, group: 'Peer' })
    const wanted = limit()
    b.link.send([wanted])
    await outcomeOf(b.seen, wanted)
    expect(scheduleOf(sets(point)[0]!)).toMatchObject({
      chargingRateUnit: 'W',
      chargingSchedulePeriod: [{ limit: 11_040, numberPhases: 3 }],
    })
    // Booting again finds our own values and must not take them for the old ones.
    await boot(point, 'ocpp1.6')
    await until('it was asked again', () => point.calls.filter(c => c.action === 'GetConfiguration').length >= 4)
    expect(await b.link.release(1)).toMatchObject({
      restoredKeys: expect.arrayContaining(['MeterValueSampleInterval', 'MeterValuesSampledData']),
      failed: [],
    })
    expect(keys).toMatchObject({ MeterValueSampleInterval: '60', MeterValuesSampledData: 'Energy.Active.Import.Register' })
    expect([...b.registry.keys('ocpp.key:')]).toEqual([])
    expect(point.violations).toEqual([])
  })

  it('2.0.1: variables', async () => {
    const b = await open()
    const variables: Record<string, string> = {
      'SmartChargingCtrlr.ProfileStackLevel': '2',
      'SmartChargingCtrlr.RateUnit': 'A',
      'SmartChargingCtrlr.PeriodsPerSchedule': '10',
      'SampledDataCtrlr.TxUpdatedInterval': '300',
      'SampledDataCtrlr.TxUpdatedMeasurands': 'Energy.Active.Import.Register',
    }
    type Item = { component: { name: string }; variable: { name: string }; attributeValue?: string }
    const nameOf = (item: Item): string => `${item.component.name}.${item.variable.name}`
    const point = await connect(b, 'ocpp2.0.1', 'A', p => {
      p.answer('GetVariables', ({ getVariableData }) => ({
        getVariableResult: getVariableData.map((item: Item) => ({
          ...item,
          ...(nameOf(item) in variables
            ? { attributeStatus: 'Accepted', attributeValue: variables[nameOf(item)] }
            : { attributeStatus: 'UnknownVariable' }),
        })),
      }))
      p.answer('SetVariables', ({ setVariableData }) => ({
        setVariableResult: setVariableData.map(({ attributeValue, ...item }: Item) => {
          variables[nameOf(item)] = attributeValue!
          return { ...item, attributeStatus: 'Accepted' }
        }),
      }))
    })
    await until(
      'both are set',
      () => variables['SampledDataCtrlr.TxUpdatedInterval'] === '5' && variables['SampledDataCtrlr.TxUpdatedMeasurands']!.includes('Power'),
    )
    expect(b.seen.capabilities.at(-1)?.capabilities).toMatchObject({ units: ['A', 'W'], depth: 10, maxStackLevel: 2 })
    const released = await b.link.release(1)
    expect(released.failed).toEqual([])
    expect(variables).toMatchObject({
      'SampledDataCtrlr.TxUpdatedInterval': '300',
      'SampledDataCtrlr.TxUpdatedMeasurands': 'Energy.Active.Import.Register',
    })
    expect(point.violations).toEqual([])
  })

  it('a box that does not tell its keys keeps them', async () => {
    const b = await open()
    const point = await connect(b, 'ocpp1.6')
    const wanted = limit()
    b.link.send([wanted])
    await outcomeOf(b.seen, wanted)
    expect(point.calls.filter(c => c.action === 'ChangeConfiguration')).toEqual([])
  })
  it('a released box stays released: it boots, we restart, and nothing is changed; enrolled again it is', async () => {
    const keys: Record<string, string> = { MeterValueSampleInterval: '60' }
    const serve = (p: ChargePoint) => {
      p.answer('GetConfiguration', ({ key }) => ({
        configurationKey: (key as string[]).filter(k => k in keys).map(k => ({ key: k, readonly: false, value: keys[k] })),
      }))
      p.answer('ChangeConfiguration', ({ key, value }) => {
        keys[key] = value
        return { status: 'Accepted' }
      })
    }
    const first = await open()
    const point = await connect(first, 'ocpp1.6', 'A', serve)
    await until('it samples as we ask', () => keys['MeterValueSampleInterval'] === '5')
    expect((await first.link.release(1)).restoredKeys).toEqual(['MeterValueSampleInterval'])
    const discovered = () => point.calls.filter(c => c.action === 'GetCompositeSchedule').length
    const before = discovered()
    await boot(point, 'ocpp1.6')
    await until('it has been asked what it can do', () => discovered() > before)
    await point.close()
    await first.close()

    let enrolled = false
    const second = await open([station(1, 'A')], { isEnrolled: () => enrolled }, first.registry)
    const again = await connect(second, 'ocpp1.6', 'A', serve)
    await until('it has been asked what it can do', () => again.calls.some(c => c.action === 'GetConfiguration'))
    const wanted = limit()
    second.link.send([wanted])
    await outcomeOf(second.seen, wanted)
    expect(keys).toEqual({ MeterValueSampleInterval: '60' })
    enrolled = true
    await until('it samples as we ask', () => keys['MeterValueSampleInterval'] === '5')
  })
  it('what could not be put back because the box was offline is put back when it comes', async () => {
    const b = await open()
    await b.registry.set('ocpp.key:1:MeterValueSampleInterval', '60')
    expect((await b.link.release(1)).failed).toContain('offline')
    const keys: Record<string, string> = { MeterValueSampleInterval: '5' }
    await connect(b, 'ocpp1.6', 'A', p =>
      p.answer('ChangeConfiguration', ({ key, value }) => {
        keys[key] = value
        return { status: 'Accepted' }
      }),
    )
    await until('it is put back', () => keys['MeterValueSampleInterval'] === '60')
    await until('nothing is left', () => [...b.registry.keys('ocpp.key:')].length === 0)
    expect(b.registry.get('ocpp.released:1')).toBe('done')
  })
  it.each<[string, Partial<OcppOptions>, boolean]>([
    ['it boots, and we set nothing on boxes', { sampleS: 0 }, true],
    ['it boots, and we ask nothing of boxes', { discover: false }, true],
    ['it was met before and comes back without booting', {}, false],
  ])('what could not be put back then: %s', async (_what, options, boots) => {
    const b = await open(undefined, options)
    const keys: Record<string, string> = {}
    const serve = (p: ChargePoint) =>
      p.answer('ChangeConfiguration', ({ key, value }) => {
        keys[key] = value
        return { status: 'Accepted' }
      })
    const point = await connect(b, 'ocpp1.6')
    if (options.discover !== false)
      await until('it has been asked all', () => point.calls.filter(c => c.action === 'GetCompositeSchedule').length === 2)
    await point.close()
    await until('it is down', () => b.seen.links.at(-1)?.up === false)
    await b.registry.set('ocpp.key:1:MeterValueSampleInterval', '60')
    expect((await b.link.release(1)).failed).toContain('offline')
    if (boots) await connect(b, 'ocpp1.6', 'A', serve)
    else {
      const again = await chargePoint(b.url, 'A', 'ocpp1.6')
      onTestFinished(() => again.close())
      again.answer('ClearChargingProfile', () => ({ status: 'Unknown' }))
      serve(again)
    }
    await until('it is put back', () => keys['MeterValueSampleInterval'] === '60')
    await until('that is known', () => b.registry.get('ocpp.released:1') === 'done')
  })
  it('released while it is being set up: what was set after that goes back too', async () => {
    const b = await open()
    const had = ['Voltage']
    let released: Promise<unknown> | undefined
    await connect(b, 'ocpp1.6', 'A', p => {
      p.answer('GetConfiguration', ({ key }) => {
        if (key.includes('MeterValuesSampledData')) released ??= b.link.release(1)
        return { configurationKey: [{ key: 'MeterValuesSampledData', readonly: false, value: had.at(-1) }] }
      })
      p.answer('ChangeConfiguration', ({ value }) => {
        // It takes the last list of those that we try: by then the release has nothing more to do.
        if (value.includes('Power') || value.includes('Current')) return { status: 'Rejected' }
        had.push(value)
        return { status: 'Accepted' }
      })
    })
    await until('it is set, and set back', () => had.includes('Energy.Active.Import.Register') && had.at(-1) === 'Voltage')
    await released
    await until('nothing is left', () => [...b.registry.keys('ocpp.key:')].length === 0)
  })
  it.each(both)('%s: the value from before us is stored before ours is there, and forgotten where it never was', async protocol => {
    const b = await open()
    const kept: (string | undefined)[] = []
    const name = () => [...b.registry.keys('ocpp.key:1:')].map(key => b.registry.get(key))[0]
    const one = (item: object) => ({ ...item, attributeStatus: 'Accepted', attributeValue: '60' })
    const point = await connect(b, protocol, 'A', p => {
      p.answer('GetConfiguration', ({ key }) => ({ configurationKey: [{ key: key[0], readonly: false, value: '60' }] }))
      p.answer('GetVariables', ({ getVariableData }) => ({
        getVariableResult: getVariableData.map((item: { variable: { name: string } }) =>
          item.variable.name === 'TxUpdatedInterval' ? one(item) : { ...item, attributeStatus: 'UnknownVariable' },
        ),
      }))
      p.answer('ChangeConfiguration', () => {
        kept.push(name())
        return { status: 'Rejected' }
      })
      p.answer('SetVariables', ({ setVariableData: [{ component, variable }] }) => {
        kept.push(name())
        return { setVariableResult: [{ attributeStatus: 'Rejected', component, variable }] }
      })
    })
    await until('it has refused', () => kept.length === 1)
    expect(kept).toEqual(['60'])
    await until('it is forgotten', () => name() === undefined)
    expect(point.violations).toEqual([])
  })
  it('an offline station cannot be released, and says what is left', async () => {
    const b = await open()
    await b.registry.set('ocpp.key:1:MeterValueSampleInterval', '60')
    expect(await b.link.release(1)).toEqual({ cleared: 0, restoredKeys: [], failed: ['offline', 'MeterValueSampleInterval'] })
  })
})

describe('what a box and its driver say', () => {
  it.each(both)('%s: only known tokens are accepted, unless all are', async protocol => {
    const ask = async (b: Bed, token: string): Promise<string> => {
      const point = await connect(b, protocol)
      const answer = await (protocol === 'ocpp1.6'
        ? point.call('Authorize', { idTag: token })
        : point.call('Authorize', { idToken: { idToken: token, type: 'ISO14443' } }))
      await point.close()
      return (answer.idTagInfo ?? answer.idTokenInfo).status
    }
    const known = await open(undefined, { authorize: 'known', tokens: ['CONFIGURED'] })
    await known.registry.set('ocpp.token:STORED', '1')
    expect(await ask(known, 'CONFIGURED')).toBe('Accepted')
    expect(await ask(known, 'STORED')).toBe('Accepted')
    expect(await ask(known, 'STRANGER')).toBe(protocol === 'ocpp1.6' ? 'Invalid' : 'Unknown')
    expect(await ask(await open(undefined, { authorize: 'all' }), 'STRANGER')).toBe('Accepted')
  })

  it.each(both)('%s: a programme lets anybody in, another only whom it knows', async protocol => {
    const b = await open([station(1, 'A', { evses: [1, 2].map(evseId => ({ charger: evseId, evseId })) })], {
      authorize: 'known',
      tokens: ['FRIEND'],
      authorizeFor: charger => (charger === 1 ? 'all' : undefined),
    })
    const point = await connect(b, protocol)
    const asked = async (token: string): Promise<string> => {
      const answer = await (protocol === 'ocpp1.6'
        ? point.call('Authorize', { idTag: token })
        : point.call('Authorize', { idToken: { idToken: token, type: 'ISO14443' } }))
      return (answer.idTagInfo ?? answer.idTokenInfo).status
    }
    const begun = async (evse: number, token: string): Promise<string> => {
      const timestamp = new Date().toISOString()
      const answer = await (protocol === 'ocpp1.6'
        ? point.call('StartTransaction', { connectorId: evse, idTag: token, meterStart: 0, timestamp })
        : point.call('TransactionEvent', {
            eventType: 'Started',
            timestamp,
            triggerReason: 'Authorized',
            seqNo: 0,
            transactionInfo: { transactionId: `t-${evse}-${token}` },
            evse: { id: evse, connectorId: 1 },
            idToken: { idToken: token, type: 'ISO14443' },
          }))
      return (answer.idTagInfo ?? answer.idTokenInfo).status
    }
    const no = protocol === 'ocpp1.6' ? 'Invalid' : 'Unknown'
    expect([await asked('STRANGER'), await begun(1, 'STRANGER'), await begun(2, 'STRANGER')]).toEqual([no, 'Accepted', no])
    expect([await asked('FRIEND'), await begun(1, 'FRIEND'), await begun(2, 'FRIEND')]).toEqual(['Accepted', 'Accepted', 'Accepted'])
    expect(point.violations).toEqual([])
  })

  it('an override is what the configuration calls one', async () => {
    const b = await open(undefined, { override: { limitSources: ['Other'], dataTransfer: [{ vendorId: 'Maker', messageId: 'BoostNow' }] } })
    const point = await connect(b, 'ocpp2.0.1')
    const limitFrom = (chargingLimitSource: string) =>
      point.call('NotifyChargingLimit', { evseId: 1, chargingLimit: { chargingLimitSource } })
    await limitFrom('EMS')
    expect(b.seen.overrides).toEqual([])
    await limitFrom('Other')
    await point.call('DataTransfer', { vendorId: 'Maker', messageId: 'SomethingElse' })
    expect(await point.call('DataTransfer', { vendorId: 'Maker', messageId: 'BoostNow' })).toEqual({ status: 'Accepted' })
    expect(b.seen.overrides.map(o => o.reason)).toEqual(['NotifyChargingLimit Other', 'DataTransfer Maker BoostNow'])
    await point.call('ClearedChargingLimit', { chargingLimitSource: 'EMS' })
    await point.call('SecurityEventNotification', { type: 'TamperDetectionActivated', timestamp: new Date().toISOString() })
    expect(b.seen.notes.map(n => n.what)).toEqual(expect.arrayContaining(['chargingLimit', 'chargingLimitCleared', 'securityEvent']))
  })

  it('N08: periodic power is a reading', async () => {
    const b = await open()
    const point = await connect(b, 'ocpp2.0.1')
    const timestamp = new Date().toISOString()
    await point.call('NotifyEvent', {
      generatedAt: timestamp,
      seqNo: 0,
      eventData: [
        {
          eventId: 1,
          timestamp,
          trigger: 'Periodic',
          actualValue: '3680',
          eventNotificationType: 'CustomMonitor',
          component: { name: 'FiscalMetering', evse: { id: 1 } },
          variable: { name: 'Power' },
        },
      ],
    })
    await until('the reading is in', () => b.seen.readings.length === 1)
    expect(b.seen.readings[0]).toMatchObject({ charger: 1, powerW: 3_680, toMs: Date.parse(timestamp) })
  })

  it.each(both)('%s: a spot reading is asked for, a session ended, an EVSE taken out and put back', async protocol => {
    const b = await open()
    const point = await connect(b, protocol)
    b.link.measure([1])
    await until('it is asked', () => point.calls.some(c => c.action === 'TriggerMessage'))
    expect(await b.link.force(1, 'stop')).toBe(false)
    const timestamp = new Date().toISOString()
    if (protocol === 'ocpp1.6') await point.call('StartTransaction', { connectorId: 1, idTag: 'T', meterStart: 0, timestamp })
    else
      await point.call('TransactionEvent', {
        eventType: 'Started',
        timestamp,
        triggerReason: 'CablePluggedIn',
        seqNo: 0,
        transactionInfo: { transactionId: 'tx' },
        evse: { id: 1 },
      })
    const stop = protocol === 'ocpp1.6' ? 'RemoteStopTransaction' : 'RequestStopTransaction'
    point.answer(stop, () => ({ status: 'Rejected' }))
    expect(await b.link.force(1, 'stop')).toBe(false)
    point.answer(stop, () => ({ status: 'Accepted' }))
    expect(await b.link.force(1, 'stop')).toBe(true)
    point.answer('ChangeAvailability', () => ({ status: 'Scheduled' }))
    expect(await b.link.force(1, 'disable')).toBe(true)
    expect(await b.link.force(1, 'enable')).toBe(true)
    const changes = point.calls.filter(c => c.action === 'ChangeAvailability').map(c => c.params['type'] ?? c.params['operationalStatus'])
    expect(changes).toEqual(['Inoperative', 'Operative'])
    expect(point.violations).toEqual([])
  })

  it('notifications that change nothing are answered', async () => {
    const b = await open()
    const old = await connect(b, 'ocpp1.6')
    await old.call('DiagnosticsStatusNotification', { status: 'Idle' })
    await old.call('FirmwareStatusNotification', { status: 'Idle' })
    await old.call('SecurityEventNotification', { type: 'FirmwareUpdated', timestamp: new Date().toISOString() })
    await old.call('LogStatusNotification', { status: 'Idle' })
    expect(await old.call('DataTransfer', { vendorId: 'x' })).toEqual({ status: 'UnknownVendorId' })
    await old.close()
    const young = await connect(b, 'ocpp2.0.1')
    await young.call('FirmwareStatusNotification', { status: 'Idle' })
    await young.call('LogStatusNotification', { status: 'Idle' })
    expect([...old.violations, ...young.violations]).toEqual([])
    expect(b.link.counters().invalidOut).toBe(0)
  })
})
