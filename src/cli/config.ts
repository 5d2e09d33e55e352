import { describeConfig } from '../config.ts'
import { readConfig } from '../main.ts'
import type { Context } from './context.ts'

const loaded = ({ options, env, cwd }: Context) => readConfig({ file: options.config, env, cwd })

/** Prints every value in force; secrets are redacted always. */
export async function show(context: Context<{ origin?: boolean }>) {
  const lines = describeConfig(loaded(context))
  const { out } = context
  if (out.json) {
    out.result(context.options.origin ? lines : lines.map(({ path, value }) => ({ path, value })), '')
    return undefined
  }
  out.list(
    lines.map(l => ({ path: l.path, value: JSON.stringify(l.value), source: l.from, where: l.where })),
    [
      { key: 'path', title: 'SETTING' },
      { key: 'value', title: 'VALUE' },
      ...(context.options.origin
        ? [
            { key: 'source', title: 'FROM' },
            { key: 'where', title: 'WHERE' },
          ]
        : []),
    ],
    'path',
  )
  return undefined
}

export async function check(context: Context) {
  const { file } = loaded(context)
  context.out.result({ ok: true, file }, `ok: ${file ?? 'no file, defaults and environment'}`)
  return undefined
}
