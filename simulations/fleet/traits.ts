/** The measurands a simulated meter can give. */
export type Measurand = 'Power.Active.Import' | 'Energy.Active.Import.Register' | 'Current.Import' | 'Current.Offered' | 'Voltage' | 'SoC'

/**
 * What a charger's firmware does differently from the book. All of them were seen on real boxes; the default is a well-behaved one. They are
 * data, so that a new quirk is a new row and any mix of them makes a charger.
 */
export type Traits = {
  /** Refuses schedules in amps. */
  rejectA: boolean
  /** Refuses schedules in watts. */
  rejectW: boolean
  /** Refuses every stack level but 0, whatever it reports. */
  stack0Only: boolean
  /** Refuses ChargePointMaxProfile / ChargingStationMaxProfile. */
  noStationMax: boolean
  /** Takes no purpose but TxDefaultProfile. */
  txDefaultOnly: boolean
  /** OCPP 1.6: refuses a TxProfile that has no transactionId (the spec leaves that to the central system). */
  txProfileNeedsTransactionId: boolean
  /** Refuses all smart charging: by status `Rejected`, by 1.6 status `NotSupported`, or by CALLERROR `NotImplemented`. */
  rejectsAll: false | 'Rejected' | 'NotSupported' | 'NotImplemented'
  /** Refuses a schedule that has a limit of 0 anywhere. */
  rejectLimit0: boolean
  /** A limit between 0 and 6 A becomes 6 A; without this it becomes a pause. */
  clampTo6: boolean
  /** Rounds limits down to whole amps. */
  integerAmps: boolean
  /** Divides a limit in watts by three (or its numberPhases) even when the car uses one phase. */
  wattsOverThree: boolean
  /** Accepts profiles, reports them as in force, and charges on as before. */
  ignores: boolean
  /** A profile received in a transaction takes effect from the next transaction. */
  ignoresUntilNextSession: boolean
  /** Charges at full while it has no link; holds its profiles and obeys them again when the link is back. */
  resumesOnLinkLoss: boolean
  /** Forgets every profile of the central system when the link drops. */
  dropsProfileOnDisconnect: boolean
  /** Answers Accepted to ClearChargingProfile and clears nothing. */
  clearNoop: boolean
  /** GetCompositeSchedule: `Rejected`, Accepted without a schedule, or (1.6) with an empty list of periods. */
  compositeMissing: false | 'rejected' | 'absent' | 'empty'
  /** Takes this long to answer every call. */
  answerLagMs: number
  /** Never answers a smart-charging call, and does nothing. */
  neverAnswers: boolean
  /** Chance 0..1 that a smart-charging call is lost before it has an effect. */
  losesRequest: number
  /** Chance 0..1 that a smart-charging call takes effect but its answer is lost. */
  losesAnswer: number
  /** The charger's clock is this much ahead of true time, and it does not follow the central system's. */
  clockSkewS: number
  /** Uniform error of power and current readings, as a share: 0.01 is +-1 %. */
  meterNoise: number
  /** Measurands that the meter has. Asking for others is refused. */
  measurands: readonly Measurand[]
  /** Gives power and current per phase and no total. */
  phasesOnly: boolean
  /** Gives kW and kWh. */
  kiloUnits: boolean
  /** Resolution of the energy register. */
  registerResolutionWh: number
  /** Power readings are averages over the interval and carry its start. */
  intervalStartStamps: boolean
  /** The charger's own random delay: every change of its limit happens 0 to this many whole seconds late. */
  ownRandomDelayS: number
  /** A configuration key (1.6) or `Component.Variable` (2.0.1) that holds that delay in seconds. */
  randomDelayKey: string | undefined
  /** Sends BootNotification after each reconnect, though it did not reboot. */
  bootsOnReconnect: boolean
  /** Sends SecurityEventNotification after boot. */
  securityEvents: boolean
  /** The link is cut `atS` after the fleet started and comes back `forS` later. */
  offline: readonly { atS: number; forS: number }[]
  /** Power-cycles this long after the fleet started. Its transaction ends, its profiles stay (1.6 errata 3.37), a new transaction begins. */
  rebootAtS: number | undefined
  maxStackLevel: number
  maxPeriods: number
  maxProfiles: number
  /** A configuration key (1.6) or `Component.Variable` (2.0.1) that caps the current in amps. */
  vendorLimitKey: string | undefined
}

export const WELL_BEHAVED: Traits = {
  rejectA: false,
  rejectW: false,
  stack0Only: false,
  noStationMax: false,
  txDefaultOnly: false,
  txProfileNeedsTransactionId: false,
  rejectsAll: false,
  rejectLimit0: false,
  clampTo6: false,
  integerAmps: false,
  wattsOverThree: false,
  ignores: false,
  ignoresUntilNextSession: false,
  resumesOnLinkLoss: false,
  dropsProfileOnDisconnect: false,
  clearNoop: false,
  compositeMissing: false,
  answerLagMs: 0,
  neverAnswers: false,
  losesRequest: 0,
  losesAnswer: 0,
  clockSkewS: 0,
  meterNoise: 0,
  measurands: ['Power.Active.Import', 'Energy.Active.Import.Register', 'Current.Import', 'Current.Offered', 'Voltage', 'SoC'],
  phasesOnly: false,
  kiloUnits: false,
  registerResolutionWh: 1,
  intervalStartStamps: false,
  ownRandomDelayS: 0,
  randomDelayKey: undefined,
  bootsOnReconnect: false,
  securityEvents: false,
  offline: [],
  rebootAtS: undefined,
  maxStackLevel: 10,
  maxPeriods: 24,
  maxProfiles: 20,
  vendorLimitKey: undefined,
}

/** A charger's traits: the book, changed by `quirks`. */
export const traitsWith = (quirks: Partial<Traits> = {}): Traits =>
  Object.keys(quirks).length === 0 ? WELL_BEHAVED : { ...WELL_BEHAVED, ...quirks }
