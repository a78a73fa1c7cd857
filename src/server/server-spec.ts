// From the options of `defineServer` to what the engine runs on: a supervisor with one service.
import { dirname, join } from 'node:path'
import type { SupervisorSpec } from '../config/effective.ts'
import type { OptionProblem } from '../config/program-options.ts'
import { HoldfastError } from '../errors/holdfast-error.ts'
import { DEFAULT_LOG_LEVEL, type LogLevel } from '../wire/log-level.ts'
import { embeddedRollout, inProcessProblems } from './in-process-options.ts'
import { readLogLevel } from './log-levels.ts'
import { isSameProgram } from './program-file.ts'
import { wrongOptions } from './refuse-options.ts'
import type { DynamicSettings, ServerOptions } from './server-options.ts'
import { serverServiceName } from './server-place.ts'
import { workerCommand } from './worker-command.ts'
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
  'initFile',
  'quiet',
  'logLevel',
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
  'logLevel',
] as const satisfies readonly (keyof DynamicSettings)[]

/** What `config()` returned, and the spec that follows from it. */
export interface EvaluatedOptions<Config> {
  readonly config: Config
  readonly spec: SupervisorSpec
  readonly logLevel: LogLevel
}

export interface CheckOptions {
  /** Look for users, programs and directories on this machine. Default true. */
  readonly host?: boolean
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
 * @throws HoldfastError HF_CONFIG_INVALID with all problems in `detail.problems`; whatever `config` throws
 */
export async function evaluateOptions<Config>(
  options: ServerOptions<Config>,
  program: string,
  environment: Readonly<Record<string, string | undefined>>,
  { host = true }: CheckOptions = {},
): Promise<EvaluatedOptions<Config>> {
  const wrong = await wrongOptions(options, { host })
  if (wrong.length > 0)
    throw invalid(options.name, [...wrong, ...(await problemsBeside(wrong, options, program, environment))])
  const { config: given } = options
  const config = (typeof given === 'function' ? await (given as () => Config | Promise<Config>)() : given) as Config
  requireHandable(config, options.name, options.workerType)
  const merged = { ...options, ...dynamicPart(config) } as ServerOptions<Config>
  const spec = await loadServerConfig(options.name, written(merged, program), program, environment, { host })
  const own = spec.services[options.name]
  const problems = own === undefined ? [] : inProcessProblems(merged as ServerOptions<never>, own)
  if (problems.length > 0) throw invalid(options.name, problems)
  const logLevel = logLevelOf(options.name, merged)
  return { config, logLevel, spec: { ...spec, configFile: configNameOf(program, options.name) } }
}

function logLevelOf<Config>(name: string, { logLevel = DEFAULT_LOG_LEVEL }: ServerOptions<Config>): LogLevel {
  try {
    return readLogLevel(logLevel)
  } catch (error) {
    if (!(error instanceof HoldfastError)) throw error
    throw invalid(name, [{ path: 'logLevel', message: error.message, hint: error.hint }])
  }
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
  return result.spec
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
  return allProblems(await loadConfigObject(written(sound, program), dirname(program), environment))
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
  const { name, workers = 1, sockets = {} } = options
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
    command: workerCommand(options, program),
    instances: workers,
    sockets: Object.keys(sockets),
  }
  // Several servers of one program share its directory of logs.
  const stateDir = join(options.logDir ?? 'log', `${name}.state`)
  return { name, stateDir, ...kept(OF_THE_SUPERVISOR), defaults: defaultsOf(options), services: { [name]: service } }
}

/** Of the service, where the program does not say otherwise. */
function defaultsOf({ workerType = 'process', commandSender = 'signal' }: ServerOptions): Record<string, unknown> {
  // Node's own flags (--env-file, --import) are relative to where the program was started.
  if (workerType === 'process') return { ready: 'notify', reload: { signal: 'HUP' }, cwd: process.cwd() }
  if (workerType !== 'spawn') return { ready: 'notify', reload: { signal: 'HUP' } }
  if (commandSender === 'signal') return {}
  return { stdin: 'commands', reload: { signal: 'USR2' }, stop: { signals: ['TERM', 'QUIT', 'KILL'] } }
}

function invalid(name: string, problems: readonly OptionProblem[]): HoldfastError {
  const lines = problems.map(({ path, message, hint }) => {
    const key = path
      .replace(`services.${name}.instances`, 'workers')
      .replace(`services.${name}.`, '')
      .replace(`services.${serverServiceName(name)}.`, 'serverProcess.')
      .replace('serverProcess.slots', 'slots')
    return `  ${key === '' ? '' : `${key}: `}${message}${hint === '' ? '' : `\n    ${hint}`}`
  })
  const file = `the options of server "${name}"`
  return new HoldfastError('HF_CONFIG_INVALID', { count: problems.length, file, problems: lines.join('\n') })
}
