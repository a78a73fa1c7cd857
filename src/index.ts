// The package's entry: the engine for programs that embed it.
import type { Problem } from './config/problem.ts'
import { HoldfastError } from './errors/holdfast-error.ts'
import type { Engine } from './supervisor/engine-api.ts'

export type { Problem } from './config/problem.ts'
export { HoldfastError } from './errors/holdfast-error.ts'
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
export { createLogger, type Logger, type LoggerOptions, type LogLevel } from './server/logger.ts'
export type { RunningServer } from './server/running-server.ts'
export type { ServerHooks, WorkerEnd, WorkerEvent } from './server/server-hooks.ts'
export type { DynamicSettings, ServerOptions, ServerSettings, WorkerType } from './server/server-options.ts'
export type { WorkerContext, WorkerDefinition, WorkerStart } from './server/worker-definition.ts'
export type {
  ApplyReport,
  JournalEntry,
  LogLine,
  OperationOutcome,
  OperationRequest,
  Progress,
  ServiceOutcome,
  WhyReport,
} from './supervisor/engine-api.ts'
export type { ServiceReport, StatusReport, WorkerReport } from './supervisor/status-report.ts'

/** An engine in your own process. Its methods are those that the command line uses. */
export interface Supervisor extends Omit<Engine, 'apply' | 'serviceLogs' | 'tell'> {
  /** Converges to another config; touches only what changed. @throws HoldfastError */
  apply(config: unknown, options?: { dryRun?: boolean; replace?: boolean }): ReturnType<Engine['apply']>
}

export interface SupervisorOptions {
  /** What relative paths in the config are relative to, and the default `cwd`. Default: the current directory. */
  readonly directory?: string
  /** What services inherit, and `\${NAME}` in the config is replaced from. Default: `process.env`. */
  readonly environment?: Readonly<Record<string, string | undefined>>
  /** Called when the engine went down by its own decision (`restart.stopAllOnUnrecoverable`). */
  readonly onDown?: (why: string) => void
}

/** The config is not valid: each error with its path. */
export class ConfigError extends HoldfastError {
  readonly problems: readonly Problem[]

  constructor(problems: readonly Problem[]) {
    super('HF_CONFIG_INVALID', { count: problems.length, file: 'the config' })
    this.problems = problems
  }
}

/**
 * Starts an engine from a config object with the keys of `holdfast.yaml`. It is a guest in your process: no signal handlers,
 * no change of umask or directory, no exit.
 * @throws ConfigError, and HoldfastError when sockets, directories or the lock can not be had
 */
export async function createSupervisor(config: unknown, options: SupervisorOptions = {}): Promise<Supervisor> {
  const { directory = process.cwd(), environment = process.env, onDown } = options
  const { openEngine } = await import('./server/server-bundle.ts')
  const host = { ownsProcess: false, environment: { ...environment }, ...(onDown === undefined ? {} : { onDown }) }
  const engine = await openEngine(await read(config), host)
  return {
    get spec() {
      return engine.spec
    },
    journalFile: engine.journalFile,
    settled: () => engine.settled(),
    status: (query) => engine.status(query),
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
