import { describe, expect, it } from 'vitest'
import { MASK, maskAll, namesAny, replaced } from '../../src/operations/mentions.ts'

/** Nobody is told of, or kept after an erasure, because a message spells a name otherwise than the registry does. */
const base64 = (text: string): string => Buffer.from(text).toString('base64')
const hidden: readonly (readonly [how: string, name: string, text: string])[] = [
  ['in small letters', 'BOX-JANE', '{"box":"box-jane"}'],
  ['as XML entities, all of it', 'Jane', '<id>&#74;&#97;&#x6e;&#x65;</id>'],
  ['as JSON escapes, all of it', 'Jane', String.raw`{"id":"\u004aan\u0065"}`],
  ['percent-encoded, all of it', 'CP-1', 'id=%43%50%2D%31&x=1'],
  ['its accents apart', 'Zoë Müller', 'said: Zoe\u0308 Mu\u0308ller rang'],
  ['its accents in one, where the registry has them apart', 'Chloe\u0308', 'said: Chloë rang'],
  ['in base64', 'BOX-JANE', JSON.stringify({ body: base64('<boxes><box>BOX-JANE</box></boxes>') })],
  ['in base64 without padding, for URLs', 'BOX-JANE', `body=${Buffer.from('{"box":"BOX-JANE","x":"??>"}').toString('base64url')}`],
]
async function* each(names: readonly string[]) {
  yield* names
}

describe('a name in another form', () => {
  it.each(hidden)('%s: it is found', (_, name, text) => {
    expect(namesAny([name])(text)).toBe(true)
    expect(namesAny(['somebody'])(text)).toBe(false)
  })
  it.each(hidden)('%s: a neighbour is masked in what another is given', async (_, name, text) => {
    const [all] = await maskAll([`${text} CP-77`], { names: ['CP-77'], spoken: [] }, each([name]))
    expect(all).toMatchObject({ masked: 1, isNamed: true })
    expect(all!.text).toContain(MASK)
    expect(namesAny([name])(all!.text)).toBe(false)
  })
  it.each(hidden)('%s: the person is given the message', async (_, name, text) => {
    expect((await maskAll([text], { names: [name], spoken: [] }, each([])))[0]).toEqual({ text, masked: 0, isNamed: true })
  })
  it.each(hidden)('%s: it goes from a value that is kept', (_, name, text) => {
    const left = replaced(text, [name], [], 'erased')
    expect(namesAny([name])(left)).toBe(false)
    expect(left).toContain('erased')
  })
})

it('what only looks like base64 is left alone, and a longer name of another stays one', async () => {
  expect(namesAny(['CP-1'])('transactionId AAAAAAAAAAAAAAAA Q1AtMTA=')).toBe(false)
  expect(replaced('sent AAAAAAAAAAAAAAAA for box-janes', ['BOX-JANE'], [], 'erased')).toBe('sent AAAAAAAAAAAAAAAA for box-janes')
})
