/**
 * The smallest whole signal source. To add a protocol, copy this file to `adapters/signals/<name>.ts` (or a folder), replace the wire, run
 * `test/ports/signals.suite.ts` against it and add its line to `adapters/index.ts`.
 *
 * The wire here is one JSON object a line, e.g. from `process.stdin`:
 *   {"ref":"ev-1","rev":1,"feeder":"BATH-11","from":1769878800,"to":1769882400,"shedKw":250}
 * `rev` grows with each change; a line without `shedKw` cancels. State your wire's units, sign and time here: kW of reduction, positive; Unix seconds.
 */
import { createHash } from 'node:crypto'
import type { GridEvent, Target } from '../../src/core/model.ts'
import type { Bridge, SignalSource } from '../../src/ports.ts'

export type BlueprintOptions = {
  /** Who speaks on this line; part of the event's id. */
  readonly peer: string
  readonly programme: string
  readonly lines: AsyncIterable<string>
}
export type Parsed =
  | { readonly kind: 'event'; readonly event: GridEvent }
  | { readonly kind: 'refused'; readonly path: string; readonly value: unknown }

export function blueprint(options: BlueprintOptions): SignalSource {
  let taking: Promise<void> = Promise.resolve()
  let stopped = false
  const lines = options.lines[Symbol.asyncIterator]()

  /** One bad line is noted and costs nobody else: the next one is read. */
  async function take(bridge: Bridge, line: string): Promise<void> {
    const raw = Buffer.from(line)
    const parsed = parse(raw, options, feeder => bridge.registry.resolve('feeder', feeder))
    if (parsed.kind === 'refused') {
      await bridge.note('blueprint.refused', { peer: options.peer, path: parsed.path, value: String(parsed.value) }, raw)
      return
    }
    // A lost line would be a lost event: say so, and let the peer or a person send it again. The id and revision make that harmless.
    await bridge
      .submit(parsed.event, raw)
      .catch(error => bridge.note('blueprint.notRecorded', { peer: options.peer, error: String(error) }))
  }

  return {
    name: 'blueprint',
    // Ready as soon as it listens: a source that must register first resolves after that.
    async start(bridge) {
      void (async () => {
        for (let next = await lines.next(); !stopped && next.done !== true; next = await lines.next()) {
          bridge.heard('blueprint', options.peer, bridge.now(), 600_000)
          taking = take(bridge, next.value).catch(() => undefined)
          await taking
        }
      })()
    },
    async stop() {
      stopped = true
      // What is being submitted is finished; a line that comes later is not looked at.
      await taking
      void lines.return?.()
    },
  }
}

/** Pure, so that its test is a table: everything it needs is told, also what a feeder is. */
export function parse(
  raw: Buffer,
  options: Omit<BlueprintOptions, 'lines'>,
  resolve: (feeder: string) => readonly Target[] | undefined,
): Parsed {
  const wire = read(raw)
  if (wire === undefined) return { kind: 'refused', path: '', value: 'not a JSON object' }
  const { ref, rev, feeder, from, to, shedKw } = wire
  const wrong = (path: string): Parsed => ({ kind: 'refused', path, value: wire[path] })
  if (typeof ref !== 'string' || ref === '') return wrong('ref')
  if (!isCount(rev)) return wrong('rev')
  if (!isCount(from)) return wrong('from')
  if (!isCount(to) || to <= from) return wrong('to')
  const targets = typeof feeder === 'string' ? resolve(feeder) : undefined
  if (targets === undefined) return wrong('feeder')
  if (shedKw !== undefined && !(typeof shedKw === 'number' && shedKw >= 0)) return wrong('shedKw')
  return {
    kind: 'event',
    event: {
      // Stable over revisions and restarts: the core tells a change from a new event by it.
      id: `blueprint:${options.peer}:${ref}`,
      source: { adapter: 'blueprint', peer: options.peer, credential: 'none' },
      upstreamRef: ref,
      revision: rev,
      class: 'contracted',
      programme: options.programme,
      targets,
      intervals: shedKw === undefined ? [] : [{ fromS: from, toS: to, ask: { kind: 'shed', totalW: Math.ceil(shedKw * 1000) } }],
      spread: 'programme',
      priority: 10,
      stopAtOnce: false,
      test: false,
      duties: { ack: false, started: false, completed: false, telemetryEveryS: 0 },
      liveness: null,
      basis: null,
      rawHash: createHash('sha256').update(raw).digest('hex'),
    },
  }
}

const isCount = (value: unknown): value is number => Number.isInteger(value) && Number(value) >= 0 && Number(value) < 2 ** 32
function read(raw: Buffer): Record<string, unknown> | undefined {
  try {
    const value: unknown = JSON.parse(raw.toString('utf8'))
    return typeof value === 'object' && value !== null && !Array.isArray(value) ? { ...value } : undefined
  } catch {
    return undefined
  }
}
