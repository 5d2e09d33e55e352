// The VEN: HTTP pull against one VTN. One exchange at a time; everything learned goes through `judge` or `telemetry`.
import { randomUUID } from 'node:crypto'
import type { Target } from '../../../src/core/model.ts'
import type { Bridge, Progress, Runtime } from '../../../src/ports.ts'
import { createExchange, type Heard, isNotRecorded, NotRegistered, noteChanges, Unreachable } from './exchange.ts'
import { createHistory } from './history.ts'
import type { Service, Transport } from './http.ts'
import { createJudge } from './judge.ts'
import { createKnown } from './known.ts'
import type { KnownMessage } from './messages.ts'
import type { Options } from './options.ts'
import { type EiResponse, ok } from './parts.ts'
import type { CreatedPartyRegistration } from './registration.ts'
import type { ReportRequest } from './report.ts'
import { createReporting } from './reporting.ts'
import { createTelemetry } from './telemetry.ts'

const DEFAULT_POLL_S = 10
/** Whatever a VTN asks for, 0 included. */
const LEAST_POLL_S = 1
const BACKOFF_FIRST_MS = 1_000
const BACKOFF_MOST_MS = 64_000
/** A VTN that never says "nothing more" must not keep us from reporting and from ending. */
const DRAIN_MOST = 200
const OUTBOX_MOST = 1_000
/** Exchanges in one cycle: a VTN that answers every answer with something new must not keep us busy without a pause. */
const CYCLE_MOST = 500

type Letter = { readonly service: Service; readonly message: KnownMessage }

export type Ven = { readonly start: () => Promise<void>; readonly stop: () => Promise<void> }

export const createVen = (options: Options, runtime: Runtime, transport: Transport, bridge: Bridge): Ven => {
  const { peer } = options
  const known = createKnown(bridge.registry, peer)
  const outbox: Letter[] = []
  const once = noteChanges(bridge)
  let exchangesLeft = CYCLE_MOST
  /** Something may have been lost between the VTN and the record: a polled answer does not come again, so the whole list is asked for. */
  let missed = true
  let stopped = false
  let failures = 0
  let registerNotBeforeMs = 0
  let turn: Promise<unknown> = Promise.resolve()
  let unfollow = () => {}

  const resolved = (names: readonly { readonly scheme: string; readonly value: string }[]): readonly Target[] =>
    names.flatMap(n => bridge.registry.resolve(n.scheme, n.value) ?? [])
  const roots = (): readonly Target[] => [...bridge.registry.nodes()].filter(n => n.parent === -1).map(n => ({ kind: 'node', node: n.no }))
  const fleet = () => (options.fleet ? resolved(options.fleet) : roots())

  const venID = () => known.registration()?.venID ?? options.venName
  /** The whole, and each part with an rID of its own. */
  const resources = [{ id: '', targets: fleet }, ...options.resources.map(r => ({ id: r.value, targets: () => resolved([r]) }))].map(
    ({ id, targets }) => ({
      id,
      figures: () => bridge.figures(targets()),
      history: (span: Parameters<Bridge['history']>[1]) => bridge.history(targets(), span),
    }),
  )
  const telemetry = createTelemetry({ minS: options.telemetryMinS, venID, resources })

  /** Not below what the VTN asks for, not above a fifth of the mean length of events [R500]. */
  const pollMs = (): number => {
    const least = Math.max(LEAST_POLL_S, known.registration()?.pollFreqS ?? DEFAULT_POLL_S) * 1000
    const lengths = known.events().flatMap(e => (e.durationS > 0 && e.cancelled === 'no' ? [e.durationS] : []))
    const most = lengths.length > 0 ? (lengths.reduce((a, b) => a + b, 0) / lengths.length) * 200 : Number.POSITIVE_INFINITY
    return Math.max(least, Math.min(options.pollMs ?? least, most))
  }
  const silentMs = () => 2 * pollMs()
  /** Uniform in [0, 1). */
  const fraction = () => {
    const [high = 0, low = 0] = runtime.random(2)
    return (high * 256 + low) / 65_536
  }

  const judge = createJudge({ bridge, known, peer, markets: options.markets, fleet, silentAfterS: () => Math.ceil(silentMs() / 1000) })

  const { exchange, must, noteError } = createExchange(peer, transport, bridge, silentMs)

  /** An answer that is sent until it is acknowledged. When the box is full the oldest data go first: they can be lost, answers not. */
  const reply = (service: Service, message: KnownMessage): void => {
    outbox.push({ service, message })
    const oldestData = outbox.findIndex(l => l.message.kind === 'oadrUpdateReport')
    if (outbox.length > OUTBOX_MOST) outbox.splice(Math.max(0, oldestData), 1)
  }
  const ids = () => {
    const registration = known.registration()
    if (!registration) throw new NotRegistered()
    return registration
  }
  const reporting = createReporting({
    peer,
    bridge,
    known,
    telemetry,
    history: createHistory({ resources, venID }),
    venID: () => ids().venID,
    reply: m => reply('EiReport', m),
    replan: () => planReports(),
  })

  // --- registration -------------------------------------------------------------------------------------------------

  const register = async (): Promise<void> => {
    const again = known.registration()
    if (!again) {
      // Optional, and some VTNs refuse it: what they support shows at the latest in their answer to the registration.
      const query = await exchange('EiRegisterParty', { kind: 'oadrQueryRegistration', requestID: randomUUID() })
      if (query !== 'refused' && query.message.kind === 'oadrCreatedPartyRegistration') await noteError('query', query.message.response)
    }
    const { message } = await must('EiRegisterParty', {
      kind: 'oadrCreatePartyRegistration',
      requestID: randomUUID(),
      // A first registration has no IDs unless one was given out beforehand; a repeated one has both [R402].
      registrationID: again?.registrationID,
      venID: again?.venID ?? options.venID,
      profile: '2.0b',
      transport: 'simpleHttp',
      reportOnly: false,
      xmlSignature: false,
      venName: options.venName,
      httpPullModel: true,
    })
    if (message.kind !== 'oadrCreatedPartyRegistration') throw new Unreachable(`registration answered by ${message.kind}`)
    await noteError('registration', message.response)
    if (!message.response.code.startsWith('2')) {
      // An ID that the VTN does not know any more: next time as a new party.
      if (again) await known.register(undefined)
      throw new Unreachable(`registration refused with ${message.response.code}`)
    }
    await accept(message)
    await exchangeMetadata()
    await requestEvents()
  }

  const accept = async (m: CreatedPartyRegistration): Promise<void> => {
    const venID = m.venID ?? options.venID
    if (!m.registrationID || !venID) throw new Unreachable('registration without IDs')
    await known.register({ registrationID: m.registrationID, venID, vtnID: m.vtnID, pollFreqS: m.pollFreqS ?? DEFAULT_POLL_S })
    await bridge.note('openadr2b.registered', { peer, venID, vtnID: m.vtnID, pollFreqS: m.pollFreqS ?? null })
  }

  const exchangeMetadata = async (reportRequestID?: string): Promise<void> => {
    const heard = await exchange('EiReport', await reporting.metadata(reportRequestID))
    if (heard !== 'refused') await handle(heard)
  }

  const requestEvents = async (): Promise<void> => {
    const heard = await exchange('EiEvent', { kind: 'oadrRequestEvent', requestID: randomUUID(), venID: ids().venID })
    if (heard !== 'refused') await handle(heard)
    missed = false
  }

  // --- what comes in ------------------------------------------------------------------------------------------------

  const takeRequests = async (requests: readonly ReportRequest[], requestID: string): Promise<void> => {
    const metadata = await reporting.take(requests, requestID)
    if (metadata !== undefined) await exchangeMetadata(metadata)
  }

  const unregistered = async (heard: Heard): Promise<void> => {
    await reporting.clear()
    await judge.cancelAll(heard.raw, heard.credential)
    await known.register(undefined)
    outbox.length = 0
  }

  /** Returns false when the VTN had nothing (more) for us. */
  const handle = async (heard: Heard): Promise<boolean> => {
    const { message, raw, credential } = heard
    switch (message.kind) {
      case 'oadrDistributeEvent': {
        const created = await judge.distribute(message, raw, credential, ids())
        if (created) reply('EiEvent', created)
        return true
      }
      case 'oadrCreateReport':
        await takeRequests(message.requests, message.requestID)
        return true
      case 'oadrRegisteredReport':
        await noteError('metadata', message.response)
        if (message.requests.length > 0) await takeRequests(message.requests, message.response.requestID) // [R344]
        return true
      case 'oadrRegisterReport':
        reply('EiReport', { kind: 'oadrRegisteredReport', response: ok(message.requestID), requests: [], venID: ids().venID })
        return true
      case 'oadrCancelReport':
        await reporting.cancel(message)
        return true
      case 'oadrUpdatedReport':
        await noteError('report', message.response)
        if (message.cancelReport) await reporting.cancel(message.cancelReport) // [R328]
        return true
      case 'oadrRequestReregistration':
        reply('EiRegisterParty', { kind: 'oadrResponse', response: ok(''), venID: ids().venID })
        await flush()
        await register()
        return true
      case 'oadrCancelPartyRegistration':
        await cancelRegistration(message.registrationID, message.requestID, heard)
        return true
      case 'oadrResponse':
        await noteError('response', message.response)
        return false
      default:
        await once('unexpected', 'openadr2b.unexpected', { peer, message: message.kind === 'other' ? message.name : message.kind })
        reply('EiEvent', {
          kind: 'oadrResponse',
          response: { code: '459', description: 'not for a VEN', requestID: '' },
          venID: ids().venID,
        })
        return true
    }
  }

  const cancelRegistration = async (registrationID: string, requestID: string, heard: Heard): Promise<void> => {
    const own = ids()
    const matches = registrationID === own.registrationID // case-sensitive [R512]
    const response: EiResponse = matches ? ok(requestID) : { code: '452', description: 'unknown registrationID', requestID }
    if (matches) {
      // First, and whatever becomes of the answer: the VTN has let us go already [R407].
      registerNotBeforeMs = bridge.now() + options.registerAgainS * 1000
      await bridge.note('openadr2b.registrationCancelled', { peer, registrationID })
      await unregistered(heard)
    }
    await exchange('EiRegisterParty', {
      kind: 'oadrCanceledPartyRegistration',
      response,
      registrationID: own.registrationID,
      venID: own.venID,
    })
  }

  // --- the loop -----------------------------------------------------------------------------------------------------

  const flush = async (): Promise<void> => {
    while (outbox.length > 0 && !stopped && exchangesLeft-- > 0) {
      const letter = outbox[0]!
      const heard = await exchange(letter.service, letter.message)
      // All operations may be repeated, so a letter leaves the box only after its answer.
      outbox.splice(outbox.indexOf(letter), 1)
      if (heard !== 'refused') await handle(heard)
    }
  }

  const drain = async (): Promise<void> => {
    for (let i = 0; i < DRAIN_MOST && !stopped && exchangesLeft > 0; i++) {
      await flush()
      if (!known.registration()) return
      missed = true
      const more = await handle(await must('OadrPoll', { kind: 'oadrPoll', venID: ids().venID }))
      missed = false
      if (!more) break
    }
    await flush()
  }

  const cycle = async (): Promise<number> => {
    const now = bridge.now()
    if (!known.registration()) {
      if (now < registerNotBeforeMs) return registerNotBeforeMs - now
      await register()
    } else if (missed) await requestEvents()
    await drain()
    return known.registration() ? Math.ceil(pollMs() * (1 + 0.05 * fraction())) : Math.max(0, registerNotBeforeMs - bridge.now())
  }

  /** Truncated binary exponential back-off, 1 s first, +-10 %. A 503 says how long to be quiet. */
  const backOffMs = (leastMs = 0): number => {
    const ms = Math.min(BACKOFF_FIRST_MS * 2 ** (failures - 1), BACKOFF_MOST_MS)
    return Math.round(Math.max(leastMs, ms) * (0.9 + 0.2 * fraction()))
  }

  const afterFailure = async (error: unknown): Promise<number> => {
    if (error instanceof NotRegistered) {
      // Letters of the old registration name it: sent again under the new one they would lose us that one too.
      outbox.length = 0
      await known.register(undefined)
      await bridge.note('openadr2b.notRegistered', { peer })
      return failures++ === 0 ? 0 : backOffMs()
    }
    if (!(error instanceof Unreachable)) throw error
    if (failures++ === 0) await bridge.note('openadr2b.unreachable', { peer, why: error.message })
    return backOffMs(error.waitMs)
  }

  /** Runs `work` alone; what the VTN does wrong, or a record that cannot be written, ends in a wait, what we do wrong ends the process. */
  const alone = (work: () => Promise<number>, isCycle = false): Promise<number> => {
    const next = turn.then(async () => {
      exchangesLeft = CYCLE_MOST
      try {
        const waitMs = stopped ? 0 : await work()
        if (isCycle && failures > 0) {
          await bridge.note('openadr2b.reachable', { peer, after: failures })
          failures = 0
        }
        return waitMs
      } catch (error) {
        return await afterFailure(error).catch((worse: unknown) => {
          if (!isNotRecorded(worse)) throw worse
          failures++
          return backOffMs()
        })
      }
    })
    turn = next.catch(() => undefined)
    return next
  }

  const planPoll = (waitMs: number): void => {
    if (!stopped) runtime.at(`openadr2b:${peer}:poll`, bridge.now() + waitMs, async () => planPoll(await alone(cycle, true)))
  }
  function planReports(): void {
    const nextMs = reporting.nextMs()
    // Without a registration nobody asks for reports; the next metadata exchange begins anew.
    if (stopped || !known.registration() || !Number.isFinite(nextMs)) return
    runtime.at(`openadr2b:${peer}:reports`, nextMs, async () => {
      await alone(async () => {
        if (!known.registration()) return 0
        await reporting.sendDue()
        // While the VTN is away the poll's back-off decides when to try again; the data wait in the box.
        if (failures === 0) await flush()
        return 0
      })
      planReports()
    })
  }

  /** Readings came late or were corrected: whatever peer's event shows it, the energies of that time are others. */
  const revised = async (window: { readonly fromS: number; readonly toS: number }): Promise<number> => {
    if (!known.registration()) return 0
    await reporting.revised(window)
    if (failures === 0) await flush()
    return 0
  }
  /** An event that ends here before its time, by an operator's hand, is an opt-out towards the VTN. */
  const onProgress = (progress: Progress): void => {
    const { verification: v } = progress
    if (progress.kind === 'verified' && v && (v.verdictRevision ?? 1) > 1) void alone(() => revised(v.window))
    if (progress.event.peer !== peer || (progress.kind !== 'cancelled' && progress.kind !== 'failed')) return
    void alone(async () => {
      const answer = await judge.left(progress.event.upstreamRef, progress.kind)
      const registration = known.registration()
      if (!answer || !registration) return 0
      reply('EiEvent', {
        kind: 'oadrCreatedEvent',
        response: { code: '200', description: 'OK', requestID: '' },
        eventResponses: [answer],
        venID: registration.venID,
      })
      if (failures === 0) await flush()
      return 0
    })
  }

  return {
    start: async () => {
      unfollow = bridge.follow('openadr2b', onProgress)
      if (known.registration()) {
        reporting.resume()
      }
      planPoll(0)
    },
    stop: async () => {
      stopped = true
      unfollow()
      transport.close()
      await turn
    },
  }
}
