import { type Box, type Connector, powerW } from './box.ts'
import type { Measurand } from './traits.ts'

export type Context = 'Sample.Periodic' | 'Sample.Clock' | 'Transaction.Begin' | 'Transaction.End' | 'Trigger'

/** One value as a meter gives it, before a protocol writes it. `value` is in `unit` times ten to the `exponent`. */
export type Sample = {
  measurand: Measurand
  value: number
  unit: string
  exponent: 0 | 3
  phase?: 'L1' | 'L2' | 'L3'
  perNeutral?: boolean
}

const PHASES = ['L1', 'L2', 'L3'] as const
const rounded = (value: number, digits: number): number => Number(value.toFixed(digits))

/** A moment in the past with the register as it was then: readings that are averages are averages since it. */
export type Since = { ms: number; wh: number }

/** Mean power since a moment, by the register; without one, the power of this instant. */
const meanW = (box: Box, connector: Connector, nowMs: number, since: Since | undefined): number =>
  since === undefined || nowMs <= since.ms ? powerW(box, connector) : ((connector.registerWh - since.wh) * 3_600_000) / (nowMs - since.ms)

/**
 * Reads the meter of a connector: the measurands asked for, in the order asked, with this meter's noise, units and phases. A total is given
 * without a phase, or as one value per phase in use.
 */
export const readMeter = (
  box: Box,
  connector: Connector,
  nowMs: number,
  measurands: readonly Measurand[],
  since?: Since,
): readonly Sample[] => {
  const { traits, voltageV } = box
  const wrong = 1 + traits.meterNoise * (2 * box.chance() - 1)
  const phases = PHASES.slice(0, connector.phasesUsed)
  const kilo = traits.kiloUnits ? 3 : 0
  const perPhase = (measurand: Measurand, value: number, unit: string, exponent: 0 | 3 = 0): Sample[] =>
    phases.map(phase => ({ measurand, value, unit, exponent, phase }))
  const read = (measurand: Measurand): readonly Sample[] => {
    switch (measurand) {
      case 'Energy.Active.Import.Register': {
        const stepWh = traits.registerResolutionWh
        const wh = Math.floor(connector.registerWh / stepWh + 1e-9) * stepWh
        return [{ measurand, value: kilo ? rounded(wh / 1000, 3) : wh, unit: 'Wh', exponent: kilo }]
      }
      case 'Power.Active.Import': {
        const w = meanW(box, connector, nowMs, since) * wrong
        const digits = kilo ? 3 : 1
        const scale = kilo ? 1000 : 1
        if (traits.phasesOnly) return perPhase(measurand, rounded(w / connector.phasesUsed / scale, digits), 'W', kilo)
        return [{ measurand, value: rounded(w / scale, digits), unit: 'W', exponent: kilo }]
      }
      case 'Current.Import':
        return perPhase(measurand, rounded(connector.drawnA * wrong, 2), 'A')
      case 'Current.Offered':
        return [{ measurand, value: rounded(offeredA(box, connector), 1), unit: 'A', exponent: 0 }]
      case 'Voltage':
        return perPhase(measurand, voltageV, 'V').map(s => ({ ...s, perNeutral: true }))
      case 'SoC':
        return connector.car === undefined
          ? []
          : [{ measurand, value: Math.round((100 * connector.car.storedWh) / connector.car.spec.batteryWh), unit: 'Percent', exponent: 0 }]
    }
  }
  return measurands.flatMap(read)
}

/** What the box says that it offers: one that ignores profiles still claims to keep them. */
const offeredA = (box: Box, connector: Connector): number => {
  if (connector.tx === undefined) return 0
  const claimed = box.traits.ignores ? connector.heldA : connector.appliedA
  return Math.min(box.spec.maxA, claimed ?? Infinity)
}

/** What the power in a reading is averaged over, if it is: clock-aligned readings always (1.6 9.1.3), periodic ones on some meters. */
export const averagedSince = (box: Box, connector: Connector, context: Context): Since | undefined => {
  if (context === 'Sample.Clock') return { ms: connector.alignedMs, wh: connector.alignedWh }
  const averages = box.traits.intervalStartStamps && context === 'Sample.Periodic' && connector.sampledMs > 0
  return averages ? { ms: connector.sampledMs, wh: connector.sampledWh } : undefined
}

export const iso = (ms: number): string => new Date(ms).toISOString()
