import Fastify, { type FastifyBaseLogger, type FastifyReply, type FastifyRequest } from 'fastify'
import { serializerCompiler, validatorCompiler, type ZodTypeProvider } from 'fastify-type-provider-zod'
import type { Engine } from '../engine.ts'
import type { Cosigning } from '../operations/cosign.ts'
import type { Operations } from '../operations/index.ts'
import { accepts, createPaths } from './accept.ts'
import { createAuthenticate, demand, type TokenSetting } from './auth.ts'
import type { Api, Context } from './context.ts'
import type { Awaited, Checks } from './health.ts'
import { createIdempotency } from './idempotency.ts'
import { createMetrics } from './metrics.ts'
import type { Notices } from './notices.ts'
import { openapi } from './openapi.ts'
import { ApiProblem, PROBLEM, problemBody, problemOf } from './problem.ts'
import { createRate } from './rate.ts'
import { createRefusals } from './refusals.ts'
import { auditRoutes } from './routes/audit.ts'
import { enrolmentTestRoutes } from './routes/enrolmentTest.ts'
import { eventRoutes } from './routes/events.ts'
import { fleetRoutes } from './routes/fleet.ts'
import { incidentRoutes } from './routes/incident.ts'
import { limitRoutes } from './routes/limits.ts'
import { logRoutes } from './routes/log.ts'
import { nominationRoutes } from './routes/nominations.ts'
import { optOutRoutes } from './routes/optOuts.ts'
import { orderRoutes } from './routes/orders.ts'
import { readingRoutes } from './routes/readings.ts'
import { registerRoutes } from './routes/register.ts'
import { reportRoutes } from './routes/report.ts'
import { serviceRoutes } from './routes/service.ts'
import { sessionRoutes } from './routes/sessions.ts'
import { settlementRoutes } from './routes/settlement.ts'
import { subjectRoutes } from './routes/subjects.ts'
import { submissionRoutes } from './routes/submissions.ts'
import { createSignIns } from './signIns.ts'

export type ApiOptions = {
  readonly engine: Engine
  readonly operations: Operations
  readonly tokens: readonly TokenSetting[]
  readonly version: string
  /** PEM; without it the API speaks plain HTTP. */
  readonly tls?: { readonly cert: Buffer; readonly key: Buffer }
  /** Further checks of `/readyz`, such as that of the OCPP port. */
  readonly checks?: Checks
  /** Sources that `/readyz` names also before they were ever heard. */
  readonly awaited?: readonly Awaited[]
  /** Off where none is given. */
  readonly logger?: FastifyBaseLogger
  /** Requests a minute of one token, or of all who have none together. Emergencies and health are exempt. */
  readonly perMinute?: number
  readonly maxBodyBytes?: number
  readonly maxImportBytes?: number
  /** Publishes the anonymous register without a token. */
  readonly publicRegister?: boolean
  /** Whose deliveries `/metrics` counts. */
  readonly notices?: Pick<Notices, 'counts'>
  /** What witnesses have cosigned, for `/metrics`. */
  readonly cosigning?: Pick<Cosigning, 'health'> | undefined
  /** OCPP version of a charger, for the label of `gridbridge_commands_total`. */
  readonly ocppVersion?: (charger: number) => string
}

/** The HTTP API over an engine. Not listening yet; `close` stops it and its metrics. */
export async function createApi(options: ApiOptions): Promise<Api> {
  const { engine, operations, tokens, version, tls, checks = {}, logger, perMinute = 1200 } = options
  const { maxBodyBytes = 1_048_576, maxImportBytes = 256 * 1_048_576, publicRegister = false } = options
  // who does not say what he wants within ten seconds is sent away
  const server = { headersTimeout: 10_000, connectionsCheckingInterval: 1_000 }
  const app = Fastify({
    ...(logger ? { loggerInstance: logger } : {}),
    bodyLimit: maxBodyBytes,
    requestTimeout: 120_000,
    ...(tls ? { https: { ...server, ...tls } } : { http: server }),
    routerOptions: { maxParamLength: 1000 },
    frameworkErrors: (error, request, reply) => answer(error, request, reply),
    clientErrorHandler(error, socket) {
      if (!socket.writable) return
      const code = (error as { code?: string }).code
      const status = code === 'HPE_HEADER_OVERFLOW' ? 431 : code === 'ERR_HTTP_REQUEST_TIMEOUT' ? 408 : 400
      const body = JSON.stringify(problemBody(new ApiProblem(status, 'bad-request', 'this is not HTTP that can be read'), ''))
      socket.end(
        `HTTP/1.1 ${status} Error\r\ncontent-type: ${PROBLEM}\r\ncontent-length: ${Buffer.byteLength(body)}\r\nconnection: close\r\n\r\n${body}`,
      )
    },
  }).withTypeProvider<ZodTypeProvider>() as unknown as Api
  app.setValidatorCompiler(validatorCompiler)
  app.setSerializerCompiler(serializerCompiler)
  app.removeContentTypeParser('text/plain')
  app.decorateRequest('principal', null)

  const authenticate = createAuthenticate(tokens)
  const rate = createRate(perMinute, engine.now)
  const refusals = createRefusals(engine, error => app.log.error(error))
  const signedIn = createSignIns(engine, error => app.log.error(error))
  const paths = createPaths()
  app.addHook('onRoute', route => paths.add(route.method, route.url))

  app.addHook('onRequest', async request => {
    const { scope, unlimited, produces = ['application/json'] } = request.routeOptions.config
    if (request.is404) return
    if (scope !== undefined) request.principal = authenticate(request.headers.authorization)
    if (request.principal) signedIn(request.principal.name)
    const waitS = unlimited ? 0 : rate(request.principal?.name ?? '')
    if (waitS > 0) throw new ApiProblem(429, 'too-many-requests', `wait ${waitS} s`, { headers: { 'retry-after': String(waitS) } })
    if (scope !== undefined) demand(request.principal!, scope)
    if (isOurs(request.routeOptions.url) && !accepts(request.headers.accept, [...produces, 'application/problem+json']))
      throw new ApiProblem(406, 'not-acceptable', `this answers with ${produces.join(' or ')}`)
  })

  function answer(error: unknown, request: FastifyRequest, reply: FastifyReply) {
    const problem = problemOf(error, request, engine.trouble() !== null)
    if (problem.status >= 500 && problem !== error) app.log.error(error)
    if (request.routeOptions?.config?.changes || problem.status === 401 || problem.status === 403) {
      const { name = null } = request.principal ?? {}
      refusals.refused({ route: `${request.method} ${request.routeOptions.url}`, by: name, code: problem.code, status: problem.status })
    }
    return reply
      .code(problem.status)
      .headers(problem.headers)
      .type(PROBLEM)
      .serializer(String)
      .send(JSON.stringify(problemBody(problem, request.url)))
  }
  app.setErrorHandler((error, request, reply) => answer(error, request, reply))
  app.setNotFoundHandler((request, reply) => {
    const path = request.url.split('?', 1)[0]!
    const methods = paths.methods(path)
    if (methods.length === 0)
      return answer(new ApiProblem(404, 'no-such-resource', `nothing is at ${path}`, { hint: 'see GET /v1' }), request, reply)
    const allow = methods.join(', ')
    return answer(new ApiProblem(405, 'method-not-allowed', `${path} takes ${allow}`, { headers: { allow } }), request, reply)
  })

  const metrics = createMetrics({
    engine,
    version,
    notices: options.notices,
    cosigning: options.cosigning,
    ocppVersion: options.ocppVersion,
  })
  app.addHook('onClose', async () => {
    metrics.stop()
    refusals.stop()
  })
  const context: Context = {
    engine,
    operations,
    version,
    checks,
    awaited: options.awaited ?? [],
    idempotent: createIdempotency(engine.now),
    maxImportBytes,
    publicRegister,
  }
  await openapi(app, version)
  // Inside a plugin, so that the document's hooks see every route.
  await app.register(async inner => {
    for (const routes of [
      serviceRoutes,
      eventRoutes,
      settlementRoutes,
      reportRoutes,
      submissionRoutes,
      nominationRoutes,
      fleetRoutes,
      enrolmentTestRoutes,
      limitRoutes,
      optOutRoutes,
      sessionRoutes,
      readingRoutes,
      subjectRoutes,
      incidentRoutes,
      orderRoutes,
      registerRoutes,
      auditRoutes,
      logRoutes,
    ])
      routes(inner as Api, context)
    metrics.route(inner as Api)
  })
  await app.ready()
  return app
}

/** The documentation page answers as it likes. */
const isOurs = (url: string | undefined): boolean => url !== undefined && !url.startsWith('/docs')
