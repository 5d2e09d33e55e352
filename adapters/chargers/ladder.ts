/**
 * What a box takes is learned by trying. A rung says with which purpose, where, in which unit and at which stack level a limit is set; the ladder is the
 * order of tries. Pure and data only: no vendor names, no sockets.
 */
import type { Capabilities } from '../../src/ports.ts'
import type { Foreign } from './foreign.ts'

export type Purpose = 'stationMax' | 'txDefault' | 'tx'
/** A maker's configuration key that caps a box, as the operator's configuration describes it. */
export type KeyRule = {
  /** Which boxes: `vendor model|firmware`, `*` for any characters, in any letter case. */
  readonly model: string
  /** 1.6: the key; 2.0.1: `Component.Variable`. */
  readonly key: string
  /** `A` is per phase, `W` for the box. */
  readonly unit: 'A' | 'W'
  /** The value that limits nothing: written at the end where the key cannot be read. Without it such a key is not used. */
  readonly free?: string | undefined
  /** 0 pauses the box. Default false: to some 0 means no limit, so the least is their `minA`. */
  readonly zeroPauses?: boolean | undefined
}
export type KeyRung = {
  readonly purpose: 'key'
  readonly at: 'station'
  readonly unit: 'A' | 'W'
  readonly stack: 'free'
  readonly rule: KeyRule
}
export type Rung = ProfileRung | KeyRung
export type ProfileRung = {
  readonly purpose: Purpose
  /** `station`: connector or EVSE 0. `evse`: the charger's own. */
  readonly at: 'station' | 'evse'
  readonly unit: 'A' | 'W'
  /** `free`: above everything found there. `zero`: some boxes report more levels than they take. */
  readonly stack: 'free' | 'zero'
}

const targets: readonly { readonly purpose: Purpose; readonly at: 'station' | 'evse' }[] = [
  { purpose: 'stationMax', at: 'station' },
  { purpose: 'txDefault', at: 'station' },
  { purpose: 'txDefault', at: 'evse' },
  { purpose: 'tx', at: 'evse' },
]

/**
 * The rungs of one box in the order to try. Limits at 0 bind every EVSE of the box, so they are only for a box that takes one budget or has one EVSE.
 * Where nothing that is already there could be read the station maximum is left out: it would be the one place where a replaced installer's limit
 * guards the house's main fuse. A maker's key is the last of all, and caps the whole box.
 */
export const rungsOf = (capabilities: Capabilities, evses: number, foreign: Foreign, rule?: KeyRule): readonly Rung[] => {
  const whole = evses === 1 || capabilities.limitsAt === 'station'
  // The amps of a DC box are at the battery's voltage, which nobody tells.
  const units =
    capabilities.current === 'DC' ? (['W'] as const) : capabilities.units.length > 0 ? capabilities.units : (['A', 'W'] as const)
  const levels = capabilities.maxStackLevel > 0
  const key = `${units} ${whole} ${levels} ${foreign.how === 'unread'} ${rule === undefined ? '' : JSON.stringify(rule)}`
  let rungs = shared.get(key)
  if (rungs === undefined) shared.set(key, (rungs = listRungs(units, whole, levels, foreign.how === 'unread', rule)))
  return rungs
}
/** Few kinds of boxes, many boxes: equal ladders are one object. */
const shared = new Map<string, readonly Rung[]>()

const listRungs = (
  units: readonly ('A' | 'W')[],
  whole: boolean,
  levels: boolean,
  blind: boolean,
  rule: KeyRule | undefined,
): readonly Rung[] => {
  const rungs: Rung[] = []
  for (const target of targets) {
    if (target.at === 'station' && !whole) continue
    if (target.purpose === 'stationMax' && blind) continue
    for (const unit of units)
      for (const stack of levels ? (['free', 'zero'] as const) : (['free'] as const)) rungs.push({ ...target, unit, stack })
  }
  if (rule !== undefined && whole) rungs.push({ purpose: 'key', at: 'station', unit: rule.unit, stack: 'free', rule })
  return rungs
}

/** Refusals of our own beside the box's words: nothing was sent, or it was sent and did nothing. */
export type OwnRefusal = 'noStackLevel' | 'noTransaction' | 'unmoved'

const otherPurpose = new Set([
  'NotSupported',
  'UnsupportedPurpose',
  'TxNotFound',
  'InvalidTransactionId',
  'noStackLevel',
  'noTransaction',
  'unmoved',
])

/**
 * The rung to try after a refusal, as an index; -1 if none is left. `code` is a status or reason code of SetChargingProfile, a CALLERROR code, or one of
 * our own refusals. The specifications leave reason codes free, so an unknown one means: the next rung.
 */
export const next = (rungs: readonly Rung[], at: number, code: string): number => {
  const here = rungs[at]
  if (here === undefined) return -1
  const differs = (test: (rung: Rung) => boolean): number => {
    for (let k = at + 1; k < rungs.length; k++) if (test(rungs[k]!)) return k
    return -1
  }
  // It knows no charging profiles at all: only a key is left, if the operator named one.
  if (code === 'NotImplemented') return differs(rung => rung.purpose === 'key')
  if (otherPurpose.has(code)) return differs(rung => rung.purpose !== here.purpose || rung.at !== here.at)
  if (code === 'UnsupportedRateUnit')
    return differs(rung => rung.unit !== here.unit || rung.purpose !== here.purpose || rung.at !== here.at)
  if (code === 'InvalidStackLevel')
    return differs(rung => rung.stack !== here.stack || rung.purpose !== here.purpose || rung.at !== here.at)
  return differs(() => true)
}

/** The rule for a model, the first that fits. */
export const ruleFor = <R extends { readonly model: string }>(rules: readonly R[], model: string): R | undefined =>
  model === '' ? undefined : rules.find(rule => patternOf(rule.model).test(model))
const patternOf = (glob: string): RegExp => new RegExp(`^${glob.split('*').map(escaped).join('.*')}$`, 'i')
const escaped = (text: string): string => text.replace(/[.+?^${}()|[\]\\]/g, '\\$&')

export const sameRung = (a: Rung, b: Rung): boolean =>
  a.purpose === b.purpose && a.at === b.at && a.unit === b.unit && a.stack === b.stack && keyIn(a) === keyIn(b)
const keyIn = (rung: Rung): string => (rung.purpose === 'key' ? rung.rule.key : '')
/** `ocpp.rung:<model>|<firmware>`: where the rung is remembered once a meter moved. */
export const rungKey = (model: string): string => `ocpp.rung:${model}`
export const formatRung = (rung: Rung): string =>
  rung.purpose === 'key' ? `key ${rung.rule.key} ${rung.unit}` : `${rung.purpose}@${rung.at} ${rung.unit} ${rung.stack}`
/** Where to begin: the remembered rung if this box has it, else the first. */
export const startAt = (rungs: readonly Rung[], remembered: string | undefined): number =>
  remembered === undefined
    ? 0
    : Math.max(
        0,
        rungs.findIndex(rung => formatRung(rung) === remembered),
      )
