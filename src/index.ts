// The package's entry: the engine for programs that embed it.
import type { Problem } from './config/problem.ts'
import type { SupervisorConfig } from './config/settings/supervisor.ts'
import { HoldfastError } from './errors/holdfast-error.ts'
import type { ApplyReport, Engine, OperationOutcome } from './supervisor/engine-api.ts'

export type { Problem } from './config/problem.ts'
export type { SupervisorConfig } from './config/settings/supervisor.ts'
export { type ErrorDetail, HoldfastError } from './errors/holdfast-error.ts'
export type { ErrorCode } from './errors/table.ts'
export { BlockingFlag, type FlagWaitOptions, type TransferredFlag } from './server/blocking-flag.ts'
export { defineServer, type Server } from './server/define-server.ts'
export type {
  ListenTcpOptions,
  ListenUdpOptions,
  ListenUnixOptions,
  SocketOnDemand,
  UnixSocketOnDemand,
} from './server/listen-on-demand.ts'
export { createLogger, type Logger, type LoggerOptions, type LogLevel, type LogLevelChoice } from './server/logger.ts'
export type { ProgramCommand } from './server/program-command.ts'
export type { RunningServer } from './server/running-server.ts'
export type { ServerHooks, WorkerEnd, WorkerEvent } from './server/server-hooks.ts'
export type {
  DynamicSettings,
  ForkserverSettings,
  InitFileOptions,
  LogRotationSettings,
  ServerOptions,
  ServerProcessSettings,
  ServerSettings,
  TitleSettings,
  UpgradeSettings,
  WorkerType,
} from './server/server-options.ts'
export type { OwnSignalMap, ServerAction, SignalFunction, SignalMapName, SignalStep } from './server/signal-maps.ts'
export type { WorkerContext, WorkerDefinition, WorkerStart } from './server/worker-definition.ts'
export type {
  ApplyChange,
  ApplyReport,
  JournalEntry,
  LogLine,
  OperationOutcome,
  OperationRequest,
  OperationVerb,
  Progress,
  ServiceOutcome,
  StatusQuery,
  WhyReport,
} from './supervisor/engine-api.ts'
export type {
  ExitReport,
  ForkserverReport,
  LockReport,
  OtherForkserverReport,
  OtherProcessReport,
  RolloutStateName,
  ServiceReport,
  ServiceStateName,
  SocketReport,
  StatusReport,
  WorkerReport,
  WorkerStateName,
} from './supervisor/status-report.ts'

/**
 * An engine in your own process. Its methods are those that the command line uses.
 * @example
 * ```ts
 * import { createSupervisor } from 'holdfast'
 *
 * const services = { web: { command: ['node', 'server.mjs'], instances: 2 } }
 * const supervisor = await createSupervisor({ runtimeDir: '/tmp/shop', services })
 * const forget = supervisor.onEvent(({ worker, to, reason }) => console.log(worker, to, reason))
 * await supervisor.operate({ verb: 'restart', targets: ['web'] })
 * for (const { worker, sentence } of (await supervisor.why('web')).answers) console.log(worker, sentence)
 * await supervisor.apply({ runtimeDir: '/tmp/shop', services: { web: { ...services.web, instances: 4 } } })
 * forget()
 * await supervisor.down()
 * ```
 */
export interface Supervisor extends Omit<Engine, 'apply' | 'down' | 'serviceLogs' | 'spec' | 'tell' | 'letGo'> {
  /** Converges to another config; touches only what changed. @throws ConfigError; HoldfastError when nothing was changed */
  apply(config: SupervisorConfig, options?: { dryRun?: boolean; replace?: boolean }): Promise<ApplyReport>
  /**
   * Stops every service in reverse dependency order, then closes everything. A second call hurries.
   * With `immediate` workers are killed instead of asked; `longer` (milliseconds): than their ladders say.
   */
  down(options?: { immediate?: boolean; longer?: number }): Promise<OperationOutcome>
}

/**
 * What an engine takes from the program that it is in.
 * @example
 * ```ts
 * import { createSupervisor, type SupervisorOptions } from 'holdfast'
 *
 * const options: SupervisorOptions = {
 *   directory: import.meta.dirname,
 *   environment: { PATH: process.env.PATH },
 *   onDown: (why) => console.error(why),
 * }
 * const supervisor = await createSupervisor({ runtimeDir: '/tmp/shop', services: { web: { command: './web' } } }, options)
 * await supervisor.down()
 * ```
 */
export interface SupervisorOptions {
  /** What relative paths in the config are relative to, and the default `cwd`. Default: the current directory. */
  readonly directory?: string
  /** What services inherit, and `\${NAME}` in the config is replaced from. Default: `process.env`. */
  readonly environment?: Readonly<Record<string, string | undefined>>
  /** Called when the engine went down by its own decision (`restart.stopAllOnUnrecoverable`). */
  readonly onDown?: (why: string) => void
}

/**
 * The config is not valid: each error with its path.
 * @example
 * ```ts
 * import { readFileSync } from 'node:fs'
 * import { ConfigError, createSupervisor } from 'holdfast'
 *
 * try {
 *   await createSupervisor(JSON.parse(readFileSync('holdfast.json', 'utf8')))
 * } catch (error) {
 *   if (!(error instanceof ConfigError)) throw error
 *   for (const { path, message, hint } of error.problems) console.error(`${path}: ${message} ${hint}`)
 * }
 * ```
 */
export class ConfigError extends HoldfastError {
  /** Not each HoldfastError is one, as its own way to tell would have it. */
  static override [Symbol.hasInstance](value: unknown): boolean {
    return value instanceof HoldfastError && value.code === 'HF_CONFIG_INVALID' && 'problems' in value
  }

  /** All of them. */
  readonly problems: readonly Problem[]

  /** Made by Holdfast. */
  constructor(problems: readonly Problem[]) {
    super('HF_CONFIG_INVALID', { count: problems.length, file: 'the config' })
    this.problems = problems
  }
}

/**
 * Starts an engine from a config object with the keys of `holdfast.yaml`. It is a guest in your process: no signal handlers,
 * no change of umask or directory, no exit.
 * @throws ConfigError; HoldfastError when sockets, directories or the lock can not be had
 * @example
 * ```ts
 * import { createSupervisor } from 'holdfast'
 *
 * const supervisor = await createSupervisor({
 *   runtimeDir: '/tmp/shop',
 *   sockets: { http: 'tcp://127.0.0.1:0' },
 *   services: { web: { command: ['node', 'server.mjs'], instances: 2, sockets: ['http'], ready: 'notify' } },
 * })
 * await supervisor.settled()
 * console.log(supervisor.status().sockets[0]?.listen)
 * await supervisor.down()
 * ```
 */
export async function createSupervisor(config: SupervisorConfig, options: SupervisorOptions = {}): Promise<Supervisor> {
  const { directory = process.cwd(), environment = process.env, onDown } = options
  const { openEngine } = await import('./server/server-bundle.ts')
  const host = { ownsProcess: false, environment: { ...environment }, ...(onDown === undefined ? {} : { onDown }) }
  const engine = await openEngine(await read(config), host)
  return {
    journalFile: engine.journalFile,
    settled: () => engine.settled(),
    status: (query) => engine.status(query),
    lookAtLocks: () => engine.lookAtLocks(),
    operate: (request, onProgress) => engine.operate(request, onProgress),
    apply: async (changed, how) => engine.apply(await read(changed), how),
    why: (target) => engine.why(target),
    down: (how) => engine.down(how),
    onEvent: (listener) => engine.onEvent(listener),
    onLine: (services, listener) => engine.onLine(services, listener),
    journalWritten: () => engine.journalWritten(),
    logFile: (service) => engine.logFile(service),
    resolve: (targets) => engine.resolve(targets),
    reopenLogs: () => engine.reopenLogs(),
    checkRuntime: () => engine.checkRuntime(),
    dump: (target) => engine.dump(target),
  }

  async function read(value: unknown) {
    const { allProblems, checkServices, loadConfigObject } = await import('./config/load.ts')
    const result = await loadConfigObject(value, directory, environment)
    const problems = allProblems(result, (spec) => checkServices(spec, environment))
    if (!result.ok || problems.length > 0) throw new ConfigError(problems)
    return result.spec
  }
}
