/**
 * A box's own random delay before any change of its limit (SI 2021/1467 reg. 11). Where the operator's configuration names its key it is read at boot, so
 * that the plan reckons with what the box does; and where the configuration says what switches it off, because the bridge's own random window is the
 * equivalent delay, it is switched off for as long as the box is ours, and put back when it is released. Neither is done to a model that is not named.
 */
import type { Central } from './central.ts'
import type { Dialect, Verdict } from './dialect.ts'
import { setKept } from './keptKeys.ts'
import { priority } from './ocppj/transport.ts'
import type { StationLink } from './station.ts'

export type DelayRule = {
  /** Which boxes: `vendor model|firmware`, `*` for any characters, in any letter case. */
  readonly model: string
  /** 1.6: the key; 2.0.1: `Component.Variable`. */
  readonly key: string
  /** The value that switches the delay off. Absent: it is left on, and only read. */
  readonly off?: string | undefined
}

/** SI 2021/1467 reg. 11: up to 1,800 s. A value beyond that is no delay in seconds. */
const mostS = 1_800

/** What a key says of the delay, S; undefined where it is no number of seconds. */
const secondsIn = (value: string): number | undefined => {
  const s = Number(value)
  return value.trim() !== '' && Number.isFinite(s) && s >= 0 && s <= mostS ? Math.ceil(s) : undefined
}
const statusOf = (verdict: Verdict): string =>
  verdict.kind === 'accepted' ? 'Accepted' : verdict.kind === 'refused' ? verdict.code : verdict.cause

/**
 * Switches the delay off or learns how long it is, into `link.capabilities`. True if that changed them. A box that does not answer, or does not show its
 * key, stays as it was imported; one that takes the change only at its next boot has its delay until then.
 */
export const settleOwnDelay = async (central: Central, link: StationLink, dialect: Dialect, rule: DelayRule): Promise<boolean> => {
  const had = await dialect.readKey(central, link, rule.key)
  if (had === null || had === undefined) return false
  let isOff = had === rule.off
  if (rule.off !== undefined)
    await setKept(central, link, rule.key, had, [rule.off], async value => {
      const status = statusOf(await dialect.writeKey(central, link, rule.key, value, priority.config))
      isOff = status === 'Accepted'
      return status
    })
  const delayS = isOff ? 0 : secondsIn(had)
  const wasS = link.capabilities.ownRandomDelayS ?? 0
  if (delayS === undefined || delayS === wasS) return false
  link.capabilities = { ...link.capabilities, ownRandomDelayS: delayS }
  return true
}
