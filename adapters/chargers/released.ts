/**
 * Boxes that were let go: nothing of ours is on them, and nothing is configured anew when they boot, until they are enrolled again. Whether one was is in
 * the registry, with what is still to be put back: `open` while something is, `done` afterwards. What could not be undone, because the box was offline or
 * refused, is tried again each time that it connects.
 */
import type { NodeNo } from '../../src/core/model.ts'
import type { Central } from './central.ts'
import type { Dialect } from './dialect.ts'
import type { LimitKeys } from './limitKey.ts'
import { priority } from './ocppj/transport.ts'
import { configKey, type StationLink } from './station.ts'

export type Undone = { readonly cleared: number; readonly restoredKeys: readonly string[]; readonly failed: readonly string[] }
export type ReleasedPorts = {
  readonly central: Central
  readonly limitKeys: LimitKeys
  dialectOf(link: StationLink): Dialect
  linkOf(station: NodeNo): StationLink | undefined
  clearAll(link: StationLink): Promise<{ readonly failed: number }>
  /** Is any charger of the box in a programme now? */
  isEnrolled(station: NodeNo): boolean
}

const storeKey = (no: NodeNo | ''): string => `ocpp.released:${no}`

export const createReleased = ({ central, limitKeys, dialectOf, linkOf, clearAll, isEnrolled }: ReleasedPorts) => {
  const { registry } = central.sink
  const all = new Set([...registry.keys(storeKey(''))].map(name => Number(name.slice(storeKey('').length))))
  const keysOf = (no: NodeNo): readonly string[] => [...registry.keys(configKey(no))].map(name => name.slice(configKey(no).length))

  const isOpen = (no: NodeNo): boolean => registry.get(storeKey(no)) === 'open' || keysOf(no).length > 0 || limitKeys.isHolding(no)
  const running = new Map<NodeNo, Promise<unknown>>()
  /** One after another for a box: what the first has left, the next finds. */
  const inTurn = <T>(no: NodeNo, job: () => Promise<T>): Promise<T> => {
    const done = (running.get(no) ?? Promise.resolve()).then(job, job)
    running.set(no, done)
    const leave = (): void => void (running.get(no) === done && running.delete(no))
    done.then(leave, leave)
    return done
  }

  const putBack = async (link: StationLink, key: string): Promise<boolean> => {
    const value = registry.get(configKey(link.no, key))
    const verdict = value === undefined ? undefined : await dialectOf(link).writeKey(central, link, key, value, priority.config)
    const isBack = verdict?.kind === 'accepted' || (verdict?.kind === 'refused' && verdict.code === 'RebootRequired')
    if (isBack) await registry.set(configKey(link.no, key), null)
    return isBack
  }
  /** Clears what is ours and puts back what we changed. */
  const letGo = async (no: NodeNo): Promise<Omit<Undone, 'cleared'>> => {
    const link = linkOf(no)
    const limitKey = limitKeys.keyOf(no)
    if (link?.up !== true) return { restoredKeys: [], failed: ['offline', ...keysOf(no), ...(limitKey === undefined ? [] : [limitKey])] }
    const failed: string[] = []
    const restoredKeys: string[] = []
    const { failed: uncleared } = await clearAll(link)
    if (uncleared > 0) failed.push('profiles')
    if (limitKey !== undefined) ((await limitKeys.free(link)).kind === 'accepted' ? restoredKeys : failed).push(limitKey)
    for (const key of keysOf(no)) ((await putBack(link, key)) ? restoredKeys : failed).push(key)
    if (all.has(no)) await registry.set(storeKey(no), failed.length === 0 ? 'done' : 'open')
    return { restoredKeys, failed }
  }

  return {
    async release(no: NodeNo): Promise<Undone> {
      all.add(no)
      // what its last commands clear on their own meanwhile counts as well
      const clearedBefore = linkOf(no)?.cleared ?? 0
      // Before anything is put back: a boot in between would change it again.
      await registry.set(storeKey(no), 'open')
      const undone = await inTurn(no, () => letGo(no))
      return { cleared: (linkOf(no)?.cleared ?? 0) - clearedBefore, ...undone }
    },
    /** True for a box that is to be left alone; finishes what is left to undo. */
    async keepsOff(no: NodeNo): Promise<boolean> {
      if (!all.has(no)) return false
      await inTurn(no, async () => {
        if (isOpen(no)) await letGo(no)
      })
      return true
    },
    has: (no: NodeNo): boolean => all.has(no),
    /** Boxes that have been enrolled again since. */
    tick(enrolledAgain: (no: NodeNo) => void): void {
      for (const no of all) {
        if (!isEnrolled(no)) continue
        all.delete(no)
        void registry.set(storeKey(no), null)
        enrolledAgain(no)
      }
    },
  }
}
