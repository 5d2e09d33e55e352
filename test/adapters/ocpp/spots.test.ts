import { describe, expect, it } from 'vitest'
import type { Answer } from '../../../adapters/chargers/ocppj/transport.ts'
import { createSpots, spotsPerS } from '../../../adapters/chargers/spots.ts'
import type { EvseLink, StationLink } from '../../../adapters/chargers/station.ts'

const spots = () => {
  const asked: { link: number; evse: number; answer(answer: Answer): void }[] = []
  const made = createSpots({
    nowMs: () => 0,
    dialectOf: () => ({ measure: (evse: EvseLink) => ({ action: 'TriggerMessage', payload: { evse: evse.evseId } }) }) as never,
    call: (link, _action, payload) =>
      new Promise(answer => void asked.push({ link: link.no, evse: Number(payload['evse']), answer: given => answer(given) })),
  })
  return { made, asked }
}
const linkNo = (no: number, evses = 1) => {
  const link = { no, up: true, openedMs: 1 } as StationLink
  return { link, evses: Array.from({ length: evses }, (_, k) => ({ evseId: k + 1 }) as EvseLink) }
}
const accepted: Answer = { kind: 'result', payload: { status: 'Accepted' } } as never
const tick = () => new Promise(resolve => setImmediate(resolve))

describe('spot readings', () => {
  it('one ask under way per station, none twice', async () => {
    const { made, asked } = spots()
    const { link, evses } = linkNo(1, 2)
    for (const evse of [...evses, ...evses, evses[1]!]) made.want(link, evse)
    expect(asked.map(a => a.evse)).toEqual([1])
    asked[0]!.answer(accepted)
    await tick()
    expect(asked.map(a => a.evse)).toEqual([1, 2])
    asked[1]!.answer(accepted)
    await tick()
    // The first was wanted again after it had been asked.
    expect(asked.map(a => a.evse)).toEqual([1, 2, 1])
  })
  it('so many a second over all, the rest later', () => {
    const { made, asked } = spots()
    made.tick(1_000)
    for (let no = 0; no < spotsPerS + 10; no++) {
      const { link, evses } = linkNo(no)
      made.want(link, evses[0]!)
    }
    expect(asked).toHaveLength(spotsPerS)
    made.tick(2_000)
    expect(asked).toHaveLength(spotsPerS + 10)
  })
  it('a box that knows no such call is not asked again, until it connects anew', async () => {
    const { made, asked } = spots()
    const { link, evses } = linkNo(1)
    made.want(link, evses[0]!)
    asked[0]!.answer({ kind: 'error', code: 'NotImplemented' } as never)
    await tick()
    made.want(link, evses[0]!)
    expect(asked).toHaveLength(1)
    link.openedMs = 2
    made.want(link, evses[0]!)
    expect(asked).toHaveLength(2)
  })
  it('nobody there is not asked', () => {
    const { made, asked } = spots()
    const { link, evses } = linkNo(1)
    link.up = false
    made.want(link, evses[0]!)
    expect(asked).toHaveLength(0)
  })
})
