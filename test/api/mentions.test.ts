import { describe, expect, it } from 'vitest'
import { MASK, maskAll, namesAny } from '../../src/operations/mentions.ts'

async function* each(names: readonly string[]) {
  yield* names
}
const mask = async (text: string, own: readonly string[], others: readonly string[], spoken: readonly string[] = []) =>
  (await maskAll([text], { names: own, spoken }, each(others)))[0]!

describe('a name in a message', () => {
  it.each([
    ['CP-1', 'CP-1 is offline', true],
    ['CP-1', 'CP-10 is offline', false],
    ['CP-1', 'XCP-1', false],
    ['CP-1', 'see /boxes/CP-1?x=1', true],
    ['CP-1', 'resource%3aCP-1%26', true],
    ['CP-1', '%41CP-1', false],
    ['CP-1', String.raw`{"text":"first\nCP-1"}`, true],
    ['CP/1', 'id=CP%2F1&x', true],
    ['CP/1', String.raw`{"id":"CP\/1"}`, true],
    ['14 Orchard Lane', 'at=14+Orchard%20Lane', true],
    ["O'Neil & Co", '<name>O&apos;Neil &amp; Co</name>', true],
    ["O'Neil & Co", '<name>O&#39;Neil &#x26; Co</name>', true],
    ['Bäckerei', 'B%C3%A4ckerei', true],
    ['Bäckerei', String.raw`"B\u00E4ckerei"`, true],
    ['a.b+c', 'aXb+c', false],
    ['1200012345678', '<mpan>1200012345678</mpan>', true],
    ['1200012345678', '12000123456789', false],
    // it stands everywhere by chance
    ['7', 'version 7 of 7', false],
    ['7', '{"charger":"7"}', true],
    ['7', '<resourceID>7</resourceID>', true],
    ['7', String.raw`{"inner":"{\"id\":\"7\"}"}`, true],
  ])('%s in %s: %s', (name, text, expected) => {
    expect(namesAny([name])(text)).toBe(expected)
  })
  it('what people say is taken as it was said, however short', () => {
    expect(namesAny([], ['Jo'])('Jo rang')).toBe(true)
    expect(namesAny(['Jo'])('Jo rang')).toBe(false)
  })
})

describe('names of others', () => {
  it('are masked in whatever spelling, each; those of the person are not', async () => {
    const text = '<r>CP-1</r><r>CP-2</r><r>n%2F7</r><r>O&apos;Neil &amp; Co</r>'
    expect(await mask(text, ['CP-1'], ['CP-1', 'CP-2', 'CP-3', 'n/7', "O'Neil & Co"])).toEqual({
      text: `<r>CP-1</r><r>${MASK}</r><r>${MASK}</r><r>${MASK}</r>`,
      masked: 3,
      isNamed: true,
    })
  })
  it('the longer name is whose it is: CP-1-2 is not CP-1', async () => {
    expect(await mask('CP-1-2', ['CP-1'], ['CP-1-2'])).toEqual({ text: MASK, masked: 1, isNamed: false })
    expect(await mask('CP-1-2 and CP-1', ['CP-1'], ['CP-1-2'])).toEqual({ text: `${MASK} and CP-1`, masked: 1, isNamed: true })
    expect(await mask('CP-1-2', ['CP-1-2'], ['CP-1'])).toEqual({ text: 'CP-1-2', masked: 0, isNamed: true })
  })
  it('a message about thousands is masked in a moment', async () => {
    const others = Array.from({ length: 5_000 }, (_, i) => `CP-${10_000 + i}`)
    const text = others.map(o => `<resourceID>${o}</resourceID><signal>4.2</signal>`).join('')
    expect((await mask(`${text}CP-1`, ['CP-1'], others)).masked).toBe(5_000)
  })
})
