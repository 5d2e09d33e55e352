import { z } from 'zod'

const amps = z.number()
/** What a fleet file says of a node. */
export const importedLimit = z.object({
  node: z.string(),
  limitW: z.number().nullable(),
  limitA: z.object({ L1: amps, L2: amps, L3: amps }).nullable(),
  error: z.string().nullable().describe('why it could not be set; the rows stand all the same'),
})
