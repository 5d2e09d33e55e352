import type { Registry } from '../../../src/ports.ts'
import { createRegistryIndex } from '../registryIndex.ts'

/** A registry for tests and simulations. */
export function createMemoryRegistry(): Registry {
  const index = createRegistryIndex()
  return {
    ...index,
    async put(change) {
      index.apply(change)
    },
    async forget(names) {
      index.drop(names)
    },
    async set(key, value) {
      index.assign(key, value)
    },
    async close() {},
  }
}
