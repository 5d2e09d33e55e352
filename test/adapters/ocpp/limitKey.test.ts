import { describe, expect, it, onTestFinished } from 'vitest'
import type { OcppOptions } from '../../../adapters/chargers/index.ts'
import { formatRung, type KeyRule, next, ruleFor, rungsOf } from '../../../adapters/chargers/ladder.ts'
import { keySteps } from '../../../adapters/chargers/limitKey.ts'
import { NEVER_S, type Segment } from '../../../src/core/model.ts'
import type { Registry } from '../../../src/ports.ts'
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
  register,
  station,
  until,
} from './bed.ts'

const rule: KeyRule = { model: 'Peer *', key: 'Limits.MaxCurrent', unit: 'A' }
const both = ['ocpp1.6', 'ocpp2.0.1'] as const
const segment = (fromS: number, toS: number, limitW: number): Segment => ({ fromS, toS, limitW, because: 1 })

describe('the values of a key over a schedule', () => {
  const at = 1_800_000_000
  const steps = (schedule: Segment[], before = '32', more: Partial<KeyRule> = {}, able = {}) =>
    keySteps(schedule, at, { ...rule, ...more }, before, { ...capabilities, ...able }, 1)
  const first = (limitW: number, ...rest: [string?, Partial<KeyRule>?, object?]) =>
    steps([segment(at, at + 60, limitW)], ...rest).steps[0]!.value

  it.each<[string, string, string]>([
    ['amps per phase, rounded down', first(11_100), '16'],
    ['watts of the box', first(11_100, '22000', { unit: 'W' }), '11100'],
    ['never above what the key had: an installer’s 10 A', first(11_040, '10'), '10'],
    ['a value that limits nothing is no ceiling', first(11_040, '0', { free: '0' }), '16'],
    ['a value that is no number is no ceiling', first(11_040, 'auto'), '16'],
    ['nor is 0, whatever it means', first(11_040, '0'), '16'],
    ['unless the rule says that it pauses: whoever wrote it keeps it', first(11_040, '0', { zeroPauses: true }), '0'],
    ['0 where the rule says that it pauses', first(0, '32', { zeroPauses: true }), '0'],
    ['the least where it may mean no limit', first(0), '6'],
    ['the least where the box never wakes from 0', first(0, '32', { zeroPauses: true }, { takesZero: false }), '6'],
    ['no limit: what it had', first(50_000, '32'), '32'],
  ])('%s', (_what, value, expected) => expect(value).toBe(expected))

  it('has what was there between limits, and ends with the last', () => {
    expect(steps([segment(at - 60, at + 60, 11_040), segment(at + 120, at + 180, 5_520)])).toEqual({
      steps: [
        { fromS: at - 60, value: '16' },
        { fromS: at + 60, value: '32' },
        { fromS: at + 120, value: '8' },
      ],
      endS: at + 180,
    })
  })
  it('a limit without end is held for a day, and renewed by the next command', () => {
    expect(steps([segment(at, NEVER_S, 11_040)]).endS).toBe(at + 86_400)
  })
})

describe('the rung of a key', () => {
  const nothingThere = { how: 'profiles', limits: [] } as const
  it('is the last, and only where the configuration names the model', () => {
    expect(rungsOf(capabilities, 1, nothingThere, rule).map(formatRung).at(-1)).toBe('key Limits.MaxCurrent A')
    expect(
      rungsOf(capabilities, 1, nothingThere)
        .map(formatRung)
        .some(name => name.startsWith('key')),
    ).toBe(false)
    expect(rungsOf(capabilities, 2, nothingThere, rule).some(rung => rung.purpose === 'key')).toBe(false)
    expect(rungsOf({ ...capabilities, limitsAt: 'station' }, 2, nothingThere, rule).at(-1)!.purpose).toBe('key')
  })
  it('is what is left to a box that knows no charging profiles', () => {
    const rungs = rungsOf(capabilities, 1, nothingThere, rule)
    expect(next(rungs, 0, 'NotImplemented')).toBe(rungs.length - 1)
    expect(next(rungs, rungs.length - 1, 'NotImplemented')).toBe(-1)
  })
  it.each([
    ['Peer *', 'Peer One|1.0', true],
    ['peer one|*', 'Peer One|1.0', true],
    ['Peer', 'Peer One|1.0', false],
    ['P.er *', 'Peer One|1.0', false],
    ['*', '', false],
  ])('%s names %s: %s', (model, name, fits) => expect(ruleFor([{ ...rule, model }], name) !== undefined).toBe(fits))
})

/** A box without charging profiles, with a key that lasts as long as the object: over links and restarts of ours. */
type Box = { value: string; readonly writes: string[]; refuses: boolean; readable: boolean; silent: boolean; status: string }
const boxWith = (value: string): Box => ({ value, writes: [], refuses: false, readable: true, silent: false, status: 'Accepted' })
const never = new Promise(() => {})
const serve = (point: ChargePoint, box: Box, protocol: Protocol): void => {
  const take = (value: string): string => {
    if (box.refuses) return 'Rejected'
    box.value = value
    box.writes.push(value)
    return box.status
  }
  if (protocol === 'ocpp1.6') {
    point.answer('GetConfiguration', ({ key }) =>
      key[0] === rule.key && box.readable
        ? { configurationKey: [{ key: rule.key, readonly: false, value: box.value }] }
        : { configurationKey: [], unknownKey: key },
    )
    point.answer('ChangeConfiguration', ({ value }) => {
      const status = take(value)
      return box.silent ? never : { status }
    })
  } else {
    point.answer('GetVariables', ({ getVariableData }) => ({
      getVariableResult: getVariableData.map((item: { variable: { name: string } }) => ({
        ...item,
        ...(item.variable.name === 'MaxCurrent' && box.readable
          ? { attributeStatus: 'Accepted', attributeValue: box.value }
          : { attributeStatus: 'UnknownVariable' }),
      })),
    }))
    point.answer('SetVariables', ({ setVariableData: [{ attributeValue, component, variable }] }) => {
      const attributeStatus = take(attributeValue)
      const why = attributeStatus === 'RebootRequired' ? { attributeStatusInfo: { reasonCode: 'NotSpecified' } } : {}
      return box.silent ? never : { setVariableResult: [{ attributeStatus, ...why, component, variable }] }
    })
  }
  const no = () => Promise.reject(Object.assign(new Error(), { rpcErrorCode: 'NotImplemented' }))
  for (const action of ['SetChargingProfile', 'ClearChargingProfile', 'GetCompositeSchedule', 'GetChargingProfiles'])
    point.answer(action, no)
}

describe.each(both)('a %s box that takes a limit only in a key of its maker', protocol => {
  const open = async (options: Partial<OcppOptions> = {}, registry?: Registry): Promise<Bed> => {
    const b = await bed([station(1, 'A')], { vendorKeys: [rule], discover: false, callTimeoutMs: 3_000, ...options }, registry)
    onTestFinished(() => b.close())
    return b
  }
  const connect = async (b: Bed, box: Box): Promise<ChargePoint> => {
    const point = await chargePoint(b.url, 'A', protocol)
    onTestFinished(() => point.close())
    await register(point, protocol)
    serve(point, box, protocol)
    return point
  }
  const limit = (limitW: number, forS = 600) => command(1, [{ fromS: nowS() - 5, toS: nowS() + forS, limitW }])
  const told = async (b: Bed, wanted: ReturnType<typeof limit>) => {
    b.link.send([wanted])
    return outcomeOf(b.seen, wanted)
  }

  /** The hours pass in which nobody runs. */
  const isOver = (registry: Registry) => {
    const kept = JSON.parse(registry.get('ocpp.limitKey:1')!)
    return registry.set('ocpp.limitKey:1', JSON.stringify({ ...kept, endS: nowS() - 1 }))
  }

  it('gets it there, and what was there is put back when it is freed', async () => {
    const b = await open()
    const box = boxWith('20')
    const point = await connect(b, box)
    expect(await told(b, limit(11_040))).toMatchObject({ kind: 'accepted' })
    expect(box.value).toBe('16')
    expect(await told(b, limit(6_900))).toMatchObject({ kind: 'accepted' })
    expect(await told(b, command(1, []))).toMatchObject({ kind: 'accepted' })
    expect(box.writes).toEqual(['16', '10', '20'])
    expect([...b.registry.keys('ocpp.limitKey:')]).toEqual([])
    expect(point.violations).toEqual([])
  })

  it('has its old value again when the event is over, without being told', async () => {
    const b = await open()
    const box = boxWith('20')
    await connect(b, box)
    await told(b, limit(11_040))
    await told(b, limit(11_040, 1))
    await until('it is put back', () => box.value === '20')
    expect(box.writes).toEqual(['16', '20'])
    await until('nothing is left to do', () => [...b.registry.keys('ocpp.limitKey:')].length === 0)
  })

  it('a limit that begins later is written when it begins', async () => {
    const b = await open()
    const box = boxWith('20')
    await connect(b, box)
    const later = command(1, [{ fromS: nowS() + 2, toS: nowS() + 600, limitW: 11_040 }])
    expect(await told(b, later)).toMatchObject({ kind: 'accepted' })
    expect(box.value).toBe('20')
    await until('it has begun', () => box.value === '16')
  })

  it('we die in mid-event, the event ends: the next process puts it back when the box comes', async () => {
    const first = await open()
    const box = boxWith('20')
    const point = await connect(first, box)
    await told(first, limit(11_040))
    await point.close()
    await first.close()
    expect(box.value).toBe('16')
    await isOver(first.registry)
    const second = await open({}, first.registry)
    await connect(second, box)
    await until('it is put back', () => box.value === '20')
    await until('nothing is left to do', () => [...second.registry.keys('ocpp.limitKey:')].length === 0)
  })

  it('we die in mid-event and come back within it: the limit stays, and the value from before us is not forgotten', async () => {
    const first = await open()
    const box = boxWith('20')
    const point = await connect(first, box)
    await told(first, limit(11_040))
    await point.close()
    await first.close()
    const second = await open({}, first.registry)
    await connect(second, box)
    expect(await told(second, limit(6_900))).toMatchObject({ kind: 'accepted' })
    expect(box.value).toBe('10')
    expect(await told(second, command(1, []))).toMatchObject({ kind: 'accepted' })
    expect(box.value).toBe('20')
  })

  it('the answer is lost though it acted, and we die: it is put back all the same', async () => {
    const first = await open({ callTimeoutMs: 400 })
    const box = boxWith('20')
    box.silent = true
    const point = await connect(first, box)
    expect(await told(first, limit(11_040))).toMatchObject({ kind: 'unknown' })
    expect(box.value).toBe('16')
    await point.close()
    await first.close()
    await isOver(first.registry)
    box.silent = false
    const second = await open({}, first.registry)
    await connect(second, box)
    await until('it is put back', () => box.value === '20')
  })

  it('its link is down when the event ends: put back when it is there again', async () => {
    const b = await open()
    const box = boxWith('20')
    const point = await connect(b, box)
    await told(b, limit(11_040))
    await told(b, limit(11_040, 3))
    await point.close()
    expect(box.value).toBe('16')
    await until('the event is over', () => nowS() >= Number(JSON.parse(b.registry.get('ocpp.limitKey:1')!).endS))
    expect(box.value).toBe('16')
    await connect(b, box)
    await until('it is put back', () => box.value === '20')
  })

  it('it refuses the value: a no, and nothing of ours is left to put back', async () => {
    const b = await open()
    const box = boxWith('20')
    box.refuses = true
    await connect(b, box)
    expect(await told(b, limit(11_040))).toMatchObject({ kind: 'rejected', cause: 'Rejected' })
    expect([...b.registry.keys('ocpp.limitKey:')]).toEqual([])
  })

  it('it has taken one value and refuses the next ones: the first is not left there', async () => {
    const b = await open()
    const box = boxWith('20')
    await connect(b, box)
    await told(b, limit(11_040))
    box.refuses = true
    // Both before anything could be put back.
    const two = [limit(6_900), limit(5_520)]
    expect(await told(b, two[0]!)).toMatchObject({ kind: 'rejected' })
    expect(await told(b, two[1]!)).toMatchObject({ kind: 'rejected' })
    expect(box.value).toBe('16')
    box.refuses = false
    await until('it is put back', () => box.value === '20')
    await until('nothing is left to do', () => [...b.registry.keys('ocpp.limitKey:')].length === 0)
  })

  it('what a former life stored for another box cannot be read: said, and this one gets its value back', async () => {
    const first = await open()
    const box = boxWith('20')
    const point = await connect(first, box)
    await told(first, limit(11_040))
    await point.close()
    await first.close()
    await isOver(first.registry)
    await first.registry.set('ocpp.limitKey:2', '{')
    const second = await open({}, first.registry)
    expect(second.seen.notes).toContainEqual({ what: 'limitKeyLost', about: { station: 2 } })
    await connect(second, box)
    await until('it is put back', () => box.value === '20')
  })

  it('the store fails: nothing is written that nobody would know of; it is told again', async () => {
    const b = await open()
    const box = boxWith('20')
    await connect(b, box)
    const { set } = b.registry
    b.registry.set = async (key, value) => (key.startsWith('ocpp.limitKey:') ? Promise.reject(new Error('disk full')) : set(key, value))
    expect(await told(b, limit(11_040))).toMatchObject({ kind: 'unknown' })
    expect(box.value).toBe('20')
    b.registry.set = set
    expect(await told(b, limit(11_040))).toMatchObject({ kind: 'accepted' })
    expect(box.value).toBe('16')
  })

  it('the key cannot be read just now: what it has is not guessed', async () => {
    const b = await open({ vendorKeys: [{ ...rule, free: '32' }] })
    const box = boxWith('10')
    const point = await connect(b, box)
    const fault = () => Promise.reject(Object.assign(new Error(), { rpcErrorCode: 'InternalError' }))
    point.answer(protocol === 'ocpp1.6' ? 'GetConfiguration' : 'GetVariables', fault)
    expect(await told(b, limit(11_040))).toMatchObject({ kind: 'unknown' })
    expect(box.writes).toEqual([])
  })

  it('two chargers of a box are told at once: the value from before us is read before ours is there', async () => {
    const evses = [1, 2, 3].map(evseId => ({ charger: evseId, evseId }))
    const both = station(1, 'A', { evses, capabilities: { ...capabilities, limitsAt: 'station' } })
    const b = await bed([both], { vendorKeys: [rule], discover: false })
    onTestFinished(() => b.close())
    const box = boxWith('20')
    await connect(b, box)
    const wanted = evses.map(({ charger }) =>
      command(charger, [{ fromS: nowS() - 5, toS: nowS() + 600, limitW: 11_040 }], { station: 1, urgent: true }),
    )
    b.link.send(wanted)
    for (const each of wanted) expect(await outcomeOf(b.seen, each)).toMatchObject({ kind: 'accepted' })
    expect(JSON.parse(b.registry.get('ocpp.limitKey:1')!).before).toBe('20')
  })

  it('it would act after a reboot only: a no, and the value is put back', async () => {
    const b = await open()
    const box = boxWith('20')
    box.status = 'RebootRequired'
    await connect(b, box)
    expect(await told(b, limit(11_040))).toMatchObject({ kind: 'rejected', cause: 'RebootRequired' })
    await until('it is put back', () => box.value === '20')
  })

  it('a key that cannot be read is not used, unless the configuration says what is free', async () => {
    const b = await open()
    const box = boxWith('20')
    box.readable = false
    const point = await connect(b, box)
    expect(await told(b, limit(11_040))).toMatchObject({ kind: 'rejected', cause: 'key not readable' })
    expect(box.writes).toEqual([])
    await point.close()
    const c = await open({ vendorKeys: [{ ...rule, free: '32' }] })
    await connect(c, box)
    expect(await told(c, limit(11_040))).toMatchObject({ kind: 'accepted' })
    expect(await told(c, command(1, []))).toMatchObject({ kind: 'accepted' })
    expect(box.writes).toEqual(['16', '32'])
  })

  it('is released: the old value is there again, and said to be', async () => {
    const b = await open()
    const box = boxWith('20')
    const point = await connect(b, box)
    await told(b, limit(11_040))
    expect(await b.link.release(1)).toMatchObject({ restoredKeys: [rule.key] })
    expect(box.value).toBe('20')
    await told(b, limit(11_040))
    await point.close()
    await until('the link is down', () => b.seen.links.at(-1)!.up === false)
    expect(await b.link.release(1)).toMatchObject({ failed: ['offline', rule.key] })
  })

  it('a box that nobody has named is refused as before', async () => {
    const b = await open({ vendorKeys: [{ ...rule, model: 'Other *' }] })
    const box = boxWith('20')
    const point = await connect(b, box)
    expect(await told(b, limit(11_040))).toMatchObject({ kind: 'rejected', cause: 'NotImplemented' })
    await boot(point, protocol)
    expect(box.writes).toEqual([])
  })
})
