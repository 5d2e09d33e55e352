import type { AddressInfo } from 'node:net'
import { createServer, type Server } from 'node:net'
import { Aedes } from 'aedes'
import { connectAsync } from 'mqtt'
import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest'
import { mqttWitness, parse } from '../../../adapters/witnesses/mqtt/index.ts'
import { optionsSchema } from '../../../adapters/witnesses/mqtt/options.ts'
import type { WitnessPoint, WitnessSource } from '../../../src/ports.ts'

describe('a message of a meter', () => {
  const topic = { value: 'value', time: 'at' }
  it.each<[string, string, Partial<typeof topic>, WitnessPoint[] | string]>([
    ['an object', '{"at":"2026-11-22T17:00:00Z","value":12.5}', {}, [{ at: '2026-11-22T17:00:00Z', value: 12.5 }]],
    [
      'a list',
      '[{"at":1700000000000,"value":1},{"at":1700001800000,"value":-2}]',
      {},
      [
        { at: 1_700_000_000_000, value: 1 },
        { at: 1_700_001_800_000, value: -2 },
      ],
    ],
    ['seconds since the epoch', '{"at":1700000000,"value":1}', {}, [{ at: 1_700_000_000_000, value: 1 }]],
    ['deeper', '{"d":{"t":"2026-11-22T17:00:00Z","kw":"7"}}', { value: 'd.kw', time: 'd.t' }, [{ at: '2026-11-22T17:00:00Z', value: 7 }]],
    ['no JSON', 'on', {}, 'not JSON'],
    ['no time', '{"value":1}', {}, 'no at'],
    ['no number', '{"at":1700000000,"value":"high"}', {}, 'no number at value'],
    ['nothing', '{"at":1700000000,"value":""}', {}, 'no number at value'],
  ])('%s', (_, text, over, expected) => {
    if (typeof expected === 'string') expect(() => parse(text, { ...topic, ...over })).toThrow(expected)
    else expect(parse(text, { ...topic, ...over })).toEqual(expected)
  })
  it('one topic is one meter', () => {
    expect(optionsSchema.safeParse({ url: 'mqtt://broker', topics: [{ topic: 'dno/+/kwh', meter: 'x' }] }).success).toBe(false)
  })
})

describe('a broker', () => {
  let broker: Aedes
  let server: Server
  let source: WitnessSource | undefined
  let url: string
  beforeEach(async () => {
    broker = await Aedes.createBroker()
    server = createServer(broker.handle)
    await new Promise<void>(resolve => server.listen(0, '127.0.0.1', resolve))
    url = `mqtt://127.0.0.1:${(server.address() as AddressInfo).port}`
  })
  afterEach(async () => {
    await source?.stop()
    await new Promise<void>(resolve => broker.close(resolve))
    await new Promise<void>(resolve => server.close(() => resolve()))
  })
  const started = async (topics: { topic: string; meter: string }[]) => {
    const taken: [string, readonly WitnessPoint[]][] = []
    const troubles: string[] = []
    source = mqttWitness(optionsSchema.parse({ url, topics }))
    const subscribed = new Promise(resolve => broker.once('subscribe', resolve))
    await source.start(
      (meter, points) => void taken.push([meter, points]),
      why => void troubles.push(why),
    )
    await subscribed
    return { taken, troubles }
  }
  const publish = async (topic: string, message: string) => {
    const client = await connectAsync(url)
    await client.publishAsync(topic, message, { qos: 1 })
    await client.endAsync()
  }

  it('each topic goes to its meter; a bad message is told and takes none of the others with it', async () => {
    const { taken, troubles } = await started([
      { topic: 'dno/feeder7', meter: 'feeder 7' },
      { topic: 'dno/sub1', meter: 'substation 1' },
    ])
    await publish('dno/feeder7', 'out of order')
    await publish('dno/sub1', '{"at":"2026-11-22T17:00:00Z","value":3}')
    await publish('dno/feeder7', '{"at":"2026-11-22T17:30:00Z","value":4}')
    await publish('dno/other', '{"at":"2026-11-22T17:30:00Z","value":5}')
    await vi.waitFor(() => expect(taken.length).toBe(2))
    expect(taken).toEqual([
      ['substation 1', [{ at: '2026-11-22T17:00:00Z', value: 3 }]],
      ['feeder 7', [{ at: '2026-11-22T17:30:00Z', value: 4 }]],
    ])
    expect(troubles).toEqual(['topic dno/feeder7: not JSON: out of order'])
  })
})
