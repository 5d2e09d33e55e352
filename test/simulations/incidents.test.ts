import { describe, expect, test } from 'vitest'
import { build } from '../../simulations/scenario/build.ts'
import { type Played, play } from '../../simulations/scenario/play.ts'
import { readScenario } from '../../simulations/scenario/read.ts'

/** 32 chargers under two feeders, a car at each all the while, and two events that limit each of them to 2 kW. Nothing in it hangs on chance but cars. */
const text = (incidents: string, chargers = 32) => `
scenario: 1
name: incidents
seed: 7
start: 2026-01-15T17:00
end: 2026-01-15T20:30
fleet: { chargers: ${chargers}, kinds: [{ model: acme, weight: 1, backend: anode }, { model: other, weight: 1 }] }
cars: { from: drawn, share: 1, arrival: "16:00", arrivalDeviationS: 0, stayS: 40000, stayDeviationS: 0, energyWh: [59000, 60000] }
programmes: [{ id: flex, startSpreadS: 0, endSpreadS: 0 }]
events:
  - { id: first, announced: "17:20", intervals: [{ from: "17:30", forS: 1800, ask: { kind: limitEach, limitW: 2000 } }] }
  - { id: second, announced: "19:00", intervals: [{ from: "19:10", forS: 1800, ask: { kind: limitEach, limitW: 2000 } }] }
incidents: [${incidents}]
`
const played = (incidents: string) => play(readScenario(text(incidents)))
const startS = Date.UTC(2026, 0, 15, 17) / 1000
const at = (clock: string) => startS + (Number(clock.slice(0, 2)) - 17) * 3_600 + Number(clock.slice(3)) * 60
const minute = (clock: string) => (at(clock) - startS) / 60
const everybody = [...Array(32).keys()]
/** What a charger drew in the minute that begins then, W of a charger of 7,360. */
const drew = ({ recorded }: Played, no: number, clock: string) => {
  const power = recorded.strip.minutes[minute(clock)]![no]! % 128
  // 1: a car that does not draw
  return power <= 1 ? 0 : Math.round((power * 7_360) / 127)
}
const isLimited = (p: Played, no: number, clock: string) => Math.abs(drew(p, no, clock) - 2_000) < 60
const isFree = (p: Played, no: number, clock: string) => drew(p, no, clock) > 7_200
const outcomes = ({ world }: Played, fromS: number, toS: number) =>
  world.model.commands.filter(c => c.atMs >= fromS * 1000 && c.atMs < toS * 1000).map(c => [c.command.charger, c.outcome] as const)
/** Strips of those whom it did not meet. */
const strips = ({ recorded }: Played, who: readonly number[]) => recorded.strip.minutes.map(m => who.map(no => m[no]))
const others = (who: readonly number[]) => everybody.filter(no => !who.includes(no))

const plain = await played('')
describe('a scripted fault is had by whom it names, and while it lasts', () => {
  test('without one, everybody keeps both limits', () => {
    for (const no of everybody)
      expect(['17:20', '17:45', '18:30', '19:30', '20:00'].map(clock => isLimited(plain, no, clock))).toEqual([
        false,
        true,
        false,
        true,
        false,
      ])
    expect(new Set(plain.world.model.commands.map(c => c.outcome))).toEqual(new Set(['accepted']))
  })
  test('offline: their links are down, they are told nothing, and afterwards they are as the others', async () => {
    const p = await played('{ at: "17:10", what: offline, chargers: [1, 5], forS: 4800 }')
    for (const no of [1, 5]) expect(['17:45', '19:30'].map(clock => isLimited(p, no, clock))).toEqual([false, true])
    expect(outcomes(p, at('17:10'), at('18:29')).filter(([no]) => no === 1 || no === 5)).toEqual([])
    expect(strips(p, others([1, 5]))).toEqual(strips(plain, others([1, 5])))
  })
  test('reject: they say no and why, until it is over', async () => {
    const p = await played('{ at: "17:00", what: reject, place: site/2, reason: "firmware update", forS: 3600 }')
    const who = [8, 9, 10, 11]
    const first = outcomes(p, at('17:00'), at('18:00'))
    for (const no of everybody) {
      expect(first.filter(o => o[0] === no).some(o => o[1] === 'rejected')).toBe(who.includes(no))
      expect([isLimited(p, no, '17:45'), isLimited(p, no, '19:30')]).toEqual([!who.includes(no), true])
    }
    expect(JSON.stringify(p.world.facts.map(f => f.fact))).toContain('firmware update')
    expect(outcomes(p, at('18:00'), at('20:30')).every(([, o]) => o === 'accepted')).toBe(true)
    expect(strips(p, others(who))).toEqual(strips(plain, others(who)))
  })
  test('accept and ignore: they say yes and draw on, and keep the limit from when it is over', async () => {
    const p = await played('{ at: "17:00", what: acceptAndIgnore, chargers: [3], forS: 2700 }')
    expect(
      outcomes(p, at('17:00'), at('17:31'))
        .filter(([no]) => no === 3)
        .every(([, o]) => o === 'accepted'),
    ).toBe(true)
    expect([isFree(p, 3, '17:40'), isLimited(p, 3, '17:50'), isLimited(p, 3, '19:30')]).toEqual([true, true, true])
    expect(strips(p, others([3]))).toEqual(strips(plain, others([3])))
  })
  test.each([
    ['within the bridge’s patience it is an answer', 10, 'accepted'],
    ['beyond it the call failed, and it worked', 45, 'unknown'],
  ])('late: %s', async (_, answerS, outcome) => {
    const p = await played(`{ at: "17:00", what: late, chargers: [4], answerS: ${answerS}, forS: 3600 }`)
    const [told] = p.world.model.commands.filter(c => c.command.charger === 4)
    expect([told!.dueMs - told!.atMs, told!.outcome]).toEqual([answerS * 1000 + 200, outcome])
    expect([isLimited(p, 4, '17:45'), isLimited(p, 4, '19:30')]).toEqual([true, true])
    const later = p.world.model.commands.filter(c => c.command.charger === 4 && c.atMs > at('19:00') * 1000)
    expect(later.map(c => [c.dueMs - c.atMs, c.outcome])).toEqual(later.map(() => [200, 'accepted']))
    expect(strips(p, others([4]))).toEqual(strips(plain, others([4])))
  })
})

/** Ups and downs of links, by station's first charger, as the bridge has them on record: within a second. */
const links = ({ world, built }: Played) =>
  world.facts
    .flatMap(({ atMs, fact }) =>
      fact.kind === 'link'
        ? [...fact.stations].map((station, k) => ({
            no: built.setting.chargers.findIndex(c => c.station === station),
            atS: atMs / 1000,
            isUp: fact.up[k] === 1,
          }))
        : [],
    )
    .filter(x => x.atS > startS + 1)

describe('a reconnect storm', () => {
  test('drops all links of a feeder at once, and each is back by chance within its time; again as often as it is said', async () => {
    const p = await played('{ at: "17:40", what: reconnectStorm, place: feeder/1, withinS: 120, everyS: 300, forS: 900 }')
    const seen = links(p)
    expect(new Set(seen.map(x => x.no))).toEqual(new Set(everybody.slice(16)))
    const rounds = [0, 300, 600].map(s => at('17:40') + s)
    for (const fromS of rounds) {
      const round = seen.filter(x => x.atS >= fromS && x.atS < fromS + 300)
      const [down, up] = [false, true].map(isUp => round.filter(x => x.isUp === isUp))
      expect(down!.map(x => x.no)).toEqual(everybody.slice(16))
      expect(Math.max(...down!.map(x => x.atS - fromS))).toBeLessThanOrEqual(1)
      const back = up!.map(x => x.atS - fromS)
      expect(back).toHaveLength(16)
      expect(Math.min(...back)).toBeGreaterThanOrEqual(1)
      expect(Math.max(...back)).toBeLessThanOrEqual(121)
      expect(new Set(back).size).toBeGreaterThan(8)
    }
    expect(seen).toHaveLength(3 * 32)
    expect(strips(p, everybody.slice(0, 16))).toEqual(strips(plain, everybody.slice(0, 16)))
    for (const no of everybody) expect(isLimited(p, no, '17:39') && isFree(p, no, '18:30') && isLimited(p, no, '19:30')).toBe(true)
  })
  test('once, where nothing else is said', async () => {
    const seen = links(await played('{ at: "17:40", what: reconnectStorm, chargers: [2, 3] }'))
    expect(seen.map(x => x.no).sort()).toEqual([2, 2, 3, 3])
    expect(Math.max(...seen.map(x => x.atS))).toBeLessThanOrEqual(at('17:41') + 1)
  })
})

describe('faults that fall together', () => {
  test('a link is back when the last of them is over, and who was without supply registers then', async () => {
    const p = await played(
      '{ at: "17:40", what: powerCut, chargers: [6], forS: 600 }, { at: "17:45", what: offline, chargers: [6], forS: 1200 }, { at: "17:50", what: reconnectStorm, withinS: 5 }',
    )
    expect(
      links(p)
        .filter(x => x.no === 6)
        .map(x => [Math.floor(x.atS / 60) * 60, x.isUp]),
    ).toEqual([
      [at('17:40'), false],
      [at('18:05'), true],
    ])
    expect(drew(p, 6, '17:45')).toBe(0)
    expect(isLimited(p, 6, '19:30')).toBe(true)
  })
  test('a command that a charger had yet to turn to is lost with its supply', async () => {
    const late = '{ at: "17:26", what: bridgeDies }, { at: "17:00", what: late, chargers: [6], answerS: 900 }'
    const [kept, lost] = [await played(late), await played(`${late}, { at: "17:30", what: powerCut, chargers: [6], forS: 300 }`)]
    expect([isFree(kept, 6, '17:39'), isLimited(kept, 6, '17:45')]).toEqual([true, true])
    expect([drew(lost, 6, '17:32'), isFree(lost, 6, '17:39'), isFree(lost, 6, '17:45')]).toEqual([0, true, true])
  })
})

describe('whom it meets', () => {
  const who = (incidents: string, chargers = 32) => build(readScenario(text(incidents, chargers))).incidents.map(x => x.who)
  const share = (s: number) => `{ at: "17:40", what: offline, share: ${s} }`
  test('is of a place, a backend, a model and a share together', () => {
    const { fleet, chargers } = build(readScenario(text(''))).setting
    const anode = chargers.filter(c => fleet.chargers.group?.[c.no] === 1).map(c => c.no)
    expect(anode.length).toBeGreaterThan(5)
    expect(who('{ at: "17:40", what: backendOutage, backend: anode }')).toEqual([anode])
    expect(who('{ at: "17:40", what: reject, model: acme, place: feeder/1 }')).toEqual([anode.filter(no => no >= 16)])
    expect(who('{ at: "17:40", what: late, answerS: 5, chargers: [31, 0] }')).toEqual([[0, 31]])
  })
  test('one more incident, or one more charger, shifts nobody else; a larger share has those of a smaller one', () => {
    const [third] = who(share(0.3))
    expect(third!.length).toBeGreaterThan(3)
    expect(who(`{ at: "17:10", what: reject, share: 0.5 }, ${share(0.3)}`)[1]).toEqual(third)
    expect(who(share(0.3), 33)[0]!.filter(no => no < 32)).toEqual(third)
    expect(who(share(0.6))[0]).toEqual(expect.arrayContaining([...third!]))
    expect(who('{ id: another, at: "17:40", what: offline, share: 0.3 }')[0]).not.toEqual(third)
  })
  test.each([
    ['a charger that is none', '{ at: "17:40", what: offline, chargers: [32] }', 'incidents.0: there is no charger 32, the last one is 31'],
    ['a backend that is none', '{ at: "17:40", what: backendOutage, backend: cathode }', 'incidents.0: no kind has the backend cathode'],
    ['a model that is none', '{ at: "17:40", what: reject, model: anode }', 'incidents.0: no kind is the model anode'],
    ['a place that is none', '{ at: "17:40", what: offline, place: feeder/2 }', 'feeder/2: there are only 2 of its kind'],
    ['a reason for what has none', '{ at: "17:40", what: offline, reason: no }', 'no such key: reason'],
    ['a late answer without its time', '{ at: "17:40", what: late }', 'answerS'],
  ])('%s is refused', (_, incident, fault) => {
    expect(() => who(incident)).toThrow(fault)
  })
})
