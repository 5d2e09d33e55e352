import { describe, expect, it } from 'vitest'
import { createVirtualRuntime } from '../../adapters/runtime/memory.ts'
import { createSystemRuntime } from '../../adapters/runtime/system.ts'

describe('virtual time', () => {
  it('runs jobs by time, then in the order of asking, at their time', async () => {
    const runtime = createVirtualRuntime(1000)
    const ran: string[] = []
    const job = (name: string) => () => void ran.push(`${name}@${runtime.now()}`)
    runtime.at('c', 3000, job('c'))
    runtime.at('a', 2000, job('a'))
    runtime.at('b', 2000, job('b'))
    runtime.at('past', 5, job('past'))
    await runtime.runUntil(2500)
    expect(ran).toEqual(['past@1000', 'a@2000', 'b@2000'])
    expect([runtime.now(), runtime.nextAt()]).toEqual([2500, 3000])
    await runtime.advance(500)
    expect(ran.at(-1)).toBe('c@3000')
    expect(runtime.nextAt()).toBeUndefined()
  })
  it('a later job with the same key replaces the earlier one, whichever is due first', async () => {
    const runtime = createVirtualRuntime(0)
    const ran: string[] = []
    runtime.at('x', 10, () => void ran.push('early'))
    runtime.at('x', 20, () => void ran.push('late'))
    runtime.at('y', 20, () => void ran.push('late y'))
    runtime.at('y', 10, () => void ran.push('early y'))
    await runtime.runUntil(100)
    expect(ran).toEqual(['early y', 'late'])
  })
  it('waits for a job, and for what the job left running, before time moves on', async () => {
    const runtime = createVirtualRuntime(0)
    const ran: string[] = []
    const later = async (name: string) => {
      for (let i = 0; i < 20; i++) await Promise.resolve()
      ran.push(`${name}@${runtime.now()}`)
    }
    runtime.at('a', 10, () => later('awaited'))
    runtime.at('b', 20, () => void later('left running'))
    runtime.at('c', 30, () => runtime.at('d', 40, () => later('asked for in a job')))
    await runtime.runUntil(100)
    expect(ran).toEqual(['awaited@10', 'left running@20', 'asked for in a job@40'])
  })
  it('the error of a job comes out of runUntil; the next ones can still run', async () => {
    const runtime = createVirtualRuntime(0)
    const ran: number[] = []
    runtime.at('bad', 10, () => Promise.reject(new Error('job failed')))
    runtime.at('good', 20, () => void ran.push(runtime.now()))
    await expect(runtime.runUntil(100)).rejects.toThrow('job failed')
    await runtime.runUntil(100)
    expect(ran).toEqual([20])
  })
  it('keeps order with thousands of jobs', async () => {
    const runtime = createVirtualRuntime(0)
    const ran: number[] = []
    for (let i = 0; i < 3000; i++) runtime.at(`${i}`, (i * 7919) % 1009, () => void ran.push(runtime.now()))
    await runtime.runUntil(2000)
    expect(ran).toHaveLength(3000)
    expect(ran).toEqual([...ran].sort((a, b) => a - b))
  })
  it('chance is the same in every run of a seed, and never twice the same within it', () => {
    const [a, b, c] = [createVirtualRuntime(0, 's'), createVirtualRuntime(0, 's'), createVirtualRuntime(0, 't')]
    const first = a.random(40)
    expect(first).toHaveLength(40)
    expect(b.random(40)).toEqual(first)
    expect(a.random(40)).not.toEqual(first)
    expect(c.random(40)).not.toEqual(first)
  })
})

describe('system time', () => {
  it('runs a job not before its time, the last one of a key only', async () => {
    const runtime = createSystemRuntime()
    const at = runtime.now() + 20
    const ran = await new Promise<[string, number]>(resolve => {
      runtime.at('x', runtime.now() + 1, () => resolve(['replaced', runtime.now()]))
      runtime.at('x', at, () => resolve(['last', runtime.now()]))
    })
    expect(ran[0]).toBe('last')
    expect(ran[1]).toBeGreaterThanOrEqual(at)
    runtime.close()
  })
  it('a far instant does not run at once', async () => {
    const runtime = createSystemRuntime()
    const ran: string[] = []
    runtime.at('far', runtime.now() + 365 * 86_400_000, () => void ran.push('far'))
    await new Promise<void>(resolve => runtime.at('near', runtime.now() + 5, resolve))
    expect(ran).toEqual([])
    runtime.close()
  })
  it.each([
    [
      'throws',
      () => {
        throw new Error('fatal')
      },
    ],
    ['rejects', () => Promise.reject(new Error('fatal'))],
  ])('a job that %s is fatal', async (_, job) => {
    const error = await new Promise(resolve => createSystemRuntime(resolve).at('bad', 0, job))
    expect(error).toMatchObject({ message: 'fatal' })
  })
})
