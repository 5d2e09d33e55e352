import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { parseArgs } from 'node:util'
import { createVirtualRuntime } from '../../adapters/runtime/memory.ts'
import { openDatabase } from '../../adapters/stores/sqlite/db.ts'
import { openStore, type SqliteStore } from '../../adapters/stores/sqlite/open.ts'
import { openReader } from '../../adapters/stores/sqlite/reader.ts'
import { verifyLog } from '../../src/audit/verify.ts'
import { median, msOf } from './figures.ts'

const group = 1_000
const rounds = 3
const snapshotBytes = 8 * 1024 * 1024
const origin = 'bench.invalid/log'

/**
 * How fast the journal writes, proves and comes back. One fact of about 300 bytes is one row and one leaf; each group of 1,000 is one signed and
 * fsynced commit. `appendPerS` is the median over tenths of the run; `verifyPerS` is the full check of the file by its public key. `recoverMs`
 * opens the journal of all entries ready to append and reads its newest snapshot (8 MiB) and the `tail` entries behind it; `recoverAllMs` does
 * the same without a snapshot: every entry hashed and read.
 */
export async function run(args: string[]): Promise<void> {
  const { values } = parseArgs({
    args,
    options: { entries: { type: 'string', default: '1000000' }, tail: { type: 'string', default: '10000' } },
  })
  const entries = Math.max(10, Math.round(Number(values.entries) / group)) * group
  const tail = Math.min(entries, Number(values.tail))
  const leaves = Array.from({ length: 10 * group }, (_, i) => leafOf(i))
  await inFolder(async open => void (await appendAll(open(), leaves, 50 * group))) // warm
  await inFolder(async (open, dir) => {
    const appendPerS = await appendAll(open(), leaves, entries, entries - tail)
    const verifyPerS = Math.round((entries / (await medianMs(() => verify(dir, entries)))) * 1000)
    const recoverMs = Math.round(await medianMs(() => recover(open(), entries)))
    const db = openDatabase(dir)
    db.prepare('DELETE FROM snapshot').run([])
    db.close()
    const recoverAllMs = Math.round(await msOf(() => recover(open(), entries)))
    const entryBytes = leaves[0]!.length
    console.log(JSON.stringify({ bench: 'journal', appendPerS, verifyPerS, recoverMs, entries, tail, recoverAllMs, entryBytes, group }))
  })
}

async function inFolder(work: (open: () => SqliteStore, dir: string) => Promise<void>): Promise<void> {
  const dir = mkdtempSync(join(tmpdir(), 'gridbridge-bench-'))
  try {
    await work(() => openStore({ dir, origin, runtime: createVirtualRuntime(0) }), dir)
  } finally {
    rmSync(dir, { recursive: true })
  }
}
async function medianMs(work: () => Promise<void>): Promise<number> {
  const times: number[] = []
  for (let i = 0; i < rounds; i++) times.push(await msOf(work))
  return median(times)
}

function leafOf(i: number): Uint8Array {
  const about = { charger: i, connector: 1, model: `Model ${i % 7}`, note: 'x'.repeat(150), rung: i % 4 }
  return Buffer.from(JSON.stringify({ at: 1_700_000_000_000 + i, fact: { about, kind: 'noted', what: 'rung tried' }, turn: 1_000_000 + i }))
}

/** Entries a second, median over tenths. Saves a snapshot when `snapshotAt` entries are reached, outside the time. */
async function appendAll(store: SqliteStore, leaves: readonly Uint8Array[], entries: number, snapshotAt = -1): Promise<number> {
  const rates: number[] = []
  const tenth = Math.ceil(entries / 10 / group) * group
  while (store.journal.size() < entries) {
    const from = store.journal.size()
    const end = Math.min(from + tenth, entries)
    const ms = await msOf(async () => {
      for (let size = from; size < end; size += group) {
        const at = size % leaves.length
        await store.journal.append(size, leaves.slice(at, at + group), [])
      }
    })
    rates.push(((end - from) / ms) * 1000)
  }
  if (snapshotAt >= 0) await store.journal.saveSnapshot(snapshotAt, new Uint8Array(snapshotBytes).fill(1))
  await store.close()
  return Math.round(median(rates))
}

async function verify(dir: string, entries: number): Promise<void> {
  const store = openStore({ dir, origin, runtime: createVirtualRuntime(0) })
  const { signer, path } = store
  await store.close()
  const reader = openReader(path)
  const result = await verifyLog(reader, signer.verifier)
  reader.close()
  if (!result.ok || result.size !== entries) throw new Error(`the log does not verify: ${JSON.stringify(result)}`)
}

async function recover(store: SqliteStore, entries: number): Promise<void> {
  let size = 0
  for await (const snapshot of store.journal.snapshots()) {
    size = snapshot.size
    break
  }
  for await (const chunk of store.journal.read(size)) size += chunk.length
  if (size !== entries) throw new Error(`recovered ${size} of ${entries} entries`)
  await store.close()
}
