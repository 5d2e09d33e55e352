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
  /** Something of ours was or may have been in the box: then it is to be put back, whatever it says to a later value. */
  mayHaveOurs: boolean
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

/**
 * Never above what the key had: it may be an installer's limit. A value that is `free`, or is no number above 0, limits nothing; 0 does where the rule
 * says that it pauses.
 */
const capOf = (before: string, { free, zeroPauses }: KeyRule): number => {
  if (before === free || before.trim() === '') return Number.POSITIVE_INFINITY
  const value = Number(before)
  return value > 0 || (value === 0 && zeroPauses === true) ? value : Number.POSITIVE_INFINITY
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
  const cap = capOf(before, rule)
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

/** What a former life of the process has stored; undefined where it cannot be read. */
const heldIn = (text: string): Held | undefined => {
  try {
    const held = JSON.parse(text) as Partial<Held> | null
    const isWhole = typeof held?.key === 'string' && typeof held.before === 'string' && typeof held.endS === 'number'
    return isWhole && Array.isArray(held.steps) ? (held as Held) : undefined
  } catch {
    return undefined
  }
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
  const beginning = new Map<NodeNo, Promise<Keeping | Verdict>>()
  const keep = (no: NodeNo, held: Held, mayHaveOurs: boolean): Keeping => {
    const rest = { openedMs: 0, retryAtS: 0, waitS: retryS.first, work: Promise.resolve(), busy: false }
    const keeping: Keeping = { held, written: null, mayHaveOurs, ...rest }
    all.set(no, keeping)
    return keeping
  }
  for (const name of sink.registry.keys(storeKey(0).slice(0, -1))) {
    const no = Number(name.slice(name.lastIndexOf(':') + 1))
    const held = heldIn(sink.registry.get(name) ?? '')
    if (held !== undefined) keep(no, held, true)
    // Others must not go without theirs because of it; what this box has is for people to put back.
    else sink.note('limitKeyLost', { station: no })
  }

  /** One after another: two values under way to one key could arrive in either order. A store that fails costs this try, not those after it. */
  const inTurn = (keeping: Keeping, job: () => Promise<Verdict>): Promise<Verdict> => {
    const done = keeping.work.then(async (): Promise<Verdict> => {
      keeping.busy = true
      try {
        return await job()
      } catch (error) {
        return { kind: 'unknown', cause: `not stored: ${String(error)}`.slice(0, 40) }
      } finally {
        keeping.busy = false
      }
    })
    keeping.work = done
    return done
  }
  /** Durable before it counts: whoever comes after us must know what to put back, and nothing is written that they would not. */
  const change = async (no: NodeNo, keeping: Keeping, held: Held): Promise<void> => {
    await sink.registry.set(storeKey(no), JSON.stringify(held))
    keeping.held = held
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
      if (verdict.kind !== 'refused' || verdict.code === needsReboot) keeping.mayHaveOurs = true
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

  /** Once at a time: a second look at the key could find our own value there. */
  const begin = (link: StationLink, rule: KeyRule): Promise<Keeping | Verdict> => {
    const running = beginning.get(link.no)
    if (running !== undefined) return running
    const work = beginNow(link, rule).finally(() => beginning.delete(link.no))
    beginning.set(link.no, work)
    return work
  }
  /** Reads what the key has, once per time that we hold it. */
  const beginNow = async (link: StationLink, rule: KeyRule): Promise<Keeping | Verdict> => {
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
      : keep(link.no, { key: rule.key, before, steps: [], endS: 0 }, false)
  }

  /** Has the box hold the command's schedule by its key. Accepted: the value of now is in the box, the later ones will be. */
  const hold = async (link: StationLink, rule: KeyRule, command: Command): Promise<Verdict> => {
    const keeping = await begin(link, rule)
    if ('kind' in keeping) return keeping
    return inTurn(keeping, async () => {
      const was = keeping.held
      const { steps, endS } = keySteps(command.schedule, nowS(), rule, was.before, link.capabilities, link.evses.length)
      await change(link.no, keeping, { ...was, steps, endS })
      all.set(link.no, keeping)
      const verdict = await settle(link, keeping, command.urgent)
      if (verdict.kind !== 'refused') return verdict
      // The box says no. What it may have of ours, from before, goes the way back.
      if (!keeping.mayHaveOurs) await forget(link.no)
      else {
        await change(link.no, keeping, { ...was, steps: [], endS: nowS() })
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
      await change(link.no, keeping, { ...keeping.held, steps: [], endS: nowS() })
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
