import { cpSync, mkdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import fc from 'fast-check'
import { afterAll, describe, expect, it } from 'vitest'
import { scenario } from './scenario.ts'

/**
 * Is the fuzz able to fail? Each row breaks one promise of the reconciler on purpose, in a copy of the sources, and the fuzz must notice.
 */
const root = join(import.meta.dirname, '../..')
const folder = join(root, '.mutants')
const unknownOutcome = '      default:\n        s.holds[i] = UNKNOWN\n'
const mutants = [
  {
    name: 'an unanswered command is never sent again',
    breaks: [{ file: 'src/core/reconcile.ts', from: 's.sentS[i]! + retryAfterS(s.attempt[i]!)', to: 'IDLE_S' }],
  },
  {
    name: 'an unanswered command leaves what was known before standing',
    breaks: [
      { file: 'src/core/reconcile.ts', from: 'const holds = pending === NONE ? s.holds[i]! : UNKNOWN', to: 'const holds = s.holds[i]!' },
      { file: 'src/core/answers.ts', from: unknownOutcome, to: '      default:\n' },
    ],
  },
  {
    name: 'a lost answer is taken as the charger being as before',
    breaks: [
      {
        file: 'src/core/answers.ts',
        from: unknownOutcome,
        to: '      default:\n        s.pending[i] = NONE\n',
      },
    ],
  },
  {
    name: 'a charger that comes back is believed to hold what it held',
    breaks: [
      {
        file: 'src/core/answers.ts',
        from: '      s.holds[i] = UNKNOWN\n      s.pending[i] = NONE\n      s.attempt[i] = 0\n    }',
        to: '      s.pending[i] = NONE\n    }',
      },
    ],
  },
] as const

afterAll(() => rmSync(folder, { recursive: true, force: true }))

/** Most seeds show each break within a few hundred scenarios; this one did within about a hundred, which saves seconds. */
const seed = 1

/** Each takes a hundred scenarios: one of them a run, all of them in CI. */
const played = process.env.FUZZ_RUNS === undefined ? mutants.slice(Date.now() % mutants.length).slice(0, 1) : mutants

describe(`the fuzz notices a deliberate break (${played.length} of ${mutants.length} in this run)`, () => {
  it.each(played)(
    '$name',
    async ({ name, breaks }) => {
      const copy = join(folder, name.replaceAll(/\W+/g, '-'))
      rmSync(copy, { recursive: true, force: true })
      mkdirSync(copy, { recursive: true })
      for (const part of [
        'src/core',
        'src/engine',
        'src/engine.ts',
        'src/ports.ts',
        'src/audit',
        'adapters/runtime',
        'adapters/stores',
        'simulations/virtual',
        'test/fuzz/world.ts',
      ])
        cpSync(join(root, part), join(copy, part), { recursive: true })
      for (const { file, from, to } of breaks) {
        const source = readFileSync(join(copy, file), 'utf8')
        expect(source.split(from).length, `the line to break stands once in ${file}`).toBe(2)
        writeFileSync(
          join(copy, file),
          source.replace(from, () => to),
        )
      }
      const { play } = (await import(/* @vite-ignore */ join(copy, 'test/fuzz/world.ts'))) as typeof import('./world.ts')
      const broken = await fc.check(
        fc.asyncProperty(scenario, async s => (await play(s)) === undefined),
        { numRuns: 1_000, seed, endOnFailure: true },
      )
      expect(broken.failed, `${broken.numRuns} scenarios passed with: ${name}`).toBe(true)
    },
    300_000,
  )
})
