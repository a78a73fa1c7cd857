// The supervisor as a process: engine, control socket, pointer, its own log; and how all that ends.
import { join } from 'node:path'
import type { SupervisorSpec } from '../config/effective.ts'
import { readConfigInChild } from '../control/reload-config.ts'
import { CONTROL_LIMITS, type ControlServer, openControlServer } from '../control/server.ts'
import { HoldfastError } from '../errors/holdfast-error.ts'
import { formatLine } from '../logs/layout.ts'
import { LogFile } from '../logs/log-file.ts'
import { exitNow } from '../os/exit-now.ts'
import { noFileLimit } from '../os/limits.ts'
import { startTimeOf } from '../os/process-identity.ts'
import { lookupUser } from '../os/users.ts'
import type { ApplyReport, Engine, JournalEntry, OperationOutcome, OperationRequest } from '../supervisor/engine-api.ts'
import type { WorkerHost } from '../supervisor/engine-host.ts'
import type { Listeners } from '../supervisor/listeners.ts'
import { openEngine } from '../supervisor/open-engine.ts'
import { eventSentence } from './event-text.ts'
import { claimRuntime, isPointerThere, leavePointer } from './runtime-claim.ts'
import { trimMemoryWhenQuiet } from './trim-memory.ts'

export type ApplyConfig = (engine: Engine, ...args: Parameters<Engine['apply']>) => Promise<ApplyReport>

export interface SupervisorOptions {
  /** The path of its own log. Default: `<logDir>/holdfast.log`. */
  readonly ownLog?: string
  /** Each time that it was opened: at the start, after a rotation, after `reopenLogs`. */
  readonly onLogOpen?: (fd: number) => void
  /** False: it is not found by a config file, so no pointer is left and no other config can be in its way. Default true. */
  readonly pointers?: boolean
  /** As it was before anything was changed for the supervisor itself. */
  readonly environment: Readonly<Record<string, string | undefined>>
  readonly uid: number
  readonly clean: boolean
  /** Every journal entry from the first one on. */
  readonly onEvent?: (entry: JournalEntry) => void
  /** Before the first service is started: who listens from here on misses nothing. When it rejects, nothing is started. */
  readonly onOpen?: (engine: Engine, listeners: Listeners) => void | Promise<void>
  /** What stands beside the control socket in the runtime directory. */
  readonly sideDoor?: { isInPlace(): boolean; reopen(): Promise<void>; close(): void }
  /** For a supervisor whose config is not a file that can be read in a process of its own. */
  readonly readConfig?: () => Promise<SupervisorSpec>
  /** In place of `engine.apply`. */
  readonly apply?: ApplyConfig
  readonly workers?: WorkerHost
  /** An operation was asked over the control socket, before it is carried out. */
  readonly onOperate?: (request: OperationRequest) => void
  /** A stop was asked, by whomever; before anything is told to end. */
  readonly onStop?: (immediate: boolean) => void
  /** For services that have another way to hurry than KILL. */
  readonly hurry?: Hurry
}

export interface Hurry {
  /** By which it is said that a stop is to be at once, or is asked for again; null: not everybody listens to it, which leaves KILL. */
  signal(engine: Engine, immediate: boolean): NodeJS.Signals | null
  /** Those that have been asked to stop before. */
  tell(engine: Engine, signal: NodeJS.Signals): void
  /** Milliseconds after which KILL follows. */
  readonly untilKill: number
}

export interface RunningSupervisor {
  readonly engine: Engine
  /** The second call hurries; `timeout` (ms): what runs after it is killed; `longer` (ms): than the stop ladders say. */
  stop(options?: { timeout?: number; immediate?: boolean; longer?: number }): Promise<OperationOutcome>
  /** Ends alone: what runs is asked to end, and does so by itself. */
  letGo(why: string): Promise<void>
  /** Reads the config again and converges to it. */
  apply(): Promise<ApplyReport>
  reopenLogs(): void
  /** False: the control socket was removed. */
  doorsAreOpen(): boolean
  /** Where the control socket was removed. */
  reopenDoors(): Promise<void>
  /** After a start that failed: nobody is to be answered any more. */
  closeDoors(): Promise<void>
  /** The engine has stopped everything by its own decision: the exit code is that of the worker who asked for it. */
  downByItself(why: string, code: number): void
  /** Null: it is not, or was not, the engine's own decision. */
  readonly itsOwnReason: string | null
  /** A line of the supervisor's own log. */
  log(text: string): void
  readonly ownLog: LogFile
  /** Resolves when everything has ended, with the exit code of the process. */
  readonly ended: Promise<number>
}

/** For connections that have not read their answer when the supervisor ends. */
const CLOSE_GRACE = 500

/** @throws HoldfastError; nothing is left running then. */
export async function openSupervisor(spec: SupervisorSpec, options: SupervisorOptions): Promise<RunningSupervisor> {
  const { environment, uid, clean } = options
  const allowed = allowedUsers(spec)
  const pointed = options.pointers === false ? { ...spec, configFile: null } : spec
  claimRuntime(pointed, options)
  const log = ownLog(options.ownLog ?? ownLogPath(spec), options)
  const opened: { running?: RunningSupervisor } = {}
  try {
    const engine = await openEngine(spec, {
      ownsProcess: true,
      environment,
      clean,
      ...(options.workers === undefined ? {} : { workers: options.workers }),
      // Socket and pointer before the first worker: whatever happens from then on, `down` finds us.
      async beforeStart(engine, listeners) {
        opened.running = await openDoors(spec, engine, log, { ...options, allowed })
        leavePointer(pointed, { environment, uid })
        await options.onOpen?.(engine, listeners)
      },
      isRuntimeWhole: () => (opened.running?.doorsAreOpen() ?? true) && isPointerThere(pointed, { environment, uid }),
      async restoreRuntime() {
        await opened.running?.reopenDoors()
        leavePointer(pointed, { environment, uid })
      },
      onDown: (why, code) => opened.running?.downByItself(why, code),
      onEvent(entry) {
        log.entry(entry)
        options.onEvent?.(entry)
      },
    })
    // Code of the program in our event loop would stand still meanwhile.
    if (!options.workers?.inProcess) trimMemoryWhenQuiet(engine)
  } catch (error) {
    await opened.running?.closeDoors()
    await log.file.close()
    throw error
  }
  if (opened.running === undefined) throw new Error('the engine started without its doors (bug)')
  return opened.running
}

interface OwnLog {
  readonly file: LogFile
  line(text: string): void
  entry(entry: JournalEntry): void
}

async function openDoors(
  spec: SupervisorSpec,
  engine: Engine,
  log: OwnLog,
  options: SupervisorOptions & { allowed: ReadonlySet<number> },
): Promise<RunningSupervisor> {
  const { environment, uid, allowed } = options
  const apply: Engine['apply'] = (...args) => (options.apply ? options.apply(engine, ...args) : engine.apply(...args))
  let control: ControlServer | null = null
  let finish = (_code: number) => {}
  const ended = new Promise<number>((resolve) => {
    finish = resolve
  })
  let ending = false

  let going: Promise<OperationOutcome> | null = null
  const stop: RunningSupervisor['stop'] = async ({ timeout, immediate = false, longer = 0 } = {}) => {
    options.onStop?.(immediate)
    const { hurry } = options
    const signal = going !== null || immediate ? (hurry?.signal(engine, immediate) ?? null) : null
    const limit = signal === null ? timeout : Math.min(timeout ?? Number.POSITIVE_INFINITY, hurry?.untilKill ?? 0)
    const late = limit === undefined ? undefined : setTimeout(() => void engine.down({ immediate: true }), limit)
    if (signal !== null) hurry?.tell(engine, signal)
    if (signal === null) going = engine.down({ immediate, longer })
    else going ??= engine.down({ longer, firstSignal: signal.slice(3), onlySignals: true })
    const outcome = await going.catch((error: unknown) => notDown(error, log))
    clearTimeout(late)
    if (!ending) {
      ending = true
      // The answer to who asked goes out first.
      setImmediate(() => void end(outcome))
    }
    return outcome
  }
  const letGo = async (why: string) => {
    if (ending) return
    ending = true
    await end(await engine.letGo(why))
  }
  let own: { readonly why: string; readonly code: number } | null = null
  const end = async (outcome: OperationOutcome) => {
    const code = outcome.ok ? (own?.code ?? 0) : 1
    reading.abort()
    options.sideDoor?.close()
    await control?.close(CLOSE_GRACE)
    const written = await log.file.close()
    // A write that hangs on a dead disk would hold process.exit for ever.
    if (!written || outcome.unwritten) exitNow(code)
    finish(code)
  }
  const reading = new AbortController()
  const readConfig = options.readConfig ?? (() => reread(spec, environment, reading.signal))

  const identity = { pid: process.pid, startTime: startTimeOf(process.pid) ?? 0 }
  control = await openControlServer(
    {
      engine,
      process: identity,
      readConfig,
      apply,
      down: stop,
      ...(options.onOperate === undefined ? {} : { onOperate: options.onOperate }),
    },
    {
      path: spec.control.socket,
      mode: allowed.size > 0 ? 0o666 : spec.control.mode,
      access: { owner: uid, allowed },
      // Connections must not use up the descriptors that the services need.
      limits: { maxConnections: Math.min(CONTROL_LIMITS.maxConnections, Math.floor(noFileLimit().soft / 4)) },
    },
  )
  return {
    engine,
    stop,
    letGo,
    apply: async () => {
      engine.checkRuntime()
      return apply(await readConfig())
    },
    reopenLogs() {
      engine.checkRuntime()
      engine.reopenLogs()
      log.file.reopen()
    },
    doorsAreOpen: () => (control?.isInPlace() ?? true) && (options.sideDoor?.isInPlace() ?? true),
    async reopenDoors() {
      await control?.relisten()
      await options.sideDoor?.reopen()
    },
    async closeDoors() {
      options.sideDoor?.close()
      await control?.close(CLOSE_GRACE)
    },
    downByItself(why, code) {
      own = { why, code }
      log.line(`stopped by itself: ${why}`)
      void stop()
    },
    get itsOwnReason() {
      return own?.why ?? null
    },
    log: (text) => log.line(text),
    ownLog: log.file,
    ended,
  }
}

/** A bug on the way down must not keep the process for ever. */
function notDown(error: unknown, log: OwnLog): OperationOutcome {
  const message = error instanceof Error ? (error.stack ?? error.message) : String(error)
  log.line(`going down failed: ${message}`)
  return { ok: false, services: [{ service: 'supervisor', ok: false, message }] }
}

function reread(
  { configFile, runtimeDir }: SupervisorSpec,
  environment: SupervisorOptions['environment'],
  signal: AbortSignal,
): Promise<SupervisorSpec> {
  if (configFile === null) throw new HoldfastError('HF_CONFIG_RELOAD', { problem: 'it does not come from a file' })
  const program = process.argv[1] ?? ''
  return readConfigInChild({
    command: [process.execPath, program, '-c', configFile, 'evaluate'],
    environment: environmentList(environment),
    directory: runtimeDir,
    signal,
  })
}

export function environmentList(environment: SupervisorOptions['environment']): string[] {
  return Object.entries(environment).flatMap(([name, value]) => (value === undefined ? [] : [`${name}=${value}`]))
}

/** `<logDir>/holdfast.log` */
export function ownLogPath({ logDir }: SupervisorSpec): string {
  return join(logDir, 'holdfast.log')
}

/** Every state change in a readable line, rotated like the logs of the services. */
function ownLog(path: string, { workers, onLogOpen }: SupervisorOptions): OwnLog {
  const file = new LogFile({
    path,
    ...workers?.logRotation(),
    ...(onLogOpen === undefined ? {} : { onOpen: onLogOpen }),
  })
  // On a disk that does not take them they are left out: the supervisor must not grow for its log.
  const put = (at: string, text: string) => {
    if (!file.full) file.append(formatLine({ at, worker: 'holdfast', stream: 'out', line: text }))
  }
  return {
    file,
    line: (text) => put(new Date().toISOString(), text),
    entry: (entry) =>
      put(
        entry.at,
        eventSentence(entry, (_colour, text) => text),
      ),
  }
}

function allowedUsers({ control }: SupervisorSpec): ReadonlySet<number> {
  return new Set(
    control.allow.map((name) => {
      const user = lookupUser(name)
      if (user) return user.uid
      throw new HoldfastError('HF_CONFIG_HOST', {
        problem: `control.allow: there is no user ${name}`,
        mend: 'Correct the name.',
      })
    }),
  )
}
