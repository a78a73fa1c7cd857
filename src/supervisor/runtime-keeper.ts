// The runtime directory is in a place that others clean up (/run, /tmp, a hand with rm -rf). Its workers need nothing of it
// once they run; but without its lock a second supervisor would start, without its socket no command arrives, and without
// its records a later supervisor knows nothing of what runs. inotify tells of it, without a wake-up while nothing happens.
import { type FSWatcher, statSync, watch } from 'node:fs'
import { basename, dirname } from 'node:path'
import { specHash } from '../config/diff.ts'
import type { SupervisorSpec } from '../config/effective.ts'
import { bootId } from '../os/boot-id.ts'
import { lockHolder } from '../os/file-lock.ts'
import type { Journal } from './journal.ts'
import { prepareRuntimeDirectory } from './runtime-directory.ts'
import type { RuntimePaths } from './runtime-paths.ts'
import type { RunningProcess } from './service-runtime.ts'
import type { SupervisorLock } from './supervisor-lock.ts'
import { restoreWorkerDirectories } from './worker-directories.ts'
import { type WorkerRecord, writeRecord } from './worker-record.ts'

/** Whoever removes a directory is to be done with it before it is made anew under his hands. */
const SETTLED_AFTER = 250

export interface RuntimeKeeperContext {
  readonly spec: () => SupervisorSpec
  readonly paths: RuntimePaths
  readonly lock: SupervisorLock
  readonly journal: Journal
  readonly processes: () => Iterable<RunningProcess>
  /** Wall clock, ISO 8601. */
  readonly startOf: (process: RunningProcess) => string
  readonly writeIntent: () => void
  /** What the host keeps there (control socket, pointer): whether it is there, and how it is made again. */
  readonly hostIsWhole: () => boolean
  readonly restoreHost: () => Promise<void>
}

export class RuntimeKeeper {
  private readonly context: RuntimeKeeperContext
  private watcher: FSWatcher | null = null
  private timer: NodeJS.Timeout | null = null
  private restoring = false
  private lastNote = ''
  private closed = false
  /** False: another supervisor has taken the directory. Nothing in it is ours then, neither to write nor to remove. */
  isOurs = true

  constructor(context: RuntimeKeeperContext) {
    this.context = context
  }

  /** From now on a removal is noticed by itself, as long as this user has inotify instances left. */
  watch(): void {
    this.watcher?.close()
    this.watcher = null
    const { root } = this.context.paths
    const names = this.namesThatMatter()
    try {
      this.watcher = watch(root, { persistent: false }, (_, name) => {
        if (name === null || names.has(name)) this.lookSoon()
      })
      this.watcher.on('error', () => {})
    } catch {
      // Without it HUP and USR1 still look.
    }
  }

  /** Looks at once, and leaves the records that could not be written when the disk was full. */
  check(): void {
    if (this.closed || this.restoring) return
    if (this.isWhole()) return this.leaveRecords()
    this.restoring = true
    void this.restore()
      .catch((error: unknown) => this.note(`${this.context.paths.root} can not be made again: ${String(error)}`))
      .finally(() => {
        this.restoring = false
      })
  }

  close(): void {
    this.closed = true
    this.watcher?.close()
    if (this.timer !== null) clearTimeout(this.timer)
  }

  private lookSoon(): void {
    if (this.timer !== null) clearTimeout(this.timer)
    this.timer = setTimeout(() => this.check(), SETTLED_AFTER)
    this.timer.unref()
  }

  private isWhole(): boolean {
    const { paths, lock, hostIsWhole } = this.context
    return lock.isInPlace() && [paths.services, paths.records].every(isDirectory) && hostIsWhole()
  }

  private async restore(): Promise<void> {
    const { spec, paths, lock, writeIntent, restoreHost } = this.context
    prepareRuntimeDirectory(spec())
    if (!lock.retake()) return this.giveUp()
    this.isOurs = true
    this.note(`something was removed from ${paths.root}; it is made anew`)
    restoreWorkerDirectories(paths)
    this.leaveRecords()
    writeIntent()
    this.watch()
    await restoreHost()
  }

  private giveUp(): void {
    const { paths } = this.context
    if (!this.isOurs) return
    this.isOurs = false
    const other = lockHolder(paths.lock) ?? 'unknown'
    this.note(
      `${paths.root} was removed and then taken by another supervisor (pid ${other}); this one (pid ${process.pid}) runs on, can no longer be reached, and is stopped by kill ${process.pid}`,
    )
  }

  private leaveRecords(): void {
    for (const process of this.context.processes()) {
      const path = this.context.paths.record(process.service, process.slot, process.lane.index)
      if (statSync(path, { throwIfNoEntry: false }) !== undefined) continue
      try {
        writeRecord(path, recordOf(process, this.context.startOf(process)))
      } catch (error) {
        return this.note(`${path} can not be written: ${String(error)}`)
      }
    }
  }

  private namesThatMatter(): ReadonlySet<string> {
    const { paths, spec } = this.context
    const { socket } = spec().control
    const ours = [paths.lock, paths.services, paths.records, paths.root].map((path) => basename(path))
    return new Set(dirname(socket) === paths.root ? [...ours, basename(socket)] : ours)
  }

  /** The same once only: where it can not be mended it is met again at each look. */
  private note(reason: string): void {
    if (reason === this.lastNote) return
    this.lastNote = reason
    this.context.journal.write({ kind: 'supervisor', event: 'trouble', reason })
  }
}

function recordOf(process: RunningProcess, startedAt: string): WorkerRecord {
  const { service, slot, number, generation, id, identity, lane, spec } = process
  const { sockets, stop, session, cwd, user } = spec
  const names = { service, slot, lane: lane.index, number, generation, id }
  const settings = { sockets, stop, session, cwd, user }
  return { version: 1, ...names, ...identity, bootId: bootId(), startedAt, specHash: specHash(spec), ...settings }
}

function isDirectory(path: string): boolean {
  return statSync(path, { throwIfNoEntry: false })?.isDirectory() ?? false
}
