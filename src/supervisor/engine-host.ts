import type { LogRotation } from '../logs/rotating-file.ts'
import type { LogLevel } from '../wire/log-level.ts'
import type { Engine, JournalEntry } from './engine-api.ts'
import type { InProcessRunner } from './in-process-worker.ts'
import type { Listeners } from './listeners.ts'

/** For a program whose workers are its own: the library's. */
export interface WorkerHost {
  /** Called before each start: what the new process finds in its environment besides. */
  environment(worker: { readonly service: string; readonly slot: number }): Readonly<Record<string, string>>
  /** Called before each start of a forkserver: what it finds in its environment besides. */
  forkserverEnvironment?(): Readonly<Record<string, string>>
  /**
   * Fds of ours that each new process is given besides, and each forkserver, whose workers have them at the same numbers; the first
   * one's number is in HOLDFAST_LIFELINE_FD. They stay open here.
   */
  inherited?(): readonly number[]
  /** What a reload tells the workers. JSON, or undefined. */
  config(): unknown
  logLevel(): LogLevel
  /** Of the files that their output goes to. */
  logRotation(): LogRotation
  /** Null: each is a process. */
  readonly inProcess: InProcessRunner | null
  /** False: they take their sockets by name, and need no shell between that knows their pid (half a floor of a start). */
  readonly wantsListenPid: boolean
  /** Its process is there. */
  spawned?(process: WorkerProcess): void
  /** Its process has ended; `reason` as in `exited with code 1`. */
  exited?(process: WorkerProcess, reason: string): void
  /** It has moved its deadline, or said WATCHDOG=1. */
  beat?(process: WorkerProcess): void
}

export interface WorkerProcess {
  readonly service: string
  readonly slot: number
  /** Null: it is no process. */
  readonly pid: number | null
  readonly lane: { send(text: string): boolean }
}

/** What the engine is given by whoever runs it: the daemon, or a program that embeds it. */
export interface EngineHost {
  /**
   * True: the engine is the process (the daemon). It becomes a child subreaper and reaps on SIGCHLD, orphans too.
   * False: it is a guest in somebody's program, touches no process globals, and watches its own children one by one.
   */
  readonly ownsProcess: boolean
  /** The environment that services inherit, and in which sockets of systemd or start_server are looked for. */
  readonly environment: Readonly<Record<string, string | undefined>>
  readonly workers?: WorkerHost
  /** End the workers of a dead supervisor first, by their stop ladder. */
  readonly clean?: boolean
  /** Every journal entry from the first one on; `Engine.onEvent` comes too late for those of the start. */
  readonly onEvent?: (entry: JournalEntry) => void
  /**
   * Called once the lock and the sockets are held, before any service is started: what can still fail belongs here. When it
   * rejects, so does `openEngine`, and nothing was started.
   */
  readonly beforeStart?: (engine: Engine, listeners: Listeners) => Promise<void>
  /** Whether what the host keeps in the runtime directory (control socket, pointer) is still there. */
  readonly isRuntimeWhole?: () => boolean
  /** The runtime directory, or a part of it, was removed and is made anew: called to make again what the host keeps there. */
  readonly restoreRuntime?: () => Promise<void>
  /** Called once, when the engine has gone down by its own decision (`restart.stopAllOnUnrecoverable`); `code` is the worker's. */
  readonly onDown?: (why: string, code: number) => void
}

/**
 * Whether every child of the process is the engine's. Where workers run inside the process it is not: what they start by
 * `child_process` is Node's to wait for, and an engine that reaps everything would take its exit code away.
 */
export function ownsChildren({ ownsProcess, workers }: EngineHost): boolean {
  return ownsProcess && !workers?.inProcess
}
