import { createMemoryJournal, createMemoryStore, type Fault, type MemoryJournal } from '../../adapters/stores/memory/journal.ts'
import { createMemoryMeters } from '../../adapters/stores/memory/meters.ts'
import { createMemoryRegistry } from '../../adapters/stores/memory/registry.ts'
import { createMemoryWitnesses } from '../../adapters/stores/memory/witnesses.ts'
import { journalSuite } from './journal.suite.ts'
import { metersSuite } from './meters.suite.ts'
import { registrySuite } from './registry.suite.ts'
import { witnessesSuite } from './witnesses.suite.ts'

journalSuite('memory', async () => {
  const store = createMemoryStore()
  const open: MemoryJournal[] = []
  return {
    open() {
      const journal = createMemoryJournal(store)
      open.push(journal)
      return journal
    },
    failNext: (fault: Fault) => open[0]!.failNext(fault),
    dispose: async () => {},
  }
})
metersSuite('memory', async () => ({ nowMs: 1_700_000_000_000, open: () => createMemoryMeters(), dispose: async () => {}, forgets: true }))
registrySuite('memory', async () => {
  const registry = createMemoryRegistry()
  return { open: () => registry, dispose: async () => {} }
})
witnessesSuite('memory', async () => {
  const witnesses = createMemoryWitnesses()
  return { open: () => witnesses, dispose: async () => {} }
})
