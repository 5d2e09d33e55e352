import { request } from 'node:http'
import { afterEach, beforeAll, describe, expect, it } from 'vitest'
import { format } from '../../../adapters/signals/openadr2b/messages.ts'
import { ok } from '../../../adapters/signals/openadr2b/parts.ts'
import { loadDispatch, signal, simple } from '../../../simulations/grid/vtn2b.ts'
import { NEVER_S } from '../../../src/core/model.ts'
import type { Progress } from '../../../src/ports.ts'
import { type Bed, createBed, FIGURES, planned, T0 } from './bed.ts'
import { hasSpecs, sample, schema, whySkipped } from './shared.ts'

let bed: Bed
let complaints: ((xml: string) => readonly string[]) | undefined
beforeAll(async () => {
  if (hasSpecs) complaints = await schema()
})
/** Whatever a test was about: everything that went over the wire in it is valid against the schema. */
afterEach(async () => {
  await bed.stop()
  if (complaints)
    for (const e of bed.vtn.log)
      expect([e.message.kind, complaints(e.request), e.response && complaints(e.response)]).toEqual([e.message.kind, [], e.response && []])
})
const begin = async (...args: Parameters<typeof createBed>) => {
  bed = await createBed(...args)
  await bed.start()
  return bed
}

describe('registering', () => {
  it('R402 R405 R309: query, register without IDs, metadata, events, and only then poll', async () => {
    await begin()
    expect(bed.kinds().slice(0, 5)).toEqual([
      'oadrQueryRegistration',
      'oadrCreatePartyRegistration',
      'oadrRegisterReport',
      'oadrRequestEvent',
      'oadrCreatedReport',
    ])
    expect(bed.kinds()[5]).toBe('oadrPoll')
    expect(bed.sent('oadrCreatePartyRegistration')[0]).toMatchObject({
      registrationID: undefined,
      venID: undefined,
      httpPullModel: true,
      profile: '2.0b',
      transport: 'simpleHttp',
    })
  })
  it('R402: a preconfigured venID goes along', async () => {
    await begin({ ven: { venID: 'VEN_pre' } })
    expect(bed.sent('oadrCreatePartyRegistration')[0]).toMatchObject({ registrationID: undefined, venID: 'VEN_pre' })
  })
  it('R301 R311 R312: our metadata has request id 0 in each report and none in the message, and TELEMETRY_STATUS beside USAGE [R510]', async () => {
    await begin()
    const message = bed.sent('oadrRegisterReport')[0]!
    expect(message.reportRequestID).toBeUndefined()
    expect(message.reports.map(r => [r.reportName, r.reportRequestID, r.durationS])).toEqual([
      ['METADATA_TELEMETRY_USAGE', '0', 3600],
      ['METADATA_TELEMETRY_STATUS', '0', 3600],
      ['METADATA_HISTORY_USAGE', '0', 5_184_000],
    ])
    expect(message.reports.flatMap(r => r.descriptions.map(d => d.samplingRate !== undefined))).toEqual([true, true, true])
  })
  it("R301: the VTN's own metadata, even empty, is answered by oadrRegisteredReport", async () => {
    await begin()
    expect(bed.sent('oadrRegisteredReport')).toMatchObject([{ response: { code: '200' }, requests: [] }])
  })
  it('a re-registration carries both IDs [R402] and is followed by metadata and events again', async () => {
    await begin()
    bed.push({ kind: 'oadrRequestReregistration', venID: 'VEN_1' })
    await bed.poll()
    const [, second] = bed.sent('oadrCreatePartyRegistration')
    expect(second?.venID).toBe('VEN_1')
    expect(second?.registrationID).toBeTruthy()
    expect(bed.sent('oadrRegisterReport')).toHaveLength(2)
    expect(bed.sent('oadrRequestEvent')).toHaveLength(2)
  })
  it('R517: a VTN that does not know us any more answers 463, and we register as new', async () => {
    await begin()
    bed.vtn.forget('VEN_1')
    await bed.poll()
    expect(bed.sent('oadrCreatePartyRegistration')).toHaveLength(2)
    expect(bed.sent('oadrCreatePartyRegistration')[1]).toMatchObject({ registrationID: undefined })
    expect(bed.noted('notRegistered')).toHaveLength(1)
  })
  it('a VTN that refuses us for ever is not hammered', async () => {
    await begin({ vtn: { venAllowed: () => undefined } })
    await bed.runtime.advance(60_000)
    expect(bed.sent('oadrCreatePartyRegistration').length).toBeLessThan(8)
    expect(bed.noted('unreachable')).toHaveLength(1)
  })
  it('R407: a cancelled registration erases everything, releases its events, and we are gone for a while', async () => {
    await begin({ ven: { registerAgainS: 300 } })
    bed.vtn.announce(planned())
    await bed.poll()
    const registrationID = JSON.parse(bed.registry.get('openadr2b:dno:registration')!).registrationID
    bed.push({ kind: 'oadrCancelPartyRegistration', requestID: 'c1', registrationID, venID: 'VEN_1' })
    await bed.poll()
    expect(bed.sent('oadrCanceledPartyRegistration')).toMatchObject([{ response: { code: '200', requestID: 'c1' }, registrationID }])
    expect(bed.submitted.at(-1)).toMatchObject({ intervals: [] })
    expect([...bed.registry.keys('openadr2b:dno:')]).toEqual([])
    const before = bed.vtn.log.length
    await bed.runtime.advance(280_000)
    expect(bed.vtn.log.length).toBe(before)
    await bed.runtime.advance(30_000)
    expect(bed.sent('oadrCreatePartyRegistration')).toHaveLength(2)
  })
  it('R512: a registrationID in other letters is not ours', async () => {
    await begin({ vtn: { venAllowed: () => 'Ven' } })
    bed.push({ kind: 'oadrCancelPartyRegistration', requestID: 'c1', registrationID: 'NOT-OURS', venID: 'Ven' })
    await bed.poll()
    expect(bed.sent('oadrCanceledPartyRegistration')).toMatchObject([{ response: { code: '452' } }])
    expect(bed.registry.get('openadr2b:dno:registration')).toBeTruthy()
  })
  it('the registration survives a restart: the list is asked for at once, nothing is registered again', async () => {
    await begin()
    bed.vtn.announce(planned())
    await bed.poll()
    await bed.restart()
    expect(bed.sent('oadrCreatePartyRegistration')).toHaveLength(1)
    expect(bed.sent('oadrRequestEvent')).toHaveLength(2)
    expect(bed.submitted).toHaveLength(1)
    expect(bed.vtn.opts).toHaveLength(2)
  })
})

describe('answering events', () => {
  it("R42: the answer echoes the distribution's own requestID, and an empty one in eiResponse", async () => {
    await begin()
    bed.vtn.announce(planned())
    await bed.poll()
    expect(bed.answers()).toMatchObject([{ response: { code: '200', requestID: '' }, venID: 'VEN_1' }])
    expect(bed.opt('EV_1')).toMatchObject({ requestIDKnown: true, optType: 'optIn', code: '200', modificationNumber: 0 })
  })
  it('R12 R62: "always" is answered each time, changed or not', async () => {
    await begin()
    bed.vtn.announce(planned())
    await bed.poll()
    bed.vtn.repeat()
    await bed.poll()
    expect(bed.vtn.opts.map(o => [o.modificationNumber, o.optType])).toEqual([
      [0, 'optIn'],
      [0, 'optIn'],
    ])
    expect(bed.submitted).toHaveLength(1)
  })
  it('R12: "never" is acted on and never answered, beside one that is', async () => {
    await begin()
    bed.vtn.announce(planned({ responseRequired: 'never' }))
    await bed.poll()
    expect(bed.submitted).toHaveLength(1)
    expect(bed.answers()).toEqual([])
    bed.vtn.announce(planned({ id: 'EV_2' }))
    await bed.poll()
    expect(bed.answers().map(a => a.eventResponses.map(r => r.eventID))).toEqual([['EV_2']])
  })
  it('R57: a higher modification replaces', async () => {
    await begin()
    bed.vtn.announce(planned())
    await bed.poll()
    bed.vtn.modify('EV_1', { signals: [loadDispatch(1_800, [20], 'setpoint', 'k')] })
    await bed.poll()
    expect(bed.submitted.map(e => [e.revision, e.intervals[0]?.ask])).toEqual([
      [0, { kind: 'cap', totalW: 50_000 }],
      [1, { kind: 'cap', totalW: 20_000 }],
    ])
    expect(bed.opt('EV_1')).toMatchObject({ modificationNumber: 1, optType: 'optIn' })
  })
  it('R58: a lower modification is answered 450 and changes nothing', async () => {
    await begin()
    bed.vtn.announce(planned())
    bed.vtn.modify('EV_1', {}, { modificationNumber: 5 })
    await bed.poll()
    bed.vtn.modify('EV_1', { signals: [loadDispatch(1_800, [1])] }, { modificationNumber: 4 })
    await bed.poll()
    expect(bed.opt('EV_1')).toMatchObject({ code: '450', modificationNumber: 4, optType: 'optOut' })
    expect(bed.submitted).toHaveLength(1)
  })
  it('R10 R36: an explicit cancel is confirmed with optIn and releases', async () => {
    await begin()
    bed.vtn.announce(planned())
    await bed.poll()
    bed.vtn.cancel('EV_1')
    await bed.poll()
    expect(bed.opt('EV_1')).toMatchObject({ code: '200', modificationNumber: 1, optType: 'optIn' })
    expect(bed.submitted.at(-1)).toMatchObject({ id: 'openadr2b:dno:EV_1', intervals: [], revision: 1 })
  })
  it('R21 R60: cancelled and unknown: ignored, answered, no 452', async () => {
    await begin()
    bed.vtn.announce(planned())
    bed.vtn.cancel('EV_1')
    await bed.poll()
    expect(bed.opt('EV_1')).toMatchObject({ code: '200' })
    expect(bed.submitted).toEqual([])
  })
  it('R50 R61: an event that is no longer listed is cancelled without a word', async () => {
    await begin()
    bed.vtn.announce(planned())
    bed.vtn.announce(planned({ id: 'EV_2' }))
    await bed.poll()
    bed.vtn.dropSilently('EV_1')
    await bed.poll()
    expect(bed.submitted.at(-1)).toMatchObject({ upstreamRef: 'EV_1', intervals: [] })
    expect(
      bed
        .answers()
        .at(-1)!
        .eventResponses.map(r => r.eventID),
    ).toEqual(['EV_2'])
  })
  it('R61: an empty list cancels all; an answer with an error code cancels nothing', async () => {
    await begin()
    bed.vtn.announce(planned())
    await bed.poll()
    bed.push({ kind: 'oadrDistributeEvent', response: { code: '451', requestID: '' }, requestID: 'x', vtnID: 'VTN_1', events: [] })
    await bed.poll()
    expect(bed.submitted).toHaveLength(1)
    bed.push({ kind: 'oadrDistributeEvent', response: ok(''), requestID: 'y', vtnID: 'VTN_1', events: [] })
    await bed.poll()
    expect(bed.submitted.at(-1)?.intervals).toEqual([])
    expect(bed.answers()).toHaveLength(1)
  })
  it('an event that was dropped and is listed again is taken again, above its cancel', async () => {
    await begin()
    bed.vtn.announce(planned())
    await bed.poll()
    bed.vtn.dropSilently('EV_1')
    await bed.poll()
    bed.vtn.modify('EV_1', {}, { modificationNumber: 0 })
    await bed.poll()
    expect(bed.submitted.map(e => [e.revision, e.intervals.length])).toEqual([
      [0, 1],
      [1, 0],
      [2, 1],
    ])
  })
  it('an event that is over and no longer listed is not cancelled', async () => {
    await begin()
    bed.vtn.announce(planned({ startMs: T0 + 60_000, durationS: 60, signals: [loadDispatch(60, [1])] }))
    await bed.poll()
    await bed.runtime.advance(300_000)
    bed.vtn.repeat()
    await bed.poll()
    expect(bed.submitted).toHaveLength(1)
  })
  it('R512: a vtnID in other letters is refused as a whole', async () => {
    await begin()
    bed.push({ kind: 'oadrDistributeEvent', requestID: 'x', vtnID: 'vtn_1', events: [] })
    await bed.poll()
    expect(bed.answers()).toMatchObject([{ response: { code: '452' }, eventResponses: [] }])
  })
  it('R19 R48: a mixed message gets an answer for each event; the bad one 4xx with optOut, eiResponse 200', async () => {
    await begin()
    bed.vtn.announce(planned({ id: 'GOOD' }))
    bed.vtn.announce(planned({ id: 'BAD' }))
    bed.vtn.modify('BAD', {}, { signals: [{ ...loadDispatch(1_800, [1]), intervals: [{ uid: '0', durationS: 60, value: 1 }] }] })
    bed.vtn.announce(planned({ id: 'PRICE', signals: [signal('BID_PRICE', 'price', 1_800, [1])] }))
    bed.vtn.announce(planned({ id: 'ELSEWHERE', targets: [{ kind: 'groupID', id: 'feeder-8' }] }))
    bed.vtn.announce(planned({ id: 'OTHER', marketContext: 'http://other.example' }))
    await bed.poll()
    expect(bed.answers()[0]!.response).toMatchObject({ code: '200', requestID: '' })
    expect(Object.fromEntries(bed.vtn.opts.map(o => [o.eventID, `${o.code} ${o.optType}`]))).toEqual({
      GOOD: '200 optIn',
      BAD: '454 optOut',
      PRICE: '460 optOut', // R109
      ELSEWHERE: '462 optOut',
      OTHER: '462 optOut', // R112
    })
    expect(bed.submitted.map(e => e.upstreamRef)).toEqual(['GOOD'])
  })
  it('R109: a modification to a signal we do not support is 460 with optOut, and the older form stops', async () => {
    await begin()
    bed.vtn.announce(planned())
    await bed.poll()
    bed.vtn.modify('EV_1', { signals: [signal('BID_LOAD', 'setpoint', 1_800, [1])] })
    await bed.poll()
    expect(bed.opt('EV_1')).toMatchObject({ code: '460', optType: 'optOut' })
    expect(bed.submitted.at(-1)).toMatchObject({ intervals: [], revision: 1 })
  })
  it.each([
    ['notice', '200'],
    ['superseded', '450'],
    ['unknownProgramme', '469'],
  ] as const)("the bridge's no (%s) is %s with optOut", async (why, code) => {
    await begin()
    bed.judge = e => ({ kind: 'declined', event: 1, id: e.id, why })
    bed.vtn.announce(planned())
    await bed.poll()
    expect(bed.opt('EV_1')).toMatchObject({ code, optType: 'optOut' })
    bed.vtn.repeat()
    await bed.poll()
    expect(bed.vtn.opts.map(o => o.code)).toEqual([code, code])
  })
  it('prices are recorded with optOut where no programme acts on them', async () => {
    await begin()
    bed.vtn.announce(planned({ signals: [signal('ELECTRICITY_PRICE', 'price', 1_800, [0.5])] }))
    await bed.poll()
    expect(bed.opt('EV_1')).toMatchObject({ code: '200', optType: 'optOut' })
    expect(bed.noted('recorded')).toHaveLength(1)
  })
  it('a test event takes the whole path, marked', async () => {
    await begin()
    bed.vtn.announce(planned({ testEvent: 'maybe' }))
    await bed.poll()
    expect(bed.submitted).toMatchObject([{ test: true }])
    expect(bed.opt('EV_1')?.optType).toBe('optIn')
  })
  it('an operator who ends the event here opts us out there, once', async () => {
    await begin()
    bed.vtn.announce(planned())
    await bed.poll()
    const progress: Progress = {
      kind: 'cancelled',
      at: 0,
      event: bed.bridge.event('openadr2b:dno:EV_1')!,
      measuredW: null,
      baselineW: null,
      askedW: null,
      verification: null,
    }
    bed.progress(progress)
    bed.progress(progress)
    await expect.poll(() => bed.vtn.opts.length).toBe(2)
    expect(bed.opt('EV_1')).toMatchObject({ optType: 'optOut', requestIDKnown: true, modificationNumber: 0 })
  })
})

describe('events that cannot be read', () => {
  /** The next answer, to the poll, is changed; it is no longer valid and the check of the wire is not for it. */
  const spoiled = async (edit: (xml: string) => string) => {
    bed.vtn.repeat()
    let before = ''
    bed.vtn.faults.edit.push(xml => {
      before = xml
      return edit(xml)
    })
    await bed.poll()
    const spoilt = bed.vtn.log.find(e => e.response === edit(before))!
    spoilt.response = before
  }
  it('one with a legible name is answered 454, noted and not cancelled; its sibling is answered as ever', async () => {
    await begin()
    bed.vtn.announce(planned())
    bed.vtn.announce(planned({ id: 'EV_2', startMs: T0 + 7_200_000 }))
    await bed.poll()
    await spoiled(xml => xml.replace('PT30M', 'half an hour'))
    expect(bed.vtn.opts.slice(2).map(o => `${o.eventID} ${o.code} ${o.optType}`)).toEqual(['EV_1 454 optOut', 'EV_2 200 optIn'])
    expect(bed.noted('badEvent')).toMatchObject([{ about: { eventID: 'EV_1', code: 'badValue' } }])
    expect(bed.submitted).toHaveLength(2)
  })
  it('one without a name could be any of ours, so none is cancelled', async () => {
    await begin()
    bed.vtn.announce(planned())
    await bed.poll()
    await spoiled(xml => xml.replace('<ei:eventID>EV_1</ei:eventID>', ''))
    expect(bed.submitted).toHaveLength(1)
  })
  it('one that is legibly cancelled is stopped, whatever else is wrong with it', async () => {
    await begin()
    bed.vtn.announce(planned())
    await bed.poll()
    bed.vtn.cancel('EV_1')
    await spoiled(xml => xml.replace('PT30M', 'half an hour'))
    expect(bed.submitted.at(-1)).toMatchObject({ intervals: [], revision: 1 })
  })
})

describe('randomised and open-ended events', () => {
  it('R30: startafter becomes a start window that the end follows, the same over modifications', async () => {
    await begin()
    bed.vtn.announce(planned({ startafterS: 180 }))
    await bed.poll()
    bed.vtn.modify('EV_1', { signals: [loadDispatch(1_800, [1])] })
    await bed.poll()
    bed.vtn.modify('EV_1', { startafterS: 60 })
    await bed.poll()
    const spread = (s: number) => ({ startS: s, endS: s, startShiftS: 0, endShiftS: 0, endFollowsStart: true })
    expect(bed.submitted.map(e => e.spread)).toEqual([spread(180), spread(180), spread(60)])
  })
  it('R65: a cancel keeps the window, so that the stop is random too', async () => {
    await begin()
    bed.vtn.announce(planned({ startafterS: 180 }))
    await bed.poll()
    bed.vtn.dropSilently('EV_1')
    await bed.poll()
    expect(bed.submitted.at(-1)).toMatchObject({ intervals: [], stopAtOnce: false, spread: { startS: 180, endS: 180 } })
  })
  it('R66: "completed" from the VTN stops nobody who began late; the VTN lists it until the last one is through', async () => {
    await begin()
    bed.vtn.announce(planned({ startMs: T0 + 60_000, durationS: 60, startafterS: 120, signals: [loadDispatch(60, [1])] }))
    await bed.poll()
    await bed.runtime.runUntil(T0 + 130_000)
    bed.vtn.repeat()
    await bed.poll()
    expect(bed.vtn.log.some(e => e.response.includes('<ei:eventStatus>completed'))).toBe(true)
    expect(bed.submitted).toHaveLength(1)
  })
  it('R47: duration 0 lasts until it is cancelled', async () => {
    await begin()
    bed.vtn.announce(planned({ durationS: 0, signals: [loadDispatch(0, [5_000])] }))
    await bed.poll()
    expect(bed.submitted[0]!.intervals).toEqual([{ fromS: T0 / 1000 + 3_600, toS: NEVER_S, ask: { kind: 'cap', totalW: 5_000 } }])
    await bed.runtime.advance(3_600_000)
    bed.vtn.dropSilently('EV_1')
    await bed.poll()
    expect(bed.submitted.at(-1)?.intervals).toEqual([])
  })
})

describe('what the simulated VTN sends', () => {
  it('R15 R115: active first by priority and start, then pending by start; one createdDateTime', async () => {
    await begin()
    const at = (id: string, inS: number, priority: number) => bed.vtn.announce(planned({ id, startMs: T0 + inS * 1000, priority }))
    at('late', 900, 1)
    at('none', -60, 0)
    at('low', -60, 4)
    at('soon', 600, 0)
    at('high', -30, 1)
    await bed.poll()
    const answers = bed.answers()[0]!.eventResponses
    expect(answers.map(r => r.eventID)).toEqual(['high', 'low', 'none', 'soon', 'late'])
    const created = new Set([...bed.vtn.log.at(-1)!.response.matchAll(/createdDateTime>([^<]*)/g)].map(m => m[1]))
    expect(created.size).toBeLessThanOrEqual(1)
  })
  it('R2 R103 R105: uid from 0, no dtstart in intervals, notification always there', async () => {
    await begin()
    bed.vtn.announce(planned({ signals: [simple(1_800, [1, 2])] }))
    await bed.poll()
    const xml = bed.vtn.log.find(e => e.response.includes('<oadr:oadrEvent>'))!.response
    expect([...xml.matchAll(/<xcal:text>(\d)/g)].map(m => m[1])).toEqual(['0', '1'])
    expect(xml.match(/<strm:intervals>.*<\/strm:intervals>/)![0]).not.toContain('dtstart')
    expect(xml).toContain('<ei:x-eiNotification>')
  })
  it('R502: a status that changes with time is no news', async () => {
    await begin()
    bed.vtn.announce(planned({ startMs: T0 + 60_000 }))
    await bed.runtime.advance(120_000)
    expect(bed.vtn.opts).toHaveLength(1)
  })
})

describe('polling', () => {
  it.each([undefined, 1])('R500: never more often than asked for, also with pollMs %s, but drained at once', async pollMs => {
    await begin({ ven: pollMs === undefined ? {} : { pollMs } })
    bed.vtn.announce(planned())
    for (let i = 0; i < 3; i++) bed.push({ kind: 'oadrRegisterReport', requestID: `q${i}`, reports: [], venID: 'VEN_1' })
    await bed.runtime.advance(120_000)
    const polls = bed.vtn.log.filter(e => e.message.kind === 'oadrPoll')
    const gaps = polls.slice(1).map((p, i) => p.atMs - polls[i]!.atMs)
    expect(gaps.filter(g => g === 0).length).toBeGreaterThanOrEqual(4)
    for (const gap of gaps.filter(g => g > 0)) {
      expect(gap).toBeGreaterThanOrEqual(10_000)
      expect(gap).toBeLessThanOrEqual(10_500)
    }
  })
  it('R500: a slower poll of our own stays under a fifth of the events', async () => {
    await begin({ ven: { pollMs: 3_600_000 }, vtn: { reports: { how: 'never' } } })
    bed.vtn.announce(planned({ durationS: 300, signals: [loadDispatch(300, [1])] }))
    await bed.runtime.advance(3_790_000)
    const before = bed.vtn.log.length
    bed.vtn.announce(planned({ id: 'EV_2', startMs: T0 + 36_000_000 }))
    await bed.runtime.advance(64_000)
    expect(bed.vtn.log.length).toBeGreaterThan(before)
    expect(bed.heard.at(-1)!.staleMs).toBeLessThanOrEqual(2 * 0.2 * ((300 + 1_800) / 2) * 1000)
  })
  it('silence is told: the engine hears when the VTN was last heard and that two intervals without a word are too long', async () => {
    await begin()
    await bed.poll()
    expect(bed.heard.at(-1)).toMatchObject({ staleMs: 20_000 })
    const before = bed.heard.length
    bed.vtn.faults.nextStatus.push(...Array(50).fill(500))
    await bed.runtime.advance(30_000)
    expect(bed.heard.length).toBe(before)
  })
  it('an unreachable VTN is tried again with doubling, jittered waits, noted once and again when it is back', async () => {
    await begin()
    bed.vtn.faults.nextStatus.push(500, 500, 500, 500)
    const before = bed.vtn.log.length
    await bed.runtime.advance(10_500 + 1_100 + 2_200 + 4_400 + 8_800)
    expect(bed.vtn.faults.nextStatus).toEqual([])
    expect(bed.vtn.log.length).toBeGreaterThan(before)
    expect([bed.noted('unreachable').length, bed.noted('reachable').length]).toEqual([1, 1])
  })
  it('503 means quiet', async () => {
    await begin()
    bed.vtn.faults.nextStatus.push(503)
    await bed.poll()
    const before = bed.vtn.log.length
    await bed.runtime.advance(50_000)
    expect(bed.vtn.log.length).toBe(before)
    await bed.runtime.advance(20_000)
    expect(bed.vtn.log.length).toBeGreaterThan(before)
  })
  it('9.1.9: 406 is not sent again unchanged, and costs nothing else', async () => {
    await begin()
    bed.vtn.announce(planned())
    const log = bed.vtn.log.length
    // The poll passes, the answer to it is refused.
    bed.vtn.faults.nextStatus.push(0, 406)
    await bed.poll()
    expect(bed.answers()).toEqual([])
    expect(bed.noted('refusedByVtn')).toMatchObject([{ about: { message: 'oadrCreatedEvent', status: 406 } }])
    expect(bed.vtn.log.length).toBeGreaterThan(log + 1)
  })
  it.each(['before', 'after'] as const)(
    'a connection that breaks %s the answer was taken: it is sent again until it is acknowledged',
    async when => {
      await begin()
      bed.vtn.announce(planned())
      bed.vtn.faults.hangUp.push('no', when)
      await bed.poll()
      await bed.poll()
      expect(bed.opt('EV_1')?.optType).toBe('optIn')
      expect(bed.vtn.opts).toHaveLength(when === 'before' ? 1 : 2)
      expect(bed.submitted).toHaveLength(1)
    },
  )
  it('half an answer is noted, costs nothing and is asked for again', async () => {
    await begin()
    bed.vtn.faults.badXml = 1
    await bed.poll()
    await bed.poll()
    expect(bed.noted('badMessage')).toHaveLength(1)
    expect(bed.noted('reachable')).toHaveLength(1)
  })
  it('9.1.9: the VTN refuses chunked bodies, and we send none', async () => {
    await begin()
    const status = await new Promise<number>((resolve, reject) => {
      const req = request(
        `${bed.vtn.url()}/OpenADR2/Simple/2.0b/OadrPoll`,
        { method: 'POST', headers: { 'content-type': 'application/xml' } },
        res => {
          res.resume()
          resolve(res.statusCode!)
        },
      )
      req.on('error', reject)
      req.write(format({ kind: 'oadrPoll', venID: 'VEN_1' }))
      req.end()
    })
    expect(status).toBe(411)
    expect(bed.sent('oadrPoll').length).toBeGreaterThan(0)
  })
})

describe('reports', () => {
  const ask = (over: object = {}) => ({
    reportRequestID: 'RR1',
    reportSpecifierID: 'usage',
    granularityS: 60,
    reportBackS: 60,
    points: [{ rID: 'usage', readingType: 'Direct Read' }],
    ...over,
  })
  const quiet = () => begin({ vtn: { reports: { how: 'never' } } })
  const want = async (...requests: object[]) => {
    bed.push({ kind: 'oadrCreateReport', requestID: 'cr', requests: requests as never, venID: 'VEN_1' })
    await bed.poll()
  }

  it('R344: a request in oadrRegisteredReport is served: real fleet figures, point data with dtstart [R314, R342]', async () => {
    await begin({ vtn: { reports: { how: 'piggyback', granularityS: 60, reportBackS: 120 } } })
    expect(bed.sent('oadrCreatedReport')[0]!.pending).toHaveLength(2)
    await bed.runtime.advance(125_000)
    const [usage, status] = bed.sent('oadrUpdateReport').flatMap(u => u.reports)
    expect(usage).toMatchObject({ reportName: 'TELEMETRY_USAGE', dtstartMs: T0 + 60_000 })
    expect(usage!.intervals.map(i => [i.dtstartMs, i.durationS, i.points[0]!.value, i.points[0]!.quality])).toEqual([
      [T0 + 60_000, undefined, { kind: 'float', value: 42_000 }, 'Quality Good - Non Specific'],
      [T0 + 120_000, undefined, { kind: 'float', value: 42_000 }, 'Quality Good - Non Specific'],
    ])
    expect(status!.intervals[0]!.points[0]).toMatchObject({
      rID: 'status',
      value: { kind: 'status', online: true, manualOverride: false, control: { setPoint: { min: 14_000, max: 70_000, current: 45_000 } } },
    })
  })
  it('HISTORY_USAGE: energy of the past, once, interval by interval; what meters do not say is said [R318, R331, R337]', async () => {
    await quiet()
    bed.runtime.advance(0)
    const interval = { dtstartMs: T0 - 3 * 1_800_000, durationS: 4 * 1_800 }
    await want(
      ask({
        reportSpecifierID: 'history',
        granularityS: 1_800,
        reportBackS: 0,
        interval,
        points: [{ rID: 'history', readingType: 'Direct Read' }],
      }),
    )
    await bed.runtime.advance(60_000)
    expect(bed.sent('oadrCreatedReport')[0]).toMatchObject({ response: { code: '200' }, pending: ['RR1'] })
    const [report] = bed.sent('oadrUpdateReport').flatMap(u => u.reports)
    expect(report).toMatchObject({
      reportName: 'HISTORY_USAGE',
      reportSpecifierID: 'history',
      dtstartMs: T0 - 3 * 1_800_000,
      durationS: 5_400,
    })
    expect(report!.intervals.map(i => [i.dtstartMs, i.durationS, i.points[0]!.value, i.points[0]!.quality])).toEqual([
      [T0 - 5_400_000, 1_800, { kind: 'float', value: 10_000 }, 'Quality Good - Non Specific'],
      [T0 - 3_600_000, 1_800, { kind: 'float', value: 4_000 }, 'Quality Uncertain - Non Specific'],
      [T0 - 1_800_000, 1_800, { kind: 'float', value: 0 }, 'Quality Bad - Non Specific'],
    ])
  })
  const past = (over: object = {}) =>
    ask({
      reportSpecifierID: 'history',
      granularityS: 1_800,
      reportBackS: 900,
      interval: { dtstartMs: T0 - 2 * 1_800_000, durationS: 2 * 1_800 },
      points: [{ rID: 'history', readingType: 'Direct Read' }],
      ...over,
    })
  const energies = () =>
    bed.sent('oadrUpdateReport').map(u => u.reports[0]!.intervals.map(i => (i.points[0]!.value as { value: number }).value))
  /** Two half hours; the verdict of an event in them is at this revision. */
  const says = (first: number) => {
    bed.history = (_, { fromS, toS, stepS }) => {
      const wh = Float64Array.from({ length: (toS - fromS) / stepS }, (_, k) => (k === 0 ? first : 5_000))
      return { fromS, stepS, chargers: 10, wh, known: Uint32Array.from(wh, () => 10) }
    }
  }
  const verified = (verdictRevision: number, fromS = T0 / 1000 - 3_600) =>
    bed.progress({
      kind: 'verified',
      at: bed.runtime.now(),
      event: { adapter: 'openadr2b', peer: 'dno', upstreamRef: 'EV_1' },
      verification: { verdictRevision, window: { fromS, toS: fromS + 1_800, baselineFromS: 0, baselineToS: 0 } },
    } as unknown as Progress)
  it('HISTORY_USAGE that is to be reported back on is told again when a verdict is revised: late readings are in it', async () => {
    await quiet()
    says(8_000)
    await want(past())
    expect(bed.sent('oadrCreatedReport')[0]).toMatchObject({ response: { code: '200' }, pending: ['RR1'] })
    expect(energies()).toEqual([[8_000, 5_000]])
    verified(1)
    await bed.poll()
    says(7_000)
    verified(2, T0 / 1000 - 50_000)
    await bed.poll()
    expect(energies(), 'neither a first verdict nor a revision of another time').toHaveLength(1)
    verified(2)
    await bed.poll()
    expect(energies()).toEqual([
      [8_000, 5_000],
      [7_000, 5_000],
    ])
    verified(3)
    await bed.runtime.advance(2_000_000)
    expect(energies(), 'what is as it was is not told again').toHaveLength(2)
    says(6_500)
    await bed.runtime.advance(1_000_000)
    expect(energies().at(-1), 'and what changed without a verdict is, in its time').toEqual([6_500, 5_000])
  })
  it('HISTORY_USAGE that stands outlives a restart, and ends when it is cancelled', async () => {
    await quiet()
    says(8_000)
    await want(past())
    await bed.restart()
    says(7_000)
    verified(2)
    await bed.poll()
    expect(energies().at(-1)).toEqual([7_000, 5_000])
    bed.push({ kind: 'oadrCancelReport', requestID: 'c1', reportRequestIDs: ['RR1'], reportToFollow: false, venID: 'VEN_1' })
    await bed.poll()
    expect(bed.sent('oadrCanceledReport')).toMatchObject([{ response: { code: '200' }, pending: [] }])
    const told = energies().length
    says(6_000)
    verified(3)
    await bed.poll()
    expect(energies()).toHaveLength(told)
  })
  it.each([
    ['454', { granularityS: 90 }],
    ['454', { interval: { dtstartMs: T0 + 60_000, durationS: 1_800 } }],
    ['454', { interval: { dtstartMs: T0 - 90 * 86_400_000, durationS: 1_800 } }],
    ['454', { granularityS: 60, interval: { dtstartMs: T0 - 50 * 86_400_000, durationS: 0 } }],
    ['452', { points: [{ rID: 'history:nobody', readingType: 'Direct Read' }] }],
  ])('HISTORY_USAGE that is not offered is refused with %s: %j', async (code, over) => {
    await quiet()
    await want(
      ask({
        reportSpecifierID: 'history',
        granularityS: 1_800,
        reportBackS: 0,
        points: [{ rID: 'history', readingType: 'Direct Read' }],
        ...over,
      }),
    )
    expect(bed.sent('oadrCreatedReport')[0]).toMatchObject({ response: { code }, pending: [] })
    expect(bed.sent('oadrUpdateReport')).toEqual([])
  })
  it('R329: oadrCreatedReport lists all that is pending', async () => {
    await quiet()
    await want(ask())
    await want(ask({ reportRequestID: 'RR2' }))
    expect(bed.sent('oadrCreatedReport').map(m => m.pending)).toEqual([['RR1'], ['RR1', 'RR2']])
  })
  it('R317 R337: report-back 0 is one report, now, of one interval, whatever the granularity', async () => {
    await quiet()
    await want(ask({ reportBackS: 0, granularityS: 1 }))
    await bed.runtime.advance(600_000)
    const updates = bed.sent('oadrUpdateReport')
    expect(updates).toHaveLength(1)
    expect(updates[0]!.reports[0]!.intervals).toHaveLength(1)
    expect(bed.sent('oadrCreatedReport')[0]!.pending).toEqual(['RR1'])
  })
  it('R317: granularity 0 reports changes, and says so when there was none', async () => {
    await quiet()
    await want(ask({ granularityS: 0 }))
    await bed.runtime.advance(120_000)
    bed.figures = { ...FIGURES, powerW: 1_000 }
    await bed.runtime.advance(60_000)
    expect(bed.vtn.reports.map(r => [r.value.kind === 'float' && r.value.value, r.quality])).toEqual([
      [42_000, 'Quality Good - Non Specific'],
      [42_000, 'No New Value - Previous Value Used'],
      [1_000, 'Quality Good - Non Specific'],
    ])
  })
  it.each([
    ['R324: finer than offered', { granularityS: 1 }, '454'],
    ['R340: coarser than offered', { granularityS: 7_200, reportBackS: 14_400 }, '454'],
    ['an unknown data point', { points: [{ rID: 'nope', readingType: 'Direct Read' }] }, '452'],
    ['an unknown report', { reportSpecifierID: 'HISTORY_USAGE' }, '461'],
  ])('%s is refused', async (_, over, code) => {
    await quiet()
    await want(ask(over), ask({ reportRequestID: 'RR2' }))
    expect(bed.sent('oadrCreatedReport')).toMatchObject([{ response: { code, requestID: 'cr' }, pending: ['RR2'] }])
  })
  it('R318: without readings there is a placeholder of bad quality, never a made-up good one', async () => {
    await quiet()
    bed.figures = { ...FIGURES, metered: 0, unmetered: 10, powerW: 0 }
    await want(ask({ reportBackS: 0 }))
    bed.figures = { ...FIGURES, metered: 7, unmetered: 3 }
    await want(ask({ reportBackS: 0, reportRequestID: 'RR2' }))
    expect(bed.vtn.reports.map(r => r.quality)).toEqual(['Quality Bad - Non Specific', 'Quality Uncertain - Non Specific'])
  })
  it('R345 R336: a cancel with reportToFollow gets one last report; an unknown id gets 4xx', async () => {
    await quiet()
    await want(ask({ reportBackS: 3_600 }))
    bed.push({ kind: 'oadrCancelReport', requestID: 'c1', reportRequestIDs: ['RR1', 'nope'], reportToFollow: true, venID: 'VEN_1' })
    await bed.poll()
    expect(bed.sent('oadrCanceledReport')).toMatchObject([{ response: { code: '452', requestID: 'c1' }, pending: [] }])
    expect(bed.sent('oadrUpdateReport')).toHaveLength(1)
    await bed.runtime.advance(7_200_000)
    expect(bed.sent('oadrUpdateReport')).toHaveLength(1)
  })
  it('a cancel without reportToFollow gets none', async () => {
    await quiet()
    await want(ask({ reportBackS: 3_600 }))
    bed.push({ kind: 'oadrCancelReport', requestID: 'c1', reportRequestIDs: ['RR1'], reportToFollow: false, venID: 'VEN_1' })
    await bed.poll()
    expect(bed.sent('oadrCanceledReport')).toMatchObject([{ response: { code: '200' }, pending: [] }])
    expect(bed.sent('oadrUpdateReport')).toEqual([])
  })
  it('R328: the receipt of a report may cancel it', async () => {
    await quiet()
    const cancelReport = { kind: 'oadrCancelReport', requestID: 'c1', reportRequestIDs: ['RR1'], reportToFollow: false } as const
    await want(ask())
    // Polls pass by until the receipt.
    bed.vtn.faults.edit.push(
      ...Array(20).fill((xml: string) =>
        xml.includes('oadrUpdatedReport') ? format({ kind: 'oadrUpdatedReport', response: ok(''), cancelReport, venID: 'VEN_1' }) : xml,
      ),
    )
    await bed.runtime.advance(600_000)
    expect(bed.sent('oadrUpdateReport')).toHaveLength(1)
    expect(bed.sent('oadrCanceledReport')).toMatchObject([{ response: { requestID: 'c1' }, pending: [] }])
  })
  it('R325: a report interval of duration 0 goes on for ever, one with an end stops there', async () => {
    await quiet()
    await want(
      ask({ interval: { dtstartMs: T0, durationS: 300 } }),
      ask({ reportRequestID: 'RR2', interval: { dtstartMs: T0, durationS: 0 } }),
    )
    await bed.runtime.advance(1_200_000)
    const count = (id: string) => bed.vtn.reports.filter(r => r.reportRequestID === id).length
    expect(count('RR1')).toBeLessThanOrEqual(5)
    expect(count('RR2')).toBeGreaterThan(15)
  })
  it('R306: a new metadata exchange ends what was running', async () => {
    await quiet()
    await want(ask())
    bed.push({ kind: 'oadrRequestReregistration', venID: 'VEN_1' })
    await bed.poll()
    const before = bed.vtn.reports.length
    await bed.runtime.advance(300_000)
    expect(bed.vtn.reports.length).toBe(before)
  })
  it('R311 R312: metadata asked for by oadrCreateReport carries its id', async () => {
    await quiet()
    await want(ask({ reportRequestID: 'M1', reportSpecifierID: 'METADATA', points: [{ rID: 'METADATA', readingType: 'x-notApplicable' }] }))
    expect(bed.sent('oadrRegisterReport').map(m => m.reportRequestID)).toEqual([undefined, 'M1'])
  })
  it('requests survive a restart', async () => {
    await quiet()
    await want(ask())
    await bed.restart()
    await bed.runtime.advance(70_000)
    expect(bed.vtn.reports.length).toBeGreaterThan(0)
  })
  it('a registration lost while reports run ends them quietly', async () => {
    let allowed = true
    await begin({ vtn: { reports: { how: 'never' }, venAllowed: () => (allowed ? 'VEN_1' : undefined) } })
    await want(ask({ granularityS: 10, reportBackS: 10 }))
    allowed = false
    bed.vtn.forget('VEN_1')
    await bed.runtime.advance(120_000)
    expect(bed.vtn.log.length).toBeLessThan(40)
  })
  it('R510: data wait while the VTN is away, 100 points and more', async () => {
    await quiet()
    await want(ask({ granularityS: 10, reportBackS: 10 }))
    const before = bed.vtn.reports.length
    bed.vtn.faults.nextStatus.push(...Array(40).fill(500))
    await bed.runtime.advance(1_500_000)
    bed.vtn.faults.nextStatus.length = 0
    await bed.runtime.advance(70_000)
    expect(bed.vtn.reports.length - before).toBeGreaterThan(100)
  })
})

describe.skipIf(!hasSpecs)(`the events that OpenLEADR was recorded with${whySkipped}`, () => {
  it('announce, change, cancel', async () => {
    const file = (name: string) => sample(`openleadr-captured-plain/from-vtn-oadrDistributeEvent-${name}.xml`)
    const { parse } = await import('../../../adapters/signals/openadr2b/messages.ts')
    await begin({ startMs: Date.UTC(2026, 10, 21, 21, 22, 20), vtn: { vtnID: 'VTN_Peer1' } })
    for (const name of ['mod0-far', 'mod1-near', 'mod2-cancelled']) {
      bed.push(parse(file(name)) as never)
      await bed.poll()
    }
    expect(bed.answers().map(a => a.eventResponses[0])).toMatchObject([
      { eventID: 'EV_A', modificationNumber: 0, requestID: '9740d1ef-eecd-4eee-9d81-8931b157494c', optType: 'optIn' },
      { modificationNumber: 1, requestID: '87f5cce4-77cc-4609-a87a-2abb6d523322', optType: 'optIn' },
      { modificationNumber: 2, requestID: '3797171e-7bea-406a-a364-853aacdc06d0', optType: 'optIn' },
    ])
    expect(bed.submitted.map(e => e.intervals.map(i => [i.toS - i.fromS, i.ask]))).toEqual([
      [
        // It had begun some seconds before it was heard of.
        [25, { kind: 'cap', totalW: 5_000 }],
        [30, { kind: 'cap', totalW: 0 }],
      ],
      [[15, { kind: 'cap', totalW: 3_000 }]],
      [],
    ])
  })
})
