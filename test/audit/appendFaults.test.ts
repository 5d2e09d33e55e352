import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import { type Db, openDatabase, type Statement } from '../../adapters/stores/sqlite/db.ts'
import { openJournal } from '../../adapters/stores/sqlite/journal.ts'
import { openReader } from '../../adapters/stores/sqlite/reader.ts'
import { checkpointIn } from '../../src/audit/log.ts'
import { signerOf } from '../../src/audit/note.ts'
import { verifyLog } from '../../src/audit/verify.ts'
import type { Journal } from '../../src/ports.ts'

const signer = signerOf('grid.example/log', new Uint8Array(32).fill(1))
const leaf = (what: string) => Buffer.from(JSON.stringify({ at: 1, fact: { kind: 'noted', what }, turn: 1 }))
/** Three entries over the edge of a tile, so that the append writes one. */
const before = Array.from({ length: 255 }, (_, i) => leaf(`entry ${i}`))
const added = [leaf('first'), leaf('second'), leaf('third')]

let dir: string
let dbs: Db[]
beforeEach(() => {
  dir = mkdtempSync(join(tmpdir(), 'gridbridge-'))
  dbs = []
})
afterEach(() => {
  for (const db of dbs) db.close()
  rmSync(dir, { recursive: true })
})
function open(through: (db: Db) => Db = db => db): Journal {
  const db = openDatabase(dir)
  dbs.push(db)
  return openJournal(through(db), signer)
}

/**
 * Every step that an append takes in the store: each statement, and the commit. The `at`-th fails, before it has done anything or after it has done it all;
 * what was written in a transaction that does not end is undone by the file, as after a kill.
 */
function failing(at: () => number, when: 'before' | 'after', seen: { steps: number }) {
  const step = <T>(work: () => T): T => {
    const mine = ++seen.steps === at()
    if (mine && when === 'before') throw new Error('injected: nothing happened')
    const result = work()
    if (mine) throw new Error('injected: it worked')
    return result
  }
  const through = (s: Statement): Statement => ({
    run: parameters => step(() => s.run(parameters)),
    get: parameters => step(() => s.get(parameters)),
    all: parameters => step(() => s.all(parameters)),
  })
  return (db: Db): Db => ({ ...db, prepare: sql => through(db.prepare(sql)), write: work => step(() => db.write(work)) })
}

async function verified(): Promise<number> {
  const reader = openReader(join(dir, 'gridbridge.db'))
  const result = await verifyLog(reader, signer.verifier)
  reader.close()
  expect(result).toMatchObject({ ok: true })
  return result.size
}
async function texts(journal: Journal): Promise<string[]> {
  const all: string[] = []
  for await (const chunk of journal.read(before.length)) all.push(...chunk.map(bytes => Buffer.from(bytes).toString()))
  return all
}

describe.each(['before', 'after'] as const)('an append that fails at any step of the store, %s it was done', when => {
  it('is there or is not after a restart, and no size ever has two checkpoints', async () => {
    expect(stepsOfOneAppend).toBeGreaterThanOrEqual(6)
    for (let at = 1; at <= stepsOfOneAppend; at++) {
      rmSync(dir, { recursive: true })
      dir = mkdtempSync(join(tmpdir(), 'gridbridge-'))
      const shown = new Map<number, string>()
      const show = (journal: Journal) => {
        const note = journal.checkpoint()
        const { size } = checkpointIn(note)!
        expect(shown.get(size) ?? note, `step ${at}`).toBe(note)
        shown.set(size, note)
      }
      await open().append(0, before, [])
      const seen = { steps: 0 }
      let armed = 0
      const journal = open(failing(() => armed, when, seen))
      show(journal)
      seen.steps = 0
      armed = at
      await expect(journal.append(before.length, added, [])).rejects.toThrow()
      armed = 0
      show(journal)
      // The engine may try again at once, with other facts; a store in doubt must refuse.
      const retried = await journal.append(before.length, [leaf('retried')], []).then(
        () => true,
        () => false,
      )
      show(journal)

      const again = open()
      show(again)
      const found = await texts(again)
      const wanted = [[], added, [leaf('retried')]].map(l => l.map(String))
      expect(wanted, `step ${at}`).toContainEqual(found)
      if (retried) expect(found, `step ${at}`).toEqual([String(leaf('retried'))])
      expect(await verified()).toBe(before.length + found.length)
      await again.append(again.size(), [leaf('onwards')], [])
      show(again)
      await verified()
    }
  })
})
let stepsOfOneAppend = 0
beforeEach(async () => {
  const seen = { steps: 0 }
  const journal = open(failing(() => 0, 'before', seen))
  await journal.append(0, before, [])
  seen.steps = 0
  await journal.append(before.length, added, [])
  stepsOfOneAppend = seen.steps
})
