import type { Engine } from '../engine.ts'
import { type Audit, createAudit, type LeafDecoder } from './audit.ts'
import { createEmergency, type Emergency } from './emergency.ts'
import { createEvents, type Events } from './events.ts'
import { createFleet, type FleetViews } from './fleet.ts'
import { createFleetImport, type FleetImport, type ImportSetup } from './fleetImport.ts'
import { createFleetRelease, type FleetRelease } from './fleetRelease.ts'
import { createFleetTest, type FleetTest } from './fleetTest.ts'
import { createHistory, type History } from './history.ts'
import { createLimits } from './limits.ts'
import { createNodeLimits, type NodeLimits } from './nodeLimits.ts'
import { createOptOuts, type OptOuts } from './optOuts.ts'
import { createRegister, type Register } from './register.ts'
import { createSessions, type Sessions } from './sessions.ts'

/** What people do with the bridge, whatever they do it through. */
export type Operations = {
  readonly history: History
  readonly events: Events
  readonly emergency: Emergency
  readonly fleet: FleetViews
  readonly fleetImport: FleetImport
  readonly fleetRelease: FleetRelease
  readonly fleetTest: FleetTest
  readonly optOuts: OptOuts
  readonly limits: ReturnType<typeof createLimits>
  readonly nodeLimits: NodeLimits
  readonly register: Register
  readonly sessions: Sessions
  readonly audit: Audit
}
export type OperationsSetup = ImportSetup & {
  readonly engine: Engine
  readonly freshMs?: number | undefined
  readonly decodeLeaf?: LeafDecoder | undefined
}

export function createOperations({ engine, freshMs = engine.options.freshMs, decodeLeaf, ...setup }: OperationsSetup): Operations {
  const history = createHistory(engine)
  const emergency = createEmergency(engine, freshMs)
  return {
    history,
    events: createEvents(engine, history),
    emergency,
    fleet: createFleet(engine, freshMs),
    fleetImport: createFleetImport(engine, setup),
    fleetRelease: createFleetRelease(engine),
    fleetTest: createFleetTest(engine),
    optOuts: createOptOuts(engine),
    limits: createLimits(engine, emergency.reasonOf),
    nodeLimits: createNodeLimits(engine),
    register: createRegister(engine),
    sessions: createSessions(engine),
    audit: createAudit(engine, decodeLeaf),
  }
}
