import { allocate, UNLIMITED } from '../allocate.ts'
import { spanFromS, spanToS } from '../edges.ts'
import { SETTLE_S, showsAfterS } from '../effect.ts'
import type { Second } from '../model.ts'
import type { EventState, State } from '../state.ts'
import { toldIn } from '../told.ts'
import type { Window } from './window.ts'

type Limits = { readonly ends: Uint32Array; readonly fromS: Second[]; readonly toS: Second[]; readonly limitW: number[] }
/** What each member had to keep to, by interval, within the window, after its own start and after it was told. */
export function limitsOf(s: State, e: EventState, who: Uint32Array, window: Window): Limits {
  const watts = e.event.intervals.map(x => (x.ask.kind === 'cap' || x.ask.kind === 'shed' ? undefined : allocate(s, e, x, who).watts))
  const out: Limits = { ends: new Uint32Array(who.length), fromS: [], toS: [], limitW: [] }
  who.forEach((i, m) => {
    e.event.intervals.forEach((_, k) => {
      const own = { fromS: spanFromS(e, k, i), toS: spanToS(e, k, i) }
      // of a share that nobody kept (by an older version, or of what follows on a failsafe) it is not known what it was: nobody is judged by it
      const { limitW, sinceS } = toldIn(e, k, i) ?? { limitW: watts[k]?.[m] ?? UNLIMITED, sinceS: 0 }
      if (limitW === UNLIMITED || own.fromS >= own.toS) return
      out.fromS.push(Math.max(window.fromS + SETTLE_S, Math.max(own.fromS, sinceS) + showsAfterS(s, e, i)))
      out.toS.push(Math.min(own.toS, window.toS))
      out.limitW.push(limitW)
    })
    out.ends[m] = out.limitW.length
  })
  return out
}
