import { z } from 'zod'

/** Options of a broker that publishes a network operator's meters. */
export const optionsSchema = z.strictObject({
  url: z.url({ protocol: /^(mqtts?|wss?)$/ }),
  username: z.string().optional(),
  password: z.string().optional(),
  /** Under which name the broker keeps what comes while we are away; without one nothing is kept. */
  clientId: z.string().min(1).max(200).optional(),
  topics: z
    .array(
      z.strictObject({
        /** Without wildcards: a topic is one meter. */
        topic: z.string().regex(/^[^+#]+$/, 'one meter a topic: no + or #'),
        /** A meter that is declared. */
        meter: z.string().min(1).max(200),
        /** Where in a JSON message the value and the time of its interval are; dots go deeper. */
        value: z.string().min(1).default('value'),
        time: z.string().min(1).default('at'),
      }),
    )
    .min(1),
})
export type Options = z.output<typeof optionsSchema>
