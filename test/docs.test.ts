import { existsSync, readdirSync, readFileSync, writeFileSync } from 'node:fs'
import { dirname, normalize } from 'node:path'
import { fileURLToPath } from 'node:url'
import { describe, expect, it } from 'vitest'
import { signalSchemas } from '../adapters/index.ts'
import { commands, commandsPage, commentsOf, configurationPage, errorCodes, metricsPage, program, scenarioSchema } from './reference.ts'

const root = fileURLToPath(new URL('../', import.meta.url))
const read = (path: string) => readFileSync(`${root}${path}`, 'utf8')
const pages = [
  ...readdirSync(root).filter(f => f.endsWith('.md')),
  ...readdirSync(`${root}docs`, { recursive: true, encoding: 'utf8' })
    .filter(f => f.endsWith('.md'))
    .map(f => `docs/${f}`),
].sort()
/** As GitHub makes them. */
const anchorsOf = (text: string) =>
  [...text.matchAll(/^#+ +(.+)$/gm)].map(([, title]) =>
    title!
      .toLowerCase()
      .replace(/[^\p{L}\p{N} _-]/gu, '')
      .replaceAll(' ', '-'),
  )
const codeBlocks = (text: string) =>
  [...text.matchAll(/^```(\w*)\n([\s\S]*?)^```/gm)].map(([, language, body]) => ({ language: language!, body: body! }))

describe('documentation', () => {
  it.each(pages)('%s: every link leads somewhere', page => {
    const text = read(page)
    const broken = [...text.matchAll(/\]\((?!https?:)([^)#\s]*)(?:#([^)\s]+))?\)/g)].filter(([, file, anchor]) => {
      const target = file === '' ? page : normalize(`${dirname(page)}/${file}`)
      if (!existsSync(`${root}${target}`)) return true
      return anchor !== undefined && !anchorsOf(read(target)).includes(anchor)
    })
    expect(broken.map(([link]) => link)).toEqual([])
  })
  it.each(pages)('%s: every file it names is there', page => {
    // `like/this.ts` in code marks, from the root of the project.
    const named = [...read(page).matchAll(/`((?:src|adapters|simulations|test|docs|\.ci)\/[\w./-]*\w)\/?`/g)].map(([, path]) => path!)
    const mine = /acme|<|\*/
    expect(named.filter(path => !mine.test(path) && !existsSync(`${root}${path}`))).toEqual([])
  })
  it.each(pages)('%s: no registry, no path of some machine', page => {
    expect(read(page)).not.toMatch(/registry\.npmjs|npmmirror|yarnpkg\.com|\/(?:home|root|work|Users)\//)
  })
  it('the README stays below 150 lines and begins with the two commands', () => {
    const text = read('README.md')
    expect(text.split('\n').length).toBeLessThan(150)
    const firstScreen = text.split('\n').slice(0, 24).join('\n')
    expect(firstScreen).toContain('npm ci && npm start')
    expect(firstScreen).toContain('npm ci && npm test')
  })
  it.each(pages)('%s: commands and their options exist', page => {
    const all = program()
    const leaves = commands(all)
    const text = read(page)
    const lines = [
      ...codeBlocks(text)
        .filter(b => b.language === 'sh')
        .flatMap(b => b.body.split('\n')),
      ...[...text.matchAll(/`([^`\n]+)`/g)].map(([, inline]) => inline!),
    ]
    const wrong = lines
      .map(line => /^(?:node dist\/src\/cli\/gridbridge\.js|gridbridge) +([^#]*)/.exec(line.trim())?.[1]?.trim())
      .filter(args => args !== undefined && !/^(help|-)/.test(args))
      .filter(args => {
        const words = args!.split(/\s+/)
        // `event list|show`: each of them.
        const leaf = leaves.filter(({ path }) => {
          const names = path.split(' ').slice(1)
          return names.every((name, i) => words[i]?.split('|').includes(name))
        })
        if (leaf.length === 0) return true
        const known = new Set([...leaf.flatMap(l => l.command.options), ...all.options].flatMap(o => [o.long, o.short]))
        return words.some(word => word.startsWith('--') && !known.has(word.split('=')[0]!))
      })
    expect(wrong).toEqual([])
  })
  it('every npm script that is mentioned exists', () => {
    const { scripts } = JSON.parse(read('package.json')) as { scripts: Record<string, string> }
    const mentioned = pages.flatMap(page => [...read(page).matchAll(/npm run ([\w:]+)/g)].map(([, name]) => name!))
    expect([...new Set(mentioned)].filter(name => scripts[name] === undefined)).toEqual([])
  })
  it('every bench that is mentioned exists', () => {
    const mentioned = pages.flatMap(page => [...read(page).matchAll(/npm run bench -- (\w+)/g)].map(([, name]) => name!))
    expect([...new Set(mentioned)].filter(name => !existsSync(`${root}simulations/bench/${name}.ts`))).toEqual([])
  })
  it('every decision is in the list, under its title', () => {
    const list = read('docs/decisions/README.md')
    for (const file of readdirSync(`${root}docs/decisions`).filter(f => /^\d{4}-/.test(f))) {
      expect(read(`docs/decisions/${file}`)).toMatch(new RegExp(`^# ${file.slice(0, 4)} `))
      expect(list).toContain(`[${file.slice(0, 4)}](${file})`)
    }
  })
})

describe('reference pages are what the code says (UPDATE_DOCS=1 writes them)', () => {
  it.each([
    ['docs/reference/configuration.md', configurationPage],
    ['docs/reference/cli.md', commandsPage],
    ['docs/reference/metrics.md', metricsPage],
    ['docs/reference/scenario.schema.json', scenarioSchema],
  ] as const)('%s', async (page, make) => {
    const text = await make()
    if (process.env['UPDATE_DOCS'] === '1') writeFileSync(`${root}${page}`, text)
    expect(existsSync(`${root}${page}`) ? read(page) : '').toBe(text)
  })
  it('each error has its place in docs/reference/errors.md, and nothing else is there', () => {
    const documented = [...read('docs/reference/errors.md').matchAll(/^### (GB-\d{4})$/gm)].map(([, code]) => code!)
    expect(documented).toEqual(errorCodes())
  })
  it('every kind of signal source is described', () => {
    for (const { shape } of signalSchemas) expect(read('docs/reference/configuration.md')).toContain(`\`${shape.kind.value}\``)
  })
  it('one key with two meanings in one file is refused', () => {
    expect(() => commentsOf('  /** One. */\n  a: z.string(),\n  /** Two. */\n  a: z.number(),\n')).toThrow('option a')
    expect(commentsOf('  /**\n   * One,\n   * two.\n   */\n  a: z.string(),\n').get('a')).toBe('One, two.')
  })
})

describe('the lock file', () => {
  // npm leaves out optional packages that a registry did not have when the lock was made; `npm ci` then refuses on every machine.
  it('has every optional package of every package in it', () => {
    const { packages } = JSON.parse(read('package-lock.json')) as {
      packages: Record<string, { optionalDependencies?: Record<string, string> }>
    }
    const missing = Object.entries(packages).flatMap(([path, p]) =>
      Object.keys(p.optionalDependencies ?? {}).filter(
        name => !packages[`node_modules/${name}`] && !packages[`${path}/node_modules/${name}`],
      ),
    )
    expect(missing).toEqual([])
  })
  it('names no registry', () => {
    expect(read('package-lock.json')).not.toContain('"resolved"')
  })
})
