import { expect, test } from 'vitest'
import { quality } from '../../src/core/model.ts'
import { eventReport } from '../../src/operations/report.ts'
import { known } from '../../src/report/model.ts'
import { type Bridge, startBridge } from '../api/bridge.ts'
import { anEvent, eventId, type Odd, only, type Row, send } from './event.ts'

async function bridge(): Promise<Bridge> {
  return startBridge({ programme: { endSpreadS: 0 } })
}
const made = async (b: Bridge) => (await eventReport(b.engine, eventId, { nowMs: b.engine.now(), version: '', command: '' }))!

const C2 = 2
const stories: [string, Odd, string][] = [
  [
    'a register that was reset',
    only('c2', (r, minute) => [{ ...r, registerWh: minute < 20 ? r.registerWh : r.registerWh - 1_000_000 }]),
    'reset',
  ],
  ['a gap over the event', only('c2', (r, minute) => (minute >= 12 && minute < 38 ? [] : [r])), 'gap'],
  [
    'a reading that says it is a duplicate',
    only('c2', (r, minute) => [minute === 20 ? { ...r, quality: quality.duplicate } : r]),
    'duplicate',
  ],
  ['kWh sent as Wh', only('c2', (r, minute) => [minute === 20 ? { ...r, registerWh: r.registerWh / 1000 } : r]), 'implausible'],
  ['kW sent as W, times a thousand', only('c2', (r, minute) => [minute === 20 ? { ...r, powerW: 2_000_000 } : r]), 'implausible'],
  [
    'no number, and more than any number',
    only('c2', (r, minute) => [
      minute === 20 ? { ...r, powerW: Number.NaN } : minute === 22 ? { ...r, powerW: Number.POSITIVE_INFINITY } : r,
    ]),
    '',
  ],
]
const good = (async () => {
  const b = await bridge()
  await anEvent(b)
  return made(b)
})()

test.each(stories)('%s is named, and changes nobody else', async (_, odd, flaw) => {
  const b = await bridge()
  await anEvent(b, odd)
  const [r, undisturbed] = [await made(b), await good]
  if (flaw !== '') {
    expect(r.flaws.counts.map(c => c.flaw)).toContain(flaw)
    expect(r.flaws.examples).toContainEqual(expect.objectContaining({ charger: C2, kind: flaw }))
  }
  for (const k of [0, 1, 3, 4]) {
    expect(known(r.chargers.deliveredWh[k])).toBe(known(undisturbed.chargers.deliveredWh[k]))
    expect([r.chargers.verdict[k], r.chargers.cause[k]]).toEqual([undisturbed.chargers.verdict[k], undisturbed.chargers.cause[k]])
  }
  for (const column of [r.series.actualW, r.series.lowW, r.series.highW])
    for (let k = 0; k < column.length; k++) expect(Math.abs(known(column[k]) ?? 0)).toBeLessThan(30_000)
})

test('readings that are late by a day make the second revision, and the report says what they changed', async () => {
  const b = await bridge()
  const late: Row[] = []
  await anEvent(
    b,
    only('c2', (row, minute) => {
      if (minute < 10 || minute >= 40) return [row]
      late.push(row)
      return []
    }),
  )
  const [before] = (await made(b)).verdicts
  await b.seconds(86_400)
  send(
    b,
    late.map(row => ({ ...row, quality: quality.late })),
  )
  for (let hour = 0; hour < 48 && (await made(b)).verdicts.length < 2; hour++) await b.seconds(3600)
  const r = await made(b)
  expect(r.verdicts.map(v => v.verification.verdictRevision ?? 1)).toEqual([1, 2])
  const gained = r.verdicts[1]!.verification.deliveredWh - before!.verification.deliveredWh
  expect(gained).toBeCloseTo(1500, -2)
  expect(r.verdicts[1]!.verification.changed).toMatchObject({ chargers: 1, named: [{ charger: C2, what: 'late' }] })
  expect(r.flaws.examples).toContainEqual(expect.objectContaining({ charger: C2, kind: 'late' }))
  const undisturbed = await good
  for (const k of [0, 1, 3, 4]) expect(known(r.chargers.deliveredWh[k])).toBe(known(undisturbed.chargers.deliveredWh[k]))
})
