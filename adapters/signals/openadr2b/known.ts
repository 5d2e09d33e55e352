// What must survive a restart: the registration, the events with what we answered, the reports asked for. Kept in the registry.
import type { GridEvent } from '../../../src/core/model.ts'
import type { Registry } from '../../../src/ports.ts'
import type { OptType, ResponseRequired } from './event.ts'
import type { ReportRequest } from './report.ts'

export type Registration = { readonly registrationID: string; readonly venID: string; readonly vtnID: string; readonly pollFreqS: number }
export type KnownEvent = {
  readonly eventID: string
  readonly modificationNumber: number
  readonly code: string
  readonly description: string
  readonly optType: OptType
  readonly responseRequired: ResponseRequired
  /** Of the oadrDistributeEvent that brought it: a later change of opt names it. */
  readonly requestID: string
  readonly cancelled: 'no' | 'explicitly' | 'implied'
  readonly durationS: number
  /** End of the last participant's share; null for an open end. */
  readonly overMs: number | null
  /** What was submitted, if it was: a cancel is the same without intervals. */
  readonly submitted: GridEvent | null
}
export type Known = ReturnType<typeof createKnown>

/** An unreadable value in the registry is as good as none: the VTN is asked again. */
const read = <T>(text: string | undefined): T | undefined => {
  try {
    return text === undefined ? undefined : (JSON.parse(text) as T)
  } catch {
    return undefined
  }
}

export const createKnown = (registry: Registry, peer: string) => {
  const at = (what: string) => `openadr2b:${peer}:${what}`
  const events = new Map<string, KnownEvent>()
  for (const key of registry.keys(at('event:'))) {
    const event = read<KnownEvent>(registry.get(key))
    if (event) events.set(event.eventID, event)
  }
  let registration = read<Registration>(registry.get(at('registration')))
  return {
    registration: (): Registration | undefined => registration,
    register: async (next: Registration | undefined) => {
      registration = next
      await registry.set(at('registration'), next ? JSON.stringify(next) : null)
    },
    event: (eventID: string): KnownEvent | undefined => events.get(eventID),
    events: (): readonly KnownEvent[] => [...events.values()],
    remember: async (event: KnownEvent) => {
      events.set(event.eventID, event)
      await registry.set(at(`event:${event.eventID}`), JSON.stringify(event))
    },
    forget: async (eventID: string) => {
      events.delete(eventID)
      await registry.set(at(`event:${eventID}`), null)
    },
    requests: (): readonly ReportRequest[] => read<ReportRequest[]>(registry.get(at('reports'))) ?? [],
    keepRequests: (requests: readonly ReportRequest[]) =>
      registry.set(at('reports'), requests.length > 0 ? JSON.stringify(requests) : null),
  }
}
