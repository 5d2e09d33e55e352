/** Configuration of a box that we change for as long as it is ours: each old value is stored, once, under `ocpp.key:`. */
import type { Central } from './central.ts'
import { configKey, type StationLink } from './station.ts'

/**
 * Sets a key to the first of `values` that the box takes. `write` resolves with the status of the box, or with what came instead of an answer. What
 * cannot be read (`old` undefined) cannot be put back: it is left as it is.
 */
export const setKept = async (
  central: Central,
  link: StationLink,
  key: string,
  old: string | undefined,
  values: readonly string[],
  write: (value: string) => Promise<string>,
): Promise<void> => {
  if (old === undefined || values[0] === old) return
  const { registry } = central.sink
  const name = configKey(link.no, key)
  const isFirst = registry.get(name) === undefined
  // Before it is changed: if we die in between, our own value would be taken for the old one.
  if (isFirst) await registry.set(name, old)
  let mayHaveOurs = false
  for (const value of values) {
    if (old === value) break
    const status = await write(value)
    if (status === 'Accepted' || status === 'RebootRequired') {
      // Put back meanwhile, for the box was let go: this value came after that.
      if (registry.get(name) === undefined) await registry.set(name, old)
      return central.note(link, 'configured', { station: link.no, key, from: old, to: value, status })
    }
    if (status === 'timeout' || status === 'offline') mayHaveOurs = true
  }
  if (isFirst && !mayHaveOurs) await registry.set(name, null)
}
