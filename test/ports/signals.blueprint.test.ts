import { describe, expect, it } from 'vitest'
import { blueprint, parse } from '../../adapters/signals/_blueprint.ts'
import { type Announcement, signalSourceSuite } from './signals.suite.ts'

/** Lines that a test pushes; ends when told, as a closed pipe does. */
function pipe() {
  const waiting: ((result: IteratorResult<string>) => void)[] = []
  const lines: string[] = []
  let ended = false
  const iterator: AsyncIterator<string> = {
    next: () =>
      lines.length > 0
        ? Promise.resolve({ done: false, value: lines.shift()! })
        : ended
          ? Promise.resolve({ done: true, value: undefined })
          : new Promise(resolve => waiting.push(resolve)),
    async return() {
      ended = true
      for (const resolve of waiting.splice(0)) resolve({ done: true, value: undefined })
      return { done: true, value: undefined }
    },
  }
  return {
    lines: { [Symbol.asyncIterator]: () => iterator },
    push(line: string) {
      const resolve = waiting.shift()
      if (resolve === undefined) lines.push(line)
      else resolve({ done: false, value: line })
    },
  }
}

const lineOf = ({ ref, revision, target, fromS, toS, shedW }: Announcement) =>
  JSON.stringify({ ref, rev: revision, feeder: target, from: fromS, to: toS, shedKw: shedW / 1000 })

signalSourceSuite({
  adapter: 'blueprint',
  scheme: 'feeder',
  async rig() {
    const { lines, push } = pipe()
    return {
      source: blueprint({ peer: 'western', programme: 'winter', lines }),
      announce: async announcement => push(lineOf(announcement)),
      cancel: async (ref, rev) => push(JSON.stringify({ ref, rev, feeder: 'BATH-11', from: 0, to: 1 })),
      garbage: async () => push('{"ref": tomorrow at six'),
      close: async () => undefined,
    }
  },
})

describe('blueprint lines', () => {
  const good = { ref: 'ev-1', rev: 1, feeder: 'BATH-11', from: 100, to: 200, shedKw: 1.5 }
  const of = (wire: unknown) =>
    parse(Buffer.from(JSON.stringify(wire)), { peer: 'western', programme: 'winter' }, f => (f === 'BATH-11' ? [] : undefined))

  it('kilowatts of reduction become whole watts', () => {
    expect(of(good)).toMatchObject({
      kind: 'event',
      event: { id: 'blueprint:western:ev-1', intervals: [{ ask: { kind: 'shed', totalW: 1500 } }] },
    })
  })
  it.each([
    [{ ref: '' }, 'ref'],
    [{ rev: -1 }, 'rev'],
    [{ from: 1.5 }, 'from'],
    [{ to: 100 }, 'to'],
    [{ feeder: 'BATH-12' }, 'feeder'],
    [{ shedKw: -1 }, 'shedKw'],
  ])('%j is refused at its path', (change, path) => {
    expect(of({ ...good, ...change })).toMatchObject({ kind: 'refused', path })
  })
})
