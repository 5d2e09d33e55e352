export type { Fault, MemoryJournal, MemoryStore } from './journal.ts'
export { createMemoryJournal, createMemoryStore } from './journal.ts'
export { createMemoryMeters } from './meters.ts'
export { createMemoryRegistry } from './registry.ts'
