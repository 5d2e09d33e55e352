import { createHash } from 'node:crypto'
import type { Instant } from '../../src/core/model.ts'
import type { Runtime } from '../../src/ports.ts'

type Job = { readonly key: string; readonly at: Instant; readonly order: number; readonly run: () => void | Promise<void> }

export type VirtualRuntime = Runtime & {
  /**
   * Runs every job due up to and including `until`, in order of time and then of being asked for, each to its end before the next; then it is
   * `until`. Rejects with the error of a job; the jobs after it stay.
   */
  runUntil(until: Instant): Promise<void>
  advance(ms: number): Promise<void>
  /** When the next job is due; undefined when there is none. */
  nextAt(): Instant | undefined
}

/** A runtime whose time moves only when told to and whose chance is a function of `seed`: the same calls give the same run. */
export function createVirtualRuntime(startMs: Instant, seed = 'virtual'): VirtualRuntime {
  let nowMs = startMs
  let order = 0
  let drawn = 0
  const current = new Map<string, Job>()
  const heap: Job[] = []

  /** Drops jobs that a later one with their key has replaced. */
  function next(): Job | undefined {
    while (heap[0] !== undefined && current.get(heap[0].key) !== heap[0]) pop(heap)
    return heap[0]
  }
  async function runUntil(until: Instant) {
    await settle()
    for (let job = next(); job !== undefined && job.at <= until; job = next()) {
      pop(heap)
      current.delete(job.key)
      nowMs = Math.max(nowMs, job.at)
      await job.run()
      await settle()
    }
    nowMs = Math.max(nowMs, until)
  }
  return {
    now: () => nowMs,
    at(key, at, run) {
      const job = { key, at: Math.max(at, nowMs), order: order++, run }
      current.set(key, job)
      push(heap, job)
    },
    random(bytes) {
      const out = Buffer.alloc(bytes)
      for (let i = 0; i < bytes; i += 32) createHash('sha256').update(`${seed}:${drawn++}`).digest().copy(out, i)
      return new Uint8Array(out)
    },
    runUntil,
    advance: ms => runUntil(nowMs + ms),
    nextAt: () => next()?.at,
  }
}

/** Lets promises that nobody awaits come to rest before time moves on. */
const settle = (): Promise<void> => new Promise(resolve => setImmediate(resolve))

const isBefore = (a: Job, b: Job): boolean => a.at < b.at || (a.at === b.at && a.order < b.order)
function swap(heap: Job[], a: number, b: number): void {
  const job = heap[a]!
  heap[a] = heap[b]!
  heap[b] = job
}
function push(heap: Job[], job: Job): void {
  heap.push(job)
  for (let i = heap.length - 1; i > 0; ) {
    const parent = (i - 1) >> 1
    if (!isBefore(heap[i]!, heap[parent]!)) return
    swap(heap, i, parent)
    i = parent
  }
}
function pop(heap: Job[]): void {
  const last = heap.pop()!
  if (heap.length === 0) return
  heap[0] = last
  for (let i = 0; ; ) {
    const [left, right] = [2 * i + 1, 2 * i + 2]
    let least = i
    if (left < heap.length && isBefore(heap[left]!, heap[least]!)) least = left
    if (right < heap.length && isBefore(heap[right]!, heap[least]!)) least = right
    if (least === i) return
    swap(heap, i, least)
    i = least
  }
}
