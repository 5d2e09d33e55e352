import type { Ask } from '../core/model.ts'
import { done, invalid, type Result } from './result.ts'

/** What an operator may ask of each charger (`amps` per phase, `watts`, `percent` of its own maximum, `to`) or of the node (`totalWatts`). */
export type LimitRequest =
  | { readonly amps: number }
  | { readonly watts: number }
  | { readonly percent: number }
  | { readonly totalWatts: number }
  | { readonly to: 'floor' | 'off' }

/** Least current that a mode-3 charger can signal (IEC 61851-1 annex A). */
export const FLOOR_A = 6

/** The ask of a limit. `floor` is 6 A on each phase, the least at which a car still charges. */
export function askOf(limit: LimitRequest): Ask {
  if ('amps' in limit) return { kind: 'limitEach', limitA: limit.amps }
  if ('watts' in limit) return { kind: 'limitEach', limitW: limit.watts }
  if ('percent' in limit) return { kind: 'keep', fraction: limit.percent / 100 }
  if ('totalWatts' in limit) return { kind: 'cap', totalW: limit.totalWatts }
  return limit.to === 'off' ? { kind: 'off' } : { kind: 'limitEach', limitA: FLOOR_A }
}

/** As people write it: `6A`, `1400W`, `1.4kW`, `50%`, `floor`, `off`, and for the whole node `total 500kW`. */
export function parseLimit(text: string): Result<LimitRequest> {
  const word = text.trim()
  if (word === 'floor' || word === 'off') return done({ to: word })
  const match = /^(total\s+)?(\d+(?:\.\d+)?)\s*(A|W|kW|MW|%)$/.exec(word)
  if (match) {
    const value = Number(match[2])
    const unit = match[3] as 'A' | 'W' | 'kW' | 'MW' | '%'
    const watts = value * { A: Number.NaN, '%': Number.NaN, W: 1, kW: 1_000, MW: 1_000_000 }[unit]
    if (match[1] !== undefined) {
      if (!Number.isNaN(watts)) return done({ totalWatts: watts })
    } else if (unit === 'A') return done({ amps: value })
    else if (unit === '%') {
      if (value <= 100) return done({ percent: value })
    } else return done({ watts })
  }
  return invalid(
    'bad-limit',
    '#/limit',
    text,
    `${JSON.stringify(text)} is not a limit`,
    'write 6A, 1400W, 1.4kW, 50%, floor, off or "total 500kW"',
  )
}

/** In words, for people and the record. */
export function limitText(limit: LimitRequest): string {
  if ('amps' in limit) return `${limit.amps} A`
  if ('watts' in limit) return `${limit.watts} W`
  if ('percent' in limit) return `${limit.percent} %`
  if ('totalWatts' in limit) return `total ${limit.totalWatts} W`
  return limit.to
}
