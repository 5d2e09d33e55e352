/** Would a client that sent this Accept header take one of these media types? (RFC 9110 §12.5.1; without a header anything is taken.) */
export function accepts(header: string | undefined, types: readonly string[]): boolean {
  if (header === undefined || header.trim() === '') return true
  return header.split(',').some(part => {
    const [range = '', ...parameters] = part.split(';').map(p => p.trim().toLowerCase())
    if (parameters.some(p => /^q=0(\.0*)?$/.test(p))) return false
    return range === '*/*' || types.some(type => type === range || range === `${type.split('/')[0]}/*`)
  })
}

/** Which methods a path has, to tell 405 from 404. Patterns as fastify writes them: `/a/:id/b`, `/a/*`. */
export function createPaths(): { add(method: string | readonly string[], pattern: string): void; methods(path: string): string[] } {
  const routes: { method: string; match: RegExp }[] = []
  return {
    add(method, pattern) {
      const source = pattern
        .replace(/[.+?^${}()|[\]\\]/g, '\\$&')
        .replace(/:[^/]+/g, '[^/]+')
        .replaceAll('*', '.*')
      for (const m of [method].flat()) routes.push({ method: m, match: new RegExp(`^${source}/?$`) })
    },
    methods: path => [...new Set(routes.filter(r => r.match.test(path)).map(r => r.method))].sort(),
  }
}
