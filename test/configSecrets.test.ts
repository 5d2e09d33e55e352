import { describe, expect, test } from 'vitest'
import { z } from 'zod'
import { ConfigError, describeConfig, loadConfig } from '../src/config.ts'

const kinds = [
  z.strictObject({
    kind: z.literal('webhook'),
    peers: z.array(z.strictObject({ name: z.string(), secrets: z.array(z.string()), url: z.url().optional() })),
  }),
] as const
const load = (yaml: string) => loadConfig(kinds, { env: {}, cwd: '/here', file: '/here/g.yaml', read: () => yaml })
const secret = 'c2VjcmV0LXNlY3JldC1zZWNyZXQ'

describe('a secret is in no message, whatever is wrong around it', () => {
  test.each([
    ['one token where a list belongs', `api: { tokens: { name: a, token: ${secret}, scopes: [dispatch] } }`, 'api.tokens'],
    ['one endpoint where a list belongs', `notices: { endpoints: { url: 'https://app.example', secret: ${secret} } }`, 'notices.endpoints'],
    ['one peer where a list belongs', `signals: [{ kind: webhook, peers: { name: dno, secrets: [${secret}] } }]`, 'signals[0].peers'],
    ['a list where a token belongs', `api: { tokens: [[{ token: ${secret} }]] }`, 'api.tokens[0]'],
    ['a signal without a kind', `signals: [[{ secrets: [${secret}] }]]`, 'signals[0]'],
  ])('%s', (_, yaml, path) => {
    let error: unknown
    try {
      load(yaml)
    } catch (thrown) {
      error = thrown
    }
    expect(error).toBeInstanceOf(ConfigError)
    const { faults } = error as ConfigError
    expect(faults.map(f => f.path)).toContain(path)
    expect(JSON.stringify(faults)).not.toContain(secret)
  })
  test('a password within an address is not shown', () => {
    const loaded = load(`signals: [{ kind: webhook, peers: [{ name: dno, secrets: [], url: 'https://ven:${secret}@vtn.example/x' }] }]`)
    const shown = describeConfig(loaded).find(l => l.path === 'signals[0].peers[0].url')
    expect(shown?.value).toBe('https://(redacted)@vtn.example/x')
  })
  test('nor what stands in the query of one, or in an argument of the command of a key store', () => {
    const loaded = load(
      `signals: [{ kind: webhook, peers: [{ name: dno, secrets: [], url: 'https://vtn.example/x?sig=${secret}' }] }]\nkeys: { signingCommand: [vault, read, '--token=${secret}', '-field=key'] }`,
    )
    const lines = describeConfig(loaded)
    expect(JSON.stringify(lines)).not.toContain(secret)
    expect(lines.filter(l => l.path.startsWith('keys.signingCommand')).map(l => l.value)).toEqual([
      'vault',
      'read',
      '--token=(redacted)',
      '-field=key',
    ])
  })
})
