/** What every ChargerLink keeps, whatever its protocol. Run it against an adapter with `chargersSuite(name, make)`. */
import { describe, expect, it, onTestFinished } from 'vitest'
import type { ChargerNo, Command, Outcome, Second } from '../../src/core/model.ts'
import type { ChargerLink } from '../../src/ports.ts'

/** How the far side treats commands from now on. `late`: answers only after the link has given up. */
export type Behaviour = 'obeys' | 'refuses' | 'silent' | 'late'
export type ChargersHarness = {
  readonly link: ChargerLink
  /** At least two, each on a station of the same number. */
  readonly chargers: readonly ChargerNo[]
  nowS(): Second
  readonly outcomes: readonly Outcome[]
  readonly doubts: readonly { readonly chargers: readonly ChargerNo[]; readonly why: string }[]
  readonly links: readonly { readonly station: number; readonly up: boolean }[]
  behave(charger: ChargerNo, how: Behaviour): void
  connect(charger: ChargerNo): Promise<void>
  disconnect(charger: ChargerNo): void
  /** The limit that the charger holds now, null for none. */
  heldW(charger: ChargerNo): number | null
  /** Lets time pass until `test` is true; fails after a few seconds. */
  until(what: string, test: () => boolean): Promise<void>
  close(): Promise<void>
}

export const chargersSuite = (name: string, make: () => Promise<ChargersHarness>): void => {
  let seq = 0
  const open = async (): Promise<ChargersHarness> => {
    const harness = await make()
    onTestFinished(() => harness.close())
    return harness
  }
  const limit = (h: ChargersHarness, charger: ChargerNo, limitW: number | null): Command => ({
    charger,
    station: charger,
    seq: ++seq,
    schedule: limitW === null ? [] : [{ fromS: h.nowS() - 5, toS: h.nowS() + 600, limitW, because: 1 }],
    urgent: false,
    atS: h.nowS(),
  })
  const all = (h: ChargersHarness, command: Command) => h.outcomes.filter(o => o.charger === command.charger && o.seq === command.seq)
  const one = async (h: ChargersHarness, command: Command): Promise<Outcome> => {
    await h.until(`command ${command.seq} ends`, () => all(h, command).length > 0)
    return all(h, command)[0]!
  }

  describe(`charger link ${name}`, () => {
    it('says when a station is there and when it is gone', async () => {
      const h = await open()
      const [a] = h.chargers as [ChargerNo]
      await h.connect(a)
      await h.until('it is up', () => h.links.some(l => l.station === a && l.up))
      h.disconnect(a)
      await h.until('it is down', () => h.links.some(l => l.station === a && !l.up))
    })
    it('a limit is held, and gone after a clear', async () => {
      const h = await open()
      const [a] = h.chargers as [ChargerNo]
      await h.connect(a)
      const [set, free] = [limit(h, a, 6_900), limit(h, a, null)]
      h.link.send([set])
      expect((await one(h, set)).kind).toBe('accepted')
      expect(h.heldW(a)).toBe(6_900)
      h.link.send([free])
      expect((await one(h, free)).kind).toBe('accepted')
      expect(h.heldW(a)).toBeNull()
    })
    it('the same again is harmless', async () => {
      const h = await open()
      const [a] = h.chargers as [ChargerNo]
      await h.connect(a)
      for (const command of [limit(h, a, 6_900), limit(h, a, 6_900)]) {
        h.link.send([command])
        expect((await one(h, command)).kind).toBe('accepted')
      }
      expect(h.heldW(a)).toBe(6_900)
    })
    it('a refusal is rejected, with a cause, and nothing is held', async () => {
      const h = await open()
      const [a] = h.chargers as [ChargerNo]
      h.behave(a, 'refuses')
      await h.connect(a)
      const command = limit(h, a, 6_900)
      h.link.send([command])
      expect(await one(h, command)).toMatchObject({ kind: 'rejected', cause: expect.stringMatching(/./) })
      expect(h.heldW(a)).toBeNull()
    })
    it('no answer is unknown', async () => {
      const h = await open()
      const [a] = h.chargers as [ChargerNo]
      h.behave(a, 'silent')
      await h.connect(a)
      const command = limit(h, a, 6_900)
      h.link.send([command])
      expect((await one(h, command)).kind).toBe('unknown')
    })
    it('a late answer is a doubt and no second outcome', async () => {
      const h = await open()
      const [a] = h.chargers as [ChargerNo]
      h.behave(a, 'late')
      await h.connect(a)
      const command = limit(h, a, 6_900)
      h.link.send([command])
      expect((await one(h, command)).kind).toBe('unknown')
      await h.until('it is in doubt', () => h.doubts.some(d => d.chargers.includes(a)))
      expect(all(h, command)).toHaveLength(1)
    })
    it('nobody there is unknown, and one charger does not hold up another', async () => {
      const h = await open()
      const [a, b] = h.chargers as [ChargerNo, ChargerNo]
      await h.connect(b)
      const [lost, fine] = [limit(h, a, 6_900), limit(h, b, 6_900)]
      h.link.send([lost, fine])
      expect((await one(h, lost)).kind).toBe('unknown')
      expect((await one(h, fine)).kind).toBe('accepted')
    })
    it('the link goes in flight: unknown', async () => {
      const h = await open()
      const [a] = h.chargers as [ChargerNo]
      h.behave(a, 'silent')
      await h.connect(a)
      const command = limit(h, a, 6_900)
      h.link.send([command])
      h.disconnect(a)
      expect((await one(h, command)).kind).toBe('unknown')
    })
    it('a newer command replaces one that waits; each ends exactly once', async () => {
      const h = await open()
      const [a] = h.chargers as [ChargerNo]
      await h.connect(a)
      const commands = [6_900, 7_590, 8_280, 8_970].map(limitW => limit(h, a, limitW))
      for (const command of commands) h.link.send([command])
      for (const command of commands) await one(h, command)
      const kinds = commands.map(command => all(h, command).map(o => o.kind))
      expect(kinds.every(k => k.length === 1)).toBe(true)
      expect(kinds.at(-1)).toEqual(['accepted'])
      expect(kinds.flat().every(kind => kind === 'accepted' || kind === 'superseded')).toBe(true)
      expect(h.heldW(a)).toBe(8_970)
    })
    it('there is an end to the rungs', async () => {
      const h = await open()
      const [a] = h.chargers as [ChargerNo]
      await h.connect(a)
      let steps = 0
      while (h.link.unmoved(a)) expect(++steps).toBeLessThan(50)
      h.link.moved(a)
    })
    it('force on a charger that is not there is a no', async () => {
      const h = await open()
      const [a] = h.chargers as [ChargerNo]
      expect(await h.link.force(a, 'stop')).toBe(false)
      expect(await h.link.force(a, 'disable')).toBe(false)
    })
    it('nothing but ours is on the box: no ceiling', async () => {
      const h = await open()
      const [a] = h.chargers as [ChargerNo]
      await h.connect(a)
      const command = limit(h, a, 6_900)
      h.link.send([command])
      await one(h, command)
      expect(h.link.ceilingW(a)).toBeNull()
    })
    it('a released station holds nothing of ours', async () => {
      const h = await open()
      const [a] = h.chargers as [ChargerNo]
      await h.connect(a)
      const command = limit(h, a, 6_900)
      h.link.send([command])
      await one(h, command)
      expect((await h.link.release(a)).failed).toEqual([])
      expect(h.heldW(a)).toBeNull()
    })
  })
}
