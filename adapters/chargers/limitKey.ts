/**
 * The last rung: a configuration key of the maker's that caps the current or the power of the box (1.6 ChangeConfiguration, 2.0.1 SetVariables). Only
 * where the operator's configuration names the key, for such a value knows neither begin nor end: it outlives the event, our process and the box's own
 * power cycle. So what the key had before is stored durably before we first touch it, and put back by us at the end of the schedule, when the box is
 * freed or released, and also after a restart of ours or when its link comes back. A box whose link does not come back stays limited.
 */
import { type Command, NEVER_S, type NodeNo, type Second } from '../../src/core/model.ts'
import type { Capabilities } from '../../src/ports.ts'
import type { Central } from './central.ts'
import type { Dialect, Verdict } from './dialect.ts'
import type { KeyRule } from './ladder.ts'
import { priority } from './ocppj/transport.ts'
import { chargersOf, type StationLink } from './station.ts'
import { wireLimit } from './toProfile.ts'

/** What a box is to have in its key, and when. `before`: what it had before us, which is also what it has between limits. */
type Held = {
  readonly key: string
  readonly before: string
  readonly steps: readonly { readonly fromS: Second; readonly value: string }[]
  readonly endS: Second
}
type Keeping = {
  held: Held
  /** What the box is known to have; null after a reconnect, a restart or a call without an answer. */
  written: string | null
  /** The connection in which `written` was learned. */
  openedMs: number
  retryAtS: Second
  waitS: number
  work: Promise<unknown>
  busy: boolean
}

/** Taken, and in force after the next reboot: no way to limit, but good enough to put something back. */
const needsReboot = 'RebootRequired'
const openEndedS = 86_400
const retryS = { first: 15, most: 300 } as const
const storeKey = (no: NodeNo): string => `ocpp.limitKey:${no}`

/** Never above what the key had: it may be an installer's limit. A value that is `free`, or is no number above 0, limits nothing. */
const capOf = (before: string, free: string | undefined): number => {
  const value = Number(before)
  return before === free || before.trim() === '' || !(value > 0) ? Number.POSITIVE_INFINITY : value
}

/**
 * Values of the key over a command's schedule, `before` in the gaps. Pure. Limits are rounded down as in a profile; where the rule does not say that 0
 * pauses, the least is `minA`: to some boxes 0 in such a key means no limit.
 */
export const keySteps = (
  schedule: Command['schedule'],
  nowS: Second,
  rule: KeyRule,
  before: string,
  capabilities: Capabilities,
  evses: number,
): Pick<Held, 'steps' | 'endS'> => {
  const able = { ...capabilities, takesZero: capabilities.takesZero && rule.zeroPauses === true }
  const freeW = capabilities.maxA * capabilities.voltageV * capabilities.phases * evses
  const cap = capOf(before, rule.free)
  const capW = rule.unit === 'W' ? cap : cap * capabilities.voltageV * capabilities.phases
  const steps: { fromS: Second; value: string }[] = []
  let endS = 0
  for (const segment of schedule) {
    const toS = segment.toS >= NEVER_S ? nowS + openEndedS : segment.toS
    if (toS <= nowS) continue
    if (endS > 0 && segment.fromS > endS) steps.push({ fromS: endS, value: before })
    const limitW = Math.min(segment.limitW, freeW)
    const { limit } = wireLimit(limitW, capW === Number.POSITIVE_INFINITY ? null : capW, rule.unit, able)
    steps.push({ fromS: segment.fromS, value: limitW >= freeW && limitW <= capW ? before : String(limit) })
    endS = toS
  }
  return { steps, endS }
}

const valueAt = ({ steps, endS, before }: Held, nowS: Second): string => {
  if (nowS >= endS) return before
  let value = before
  for (const step of steps) if (step.fromS <= nowS) value = step.value
  return value
}

export type LimitKeyPorts = {
  readonly central: Central
  dialectOf(link: StationLink): Dialect
  linkOf(station: NodeNo): StationLink | undefined
}

/** The keys that we have changed on boxes, and what is still to be done about them. */
export const createLimitKeys = ({ central, dialectOf, linkOf }: LimitKeyPorts) => {
  const { sink } = central
  const all = new Map<NodeNo, Keeping>()
  const nowS = (): Second => Math.floor(central.nowMs() / 1000)
  const keep = (no: NodeNo, held: Held): Keeping => {
    const keeping: Keeping = { held, written: null, openedMs: 0, retryAtS: 0, waitS: retryS.first, work: Promise.resolve(), busy: false }
    all.set(no, keeping)
    return keeping
  }
  for (const name of sink.registry.keys(storeKey(0).slice(0, -1))) {
    const stored = sink.registry.get(name)
    if (stored !== undefined) keep(Number(name.slice(name.lastIndexOf(':') + 1)), JSON.parse(stored) as Held)
  }

  /** One after another: two values under way to one key could arrive in either order. */
  const inTurn = <T>(keeping: Keeping, job: () => Promise<T>): Promise<T> => {
    const done = keeping.work.then(async () => {
      keeping.busy = true
      try {
        return await job()
      } finally {
        keeping.busy = false
      }
    })
    keeping.work = done
    return done
  }
  const forget = async (no: NodeNo): Promise<void> => {
    all.delete(no)
    await sink.registry.set(storeKey(no), null)
  }
  const known = (keeping: Keeping, link: StationLink): string | null => (keeping.openedMs === link.openedMs ? keeping.written : null)

  /** Brings the box to the value of now; forgets it where that is the one it had before us, and stays so. */
  const settle = async (link: StationLink, keeping: Keeping, urgent: boolean): Promise<Verdict> => {
    const value = valueAt(keeping.held, nowS())
    if (known(keeping, link) !== value) {
      const level = urgent ? priority.urgent : value === keeping.held.before ? priority.restore : priority.curtail
      keeping.written = null
      const verdict = await dialectOf(link).writeKey(central, link, keeping.held.key, value, level)
      const isBack = value === keeping.held.before && verdict.kind === 'refused' && verdict.code === needsReboot
      if (verdict.kind !== 'accepted' && !isBack) {
        keeping.retryAtS = nowS() + keeping.waitS
        keeping.waitS = Math.min(retryS.most, keeping.waitS * 2)
        return verdict
      }
      keeping.written = value
      keeping.openedMs = link.openedMs
      keeping.waitS = retryS.first
      sink.note('limitKey', { station: link.no, key: keeping.held.key, value, before: keeping.held.before })
    }
    if (nowS() >= keeping.held.endS) await forget(link.no)
    return { kind: 'accepted' }
  }

  /** Reads what the key has, once per time that we hold it. */
  const begin = async (link: StationLink, rule: KeyRule): Promise<Keeping | Verdict> => {
    const there = all.get(link.no)
    if (there?.held.key === rule.key) return there
    if (there !== undefined) {
      const freed = await free(link)
      if (freed.kind !== 'accepted') return freed
    }
    const value = await dialectOf(link).readKey(central, link, rule.key)
    if (value === undefined) return { kind: 'unknown', cause: `no answer about ${rule.key}`.slice(0, 40) }
    const before = value ?? rule.free
    return before === undefined
      ? { kind: 'refused', code: 'key not readable' }
      : keep(link.no, { key: rule.key, before, steps: [], endS: 0 })
  }

  /** Has the box hold the command's schedule by its key. Accepted: the value of now is in the box, the later ones will be. */
  const hold = async (link: StationLink, rule: KeyRule, command: Command): Promise<Verdict> => {
    const keeping = await begin(link, rule)
    if ('kind' in keeping) return keeping
    return inTurn(keeping, async () => {
      const was = keeping.held
      const { steps, endS } = keySteps(command.schedule, nowS(), rule, was.before, link.capabilities, link.evses.length)
      keeping.held = { ...was, steps, endS }
      // Durable before the first value can be in the box: whoever comes after us must know what to put back.
      await sink.registry.set(storeKey(link.no), JSON.stringify(keeping.held))
      all.set(link.no, keeping)
      const verdict = await settle(link, keeping, command.urgent)
      if (verdict.kind !== 'refused') return verdict
      // The box says no. What it may have of ours, from before, goes the way back.
      if (was.steps.length === 0 && verdict.code !== needsReboot) await forget(link.no)
      else {
        keeping.held = { ...was, steps: [], endS: nowS() }
        keeping.retryAtS = 0
      }
      return verdict
    })
  }

  /** Puts back what the key had before us; accepted also where nothing is there to be put back. */
  const free = async (link: StationLink): Promise<Verdict> => {
    const keeping = all.get(link.no)
    if (keeping === undefined) return { kind: 'accepted' }
    return inTurn(keeping, async () => {
      if (all.get(link.no) !== keeping) return { kind: 'accepted' }
      keeping.held = { ...keeping.held, steps: [], endS: nowS() }
      await sink.registry.set(storeKey(link.no), JSON.stringify(keeping.held))
      return settle(link, keeping, false)
    })
  }

  return {
    hold,
    free,
    isHolding: (no: NodeNo): boolean => all.has(no),
    keyOf: (no: NodeNo): string | undefined => all.get(no)?.held.key,
    /** Edges of schedules, ends above all, and what was missed while a link was down. */
    tick(atS: Second): void {
      for (const [no, keeping] of all) {
        const link = linkOf(no)
        if (link?.up !== true || keeping.busy || atS < keeping.retryAtS) continue
        const isOver = atS >= keeping.held.endS
        if (!isOver && known(keeping, link) === valueAt(keeping.held, atS)) continue
        void inTurn(keeping, () => settle(link, keeping, false)).then(verdict => {
          if (verdict.kind === 'accepted') return
          central.note(link, 'limitKeyFailed', { station: no, key: keeping.held.key, restoring: isOver, why: verdict.kind })
          if (!isOver) sink.doubt(chargersOf(link), 'limit key not written')
        })
      }
    },
  }
}
export type LimitKeys = ReturnType<typeof createLimitKeys>
