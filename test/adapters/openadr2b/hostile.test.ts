import { afterEach, describe, expect, it } from 'vitest'
import { simple } from '../../../simulations/grid/vtn2b.ts'
import type { Progress } from '../../../src/ports.ts'
import { type Bed, createBed, planned, T0 } from './bed.ts'

let bed: Bed
afterEach(() => bed.stop())
const begin = async (...args: Parameters<typeof createBed>) => {
  bed = await createBed(...args)
  await bed.start()
}
/** The engine tells each step of an event, those that we caused ourselves included. */
const tellCancels = () => {
  const { submit } = bed.bridge
  bed.bridge.submit = async (event, raw) => {
    const judgement = await submit(event, raw)
    const step = { at: 0, event: bed.bridge.event(event.id)!, measuredW: null, baselineW: null, askedW: null, verification: null }
    if (event.intervals.length === 0) bed.progress({ kind: 'cancelled', ...step } satisfies Progress)
    return judgement
  }
}

describe('what we end because the VTN said so', () => {
  it('is no opt-out: an event changed to normal operation stays opted in', async () => {
    await begin()
    tellCancels()
    bed.vtn.announce(planned({ signals: [simple(1_800, [1])] }))
    await bed.poll()
    bed.vtn.modify('EV_1', { signals: [simple(1_800, [0])] })
    await bed.poll()
    await bed.poll()
    expect(bed.submitted.at(-1)!.intervals).toEqual([])
    expect(bed.vtn.opts.map(o => `${o.modificationNumber} ${o.optType}`)).toEqual(['0 optIn', '1 optIn'])
  })
})

describe('a VTN that lost our registration', () => {
  it('is not pestered with letters of the old one: we register anew, answer and report again', async () => {
    let next = 0
    await begin({ vtn: { reports: { how: 'never' }, venAllowed: () => `VEN_${++next}` } })
    bed.push({
      kind: 'oadrCreateReport',
      requestID: 'cr',
      requests: [
        {
          reportRequestID: 'R1',
          reportSpecifierID: 'usage',
          granularityS: 10,
          reportBackS: 10,
          points: [{ rID: 'usage', readingType: 'Direct Read' }],
        },
      ],
      venID: 'VEN_1',
    })
    await bed.poll()
    // It is away for a while, data pile up, and it comes back without memory.
    bed.vtn.faults.nextStatus.push(...Array(8).fill(500))
    await bed.runtime.advance(60_000)
    bed.vtn.forget('VEN_1')
    bed.vtn.faults.nextStatus.length = 0
    bed.vtn.announce(planned())
    await bed.runtime.advance(180_000)
    expect(next).toBe(2)
    expect(bed.vtn.registered()).toEqual(['VEN_2'])
    expect(bed.opt('EV_1')).toMatchObject({ optType: 'optIn', venID: 'VEN_2' })
  })
  it('may refuse even the question before the registration with 463', async () => {
    await begin({})
    bed.vtn.forget('VEN_1')
    const sent = () => bed.sent('oadrCreatePartyRegistration').length
    const before = sent()
    const refuse = (xml: string) =>
      xml.includes('<oadr:oadrCreatedPartyRegistration') && !xml.includes('<ei:registrationID>')
        ? xml.replace('<ei:responseCode>200<', '<ei:responseCode>463<')
        : xml
    bed.vtn.faults.edit.push(...Array(50).fill(refuse))
    await bed.poll()
    await bed.poll()
    expect(sent()).toBe(before + 1)
    expect(bed.vtn.registered()).toHaveLength(1)
  })
})

describe('a VTN that ends our registration', () => {
  it.each(['before', 'after'] as const)(
    'and hangs up %s it heard our answer: what it brought ends all the same, and we wait',
    async when => {
      await begin({ ven: { registerAgainS: 300 } })
      bed.vtn.announce(planned())
      await bed.poll()
      const { registrationID } = JSON.parse(bed.registry.get('openadr2b:dno:registration')!) as { registrationID: string }
      bed.push({ kind: 'oadrCancelPartyRegistration', requestID: 'c', registrationID, venID: 'VEN_1' })
      bed.vtn.faults.hangUp.push('no', when)
      await bed.poll()
      expect(bed.submitted.at(-1)).toMatchObject({ upstreamRef: 'EV_1', intervals: [] })
      const registrations = () => bed.sent('oadrCreatePartyRegistration').length
      await bed.runtime.advance(200_000)
      expect(registrations()).toBe(1)
      await bed.runtime.advance(120_000)
      expect(registrations()).toBe(2)
    },
  )
})

describe('an event that the record cannot take', () => {
  it('is declined with 469, its older form stops, its sibling is served and we live', async () => {
    await begin()
    bed.vtn.announce(planned())
    await bed.poll()
    bed.judge = event => {
      if (event.upstreamRef === 'EV_1' && event.intervals.length > 0)
        throw new RangeError('a signal fact of 70000 bytes does not fit a log entry')
      return undefined
    }
    bed.vtn.modify('EV_1', { durationS: 1_800 })
    bed.vtn.announce(planned({ id: 'EV_2', startMs: T0 + 7_200_000 }))
    await bed.poll()
    expect(bed.opt('EV_1')).toMatchObject({ code: '469', optType: 'optOut' })
    expect(bed.opt('EV_2')).toMatchObject({ code: '200', optType: 'optIn' })
    expect(bed.submitted.filter(e => e.upstreamRef === 'EV_1').at(-1)).toMatchObject({ intervals: [] })
  })
})

describe('a journal that cannot be written for a while', () => {
  it('does not end the VEN: it comes back to the VTN and takes the event then', async () => {
    await begin()
    let full = true
    const { submit, note } = bed.bridge
    const orFail = () => {
      if (full) throw Object.assign(new Error('disk full'), { code: 'journal-failed' })
    }
    bed.bridge.submit = async (...args) => {
      orFail()
      return submit(...args)
    }
    bed.bridge.note = async (...args) => {
      orFail()
      return note(...args)
    }
    bed.vtn.announce(planned())
    await bed.poll()
    expect(bed.submitted).toEqual([])
    full = false
    await bed.runtime.advance(120_000)
    expect(bed.submitted).toHaveLength(1)
    expect(bed.opt('EV_1')).toMatchObject({ optType: 'optIn' })
  })
})

describe('an answer to a poll that is lost on its way', () => {
  it.each(['cut in half', 'hung up on'])('%s: the VTN holds it for told, so the whole list is asked for', async how => {
    await begin()
    bed.vtn.announce(planned())
    if (how === 'cut in half') bed.vtn.faults.badXml = 1
    else bed.vtn.faults.hangUp.push('after')
    await bed.poll()
    await bed.poll()
    expect(bed.submitted).toHaveLength(1)
    expect(bed.opt('EV_1')?.optType).toBe('optIn')
  })
})

describe('the record', () => {
  const spoil = (edit: (xml: string) => string) => {
    bed.vtn.repeat()
    bed.vtn.faults.edit.push(edit)
  }
  it('is not filled by a VTN that lists the same bad event at every poll', async () => {
    await begin()
    bed.vtn.announce(planned())
    await bed.poll()
    for (let i = 0; i < 3; i++) {
      spoil(xml => xml.replace('PT30M', 'half an hour'))
      await bed.poll()
    }
    expect(bed.noted('badEvent')).toHaveLength(1)
    // Each was answered nevertheless.
    expect(bed.vtn.opts.filter(o => o.code === '454')).toHaveLength(3)
  })
  it('has no text of a peer in its leaves: no meter point, no value, no description', async () => {
    await begin()
    const mpan = '1012345678901'
    bed.vtn.announce(planned({ targets: [{ kind: 'serviceDeliveryPoint', id: mpan }] }))
    bed.vtn.announce(
      planned({
        id: 'EV_2',
        targets: [
          { kind: 'serviceDeliveryPoint', id: mpan },
          { kind: 'groupID', id: 'feeder-7' },
        ],
      }),
    )
    await bed.poll()
    spoil(xml => xml.replace('PT30M', `MPAN ${mpan}`))
    await bed.poll()
    spoil(xml => xml.replace(/<ei:responseCode>200<(.*?)OK</s, `<ei:responseCode>500<$1no account ${mpan}<`))
    await bed.poll()
    spoil(xml => xml.replace(/<(\/?)pyld:requestID>/g, '<$1pyld:otherID>'))
    await bed.poll()
    const whats = new Set(bed.notes.map(n => n.what.replace('openadr2b.', '')))
    for (const what of ['refused', 'unknownTargets', 'badEvent', 'vtnError', 'badMessage']) expect(whats).toContain(what)
    expect(JSON.stringify(bed.notes)).not.toContain(mpan)
    // The VTN, who named it, is told which.
    expect(bed.opt('EV_1')?.code).toBe('462')
  })
})

describe('a report', () => {
  it('more often than we offer to look is refused, so that nobody can have us look a thousand times a second', async () => {
    await begin({ vtn: { reports: { how: 'never' } } })
    const points = [{ rID: 'usage', readingType: 'Direct Read' }]
    const request = { reportRequestID: 'R1', reportSpecifierID: 'usage', granularityS: 0, reportBackS: 1, points }
    bed.push({ kind: 'oadrCreateReport', requestID: 'cr', requests: [request], venID: 'VEN_1' })
    await bed.poll()
    expect(bed.sent('oadrCreatedReport').at(-1)).toMatchObject({ response: { code: '454' }, pending: [] })
  })
})

describe('a VTN that answers whatever we send with something new', () => {
  it('cannot keep us busy without a pause', async () => {
    await begin()
    const before = bed.vtn.log.length
    let last = ''
    const list = (xml: string) => {
      if (xml.includes('<oadr:oadrDistributeEvent')) last = xml
      return last
    }
    bed.vtn.announce(planned())
    bed.vtn.faults.edit.push(...Array(5_000).fill(list))
    await bed.runtime.advance(10_600)
    expect(bed.vtn.log.length - before).toBeGreaterThan(10)
    expect(bed.vtn.log.length - before).toBeLessThan(1_000)
  })
})
