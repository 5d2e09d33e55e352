import type { ChargerNo, Command, NodeNo, OutcomeKind, Schedule, Second } from '../../src/core/model.ts'
import type { ChargerLink, ChargerSink, Runtime } from '../../src/ports.ts'
import type { Physics } from '../model/physics.ts'
import type { Answer, RecordedEvent } from './recorded.ts'

const USUAL_MS = 500

export type ReplayCommand = { readonly atMs: number; readonly command: Command; outcome?: OutcomeKind }

/**
 * Chargers that answer as they did: the n-th command as their n-th, later ones as the last of them that was an answer. `unknown` is taken for a request that
 * never came; whoever was never asked accepts. Whether a station is there is told by the record. @param rowOf its number in `physics`, -1: not in it
 */
export function createReplayLink(
  runtime: Runtime,
  event: RecordedEvent,
  physics: Physics,
  rowOf: (charger: ChargerNo) => number,
  upBefore: readonly NodeNo[],
  /** Of them, those that had said that nobody was there. */
  vacantBefore: readonly ChargerNo[],
  mayMove: (station: NodeNo) => boolean,
) {
  const commands: ReplayCommand[] = []
  const count = new Map<ChargerNo, number>()
  /** First second at which a limit that was taken acts; NaN: none. */
  const limitedFromS = new Float64Array(physics.chargers).fill(Number.NaN)
  let sink: ChargerSink | undefined
  let ids = 0
  const nowS = () => runtime.now() / 1000

  function send(batch: readonly Command[]): void {
    for (const command of batch) {
      const entry: ReplayCommand = { atMs: runtime.now(), command }
      commands.push(entry)
      const n = count.get(command.charger) ?? 0
      count.set(command.charger, n + 1)
      const answer: Answer = mayMove(command.station)
        ? answerOf(event.answers.get(command.charger) ?? [], n)
        : { kind: 'unknown', cause: 'offline', afterMs: 0 }
      runtime.at(`replay.${ids++}`, runtime.now() + Math.max(1, answer.afterMs), () => {
        entry.outcome = answer.kind
        if (answer.kind === 'accepted') take(command.charger, command.schedule)
        sink?.outcome({ charger: command.charger, seq: command.seq, kind: answer.kind, cause: answer.cause })
      })
    }
  }
  function take(charger: ChargerNo, schedule: Schedule): void {
    const row = rowOf(charger)
    if (row < 0) return
    physics.hold(row, schedule, nowS())
    const first = schedule.find(x => x.toS > nowS())
    if (first === undefined || event.ignores[charger] === 1) return
    const fromS: Second = Math.max(nowS(), first.fromS)
    if (Number.isNaN(limitedFromS[row]!) || fromS < limitedFromS[row]!) limitedFromS[row] = fromS
    // one that was called off before it began
    else if (limitedFromS[row]! > nowS()) limitedFromS[row] = fromS
  }
  const link: ChargerLink = {
    async start(to) {
      sink = to
      for (const station of upBefore) to.link(station, true)
      // the links of the replay are new ones only to it
      for (const i of vacantBefore) to.session(i, { phase: 'none' })
    },
    async stop() {
      sink = undefined
    },
    send,
    unmoved: () => false,
    moved() {},
    measure() {},
    force: async () => false,
    release: async () => ({ cleared: 0, restoredKeys: [], failed: [] }),
    ceilingW: () => null,
  }
  return { link, commands: commands as readonly ReplayCommand[], limitedFromS, sink: () => sink }
}
function answerOf(answers: readonly Answer[], n: number): Answer {
  const own = answers[n] ?? answers.findLast(a => a.kind === 'accepted' || a.kind === 'rejected') ?? answers.at(-1)
  // one that gave way to a newer command says nothing of what it would have done
  if (own === undefined || own.kind === 'superseded') return { kind: 'accepted', cause: '', afterMs: own?.afterMs ?? USUAL_MS }
  return own
}
