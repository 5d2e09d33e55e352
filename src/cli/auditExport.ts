import { existsSync, readFileSync, writeFileSync } from 'node:fs'
import { dirname, join, resolve } from 'node:path'
import type { LogReader } from '../audit/verify.ts'
import { SALT } from '../core/codec.ts'
import type { EvidenceSource } from '../operations/evidence.ts'
import type { Client } from './client.ts'
import type { Context } from './context.ts'
import { Fault } from './exit.ts'
import { ownCommand, quoted } from './ownCommand.ts'

type Options = { out?: string; db?: string; withoutRaw?: boolean }
type Made = { readonly zip: Uint8Array; readonly no: string }

/** One event with all that proves it, as a zip file for an auditor. From the running bridge, or with `--db` from its file. */
export async function exportEvidence(context: Context<Options>, id: string): Promise<undefined> {
  const { out, options, cwd } = context
  const { zip, no } =
    options.db === undefined ? await fromBridge(await context.client(), id, options) : await fromFile(context, options.db, id)
  const file = options.out ?? `evidence-${no}.zip`
  // readings of single homes are in it
  writeFileSync(resolve(cwd, file), zip, { mode: 0o600 })
  out.result(
    { file, bytes: zip.length },
    [`${file}: ${zip.length} bytes`, `  check it anywhere: ${ownCommand(cwd)} audit verify ${quoted(file)} --key audit.pub`].join('\n'),
  )
}

async function fromBridge(client: Client, id: string, { withoutRaw }: Options): Promise<Made> {
  const path = `/v1/events/${encodeURIComponent(id)}/evidence?raw=${withoutRaw ? 'false' : 'true'}`
  const accept = { accept: 'application/zip, application/problem+json' }
  const { body, headers } = await client(path, { asBytes: true, timeoutMs: 600_000, headers: accept })
  return { zip: body as Buffer, no: /evidence-(\d+)\.zip/.exec(headers.get('content-disposition') ?? '')?.[1] ?? 'event' }
}

async function fromFile({ cwd, options }: Context<Options>, db: string, id: string): Promise<Made> {
  const [{ logReader, recordReader }, { evidenceFiles, evidenceZip }, { sourceOf, whyTooEarly }, { factsOf }, { packageVersion }] =
    await Promise.all([
      import('../main.ts'),
      import('../operations/evidence.ts'),
      import('../operations/evidencePacks.ts'),
      import('../operations/reportFacts.ts'),
      import('../version.ts'),
    ])
  const path = resolve(cwd, db)
  const [record, reader] = [(await recordReader())(path), (await logReader())(path)]
  try {
    const nowMs = Date.now()
    const version = packageVersion()
    const command = `${ownCommand(cwd)} audit verify ${quoted(path)} --key ${quoted(join(dirname(path), 'audit.pub'))}`
    const facts = await factsOf(record.journal, id)
    if (!facts) throw new Fault(5, 'GB-1303', `no event ${JSON.stringify(id)} in ${path}`, 'use its id or its number')
    const source = await sourceOf(journalOf(reader, path), { seedKey: seedKeyBeside(path), cosigned: reader.cosigned?.(), nowMs })
    const early = whyTooEarly(source, facts.no, nowMs)
    if (early) throw new Fault(5, 'GB-1215', `event ${facts.event.id} is not over: ${early}`, 'export it when it is')
    const report = { meters: record.meters, registry: record.registry, witnesses: null, command }
    const files = await evidenceFiles(source, String(facts.no), { nowMs, version, report, withoutRaw: options.withoutRaw })
    return { zip: evidenceZip(files!, nowMs), no: String(facts.no) }
  } finally {
    record.close()
    reader.close()
  }
}

/** Without it a pack is made all the same, and says that the key of the event is not in it. */
function seedKeyBeside(path: string): Uint8Array | undefined {
  const file = join(dirname(path), 'seed.key')
  const text = existsSync(file) ? readFileSync(file, 'utf8').trim() : ''
  return /^[0-9a-f]{64}$/.test(text) ? new Uint8Array(Buffer.from(text, 'hex')) : undefined
}

function journalOf(reader: LogReader, path: string): EvidenceSource['journal'] {
  const { head, tile, blob } = reader
  const found = head()
  if (found === undefined || tile === undefined || blob === undefined)
    throw new Fault(2, 'GB-1210', `${path} has no tiles: it is of an earlier release`, 'start the bridge on it once, which makes them')
  return {
    size: () => found.size,
    checkpoint: () => found.note,
    tile,
    salted: blob,
    blob: async hash => (await blob(hash))?.subarray(SALT),
    async *read(from, to) {
      for await (const chunk of reader.entries(from, to ?? found.size)) yield chunk.map(entry => entry.body)
    },
  }
}
