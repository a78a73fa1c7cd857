// What a config needs of the machine it is to run on: users, programs, directories, free addresses. Changes nothing.
import { accessSync, constants, readFileSync, type Stats, statSync } from 'node:fs'
import { dirname } from 'node:path'
import { findCommand } from '../os/command-path.ts'
import { closeListener, openListener } from '../os/listen.ts'
import { OsError } from '../os/os-error.ts'
import { lookupGroup, lookupUser } from '../os/users.ts'
import type { ServiceSpec, SocketSpec, SupervisorSpec } from './effective.ts'
import type { Problem } from './problem.ts'
import { problemInSpec } from './spec-places.ts'
import type { Environment } from './substitute.ts'
import type { Path } from './value-type.ts'
import { formatListenAddress } from './values/listen-address.ts'

export interface HostCheckOptions {
  /** Where PATH comes from, and whether sockets are inherited. Default: that of this process. */
  readonly environment?: Environment
  /** Try whether the sockets' addresses are free. Default: only while no supervisor of ours has them. */
  readonly addresses?: boolean
}

/**
 * What the services need of this machine, without the directories and addresses of the supervisor itself, which tells of
 * those when it makes them.
 */
export function checkServices(spec: SupervisorSpec, environment: Environment = process.env): Problem[] {
  const problems: Problem[] = []
  const report: Report = (path, problem, mend) => {
    problems.push(problemInSpec(spec, path, { code: 'HF_CONFIG_HOST', detail: { problem, mend } }))
  }
  for (const service of Object.values(spec.services)) checkService(service, environment, report)
  for (const [index, user] of spec.control.allow.entries()) checkUser(user, ['control', 'allow', index], report)
  return problems
}

/** Looks at the machine; everything that would keep a service from starting, with its place in the config. */
export function checkHost(spec: SupervisorSpec, options: HostCheckOptions = {}): Problem[] {
  const environment = options.environment ?? process.env
  const problems = checkServices(spec, environment)
  const report: Report = (path, problem, mend) => {
    problems.push(problemInSpec(spec, path, { code: 'HF_CONFIG_HOST', detail: { problem, mend } }))
  }
  checkSupervisorDirectories(spec, report)
  const addresses = options.addresses ?? !(isListening(spec.control.socket) || inheritsSockets(environment))
  for (const socket of Object.values(spec.sockets)) checkSocket(socket, addresses, report)
  return problems
}

type Report = (path: Path, problem: string, mend: string) => void

function checkService(service: ServiceSpec, environment: Environment, report: Report): void {
  const path = ['services', service.name]
  if (service.user !== null && checkUser(service.user, [...path, 'user'], report))
    checkMayBecome(service.user, [...path, 'user'], report)
  if (service.group !== null) checkGroup(service.group, [...path, 'group'], report)
  const problem = directoryProblem(service.cwd, constants.X_OK)
  if (problem !== null) report([...path, 'cwd'], `working directory ${service.cwd}: ${problem}`, 'Make it, or set cwd.')
  else checkCommands(service, environment, report)
  for (const stream of ['stdout', 'stderr'] as const) {
    const output = service[stream]
    if (typeof output === 'object') checkWritable(dirname(output.file), [...path, stream], report)
  }
}

function checkCommands(service: ServiceSpec, environment: Environment, report: Report): void {
  const path = ['services', service.name]
  checkCommand(service.command, [...path, 'command'], service, environment, report)
  if (service.ready.by === 'exec')
    checkCommand(service.ready.command, [...path, 'ready', 'exec'], service, environment, report)
  if (service.reload.by === 'command')
    checkCommand(service.reload.command, [...path, 'reload', 'command'], service, environment, report)
  if (service.stop.command !== null)
    checkCommand(service.stop.command, [...path, 'stop', 'command'], service, environment, report)
}

function checkCommand(
  command: readonly string[],
  path: Path,
  { env, cwd }: ServiceSpec,
  environment: Environment,
  report: Report,
): void {
  const program = command[0] ?? ''
  try {
    findCommand(program, env.PATH ?? environment.PATH, cwd)
  } catch (error) {
    if (!(error instanceof OsError)) throw error
    const isMissing = error.code === 'ENOENT'
    const mend = isMissing
      ? `Install it, or give its path; a relative one is taken from ${cwd}.`
      : 'Make it executable: chmod +x.'
    report(
      path,
      isMissing ? `command not found: ${program}` : `command cannot be run: ${program}: ${error.problem}`,
      mend,
    )
  }
}

function checkUser(user: string, path: Path, report: Report): boolean {
  if (lookupUser(user) !== null) return true
  report(path, `there is no user ${user}`, 'Make the user, or correct the name.')
  return false
}

function checkGroup(group: string, path: Path, report: Report): void {
  if (lookupGroup(group) === null) report(path, `there is no group ${group}`, 'Make the group, or correct the name.')
}

function checkMayBecome(user: string, path: Path, report: Report): void {
  const own = process.geteuid?.()
  if (own === 0 || lookupUser(user)?.uid === own) return
  report(path, `only root can run a service as ${user}`, 'Run holdfast as root, or leave user out.')
}

function checkSupervisorDirectories({ runtimeDir, logDir, stateDir }: SupervisorSpec, report: Report): void {
  checkWritable(runtimeDir, ['runtimeDir'], report)
  const owner = statOf(runtimeDir)?.uid
  const own = process.geteuid?.()
  if (owner !== undefined && own !== undefined && owner !== own) {
    report(
      ['runtimeDir'],
      `${runtimeDir} belongs to ${lookupUser(owner)?.name ?? owner}`,
      'Choose another runtimeDir, or run holdfast as that user.',
    )
  }
  checkWritable(logDir, ['logDir'], report)
  if (stateDir !== logDir) checkWritable(stateDir, ['stateDir'], report)
}

/** The directory, or what must be there to make it. */
function checkWritable(directory: string, path: Path, report: Report): void {
  const problem = directoryProblem(directory, constants.W_OK | constants.X_OK)
  if (problem === null) return
  if (problem === MISSING && dirname(directory) !== directory) return checkWritable(dirname(directory), path, report)
  report(path, `${directory}: ${problem}`, 'Choose another directory, or correct its permissions.')
}

const MISSING = 'no such directory'

function directoryProblem(directory: string, access: number): string | null {
  const stats = statOf(directory)
  if (stats === null) return MISSING
  if (!stats.isDirectory()) return 'not a directory'
  try {
    accessSync(directory, access)
    return null
  } catch (error) {
    const isReadOnly = error instanceof Error && 'code' in error && error.code === 'EROFS'
    return isReadOnly
      ? 'the file system is read-only'
      : access === constants.X_OK
        ? 'no permission to enter it'
        : 'no permission to write'
  }
}

function statOf(path: string): Stats | null {
  try {
    return statSync(path, { throwIfNoEntry: false }) ?? null
  } catch {
    return null
  }
}

function checkSocket(socket: SocketSpec, addresses: boolean, report: Report): void {
  const path = ['sockets', socket.name]
  if (socket.user !== null) checkUser(socket.user, [...path, 'user'], report)
  if (socket.group !== null) checkGroup(socket.group, [...path, 'group'], report)
  const { listen } = socket
  if (listen.family === 'unix') checkUnixSocket(listen.path, addresses, [...path, 'listen'], report)
  else if (addresses && listen.port !== 0) checkFree(socket, [...path, 'listen'], report)
}

/** Not by binding: that would make the file. */
function checkUnixSocket(file: string, addresses: boolean, path: Path, report: Report): void {
  checkWritable(dirname(file), path, report)
  const stats = statOf(file)
  if (stats !== null && !stats.isSocket())
    report(path, `${file} is there and is no socket`, 'Remove it, or choose another path.')
  else if (addresses && stats !== null && isListening(file))
    report(path, `${file} is in use`, 'Stop who listens on it, or choose another path.')
}

/** Binds for a moment, as `up` will do. */
function checkFree(socket: SocketSpec, path: Path, report: Report): void {
  try {
    closeListener(openListener(socket).fd, null)
  } catch (error) {
    if (!(error instanceof OsError)) throw error
    const { code, problem } = error
    const mend = MEND_BIND[code] ?? 'Choose another address.'
    report(path, `cannot listen on ${formatListenAddress(socket.listen)}: ${problem}`, mend)
  }
}

const MEND_BIND: Readonly<Record<string, string>> = {
  EADDRINUSE: 'Stop the program that listens there (ss -lptn shows it), or choose another port.',
  EACCES: 'Ports below 1024 need root; choose a higher one.',
  EADDRNOTAVAIL: 'This machine has no such address.',
}

/** Whether somebody listens on a unix socket; by the kernel's table, without connecting. */
function isListening(path: string): boolean {
  try {
    // Flags 00010000 are "accepts connections".
    return readFileSync('/proc/net/unix', 'utf8')
      .split('\n')
      .some((line) => / 00010000 /.test(line) && line.endsWith(` ${path}`))
  } catch {
    return false
  }
}

/** Started by systemd or start_server: the addresses are taken, by listeners that are handed to us. */
function inheritsSockets(environment: Environment): boolean {
  return environment.LISTEN_FDS !== undefined || environment.SERVER_STARTER_PORT !== undefined
}
