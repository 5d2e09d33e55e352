import { expect, test } from 'vitest'
import { meters, strangersIn } from '../src/metersConfig.ts'

const feeder = { name: 'feeder 7', node: 'BATH/BATH-11' }
const mqtt = (meter: string) => ({ url: 'mqtts://broker.example', topics: [{ topic: 'dno/7', meter }] })

test('a topic feeds a meter that is declared', () => {
  expect(strangersIn(meters.parse({ witnesses: [feeder], mqtt: mqtt('feeder 7') }))).toEqual([])
  expect(strangersIn(meters.parse({ witnesses: [feeder], mqtt: mqtt('feeder 8') }))).toEqual([
    { path: 'meters.mqtt.topics[0].meter', meter: 'feeder 8' },
  ])
})
test.each([
  ['a history too short for a baseline', { halfHourDays: 60 }],
  ['sessions for less than a year', { sessionDays: 30 }],
  ['a unit that is none', { witnesses: [{ ...feeder, unit: 'kVA' }] }],
  ['a broker without topics', { mqtt: { url: 'mqtt://broker.example', topics: [] } }],
  ['a broker by HTTP', { mqtt: { ...mqtt('feeder 7'), url: 'https://broker.example' } }],
])('%s is refused', (_, section) => {
  expect(meters.safeParse(section).success).toBe(false)
})
