import type { ChargerNo, NodeNo } from '../core/model.ts'
import type { Registry } from '../ports.ts'
import { done, type Result, refuse } from './result.ts'

/** A charger by its external id, else by its number. */
export function findCharger(registry: Registry, name: string): Result<ChargerNo> {
  const known = registry.chargerByExternalId(name)
  if (known !== undefined) return done(known)
  const no = numberOf(name)
  if (no !== undefined && registry.charger(no)) return done(no)
  return refuse('notFound', 'charger-not-found', `no charger is called ${JSON.stringify(name)}`, 'use its external id or its number')
}

/**
 * A node by its path (names from the root joined by `/`), a station by its identity, by number, or by a bare name that only one node has. A bare name
 * that is the path of a root and the name of another node too is refused: a limit on the wrong one of the two is worse than a question.
 */
export function findNode(registry: Registry, name: string): Result<NodeNo> {
  const called: NodeNo[] = []
  for (const node of registry.nodes()) if (node.name === name) called.push(node.no)
  if (called.length > 1) {
    const which = called.slice(0, 5).map(n => (registry.node(n)!.parent < 0 ? `${n} for the root ${name}` : pathName(registry, n)))
    return refuse(
      'notFound',
      'node-ambiguous',
      `${called.length} nodes are called ${JSON.stringify(name)}`,
      `use the path or the number: ${which.join(' or ')}`,
    )
  }
  for (const scheme of ['node', 'identity'] as const) {
    const target = registry.resolve(scheme, name)?.[0]
    if (target?.kind === 'node') return done(target.node)
  }
  const no = numberOf(name)
  if (no !== undefined && registry.node(no)) return done(no)
  if (called.length === 1) return done(called[0]!)
  return refuse(
    'notFound',
    'node-not-found',
    `no node is called ${JSON.stringify(name)}`,
    'use its number or its path: names from the root joined by /',
  )
}

const numberOf = (text: string): number | undefined => (/^\d{1,9}$/.test(text) ? Number(text) : undefined)

/** Names from the root joined by `/`. */
export function pathName(registry: Pick<Registry, 'node'>, node: NodeNo): string {
  const names: string[] = []
  for (let n: number = node; n >= 0; ) {
    const record = registry.node(n)
    if (!record) break
    names.unshift(record.name)
    n = record.parent
  }
  return names.join('/')
}
/** The external id, or the number where it has none. */
export const nameOfCharger = (registry: Registry, charger: ChargerNo): string => registry.charger(charger)?.externalId || String(charger)
