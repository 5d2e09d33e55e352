import type { ChargerNo, NodeKind, Target } from '../../../src/core/model.ts'
import type { NodeRecord, Registry, RegistryChange, Station } from '../../../src/ports.ts'
import { StoreError } from '../error.ts'
import { createRegistryIndex, type RegistryIndex } from '../registryIndex.ts'
import { type Db, messageOf } from './db.ts'

/** What the disk does not take is known by the same code as an append that failed: whoever waits for it is told that nothing was written. */
function writing(db: Db, work: () => void): void {
  try {
    db.write(work)
  } catch (error) {
    throw new StoreError('journal-failed', `${db.path}: ${messageOf(error)}`, db.path, error)
  }
}

/** The registry as rows; look-ups are answered from memory. A value is seen at once and durable when `set` resolves; what fails to commit is tried again with the next. */
export function openRegistry(db: Db): Registry {
  const index = createRegistryIndex()
  load(db, index)
  const putNode = db.prepare('INSERT OR REPLACE INTO node VALUES (?,?,?,?)')
  const putStation = db.prepare('INSERT OR REPLACE INTO station VALUES (?,?)')
  const putExternalId = db.prepare('INSERT OR REPLACE INTO external_id VALUES (?,?)')
  const putAlias = db.prepare('INSERT OR REPLACE INTO alias VALUES (?,?,?)')
  const putSetting = db.prepare('INSERT OR REPLACE INTO setting VALUES (?,?)')
  const dropExternalId = db.prepare('DELETE FROM external_id WHERE charger = ?')
  const dropAlias = db.prepare('DELETE FROM alias WHERE scheme = ? AND value = ?')
  const dropSetting = db.prepare('DELETE FROM setting WHERE key = ?')

  function store(change: RegistryChange) {
    for (const { no, kind, name, parent } of change.nodes ?? []) putNode.run([no, kind, name, parent])
    for (const station of change.stations ?? []) putStation.run([station.no, JSON.stringify(station)])
    for (const { charger, externalId } of change.externalIds ?? []) putExternalId.run([charger, externalId])
    for (const { scheme, value, targets } of change.aliases ?? []) putAlias.run([scheme, value, JSON.stringify(targets)])
  }
  /** Values set within one pass of the event loop share a commit: ten thousand boxes that register at once must not cost ten thousand fsyncs. */
  const waiting = new Map<string, string | null>()
  let committed: Promise<void> | undefined
  function commitWaiting(): void {
    committed = undefined
    if (waiting.size === 0) return
    writing(db, () => {
      for (const [key, value] of waiting) value === null ? dropSetting.run([key]) : putSetting.run([key, value])
    })
    waiting.clear()
  }
  return {
    ...index,
    async put(change) {
      writing(db, () => store(change))
      index.apply(change)
    },
    async forget(names) {
      writing(db, () => {
        for (const charger of names.externalIds) dropExternalId.run([charger])
        for (const { scheme, value } of names.aliases) dropAlias.run([scheme, value])
      })
      index.drop(names)
    },
    set(key, value) {
      waiting.set(key, value)
      index.assign(key, value)
      if (committed) return committed
      committed = new Promise((resolve, reject) =>
        setImmediate(() => {
          try {
            resolve(commitWaiting())
          } catch (error) {
            reject(error)
          }
        }),
      )
      // Not everybody waits for it, and a full disk must not end the bridge.
      committed.catch(() => undefined)
      return committed
    },
    async close() {
      commitWaiting()
    },
  }
}

function load(db: Db, index: RegistryIndex): void {
  const rows = <Row extends readonly unknown[]>(sql: string) => db.prepare(sql).all([]) as unknown as readonly Row[]
  index.apply({
    nodes: rows<[number, NodeKind, string, number]>('SELECT no, kind, name, parent FROM node ORDER BY no').map(
      ([no, kind, name, parent]): NodeRecord => ({ no, kind, name, parent }),
    ),
    stations: rows<[string]>('SELECT body FROM station ORDER BY no').map(([body]) => JSON.parse(body) as Station),
    externalIds: rows<[ChargerNo, string]>('SELECT charger, id FROM external_id').map(([charger, externalId]) => ({ charger, externalId })),
    aliases: rows<[string, string, string]>('SELECT scheme, value, targets FROM alias').map(([scheme, value, targets]) => ({
      scheme,
      value,
      targets: JSON.parse(targets) as Target[],
    })),
  })
  for (const [key, value] of rows<[string, string]>('SELECT key, value FROM setting')) index.assign(key, value)
}
