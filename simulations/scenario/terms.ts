import { z } from 'zod'
import { nodeKinds } from '../../src/core/model.ts'

/** What several parts of the format say alike. */
export const share = z.number().min(0).max(1)
/** `2026-01-15T18:00[:30]`, or `18:00[:30]` for the first such time from the start on; on the clock of the scenario's zone. */
export const time = z
  .string()
  .regex(/^(\d{4}-\d\d-\d\dT)?([01]\d|2[0-3]):[0-5]\d(:[0-5]\d)?$/, 'must be a local time like 18:00 or 2026-01-15T18:00')
export const seconds = z.int().min(0)
const kinds = nodeKinds.join('|')
/** `all`, or a node like `feeder/3`: its kind, and its number among those of the kind. */
export const place = z
  .string()
  .regex(new RegExp(`^(all|(${kinds})/\\d+)$`), 'must be all, or a kind of node and its number, like feeder/3')
  .default('all')
export const node = z.string().regex(new RegExp(`^(${kinds})/\\d+$`))
/** A place, or a kind alone for each node of it: `site`. */
export const places = z
  .string()
  .regex(new RegExp(`^(all|(${kinds})(/\\d+)?)$`), 'must be a place like site/3, or a kind of node for each of them')
/** Files beside the scenario. */
export const files = z.union([z.string().min(1), z.array(z.string().min(1)).min(1)])
