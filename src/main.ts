import { execFileSync } from 'node:child_process'
import { createHmac, randomBytes } from 'node:crypto'
import { readFileSync } from 'node:fs'
import type { AddressInfo } from 'node:net'
import { resolve } from 'node:path'
import { isDeepStrictEqual } from 'node:util'
import { awaitedPeers, type ListeningSource, makeSignal, makeWitnessSource, type SignalConfig, signalSchemas } from '../adapters/index.ts'
import type { Api } from './api/context.ts'
import type { NoticesOptions } from './api/notices.ts'
import { cosignedKey } from './audit/cosigned.ts'
import { atOnce } from './audit/crypto.ts'
import { type Policy, policyOf } from './audit/policy.ts'
import type { LogReader } from './audit/verify.ts'
import { ConfigError, type ConfigOf, describeConfig, type Loaded, loadConfig, type ProgrammeConfig, type Sources } from './config.ts'
import type { Programme } from './core/model.ts'
import type { State } from './core/state.ts'
import { isUnwritable } from './engine/beyondRecord.ts'
import type { Engine } from './engine.ts'
import { recordConfig } from './operations/configChange.ts'
import type { Cosigning } from './operations/cosign.ts'
import type { Copy, Scrub } from './operations/erasure.ts'
import type { Operations } from './operations/index.ts'
import type { createNetworkBounds } from './operations/networkBounds.ts'
import { keepEvidence } from './operations/retention.ts'
import type { ChargerLink, Journal, Meters, Registry, Runtime, SignalSource, Witnesses } from './ports.ts'
import { packageVersion } from './version.ts'

/** The composition root: the only part of the product that knows everything. What is heavy is loaded when a bridge is made. */
export type Config = ConfigOf<typeof signalSchemas>
type NetworkBounds = ReturnType<typeof createNetworkBounds>
/** See `loadConfig`; with the signal kinds of this build. */
export const readConfig = (sources: Sources): Loaded<Config> => loadConfig(signalSchemas, sources)

export const logReader = async (): Promise<(path: string) => LogReader> => (await import('../adapters/stores/sqlite/reader.ts')).openReader
/** A bridge's file, only to be read: see `openRecord`. */
export const recordReader = async () => (await import('../adapters/stores/sqlite/record.ts')).openRecord

/** See there: one process alone works on a folder. */
export const holdFolder = async (): Promise<(dir: string) => () => void> => (await import('../adapters/stores/sqlite/hold.ts')).holdFolder

/** What is done to the files of a bridge beside its work: some of it only while it is stopped. */
export const maintenance = async () => {
  const [backup, copies, rotate, hold] = await Promise.all([
    import('../adapters/stores/sqlite/backup.ts'),
    import('../adapters/stores/sqlite/copies.ts'),
    import('../adapters/stores/sqlite/rotate.ts'),
    import('../adapters/stores/sqlite/hold.ts'),
  ])
  return { ...backup, ...copies, ...rotate, ...hold }
}
/** Ends the log of a stopped bridge, whose folder the caller holds, and begins the next. @throws EventsUnderWay, StoreError */
export async function closeLog(config: Config, dir: string, next: string, archive: string, nowMs: number) {
  const [{ closeAndBegin }, { checkNothingUnderWay, firstOfNext }] = await Promise.all([
    import('../adapters/stores/sqlite/nextLog.ts'),
    import('./operations/nextLog.ts'),
  ])
  const first = (journal: Journal, final: Parameters<typeof firstOfNext>[1]) => firstOfNext(journal, final, nowMs, () => randomBytes(16))
  const check = (journal: Journal) => checkNothingUnderWay(journal, nowMs)
  return closeAndBegin({ dir, origin: config.origin, next, nowMs, archive, secrets: secretsOf(config), check, first })
}
const breathe = () => new Promise<void>(resolve => setImmediate(resolve))
const KEY_COMMAND_MS = 30_000
/** Secrets that do not stand in the data folder. What the command of a key store says on stderr is shown, what it prints never. */
export function secretsOf({ keys: { signingSecret, signingCommand, seedSecret } }: Pick<Config, 'keys'>) {
  const [program, ...args] = signingCommand ?? []
  const printed =
    program && execFileSync(program, args, { encoding: 'utf8', timeout: KEY_COMMAND_MS, stdio: ['ignore', 'pipe', 'inherit'] })
  return { signing: printed?.trim() ?? signingSecret, seed: seedSecret }
}

export type Store = {
  readonly journal: Journal
  readonly meters: Meters
  readonly witnesses: Witnesses
  readonly registry: Registry
  readonly seedKey: Uint8Array
  readonly scrub?: Scrub
  readonly copies?: () => readonly Copy[]
  close(): Promise<void>
}
/** Parts to use instead of the configured ones, for tests and simulations. */
export type Overrides = {
  readonly runtime?: Runtime
  readonly store?: Store
  readonly chargers?: ChargerLink & { port?(): number }
  readonly signals?: readonly SignalSource[]
}
export type BridgeProcess = {
  readonly engine: Engine
  readonly operations: Operations
  readonly api: Api
  readonly dataDir: string
  /** The ports listened on; the webhook's only where one is configured. */
  readonly ports: { readonly ocpp: number; readonly api: number; readonly webhook: number | undefined }
  /** Where chargers connect (their identity follows as the last path segment), and the API. */
  readonly urls: { readonly ocpp: string; readonly api: string }
  /** Refuses new work, takes a last turn, closes. Events go on by themselves at the chargers. */
  stop(): Promise<void>
}

/**
 * Makes a bridge from its configuration and starts it: recovers from the journal, listens for chargers, then for signals, then for people. What was
 * opened is closed again if any of it fails. @throws StoreError, or the error of a port that is taken
 */
export async function createBridge(config: Config, overrides: Overrides = {}): Promise<BridgeProcess> {
  const closers: (() => unknown)[] = []
  let closing: Promise<void> | undefined
  const close = () => {
    closing ??= (async () => {
      const errors: unknown[] = []
      for (const closer of closers.reverse())
        try {
          await closer()
        } catch (error) {
          errors.push(error)
        }
      if (errors.length > 0) throw errors[0]
    })()
    return closing
  }
  try {
    return await assemble(config, overrides, closers, close)
  } catch (error) {
    await close().catch(() => undefined)
    throw error
  }
}

/** What the configuration says of the engine. */
export const engineOptions = ({ fleet, verification }: Pick<Config, 'fleet' | 'verification'>) => ({
  freshMs: fleet.staleAfterS * 1000,
  observeEveryMs: fleet.observeEveryS * 1000,
  graceMs: fleet.graceS * 1000,
  reviseAfterMs: verification.reviseAfterS * 1000,
})

async function assemble(
  config: Config,
  overrides: Overrides,
  closers: (() => unknown)[],
  close: () => Promise<void>,
): Promise<BridgeProcess> {
  const [
    { createEngine },
    { SEED_KEYS },
    { watchedWitnesses },
    { createOperations },
    { createApi },
    { errorLog },
    { logSources },
    { createNotices },
    { createAlarmNotices },
    { ocppLink, hashPassword, checkPassword },
  ] = await Promise.all([
    import('./engine.ts'),
    import('./engine/seeds.ts'),
    import('./engine/verifyingWeather.ts'),
    import('./operations/index.ts'),
    import('./api/server.ts'),
    import('./api/log.ts'),
    import('./api/sourceLog.ts'),
    import('./api/notices.ts'),
    import('./api/alarmNotices.ts'),
    import('../adapters/chargers/index.ts'),
  ])
  const dataDir = resolve(config.dataDir)
  const runtime = overrides.runtime ?? (await systemRuntime(closers))
  const store = overrides.store ?? (await sqliteStore(dataDir, config, runtime, closers))
  closers.push(() => store.close())
  const chargers =
    overrides.chargers ??
    ocppLink({
      ...ocppOptions(config),
      authorizeFor: charger => authorizeOf(config, engine.state(), charger),
      isEnrolled: charger => [...engine.state().enrolments.values()].some(basis => (basis[charger] ?? 0) !== 0),
    })
  const sources: ListeningSource[] = []
  for (const signal of config.signals) sources.push(await makeSignal(signal as SignalConfig, runtime))
  const witnesses = watchedWitnesses(store.witnesses)
  const engine: Engine = createEngine({
    runtime,
    journal: store.journal,
    meters: store.meters,
    registry: store.registry,
    chargers,
    signals: [programmes(() => engine, config), ...sources, ...(overrides.signals ?? [])],
    seedKey: store.seedKey,
    breathe,
    witnesses,
    tell: line => process.stderr.write(`${JSON.stringify({ at: new Date(runtime.now()).toISOString(), level: 'error', msg: line })}\n`),
    options: { ...engineOptions(config), seedKeys: SEED_KEYS },
  })
  const passwords = {
    hash: (password: string) => hashPassword(password, password.length >= RANDOM_KEY_CHARS ? 'sha256' : 'scrypt'),
    matches: (hash: string, password: string) => checkPassword(hash, Buffer.from(password)),
  }
  const operations = createOperations({
    engine,
    passwords,
    freshMs: config.fleet.staleAfterS * 1000,
    scrub: store.scrub,
    copies: store.copies,
    breathe,
    readings: { retention: config.meters, runtime, witnesses, configured: config.meters.witnesses },
  })
  const post: Pick<NoticesOptions, 'fetch' | 'wait'> = {
    fetch: (url, init) => fetch(url, { ...init, redirect: 'error', signal: AbortSignal.timeout(NOTICE_TIMEOUT_MS) }),
    wait: ms => new Promise(resolve => setTimeout(resolve, ms).unref()),
  }
  const notices = createNotices({
    engine,
    ...config.notices,
    reasonOf: operations.emergency.reasonOf,
    ...post,
  })
  const alarms = createAlarmNotices({ engine, endpoints: config.notices.endpoints, ...post })
  const cosigning = await cosigningOf(config, engine)
  const api = await createApi({
    engine,
    operations,
    notices,
    tokens: config.api.tokens,
    publicRegister: config.api.publicRegister,
    version: packageVersion(),
    ...(config.api.tls && { tls: { cert: readFileSync(config.api.tls.certFile), key: readFileSync(config.api.tls.keyFile) } }),
    logger: errorLog(line => process.stderr.write(`${line}\n`)),
    cosigning,
    checks: { ocpp: () => ocppCheck(portOf(chargers)), ...(cosigning && { witnesses: cosigning.check }) },
    awaited: (config.signals as readonly SignalConfig[]).flatMap(s => awaitedPeers(s).map(peer => ({ adapter: s.kind, peer }))),
  })
  closers.push(logSources(engine, line => process.stderr.write(`${line}\n`)))
  closers.push(() => notices.stop())
  closers.push(() => alarms.stop())
  closers.push(() => engine.stop())
  await engine.start()
  cosigning?.start()
  closers.push(() => cosigning?.stop())
  const secrets = createHmac('sha256', store.seedKey).update(JSON.stringify(config)).digest('hex')
  await recordWhenPossible(runtime, () => recordConfig(engine, describeConfig({ config, file: null, origins: new Map() }), secrets))
  keepEvidence(engine, runtime, config.retention, breathe)
  operations.readings.start()
  closers.push(() => operations.readings.stop())
  await followMeters(config, operations, closers)
  closers.push(() => api.close())
  await api.listen({ host: config.api.host, port: config.api.port })
  const [ocppPort, apiPort] = [portOf(chargers) ?? config.ocpp.port, (api.server.address() as AddressInfo).port]
  return {
    engine,
    operations,
    api,
    dataDir,
    ports: { ocpp: ocppPort, api: apiPort, webhook: sources.find(source => source.name === 'webhook')?.port?.() },
    urls: {
      ocpp: `${config.ocpp.tls ? 'wss' : 'ws'}://${reachable(config.ocpp.host)}:${ocppPort}`,
      api: `${config.api.tls ? 'https' : 'http'}://${reachable(config.api.host)}:${apiPort}`,
    },
    stop: close,
  }
}

const RECORD_AGAIN_MS = 60_000
/** On a full disk the bridge starts all the same, so that chargers can be let go. */
async function recordWhenPossible(runtime: Runtime, record: () => Promise<void>): Promise<void> {
  await record().catch((error: unknown) => {
    if (!isUnwritable(error)) throw error
    runtime.at('configuration', runtime.now() + RECORD_AGAIN_MS, () => recordWhenPossible(runtime, record))
  })
}

/** Undefined where nobody is asked to cosign; what witnesses cosigned before is then shown no more. */
async function cosigningOf({ witnesses }: Config, engine: Engine): Promise<Cosigning | undefined> {
  const { policyFile, quorumWithinS } = witnesses
  if (policyFile === undefined) {
    if (engine.registry.get(cosignedKey) !== undefined) await engine.registry.set(cosignedKey, null).catch(() => undefined)
    return undefined
  }
  const { createCosigning } = await import('./operations/cosign.ts')
  return createCosigning({
    engine,
    policy: readPolicy(policyFile),
    fetch: (url, init) => fetch(url, { ...init, redirect: 'error', signal: AbortSignal.timeout(NOTICE_TIMEOUT_MS) }),
    wait: ms => new Promise(resolve => setTimeout(resolve, ms).unref()),
    missingMs: quorumWithinS * 1000,
  })
}

function readPolicy(file: string): Policy {
  try {
    return atOnce(policyOf(readFileSync(file, 'utf8')))
  } catch (error) {
    const hint = 'lines "log VKEY", "witness NAME VKEY URL", "group NAME 2 A B C" and "quorum NAME" (C2SP tlog-policy)'
    throw new ConfigError([{ code: 'GB-1004', path: 'witnesses.policyFile', value: file, message: (error as Error).message, hint }])
  }
}

async function followMeters({ meters: { mqtt } }: Config, { witnesses }: Operations, closers: (() => unknown)[]): Promise<void> {
  if (mqtt === undefined) return
  const source = await makeWitnessSource(mqtt)
  closers.push(() => source.stop())
  await witnesses.follow(source)
}

/** The port listened on; undefined where the link does not listen, or not yet. */
function portOf(chargers: ChargerLink & { port?(): number }): number | undefined {
  try {
    return chargers.port?.()
  } catch {
    return undefined
  }
}
const ocppCheck = (port: number | undefined) => ({ ok: port !== undefined, detail: port === undefined ? 'not listening' : `port ${port}` })
/** An address that a program on this machine can call for one that is listened on. */
const reachable = (host: string): string => (host === '0.0.0.0' || host === '::' ? '127.0.0.1' : host.includes(':') ? `[${host}]` : host)

/** From this length on a password is a random key, as OCPP's security profiles 1 and 2 ask for (A00.FR.205: 16 or more), and needs no slow hash. */
const RANDOM_KEY_CHARS = 16

const NOTICE_TIMEOUT_MS = 10_000

/** Who may start a session at a charger: the strictest of the programmes that it is enrolled in, each by its own word or else by the bridge's. */
export function authorizeOf(
  { programmes, ocpp }: Pick<Config, 'programmes' | 'ocpp'>,
  { enrolments }: Pick<State, 'enrolments'>,
  charger: number,
): 'known' | 'all' {
  const own = programmes.filter(p => (enrolments.get(p.id)?.[charger] ?? 0) !== 0).map(p => p.authorize ?? ocpp.authorize)
  return own.length === 0 ? ocpp.authorize : own.includes('known') ? 'known' : 'all'
}

/** Declared as the first source of all, so that no event is judged before the programmes are known. Only what changed becomes a fact. */
function programmes(engine: () => Engine, config: Pick<Config, 'programmes' | 'bounds'>): SignalSource {
  let bounds: NetworkBounds | undefined
  return {
    name: 'configuration',
    async start() {
      const known = engine().state().programmes
      const changed = config.programmes.map(p => versioned(p, known.get(p.id))).filter(p => p !== undefined)
      if (changed.length > 0) await engine().handle(...changed.map(programme => ({ kind: 'programme', programme }) as const))
      bounds = (await import('./operations/networkBounds.ts')).createNetworkBounds(engine(), config.bounds)
      await bounds.start()
    },
    async stop() {
      bounds?.stop()
    },
  }
}
/** The next version of a programme; undefined where the present one says the same. Who may start a session is no matter of the plan. */
function versioned({ authorize: _, ...p }: ProgrammeConfig, present: Programme | undefined): Programme | undefined {
  const { version, ...was } = present ?? { version: 0 }
  const keys = new Set([...Object.keys(p), ...Object.keys(was)]) as Set<keyof typeof p>
  const same = present !== undefined && [...keys].every(key => isDeepStrictEqual(present[key], p[key]))
  return same ? undefined : { ...p, version: version + 1 }
}

async function systemRuntime(closers: (() => unknown)[]): Promise<Runtime> {
  const { createSystemRuntime } = await import('../adapters/runtime/system.ts')
  const runtime = createSystemRuntime()
  closers.push(() => runtime.close())
  return runtime
}
async function sqliteStore(dir: string, config: Config, runtime: Runtime, closers: (() => unknown)[]): Promise<Store> {
  const [{ openStore }, { holdFolder }, { knownCopies }] = await Promise.all([
    import('../adapters/stores/sqlite/open.ts'),
    import('../adapters/stores/sqlite/hold.ts'),
    import('../adapters/stores/sqlite/copies.ts'),
  ])
  closers.push(holdFolder(dir))
  const time = (ms: number | null): string | null => (ms === null ? null : new Date(ms).toISOString())
  return {
    ...openStore({ dir, origin: config.origin, runtime, secrets: secretsOf(config) }),
    copies: () => knownCopies(dir).map(({ madeMs, untilMs, ...copy }) => ({ ...copy, made: time(madeMs), until: time(untilMs) })),
  }
}

function ocppOptions({ ocpp, fleet }: Config) {
  const { tls, callTimeoutS, ...rest } = ocpp
  return {
    ...rest,
    sampleS: fleet.sampleS,
    callTimeoutMs: callTimeoutS * 1000,
    ...(tls === undefined
      ? {}
      : {
          tls: {
            cert: readFileSync(tls.certFile),
            key: readFileSync(tls.keyFile),
            ...(tls.clientCaFile === undefined ? {} : { ca: readFileSync(tls.clientCaFile) }),
          },
        }),
  }
}
