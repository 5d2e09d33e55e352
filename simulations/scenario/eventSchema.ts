import { z } from 'zod'
import { optionsSchema } from '../../adapters/signals/openadr2b/options.ts'
import { TARGET_KINDS } from '../../adapters/signals/openadr2b/parts.ts'
import { files, place, seconds, share, time } from './terms.ts'

const ask = z.discriminatedUnion('kind', [
  z.strictObject({ kind: z.literal('shed'), totalW: z.number().min(0) }),
  /** A share of what the targets draw when it is announced. */
  z.strictObject({ kind: z.literal('shedShare'), share }),
  z.strictObject({ kind: z.literal('cap'), totalW: z.number().min(0) }),
  z.strictObject({ kind: z.literal('keep'), fraction: share }),
  z.strictObject({ kind: z.literal('limitEach'), limitW: z.number().min(0) }),
  z.strictObject({ kind: z.literal('off') }),
])
const interval = z.strictObject({ from: time, forS: z.int().min(1), ask })
const eventClass = z.enum(['emergency', 'obligation', 'contracted', 'voluntary'])

export const event = z.strictObject({
  id: z.string().regex(/^[\w.-]{1,64}$/),
  operator: z.string().default('dso'),
  class: eventClass.default('contracted'),
  programme: z.string().default('flex'),
  target: place,
  /** When the operator sends it. */
  announced: time,
  intervals: z.array(interval).min(1),
  priority: z.int().min(0).default(5),
  /** Later words on it: other intervals, or none to cancel it; of another class from then on, as an operator escalates. */
  changes: z
    .array(
      z.strictObject({
        announced: time,
        intervals: z.array(interval).default([]),
        stopAtOnce: z.boolean().default(false),
        class: eventClass.optional(),
      }),
    )
    .default([]),
})

/**
 * Events as an operator hands them over: OpenADR 2.0b messages (oadrDistributeEvent), read and judged by the product's own VEN. Their times are absolute: the
 * scenario is of that day, or `shift` moves them.
 */
export const openadrList = z
  .strictObject({
    openadr: files.describe('XML files, each one an oadrDistributeEvent'),
    peer: optionsSchema.shape.peer.default('vtn').describe('our name for the VTN'),
    venID: optionsSchema.shape.venID.describe('an event for this VEN is for the whole fleet'),
    markets: optionsSchema.shape.markets.describe('as in the configuration of the bridge: what events of a market context mean'),
    targets: z
      .array(z.strictObject({ scheme: z.enum(TARGET_KINDS), value: z.string().min(1), place }))
      .default([])
      .describe('where the targets of the file are here; a groupID that is a place, like feeder/3, is known without'),
    noticeS: seconds.optional().describe('each event is told so long before its start; absent: when the file says that it was made'),
    shift: time.optional().describe('the first event begins then, and all others as long after it as in the file'),
  })
  .meta({ id: 'OpenadrEvents' })

/** Half hours of NESO's Demand Flexibility Service, as published: requirements, summaries, utilisation by unit. Half hours that follow each other are one event. */
export const dfsList = z
  .strictObject({
    dfs: files.describe('CSV files with the published header'),
    volume: z.enum(['required', 'procured', 'settled']).default('required').describe('which MW of the file are asked'),
    scaleKw: z.number().positive().optional().describe('the largest half hour of the list is so many kW here, the others in proportion'),
    share: z.number().positive().max(1).optional().describe('of the MW of the file, this share is asked here'),
    participant: z.string().min(1).optional().describe('only rows of this registered participant'),
    unit: z.string().min(1).optional().describe('only rows of this DFS unit'),
    type: z.enum(['Test', 'Live']).optional().describe('only rows of this type of requirement; either is dispatched in earnest'),
    noticeS: seconds.default(3_600).describe('each event is told so long before its start'),
    operator: z.string().default('neso'),
    class: eventClass.default('contracted'),
    programme: z.string().default('flex'),
    target: place,
    priority: z.int().min(0).default(5),
    shift: time.optional().describe('the first event begins then, and all others at their own local times as many days after it'),
  })
  .refine(list => (list.scaleKw === undefined) !== (list.share === undefined), {
    path: ['scaleKw'],
    message: 'say either scaleKw or share: how much of it is asked of this fleet',
  })
  .meta({ id: 'DfsEvents' })

/** A list alone may stand for the events. */
export const events = z
  .union([z.array(z.union([event, openadrList, dfsList])), openadrList.transform(list => [list]), dfsList.transform(list => [list])])
  .default([])

export type ScenarioEvent = z.output<typeof event>
export type ScenarioInterval = ScenarioEvent['intervals'][number]
export type OpenadrList = z.output<typeof openadrList>
export type DfsList = z.output<typeof dfsList>
