import { BadField } from './fields.ts'
import type { Fields, Reply } from './link.ts'
import type { Station } from './station.ts'
import type { Measurand } from './traits.ts'

export type Handler = (station: Station, payload: Fields) => Reply

export const ok = (payload: Fields): Reply => ({ kind: 'result', payload })
export const error = (code: string, description = ''): Reply => ({ kind: 'error', code, description })

/** Answers a call by its handler; what it does not know is NotImplemented, what it cannot read gets the version's own code. */
export const answering =
  (handlers: Readonly<Record<string, Handler>>, codes: Readonly<Record<BadField['kind'], string>>) =>
  (station: Station, action: string, payload: Fields): Reply => {
    const handler = Object.hasOwn(handlers, action) ? handlers[action] : undefined
    if (handler === undefined) return error('NotImplemented', action)
    try {
      return handler(station, payload)
    } catch (thrown) {
      if (thrown instanceof BadField) return error(codes[thrown.kind], thrown.message)
      throw thrown
    }
  }

/** A smart-charging call, with the ways in which it can be lost or not be known at all. */
export const smartCharging =
  (handler: Handler): Handler =>
  (station, payload) => {
    const { traits, chance } = station.box
    if (traits.rejectsAll === 'NotImplemented') return error('NotImplemented', 'no smart charging')
    if (traits.neverAnswers || (traits.losesRequest > 0 && chance() < traits.losesRequest)) return { kind: 'silence' }
    const reply = handler(station, payload)
    if (traits.losesAnswer === 0 || chance() >= traits.losesAnswer) return reply
    return { kind: 'silence', ...(reply.after === undefined ? {} : { after: reply.after }) }
  }

/** A comma-separated list of measurands, all of which the meter has; undefined when it lacks one. */
export const parseMeasurands = (csv: string, has: readonly Measurand[]): readonly Measurand[] | undefined => {
  const names = csv
    .split(',')
    .map(s => s.trim())
    .filter(Boolean)
  return names.every(n => has.includes(n as Measurand)) ? (names as Measurand[]) : undefined
}
