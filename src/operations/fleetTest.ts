import { createHash } from 'node:crypto'
import type { GridEvent, Programme, Second, Target } from '../core/model.ts'
import type { State } from '../core/state.ts'
import { chargersUnder } from '../core/views.ts'
import type { Engine } from '../engine.ts'
import { askOf, type LimitRequest, limitText } from './limit.ts'
import { findCharger, findNode } from './names.ts'
import { type By, done, invalid, type Result, refuse, seconds } from './result.ts'

export type TestRequest = {
  /** A charger's external id, or a node by path, name or number: then all chargers under it. */
  readonly target: string
  /** 6 A where none is given: a car goes on charging. */
  readonly limit?: LimitRequest | undefined
  /** How long each holds it after its turn has come, S. */
  readonly holdS?: number | undefined
  /** May be left out where the chargers are in one programme only. */
  readonly programme?: string | undefined
}
export type TestStarted = {
  readonly event: string
  readonly programme: string
  readonly usable: number
  readonly excluded: number
  readonly fromS: Second
  readonly toS: Second
}
/** Notice is counted from when the signal is on record: a turn may be under way before that. */
const UNDER_WAY_S = 10
/** Long enough for a car to follow and for a few readings. */
export const HOLD_S = 300

/**
 * The enrolment test: a short, real, voluntary event under the chargers' own programme, with its notice, spread and bounds; it counts as one of its
 * events. Until a verified event shows that a charger obeys, it is planned at its prior; that fact, by meters, is the pass. Nothing else is.
 */
export function createFleetTest(engine: Engine) {
  let drawn = 0
  return {
    async run(request: TestRequest, by: By): Promise<Result<TestStarted>> {
      const target = targetOf(engine, request.target)
      if (!target.ok) return target
      const state = engine.state()
      const programme = programmeOf(state, target.value, request.programme)
      if (!programme.ok) return programme
      const raw = new TextEncoder().encode(JSON.stringify({ test: request, by: by.name, atMs: engine.now(), nth: drawn++ }))
      const event = eventOf(request, target.value, programme.value, by, seconds(engine.now()), raw)
      const judgement = await engine.bridge.submit(event, raw)
      await engine.bridge.note('enrolmentTest', { event: event.id, limit: limitText(limitOf(request)), by: by.name })
      if (judgement.kind === 'declined') return refuse('conflict', 'test-declined', `the test was declined: ${judgement.why}`)
      const { fromS, toS } = event.intervals[0]!
      const { usable, excluded } = judgement
      return done({ event: event.id, programme: programme.value.id, usable, excluded, fromS, toS })
    },
  }
}
export type FleetTest = ReturnType<typeof createFleetTest>

const limitOf = ({ limit }: TestRequest): LimitRequest => limit ?? { to: 'floor' }

/** An external id first: a box with one charger often has its name. */
function targetOf({ registry }: Engine, name: string): Result<Target> {
  const charger = registry.chargerByExternalId(name) === undefined ? undefined : findCharger(registry, name)
  if (charger?.ok) return done({ kind: 'charger', charger: charger.value })
  const node = findNode(registry, name)
  return node.ok ? done({ kind: 'node', node: node.value }) : node
}
function programmeOf(s: State, target: Target, wanted: string | undefined): Result<Programme> {
  const members = chargersUnder(s.fleet, [target])
  const theirs = [...s.programmes.values()].filter(p => members.some(i => s.enrolments.get(p.id)?.[i] === 1))
  const names = theirs.map(p => p.id).join(', ')
  const found = wanted === undefined ? (theirs.length === 1 ? theirs[0] : undefined) : theirs.find(p => p.id === wanted)
  if (found) return done(found)
  const [message, hint] =
    theirs.length === 0
      ? ['nobody there has consented to a programme', 'give a programme and consent in the fleet file']
      : [`which programme? with consent in: ${names}`, `one of: ${names}`]
  return invalid('programme-needed', '#/programme', wanted ?? null, message, hint)
}
function eventOf(request: TestRequest, target: Target, p: Programme, by: By, nowS: Second, raw: Uint8Array): GridEvent {
  const rawHash = createHash('sha256').update(raw).digest('hex')
  const ref = `test-${rawHash.slice(0, 16)}`
  // one charger is no step for any network; many are spread as in any event
  const isOne = target.kind === 'charger'
  const fromS = nowS + (p.minNoticeS > 0 ? p.minNoticeS + UNDER_WAY_S : 0)
  const toS = fromS + (request.holdS ?? HOLD_S) + (isOne ? 0 : p.startSpreadS)
  return {
    id: `operator:${by.name}:${ref}`,
    source: { adapter: 'operator', peer: by.name, credential: by.name },
    upstreamRef: ref,
    revision: 0,
    class: 'voluntary',
    programme: p.id,
    targets: [target],
    intervals: [{ fromS, toS, ask: askOf(limitOf(request)) }],
    spread: isOne ? { startS: 0, endS: 0, startShiftS: 0, endShiftS: 0, endFollowsStart: false } : 'programme',
    priority: 9,
    stopAtOnce: false,
    test: false,
    duties: { ack: false, started: false, completed: false, telemetryEveryS: 0 },
    liveness: null,
    basis: null,
    rawHash,
  }
}
