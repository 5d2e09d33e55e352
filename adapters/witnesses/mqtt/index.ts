import type { WitnessPoint, WitnessSource } from '../../../src/ports.ts'
import type { Options } from './options.ts'

type Topic = Options['topics'][number]

const at = (message: unknown, path: string): unknown =>
  path
    .split('.')
    .reduce<unknown>((v, key) => (typeof v === 'object' && v !== null ? (v as Record<string, unknown>)[key] : undefined), message)

/**
 * Points of a message: a JSON object, or a list of them. A number as text is taken for a number. Times are RFC 3339, or s or ms since the epoch.
 * @throws RangeError for what has none of it
 */
export function parse(text: string, topic: Pick<Topic, 'value' | 'time'>): WitnessPoint[] {
  let message: unknown
  try {
    message = JSON.parse(text)
  } catch {
    throw new RangeError('not JSON')
  }
  return (Array.isArray(message) ? message : [message]).map(item => {
    const [value, time] = [at(item, topic.value), at(item, topic.time)]
    if (time === undefined || time === null) throw new RangeError(`no ${topic.time}`)
    if ((typeof value !== 'number' && typeof value !== 'string') || value === '' || Number.isNaN(Number(value)))
      throw new RangeError(`no number at ${topic.value}`)
    return { at: typeof time === 'number' ? (time < SECONDS ? time * 1000 : time) : String(time), value: Number(value) }
  })
}
/** A number of seconds is below this until the year 5138, a number of ms above it since 1973. */
const SECONDS = 1e11

/** Subscribes with at-least-once delivery; a message twice replaces itself. The connection is made again whenever it is lost. */
export function mqttWitness({ topics, url, ...options }: Options): WitnessSource {
  let end: (() => Promise<void>) | undefined
  return {
    async start(take, trouble) {
      const { connect } = await import('mqtt')
      const { clientId, username, password } = options
      const client = connect(url, {
        ...(clientId === undefined ? {} : { clientId, clean: false }),
        ...(username === undefined ? {} : { username }),
        ...(password === undefined ? {} : { password }),
        reconnectPeriod: 5_000,
      })
      end = () => client.endAsync(true)
      let told = ''
      const tell = (why: string) => {
        if (why !== told) trouble(why)
        told = why
      }
      client.on('error', error => tell(`broker: ${(error as { code?: string }).code ?? error.message}`))
      client.on('connect', () => {
        told = ''
        client.subscribe(
          topics.map(t => t.topic),
          { qos: 1 },
          (error, granted) => {
            if (error) tell(`subscription: ${error.message}`)
            for (const g of granted ?? []) if (g.qos > 2) tell(`topic ${g.topic}: refused by the broker`)
          },
        )
      })
      client.on('message', (name, payload) => {
        for (const topic of topics.filter(t => t.topic === name))
          try {
            take(topic.meter, parse(payload.toString('utf8'), topic))
          } catch (error) {
            tell(`topic ${name}: ${(error as Error).message}: ${payload.toString('utf8').slice(0, 100)}`)
          }
      })
    },
    async stop() {
      await end?.()
    },
  }
}
