import fc from 'fast-check'
import { expect, it } from 'vitest'
import { signerOf } from '../../src/audit/note.ts'
import type { Engine } from '../../src/engine.ts'
import { evidenceFiles } from '../../src/operations/evidence.ts'
import { checkPack } from '../../src/operations/evidenceCheck.ts'
import { sourceOf } from '../../src/operations/evidencePacks.ts'
import type { Journal } from '../../src/ports.ts'
import { chartLibrary } from '../../src/report/library.ts'
import { scenario } from './scenario.ts'
import { play } from './world.ts'

const runs = Math.max(6, Math.ceil(Number(process.env.FUZZ_RUNS ?? 120) / 20))
const seed = Number(process.env.FUZZ_SEED ?? Date.now() % 2 ** 31)
const library = chartLibrary()
const keys = [signerOf('fuzz.gridbridge.invalid/log', new Uint8Array(32).fill(7)).verifier]

it(
  `whatever happened to it, the evidence of an event that is over holds (${runs} scenarios, FUZZ_SEED=${seed})`,
  async () => {
    let packs = 0
    await fc.assert(
      fc.asyncProperty(scenario, async s => {
        const ran: { journal?: Journal; engine?: Engine } = {}
        await play({ ...s, journalled: (journal, engine) => void Object.assign(ran, { journal, engine }) })
        const { journal, engine } = ran
        if (!journal || !engine) return
        const { meters, registry } = engine
        const report = { meters, registry, witnesses: null, command: 'verify' }
        const nowMs = Number.MAX_SAFE_INTEGER
        const source = await sourceOf(journal, { seedKey: new Uint8Array(32).fill(1), cosigned: undefined, nowMs })
        for (const no of source.state.events.keys()) {
          if (!source.isOver(no)) continue
          const files = await evidenceFiles(source, String(no), { nowMs: engine.now(), version: '0', report })
          const { lines } = checkPack(files!, { keys }, { version: '0', library })
          expect(lines.filter(l => l.result === 'failed')).toEqual([])
          expect(lines.find(l => l.what === 'page of the report')).toMatchObject({ result: 'ok' })
          packs++
        }
      }),
      { numRuns: runs, seed },
    )
    expect(packs).toBeGreaterThan(0)
  },
  Math.max(60_000, runs * 1_000),
)
