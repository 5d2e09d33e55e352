import { existsSync, readFileSync } from 'node:fs'
import type { ChargerSpec } from '../../../simulations/fleet/box.ts'

/** A change at a charger, as its own process wrote it down: what it obeys (`limitW`), what its profiles say (`heldW`); null is free. */
export type Change = {
  readonly atMs: number
  readonly identity: string
  readonly limitW: number | null
  readonly heldW: number | null
  readonly powerW: number
}
// biome-ignore lint/suspicious/noExplicitAny: what came over the wire
type Fields = Readonly<Record<string, any>>
/** A call of ours as the charger got it, with its answer if it gave one. */
export type Call = {
  readonly atMs: number
  readonly identity: string
  readonly action: string
  readonly payload: Fields
  readonly answer: Fields | undefined
}

export type FleetLog = {
  changes(): readonly Change[]
  calls(action?: string): readonly Call[]
  /** The last change of each charger that had one. */
  latest(): ReadonlyMap<string, Change>
  /** How many chargers obey a limit now. */
  limited(): number
}

/** Reads the log of `simulations/fleet/main.ts`, which is written on while it is read. */
export function fleetLog(file: string): FleetLog {
  const lines = (): Fields[] => {
    if (!existsSync(file)) return []
    const text = readFileSync(file, 'utf8')
    return text
      .slice(0, text.lastIndexOf('\n') + 1)
      .split('\n')
      .filter(line => line !== '')
      .map(line => JSON.parse(line))
  }
  const changes = () => lines().filter(l => 'limitW' in l) as Change[]
  const latest = () => new Map(changes().map(c => [c.identity, c]))
  return {
    changes,
    latest,
    limited: () => [...latest().values()].filter(c => c.limitW !== null).length,
    calls(action) {
      const open = new Map<string, { -readonly [K in keyof Call]: Call[K] }>()
      const all: Call[] = []
      for (const l of lines()) {
        if ('action' in l) {
          const call = { atMs: l['atMs'], identity: l['identity'], action: l['action'], payload: l['payload'], answer: undefined }
          open.set(`${call.identity} ${call.action}`, call)
          all.push(call)
        } else if ('answerTo' in l) {
          // One call of ours at a time: an answer is that of the last one.
          const call = open.get(`${l['identity']} ${l['answerTo']}`)
          if (call) call.answer = l['payload']
        }
      }
      return action === undefined ? all : all.filter(c => c.action === action)
    },
  }
}

/** A stretch of a profile in absolute time, free stretches left out. */
export type Step = { readonly fromS: number; readonly toS: number; readonly limitW: number }

/** What a SetChargingProfile asks from `atS` on, in watts of this charger, whatever the unit and purpose it is written in. */
export function stepsFrom(payload: Fields, spec: ChargerSpec, atS: number): readonly Step[] {
  const profile = payload['csChargingProfiles'] ?? payload['chargingProfile']
  const schedule = [profile.chargingSchedule].flat()[0]
  const startS = Date.parse(schedule.startSchedule) / 1000
  const perAmpW = spec.phases * (spec.voltageV ?? 230)
  const periods = schedule.chargingSchedulePeriod as { startPeriod: number; limit: number }[]
  const steps: Step[] = []
  periods.forEach((p, k) => {
    const limitW = Math.round(schedule.chargingRateUnit === 'A' ? p.limit * perAmpW : p.limit)
    const fromS = Math.max(atS, startS + p.startPeriod)
    const toS = startS + (periods[k + 1]?.startPeriod ?? schedule.duration)
    if (toS > fromS && limitW < spec.maxA * perAmpW) steps.push({ fromS, toS, limitW })
  })
  return steps
}

/**
 * Is `step` in `steps`? Limits written in amps are cut to a tenth of one; watts are not. Instants are by the box's clock, which the bridge remembers; but
 * where it is wrong, and was learned from a message that took long on a busy machine, a later one may put right what is known of it.
 */
const isAmong = (step: Step, steps: readonly Step[], { phases, voltageV = 230, traits }: ChargerSpec): boolean => {
  const skewS = Math.abs(traits?.clockSkewS ?? 0)
  const offS = skewS === 0 ? 0 : skewS + 1
  return steps.some(
    s =>
      Math.abs(s.fromS - step.fromS) <= offS &&
      Math.abs(s.toS - step.toS) <= offS &&
      Math.abs(s.limitW - step.limitW) <= 0.1 * phases * voltageV + 1,
  )
}

/** Each time a charger that had accepted a limit was told something else afterwards, of the calls of one event. */
export function changedMinds(calls: readonly Call[], specs: readonly ChargerSpec[]): string[] {
  const byIdentity = new Map(specs.map(s => [s.identity, s]))
  const accepted = new Map<string, Call>()
  const found: string[] = []
  for (const call of calls) {
    if (call.action !== 'SetChargingProfile') continue
    const spec = byIdentity.get(call.identity)!
    const before = accepted.get(call.identity)
    const atS = Math.ceil(call.atMs / 1000)
    if (before !== undefined) {
      // What ends within the error of the box's clock may be over in the one and not in the other.
      const lasts = (s: Step) => s.toS > atS + 2 + Math.abs(spec.traits?.clockSkewS ?? 0)
      const [then, now] = [stepsFrom(before.payload, spec, atS), stepsFrom(call.payload, spec, atS)]
      if (!then.filter(lasts).every(s => isAmong(s, now, spec)) || !now.filter(lasts).every(s => isAmong(s, then, spec)))
        found.push(`${call.identity}: accepted ${JSON.stringify(then)}, ${call.atMs - before.atMs} ms later told ${JSON.stringify(now)}`)
    }
    if (call.answer?.['status'] === 'Accepted') accepted.set(call.identity, call)
  }
  return found
}
