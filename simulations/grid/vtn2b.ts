// A small but real OpenADR 2.0b VTN to play against: HTTP pull, over node:http or https with client certificates.
import { randomUUID } from 'node:crypto'
import { createServer, type IncomingMessage, type Server, type ServerResponse } from 'node:http'
import { createServer as createTlsServer } from 'node:https'
import type { AddressInfo } from 'node:net'
import type { TLSSocket } from 'node:tls'
import type { CreatedEvent, EventResponse, Oadr20bEvent } from '../../adapters/signals/openadr2b/event.ts'
import { format, type KnownMessage, type Message, parse } from '../../adapters/signals/openadr2b/messages.ts'
import { ok } from '../../adapters/signals/openadr2b/parts.ts'
import type { CreatePartyRegistration } from '../../adapters/signals/openadr2b/registration.ts'
import type { Report, ReportRequest, ReportValue } from '../../adapters/signals/openadr2b/report.ts'
import { type HeldEvent, inWireOrder, type PlannedEvent, stillListed, toWire } from './vtn2b-events.ts'

export { loadDispatch, type PlannedEvent, signal, simple } from './vtn2b-events.ts'

export type Opt = EventResponse & { readonly venID: string; readonly atMs: number; readonly requestIDKnown: boolean }
export type Received = {
  readonly venID: string
  readonly reportRequestID: string
  readonly reportName: string | undefined
  readonly rID: string
  readonly startMs: number | undefined
  readonly durationS: number | undefined
  readonly value: ReportValue
  readonly quality: string | undefined
}
export type Exchange = {
  readonly atMs: number
  readonly service: string
  readonly message: Message
  readonly request: string
  status: number
  response: string
}
/** Every fault is used up by the requests that meet it; `delayMs` stays until it is set back. */
export type Faults = {
  /** HTTP statuses to answer with, before anything is done. */
  nextStatus: number[]
  delayMs: number
  /** So many answers are cut in half. */
  badXml: number
  /** Hang up before doing anything, or after everything was done: the caller cannot tell. */
  hangUp: ('before' | 'after' | 'no')[]
  /** Changes an answer on its way out. */
  edit: ((xml: string) => string)[]
}
export type VtnOptions = {
  /** Milliseconds since the epoch; the wall clock by default. */
  readonly clock?: () => number
  readonly port?: number
  readonly host?: string
  readonly vtnID?: string
  readonly pollFreqS?: number
  /** The venID to give, or undefined to refuse with 463. Default: everybody gets what they ask for or `VEN_n`. */
  readonly venAllowed?: (asked: CreatePartyRegistration, fingerprint: string | undefined) => string | undefined
  readonly tls?: { readonly key: string; readonly cert: string; readonly ca?: string }
  /** Which reports to ask for out of the VEN's metadata, and how. Default: TELEMETRY_USAGE and TELEMETRY_STATUS, piggy-backed. */
  readonly reports?: { readonly how: 'piggyback' | 'create' | 'never'; readonly granularityS?: number; readonly reportBackS?: number }
}

type Ven = {
  readonly venID: string
  registrationID: string
  queue: KnownMessage[]
  news: boolean
  readonly gone: Set<string>
  metadata: readonly Report[]
}
export type Vtn = ReturnType<typeof createVtn>

/**
 * `announce`, `modify`, `cancel` and `dropSilently` change what every registered VEN is told at its next poll; an
 * oadrDistributeEvent always lists all events that are not over [R50]. `opts`, `reports` and `log` are what came in.
 */
export const createVtn = (options: VtnOptions = {}) => {
  const clock = options.clock ?? Date.now
  const vtnID = options.vtnID ?? 'VTN_1'
  const vens = new Map<string, Ven>()
  const events = new Map<string, HeldEvent>()
  const listed = new Set<string>()
  const overrides = new Map<string, Partial<Oadr20bEvent>>()
  const distributed = new Set<string>()
  const opts: Opt[] = []
  const reports: Received[] = []
  const metadata: Report[] = []
  const log: Exchange[] = []
  const faults: Faults = { nextStatus: [], delayMs: 0, badXml: 0, hangUp: [], edit: [] }

  const tellAll = () => {
    for (const ven of vens.values()) ven.news = true
  }

  const distribute = (ven: Ven, requestID: string): KnownMessage => {
    const now = clock()
    const shown = inWireOrder(
      [...listed].map(id => events.get(id)!).filter(e => stillListed(e, now) && !(e.cancelled && ven.gone.has(e.plan.id))),
      now,
    )
    ven.news = false
    // A cancelled event that needs no answer is told once.
    for (const e of shown) if (e.cancelled && e.plan.responseRequired === 'never') ven.gone.add(e.plan.id)
    const own = randomUUID()
    distributed.add(own)
    return {
      kind: 'oadrDistributeEvent',
      response: ok(requestID),
      requestID: own,
      vtnID,
      events: shown.map(e => ({ ok: true, event: { ...toWire(e, now), ...overrides.get(e.plan.id) } })),
    }
  }

  const refuse = (code: string, description: string, requestID = '', venID?: string): KnownMessage => ({
    kind: 'oadrResponse',
    response: { code, description, requestID },
    venID,
  })
  const venOf = (venID: string | undefined): Ven | undefined => (venID === undefined ? undefined : vens.get(venID))

  const register = (m: CreatePartyRegistration, fingerprint: string | undefined): KnownMessage => {
    const profiles = [{ name: '2.0b', transports: ['simpleHttp'] }]
    const venID = (options.venAllowed ?? (asked => asked.venID ?? `VEN_${vens.size + 1}`))(m, fingerprint)
    const known = venOf(venID)
    const stale = m.registrationID !== undefined && known?.registrationID !== m.registrationID
    if (venID === undefined || stale) {
      return {
        kind: 'oadrCreatedPartyRegistration',
        response: { code: stale ? '452' : '463', description: 'not registered', requestID: m.requestID },
        vtnID,
        profiles,
      }
    }
    const registrationID = m.registrationID ?? randomUUID()
    // A brand-new registration wipes what was known of this VEN [R406]; both then exchange metadata.
    const queue: KnownMessage[] = [{ kind: 'oadrRegisterReport', requestID: randomUUID(), reports: [], venID }]
    vens.set(venID, { venID, registrationID, queue, news: false, gone: new Set(), metadata: [] })
    return {
      kind: 'oadrCreatedPartyRegistration',
      response: ok(m.requestID),
      registrationID,
      venID,
      vtnID,
      profiles,
      pollFreqS: options.pollFreqS ?? 10,
    }
  }

  const answered = (m: CreatedEvent): KnownMessage => {
    let code = '200'
    for (const r of m.eventResponses) {
      opts.push({ ...r, venID: m.venID, atMs: clock(), requestIDKnown: distributed.has(r.requestID) })
      const held = events.get(r.eventID)
      if (!held) code = '452'
      else if ((overrides.get(r.eventID)?.modificationNumber ?? held.modification) !== r.modificationNumber) code = '450'
      else if (held.cancelled) vens.get(m.venID)?.gone.add(r.eventID)
    }
    return {
      kind: 'oadrResponse',
      response: { code, description: code === '200' ? 'OK' : 'event', requestID: m.eventResponses[0]?.requestID ?? '' },
      venID: m.venID,
    }
  }

  const wanted = (list: readonly Report[]): readonly ReportRequest[] => {
    const { granularityS = 60, reportBackS = 60 } = options.reports ?? {}
    return list
      .filter(r => /TELEMETRY_(USAGE|STATUS)$/.test(r.reportName ?? ''))
      .map(r => ({
        reportRequestID: randomUUID(),
        reportSpecifierID: r.reportSpecifierID,
        granularityS,
        reportBackS,
        points: r.descriptions.map(d => ({ rID: d.rID, readingType: d.readingType })),
      }))
  }

  const receive = (ven: Ven, list: readonly Report[]): void => {
    for (const r of list) {
      for (const i of r.intervals) {
        for (const p of i.points) {
          const startMs = i.dtstartMs ?? r.dtstartMs
          reports.push({
            venID: ven.venID,
            reportRequestID: r.reportRequestID,
            reportName: r.reportName,
            rID: p.rID,
            startMs,
            durationS: i.durationS,
            value: p.value,
            quality: p.quality,
          })
        }
      }
    }
  }

  const reply = (m: Message, fingerprint: string | undefined): KnownMessage => {
    if (m.kind === 'oadrQueryRegistration') {
      return {
        kind: 'oadrCreatedPartyRegistration',
        response: ok(m.requestID),
        vtnID,
        profiles: [{ name: '2.0b', transports: ['simpleHttp'] }],
        pollFreqS: options.pollFreqS ?? 10,
      }
    }
    if (m.kind === 'oadrCreatePartyRegistration') return register(m, fingerprint)
    const requestID = 'requestID' in m ? m.requestID : 'response' in m ? (m.response?.requestID ?? '') : ''
    const ven = venOf('venID' in m ? m.venID : undefined)
    if (!ven) return refuse('463', 'not registered', requestID) // [R517]
    switch (m.kind) {
      case 'oadrPoll':
        return ven.queue.shift() ?? (ven.news ? distribute(ven, '') : { kind: 'oadrResponse', response: ok(''), venID: ven.venID })
      case 'oadrRequestEvent':
        return distribute(ven, m.requestID)
      case 'oadrCreatedEvent':
        return answered(m)
      case 'oadrRegisterReport': {
        ven.metadata = m.reports
        metadata.push(...m.reports)
        const how = options.reports?.how ?? 'piggyback'
        const requests = how === 'never' ? [] : wanted(m.reports)
        if (how === 'create' && requests.length > 0)
          ven.queue.push({ kind: 'oadrCreateReport', requestID: randomUUID(), requests, venID: ven.venID })
        return { kind: 'oadrRegisteredReport', response: ok(m.requestID), requests: how === 'piggyback' ? requests : [], venID: ven.venID }
      }
      case 'oadrUpdateReport':
        receive(ven, m.reports)
        return { kind: 'oadrUpdatedReport', response: ok(m.requestID), venID: ven.venID }
      case 'oadrCancelPartyRegistration':
        if (m.registrationID !== ven.registrationID)
          return { kind: 'oadrCanceledPartyRegistration', response: { code: '452', requestID: m.requestID } }
        vens.delete(ven.venID)
        return { kind: 'oadrCanceledPartyRegistration', response: ok(m.requestID), registrationID: m.registrationID, venID: ven.venID }
      case 'oadrCanceledPartyRegistration':
        vens.delete(ven.venID)
        return { kind: 'oadrResponse', response: ok(requestID), venID: ven.venID }
      case 'oadrResponse':
      case 'oadrRegisteredReport':
      case 'oadrCreatedReport':
      case 'oadrCanceledReport':
        return { kind: 'oadrResponse', response: ok(requestID), venID: ven.venID }
      default:
        return refuse('459', `${m.kind} is not for a VTN`, requestID, ven.venID)
    }
  }

  const handle = async (req: IncomingMessage, res: ServerResponse): Promise<void> => {
    const body = await readBody(req)
    if (faults.delayMs > 0) await new Promise(resolve => setTimeout(resolve, faults.delayMs))
    const hangUp = faults.hangUp.shift()
    if (hangUp === 'before') return void req.socket.destroy()
    const service = /\/OpenADR2\/Simple\/2\.0b\/(EiEvent|EiReport|EiRegisterParty|EiOpt|OadrPoll)$/.exec(req.url ?? '')?.[1]
    const fault = faults.nextStatus.shift()
    if (fault) return send(res, fault, '')
    if (req.method !== 'POST') return send(res, 501, '')
    if (!service) return send(res, 404, '')
    // Chunked bodies are not allowed in 2.0b (transport 9.1): the length must be given.
    if (req.headers['transfer-encoding'] !== undefined || req.headers['content-length'] === undefined) return send(res, 411, '')
    if (!/^(application|text)\/xml\b/.test(req.headers['content-type'] ?? '')) return send(res, 406, '')
    let message: Message
    try {
      message = parse(body)
    } catch {
      return send(res, 406, '')
    }
    const exchange: Exchange = { atMs: clock(), service, message, request: body.toString(), status: 200, response: '' }
    log.push(exchange)
    const fingerprint = (req.socket as Partial<TLSSocket>).getPeerCertificate?.()?.fingerprint256?.slice(-29)
    const edit = faults.edit.shift() ?? ((xml: string) => xml)
    exchange.response = edit(format(reply(message, fingerprint)))
    if (hangUp === 'after') return void req.socket.destroy()
    const cut = faults.badXml > 0 && faults.badXml-- > 0
    send(res, 200, cut ? exchange.response.slice(0, exchange.response.length / 2) : exchange.response)
  }

  const listener = (req: IncomingMessage, res: ServerResponse) => void handle(req, res).catch(() => req.socket.destroy())
  const server: Server = options.tls
    ? createTlsServer(
        { ...options.tls, requestCert: true, rejectUnauthorized: options.tls.ca !== undefined, minVersion: 'TLSv1.2' },
        listener,
      )
    : createServer(listener)

  const changed = (id: string, held: HeldEvent) => {
    events.set(id, held)
    listed.add(id)
    for (const ven of vens.values()) ven.gone.delete(id)
    tellAll()
  }
  const heldOrFail = (id: string): HeldEvent => {
    const held = events.get(id)
    if (!held) throw new Error(`no event ${id}`)
    return held
  }

  return {
    vtnID,
    opts: opts as readonly Opt[],
    reports: reports as readonly Received[],
    /** Metadata reports that VENs registered. */
    metadata: metadata as readonly Report[],
    log: log as readonly Exchange[],
    faults,
    /** Base address for a VEN's configuration; the services are under it. */
    url: () => `${options.tls ? 'https' : 'http'}://${options.host ?? '127.0.0.1'}:${(server.address() as AddressInfo).port}`,
    start: () =>
      new Promise<void>((resolve, reject) => {
        server.once('error', reject)
        server.listen(options.port ?? 0, options.host ?? '127.0.0.1', resolve)
      }),
    stop: () =>
      new Promise<void>(resolve => {
        server.close(() => resolve())
        server.closeAllConnections()
      }),
    registered: (): readonly string[] => [...vens.keys()],
    announce: (plan: PlannedEvent) => changed(plan.id, { plan, modification: 0, cancelled: false }),
    /** `raw` overrides what goes on the wire, also with what a VTN must not send. */
    modify: (id: string, change: Partial<PlannedEvent>, raw?: Partial<Oadr20bEvent>) => {
      const held = heldOrFail(id)
      if (raw) overrides.set(id, raw)
      changed(id, { ...held, plan: { ...held.plan, ...change }, modification: held.modification + 1 })
    },
    cancel: (id: string) => {
      const held = heldOrFail(id)
      changed(id, { ...held, modification: held.modification + 1, cancelled: true })
    },
    /** Implied cancel [R61]: the event is simply not listed any more. */
    dropSilently: (id: string) => {
      listed.delete(id)
      tellAll()
    },
    /** Sends the list again although nothing changed. */
    repeat: tellAll,
    /** Puts a message in the poll queue of a VEN. */
    push: (venID: string, message: KnownMessage) => venOf(venID)?.queue.push(message),
    /** Forgets a VEN, as a VTN restored from an old backup would. */
    forget: (venID: string) => vens.delete(venID),
  }
}

const readBody = async (req: IncomingMessage): Promise<Buffer> => {
  const chunks: Buffer[] = []
  let size = 0
  for await (const chunk of req as AsyncIterable<Buffer>) {
    size += chunk.length
    if (size <= 1_000_000) chunks.push(chunk)
  }
  return Buffer.concat(chunks)
}

const send = (res: ServerResponse, status: number, body: string): void => {
  const bytes = Buffer.from(body)
  res.writeHead(status, { 'content-type': 'application/xml; charset=utf-8', 'content-length': bytes.length })
  res.end(bytes)
}
