import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { createVirtualRuntime } from '../../adapters/runtime/memory.ts'
import type { Fault } from '../../adapters/stores/memory/journal.ts'
import { type Db, openDatabase } from '../../adapters/stores/sqlite/db.ts'
import { openJournal } from '../../adapters/stores/sqlite/journal.ts'
import { openMeters } from '../../adapters/stores/sqlite/meters.ts'
import { openRegistry } from '../../adapters/stores/sqlite/registry.ts'
import { openWitnesses } from '../../adapters/stores/sqlite/witnesses.ts'
import { generateSeed, signerOf } from '../../src/audit/note.ts'
import { journalSuite } from './journal.suite.ts'
import { metersSuite } from './meters.suite.ts'
import { registrySuite } from './registry.suite.ts'
import { witnessesSuite } from './witnesses.suite.ts'

/** A folder whose database is opened anew each time, as restarts do. */
function folder() {
  const dir = mkdtempSync(join(tmpdir(), 'gridbridge-'))
  const opened: Db[] = []
  return {
    db() {
      const db = openDatabase(dir)
      opened.push(db)
      return db
    },
    async dispose() {
      for (const db of opened) db.close()
      rmSync(dir, { recursive: true })
    },
  }
}

journalSuite('sqlite', async () => {
  const { db, dispose } = folder()
  const signer = signerOf('test.invalid/log', generateSeed())
  let fault: Fault | undefined
  const faulty = (inner: Db): Db => ({
    ...inner,
    write(work) {
      const failing = fault
      fault = undefined
      if (failing === 'before') throw new Error('injected: nothing happened')
      const result = inner.write(work)
      if (failing === 'after') throw new Error('injected: it worked')
      return result
    },
  })
  return { open: () => openJournal(faulty(db()), signer), failNext: next => void (fault = next), dispose }
})
metersSuite('sqlite', async () => {
  const { db, dispose } = folder()
  const runtime = createVirtualRuntime(1_700_000_000_000)
  return { nowMs: runtime.now(), open: () => openMeters(db(), runtime), dispose }
})
registrySuite('sqlite', async () => {
  const { db, dispose } = folder()
  return { open: () => openRegistry(db()), dispose }
})
witnessesSuite('sqlite', async () => {
  const { db, dispose } = folder()
  return { open: () => openWitnesses(db()), dispose }
})
