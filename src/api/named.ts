import { z } from 'zod'

/** A shape of the API that has a name of its own in its document. */
export function named<T extends z.ZodType>(id: string, schema: T): T {
  z.globalRegistry.add(schema, { id })
  return schema
}
const watts = z.number()
/** Of what is expected, W. */
export const range = {
  p10W: watts.describe('one in ten times it is less'),
  p50W: watts,
  p90W: watts.describe('one in ten times it is more'),
}
