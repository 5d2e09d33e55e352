/** A source of numbers in [0, 1). */
export type Chance = () => number

/** 32-bit FNV-1a, so that any text can name a stream. */
const hash32 = (text: string): number => {
  let h = 0x811c9dc5
  for (let i = 0; i < text.length; i++) {
    h ^= text.charCodeAt(i)
    h = Math.imul(h, 0x01000193)
  }
  return h >>> 0
}

/**
 * The stream of numbers that `seed` and `label` name, always the same ones (mulberry32). Every charger draws from streams of its own, so
 * that adding a charger, or a draw elsewhere, changes nothing for the others. Not for secrets.
 */
export const stream = (seed: number | string, label: string): Chance => {
  let state = hash32(`${seed}/${label}`)
  return () => {
    state = (state + 0x6d2b79f5) | 0
    let t = Math.imul(state ^ (state >>> 15), 1 | state)
    t = (t + Math.imul(t ^ (t >>> 7), 61 | t)) ^ t
    return ((t ^ (t >>> 14)) >>> 0) / 2 ** 32
  }
}

/** A number drawn from [from, to). */
export const between = (chance: Chance, from: number, to: number): number => from + chance() * (to - from)

/** About a normal draw of mean 0 and deviation 1, never beyond 6 (Irwin and Hall: the sum of twelve is near enough). */
export const normal = (chance: Chance): number => {
  let sum = -6
  for (let k = 0; k < 12; k++) sum += chance()
  return sum
}

/** One of `items`, drawn by weight; `weights` need not sum to one. */
export const pick = <T>(chance: Chance, items: readonly (readonly [weight: number, item: T])[]): T => {
  let left = chance() * items.reduce((sum, [weight]) => sum + weight, 0)
  for (const [weight, item] of items) if ((left -= weight) < 0) return item
  return items[items.length - 1]![1]
}
