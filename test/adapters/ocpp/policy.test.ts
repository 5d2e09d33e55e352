import { expect, it } from 'vitest'
import { authorizeOf } from '../../../src/main.ts'

type Policy = 'known' | 'all'
const programmes = (own: Record<string, Policy | undefined>) =>
  Object.entries(own).map(([id, authorize]) => ({ id, authorize })) as unknown as Parameters<typeof authorizeOf>[0]['programmes']
const charger = 2
const enrolled = (...ids: readonly string[]) => ({ enrolments: new Map(ids.map(id => [id, Uint8Array.of(1, 0, 1)])) })

it.each<[string, Policy, Record<string, Policy | undefined>, string[], Policy]>([
  ['in no programme: what the bridge says', 'known', { work: 'all' }, [], 'known'],
  ['its programme says otherwise', 'known', { work: 'all' }, ['work'], 'all'],
  ['its programme says nothing', 'all', { home: undefined }, ['home'], 'all'],
  ['a programme may be stricter than the bridge', 'all', { home: 'known' }, ['home'], 'known'],
  ['of two programmes the strictest', 'all', { work: 'all', home: 'known' }, ['work', 'home'], 'known'],
  ['a programme that says nothing takes the bridge’s side', 'known', { work: 'all', home: undefined }, ['work', 'home'], 'known'],
  ['a programme that it is not in says nothing', 'all', { work: 'all', home: 'known' }, ['work'], 'all'],
])('who may start a session at a charger: %s', (_what, bridge, own, ids, policy) => {
  const config = { programmes: programmes(own), ocpp: { authorize: bridge } } as Parameters<typeof authorizeOf>[0]
  expect(authorizeOf(config, enrolled(...ids), charger)).toBe(policy)
  expect(authorizeOf(config, enrolled(...ids), 1)).toBe(bridge)
})
