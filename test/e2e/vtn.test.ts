import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { createVtn } from '../../simulations/grid/vtn2b.ts'
import { simple } from '../../simulations/grid/vtn2b-events.ts'
import { until } from './support/until.ts'
import { startWorld, type World } from './support/world.ts'

const CHARGERS = 20
const MARKET = 'http://grid.example/ev'

describe('serve under an OpenADR 2.0b VTN', () => {
  const vtn = createVtn({ pollFreqS: 1, reports: { how: 'piggyback', granularityS: 10, reportBackS: 10 } })
  let world: World
  beforeAll(async () => {
    await vtn.start()
    world = await startWorld({
      chargers: CHARGERS,
      fleet: { plugged: 1, lag: 0, reject: 0, resume: 0, ignore: 0, offline: 0 },
      signals: `  - kind: openadr2b
    peer: grid
    url: ${vtn.url()}
    markets: [{ context: ${MARKET}, programme: demo, simple: { '1': { kind: limitEach, limitA: 8 } } }]
`,
    })
  }, 120_000)
  afterAll(async () => {
    await world?.close()
    await vtn.stop()
  })

  test('killed in mid-event it comes back as the same VEN, with the same event, and still takes its cancel', async () => {
    await until(
      'it is registered',
      () => vtn.registered(),
      vens => vens.length === 1,
    )
    const registrations = () => vtn.log.filter(x => x.message.kind === 'oadrCreatePartyRegistration').length
    const registered = registrations()
    vtn.announce({ id: 'V-1', marketContext: MARKET, startMs: Date.now() + 1_000, durationS: 3_600, signals: [simple(3_600, [1])] })
    await until(
      'it opts in',
      () => vtn.opts.filter(o => o.optType === 'optIn').length,
      n => n > 0,
    )
    await world.kill()
    const kept = await world.verify()
    expect(kept).toMatchObject({ code: 0 })
    const polls = vtn.log.length
    await world.serve()
    await until(
      'all obey',
      () => world.log.limited(),
      n => n === CHARGERS,
    )
    await until(
      'it asks for events again',
      () => vtn.log.length,
      n => n > polls + 1,
    )
    expect(registrations()).toBe(registered)
    expect(vtn.registered()).toHaveLength(1)
    expect(await world.json('event', 'list')).toMatchObject([{ upstreamRef: 'V-1', state: 'active' }])

    vtn.cancel('V-1')
    await until(
      'all are free',
      () => world.log.limited(),
      n => n === 0,
    )
    // free before the restore window is over, if the last ranks fall early
    const listed = async () => ((await world.json('event', 'list')) as { state: string }[])[0]?.state
    await until('the event is over', listed, state => state === 'cancelled')
    expect(vtn.opts.every(o => o.optType === 'optIn' && o.requestIDKnown)).toBe(true)
    expect(await world.verify()).toMatchObject({ code: 0 })
  }, 120_000)
})
