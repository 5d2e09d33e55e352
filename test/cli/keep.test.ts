import { existsSync, mkdtempSync, readdirSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import { createVirtualRuntime } from '../../adapters/runtime/memory.ts'
import { openStore } from '../../adapters/stores/sqlite/open.ts'
import { createProgram } from '../../src/cli/program.ts'
import { erasureText } from '../../src/cli/subject.ts'
import { readConfig, secretsOf } from '../../src/main.ts'

/** Commands on the files of a stopped bridge, run in this process. */
let dir: string
beforeEach(() => {
  dir = mkdtempSync(join(tmpdir(), 'gridbridge-'))
})
afterEach(() => rmSync(dir, { recursive: true }))
async function run(...args: string[]): Promise<{ code: number; out: string; error: string }> {
  let [out, code] = ['', -1]
  const stream = (write: (text: string) => void) =>
    ({
      write(text: string) {
        write(text)
        return true
      },
      isTTY: false,
    }) as unknown as NodeJS.WriteStream
  const sink = stream(text => {
    out += text
  })
  const proc = { stdout: sink, stderr: stream(() => {}), env: {}, cwd: dir, exit: (c: number) => void (code = c) }
  try {
    await createProgram(proc as never, '0').parseAsync(['node', 'gridbridge', ...args, '--json'])
    return { code, out, error: '' }
  } catch (error) {
    return { code: (error as { exit?: number }).exit ?? 1, out, error: (error as { code?: string }).code ?? String(error) }
  }
}
const open = (origin = 'gridbridge.local/log') =>
  openStore({ dir: join(dir, 'gridbridge-data'), origin, runtime: createVirtualRuntime(1_700_000_000_000) })
const leaf = (turn: number) => Buffer.from(JSON.stringify({ at: 1_700_000_000_000, fact: { about: {}, kind: 'noted', what: 'x' }, turn }))
async function grow(n: number, origin?: string): Promise<void> {
  const store = open(origin)
  for (let i = 0; i < n; i++) await store.journal.append(store.journal.size(), [leaf(store.journal.size() + 1)], [])
  await store.close()
}
const file = (...names: string[]) => join(dir, ...names)

describe('gridbridge backup and restore', () => {
  it('copies, verifies, puts back; an older one is refused as long as a newer checkpoint is known', async () => {
    await grow(3)
    const made = await run('backup', 'kept')
    expect(made.code).toBe(0)
    const [name] = readdirSync(file('kept'))
    expect(JSON.parse(made.out)).toMatchObject({ size: 3, keys: false, removed: [] })
    await grow(2)
    const store = open()
    writeFileSync(file('newer.checkpoint'), store.journal.checkpoint())
    await store.close()
    expect(await run('restore', join('kept', name!))).toMatchObject({ code: 3, error: 'GB-1295' })
    rmSync(file('gridbridge-data', 'gridbridge.db'))
    expect(await run('restore', join('kept', name!), '--since', 'newer.checkpoint')).toMatchObject({ code: 3, error: 'GB-1295' })
    expect(existsSync(file('gridbridge-data', 'gridbridge.db'))).toBe(false)
    expect((await run('restore', join('kept', name!))).code).toBe(0)
    await grow(1)
  })
  it('a folder that is no backup is said to be none, and a running bridge is left alone', async () => {
    await grow(1)
    await run('backup', 'kept')
    expect(await run('restore', 'nowhere')).toMatchObject({ code: 5, error: 'GB-1293' })
    const { holdFolder } = await import('../../adapters/stores/sqlite/hold.ts')
    const release = holdFolder(file('gridbridge-data'))
    const [name] = readdirSync(file('kept'))
    expect(await run('restore', join('kept', name!))).toMatchObject({ error: 'db-in-use' })
    expect(await run('keys', 'rotate')).toMatchObject({ error: 'db-in-use' })
    release()
  })
})

describe('gridbridge keys', () => {
  it('shows the key in force and those before it; rotating names the new one', async () => {
    await grow(2)
    const before = JSON.parse((await run('keys', 'show')).out)
    expect((await run('keys', 'rotate')).code).toBe(0)
    const after = JSON.parse((await run('keys', 'show')).out)
    expect(after.former).toEqual([before.inForce])
    writeFileSync(file('old.pub'), before.inForce)
    expect((await run('audit', 'verify', '--key', 'old.pub')).code).toBe(0)
  })
  it('a file for the new one is refused where it would be passed over', async () => {
    await grow(1)
    expect(await run('keys', 'rotate', '--to', 'new.key')).toMatchObject({ code: 2, error: 'GB-1291' })
    expect(JSON.parse((await run('keys', 'show')).out).former).toEqual([])
  })
  it('that come from a command or the environment are used and never shown', () => {
    const { config } = readConfig({ env: { GRIDBRIDGE_KEYS__SIGNING_SECRET: 'abc' }, cwd: dir })
    expect(secretsOf(config)).toEqual({ signing: 'abc', seed: undefined })
    expect(secretsOf({ keys: { signingCommand: ['printf', 'from the store\n'] } })).toEqual({ signing: 'from the store', seed: undefined })
    expect(() => secretsOf({ keys: { signingCommand: ['false'] } })).toThrow()
    expect(() =>
      readConfig({ env: { GRIDBRIDGE_KEYS__SIGNING_SECRET: 'abc', GRIDBRIDGE_KEYS__SIGNING_COMMAND: '[x]' }, cwd: dir }),
    ).toThrow('GB-1004 keys')
  })
})

describe('gridbridge audit close', () => {
  it('ends the log and begins the next under the name that was given', async () => {
    await grow(2)
    expect(await run('audit', 'close', '--next', 'gridbridge.local/log', '--archive', 'closed')).toMatchObject({
      code: 2,
      error: 'GB-1296',
    })
    const closed = await run('audit', 'close', '--next', 'gridbridge.local/log-2', '--archive', 'closed')
    expect(closed.code).toBe(0)
    expect(JSON.parse(closed.out)).toMatchObject({ origin: 'gridbridge.local/log-2', final: { size: 3 } })
    const [name] = readdirSync(file('closed'))
    expect((await run('audit', 'verify', join('closed', name!, 'gridbridge.db'), '--key', join('closed', name!, 'audit.pub'))).code).toBe(0)
    await grow(1, 'gridbridge.local/log-2')
    expect((await run('audit', 'verify', '--key', join('gridbridge-data', 'audit.pub'))).code).toBe(0)
  })
})

describe('copies of the state', () => {
  it('are remembered with the time until which they are kept, so that an erasure can name them; one that is removed is forgotten', async () => {
    await grow(2)
    const backup = JSON.parse((await run('backup', 'kept', '--keep', '35d')).out) as { dir: string }
    const closed = JSON.parse((await run('audit', 'close', '--next', 'gridbridge.local/log-2', '--archive', 'closed')).out)
    writeFileSync(file('gridbridge-data', 'gridbridge.db.replaced-20260101T000000Z'), '')
    const { knownCopies } = await import('../../adapters/stores/sqlite/copies.ts')
    const known = () => knownCopies(file('gridbridge-data'))
    const [first] = known()
    expect(first!.untilMs! - first!.madeMs!).toBe(35 * 86_400_000)
    expect(known()).toMatchObject([
      { kind: 'backup', path: backup.dir, isSeen: true },
      { kind: 'archive', path: closed.archive, untilMs: null, isSeen: true },
      { kind: 'replaced', isSeen: true },
    ])
    rmSync(backup.dir, { recursive: true })
    // a disk that is not there now may have it still
    rmSync(file('closed'), { recursive: true })
    expect(known()).toMatchObject([{ kind: 'archive', isSeen: false }, { kind: 'replaced' }])
  })
})

describe('what is said of an erasure', () => {
  it('counts, and names nobody', () => {
    const e = {
      applied: true,
      subject: 'box',
      station: 3,
      chargers: [0],
      names: 4,
      settings: 2,
      blobs: 5,
      readings: 60,
      isGone: false,
      notUndone: ['X'],
      copies: [
        { kind: 'backup', path: '/backups/a', made: '2026-11-01T00:00:00Z', until: '2026-12-06T00:00:00Z', isSeen: true },
        { kind: 'archive', path: '/archive/log', made: '2026-01-01T00:00:00Z', until: null, isSeen: false },
      ],
      hint: 'h',
    } as const
    expect(erasureText(e)).toMatch(/^erased: box 3 with chargers 0\n {2}4 names, 2 settings, 60 readings, 5 messages/)
    expect(erasureText(e)).toContain('NOT gone from the files yet')
    expect(erasureText({ ...e, applied: false })).toMatch(/^would erase/)
    expect(erasureText(e)).toContain('not reached: /backups/a (backup, made 2026-11-01T00:00:00Z), until 2026-12-06T00:00:00Z\n')
    expect(erasureText(e)).toMatch(
      /\/archive\/log \(archive of a closed log, .*\), until you remove it; its folder cannot be looked into now/,
    )
  })
})
