import { execFileSync } from 'node:child_process'
import { existsSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { openStore } from '../../adapters/stores/sqlite/open.ts'
import { type EntryProof, entryProof, logOf } from '../../src/audit/log.ts'
import { exportLog } from '../../src/cli/logDirectory.ts'

/** Debian: golang-go and golang-golang-x-mod-dev. */
const goPath = '/usr/share/gocode'
const absent = !existsSync('/usr/bin/go') || !existsSync(join(goPath, 'src/golang.org/x/mod/sumdb/tlog'))
const size = 66_000

describe.skipIf(absent)(
  `an exported log, read by Go's tlog${absent ? ' (skipped: golang-go and golang-golang-x-mod-dev are not installed)' : ''}`,
  () => {
    let dir: string
    let proof: EntryProof
    const read = () =>
      execFileSync(join(dir, 'reader'), [join(dir, 'log'), join(dir, 'audit.pub'), join(dir, 'proof'), join(dir, 'entry')], {
        encoding: 'utf8',
        stdio: 'pipe',
      })
    beforeAll(async () => {
      dir = mkdtempSync(join(tmpdir(), 'gridbridge-'))
      const { journal, close } = openStore({ dir, origin: 'grid.example/log', runtime: { now: () => 0, at() {} } })
      for (let from = 0; from < size; from += 1000)
        await journal.append(
          from,
          Array.from({ length: Math.min(1000, size - from) }, (_, i) => Buffer.from(`{"at":1,"fact":{"n":${from + i}},"turn":1}`)),
          [],
        )
      const log = logOf(journal)
      await exportLog(log, journal.checkpoint(), join(dir, 'log'))
      proof = (await entryProof(log, 65_600))!
      writeFileSync(join(dir, 'proof'), proof.file)
      writeFileSync(join(dir, 'entry'), proof.entry)
      await close()
      const env = { ...process.env, GO111MODULE: 'off', GOPATH: goPath, GOCACHE: join(dir, 'cache'), GOFLAGS: '' }
      execFileSync('go', ['build', '-o', join(dir, 'reader'), join(import.meta.dirname, 'interop/reader.go')], { env, stdio: 'pipe' })
    }, 300_000)
    afterAll(() => rmSync(dir, { recursive: true, force: true }))

    it('signature, tiles, bundles and proofs are what they say', () => {
      expect(read()).toBe('read 66000 entries, proof of 65600 is the same\n')
    })
    it('and they find what was changed', () => {
      const path = join(dir, 'log/tile/entries/100')
      const bytes = readFileSync(path)
      writeFileSync(path, Buffer.from(bytes).fill('X', 30, 31))
      expect(read).toThrow('of tile/entries/100')
      writeFileSync(path, bytes)
      writeFileSync(join(dir, 'entry'), 'another')
      expect(read).toThrow('invalid')
    })
  },
)
