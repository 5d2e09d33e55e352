import type { Command, Instant } from '../core/model.ts'
import { becauseAt, scheduleOf } from '../core/rows.ts'
import type { State } from '../core/state.ts'

/** What is sent to these chargers, most urgent first, as the state has it pending. */
export function commandsOf(state: State, who: Uint32Array, nowMs: Instant): Command[] {
  const atS = Math.floor(nowMs / 1000)
  const commands = Array.from(who, (i): Command & { order: number } => {
    const row = state.pending[i]!
    const schedule = scheduleOf(state.rows, row).filter(x => x.toS > atS)
    const e = schedule[0] ? state.events.get(becauseAt(state.rows, row, Math.max(atS, schedule[0].fromS))) : undefined
    const urgent = e?.event.class === 'emergency'
    return {
      charger: i,
      station: state.fleet.station[i]!,
      seq: state.seq[i]!,
      schedule,
      urgent,
      atS,
      order: urgent ? -1 : (e?.event.priority ?? 1e9),
    }
  })
  return commands.sort((a, b) => a.order - b.order)
}
