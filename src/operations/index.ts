import type { Instant } from '../core/model.ts'
import type { Engine } from '../engine.ts'
import { type Audit, createAudit, type LeafDecoder } from './audit.ts'
import { createEmergency, type Emergency } from './emergency.ts'
import { type Copy, type ErasureRequest, eraseSubject, type Scrub } from './erasure.ts'
import { createEvents, type Events } from './events.ts'
import { createEvidence, type EvidencePacks } from './evidencePacks.ts'
import { createFleet, type FleetViews } from './fleet.ts'
import { createFleetImport, type FleetImport, type ImportSetup } from './fleetImport.ts'
import { createFleetRelease, type FleetRelease } from './fleetRelease.ts'
import { createFleetTest, type FleetTest } from './fleetTest.ts'
import { createHistory, type History } from './history.ts'
import { exportIncident } from './incident.ts'
import { createLimits } from './limits.ts'
import { createLog, type LogFiles } from './log.ts'
import { createNodeLimits, type NodeLimits } from './nodeLimits.ts'
import { createNominations, type Nominations } from './nominations.ts'
import { createOptOuts, type OptOuts } from './optOuts.ts'
import { type PerformanceRequest, type ProgrammeFigures, programmePerformance } from './programmePerformance.ts'
import { createReadings, type ReadingOperations, type ReadingsSetup } from './readings.ts'
import { createRegister, type Register } from './register.ts'
import { createReports, type Reports } from './report.ts'
import type { By, Result } from './result.ts'
import { createSessions, type Sessions } from './sessions.ts'
import { createSettle, type Settle } from './settle.ts'
import type { Breathe } from './subject.ts'
import { exportSubject } from './subjectExport.ts'
import { createSubmissions, type Submissions } from './submissions.ts'
import { createWitnesses, type WitnessOperations } from './witnesses.ts'
import { createWitnessGaps, type WitnessGaps } from './witnessGaps.ts'

/** What people do with the bridge, whatever they do it through. */
export type Operations = {
  readonly history: History
  readonly events: Events
  readonly emergency: Emergency
  readonly evidence: EvidencePacks
  readonly fleet: FleetViews
  readonly fleetImport: FleetImport
  readonly fleetRelease: FleetRelease
  readonly fleetTest: FleetTest
  readonly optOuts: OptOuts
  readonly limits: ReturnType<typeof createLimits>
  readonly nodeLimits: NodeLimits
  readonly nominations: Nominations
  readonly readings: ReadingOperations
  readonly register: Register
  readonly reports: Reports
  readonly sessions: Sessions
  readonly settle: Settle
  readonly submissions: Submissions
  readonly performance: (programme: string, request: PerformanceRequest) => Promise<Result<ProgrammeFigures>>
  readonly witnesses: WitnessOperations
  readonly witnessGaps: WitnessGaps
  readonly audit: Audit
  readonly log: LogFiles
  readonly subject: Subjects
  incident(period: { fromMs: Instant; toMs: Instant }, by: By): ReturnType<typeof exportIncident>
}
/** GDPR articles 15, 17 and 20. */
export type Subjects = {
  export(id: string, also: readonly string[], by: By): ReturnType<typeof exportSubject>
  erase(id: string, request: ErasureRequest, by: By): ReturnType<typeof eraseSubject>
}
export type OperationsSetup = ImportSetup & {
  readonly engine: Engine
  readonly freshMs?: number | undefined
  readonly decodeLeaf?: LeafDecoder | undefined
  /** Absent: what is deleted is gone, as in memory. */
  readonly scrub?: Scrub | undefined
  readonly breathe?: Breathe | undefined
  /** Copies of the state that were made, as far as the bridge knows. */
  readonly copies?: (() => readonly Copy[]) | undefined
  readonly readings: ReadingsSetup
}

export function createOperations({
  engine,
  freshMs = engine.options.freshMs,
  decodeLeaf,
  scrub = async () => ({ isGone: true }),
  breathe = async () => {},
  copies = () => [],
  readings,
  ...setup
}: OperationsSetup): Operations {
  const history = createHistory(engine)
  const witnesses = createWitnesses(engine, readings.witnesses, readings.configured)
  const witnessGaps = createWitnessGaps(engine, history, witnesses)
  const emergency = createEmergency(engine, freshMs)
  const fleetRelease = createFleetRelease(engine)
  const events = createEvents(engine, history)
  const reports = createReports(engine, witnessGaps)
  return {
    history,
    events,
    emergency,
    evidence: createEvidence(engine, events, witnessGaps),
    fleet: createFleet(engine, freshMs),
    fleetImport: createFleetImport(engine, setup),
    fleetRelease,
    fleetTest: createFleetTest(engine),
    optOuts: createOptOuts(engine),
    limits: createLimits(engine, emergency.reasonOf),
    nodeLimits: createNodeLimits(engine),
    nominations: createNominations(engine),
    readings: createReadings(engine, readings),
    register: createRegister(engine),
    reports,
    sessions: createSessions(engine),
    settle: createSettle(engine, history),
    submissions: createSubmissions(engine),
    performance: (programme, request) => programmePerformance(engine, programme, request),
    witnesses,
    witnessGaps,
    audit: createAudit(engine, decodeLeaf),
    log: createLog(engine),
    incident: (period, by) => exportIncident(engine, period, by, breathe),
    subject: {
      export: (id, also, by) => exportSubject(engine, id, also, by, breathe),
      erase: (id, request, by) => eraseSubject(engine, fleetRelease.release, scrub, id, request, by, { breathe, copies }),
    },
  }
}
