import { type Input, type NodeKind, type NodeNo, nodeKinds } from '../../src/core/model.ts'
import { nodesOfKind } from '../virtual/fleet.ts'
import { ScenarioError } from './read.ts'

type Fleet = Pick<Input & { kind: 'fleet' }, 'nodes'>

/** The node of a place like `feeder/3`; the top of the tree for `all`. */
export function nodeOf({ nodes }: Fleet, place: string): NodeNo {
  const [kind, number] = place === 'all' ? (['licenceArea', '0'] as const) : place.split('/')
  const no = nodesOfKind(nodes, kind as NodeKind)[Number(number)]
  if (no === undefined) throw new ScenarioError([`${place}: there are only ${nodesOfKind(nodes, kind as NodeKind).length} of its kind`])
  return no
}
export const kindOf = (place: string): NodeKind => (place === 'all' ? nodeKinds[0] : (place.split('/')[0] as NodeKind))
/** Is it the node, or below it? */
export function isUnder({ nodes: { parent } }: Fleet, node: NodeNo, top: NodeNo): boolean {
  for (let n: number = node; n >= 0; n = parent[n]!) if (n === top) return true
  return false
}
