import { describe, expect, test } from 'vitest'
import { changedInput, changeOf } from '../../simulations/replay/changes.ts'
import type { Ask, GridEvent, Input, Programme } from '../../src/core/model.ts'
import { programme as schema } from '../../src/programmeConfig.ts'

const { authorize: _, ...terms } = schema.parse({ id: 'flex' })
const programme: Input = { kind: 'programme', programme: { ...terms, version: 3 } as Programme }
const eventOf = (ask: Ask): GridEvent => ({
  id: 'e',
  source: { adapter: 'sim', peer: 'dso', credential: '' },
  upstreamRef: 'e',
  revision: 0,
  class: 'contracted',
  programme: 'flex',
  targets: [],
  intervals: [{ fromS: 0, toS: 60, ask }],
  spread: 'programme',
  priority: 5,
  stopAtOnce: false,
  test: false,
  duties: { ack: true, started: true, completed: true, telemetryEveryS: 0 },
  liveness: null,
  basis: null,
  rawHash: '',
})
/** Both inputs as they would have come. */
function changed(text: string, ask: Ask = { kind: 'shed', totalW: 9_000 }): readonly Input[] {
  const event = eventOf(ask)
  return [programme, { kind: 'signal', event } as Input].map(input => changedInput(input, event, [changeOf(text)]))
}

describe('what an event may be played with', () => {
  test('a parameter of its programme, and one of what is asked', () => {
    expect(changed('allocation=rotation')[0]).toMatchObject({ programme: { allocation: 'rotation', version: 3 } })
    expect(changed('vacant=yields')[0]).toMatchObject({ programme: { vacant: 'yields', version: 3 } })
    expect(changed('spread=1800')[0]).toMatchObject({ programme: { startSpreadS: 1_800, endSpreadS: 1_800 } })
    expect(changed('restore.policy=step')[0]).toMatchObject({ programme: { restore: { policy: 'step' } } })
    expect(changed('ask.totalW=5000')[1]).toMatchObject({ event: { intervals: [{ ask: { kind: 'shed', totalW: 5_000 } }] } })
    expect(changed('ask.fraction=0', { kind: 'keep', fraction: 0.5 })[1]).toMatchObject({
      event: { intervals: [{ ask: { fraction: 0 } }] },
    })
  })
  test.each([
    ['x=1', 'x'],
    ['id=other', 'an event is of its programme'],
    ['version=1', 'version'],
    ['__proto__.polluted=1', 'there is no __proto__'],
    ['constructor=1', 'there is no constructor'],
    ['allocation.x=1', 'nothing within allocation'],
    ['spread=99999', 'startSpreadS'],
    ['ask=5', 'the event asks {"kind":"shed","totalW":9000}'],
    ['ask.kind=off', 'the event asks'],
    ['ask.limitW=5', 'the event asks'],
    ['ask.toString=5', 'the event asks'],
    ['ask.totalW=abc', 'a number from 0 on'],
    ['ask.totalW=-5', 'a number from 0 on'],
    ['ask.totalW=.nan', 'a number from 0 on'],
    ['ask.totalW=.inf', 'a number from 0 on'],
  ])('%s is refused', (text, why) => {
    expect(() => changed(text)).toThrow(why)
    expect(({} as Record<string, unknown>)['polluted']).toBeUndefined()
  })
  test('a share is at most the whole', () => {
    expect(() => changed('ask.fraction=1.5', { kind: 'keep', fraction: 0.5 })).toThrow('from 0 to 1')
  })
  test.each(['x', '=1', 'a b=1', 'restore.policy=['])('"%s" is no change, said in one line', text => {
    expect(() => changeOf(text)).toThrow(/^[^\n]+$/)
    expect(() => changeOf(text)).toThrow(RangeError)
  })
})
