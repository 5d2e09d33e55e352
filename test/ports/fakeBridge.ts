import { createMemoryRegistry } from '../../adapters/stores/memory/index.ts'
import type { Decline, GridEvent, Instant } from '../../src/core/model.ts'
import type { Bridge, EventView, Judgement, Progress } from '../../src/ports.ts'

type Submitted = { readonly event: GridEvent; readonly raw: Uint8Array }
export type Note = {
  readonly what: string
  readonly about: Readonly<Record<string, string | number | boolean | null>>
  readonly raw: Uint8Array | undefined
}

/** The engine as a signal adapter sees it, without an engine: time stands until it is moved, and every fault can be ordered. */
export type FakeBridge = Bridge & {
  /** What is in the journal: each id and revision once, in order. */
  readonly stored: Submitted[]
  /** Every call of `submit`, the repeated and the failed ones included. */
  readonly calls: Submitted[]
  readonly notes: Note[]
  readonly heards: { readonly adapter: string; readonly peer: string; readonly at: Instant; readonly staleMs: number }[]
  advance(ms: number): void
  /** The next submit rejects: `before` it was stored, or `after`. */
  failNext(when: 'before' | 'after'): void
  failNotes(count: number): void
  declineNext(why: Decline): void
  /** Submits wait until the returned function is called. */
  hold(): () => void
  /** Tells the followers a step of a stored event. */
  step(id: string, kind: Progress['kind'], figures?: Partial<Progress>): void
}

export function fakeBridge(startMs: Instant = Date.UTC(2026, 0, 31, 17)): FakeBridge {
  const registry = createMemoryRegistry()
  const [stored, calls, notes]: [Submitted[], Submitted[], Note[]] = [[], [], []]
  const heards: FakeBridge['heards'] = []
  const [views, judgements] = [new Map<string, EventView>(), new Map<string, Judgement>()]
  const followers = new Set<{ adapter: string | undefined; listener: (progress: Progress) => void }>()
  let [nowMs, failure, failingNotes] = [startMs, '' as '' | 'before' | 'after', 0]
  let declining: Decline | undefined
  let gate = Promise.resolve()

  function store(event: GridEvent, raw: Uint8Array): Judgement {
    const former = stored.findLast(({ event: { id } }) => id === event.id)?.event
    const no = views.get(event.id)?.no ?? views.size
    if (former?.revision === event.revision && former.rawHash === event.rawHash) return judgements.get(event.id)!
    if (former !== undefined && former.revision >= event.revision) return { kind: 'declined', event: no, id: event.id, why: 'superseded' }
    stored.push({ event, raw })
    const why = declining
    declining = undefined
    const judgement: Judgement =
      why === undefined
        ? { kind: 'accepted', event: no, id: event.id, usable: 7, excluded: 1 }
        : { kind: 'declined', event: no, id: event.id, why }
    judgements.set(event.id, judgement)
    const last = views.get(event.id)
    const cancelled = event.intervals.length === 0
    views.set(event.id, {
      no,
      id: event.id,
      upstreamRef: event.upstreamRef,
      adapter: event.source.adapter,
      peer: event.source.peer,
      class: event.class,
      programme: event.programme,
      revision: event.revision,
      fromS: event.intervals[0]?.fromS ?? last?.fromS ?? 0,
      toS: event.intervals.at(-1)?.toS ?? last?.toS ?? 0,
      state: why !== undefined ? 'declined' : cancelled ? 'cancelled' : 'scheduled',
    })
    step(event.id, why !== undefined ? 'declined' : cancelled ? 'cancelled' : 'accepted')
    return judgement
  }
  function step(id: string, kind: Progress['kind'], figures: Partial<Progress> = {}): void {
    const event = views.get(id)!
    const none = { measuredW: null, baselineW: null, askedW: null, verification: null }
    for (const { adapter, listener } of followers)
      if (adapter === undefined || adapter === event.adapter) listener({ kind, at: nowMs, event, ...none, ...figures })
  }

  return {
    registry,
    stored,
    calls,
    notes,
    heards,
    step,
    now: () => nowMs,
    async submit(event, raw) {
      calls.push({ event, raw })
      await gate
      const failing = failure
      failure = ''
      if (failing === 'before') throw new Error('the disk is full')
      const judgement = store(event, raw)
      if (failing === 'after') throw new Error('the answer of the disk was lost')
      return judgement
    },
    async note(what, about, raw) {
      if (failingNotes > 0) {
        failingNotes--
        throw new Error('the disk is full')
      }
      notes.push({ what, about, raw })
    },
    event: id => views.get(id),
    events: () => [...views.values()],
    figures: () => ({
      chargers: 8,
      online: 8,
      metered: 8,
      unmetered: 0,
      powerW: 56_000,
      maxW: 56_000,
      minW: 11_040,
      limitedTo: { chargers: 0, limitW: 0 },
      optedOut: 0,
    }),
    async history(_, { fromS, toS, stepS }) {
      const count = (toS - fromS) / stepS
      return { fromS, stepS, chargers: 8, wh: new Float64Array(count).fill(28_000), known: new Uint32Array(count).fill(8) }
    },
    follow(adapter, listener) {
      const follower = { adapter, listener }
      followers.add(follower)
      return () => void followers.delete(follower)
    },
    heard: (adapter, peer, at, staleMs) => void heards.push({ adapter, peer, at, staleMs }),
    advance(ms) {
      nowMs += ms
    },
    failNext(when) {
      failure = when
    },
    failNotes(count) {
      failingNotes = count
    },
    declineNext(why) {
      declining = why
    },
    hold() {
      let open = () => {}
      gate = new Promise<void>(resolve => {
        open = resolve
      })
      return open
    },
  }
}
