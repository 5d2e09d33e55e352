import { existsSync, readdirSync, readFileSync } from 'node:fs'
import { join, resolve } from 'node:path'
import { maintenance, readConfig, secretsOf } from '../main.ts'
import type { Context } from './context.ts'
import { Fault } from './exit.ts'

/** The public keys of the log: the one in force, and those that were before it. */
export async function show(context: Context): Promise<undefined> {
  const { config } = readConfig({ file: context.options.config, env: context.env, cwd: context.cwd })
  const dir = resolve(context.cwd, config.dataDir)
  if (!existsSync(join(dir, 'audit.pub')))
    throw new Fault(5, 'GB-1290', `there is no audit.pub in ${dir}`, 'the first start of the bridge makes it')
  const read = (name: string) => readFileSync(join(dir, name), 'utf8').trim()
  const former = readdirSync(dir).filter(name => name.startsWith('audit.pub.'))
  const keys = { origin: config.origin, inForce: read('audit.pub'), former: former.map(read) }
  context.out.result(keys, [keys.inForce, ...keys.former.map(k => `${k}  (former)`)].join('\n'))
  return undefined
}

/** Needs the bridge stopped: a log has one writer, and one key at a time. */
export async function rotate(context: Context<{ to?: string }>): Promise<undefined> {
  const { out, options, env, cwd } = context
  const { config } = readConfig({ file: options.config, env, cwd })
  const dir = resolve(cwd, config.dataDir)
  const secrets = secretsOf(config)
  if (secrets.signing !== undefined && options.to === undefined)
    throw new Fault(
      2,
      'GB-1291',
      'the key comes from outside the data folder',
      'name a file for the new one: --to FILE; then give that one to the bridge',
    )
  if (secrets.signing === undefined && options.to !== undefined)
    throw new Fault(2, 'GB-1291', 'the key is a file of the data folder, and the next one will be', 'leave --to out')
  const { holdFolder, rotateKey } = await maintenance()
  const release = holdFolder(dir)
  try {
    const to = options.to && resolve(cwd, options.to)
    const done = await rotateKey({ dir, origin: config.origin, nowMs: Date.now(), secrets, to })
    out.result(
      done,
      [
        `the log has a new key from entry ${done.size} on:`,
        `  ${done.to}`,
        `  in ${done.keyFile} (mode 600)`,
        'Give the new audit.pub to everybody who verifies your log, and to your witnesses. The old key can be destroyed.',
      ].join('\n'),
    )
  } finally {
    release()
  }
  return undefined
}
