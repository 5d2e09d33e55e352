import { execFileSync } from 'node:child_process'
import { existsSync, readFileSync } from 'node:fs'
import { dirname, join, normalize, relative } from 'node:path'
import { describe, expect, test } from 'vitest'

/** The shape of the source tree, held by a test: who may import whom, where time and chance may come from, and how long a file may get. */
const root = join(import.meta.dirname, '..')
const tracked = git('ls-files').filter(f => existsSync(join(root, f)))
const code = tracked.filter(f => /\.(ts|tsx|mts)$/.test(f) && !f.includes('/console/'))
const product = code.filter(f => /^(src|adapters|simulations)\//.test(f))
const read = (file: string): string => readFileSync(join(root, file), 'utf8')
function git(...args: string[]): string[] {
  return execFileSync('git', args, { cwd: root, encoding: 'utf8' }).split('\n').filter(Boolean)
}

type Import = { readonly file: string; readonly from: string }
function importsOf(file: string): Import[] {
  const text = withoutComments(read(file))
  const found = [...text.matchAll(/\b(?:import|export)\b[^'"`;]*?\bfrom\s*'([^']+)'|\bimport\s*\(?\s*'([^']+)'/g)].map(m => m[1] ?? m[2]!)
  return found.map(from => ({ file, from: from.startsWith('.') ? normalize(join(dirname(file), from)) : from }))
}
const withoutComments = (text: string): string => text.replaceAll(/\/\*[\s\S]*?\*\/|(?<=^|\s)\/\/[^\n]*/g, '')

const within =
  (...places: string[]) =>
  (from: string): boolean =>
    places.some(p => (p.endsWith('/') ? from.startsWith(p) : from === p))
const isPackage = (from: string): boolean => !/^(src|adapters|simulations|test)\//.test(from)
const ownFolder = (file: string): string => file.split('/').slice(0, 3).join('/') + (file.split('/').length > 3 ? '/' : '')

/** The first rule whose `of` fits a file says what it may import. */
const rules: readonly { of: RegExp; may: (from: string, file: string) => boolean; says: string }[] = [
  {
    of: /^src\/core\//,
    may: from => within('src/core/', 'node:crypto')(from) || /^date-fns(\/|$)/.test(from),
    says: 'core imports only core, node:crypto and date-fns',
  },
  { of: /^src\/audit\//, may: within('src/audit/', 'node:crypto'), says: 'audit imports only itself and node:crypto' },
  { of: /^src\/ports\.ts$/, may: within('src/core/model.ts'), says: 'ports import core/model' },
  {
    of: /^src\/engine(\.ts$|\/)/,
    may: within('src/core/', 'src/audit/', 'src/ports.ts', 'src/engine/', 'node:crypto'),
    says: 'the engine imports core, audit and ports',
  },
  {
    of: /^src\/report\//,
    may: from => isPackage(from) || within('src/core/', 'src/report/')(from),
    says: 'report imports core and packages: it makes pages and files of plain data',
  },
  {
    of: /^src\/(operations|api)\//,
    may: from =>
      isPackage(from) ||
      within('src/core/', 'src/audit/', 'src/ports.ts', 'src/engine.ts', 'src/engine/', 'src/operations/', 'src/api/', 'src/report/')(from),
    says: 'operations and api import engine, core, audit, ports, report and each other, never adapters',
  },
  { of: /^src\/main\.ts$/, may: () => true, says: '' },
  {
    of: /^src\/cli\/(demo|sim)/,
    may: from => isPackage(from) || within('src/', 'simulations/')(from),
    says: 'the demo runs main against the simulations, and sim runs them by themselves',
  },
  {
    of: /^src\//,
    may: from => isPackage(from) || within('src/')(from) || from === 'adapters/index.ts',
    says: 'src never imports an adapter, only the registry',
  },
  {
    of: /^adapters\/index\.ts$/,
    may: from => isPackage(from) || within('adapters/', 'src/ports.ts', 'src/core/model.ts')(from),
    says: 'the registry knows adapters',
  },
  {
    of: /^adapters\//,
    may: (from, file) =>
      isPackage(from) ||
      within('src/core/model.ts', 'src/core/schedule.ts', 'src/ports.ts', ownFolder(file))(from) ||
      (file.startsWith('adapters/stores/') &&
        within('adapters/stores/', 'src/audit/', 'src/core/verify/energy.ts', 'src/core/verify/series.ts')(from)) ||
      (file.startsWith('adapters/runtime/') && within('adapters/stores/')(from)) ||
      (file.startsWith('adapters/chargers/') && within('adapters/chargers/')(from)),
    says: 'an adapter imports core/model, ports and its own folder (stores: audit too, and how energy is made of readings), never the engine or another kind',
  },
  { of: /^simulations\//, may: () => true, says: '' },
]

describe('who imports whom', () => {
  test('there is something to look at', () => {
    expect(product.length).toBeGreaterThan(100)
    expect(importsOf('src/engine.ts').map(i => i.from)).toContain('src/core/decide.ts')
  })
  test('dependencies point inwards', () => {
    const broken = product.flatMap(importsOf).flatMap(({ file, from }) => {
      const rule = rules.find(r => r.of.test(file))
      return rule === undefined || rule.may(from, file) ? [] : [`${file} imports ${from}: ${rule.says}`]
    })
    expect(broken).toEqual([])
  })
  test('only main, the registry and the simulations import adapters', () => {
    const broken = product
      .flatMap(importsOf)
      .filter(({ file, from }) => from.startsWith('adapters/') && !/^(adapters|simulations)\//.test(file) && file !== 'src/main.ts')
      .filter(({ from }) => from !== 'adapters/index.ts')
    expect(broken).toEqual([])
  })
  test('there are no cycles between the files of the core and the engine', () => {
    const next = new Map(
      product.filter(f => /^src\/(core|engine)/.test(f)).map(f => [f, valueImportsOf(f).filter(x => x.startsWith('src/'))] as const),
    )
    const done = new Set<string>()
    const cycle = (file: string, path: readonly string[]): string[] | undefined => {
      if (path.includes(file)) return [...path.slice(path.indexOf(file)), file]
      if (done.has(file)) return undefined
      for (const x of next.get(file) ?? []) {
        const found = cycle(x, [...path, file])
        if (found) return found
      }
      done.add(file)
      return undefined
    }
    expect([...next.keys()].flatMap(f => cycle(f, []) ?? [])).toEqual([])
  })
})
/** Imports that are there at run time. */
function valueImportsOf(file: string): string[] {
  const text = withoutComments(read(file)).replaceAll(/\b(import|export)\s+type\b[^;]*?from\s*'[^']+'/g, '')
  return [...text.matchAll(/\b(?:import|export)\b[^'"`;]*?\bfrom\s*'([^']+)'/g)].map(m => normalize(join(dirname(file), m[1]!)))
}

describe('time and chance come from outside', () => {
  const ambient =
    /\bDate\.now\b|\bnew Date\(\)|\bMath\.random\b|\bset(?:Timeout|Interval|Immediate)\b|\bprocess\.env\b|\bperformance\.now\b/
  const allowed = /^(adapters|simulations)\/|^src\/(config|main|layers)\.ts$|^src\/cli\//
  test.each(product.filter(f => !allowed.test(f)))('%s', file => {
    expect(withoutComments(read(file)).match(ambient)?.[0]).toBeUndefined()
  })
})

describe('what is not written', () => {
  const offences: readonly [string, RegExp][] = [
    ['as any', /\bas any\b/],
    ['@ts-ignore', /@ts-(ignore|nocheck)\b/],
    ['enum', /^\s*(export\s+)?(const\s+)?enum\s+\w/m],
    ['namespace', /^\s*(export\s+)?(declare\s+)?namespace\s+\w/m],
    ['a focused test', /\b(describe|it|test)\.only\b/],
    ['a skipped test without a reason', /\b(describe|it|test)\.skip\(\s*[^'"`\s]/],
    ['a test to be written', /\b(it|test)\.todo\b/],
  ]
  test.each(offences)('%s', (_, offence) => {
    const self = relative(root, import.meta.filename)
    expect(code.filter(f => f !== self && offence.test(read(f)))).toEqual([])
  })
  test('no file of code is longer than 500 lines', () => {
    const long = product.map(f => [f, read(f).split('\n').length - 1] as const).filter(([, n]) => n > 500)
    expect(Object.fromEntries(long.filter(([f]) => !(f in tooLong)))).toEqual({})
    for (const [f, n] of long) expect(n, f).toBeLessThanOrEqual(tooLong[f]!)
  })
  /** Known to be too long, and not to grow. */
  const tooLong: Readonly<Record<string, number>> = { 'adapters/chargers/ocppj/transport.ts': 640, 'src/engine.ts': 570 }

  test('no registry and no path of a machine stands in a tracked file', () => {
    const host = new RegExp(['registry\\.(npmjs|yarnpkg)', 'npm\\.pkg\\.', 'artifactory', 'proxy\\.golang'].join('|'), 'i')
    const path = /(?<![\w.$}])\/(work|tmp|home\/\w+|Users\/\w+)\//
    const self = relative(root, import.meta.filename)
    const broken = tracked
      .filter(f => f !== self && /\.(ts|md|json|ya?ml|sh|html|css|txt)$/.test(f))
      .filter(f => {
        const text = read(f)
        // a lock file names where each package came from; it must not name a mirror
        if (f === 'package-lock.json') return /"resolved": "(?!https:\/\/registry\.npmjs\.org\/)/.test(text)
        return host.test(text) || (!f.startsWith('test/') && path.test(text))
      })
    expect(broken).toEqual([])
  })
})

describe('a newcomer finds', () => {
  test.each(['README.md', 'docs/ARCHITECTURE.md', 'src/core/model.ts', 'src/ports.ts'])('%s', file => {
    expect(existsSync(join(root, file))).toBe(true)
  })
})
