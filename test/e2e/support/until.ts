import { inspect } from 'node:util'

/** Looks again and again until what it sees is right. The deadline is generous: the machine may be busy with other things. */
export async function until<T>(what: string, look: () => T | Promise<T>, isRight: (seen: T) => boolean, withinMs = 60_000): Promise<T> {
  const endMs = performance.now() + withinMs
  let seen: T | undefined
  let error: unknown
  do {
    try {
      seen = await look()
      error = undefined
      if (isRight(seen)) return seen
    } catch (thrown) {
      error = thrown
    }
    await sleep(200)
  } while (performance.now() < endMs)
  throw new Error(`not within ${withinMs} ms: ${what}; last seen ${error ?? inspect(seen, { depth: 4, breakLength: 160 }).slice(0, 2_000)}`)
}

export const sleep = (ms: number): Promise<unknown> => new Promise(resolve => setTimeout(resolve, ms))
/** Waits for an instant of the story, such as an event's end. */
export const reached = (atMs: number): Promise<unknown> => sleep(Math.max(0, atMs - Date.now()))
