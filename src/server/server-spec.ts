// From the options of `defineServer` to what the engine runs on: a supervisor with one service.
import { dirname, join } from 'node:path'
import type { SupervisorSpec } from '../config/effective.ts'
import type { OptionProblem } from '../config/problem.ts'
import { HoldfastError } from '../errors/holdfast-error.ts'
import type { LogRotation } from '../logs/rotating-file.ts'
import { DEFAULT_LOG_LEVEL, type LogLevel } from '../wire/log-level.ts'
import { callHook, type HookWatch } from './hook-failure.ts'
import { embeddedRollout, inProcessProblems } from './in-process-options.ts'
import { readLogLevel } from './log-levels.ts'
import { isSameProgram } from './program-file.ts'
import { invalidOptions, wrongOptions } from './refuse-options.ts'
import type { DynamicSettings, ServerOptions } from './server-options.ts'
import { serverServiceName } from './server-place.ts'
import { forkserverConfig, workerCommand } from './worker-command.ts'
import { requireHandable } from './worker-config.ts'

/** Keys of `ServerOptions` that mean something to the server alone. */
const OF_THE_SERVER = [
  'name',
  'workers',
  'workerType',
  'config',
  'server',
  'worker',
  'command',
  'signals',
  'orphans',
  'pidFile',
  'daemonizeErrorExitCode',
  'supervised',
  'slots',
  'serverProcess',
  'upgrade',
  'titles',
  'commandSender',
  'forkserver',
  'initFile',
  'quiet',
  'logLevel',
  'logRotation',
] as const satisfies readonly (keyof ServerOptions)[]

const OF_THE_SUPERVISOR = [
  'runtimeDir',
  'logDir',
  'stateDir',
  'control',
  'sockets',
] as const satisfies readonly (keyof ServerOptions)[]

const DYNAMIC = [
  'workers',
  'startTimeout',
  'heartbeat',
  'requestTimeout',
  'restart',
  'pace',
  'earlyDeath',
  'stop',
  'rollout',
  'env',
  'nice',
  'umask',
  'stdout',
  'stderr',
  'logLevel',
  'logRotation',
] as const satisfies readonly (keyof DynamicSettings)[]

/** What `config()` returned, and the spec that follows from it. */
export interface EvaluatedOptions<Config> {
  readonly config: Config
  readonly spec: SupervisorSpec
  readonly logLevel: LogLevel
  readonly logRotation: LogRotation
}

export interface CheckOptions {
  /** What for: said where `config` throws. Default `start`. */
  readonly when?: 'start' | 'reload'
  /** Look for users, programs and directories on this machine. Default true. */
  readonly host?: boolean
  readonly onHook?: HookWatch | undefined
}

/** What stands for the config of a server: the program, and which of its servers. */
export function configNameOf(program: string, name: string): string {
  return `${program}#${name}`
}

/** Whether a config of that name is this server's. */
export function isConfigOf(config: string | null, program: string, name: string): boolean {
  const end = `#${name}`
  return config?.endsWith(end) === true && isSameProgram(config.slice(0, -end.length), program)
}

/**
 * Evaluates `config` and checks everything.
 * @throws HoldfastError HF_CONFIG_INVALID with all problems in `detail.problems`; HF_HOOK_FAILED where `config` throws
 */
export async function evaluateOptions<Config>(
  options: ServerOptions<Config>,
  program: string,
  environment: Readonly<Record<string, string | undefined>>,
  { host = true, when = 'start', onHook }: CheckOptions = {},
): Promise<EvaluatedOptions<Config>> {
  await refuseWhatCanNotBe(options, program, environment, { host })
  const { config: given } = options
  const evaluate = given as () => Config | Promise<Config>
  const config =
    typeof given === 'function'
      ? await callHook('config', { when, startTimeout: options.startTimeout, onHook }, () => evaluate())
      : (given as Config)
  requireHandable(config, options.name, options.workerType)
  const merged = { ...options, ...dynamicPart(config) } as ServerOptions<Config>
  const spec = await loadServerConfig(options.name, written(merged, program), program, environment, { host })
  const own = spec.services[options.name]
  const problems = own === undefined ? [] : inProcessProblems(merged as ServerOptions<never>, own)
  if (problems.length > 0) throw invalid(options.name, problems)
  const logLevel = logLevelOf(options.name, merged)
  const logRotation = await logRotationOf(options.name, merged)
  return { config, logLevel, logRotation, spec: { ...spec, configFile: configNameOf(program, options.name) } }
}

function logLevelOf<Config>(name: string, { logLevel = DEFAULT_LOG_LEVEL }: ServerOptions<Config>): LogLevel {
  try {
    return readLogLevel(logLevel)
  } catch (error) {
    if (!(error instanceof HoldfastError)) throw error
    throw invalid(name, [{ path: 'logLevel', message: error.message, hint: error.hint }])
  }
}

async function logRotationOf<Config>(name: string, { logRotation }: ServerOptions<Config>): Promise<LogRotation> {
  const { readLogRotation } = await import('../config/load.ts')
  const { rotation, problems } = readLogRotation(logRotation)
  if (problems.length > 0) throw invalid(name, problems)
  return rotation
}

/** @throws HoldfastError HF_CONFIG_INVALID with all problems in `detail.problems` */
export async function loadServerConfig(
  name: string,
  config: Record<string, unknown>,
  program: string,
  environment: Readonly<Record<string, string | undefined>>,
  { host = true }: CheckOptions = {},
): Promise<SupervisorSpec> {
  const { allProblems, checkServices, loadConfigObject } = await import('../config/load.ts')
  const result = await loadConfigObject(config, dirname(program), environment)
  const problems = allProblems(result, (spec) => (host ? checkServices(spec, environment) : []))
  if (!result.ok || problems.length > 0) throw invalid(name, problems)
  return withWorkersEnvironment(result.spec)
}

/** What the program loads finds the variables of the workers: in workers that are not forked, it is they who load it. */
function withWorkersEnvironment(spec: SupervisorSpec): SupervisorSpec {
  const services = Object.entries(spec.services).map(([name, service]) => {
    const { forkserver, env } = service
    return [name, forkserver === null ? service : { ...service, forkserver: { ...forkserver, env } }] as const
  })
  const forkservers = services.flatMap(([, { forkserver }]) =>
    forkserver === null ? [] : [[forkserver.name, forkserver]],
  )
  return { ...spec, services: Object.fromEntries(services), forkservers: Object.fromEntries(forkservers) }
}

/** @throws HoldfastError HF_CONFIG_INVALID with all problems in `detail.problems`, but for those of what `config` returns */
export async function refuseWhatCanNotBe<Config>(
  options: ServerOptions<Config>,
  program: string,
  environment: Readonly<Record<string, string | undefined>>,
  { host = true }: CheckOptions = {},
): Promise<void> {
  const wrong = await wrongOptions(options, program, { host })
  if (wrong.length > 0)
    throw invalidOptions(options?.name, [...wrong, ...(await problemsBeside(wrong, options, program, environment))])
}

/** What is wrong with the keys of the config file, where something else is wrong as well: both are told at once. */
async function problemsBeside<Config>(
  wrong: readonly OptionProblem[],
  options: ServerOptions<Config>,
  program: string,
  environment: Readonly<Record<string, string | undefined>>,
): Promise<readonly OptionProblem[]> {
  const refused = new Set(wrong.map(({ path }) => path.split(/[.[]/, 1)[0]))
  if (refused.has('name') || refused.has('')) return []
  const isSound = (key: string): boolean => !refused.has(key) && (key === 'workers' || !isOneOf(OF_THE_SERVER, key))
  const kept = Object.entries(options).filter(([key]) => isSound(key))
  const sound = {
    name: options.name,
    workerType: 'spawn',
    command: 'true',
    ...Object.fromEntries(kept),
  } as ServerOptions
  const { allProblems, loadConfigObject } = await import('../config/load.ts')
  return named(
    options.name,
    allProblems(await loadConfigObject(written(sound, program), dirname(program), environment)),
  )
}

function isOneOf(keys: readonly string[], key: string): boolean {
  return keys.includes(key)
}

function dynamicPart(config: unknown): DynamicSettings {
  if (typeof config !== 'object' || config === null) return {}
  const known = DYNAMIC.filter((key) => (config as Record<string, unknown>)[key] !== undefined)
  return Object.fromEntries(known.map((key) => [key, (config as Record<string, unknown>)[key]])) as DynamicSettings
}

/** As it would stand in a config file. A key that nobody knows is left to the service, where it is refused. */
function written(options: ServerOptions, program: string): Record<string, unknown> {
  const { name, workers = 1 } = options
  const forks = options.workerType === 'fork'
  const kept = (keys: readonly string[]) =>
    Object.fromEntries(Object.entries(options).filter(([key, value]) => keys.includes(key) && value !== undefined))
  const others = Object.fromEntries(
    Object.entries(options).filter(
      ([key, value]) => value !== undefined && !isOneOf([...OF_THE_SERVER, ...OF_THE_SUPERVISOR], key),
    ),
  )
  const service = {
    ...others,
    ...embeddedRollout(options),
    ...(forks ? { forkserver: name } : { command: workerCommand(options, program) }),
    instances: workers,
    sockets: Object.keys(options.sockets ?? {}),
  }
  // Several servers of one program share its directory of logs.
  const stateDir = join(options.logDir ?? 'log', `${name}.state`)
  return {
    name,
    stateDir,
    ...kept(OF_THE_SUPERVISOR),
    defaults: defaultsOf(options),
    ...(forks ? { forkservers: { [name]: forkserverConfig(options) } } : {}),
    services: { [name]: service },
  }
}

/**
 * The kernel shares the cores out among sessions, not processes (sched_autogroup(7), where no cgroup does it). The workers of a
 * server are one program: in sessions of their own two of them took a client on the same machine 7 % of the requests.
 */
const IN_THE_SESSION_OF_THE_SERVER = { session: 'group' } as const

/** Of the service, where the program does not say otherwise. */
function defaultsOf({ workerType = 'process', commandSender = 'signal' }: ServerOptions): Record<string, unknown> {
  const inside = { ready: 'notify', reload: { signal: 'HUP' } }
  // Node's own flags (--env-file, --import) are relative to where the program was started.
  if (workerType === 'process' || workerType === 'fork')
    return { ...inside, ...IN_THE_SESSION_OF_THE_SERVER, cwd: process.cwd() }
  if (workerType !== 'spawn') return inside
  if (commandSender === 'signal') return IN_THE_SESSION_OF_THE_SERVER
  const words = { stdin: 'commands', reload: { signal: 'USR2' }, stop: { signals: ['TERM', 'QUIT', 'KILL'] } }
  return { ...words, ...IN_THE_SESSION_OF_THE_SERVER }
}

function invalid(name: string, problems: readonly OptionProblem[]): HoldfastError {
  return invalidOptions(name, named(name, problems))
}

/** With the paths that they have among the options. */
function named(name: string, problems: readonly OptionProblem[]): readonly OptionProblem[] {
  return problems.map(({ path, message, hint }) => ({ path: optionPath(name, path), message, hint }))
}

function optionPath(name: string, path: string): string {
  const servers = `services.${serverServiceName(name)}.`
  if (path.startsWith(`${servers}slots`)) return path.slice(servers.length)
  if (path.startsWith(servers)) return `serverProcess.${path.slice(servers.length)}`
  if (path.startsWith('forkservers.')) return path.replace(`forkservers.${name}.`, 'forkserver.')
  return path.replace(`services.${name}.instances`, 'workers').replace(`services.${name}.`, '')
}
