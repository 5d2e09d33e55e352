import swagger from '@fastify/swagger'
import swaggerUi from '@fastify/swagger-ui'
import type { FastifyContextConfig } from 'fastify'
import { jsonSchemaTransform, jsonSchemaTransformObject } from 'fastify-type-provider-zod'
import type { Api } from './context.ts'

const description = `Grid events in, staggered charger limits out, checked by meters, provable to outsiders.

Every error is application/problem+json with a stable \`code\` and, where there is something to do about it, a \`hint\`.
Instants are RFC 3339 in UTC; power is in watts, import positive.`

/** OpenAPI 3.1 at `/openapi.json`, and a page to read it at `/docs` that loads nothing from elsewhere. To be registered before the routes. */
export async function openapi(app: Api, version: string): Promise<void> {
  await app.register(swagger, {
    openapi: {
      openapi: '3.1.0',
      info: { title: 'gridbridge', version, description, license: { name: 'Apache-2.0', identifier: 'Apache-2.0' } as { name: string } },
      components: {
        securitySchemes: { token: { type: 'http', scheme: 'bearer', description: 'Scopes: see each operation' } },
        responses: {
          Problem: {
            description: 'What went wrong (RFC 9457)',
            content: { 'application/problem+json': { schema: { $ref: '#/components/schemas/Problem' } } },
          },
        },
      },
    },
    transform: input => {
      const out = jsonSchemaTransform(input as never) as { schema: Record<string, unknown>; url: string }
      const config = (input as { route: { config?: FastifyContextConfig } }).route.config ?? {}
      if (out.schema?.hide) return out
      return { url: out.url, schema: { ...out.schema, ...protectedBy(config, out.schema) } }
    },
    transformObject: input => withProblems(jsonSchemaTransformObject(input as never) as Document) as never,
  })
  await app.register(swaggerUi, { routePrefix: '/docs', staticCSP: true, uiConfig: { docExpansion: 'list', tryItOutEnabled: false } })
  app.get('/openapi.json', { schema: { hide: true } as never }, async () => app.swagger())
}

type Document = { paths?: Record<string, Record<string, { responses?: Record<string, unknown> }>> }
const protectedBy = ({ scope }: FastifyContextConfig, schema: Record<string, unknown> | undefined) =>
  scope === undefined
    ? {}
    : {
        security: [{ token: [] }],
        description: `${schema?.description === undefined ? '' : `${schema.description}\n\n`}Scope: \`${scope}\`.`,
      }

function withProblems(document: Document): Document {
  const paths = Object.entries(document.paths ?? {}).map(([path, item]) => {
    const operations = Object.entries(item).map(([method, operation]) => {
      const responses = { ...operation.responses, default: { $ref: '#/components/responses/Problem' } }
      return [method, { ...operation, responses }] as const
    })
    return [path, Object.fromEntries(operations)] as const
  })
  return { ...document, paths: Object.fromEntries(paths) }
}
