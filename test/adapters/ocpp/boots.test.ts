import { describe, expect, it, onTestFinished } from 'vitest'
import { bed, station, until } from './bed.ts'
import { bootPayload, rawPoint } from './raw.ts'

/** A link, and a box that has been met: connected once and gone. */
const met = async (protocol: string) => {
  const b = await bed([station(1, 'A')], { discover: false })
  onTestFinished(() => b.close())
  const connect = () => rawPoint(b.url, 'A', protocol)
  const boots = async (reason?: string) => {
    const point = await connect()
    const payload = reason === undefined ? bootPayload : { reason, chargingStation: { vendorName: 'Raw', model: 'Box' } }
    await point.ask('BootNotification', payload)
    return point
  }
  const goes = async (point: Awaited<ReturnType<typeof boots>>) => {
    const before = b.seen.links.length
    point.socket.close()
    await until('it is down', () => b.seen.links.length > before)
  }
  return { b, connect, boots, goes }
}

describe('a box that starts', () => {
  it.each([
    ['PowerUp', [1]],
    ['Unknown', [1]],
    ['FirmwareUpdate', []],
    ['RemoteReset', []],
    ['ScheduledReset', []],
    ['LocalReset', []],
    ['Watchdog', []],
    ['Triggered', []],
  ])('2.0.1, %s', async (reason, told) => {
    const { b, boots, goes } = await met('ocpp2.0.1')
    await goes(await boots('PowerUp'))
    expect(b.seen.boots, 'on its first connection it may only have found us').toEqual([])
    await boots(reason)
    expect(b.seen.boots).toEqual(told)
  })
  it('1.6, which gives no reason', async () => {
    const { b, boots, goes } = await met('ocpp1.6')
    await goes(await boots())
    await boots()
    expect(b.seen.boots).toEqual([1])
  })
  it('1.6, after it has said that it takes an update', async () => {
    const { b, boots, goes } = await met('ocpp1.6')
    const point = await boots()
    await point.ask('FirmwareStatusNotification', { status: 'Installing' })
    await goes(point)
    const again = await boots()
    expect(b.seen.boots).toEqual([])
    // that was the start after the update; the next one is another
    await goes(again)
    await boots()
    expect(b.seen.boots).toEqual([1])
  })
  it('one that only connects again has not started', async () => {
    const { b, boots, goes, connect } = await met('ocpp1.6')
    await goes(await boots())
    await connect()
    await until('it is up', () => b.seen.links.at(-1)?.up === true)
    expect(b.seen.boots).toEqual([])
  })
})
