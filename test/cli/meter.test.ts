import { expect, test } from 'vitest'
import { importText } from '../../src/cli/meter.ts'

test('an import says what was taken, and each row that was not', () => {
  const error = { line: 4, column: 'kwh', value: 'n/a', code: 'bad-value', message: 'is no number', hint: 'a plain number' }
  expect(importText({ applied: false, rows: 3, readings: 2, duplicates: 1, meters: ['feeder 7'], errors: [error] })).toBe(
    [
      'line 4, column kwh: "n/a" is no number (hint: a plain number)',
      '3 rows: 2 readings of feeder 7, 1 said twice, 1 not usable',
      'dry run: nothing was changed (--apply does it)',
    ].join('\n'),
  )
})
