import { gzipSync } from 'node:zlib'
import { z } from 'zod'
import { accepts } from '../accept.ts'
import type { Api, Context } from '../context.ts'
import { ApiProblem, unwrap } from '../problem.ts'
import * as s from '../schemas.ts'

const tags = ['audit']
const bytes = 'application/octet-stream'
/** Full or partial, what a path names never changes. */
const forever = 'private, max-age=31536000, immutable'

/** The log as C2SP tlog-tiles has it, and proofs. Only the checkpoint is public: it says how much there is, and nothing of what. */
export function logRoutes(app: Api, { operations }: Context): void {
  app.get(
    '/log/checkpoint',
    {
      config: { produces: ['text/plain'] },
      schema: { tags, summary: 'The signed checkpoint, cosigned where witnesses are asked; needs no token', response: { 200: z.string() } },
    },
    async (_request, reply) => {
      const note = operations.log.checkpoint()
      if (note === '') throw new ApiProblem(404, 'log-is-empty', 'nothing was logged yet')
      reply.type('text/plain; charset=utf-8').header('cache-control', 'no-cache').serializer(String)
      return note
    },
  )
  app.get(
    '/log/tile/*',
    {
      config: { scope: 'audit:read', produces: [bytes] },
      schema: {
        tags,
        summary: 'Tiles and entry bundles (C2SP tlog-tiles)',
        description:
          '`tile/<level>/<number>[.p/<width>]` and `tile/entries/<number>[.p/<width>]`, numbers in groups of three digits, as in x001/x234/067.',
        params: z.object({ '*': z.string() }),
      },
    },
    async (request, reply) => {
      const path = `tile/${request.params['*']}`
      const file = await operations.log.file(path)
      if (file === undefined) throw new ApiProblem(404, 'no-such-tile', `the log has no ${path}`)
      reply.type(bytes).header('cache-control', forever)
      const isBundle = path.startsWith('tile/entries/')
      if (isBundle) reply.header('vary', 'accept-encoding')
      const isZipped = isBundle && request.headers['accept-encoding'] !== undefined && accepts(request.headers['accept-encoding'], ['gzip'])
      if (isZipped) reply.header('content-encoding', 'gzip')
      return reply.serializer(String).send(isZipped ? gzipSync(file, { level: 1 }) : Buffer.from(file))
    },
  )
  app.get(
    '/v1/audit/entries/:index/proof',
    {
      config: { scope: 'audit:read', produces: ['application/json', 'text/plain'] },
      schema: {
        tags,
        summary: 'That an entry is in the log, as a file that can be checked offline (C2SP tlog-proof)',
        description:
          'With Accept: text/plain the file alone. The proof is against the newest cosigned checkpoint that has the entry, else the newest.',
        params: z.object({ index: z.coerce.number().int().min(0) }),
        response: { 200: s.entryProof },
      },
    },
    async (request, reply) => {
      const { index, size, entry, file } = unwrap(await operations.log.proof(request.params.index))
      if (!/^text\/plain\b/.test(request.headers.accept ?? ''))
        return { index, size, leaf: Buffer.from(entry).toString('base64'), proof: file }
      reply.type('text/plain; charset=utf-8').serializer(String)
      return file as never
    },
  )
  app.get(
    '/v1/audit/consistency',
    {
      config: { scope: 'audit:read' },
      schema: {
        tags,
        summary: 'That the log has only grown between two sizes (RFC 9162)',
        querystring: z.strictObject({ from: z.coerce.number().int(), to: z.coerce.number().int().optional() }),
        response: { 200: s.consistency },
      },
    },
    async request => {
      const found = unwrap(await operations.log.consistency(request.query.from, request.query.to))
      return { ...found, proof: [...found.proof] }
    },
  )
}
