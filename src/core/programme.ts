import type { Programme } from './model.ts'

/** What holds where a programme says nothing; also what a log written before a rule was known is read with. */
export const programmeDefaults: Omit<Programme, 'id' | 'version'> = {
  startSpreadS: 600,
  endSpreadS: 600,
  ramp: 'post',
  restore: { policy: 'uniform' },
  floorW: 0,
  minNoticeS: 0,
  maxDurationS: 4 * 3600,
  maxEventsPerDay: 24,
  maxEventsPerSeason: 10_000,
  restS: 0,
  emergencyAllowed: true,
  overrideInEmergency: true,
  emergencyUsesPerYear: 0,
  emergencyMinutesPerYear: 0,
  lastResort: false,
  allocation: 'proRata',
  overCommit: 1,
  confidence: 0,
  reserve: 0,
  holdOut: 0,
  shortfallBelow: 0.95,
}

/** A programme as recorded, with today's rules filled in. */
export const withDefaults = (p: Pick<Programme, 'id' | 'version'> & Partial<Programme>): Programme => ({ ...programmeDefaults, ...p })
