// What a config needs of the machine it is to run on: users, programs, directories, free addresses. Changes nothing.
import { accessSync, constants, readFileSync, type Stats, statSync } from 'node:fs'
import { dirname } from 'node:path'
import { findCommand } from '../os/command-path.ts'
import { closeListener, openListener } from '../os/listen.ts'
import { OsError } from '../os/os-error.ts'
import { lookupGroup, lookupUser } from '../os/users.ts'
import { missingFile } from './check-loaded-files.ts'
import {
  type ForkserverRuntime,
  type ForkserverSpec,
  type ServiceSpec,
  type SocketSpec,
  type SupervisorSpec,
  usualProgramOf,
} from './effective.ts'
import type { Problem } from './problem.ts'
import { isRefusedInSpec, problemInSpec } from './spec-places.ts'
import type { Environment } from './substitute.ts'
import type { Path } from './value-type.ts'
import { formatListenAddress } from './values/listen-address.ts'

interface HostCheckOptions {
  /** Where PATH comes from, and whether sockets are inherited. Default: that of this process. */
  readonly environment?: Environment
  /** Try whether the sockets' addresses are free. Default: only while no supervisor of ours has them. */
  readonly addresses?: boolean
  /** Names of the sockets that our own supervisor listens on now. */
  readonly ours?: ReadonlySet<string>
}

/**
 * What the services need of this machine, without the directories and addresses of the supervisor itself, which tells of
 * those when it makes them.
 */
export function checkServices(spec: SupervisorSpec, environment: Environment = process.env): Problem[] {
  const problems: Problem[] = []
  const check = new ServiceCheck(environment, reporter(spec, problems), (path) => isRefusedInSpec(spec, path))
  for (const forkserver of Object.values(spec.forkservers)) check.forkserver(forkserver)
  for (const service of Object.values(spec.services)) check.service(service)
  // Places in a list of which a part was refused are not those of the file.
  if (!isRefusedInSpec(spec, ['control', 'allow']))
    for (const [index, user] of spec.control.allow.entries()) check.user(user, ['control', 'allow', index])
  return problems
}

/** Looks at the machine; everything that would keep a service from starting, with its place in the config. */
export function checkHost(spec: SupervisorSpec, options: HostCheckOptions = {}): Problem[] {
  const environment = options.environment ?? process.env
  const problems = checkServices(spec, environment)
  const report = reporter(spec, problems)
  checkSupervisorDirectories(spec, report)
  const addresses = options.addresses ?? !(mayBeOurs(spec) || inheritsSockets(environment))
  const check = new ServiceCheck(environment, report)
  for (const socket of Object.values(spec.sockets)) {
    if (socket.user !== null) check.user(socket.user, ['sockets', socket.name, 'user'])
    if (socket.group !== null) check.group(socket.group, ['sockets', socket.name, 'group'])
    checkSocket(socket, addresses && !options.ours?.has(socket.name), report)
  }
  return problems
}

/** Whether our own supervisor may have the addresses: it runs, or nobody can tell where its socket is. */
function mayBeOurs(spec: SupervisorSpec): boolean {
  const isUnknown = [['control'], ['runtimeDir'], ['name']].some((path) => isRefusedInSpec(spec, path))
  return isUnknown || isListening(spec.control.socket)
}

type Report = (path: Path, problem: string, mend: string) => void

function reporter(spec: SupervisorSpec, problems: Problem[]): Report {
  return (path, problem, mend) => {
    // The value is a default, or a piece of what the file says.
    if (isRefusedInSpec(spec, path)) return
    problems.push(problemInSpec(spec, path, { code: 'HF_CONFIG_HOST', detail: { problem, mend } }))
  }
}

/** Asks the machine each question once: a thousand services mostly ask the same. */
class ServiceCheck {
  readonly #environment: Environment
  readonly #report: Report
  readonly #isRefused: (path: Path) => boolean
  readonly #commandProblem = remembered(commandProblem)
  readonly #directoryProblem = remembered(directoryProblem)
  readonly #userId = remembered((user: string) => lookupUser(user)?.uid ?? null)
  readonly #hasGroup = remembered((group: string) => lookupGroup(group) !== null)

  constructor(environment: Environment, report: Report, isRefused: (path: Path) => boolean = () => false) {
    this.#environment = environment
    this.#report = report
    this.#isRefused = isRefused
  }

  service(service: ServiceSpec): void {
    const path = ['services', service.name]
    if (service.user !== null) this.#mayBecome(service.user, [...path, 'user'])
    if (service.group !== null) this.group(service.group, [...path, 'group'])
    const problem = this.#directoryProblem(service.cwd, constants.X_OK)
    const isUnknown = [['cwd'], ['env', 'PATH']].some((key) => this.#isRefused([...path, ...key]))
    if (problem === null && !isUnknown) this.#commands(service, path)
    if (problem !== null)
      this.#report([...path, 'cwd'], `working directory ${service.cwd}: ${problem}`, 'Make it, or set cwd.')
    for (const stream of ['stdout', 'stderr'] as const) {
      const output = service[stream]
      if (typeof output === 'object') checkWritable(dirname(output.file), [...path, stream], this.#report)
    }
  }

  forkserver({ name, user, group, cwd, command, executable, runtime, preload, env }: ForkserverSpec): void {
    const path = ['forkservers', name]
    if (user !== null) this.#mayBecome(user, [...path, 'user'])
    if (group !== null) this.group(group, [...path, 'group'])
    const problem = this.#directoryProblem(cwd, constants.X_OK)
    if (problem !== null)
      return this.#report([...path, 'cwd'], `working directory ${cwd}: ${problem}`, 'Make it, or set cwd.')
    const program = command ?? [executable ?? usualProgramOf(runtime)]
    const key = command !== null ? 'command' : executable !== null ? 'executable' : 'runtime'
    this.#command(program, [...path, key], { env, cwd })
    if (command === null)
      for (const [index, one] of preload.entries()) this.#loaded(one, runtime, cwd, [...path, 'preload', index])
  }

  #loaded(named: string, runtime: ForkserverRuntime, cwd: string, path: Path): void {
    const file = missingFile(named, runtime, cwd)
    if (file !== null) this.#report(path, `there is no file ${file}`, 'Correct the path; it is relative to cwd.')
  }

  user(user: string, path: Path): void {
    if (this.#userId(user) === null)
      this.#report(path, `there is no user ${user}`, 'Make the user, or correct the name.')
  }

  group(group: string, path: Path): void {
    if (!this.#hasGroup(group)) this.#report(path, `there is no group ${group}`, 'Make the group, or correct the name.')
  }

  #mayBecome(user: string, path: Path): void {
    const own = process.geteuid?.()
    const id = this.#userId(user)
    if (id === null) this.user(user, path)
    else if (own !== 0 && id !== own) {
      this.#report(path, `only root can run a service as ${user}`, 'Run holdfast as root, or leave user out.')
    }
  }

  #commands(service: ServiceSpec, path: Path): void {
    const { command, ready, reload, stop, forkserver, entry, cwd } = service
    if (forkserver !== null && forkserver.command === null && entry !== null)
      this.#loaded(entry, forkserver.runtime, cwd, [...path, 'entry'])
    if (command.length > 0) this.#command(command, [...path, 'command'], service)
    if (ready.by === 'exec') this.#command(ready.command, [...path, 'ready', 'exec'], service)
    if (reload.by === 'command') this.#command(reload.command, [...path, 'reload', 'command'], service)
    if (stop.command !== null) this.#command(stop.command, [...path, 'stop', 'command'], service)
  }

  #command([program = '']: readonly string[], path: Path, { env, cwd }: Pick<ServiceSpec, 'env' | 'cwd'>): void {
    const variable = Object.hasOwn(env, 'PATH') ? env.PATH : this.#environment.PATH
    const found = this.#commandProblem(program, variable, cwd)
    if (found !== null) this.#report(path, found.problem, found.mend)
  }
}

function remembered<Question extends readonly unknown[], Answer>(ask: (...question: Question) => Answer) {
  const answers = new Map<string, Answer>()
  return (...question: Question): Answer => {
    const key = JSON.stringify(question)
    const known = answers.get(key)
    if (known !== undefined) return known
    const answer = ask(...question)
    answers.set(key, answer)
    return answer
  }
}

function commandProblem(program: string, pathVariable: string | undefined, cwd: string) {
  try {
    findCommand(program, pathVariable, cwd)
    return null
  } catch (error) {
    if (!(error instanceof OsError)) throw error
    if (error.code !== 'ENOENT') {
      return { problem: `command cannot be run: ${program}: ${error.problem}`, mend: 'Make it executable: chmod +x.' }
    }
    const mend = `Install it, or give its path; a relative one is taken from ${cwd}.`
    return { problem: `command not found: ${program}`, mend }
  }
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
