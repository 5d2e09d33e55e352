/** Says how many seconds to wait, 0 for go on. */
export type Rate = (who: string) => number

/** A bucket of `perMinute` requests for each name, refilled evenly; at most `names` names are remembered. */
export function createRate(perMinute: number, now: () => number, names = 10_000): Rate {
  const buckets = new Map<string, { left: number; at: number }>()
  return who => {
    const nowMs = now()
    const before = buckets.get(who) ?? { left: perMinute, at: nowMs }
    const left = Math.min(perMinute, before.left + ((nowMs - before.at) * perMinute) / 60_000)
    buckets.delete(who)
    buckets.set(who, { left: left >= 1 ? left - 1 : left, at: nowMs })
    const oldest = buckets.keys().next().value
    if (buckets.size > names && oldest !== undefined) buckets.delete(oldest)
    return left >= 1 ? 0 : Math.max(1, Math.ceil(((1 - left) * 60) / perMinute))
  }
}
