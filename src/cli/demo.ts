import { DEFAULT_SPREAD_S } from '../config.ts'
import type { Verification } from '../core/model.ts'

import type { Context } from './context.ts'
import { proofOf } from './demoProof.ts'
import { type DemoResult, reportText } from './demoReport.ts'
import { viewOf } from './demoView.ts'
import { createWorld, DEMO_EVENT_S, DEMO_GRACE_S, DEMO_SPREAD_S, type DemoWorld } from './demoWorld.ts'
import { type ExitCode, Fault } from './exit.ts'
import { watts } from './output.ts'
import { createScreen, type View } from './screen.ts'
import { untilStopped } from './signals.ts'

/** By now the event is announced, whatever has connected. */
const ANNOUNCE_BY_S = 13
/** Readings gathered before: they are the baseline. */
const SETTLED_FOR_S = 6
const LEAD_S = 5
/** So much of what is drawn is asked for: reachable with the ordinary faults, out of reach when a third of the fleet ignores its limits. */
const ASKED_SHARE = 0.8
const FRAME_MS = 500

type DemoOptions = { chargers: number; seed: number; ignore: number; dir?: string; emergency?: boolean }
type Announced = { readonly id: string; readonly ask: string }
type Played = { readonly event: Announced; readonly verification: Verification } | 'interrupted'

/**
 * The main job on real protocols: an OpenADR event over HTTP becomes staggered OCPP limits over WebSockets, is verified from meters, and the log is
 * verified from its file. Exit 0 only if the report was produced and the log verifies; the verdict on delivery does not matter for it.
 */
export async function demo(context: Context<DemoOptions>): Promise<ExitCode> {
  const { out, options } = context
  if (options.emergency) return (await import('./demoEmergency.ts')).demoEmergency(context)
  const { stopped, release } = untilStopped()
  const beganMs = Date.now()
  out.note(
    `Starting the bridge (SQLite), a VTN (OpenADR 2.0b over HTTP) and ${options.chargers} chargers (OCPP 1.6J and 2.0.1 over WebSockets)...`,
  )
  const world = await createWorld({ ...options, dir: options.dir, cwd: context.cwd })
  out.note(`API docs while this runs: ${world.bridge.urls.api}/docs`)
  out.note(`Random delay window in this demo: ${DEMO_SPREAD_S} s (a programme's default: ${DEFAULT_SPREAD_S} s).`)
  let played: Played
  let commanded = 0
  const unlisten = world.bridge.engine.listen(facts => {
    for (const fact of facts) if (fact.kind === 'sent') commanded += fact.who.length
  })
  try {
    played = await play(world, context, stopped, beganMs)
  } finally {
    unlisten()
    await world.stop()
    release()
  }
  if (played === 'interrupted') {
    out.note(
      `Interrupted. ${commanded} commands had been sent; chargers that hold one come back by themselves at its end. The log is in ${world.dir}.`,
    )
    return 130
  }
  const result = await resultOf(world, played, commanded, context, beganMs)
  out.result(result, reportText(result))
  return result.log.ok ? 0 : 3
}

async function play(world: DemoWorld, { out, options }: Context<DemoOptions>, stopped: Promise<unknown>, beganMs: number): Promise<Played> {
  const { engine } = world.bridge
  const screen = createScreen(out)
  const history: (number | null)[] = []
  let event: Announced | undefined
  let settledAtMs = Number.POSITIVE_INFINITY
  let interrupted = false
  let verification: Verification | undefined
  void stopped.then(() => {
    interrupted = true
  })
  const unlisten = engine.listen(facts => {
    for (const fact of facts) if (fact.kind === 'verified') verification = fact.verification
  })
  world.fleet.start()
  const deadlineMs = beganMs + 1000 * (ANNOUNCE_BY_S + LEAD_S + DEMO_EVENT_S + DEMO_SPREAD_S + DEMO_GRACE_S + 20)
  try {
    for (;;) {
      await new Promise(resolve => setTimeout(resolve, FRAME_MS))
      if (interrupted) return 'interrupted'
      const nowMs = Date.now()
      const view = viewOf(engine, {
        chargers: options.chargers,
        elapsedS: (nowMs - beganMs) / 1000,
        history,
        event,
        spreadS: DEMO_SPREAD_S,
        verified: verification !== undefined,
      })
      history.push(view.measuredW)
      screen.show(view)
      if (verification && event) return { event, verification }
      if (event === undefined) {
        if (view.online >= 0.9 * options.chargers) settledAtMs = Math.min(settledAtMs, nowMs)
        if (nowMs - settledAtMs >= 1000 * SETTLED_FOR_S || view.elapsedS >= ANNOUNCE_BY_S) event = announce(world, view, nowMs)
      }
      const judged = event && engine.bridge.event(event.id)
      if (judged?.state === 'declined') throw new Fault(1, 'GB-1221', 'the bridge declined the event', `see the log in ${world.dir}`)
      if (nowMs > deadlineMs) throw new Fault(1, 'GB-1222', 'no verification came in time', `see the log in ${world.dir}`)
    }
  } finally {
    unlisten()
    if (interrupted || verification) screen.clear()
  }
}

function announce(world: DemoWorld, view: View, nowMs: number): Announced {
  if (view.measuredW === null || view.measuredW <= 0)
    throw new Fault(
      1,
      'GB-1223',
      `nothing is metered after ${Math.round(view.elapsedS)} s: ${view.online} of ${view.chargers} chargers are online`,
    )
  const shedW = Math.max(1000, Math.round((ASKED_SHARE * view.measuredW) / 1000) * 1000)
  return { id: world.announce(shedW, LEAD_S, nowMs), ask: `shed ${watts(shedW)}` }
}

async function resultOf(
  world: DemoWorld,
  played: Exclude<Played, string>,
  commanded: number,
  context: Context<DemoOptions>,
  beganMs: number,
): Promise<DemoResult> {
  return {
    event: played.event.id,
    ask: played.event.ask,
    chargers: context.options.chargers,
    ignoring: world.specs.filter(s => s.traits?.ignores).length,
    spreadS: DEMO_SPREAD_S,
    defaultSpreadS: DEFAULT_SPREAD_S,
    commanded,
    verification: played.verification,
    ...(await proofOf(world.dir, context.cwd)),
    dir: world.dir,
    elapsedS: Math.round((Date.now() - beganMs) / 1000),
  }
}
