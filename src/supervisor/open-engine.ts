// Brings an engine up: directories, lock, sockets, then the services in the order of their dependencies.
import { join } from 'node:path'
import type { ServiceSpec, SupervisorSpec } from '../config/effective.ts'
import { HoldfastError } from '../errors/holdfast-error.ts'
import { lockCommandsOf } from '../locks/start-lock-command.ts'
import type { LogRotation } from '../logs/rotating-file.ts'
import { ServiceLog } from '../logs/service-log.ts'
import { EpollLoop } from '../os/epoll.ts'
import { openDevNull } from '../os/fifo.ts'
import { FifoReaders } from '../os/fifo-readers.ts'
import { lockHolder } from '../os/file-lock.ts'
import { requirePlatform } from '../os/libc.ts'
import { noFileLimit } from '../os/limits.ts'
import { OwnChildren } from '../os/own-children.ts'
import { startTimeOf } from '../os/process-identity.ts'
import { ChildReaper } from '../os/reap.ts'
import { composeHoldfastId } from '../wire/worker-environment.ts'
import { AuxiliaryCommands } from './auxiliary-command.ts'
import { LocalEngine } from './engine.ts'
import type { Engine } from './engine-api.ts'
import { type EngineHost, ownsChildren } from './engine-host.ts'
import type { EngineParts } from './engine-parts.ts'
import { ownerOf } from './exec-settings.ts'
import { ForkserverLogs } from './forkserver-logs.ts'
import { Interpreter } from './interpreter.ts'
import { Journal } from './journal.ts'
import { endLeftovers, LOCK_COMMANDS, livingLeftovers } from './leftover.ts'
import { Listeners } from './listeners.ts'
import { prepareDirectories } from './runtime-directory.ts'
import { journalPath, RuntimePaths } from './runtime-paths.ts'
import { outputKey, type ServiceOutput } from './service-runtime.ts'
import { SupervisorLock } from './supervisor-lock.ts'
import { prepareWorkerDirectories } from './worker-directories.ts'

let engines = 0

/**
 * Takes the supervisor lock, binds the sockets (all or none) and starts the autostart services.
 * @throws HoldfastError HF_ALREADY_RUNNING, HF_WORKERS_ALIVE, HF_DIRECTORY, HF_SOCKET_BIND, HF_PLATFORM; nothing is left then
 */
export async function openEngine(spec: SupervisorSpec, host: EngineHost): Promise<Engine> {
  requirePlatform()
  prepareDirectories(spec)
  const paths = new RuntimePaths(spec.runtimeDir)
  const lock = takeLock(paths)
  const listeners = new Listeners()
  try {
    await endOrRefuseLeftovers(spec.runtimeDir, host.clean ?? false)
    listeners.openAll(Object.values(spec.sockets), host.environment)
    prepareWorkerDirectories(paths)
  } catch (error) {
    listeners.closeAll()
    lock.release()
    throw error
  }
  const engine = assemble(spec, host, { paths, lock, listeners })
  try {
    engine.prepare()
    await engine.openLocks()
    await host.beforeStart?.(engine, listeners)
    await engine.start()
    return engine
  } catch (error) {
    await engine.down({ immediate: true })
    throw error
  }
}

interface Opened {
  readonly paths: RuntimePaths
  readonly lock: SupervisorLock
  readonly listeners: Listeners
}

function assemble(spec: SupervisorSpec, host: EngineHost, { paths, lock, listeners }: Opened): LocalEngine {
  const epoll = new EpollLoop()
  const journal = new Journal(journalPath(spec.stateDir))
  if (host.onEvent) journal.subscribe(host.onEvent)
  const devNull = openDevNull()
  const hardNoFile = noFileLimit().hard
  const softNoFile = Math.min(1_024, hardNoFile)
  const children = new OwnChildren()
  const idPrefix = engineId()
  const forkserverLogs = new ForkserverLogs()
  let engine: LocalEngine | null = null
  const parts: EngineParts = {
    host,
    paths,
    epoll,
    readers: new FifoReaders(epoll),
    journal,
    listeners,
    children,
    auxiliary: new AuxiliaryCommands({ children, devNull, softNoFile }),
    startLockCommand: lockCommandsOf(children, {
      environment: [
        `PATH=${host.environment.PATH ?? '/usr/bin:/bin'}`,
        `HOLDFAST_ID=${composeHoldfastId(host.environment.HOLDFAST_ID ?? null, `${idPrefix}.${LOCK_COMMANDS}.0.0`)}`,
      ],
      softNoFile,
    }),
    devNull,
    hardNoFile,
    idPrefix,
    makeReaper: (onExit, beforeReap) =>
      new ChildReaper(ownsChildren(host) ? 'subreaper' : 'own-children', onExit, beforeReap),
    forkserverLogs,
    makeOutput: (service) =>
      forkserverLogs.outputOf(service, (one, name) =>
        makeOutput(one, join(spec.logDir, `${name}.log`), journal, host.workers?.logRotation()),
      ),
    stopAll: (...why) => engine?.stopAll(...why),
  }
  const interpreter = new Interpreter(parts)
  engine = new LocalEngine(spec, parts, interpreter, lock)
  return engine
}

/** Unique among all engines of this machine since its boot, in all its namespaces: pid and start time of the process. */
function engineId(): string {
  const started = startTimeOf(process.pid) ?? 0
  return `${process.pid.toString(36)}-${started.toString(36)}-${(engines++).toString(36)}`
}

function takeLock(paths: RuntimePaths): SupervisorLock {
  const lock = SupervisorLock.take(paths.lock)
  if (lock === null) throw new HoldfastError('HF_ALREADY_RUNNING', { pid: lockHolder(paths.lock) ?? 'unknown' })
  return lock
}

async function endOrRefuseLeftovers(runtimeDir: string, clean: boolean): Promise<void> {
  const leftovers = livingLeftovers(runtimeDir, { lockIsOurs: true })
  if (leftovers.length === 0) return
  const left = clean
    ? (await endLeftovers(runtimeDir)).left
    : leftovers.map(({ worker, pid }) => `${worker} (pid ${pid})`)
  if (left.length > 0) throw new HoldfastError('HF_WORKERS_ALIVE', { workers: left.join(', ') })
}

function makeOutput(spec: ServiceSpec, file: string, journal: Journal, rotation?: LogRotation): ServiceOutput {
  const note = (event: string, reason: string): void =>
    journal.write({ kind: 'supervisor', service: spec.name, event, reason })
  const log = new ServiceLog({
    file,
    stdout: spec.stdout,
    stderr: spec.stderr,
    ...rotation,
    onTrouble: (error, path) =>
      note('log-trouble', `${path} can not be written: ${error.message}; output waits in the pipe`),
    onRecovered: (_, path) => note('log-recovered', `${path} can be written again`),
  })
  return { key: outputKey(spec), log, owner: ownerOf(spec) }
}
