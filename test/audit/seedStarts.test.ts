import { createHash } from 'node:crypto'
import { describe, expect, it } from 'vitest'
import { createVirtualRuntime } from '../../adapters/runtime/memory.ts'
import { createMemoryJournal, createMemoryMeters, createMemoryRegistry, createMemoryStore } from '../../adapters/stores/memory/index.ts'
import { createVirtualChargers } from '../../simulations/virtual/chargers.ts'
import { everyoneEnrolled, fleetOf, testProgramme } from '../../simulations/virtual/fleet.ts'
import { signerOf } from '../../src/audit/note.ts'
import type { Fact } from '../../src/core/model.ts'
import { entries } from '../../src/engine/recover.ts'
import { eventKeys } from '../../src/engine/seeds.ts'
import { createEngine } from '../../src/engine.ts'
import { evidenceFiles } from '../../src/operations/evidence.ts'
import { checkPack } from '../../src/operations/evidenceCheck.ts'
import type { Journal } from '../../src/ports.ts'
import { gridEvent, start } from '../scenarios/stage.ts'

/** A bridge that dies in an append, before it is stored or after it: the log has one commitment, the signal one seed. */
const signer = signerOf('memory.gridbridge.invalid/log', new Uint8Array(32).fill(7))
const seedKey = new Uint8Array(32).fill(7)
const raw = Buffer.from('the message')
const event = gridEvent('e', start + 3_600, start + 7_200, {
  ask: { kind: 'off' },
  rawHash: createHash('sha256').update(raw).digest('hex'),
})

type Fault = { readonly when: 'before' | 'after'; readonly of: Fact['kind'] }
/** The first append that has such a fact fails, and with it all that come after: the process is dead. */
function dying(journal: Journal, fault: Fault | undefined): Journal {
  let isDead = false
  return {
    ...journal,
    async append(at, leaves, blobs) {
      const isHit = fault && !isDead && leaves.some(leaf => Buffer.from(leaf).includes(`"kind":"${fault.of}"`))
      if (isDead || (isHit && fault.when === 'before')) {
        isDead = true
        throw new Error('injected: nothing happened')
      }
      await journal.append(at, leaves, blobs)
      if (!isHit) return
      isDead = true
      throw new Error('injected: it worked')
    },
  }
}
async function life(journal: Journal, fault?: Fault): Promise<void> {
  const runtime = createVirtualRuntime(start * 1000, 'seeds')
  const { link } = createVirtualChargers(runtime, [])
  const world = { runtime, journal: dying(journal, fault), meters: createMemoryMeters(), registry: createMemoryRegistry(), chargers: link }
  const engine = createEngine({ ...world, signals: [], seedKey })
  await engine.start()
  await engine.handle(fleetOf([{}, {}]), { kind: 'programme', programme: testProgramme({ startSpreadS: 600 }) }, everyoneEnrolled(2))
  await engine.bridge.submit(event, raw)
}
async function factsOf<K extends Fact['kind']>(journal: Journal, kind: K): Promise<Extract<Fact, { kind: K }>[]> {
  const found: Extract<Fact, { kind: K }>[] = []
  for await (const { fact } of entries(journal, 0)) if (fact.kind === kind) found.push(fact as Extract<Fact, { kind: K }>)
  return found
}

describe.each(['before', 'after'] as const)('dead %s an append is stored', when => {
  it.each(['keyCommitted', 'signal'] as const)(
    'of a %s: two starts on one signal give one seed, and a pack shows that it is the only one',
    async of => {
      const journal = createMemoryJournal(createMemoryStore(), signer)
      await expect(life(journal, { when, of })).rejects.toThrow('injected')
      const drawn = await factsOf(journal, 'signal')
      await life(journal)
      await life(journal)
      expect(await factsOf(journal, 'keyCommitted')).toEqual([expect.objectContaining({ from: 0, count: 128 })])
      const signals = await factsOf(journal, 'signal')
      expect(signals).toHaveLength(1)
      if (of === 'signal' && when === 'after') expect(signals).toEqual(drawn)
      const source = { journal, eventKeys: eventKeys(seedKey, () => true), isOver: () => true }
      const { lines } = checkPack((await evidenceFiles(source, '0', { nowMs: 0, version: '0' }))!, { keys: [signer.verifier] })
      expect(lines.filter(l => ['key of the seed', 'seed', 'no other seed'].includes(l.what)).map(l => l.result)).toEqual([
        'ok',
        'ok',
        'ok',
      ])
      expect(lines.find(l => l.what === 'no other seed')!.why).toMatch(/^the log begins with that commitment \(entry 0\)/)
    },
  )
})
