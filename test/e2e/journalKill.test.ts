import { execFileSync, spawn } from 'node:child_process'
import { cpSync, existsSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { openStore } from '../../adapters/stores/sqlite/open.ts'
import { openReader } from '../../adapters/stores/sqlite/reader.ts'
import { stream } from '../../simulations/fleet/chance.ts'
import { parseVkey } from '../../src/audit/note.ts'
import { verifyLog } from '../../src/audit/verify.ts'
import { build } from '../cli/built.ts'

const isLong = process.env['GRIDBRIDGE_LONG'] === '1'
/** CI takes fewer, and every third system call at random: each takes a process or two. By hand all of them. */
const RUNS = Number(process.env['JOURNAL_KILLS'] ?? (isLong ? 200 : 3))
const STEP = Number(process.env['JOURNAL_STEP'] ?? 1)
const SEED = Number(process.env['GRIDBRIDGE_SEED'] ?? Date.now() % 1_000_000)
const origin = 'grid.example/log'
const hasStrace = ((): boolean => {
  try {
    execFileSync('strace', ['-o', '/dev/null', 'true'], { stdio: 'ignore' })
    return true
  } catch {
    return false
  }
})()

/** Appends to the log in `dir` until it is killed, or `times` times; says the size and the checkpoint of each append that was acknowledged. */
const appender = (bin: string) => `
  import { writeSync } from 'node:fs'
  import { openStore } from '${bin.replace('src/cli/gridbridge.js', 'adapters/stores/sqlite/open.js')}'
  const [dir, times] = process.argv.slice(2)
  const { journal } = openStore({ dir, origin: '${origin}', runtime: { now: () => 0, at() {} } })
  const say = () => writeSync(1, JSON.stringify([journal.size(), journal.checkpoint()]) + '\\n')
  if (journal.size() > 0) say()
  for (let i = 0; i < Number(times); i++) {
    const from = journal.size()
    const leaves = Array.from({ length: 1 + (i * 37) % 90 }, (_, k) => Buffer.from(JSON.stringify({ at: 1, fact: { kind: 'noted', what: process.pid + ' ' + (from + k) }, turn: 1 })))
    await journal.append(from, leaves, [])
    say()
  }
`
let dir: string
let script: string
let built: ReturnType<typeof build>
beforeAll(() => {
  built = build()
  dir = mkdtempSync(join(tmpdir(), 'gridbridge-'))
  script = join(dir, 'appender.mjs')
  writeFileSync(script, appender(built.bin))
}, 60_000)
afterAll(() => {
  built.remove()
  rmSync(dir, { recursive: true })
})

/** What was said of each size, over all processes: one checkpoint for one size, for ever. */
function createWatch() {
  const notes = new Map<number, string>()
  let acknowledged = 0
  return {
    take(output: string) {
      for (const line of output.split('\n').slice(0, -1)) {
        const [size, note] = JSON.parse(line) as [number, string]
        expect(notes.get(size) ?? note).toBe(note)
        notes.set(size, note)
        acknowledged = Math.max(acknowledged, size)
      }
    },
    acknowledged: () => acknowledged,
    last: () => notes.get(acknowledged),
  }
}
async function verify(data: string, since: string | undefined): Promise<number> {
  const reader = openReader(join(data, 'gridbridge.db'))
  const result = await verifyLog(reader, parseVkey(readFileSync(join(data, 'audit.pub'), 'utf8')), since)
  reader.close()
  expect(result).toMatchObject({ ok: true })
  return result.size
}

describe(`kill -9 of a process that appends as fast as it can, ${RUNS} times, seed ${SEED}`, () => {
  it('no acknowledged entry is lost, no size has two checkpoints, the log verifies', async () => {
    const chance = stream(SEED, 'journalKill')
    const data = join(dir, 'killed')
    const watch = createWatch()
    for (let run = 0; run < RUNS; run++) {
      const child = spawn(process.execPath, [script, data, '1000000'], { stdio: ['ignore', 'pipe', 'inherit'] })
      let output = ''
      child.stdout.on('data', text => {
        output += text
      })
      const began = new Promise(resolve => child.stdout.once('data', resolve))
      const ended = new Promise(resolve => child.on('close', resolve))
      await Promise.race([began, ended])
      await new Promise(resolve => setTimeout(resolve, chance() * 60))
      child.kill('SIGKILL')
      await ended
      watch.take(output.slice(0, output.lastIndexOf('\n') + 1))
      if (run % 10 === 9 || run === RUNS - 1) expect(await verify(data, watch.last())).toBeGreaterThanOrEqual(watch.acknowledged())
    }
    expect(watch.acknowledged()).toBeGreaterThan(RUNS)
  }, 600_000)
})

const calls = ['pwrite64', 'fdatasync', 'fsync', 'ftruncate']
describe.skipIf(!hasStrace || !isLong)(
  `each system call of an append, under strace${hasStrace ? '' : ' (skipped: strace does not run here)'}`,
  () => {
    it.each([
      ['kills the process', 'signal=KILL'],
      ['finds the disk full', 'error=ENOSPC'],
      ['finds the disk broken', 'error=EIO'],
    ])(
      'one that %s leaves the log as before or with the entries',
      async (_, injection) => {
        const seed = join(dir, `seed-${injection.slice(-3)}`)
        const { journal, close } = openStore({ dir: seed, origin, runtime: { now: () => 0, at() {} } })
        await journal.append(
          0,
          Array.from({ length: 250 }, (_, i) => Buffer.from(`{"at":1,"fact":{},"turn":${i}}`)),
          [],
        )
        await close()
        let reached = 0
        for (const call of calls)
          for (let at = 1 + (SEED % STEP); at <= 40; at += STEP) {
            const data = join(dir, 'traced')
            rmSync(data, { recursive: true, force: true })
            cpSync(seed, data, { recursive: true })
            const watch = createWatch()
            const log = join(dir, 'strace.txt')
            const args = [
              '-f',
              '-o',
              log,
              '-e',
              `trace=${call}`,
              '-e',
              `inject=${call}:${injection}:when=${at}`,
              process.execPath,
              script,
              data,
              '4',
            ]
            watch.take(await outputOf('strace', args))
            const trace = existsSync(log) ? readFileSync(log, 'utf8') : ''
            if (!/INJECTED|killed by SIGKILL/.test(trace)) break
            reached++
            const found = await verify(data, watch.last())
            expect(
              [250, 251, 289, 364, 386].some(size => size === found),
              `${call} ${at}: ${found}`,
            ).toBe(true)
            expect(found).toBeGreaterThanOrEqual(watch.acknowledged())
            watch.take(await outputOf(process.execPath, [script, data, '2']))
            await verify(data, watch.last())
          }
        expect(reached).toBeGreaterThan(8 / STEP)
      },
      600_000,
    )
  },
)
const outputOf = (command: string, args: readonly string[]): Promise<string> =>
  new Promise(resolve => {
    const child = spawn(command, args, { stdio: ['ignore', 'pipe', 'ignore'] })
    let output = ''
    child.stdout.on('data', text => (output += text))
    child.on('close', () => resolve(output.slice(0, output.lastIndexOf('\n') + 1)))
  })
