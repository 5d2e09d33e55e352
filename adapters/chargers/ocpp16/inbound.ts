/** OCPP 1.6J: what a charge point sends, and our answers. Section numbers are those of the 1.6 edition 2 specification. */
import {
  booted,
  carSeen,
  clockSeen,
  dataTransferred,
  drawsNothing,
  type Handler,
  type Handlers,
  mayCharge,
  metered,
  nowText,
  text,
  transactionBegan,
  transactionEnded,
} from '../central.ts'
import type { Payload } from '../ocppj/frames.ts'
import { chargersOf, evseOf } from '../station.ts'

const empty: Payload = {}
const acknowledge: Handler = () => empty
/** §4.5: the box starts anew once it has installed what it was sent. */
const updating: Handler = (central, link, payload) => {
  if (installs.has(text(payload['status']))) link.updatedMs = central.nowMs()
  return empty
}
const installs = new Set(['Downloaded', 'Installing', 'Installed', 'InstallRebooting', 'SignatureVerified'])

const connector = (payload: Payload): number => Number(payload['connectorId']) || 0

const startTransaction: Handler = (central, link, payload) => {
  const evse = evseOf(link, connector(payload))
  const token = text(payload['idTag'])
  clockSeen(central, link, payload['timestamp'])
  if (evse === undefined) return { fault: 'PropertyConstraintViolation', why: 'connectorId' }
  const allowed = mayCharge(central, token, [evse.charger])
  // A charge point repeats what was not answered, perhaps under another message id: the same start is the same transaction.
  const startedWith = `${payload['timestamp']} ${payload['meterStart']}`
  const id = evse.startedWith === startedWith && typeof evse.transactionId === 'number' ? evse.transactionId : central.nextTransactionId()
  // §4.8: the answer carries a transaction id even when the token is refused; the charge point then ends it.
  transactionBegan(central, link, evse, id, startedWith)
  return { transactionId: id, idTagInfo: { status: allowed ? 'Accepted' : 'Invalid' } }
}

const stopTransaction: Handler = (central, link, payload) => {
  clockSeen(central, link, payload['timestamp'])
  const evse = link.evses.find(e => e.transactionId === payload['transactionId'])
  if (evse !== undefined) {
    if (payload['transactionData'] !== undefined) metered(central, link, evse.evseId, payload['transactionData'])
    transactionEnded(central, evse)
  }
  return empty
}

const meterValues: Handler = (central, link, payload) => {
  const evse = evseOf(link, connector(payload))
  // We may have missed the start (offline queue, our restart): a sample under a transaction id says that one runs.
  const transactionId = payload['transactionId']
  if (evse !== undefined && evse.transactionId === null && typeof transactionId === 'number' && transactionId > 0)
    transactionBegan(central, link, evse, transactionId, '')
  metered(central, link, connector(payload), payload['meterValue'])
  return empty
}

const statusNotification: Handler = (central, link, payload) => {
  clockSeen(central, link, payload['timestamp'])
  const evse = evseOf(link, connector(payload))
  if (evse !== undefined) {
    const was = evse.status
    evse.status = text(payload['status'])
    carSeen(central, link, evse, evse.status)
    if (evse.status !== was && (evse.status === 'Available' || evse.status === 'Finishing'))
      drawsNothing(central, link, evse, payload['timestamp'])
    if (evse.status === 'Available') transactionEnded(central, evse)
  }
  return empty
}

/** Answers to everything that a 1.6 charge point may send, security extensions included. */
export const inbound16: Handlers = {
  BootNotification: (central, link, payload) =>
    booted(central, link, text(payload['chargePointVendor']), text(payload['chargePointModel']), text(payload['firmwareVersion'])),
  Heartbeat: central => ({ currentTime: nowText(central) }),
  StatusNotification: statusNotification,
  Authorize: (central, link, payload) => ({
    idTagInfo: { status: mayCharge(central, text(payload['idTag']), chargersOf(link)) ? 'Accepted' : 'Invalid' },
  }),
  StartTransaction: startTransaction,
  StopTransaction: stopTransaction,
  MeterValues: meterValues,
  DataTransfer: (central, link, payload) => dataTransferred(central, link, payload),
  SecurityEventNotification: (central, link, payload) => {
    central.note(link, 'securityEvent', { station: link.no, type: text(payload['type']) })
    return empty
  },
  DiagnosticsStatusNotification: acknowledge,
  FirmwareStatusNotification: updating,
  SignedFirmwareStatusNotification: updating,
  LogStatusNotification: acknowledge,
  SignCertificate: () => ({ status: 'Rejected' }),
}
