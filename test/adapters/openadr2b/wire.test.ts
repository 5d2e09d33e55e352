import fc from 'fast-check'
import { beforeAll, describe, expect, it } from 'vitest'
import { isTest } from '../../../adapters/signals/openadr2b/event.ts'
import { format, parse } from '../../../adapters/signals/openadr2b/messages.ts'
import { scaled } from '../../../adapters/signals/openadr2b/parts.ts'
import { formatDuration, formatInstant, parseDurationS, parseInstant } from '../../../adapters/signals/openadr2b/values.ts'
import { WireError } from '../../../adapters/signals/openadr2b/xml.ts'
import { event, everyMessage } from './messages.ts'
import { hasSpecs, sample, samples, schema, whySkipped } from './shared.ts'

const refusal = (body: string | Uint8Array): { code: string; path: string } => {
  try {
    parse(body)
  } catch (error) {
    expect(error).toBeInstanceOf(WireError)
    return { code: (error as WireError).code, path: (error as WireError).path }
  }
  return { code: 'accepted', path: '' }
}

describe('every message we emit', () => {
  it.each(Object.entries(everyMessage))('%s comes back as it was written', (_, message) => {
    expect(parse(format(message))).toEqual(message)
  })

  describe.skipIf(!hasSpecs)(`is valid against the 2.0b schema${whySkipped}`, () => {
    let complaints: (xml: string) => readonly string[]
    beforeAll(async () => {
      complaints = await schema()
    })
    it.each(Object.entries(everyMessage))('%s', (_, message) => {
      expect(complaints(format(message))).toEqual([])
    })
    it('and the schema does complain about a wrong one', () => {
      expect(complaints(format(everyMessage['poll']!).replace('venID', 'vtnID').replace('venID', 'vtnID'))).not.toEqual([])
    })
  })

  it('has the 2.0b version, never a schemaLocation [R45]', () => {
    for (const message of Object.values(everyMessage)) {
      const xml = format(message)
      expect(xml).toContain('ei:schemaVersion="2.0b"')
      expect(xml).not.toContain('schemaLocation')
    }
  })
  it('escapes whatever a name contains', () => {
    fc.assert(
      fc.property(fc.string({ unit: 'binary', minLength: 1 }), venID => {
        // What XML cannot hold becomes U+FFFD; ends are trimmed as the reader trims them.
        const legal = venID
          .replace(/\p{Surrogate}/gu, '\uFFFD')
          // biome-ignore lint/suspicious/noControlCharactersInRegex: exactly what XML 1.0 forbids
          .replace(/[\u0000-\u0008\u000B\u000C\u000E-\u001F\uFFFE\uFFFF]/g, '\uFFFD')
          .trim()
        fc.pre(legal !== '')
        expect(parse(format({ kind: 'oadrPoll', venID }))).toEqual({ kind: 'oadrPoll', venID: legal })
      }),
    )
  })
})

describe.skipIf(!hasSpecs)(`recorded messages of other stacks${whySkipped}`, () => {
  it.each(samples().map(s => [s.file, s.body] as const))('%s is read or refused with a code', (file, body) => {
    const result = refusal(body)
    if (file.endsWith('xmlsignature/oadrPayload.xml')) expect(result.code).toBe('notUtf8')
    else if (file.endsWith('signatureOadrPayload.xml'))
      expect(result.code).toBe('notOpenAdr') // recorded with the Signature alone
    else if (/unvalid/.test(file)) expect(['accepted', 'missing', 'notOpenAdr', 'badValue']).toContain(result.code)
    else expect(result.code).toBe('accepted')
  })
  it('an event recorded from OpenLEADR says what was put in', () => {
    const message = parse(sample('openleadr-captured-plain/from-vtn-oadrDistributeEvent-mod0-far.xml'))
    expect(message).toMatchObject({
      kind: 'oadrDistributeEvent',
      requestID: '9740d1ef-eecd-4eee-9d81-8931b157494c',
      events: [
        {
          ok: true,
          event: {
            eventID: 'EV_A',
            activePeriod: { dtstartMs: Date.UTC(2026, 10, 21, 21, 22, 25), durationS: 60, startafterS: 60, notificationS: 1, rampUpS: 2 },
            signals: [
              { signalName: 'LOAD_DISPATCH', itemBase: { name: 'powerReal', scale: 'none' }, intervals: [{ value: 5000 }, { value: 0 }] },
            ],
            targets: [{ kind: 'venID', id: 'VEN_1' }],
            responseRequired: 'always',
          },
        },
      ],
    })
  })
  it('a signed message is read past its Signature', () => {
    const signature = /<xmldsig:Signature>.*<\/xmldsig:Signature>/s.exec(
      sample('avob-20b/xmlsignature/signatureOadrPayload.xml').toString(),
    )![0]
    const signed = format({ kind: 'oadrPoll', venID: 'V' }).replace(
      '<oadr:oadrSignedObject',
      `${signature.replace('<xmldsig:Signature>', '<xmldsig:Signature xmlns:xmldsig="http://www.w3.org/2000/09/xmldsig#">')}<oadr:oadrSignedObject`,
    )
    expect(parse(signed)).toEqual({ kind: 'oadrPoll', venID: 'V' })
  })
})

describe('a hostile or broken body', () => {
  const wrap = (inner: string) =>
    `<o:oadrPoll xmlns:o="http://openadr.org/oadr-2.0b/2012/07" xmlns:e="http://docs.oasis-open.org/ns/energyinterop/201110">${inner}</o:oadrPoll>`
  const laughs = `<?xml version="1.0"?><!DOCTYPE lolz [<!ENTITY lol "lol"><!ENTITY lol2 "&lol;&lol;&lol;&lol;">]>${wrap('<e:venID>&lol2;</e:venID>')}`
  it.each([
    ['billion laughs', laughs, 'doctype'],
    ['a lower-case doctype', `<!doctype x>${wrap('')}`, 'doctype'],
    ['an external entity', `<!DOCTYPE x [<!ENTITY f SYSTEM "file:///etc/passwd">]>${wrap('<e:venID>&f;</e:venID>')}`, 'doctype'],
    ['an entity declaration in the body', wrap('<!ENTITY a "b">'), 'doctype'],
    ['an undeclared entity', wrap('<e:venID>&lol;</e:venID>'), 'notXml'],
    ['1.1 MB', wrap(`<e:venID>${'x'.repeat(1_100_000)}</e:venID>`), 'tooLarge'],
    ['nesting of 10,000', wrap('<a>'.repeat(10_000) + '</a>'.repeat(10_000)), 'tooDeep'],
    ['60,000 elements', wrap('<a/>'.repeat(60_000)), 'tooManyElements'],
    ['UTF-16', Buffer.from(`\uFEFF${wrap('')}`, 'utf16le'), 'notUtf8'],
    ['another declared encoding', `<?xml version="1.0" encoding="ISO-8859-1"?>${wrap('')}`, 'notUtf8'],
    ['half a message', wrap('').slice(0, -4), 'notXml'],
    ['nothing', '', 'notXml'],
    ['HTML', '<html><body>502</body></html>', 'notOpenAdr'],
    ['a 2.0a message', '<o:oadrPoll xmlns:o="http://openadr.org/oadr-2.0a/2012/07"/>', 'notOpenAdr'],
    ['a name of the object prototype', '<o:constructor xmlns:o="http://openadr.org/oadr-2.0b/2012/07"/>', 'notOpenAdr'],
    ['no venID', wrap(''), 'missing'],
    ['elements named as a parser names texts', wrap('<_>a<_/></_>a<_>b</_>'), 'missing'],
    ['the same, cut off', `<a>x</_><_`, 'notXml'],
  ])('%s is refused', (_, body, code) => {
    expect(refusal(body).code).toBe(code)
  })
  it('names where in the message it went wrong', () => {
    expect(refusal(format({ kind: 'oadrUpdatedReport', response: { code: '', requestID: '' } })).path).toBe(
      '/oadrPayload/oadrSignedObject/oadrUpdatedReport/eiResponse/responseCode',
    )
  })
})

describe('a message with anything wrong anywhere', () => {
  it('is read or refused with a code, never anything else', () => {
    const bodies = Object.values(everyMessage).map(format)
    const cut = fc.record({
      body: fc.constantFrom(...bodies),
      at: fc.nat(),
      length: fc.nat({ max: 40 }),
      by: fc.oneof(fc.string(), fc.constantFrom('<', '>', '"', '&', ']]>', '-1', 'NaN', '<a/>')),
    })
    fc.assert(
      fc.property(cut, ({ body, at, length, by }) => {
        const from = at % body.length
        try {
          parse(body.slice(0, from) + by + body.slice(from + length))
        } catch (error) {
          expect(error).toBeInstanceOf(WireError)
        }
      }),
      { numRuns: 1_000 },
    )
  })
})

describe('prefixes mean nothing', () => {
  it('one prefix bound to two namespaces in one message, as the EPRI VEN does', () => {
    const xml = `<?xml version="1.0" encoding="utf-8"?><p1:oadrPayload xmlns:p1="http://openadr.org/oadr-2.0b/2012/07"><p1:oadrSignedObject>
      <p1:oadrCreatedReport xmlns:p3="http://docs.oasis-open.org/ns/energyinterop/201110" p3:schemaVersion="2.0b">
        <p3:eiResponse><p3:responseCode>200</p3:responseCode><p3:requestID xmlns:p3="http://docs.oasis-open.org/ns/energyinterop/201110/payloads">r1</p3:requestID></p3:eiResponse>
        <p1:oadrPendingReports><p3:reportRequestID>RR</p3:reportRequestID></p1:oadrPendingReports>
        <p1:venID xmlns:p1="http://docs.oasis-open.org/ns/energyinterop/201110">V</p1:venID>
      </p1:oadrCreatedReport></p1:oadrSignedObject></p1:oadrPayload>`
    expect(parse(xml)).toEqual({ kind: 'oadrCreatedReport', response: { code: '200', requestID: 'r1' }, pending: ['RR'], venID: 'V' })
  })
  it('the right name in the wrong namespace is not that element', () => {
    const xml = format({ kind: 'oadrPoll', venID: 'V' }).replaceAll('energyinterop/201110"', 'energyinterop/209912"')
    expect(refusal(xml).code).toBe('missing')
  })
})

describe('one bad event does not cost its siblings', () => {
  const spoil = (from: string | RegExp, to: string) =>
    format({
      kind: 'oadrDistributeEvent',
      requestID: 'd',
      vtnID: 'T',
      events: ['A', 'BAD', 'C'].map(eventID => ({ ok: true, event: event({ eventID, modificationNumber: 7 }) })),
    }).replace(/(<oadr:oadrEvent><ei:eiEvent><ei:eventDescriptor><ei:eventID>BAD.*?<\/oadr:oadrEvent>)/, bad => bad.replace(from, to))
  it.each([
    ['a modification number that is none', />7</, '>seven<', 'badValue', 'modificationNumber'],
    ['no start', /<xcal:dtstart>.*?<\/xcal:dtstart>/, '', 'missing', 'dtstart'],
    ['a start that is no date', /2026-11-21T19/, '2026-13-99T19', 'badValue', 'date-time'],
    ['a duration that is none', /PT30M/, 'half an hour', 'badValue', 'duration'],
    ['a negative duration', /PT30M/, '-PT30M', 'badValue', 'duration'],
    ['a status nobody knows', '>far<', '>soonish<', 'badValue', 'eventStatus'],
    ['a value that is not a number', '<ei:value>50', '<ei:value>NaN', 'badValue', 'value'],
    ['an infinite value', '<ei:value>50', '<ei:value>INF', 'badValue', 'value'],
    ['no signal', /<ei:eiEventSignal>.*<\/ei:eiEventSignal>/, '', 'missing', 'eiEventSignal'],
    ['no market context', /<ei:eiMarketContext>.*<\/ei:eiMarketContext>/, '', 'missing', 'eiMarketContext'],
  ])('%s', (_, from, to, code, where) => {
    const message = parse(spoil(from, to))
    if (message.kind !== 'oadrDistributeEvent') throw new Error(message.kind)
    expect(message.events.map(e => e.ok)).toEqual([true, false, true])
    const bad = message.events[1]!
    expect(bad).toMatchObject({ eventID: 'BAD', responseRequired: 'always', error: { code } })
    expect(!bad.ok && bad.error.path).toMatch(new RegExp(`oadrEvent\\[2\\].*${where}$`))
  })
})

describe('values', () => {
  it.each([
    ['PT0S', 0],
    ['-PT0S', 0],
    ['P1D', 86_400],
    ['PT1H30M', 5_400],
    ['-PT5M', -300],
    ['+PT5M', 300],
    ['P2W', 1_209_600],
    ['P1DT1S', 86_401],
    ['PT0.5S', 0.5],
    ['P10M', 25_920_000],
    ['P1Y', 31_536_000],
    ['PT', 0],
    ['5M', undefined],
    ['PT5X', undefined],
    ['', undefined],
  ])('the duration %s is %s s', (wire, seconds) => {
    expect(parseDurationS(wire)).toBe(seconds)
  })
  it('every whole number of seconds survives the wire', () => {
    fc.assert(fc.property(fc.integer({ min: -10_000_000, max: 10_000_000 }), s => parseDurationS(formatDuration(s)) === s))
  })
  it('a fraction of a second is never formatted as no time at all', () => {
    expect(formatDuration(0.2)).toBe('PT1S')
  })
  it.each([
    ['2026-11-21T21:22:25Z', 0],
    ['2026-11-21T21:22:25', 0],
    ['2026-11-21T21:22:25.000000Z', 0],
    ['2026-11-21T22:22:25+01:00', 0],
    ['2026-11-21T16:22:25-05:00', 0],
    ['2026-11-21T21:22:25.1239Z', 123],
  ])('the instant %s', (wire, ms) => {
    expect(parseInstant(wire)).toBe(Date.UTC(2026, 10, 21, 21, 22, 25) + ms)
  })
  it.each(['2026-11-21', '21:22:25', '2026-11-31T99:00:00Z', 'now'])('%s is no instant', wire => {
    expect(parseInstant(wire)).toBeUndefined()
  })
  it('instants survive the wire', () => {
    expect(parseInstant(formatInstant(1_795_296_145_123))).toBe(1_795_296_145_123)
  })
  it('power is scaled to watts', () => {
    expect([scaled(1.5, 'k'), scaled(2, 'M'), scaled(7, 'none'), scaled(500, 'm')]).toEqual([1_500, 2_000_000, 7, 0.5])
  })
  it.each([
    [undefined, false],
    ['false', false],
    ['true', true],
    ['', true],
    ['0', true],
    ['no', true],
    ['FALSE', true],
  ])('testEvent %o means a test: %s [R6]', (testEvent, test) => {
    expect(isTest(event({ testEvent }))).toBe(test)
  })
})
