import type { Client, Peer } from './client.ts'
import { Fault } from './exit.ts'
import type { GlobalOptions, Output } from './output.ts'

/** What every command gets. Options carry the command's own and the global ones; a command names the ones it reads. */
export type Context<O extends object = object> = {
  readonly out: Output
  readonly options: O & GlobalOptions & { readonly config?: string; readonly url?: string; readonly token?: string }
  readonly env: Readonly<Record<string, string | undefined>>
  readonly cwd: string
  /** The running bridge. */
  client(): Promise<Client>
}

/** Flag > environment > the configuration's own API address and its first token. */
export async function findPeer(context: Pick<Context, 'options' | 'env' | 'cwd'>): Promise<Peer> {
  const { options, env } = context
  const url = options.url ?? env['GRIDBRIDGE_URL']
  const token = options.token ?? env['GRIDBRIDGE_TOKEN']
  if (url !== undefined && !URL.canParse(url))
    throw new Fault(2, 'GB-1103', `--url "${url}" is not a URL`, 'as in --url http://127.0.0.1:8380')
  if (url !== undefined && (token !== undefined || options.config === undefined))
    return { url, token, from: options.url === undefined ? 'GRIDBRIDGE_URL' : '--url' }
  const { readConfig } = await import('../main.ts')
  const { config, file } = readConfig({ file: options.config, env, cwd: context.cwd })
  const host = ['0.0.0.0', '::'].includes(config.api.host) ? '127.0.0.1' : config.api.host
  return {
    url: url ?? `${config.api.tls ? 'https' : 'http'}://${host.includes(':') ? `[${host}]` : host}:${config.api.port}`,
    token: token ?? config.api.tokens[0]?.token,
    from: file ?? 'the defaults',
  }
}
