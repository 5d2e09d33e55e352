import type { FastifyBaseLogger } from 'fastify'

/** Logs what the API could not answer, as one JSON line each: an answer of 500 says no more than its code. Requests themselves are not logged. */
export function errorLog(write: (line: string) => void): FastifyBaseLogger {
  const at = (level: string) => (about: unknown, message?: string) => {
    const error = about instanceof Error ? about : (about as { err?: unknown } | null)?.err
    const why = error instanceof Error ? (error.stack ?? error.message) : typeof about === 'string' ? about : undefined
    write(JSON.stringify({ level, message, error: why }))
  }
  const silent = () => {}
  const log: FastifyBaseLogger = {
    level: 'error',
    fatal: at('fatal'),
    error: at('error'),
    warn: silent,
    info: silent,
    debug: silent,
    trace: silent,
    silent,
    child: () => log,
  }
  return log
}
