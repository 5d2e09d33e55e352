import { describe, expect, it, onTestFinished } from 'vitest'
import type { OcppOptions } from '../../../adapters/chargers/index.ts'
import type { Registry, Station } from '../../../src/ports.ts'
import { type Bed, bed, boot, type ChargePoint, capabilities, chargePoint, type Protocol, register, station, until } from './bed.ts'

/** A box with a random delay of its own: it says how long in a key, and takes another value or does not. */
type Box = { value: string; takes: string; readonly writes: string[] }
const boxWith = (value: string, takes = 'Accepted'): Box => ({ value, takes, writes: [] })
const KEY = 'Delay.RandomisedDelayDuration'

const serve = (point: ChargePoint, box: Box, protocol: Protocol): void => {
  const take = (value: string) => {
    box.writes.push(value)
    if (box.takes === 'Accepted') box.value = value
    return box.takes
  }
  if (protocol === 'ocpp1.6') {
    point.answer('GetConfiguration', ({ key }) => ({
      configurationKey: key[0] === KEY ? [{ key: KEY, readonly: false, value: box.value }] : [],
    }))
    point.answer('ChangeConfiguration', ({ value }) => ({ status: take(value) }))
  } else {
    point.answer('GetVariables', ({ getVariableData }) => ({
      getVariableResult: getVariableData.map((item: { component: { name: string } }) => ({
        ...item,
        ...(item.component.name === 'Delay'
          ? { attributeStatus: 'Accepted', attributeValue: box.value }
          : { attributeStatus: 'UnknownComponent' }),
      })),
    }))
    point.answer('SetVariables', ({ setVariableData: [{ attributeValue, component, variable }] }) => ({
      setVariableResult: [{ attributeStatus: take(attributeValue), component, variable }],
    }))
  }
}

describe.each(['ocpp1.6', 'ocpp2.0.1'] as const)('a %s box with a random delay of its own', protocol => {
  const open = async (rule: object | null, registry?: Registry, ownRandomDelayS?: number): Promise<Bed> => {
    const stations: Station[] = [
      station(1, 'A', { capabilities: { ...capabilities, ...(ownRandomDelayS === undefined ? {} : { ownRandomDelayS }) } }),
    ]
    const options: Partial<OcppOptions> = { sampleS: 0, randomDelayKeys: rule === null ? [] : [{ model: 'Peer *', key: KEY, ...rule }] }
    const b = await bed(stations, options, registry)
    onTestFinished(() => b.close())
    return b
  }
  const connect = async (b: Bed, box: Box): Promise<ChargePoint> => {
    const point = await chargePoint(b.url, 'A', protocol)
    onTestFinished(() => point.close())
    const { call } = point
    await register(
      Object.assign(point, {
        call: (action: string, params: never) => {
          if (action === 'BootNotification') serve(point, box, protocol)
          return call(action, params)
        },
      }),
      protocol,
    )
    return point
  }
  const delayS = (b: Bed) => b.seen.capabilities.at(-1)?.capabilities.ownRandomDelayS

  it('says how long it is: the plan is told', async () => {
    const b = await open({})
    const box = boxWith('600')
    await connect(b, box)
    await until('it is known', () => delayS(b) === 600)
    expect(box.writes).toEqual([])
  })

  it('has it switched off while it is ours, and back as it was when it is released', async () => {
    const b = await open({ off: '0' }, undefined, 600)
    const box = boxWith('600')
    await connect(b, box)
    await until('it is off', () => delayS(b) === 0)
    expect(box.value).toBe('0')
    expect(await b.link.release(1)).toMatchObject({ restoredKeys: [KEY], failed: [] })
    expect(box.value).toBe('600')
  })

  it('is off still after a restart of ours, and what it had before us is known', async () => {
    const first = await open({ off: '0' }, undefined, 600)
    const box = boxWith('450')
    const point = await connect(first, box)
    await until('it is off', () => box.value === '0')
    await point.close()
    await first.close()
    const second = await open({ off: '0' }, first.registry, 600)
    const again = await connect(second, box)
    await until('that is known', () => delayS(second) === 0)
    await second.link.release(1)
    expect(box.writes).toEqual(['0', '450'])
    // and stays as it is, for the box is let go
    await boot(again, protocol)
    expect(box.value).toBe('450')
  })

  it.each(['Rejected', 'RebootRequired'])('that answers %s to its being switched off is reckoned with', async takes => {
    const b = await open({ off: '0' })
    const box = boxWith('300', takes)
    await connect(b, box)
    await until('it is known', () => delayS(b) === 300)
    expect(box.writes).toEqual(['0'])
  })

  it.each([
    ['of a model that nobody named', null, '600'],
    ['whose key says no number of seconds', {}, 'auto'],
    ['whose key says more than a random delay may be', {}, '86400'],
  ])('%s stays as it was imported', async (_what, rule, value) => {
    const b = await open(rule, undefined, 120)
    const box = boxWith(value)
    await connect(b, box)
    await until('it has been asked what it can do', () => b.registry.get('ocpp.station:1') !== undefined)
    expect(delayS(b) ?? 120).toBe(120)
    expect(box.writes).toEqual([])
  })
})
