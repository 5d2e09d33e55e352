import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { createVirtualRuntime } from '../../adapters/runtime/memory.ts'
import { openStore, type SqliteStore } from '../../adapters/stores/sqlite/open.ts'
import { openReader } from '../../adapters/stores/sqlite/reader.ts'
import { atOnce } from '../../src/audit/crypto.ts'
import { entryProof, logOf } from '../../src/audit/log.ts'
import { logAlone } from '../../src/audit/policy.ts'
import { proves } from '../../src/audit/tlogProof.ts'
import { verifyLog } from '../../src/audit/verify.ts'
import { median, msOf } from './figures.ts'
import { numberFlag, print, round } from './flags.ts'

const group = 1_000
const proofs = 200

/**
 * The log as proof. Entries of about 300 bytes, 1,000 to a signed and fsynced commit with its tiles: `appendPerS` in all. `verifyPerS`: the whole
 * file, entries and tiles, by the public key. `proofMs`: the median time to make the tlog-proof of an entry anywhere in the log, entry and checkpoint
 * included, each of which is checked outside the time; `proofBytes` is what the longest one has.
 */
export async function run(args: string[]): Promise<void> {
  const entries = Math.max(1, Math.round(numberFlag(args, 'entries', 1_000_000) / group)) * group
  const dir = mkdtempSync(join(tmpdir(), 'gridbridge-bench-'))
  try {
    const store = openStore({ dir, origin: 'bench.invalid/log', runtime: createVirtualRuntime(0) })
    const appendMs = await msOf(() => appendAll(store, entries))
    const { proofMs, proofBytes } = await proveSome(store, entries)
    const { verifier } = store.signer
    await store.close()
    const reader = openReader(join(dir, 'gridbridge.db'))
    const verifyMs = await msOf(async () => {
      const result = await verifyLog(reader, verifier)
      if (!result.ok || result.size !== entries) throw new Error(`the log does not verify: ${JSON.stringify(result)}`)
    })
    reader.close()
    const perS = (ms: number) => Math.round((entries / ms) * 1000)
    print({
      bench: 'audit',
      entries,
      appendPerS: perS(appendMs),
      verifyPerS: perS(verifyMs),
      verifyMs: Math.round(verifyMs),
      proofMs: round(proofMs),
      proofBytes,
    })
  } finally {
    rmSync(dir, { recursive: true })
  }
}

async function appendAll(store: SqliteStore, entries: number): Promise<void> {
  for (let from = 0; from < entries; from += group)
    await store.journal.append(
      from,
      Array.from({ length: group }, (_, i) => leafOf(from + i)),
      [],
    )
}
function leafOf(i: number): Uint8Array {
  const about = { charger: i, connector: 1, model: `Model ${i % 7}`, note: 'x'.repeat(150), rung: i % 4 }
  return Buffer.from(JSON.stringify({ at: 1_700_000_000_000 + i, fact: { about, kind: 'noted', what: 'rung tried' }, turn: 1_000_000 + i }))
}

async function proveSome({ journal, signer }: SqliteStore, entries: number): Promise<{ proofMs: number; proofBytes: number }> {
  const policy = logAlone(signer.verifier)
  const log = logOf(journal)
  const times: number[] = []
  let proofBytes = 0
  for (let i = 0; i < proofs; i++) {
    // spread over the whole log, its last entry included
    const index = Math.floor(((i + 1) / proofs) * entries) - 1
    let proof: Awaited<ReturnType<typeof entryProof>>
    times.push(
      await msOf(async () => {
        proof = await entryProof(log, index)
      }),
    )
    const checked = atOnce(proves(proof!.file, proof!.entry, policy))
    if (!checked.ok) throw new Error(checked.why)
    proofBytes = Math.max(proofBytes, Buffer.byteLength(proof!.file))
  }
  return { proofMs: median(times), proofBytes }
}
