import type { Fact } from '../core/model.ts'
import { outcomeKinds } from '../core/model.ts'
import { parseLimit } from '../operations/limit.ts'
import type { RegisterEntry } from '../operations/register.ts'
import type { Result } from '../operations/result.ts'
import type { Context } from './context.ts'
import { type Proof, proofOf, proofText } from './demoProof.ts'
import { createWorld, type DemoWorld, OBSERVE_S, SAMPLE_S } from './demoWorld.ts'
import { type ExitCode, Fault } from './exit.ts'
import { watts } from './output.ts'
import { entryText } from './register.ts'
import { untilStopped } from './signals.ts'

const FEEDER = 'South West/BATH/F1'
const LIMIT = '4.2kW'
const BASIS = 'a supply limitation (demonstration)'
/** By now it begins, whatever has connected. */
const READY_BY_S = 15
/** Longer than the escalation may take: two minutes for the last of its steps. */
const LAST_RESORT_BY_S = 125
/** The load of the stopped charger is seen to be gone, then the feeder is released. */
const SEEN_FOR_S = 8
const RELEASED_BY_S = 30
const POLL_MS = 250

type DemoOptions = { chargers: number; seed: number; dir?: string }
export type EmergencyResult = Proof & {
  readonly feeder: string
  readonly limit: string
  readonly ignoring: string
  /** Seconds after it was operated; null: did not happen. */
  readonly times: {
    readonly sent: number
    readonly answered: number | null
    readonly zero: number | null
    readonly stop: number | null
    readonly released: number | null
  }
  readonly entry: RegisterEntry | null
  readonly dir: string
  readonly elapsedS: number
}
type Played = Pick<EmergencyResult, 'times' | 'entry' | 'ignoring'> | 'interrupted'

/**
 * An emergency by hand on real protocols: select, operate, one charger that accepts and ignores, 0 A, its session stopped, release, the register. Exit 0
 * only if the log verifies and the register has the use with its last resort.
 */
export async function demoEmergency(context: Context<DemoOptions>): Promise<ExitCode> {
  const { out, options, cwd } = context
  const { stopped, release } = untilStopped()
  const beganMs = Date.now()
  out.note(`Starting the bridge (SQLite) and ${options.chargers} chargers (OCPP 1.6J and 2.0.1 over WebSockets)...`)
  const world = await createWorld({ ...options, ignore: 0, dir: options.dir, cwd, emergency: true })
  out.note(
    `In this demo chargers send a reading every ${SAMPLE_S} s and are looked at every ${OBSERVE_S} s; a bridge looks at an emergency every 10 s.`,
  )
  let played: Played
  try {
    played = await Promise.race([play(world, context, beganMs), stopped.then(() => 'interrupted' as const)])
  } finally {
    await world.stop()
    release()
  }
  if (played === 'interrupted') {
    out.note(`Interrupted. Chargers that hold a limit come back by themselves at its end. The log is in ${world.dir}.`)
    return 130
  }
  const proof = await proofOf(world.dir, cwd)
  const elapsedS = Math.round((Date.now() - beganMs) / 1000)
  const result: EmergencyResult = { ...played, ...proof, feeder: FEEDER, limit: LIMIT, dir: world.dir, elapsedS }
  out.result(result, [played.entry ? entryText(played.entry) : '▲ NOT IN THE REGISTER', '', ...proofText(proof)].join('\n'))
  if (!proof.log.ok) return 3
  return played.entry !== null && played.times.zero !== null && played.times.stop !== null ? 0 : 3
}

async function play(world: DemoWorld, { out, options }: Context<DemoOptions>, beganMs: number): Promise<Exclude<Played, string>> {
  const { engine, operations } = world.bridge
  const by = { name: 'control-room' }
  const liar = world.specs.find(s => s.traits?.ignores)!.identity
  const liarNo = engine.registry.chargerByExternalId(liar)!
  const powerOfLiar = () => watts(engine.meters.latest().powerW[liarNo])
  world.fleet.start()
  await until(() => online(world) >= 0.9 * options.chargers, beganMs + READY_BY_S * 1000)
  await sleep(3 * SAMPLE_S * 1000)

  const limit = value(parseLimit(LIMIT))
  const order = value(await operations.emergency.select({ node: FEEDER, limit, durationS: 600, basis: BASIS }, by))
  out.note(
    `Selected: ${LIMIT} for each charger of ${order.nodeName}. Expected: ${watts(order.effect.cutW)} less of ${watts(order.effect.loadW)}, from ${order.effect.commanded} chargers.`,
  )

  const operatedMs = Date.now()
  const since = (): number => (Date.now() - operatedMs) / 1000
  const say = (text: string) => out.note(`  +${since().toFixed(1).padStart(5)} s  ${text}`)
  const times: { -readonly [K in keyof EmergencyResult['times']]: EmergencyResult['times'][K] } = {
    sent: 0,
    answered: null,
    zero: null,
    stop: null,
    released: null,
  }
  let [sent, accepted, refused] = [0, 0, 0]
  let isLimiting = true
  const take = (facts: readonly Fact[]) => {
    for (const f of facts) {
      if (f.kind === 'sent' && isLimiting && times.answered === null) sent += f.who.length
      else if (f.kind === 'outcome' && times.answered === null) {
        for (const what of f.what) outcomeKinds[what] === 'accepted' ? accepted++ : refused++
        if (accepted >= 0.9 * sent) {
          times.answered = since()
          say(`${accepted} of ${sent} have accepted`)
        }
      } else if (f.kind === 'shortfall' && f.unmoved.length > 0)
        say(
          `meters prove: ${f.unmoved.includes(liarNo) ? liar : `${f.unmoved.length} chargers`} accepted and did not move (${powerOfLiar()})`,
        )
      else if (f.kind === 'lastResort' && f.who.includes(liarNo)) {
        say(
          `last resort for ${liar}: ${{ zero: '0 A', stop: 'stop its session', disable: 'take it out of service', enable: 'put it back into service' }[f.step]}`,
        )
        if (f.step === 'zero') times.zero ??= since()
        if (f.step === 'stop') times.stop ??= since()
      } else if (f.kind === 'forced') say(`done: ${f.step}`)
      else if (f.kind === 'alarm')
        say(
          `alarm: ${f.what === 'beyondRoutine' ? `beyond the rules of a routine event (${f.rules.join(', ')}): a review is owed` : f.what}`,
        )
      else if (f.kind === 'verified') say(`verified by meters: ${f.verification.verdict}`)
    }
  }
  const unlisten = engine.listen(take)
  try {
    const done = value(
      await operations.emergency.operate(order.id, { reason: 'thermalOverload', text: 'demonstration', ifMatch: order.etag }, by),
    )
    times.sent = since()
    say(`operated: event ${done.event}, ${sent} commands on the wire, none of them delayed`)
    await until(() => times.stop !== null, operatedMs + LAST_RESORT_BY_S * 1000)
    await sleep(SEEN_FOR_S * 1000)
    say(`${liar} draws ${powerOfLiar()}; the feeder ${watts(feederW(world))}`)
    isLimiting = false
    value(await operations.events.cancel(done.event, { reason: 'the demonstration is over' }, by))
    say('released: chargers come back over the restore window')
    await until(() => stateOf(world, done.event) === 'verified', Date.now() + RELEASED_BY_S * 1000)
    times.released = since()
    const entry = operations.register.show(done.event)
    return { times, entry: entry.ok ? entry.value : null, ignoring: liar }
  } finally {
    unlisten()
  }
}

const stateOf = (world: DemoWorld, event: string): string | undefined => world.bridge.engine.bridge.event(event)?.state
const feederW = ({ bridge: { engine } }: DemoWorld): number =>
  engine.bridge.figures([...(engine.registry.resolve('node', FEEDER) ?? [])]).powerW
const online = ({ bridge: { engine } }: DemoWorld): number =>
  engine.bridge.figures([...engine.registry.nodes()].filter(n => n.parent === -1).map(n => ({ kind: 'node', node: n.no }))).online
const sleep = (ms: number): Promise<void> => new Promise(resolve => setTimeout(resolve, ms))
async function until(isSo: () => boolean, deadlineMs: number): Promise<void> {
  while (!isSo() && Date.now() < deadlineMs) await sleep(POLL_MS)
}
function value<T>(result: Result<T>): T {
  if (result.ok) return result.value
  throw new Fault(1, 'GB-1224', `the bridge refused: ${result.refusal.message}`, result.refusal.hint ?? '')
}
