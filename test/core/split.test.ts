import fc from 'fast-check'
import { expect, test } from 'vitest'
import { splitPence } from '../../src/core/verify/split.ts'

test.each([
  ['alike', 100, [1, 1, 1], [34, 33, 33]],
  ['the largest remainder first', 10, [1, 2, 4], [1, 3, 6]],
  ['ties go to the earlier', 1, [5, 5], [1, 0]],
  ['what is owed', -100, [1, 1, 1], [-34, -33, -33]],
  ['who took load up gets nothing', 100, [-3, 1, 1], [0, 50, 50]],
  ['nobody delivered: all alike', 7, [0, -2, Number.NaN], [3, 2, 2]],
  ['nothing to share', 0, [1, 2], [0, 0]],
  ['nothing, among nobody', 0, [], []],
  ['a penny among many', 1, Array(1000).fill(1), [1, ...Array(999).fill(0)]],
])('%s', (_, pence, weights, shares) => {
  expect(splitPence(pence, weights)).toEqual(shares)
})
test('nothing is split where it cannot be', () => {
  expect(() => splitPence(0.5, [1])).toThrow(/whole pence/)
  expect(() => splitPence(1, [])).toThrow(/nobody/)
})
test('statements sum to the penny, nobody is a penny from his share, equal weights are a penny apart at most', () => {
  const weights = fc.array(fc.oneof(fc.double({ min: 0, max: 1e9, noNaN: true }), fc.nat(5), fc.constant(1e-300)), {
    minLength: 1,
    maxLength: 60,
  })
  fc.assert(
    fc.property(fc.integer({ min: -1e12, max: 1e12 }), weights, (pence, ws) => {
      const shares = splitPence(pence, ws)
      expect(shares.reduce((sum, p) => sum + p, 0)).toBe(pence)
      const total = ws.reduce((sum, w) => sum + w, 0)
      shares.forEach((p, k) => {
        if (total > 0 && total < 1e200) expect(Math.abs(p - pence * (ws[k]! / total))).toBeLessThanOrEqual(1 + Math.abs(pence) * 1e-12)
        expect(Object.is(p, -0)).toBe(false)
        ws.forEach((w, j) => {
          if (w === ws[k]) expect(Math.abs(p - shares[j]!)).toBeLessThanOrEqual(1)
        })
      })
    }),
    { numRuns: 150 },
  )
})
