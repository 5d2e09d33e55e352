import { expect, test } from 'vitest'
import { fromBytes, toBytes } from '../../src/core/snapshot.ts'
import { at, bed, during, fleetOfN, one, T } from './bed.ts'

const off = during(T + 600, T + 7200, { kind: 'off' })
const said = { randomDelay: { exemption: 'response DSR services, contract 7' } }

test.each([
  {
    what: 'a source that forbids it says why',
    programme: {},
    change: { spread: { forbidden: 'grid code 4.2' } },
    is: ['signal', 'grid code 4.2'],
  },
  { what: 'its own ground goes before the programme’s', programme: said, change: { spread: { forbidden: 'x' } }, is: ['signal', 'x'] },
  {
    what: 'so does that of an emergency, whose end is spread',
    programme: said,
    change: { class: 'emergency' as const, spread: { ...at, endS: 600 }, exemption: 'supply limitation' },
    is: ['signal', 'supply limitation'],
  },
  {
    what: 'an emergency has its programme’s',
    programme: said,
    change: { class: 'emergency' as const },
    is: ['programme', said.randomDelay.exemption],
  },
  {
    what: 'and so has a step',
    programme: { ...said, startSpreadS: 0 },
    change: { spread: 'programme' as const },
    is: ['programme', said.randomDelay.exemption],
  },
  { what: 'nothing is claimed of an event that is spread', programme: said, change: { spread: 'programme' as const }, is: null },
  { what: 'and nothing that nobody claims', programme: {}, change: { class: 'emergency' as const }, is: null },
])('the exemption from random delay is recorded as it was claimed: $what', ({ programme, change, is }) => {
  const b = bed(fleetOfN(3), programme)
  const facts = b.signal({ ...off, ...change })
  const expected = is && { by: is[0], basis: is[1] }
  expect(one(facts, 'accepted')!.exemption ?? null).toEqual(expected)
  expect(b.event().exemption).toEqual(expected)
  expect(fromBytes(toBytes(b.s)).events.get(0)!.exemption).toEqual(expected)
  if (b.event().event.class === 'emergency') expect(b.s.register.get(0)!.exemption ?? null).toEqual(expected)
})
