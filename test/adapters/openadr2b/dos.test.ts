import { describe, expect, it } from 'vitest'
import { numberOf } from '../../../adapters/signals/openadr2b/values.ts'
import { parseXml, WireError } from '../../../adapters/signals/openadr2b/xml.ts'

const many = (n: number, one: (i: number) => string) => Array.from({ length: n }, (_, i) => one(i)).join(' ')
const codeOf = (run: () => unknown) => {
  try {
    run()
    return 'read'
  } catch (error) {
    if (error instanceof WireError) return error.code
    throw error
  }
}

// Each of these is below 1 MB and took from seconds to minutes, in which nobody was served.
describe('a document made to cost time is refused before it does', () => {
  it.each([
    ['many attributes in one element', `<r ${many(80_000, i => `a${i}=""`)}/>`],
    ['many namespaces in one element', `<r ${many(40_000, i => `xmlns:a${i}="u${i}"`)}/>`],
    [
      'many namespaces at the root and one more in each child',
      `<r ${many(8_000, i => `xmlns:a${i}="u${i}"`)}>${'<a xmlns:b="c"/>'.repeat(40_000)}</r>`,
    ],
  ])(
    '%s',
    (_, xml) => {
      expect(codeOf(() => parseXml(xml))).toBe('tooManyAttributes')
    },
    2_000,
  )
  it('many namespaces on each level, and one more in each child', () => {
    const levels = many(60, d => `<r ${many(90, i => `xmlns:a${d}x${i}="u"`)}>`)
    const xml = levels + '<a xmlns:b="c"/>'.repeat(4_000) + '</r>'.repeat(60)
    expect(codeOf(() => parseXml(xml))).toBe('tooManyNamespaces')
  }, 2_000)
  it('many namespaces on each level and children that declare none', () => {
    const levels = many(60, d => `<r ${many(90, i => `xmlns:a${d}x${i}="u"`)}>`)
    expect(codeOf(() => parseXml(levels + '<a/>'.repeat(40_000) + '</r>'.repeat(60)))).toBe('tooManyNamespaces')
  }, 2_000)
  it('a thousand intervals that each repeat all namespaces, as some serialisers write them, are read', () => {
    const xml = `<r>${`<a ${many(13, i => `xmlns:p${i}="u${i}"`)}/>`.repeat(1_000)}</r>`
    expect(codeOf(() => parseXml(xml))).toBe('read')
  })
  it('as many as real messages have are read, and an equals sign within a value is none', () => {
    expect(codeOf(() => parseXml(`<r ${many(60, i => `a${i}="${'='.repeat(200)}"`)}/>`))).toBe('read')
  })
  it('a number of a million digits that is none', () => {
    const el = { ns: '', name: '', text: `${'1'.repeat(900_000)}x`, attrs: new Map(), children: [], path: '/v' }
    expect(codeOf(() => numberOf(el))).toBe('badValue')
  }, 2_000)
  it.each(['1e999', '-1e999', '1'.repeat(400)])('a number beyond all numbers: %s', text => {
    const el = { ns: '', name: '', text, attrs: new Map(), children: [], path: '/v' }
    expect(codeOf(() => numberOf(el))).toBe('badValue')
  })
})
