// From the files' settings to the effective spec: names and directories, sockets, services, and what must hold between them.
import { join } from 'node:path'
import { checkForkserver } from './check-forkservers.ts'
import { checkLocks } from './check-locks.ts'
import { checkService, warnEndlessExits } from './check-services.ts'
import { checkSockets, isTooLongForSocket, LONGEST_SOCKET_PATH, warnSharing } from './check-sockets.ts'
import type { ConfigFile, FileSettings } from './config-file.ts'
import { collectDeclared, type Declared, type DeclaredSocket } from './declared.ts'
import { findCircles } from './dependency-circles.ts'
import type { ControlSpec, ForkserverSpec, ServiceSpec, SocketSpec, SupervisorSpec } from './effective.ts'
import { environmentFileReader } from './environment-file.ts'
import { type Findings, type Standing, standing } from './findings.ts'
import { withDefaults } from './read-table.ts'
import { resolveForkserver } from './resolve-forkserver.ts'
import { resolveService } from './resolve-service.ts'
import { defaultName, defaultRuntimeDir } from './runtime-base.ts'
import { socketSettings } from './settings/socket.ts'
import { controlSettings } from './settings/supervisor.ts'
import { hasPath, type SourceFile } from './source-file.ts'
import type { Environment } from './substitute.ts'

export interface AssembleOptions {
  /** Real path of the main file; null for a program's own config. */
  readonly configFile: string | null
  /** What relative paths are relative to, and the default `cwd`. */
  readonly directory: string
  readonly environment: Environment
  readonly uid: number
}

/** The spec; meaningless when `findings` has errors. */
export function assemble(
  files: readonly [ConfigFile, ...ConfigFile[]],
  options: AssembleOptions,
  findings: Findings,
): SupervisorSpec {
  const [main] = files
  const declared = collectDeclared(files, findings)
  const sockets = resolveSockets(declared)
  const directories = resolveDirectories(main.settings, options)
  const forkservers = resolveForkservers(declared, options, findings)
  const services = resolveServices(declared, forkservers, options, directories.stateDir, findings)
  checkSockets(declared, sockets, findings)
  warnSharing(declared, services, sockets, findings)
  reportCircles(declared, findings)
  if (declared.services.size === 0) {
    findings.warn(
      standing(main.source, ['services'], []),
      'key',
      'there is nothing to run',
      'Declare something under services.',
    )
  }
  const control = resolveControl(main.settings, directories.runtimeDir)
  checkControlSocket(control.socket, main.source, findings)
  return {
    configFile: options.configFile,
    ...directories,
    control,
    sockets: Object.fromEntries(sockets),
    forkservers: Object.fromEntries(forkservers),
    services: Object.fromEntries(services),
  }
}

function resolveDirectories(given: FileSettings, { configFile, directory, environment, uid }: AssembleOptions) {
  const name = given.name ?? defaultName(configFile ?? join(directory, 'config'))
  const logDir = given.logDir ?? join(directory, 'log')
  return {
    name,
    runtimeDir: given.runtimeDir ?? defaultRuntimeDir(environment, uid, name),
    logDir,
    stateDir: given.stateDir ?? logDir,
  }
}

function resolveControl(given: FileSettings, runtimeDir: string): ControlSpec {
  const { socket, mode, allow } = withDefaults(controlSettings, given.control ?? {})
  return {
    socket: socket ?? join(runtimeDir, 'holdfast.sock'),
    mode: mode ?? (allow.length > 0 ? 0o666 : 0o600),
    allow,
  }
}

function resolveSockets({ sockets }: Declared): ReadonlyMap<string, SocketSpec> {
  const specs = new Map<string, SocketSpec>()
  for (const socket of sockets.values()) {
    const spec = resolveSocket(socket)
    if (spec !== null) specs.set(socket.name, spec)
  }
  return specs
}

function resolveSocket({ name, settings }: DeclaredSocket): SocketSpec | null {
  const { listen, queues: _, ...rest } = withDefaults(socketSettings, settings)
  return listen === undefined ? null : { name, listen, ...rest }
}

function resolveForkservers(
  { forkservers }: Declared,
  { directory }: AssembleOptions,
  findings: Findings,
): ReadonlyMap<string, ForkserverSpec> {
  const specs = new Map<string, ForkserverSpec>()
  for (const declared of forkservers.values()) {
    const spec = resolveForkserver(declared, directory)
    specs.set(declared.name, spec)
    checkForkserver(declared, spec, findings)
  }
  return specs
}

function resolveServices(
  declared: Declared,
  forkservers: ReadonlyMap<string, ForkserverSpec>,
  { directory }: AssembleOptions,
  stateDir: string,
  findings: Findings,
): ReadonlyMap<string, ServiceSpec> {
  const specs = new Map<string, ServiceSpec>()
  const readEnvironmentFiles = environmentFileReader(findings)
  const lockDirectory = (lock: string | null, service: string): string =>
    (lock === null ? undefined : declared.locks.get(lock)?.directory) ?? join(stateDir, 'locks', lock ?? service)
  for (const service of declared.services.values()) {
    const forkserver = (name: string): ForkserverSpec | null => forkservers.get(name) ?? null
    const spec = resolveService(service, { directory, readEnvironmentFiles, forkserver, lockDirectory })
    specs.set(service.name, spec)
    checkService(service, spec, declared, findings)
  }
  for (const service of declared.services.values()) warnEndlessExits(service, specs, findings)
  checkLocks(declared, specs, findings)
  return specs
}

function reportCircles({ services }: Declared, findings: Findings): void {
  const needs = (name: string) => Object.keys(services.get(name)?.settings.dependsOn ?? {})
  for (const circle of findCircles([...services.keys()], needs)) {
    const [first = '', second = ''] = circle
    const where = services.get(first)?.at('dependsOn', second)
    const detail = {
      what: 'services depend on each other',
      circle: circle.join(' → '),
      mend: 'Take one of the dependencies out.',
    }
    if (where !== undefined) findings.error(where, 'key', 'HF_CONFIG_CYCLE', detail)
  }
}

/** The path comes from `control.socket`, `runtimeDir` or `name`, or from the environment. */
function checkControlSocket(path: string, main: SourceFile, findings: Findings): void {
  if (!isTooLongForSocket(path)) return
  const candidates = [['control', 'socket'], ['runtimeDir'], ['name']]
  const key = candidates.find((candidate) => hasPath(main, candidate)) ?? []
  const where: Standing = { source: main, path: key, standsAt: key }
  const problem = `the path of the control socket has ${Buffer.byteLength(path)} bytes, more than ${LONGEST_SOCKET_PATH}: ${path}`
  findings.error(where, 'value', 'HF_CONFIG_VALUE', { problem, mend: 'Set runtimeDir to a shorter directory.' })
}
