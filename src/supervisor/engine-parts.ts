// What the parts of the engine share.
import type { ServiceSpec } from '../config/effective.ts'
import type { StartLockCommand } from '../locks/start-lock-command.ts'
import type { EpollLoop } from '../os/epoll.ts'
import type { FifoReaders } from '../os/fifo-readers.ts'
import type { OwnChildren } from '../os/own-children.ts'
import type { ChildReaper, WaitStatus } from '../os/reap.ts'
import type { AuxiliaryCommands } from './auxiliary-command.ts'
import type { EngineHost } from './engine-host.ts'
import type { ForkserverLogs } from './forkserver-logs.ts'
import type { Journal } from './journal.ts'
import type { Listeners } from './listeners.ts'
import type { RuntimePaths } from './runtime-paths.ts'
import type { ServiceOutput } from './service-runtime.ts'

export interface EngineParts {
  readonly host: EngineHost
  readonly paths: RuntimePaths
  readonly epoll: EpollLoop
  readonly readers: FifoReaders
  readonly journal: Journal
  readonly listeners: Listeners
  /** What is started beside the workers: by `auxiliary`, and for locks. */
  readonly children: OwnChildren
  readonly auxiliary: AuxiliaryCommands
  readonly startLockCommand: StartLockCommand
  readonly devNull: number
  readonly hardNoFile: number
  /** Own part of HOLDFAST_ID that all processes of this engine share. */
  readonly idPrefix: string
  readonly makeReaper: (
    onExit: (pid: number, status: WaitStatus) => void,
    beforeReap: (pid: number) => void,
  ) => ChildReaper
  readonly forkserverLogs: ForkserverLogs
  /** For a spec whose output goes elsewhere than before. @throws Error for an unknown user or group */
  readonly makeOutput: (spec: ServiceSpec) => ServiceOutput
  /** A worker ended with an exit code that stops everything. */
  readonly stopAll: (why: string, code: number | null) => void
}
