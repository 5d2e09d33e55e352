/** What is known of a box's clock: a schedule that it has accepted is not told by other instants because a message was slow or the bridge was restarted. */
import { describe, expect, it, onTestFinished } from 'vitest'
import { realTimers } from '../../../adapters/chargers/ocppj/transport.ts'
import { type Bed, bed, command, station, until } from './bed.ts'
import { answerComposites, booted, type RawPoint, rawPoint } from './raw.ts'

/** A bridge whose clock can be put forward. */
const open = async (registry?: Bed['registry']) => {
  let aheadMs = 0
  const timers = { ...realTimers, now: () => Date.now() + aheadMs }
  const b = await bed([station(1, 'A')], { discover: false, callTimeoutMs: 1_000, timers }, registry)
  onTestFinished(() => b.close())
  const passes = (ms: number) => void (aheadMs += ms)
  const says = (point: RawPoint, offsetMs: number) =>
    point.ask('StatusNotification', {
      connectorId: 1,
      errorCode: 'NoError',
      status: 'Charging',
      timestamp: new Date(timers.now() + offsetMs).toISOString(),
    })
  return { b, passes, says, remembered: () => b.registry.get('ocpp.clock:1') }
}
const toS = Math.floor(Date.now() / 1000) + 600
/** How far the end that the box is told lies from ours, in seconds. */
const toldS = async (b: Bed, point: RawPoint, isNew = false): Promise<number> => {
  const before = point.calls('SetChargingProfile').length
  const heard = b.seen.outcomes.length
  b.link.send([command(1, [{ fromS: toS - 700, toS, limitW: 11_040 }])])
  if (isNew) await answerComposites(point)
  const [, id, , payload] = await point.called('SetChargingProfile', before + 1)
  point.send([3, id, { status: 'Accepted' }])
  await until('it is answered', () => b.seen.outcomes.length > heard)
  const { startSchedule, duration } = (payload as { csChargingProfiles: { chargingSchedule: { startSchedule: string; duration: number } } })
    .csChargingProfiles.chargingSchedule
  return Date.parse(startSchedule) / 1000 + duration - toS
}

describe("a box's clock", () => {
  it('is known again after a restart: an accepted schedule is told by the same instants', async () => {
    const first = await open()
    const point = await booted(first.b.url, 'A')
    await first.says(point, 3_400)
    const before = await toldS(first.b, point, true)
    expect(Number(first.remembered())).toBeGreaterThan(3_000)
    await first.b.close()
    const second = await open(first.b.registry)
    const again = await rawPoint(second.b.url, 'A')
    expect(await toldS(second.b, again)).toBe(before)
    expect(before).toBeGreaterThanOrEqual(3)
    expect(second.b.seen.doubts.filter(d => d.why === 'clock jumped')).toEqual([])
  })
  it.each([
    ['messages that take a little longer or less', [2_900, 3_500, 2_600, 3_900]],
    ['one that took three seconds', [0]],
  ])('%s do not move what it is told', async (_name, offsets) => {
    const { b, says, remembered, passes } = await open()
    const point = await booted(b.url, 'A')
    await says(point, 3_400)
    const [before, kept] = [await toldS(b, point, true), remembered()]
    for (const offsetMs of offsets) {
      passes(20_000)
      await says(point, offsetMs)
    }
    expect(remembered()).toBe(kept)
    expect(await toldS(b, point)).toBe(before)
  })
  it('that drifts away is followed: ahead at once, behind when two messages of different times say so, and set right it is forgotten', async () => {
    const { b, says, remembered, passes } = await open()
    const point = await booted(b.url, 'A')
    await says(point, 3_400)
    await says(point, 4_900)
    expect(Number(remembered())).toBeGreaterThan(4_500)
    await says(point, 2_500)
    expect(Number(remembered())).toBeGreaterThan(4_500)
    passes(20_000)
    await says(point, 2_500)
    expect(Number(remembered())).toBeLessThan(2_600)
    passes(20_000)
    await says(point, 500)
    passes(20_000)
    await says(point, 500)
    expect(remembered()).toBeUndefined()
    expect(b.seen.doubts).toEqual([])
  })
})
