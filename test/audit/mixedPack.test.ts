import { expect, it } from 'vitest'
import { signerOf } from '../../src/audit/note.ts'
import { evidenceFiles } from '../../src/operations/evidence.ts'
import { checkPack } from '../../src/operations/evidenceCheck.ts'
import { type Files, type Manifest, names, textOf } from '../../src/operations/evidenceFiles.ts'
import { sourceOf } from '../../src/operations/evidencePacks.ts'
import { gridEvent, stage, start } from '../scenarios/stage.ts'
import { resealed } from './forged.ts'

const trust = { keys: [signerOf('memory.gridbridge.invalid/log', new Uint8Array(32).fill(7)).verifier] }
const by = { version: '0', library: undefined as never }

it('two packs put together under the name of one event bring nothing of the other into it', async () => {
  const s = await stage({ specs: Array.from({ length: 6 }, () => ({ maxA: 32 })), programme: { startSpreadS: 300, endSpreadS: 300 } })
  const first = start + 3_600
  await s.submit(gridEvent('one', first, first + 1_800, { ask: { kind: 'limitEach', limitW: 1_400 } }))
  await s.submit(gridEvent('two', first + 600, first + 2_400, { ask: { kind: 'limitEach', limitW: 2_800 } }))
  await s.until(first + 9_000)
  const source = await sourceOf(s.journal, { seedKey: new Uint8Array(32).fill(7), cosigned: undefined, nowMs: s.now() * 1000 })
  const packOf = async (no: string) => (await evidenceFiles(source, no, { nowMs: s.now() * 1000, version: '0' }))!
  const [one, two] = [await packOf('0'), await packOf('1')]
  for (const pack of [one, two]) expect(checkPack(pack, trust, by).lines.filter(l => l.result === 'failed')).toEqual([])
  const both: Files = resealed({ ...two, ...one })
  const failures = checkPack(both, trust, by).lines.filter(l => l.result === 'failed')
  expect(failures).toMatchObject([{ what: 'other files', why: expect.stringMatching(/readings\/|verdict\/|signal\//) }])
  const { event } = JSON.parse(textOf(two[names.manifest]!)) as Manifest
  const manifest = { ...(JSON.parse(textOf(one[names.manifest]!)) as Manifest), event }
  const renamed = resealed({ ...one, [names.manifest]: Buffer.from(JSON.stringify(manifest)) })
  expect(checkPack(renamed, trust, by).ok).toBe(false)
  const seedOfOther = resealed({ ...one, [names.seed]: two[names.seed]! })
  expect(checkPack(seedOfOther, trust, by).lines.flatMap(l => (l.result === 'failed' ? [l.what] : []))).toEqual(['key of the seed', 'seed'])
})
