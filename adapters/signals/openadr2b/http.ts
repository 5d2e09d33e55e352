// One POST of 2.0b: explicit length, never chunked, TLS 1.2 or better, no redirects, a deadline over the whole exchange.
import { createHash, X509Certificate } from 'node:crypto'
import { Agent as HttpAgent, request as httpRequest } from 'node:http'
import { Agent as HttpsAgent, request as httpsRequest, type RequestOptions } from 'node:https'
import type { PeerCertificate } from 'node:tls'
import { LIMITS } from './xml.ts'

export type Service = 'EiEvent' | 'EiReport' | 'EiRegisterParty' | 'EiOpt' | 'OadrPoll'
/**
 * `ok`: HTTP 200 and its body. `refused`: sending the same again is pointless (404, 406, 501 and other 4xx). `failed`: try
 * again later; `quiesceMs` if the VTN said when (503). A message that failed may have been received all the same.
 */
export type Answer =
  | { readonly kind: 'ok'; readonly body: Buffer; readonly credential: string }
  | { readonly kind: 'refused'; readonly status: number }
  | { readonly kind: 'failed'; readonly why: string; readonly quiesceMs?: number }

/** PEM texts. */
export type Identity = { readonly cert: string; readonly key: string; readonly ca?: string; readonly vtnFingerprint?: string }
export type Transport = { readonly post: (service: Service, xml: string) => Promise<Answer>; readonly close: () => void }

/** The fingerprint that 2.0b uses: the last 10 bytes of the SHA-256 of the DER certificate, `AB:CD:...`, 29 characters. */
export const fingerprint = (cert: string | Uint8Array): string =>
  createHash('sha256')
    .update(typeof cert === 'string' ? new X509Certificate(cert).raw : cert)
    .digest()
    .subarray(22)
    .toString('hex')
    .toUpperCase()
    .replace(/..(?!$)/g, '$&:')

const QUIESCE_MS = 60_000
/** No VTN can silence us for longer by one answer: an emergency may come after it. */
const QUIESCE_MOST_MS = 3_600_000

/** Throws if our own certificate cannot be read or is not valid at `nowMs`: with it we must not talk at all [R516]. */
export const createTransport = (
  options: { readonly url: string; readonly timeoutMs: number; readonly tls?: Identity | undefined },
  nowMs: number,
): Transport => {
  const base = new URL(`${options.url.replace(/\/+$/, '').replace(/\/OpenADR2\/Simple\/2\.0b$/i, '')}/OpenADR2/Simple/2.0b/`)
  const secure = base.protocol === 'https:'
  if (options.tls) checkOwn(options.tls.cert, nowMs)
  const agent = secure ? new HttpsAgent({ keepAlive: true, maxSockets: 1 }) : new HttpAgent({ keepAlive: true, maxSockets: 1 })
  const tls: RequestOptions = secure ? { minVersion: 'TLSv1.2', ...tlsOptions(options.tls) } : {}

  let credential = 'plain'

  const post = (service: Service, xml: string): Promise<Answer> =>
    new Promise(resolve => {
      const body = Buffer.from(xml)
      const headers = { 'content-type': 'application/xml; charset=utf-8', 'content-length': body.length, accept: 'application/xml' }
      const signal = AbortSignal.timeout(options.timeoutMs)
      const failed = (error: Error) =>
        resolve({
          kind: 'failed',
          why: signal.aborted ? `no answer in ${options.timeoutMs} ms` : ((error as NodeJS.ErrnoException).code ?? error.message),
        })
      const req = (secure ? httpsRequest : httpRequest)(new URL(service, base), { ...tls, method: 'POST', agent, headers, signal }, res => {
        const chunks: Buffer[] = []
        let size = 0
        const socket = res.socket as { getPeerCertificate?: () => PeerCertificate }
        // A resumed TLS session shows no certificate: it is that of the session.
        credential = socket.getPeerCertificate?.()?.fingerprint256?.slice(-29) ?? credential
        res.on('data', (chunk: Buffer) => {
          size += chunk.length
          if (size > LIMITS.bodyBytes) req.destroy(new Error('answer over 1 MB'))
          else chunks.push(chunk)
        })
        res.on('error', failed)
        res.on('end', () => resolve(answerOf(res.statusCode ?? 0, Buffer.concat(chunks), credential, res.headers['retry-after'])))
      })
      req.on('error', failed)
      req.end(body)
    })
  return { post, close: () => agent.destroy() }
}

const answerOf = (status: number, body: Buffer, credential: string, retryAfter: string | undefined): Answer => {
  if (status === 200) return { kind: 'ok', body, credential }
  if (status === 503)
    return {
      kind: 'failed',
      why: 'HTTP 503',
      quiesceMs: /^\d+$/.test(retryAfter ?? '') ? Math.min(Number(retryAfter) * 1000, QUIESCE_MOST_MS) : QUIESCE_MS,
    }
  // Not authenticated or throttled can mend without us changing the message.
  if (status === 501 || (status >= 400 && status < 500 && ![401, 403, 408, 429].includes(status))) return { kind: 'refused', status }
  return { kind: 'failed', why: `HTTP ${status}` }
}

const checkOwn = (pem: string, nowMs: number): void => {
  const cert = new X509Certificate(pem)
  if (nowMs < Date.parse(cert.validFrom) || nowMs > Date.parse(cert.validTo)) {
    throw new Error(`openadr2b: certificate-not-valid at tls.certFile: valid from ${cert.validFrom} to ${cert.validTo}`)
  }
}

const tlsOptions = (tls: Identity | undefined): RequestOptions => {
  if (!tls) return {}
  const { vtnFingerprint, ...rest } = tls
  if (!vtnFingerprint) return rest
  // The pin says who the VTN is, so its name need not match; the chain must still be good.
  return {
    ...rest,
    checkServerIdentity: (_host, cert) =>
      cert.fingerprint256.slice(-29) === vtnFingerprint.toUpperCase() ? undefined : new Error('VTN certificate is not the pinned one'),
  }
}
