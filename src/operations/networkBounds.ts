import type { NodeNo } from '../core/model.ts'
import { EVERYWHERE } from '../core/ramp.ts'
import type { Engine } from '../engine.ts'
import { findNode } from './names.ts'

/** As configured: without a node, of the whole bridge. */
export type BoundSetting = { readonly node?: string | undefined; readonly wPerMinute: number }

/**
 * Puts the configured bounds on record where they differ from those in force, and again when the fleet grows: a node may be imported after it was
 * bounded. A node that nobody knows is noted once and bounds nothing until it is there. Of two for one node the tighter counts.
 */
export function createNetworkBounds(engine: Engine, configured: readonly BoundSetting[]) {
  const missing = new Set<string>()
  let stop: (() => void) | undefined

  async function put(): Promise<void> {
    const wanted = new Map<NodeNo | -1, number>()
    const unknown: string[] = []
    for (const { node, wPerMinute } of configured) {
      const no = node === undefined ? EVERYWHERE : nodeNo(node)
      if (no === undefined) unknown.push(node!)
      else wanted.set(no, Math.min(wPerMinute, wanted.get(no) ?? Infinity))
    }
    const { bounds } = engine.state()
    const isSame = wanted.size === bounds.size && [...wanted].every(([no, w]) => bounds.get(no)?.wPerMinute === w)
    if (!isSame) await engine.handle({ kind: 'bounds', bounds: [...wanted].map(([node, wPerMinute]) => ({ node, wPerMinute })) })
    for (const node of unknown) {
      if (missing.has(node)) continue
      missing.add(node)
      await engine.bridge.note('boundWithoutNode', { node })
    }
  }
  function nodeNo(name: string): NodeNo | undefined {
    const found = findNode(engine.registry, name)
    return found.ok && found.value < engine.state().fleet.nodes ? found.value : undefined
  }

  return {
    async start(): Promise<void> {
      await put()
      stop = engine.listen(facts => {
        // a failure to record shows in the engine's own state, and the next fact of the fleet tries again
        if (facts.some(f => f.kind === 'fleet')) put().catch(() => undefined)
      })
    },
    stop: () => stop?.(),
  }
}
