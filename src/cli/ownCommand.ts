import { relative } from 'node:path'

/** How this very program was called, so that the printed command works when pasted. */
export function ownCommand(cwd: string): string {
  const script = process.argv[1] ?? 'gridbridge'
  if (!script.endsWith('.js')) return 'gridbridge'
  const near = relative(cwd, script)
  return `node ${quoted(near.startsWith('..') ? script : near)}`
}
export const quoted = (path: string): string => (/^[\w./:@%+=-]+$/.test(path) ? path : `'${path.replaceAll("'", "'\\''")}'`)
