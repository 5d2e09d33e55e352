import { describe, expect, it } from 'vitest'
import { draws } from '../../src/core/draw.ts'
import { givingOrder, type Measures, servingOrder } from '../../src/core/order.ts'

const none: Measures = { giveW: () => 0, gaveS: () => 0, laxityS: () => Number.NaN }
const seed = Uint8Array.of(7)
const namesInOrder = (keys: Uint32Array): number[] => [...keys.keys()].sort((a, b) => keys[a]! - keys[b]!)

describe('who gives first', () => {
  it('is a lot by default, the same for each draw', () => {
    const u = draws(100, seed, 'order')
    expect(givingOrder('proRata', u, none)).toBe(u)
  })
  it('fewest: the largest, whatever the lot says', () => {
    const kw = [3_680, 22_080, 7_360, 22_080, 11_040]
    const order = namesInOrder(givingOrder('fewest', draws(5, seed, 'order'), { ...none, giveW: m => kw[m]! }))
    expect(order.map(m => kw[m])).toEqual([22_080, 22_080, 11_040, 7_360, 3_680])
  })
  it('rotation: who was limited least so far', () => {
    const gave = [7_200, 0, 3_600, 0, 14_400]
    const order = namesInOrder(givingOrder('rotation', draws(5, seed, 'order'), { ...none, gaveS: m => gave[m]! }))
    expect(order.map(m => gave[m])).toEqual([0, 0, 3_600, 7_200, 14_400])
  })
  it('least disturbance: who can spare most time; of whom nothing is known stands between', () => {
    const laxity = [600, 40_000, Number.NaN, -300, 12 * 3_600]
    const order = namesInOrder(givingOrder('leastDisturbance', draws(5, seed, 'order'), { ...none, laxityS: m => laxity[m]! }))
    expect(order.slice(0, 3)).toEqual([4, 1, 2])
    expect(order.slice(3).sort()).toEqual([0, 3])
  })
  it('equal ones take turns by lot: over many events each is first about as often', () => {
    const first = new Uint32Array(8)
    for (let k = 0; k < 800; k++)
      first[namesInOrder(givingOrder('fewest', draws(8, Uint8Array.of(k & 255, k >> 8), 'order'), { ...none, giveW: () => 7_360 }))[0]!]!++
    expect(Math.min(...first)).toBeGreaterThan(60)
    expect(Math.max(...first)).toBeLessThan(145)
  })
  it('served is the other way round', () => {
    const keys = Uint32Array.of(5, 0, 0xffffffff)
    expect(namesInOrder(servingOrder(keys))).toEqual([2, 0, 1])
  })
})
