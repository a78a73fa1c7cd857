// Spawns workers: fds, environment, exec chain, record. Many at once go in batches, so that the control socket answers between.

import { specHash } from '../config/diff.ts'
import type { ServiceSpec } from '../config/effective.ts'
import { ladderFor, timeUntilKill } from '../lifecycle/stop-ladder.ts'
import { bootId } from '../os/boot-id.ts'
import { findCommand } from '../os/command-path.ts'
import type { EpollLoop } from '../os/epoll.ts'
import { monotonicMillis } from '../os/monotonic-clock.ts'
import { startTimeOf } from '../os/process-identity.ts'
import { spawnProcess } from '../os/spawn.ts'
import type { BaseEnvironment } from './base-environment.ts'
import { executableFor, softNoFile } from './exec-settings.ts'
import { type IpcChannel, openIpcChannel } from './ipc-channel.ts'
import { Lane, type LaneFds } from './lane.ts'
import type { Listeners } from './listeners.ts'
import { starterKey } from './listeners.ts'
import { giftEnvironment } from './process-environment.ts'
import type { LaneIndex, RuntimePaths } from './runtime-paths.ts'
import { makeServiceDirectory } from './service-directory.ts'
import {
  outputKey,
  type RunningProcess,
  type ServiceOutput,
  type ServiceRuntime,
  slotRuntime,
} from './service-runtime.ts'
import type { SupervisedClock } from './supervised-clock.ts'
import { restoreWorkerDirectories } from './worker-directories.ts'
import { type WorkerRecord, writeRecord } from './worker-record.ts'

/** Milliseconds in one turn of the event loop; a spawn takes 0.3 to 2. `status` is answered between two turns. */
const TURN = 6

export interface LaunchRequest {
  readonly service: ServiceRuntime
  readonly slot: number
  readonly number: number
  readonly generation: number
}

interface Spawned {
  readonly request: LaunchRequest
  readonly spec: ServiceSpec
  readonly lane: Lane
  readonly id: string
  readonly pid: number
  readonly closeChannel: (() => void) | null
}

export interface LauncherContext {
  readonly paths: RuntimePaths
  readonly epoll: EpollLoop
  readonly clock: SupervisedClock
  readonly listeners: Listeners
  readonly devNull: number
  readonly hardNoFile: number
  /** Own part of HOLDFAST_ID that all our processes share. */
  readonly idPrefix: string
  /** HOLDFAST_ID of the Holdfast that runs us, if one does. */
  readonly outerId: string | null
  readonly environment: BaseEnvironment
  readonly makeOutput: (spec: ServiceSpec) => ServiceOutput
  readonly watch: (pid: number) => void
  readonly onSpawned: (process: RunningProcess) => void
  readonly onFailed: (request: LaunchRequest, error: string) => void
  readonly onTrouble: (request: LaunchRequest, problem: string) => void
  readonly onNotify: (request: LaunchRequest, chunk: Buffer) => void
  readonly onIpcReady: (request: LaunchRequest) => void
}

export class ProcessLauncher {
  private readonly context: LauncherContext
  private queue: LaunchRequest[] = []
  private turn: NodeJS.Immediate | null = null
  private turnEnds = 0
  private inBulk = false
  /** Programs found in this turn: a thousand services often run the same one. */
  private readonly found = new Map<string, string>()
  private readonly hashes = new WeakMap<ServiceSpec, string>()

  constructor(context: LauncherContext) {
    this.context = context
  }

  /** What `act` asks for is launched from the next turn on, many together: cheaper than one by one. */
  bulk(act: () => void): void {
    this.inBulk = true
    try {
      act()
    } finally {
      this.inBulk = false
    }
  }

  /** At once while there is time in this turn: a worker that died is back in the same one. */
  request(request: LaunchRequest): void {
    if (this.turn === null) this.beginTurn()
    if (this.inBulk || this.queue.length > 0 || monotonicMillis() > this.turnEnds) {
      this.queue.push(request)
      return
    }
    const process = this.spawn(request)
    if (process !== null) this.complete(process)
  }

  /** @returns false where it is too late: the process is there, or could not be started, and the news of it is on its way */
  cancel(service: ServiceRuntime, slot: number, number: number): boolean {
    const index = this.queue.findIndex(
      (request) => request.service === service && request.slot === slot && request.number === number,
    )
    if (index < 0) return false
    this.queue.splice(index, 1)
    return true
  }

  close(): void {
    this.queue = []
    if (this.turn !== null) clearImmediate(this.turn)
    this.turn = null
  }

  private readonly find: typeof findCommand = (command, path, cwd) => {
    const key = `${command}\0${path}\0${cwd}`
    const known = this.found.get(key)
    if (known !== undefined) return known
    const file = findCommand(command, path, cwd)
    this.found.set(key, file)
    return file
  }

  private beginTurn(): void {
    this.found.clear()
    this.turnEnds = monotonicMillis() + TURN
    this.turn = setImmediate(() => {
      this.turn = null
      if (this.queue.length > 0) this.launchQueued()
    })
  }

  /** All spawns first: the new processes get through their exec meanwhile, which holds up who reads in their /proc. */
  private launchQueued(): void {
    this.beginTurn()
    const spawned: Spawned[] = []
    for (let next = this.queue.shift(); next !== undefined; next = this.queue.shift()) {
      const process = this.spawn(next)
      if (process !== null) spawned.push(process)
      if (monotonicMillis() > this.turnEnds) break
    }
    for (const process of spawned) {
      try {
        this.complete(process)
      } catch (error) {
        // A bug met by one must not leave the others without their record.
        this.context.onTrouble(process.request, error instanceof Error ? (error.stack ?? error.message) : String(error))
      }
    }
  }

  private spawn(request: LaunchRequest): Spawned | null {
    try {
      return this.spawnProcess(request)
    } catch (error) {
      this.context.onFailed(request, error instanceof Error ? error.message : String(error))
      return null
    }
  }

  /** In the turn of its spawn, so that no death is heard of before: the record, and the news. */
  private complete({ request, spec, lane, id, pid, closeChannel }: Spawned): void {
    const { slot, number, generation } = request
    // /proc/PID/stat may be gone already; a pid of ours that is not reaped can not be another process.
    const identity = { pid, startTime: startTimeOf(pid) ?? 0 }
    this.leaveRecord(request, lane, this.record(request, spec, lane.index, id, identity))
    this.context.onSpawned({
      service: spec.name,
      slot,
      number,
      generation,
      spec,
      lane,
      identity,
      id,
      startedAt: this.context.clock.now(),
      vitals: null,
      lastSeen: null,
      message: '',
      requests: null,
      busyMillis: null,
      notify: null,
      stopProbe: null,
      closeChannel,
    })
  }

  private spawnProcess(request: LaunchRequest): Spawned {
    const { context } = this
    const { service, slot, number, generation } = request
    const spec = service.state.specs[generation]
    if (spec === undefined) throw new Error(`generation ${generation} is not known any more`)
    const id = `${context.idPrefix}.${spec.name}.${slot}.${number}`
    const { lane, fds } = this.openLane(request, spec)
    let channel: IpcChannel | null = null
    try {
      channel = spec.ready.by === 'ipc' ? openIpcChannel(context.epoll, () => context.onIpcReady(request)) : null
      const layout = this.layOutFds(spec, fds, channel?.childFd ?? null)
      const fullId = context.outerId === null ? id : `${context.outerId}/${id}`
      const gifts = {
        id: fullId,
        slot,
        generation,
        role: 'main',
        heartbeat: service.heartbeats.prepare(slot, lane.index, lane.output.owner, hasDeadlines(spec)),
        ...layout.gifts,
      } as const
      const stopTimeout = timeUntilKill(ladderFor({ kind: 'stop', text: '' }, spec))
      const ours = giftEnvironment(spec, gifts)
      if (stopTimeout !== null) ours.HOLDFAST_STOP_TIMEOUT_MS = String(stopTimeout)
      const { path, shellUnsafe } = context.environment.of(spec)
      const { find } = this
      const listenPid = spec.sockets.length > 0
      const { file, argv } = executableFor(spec, spec.command, { listenPid, path, shellUnsafe, find })
      const env = context.environment.linesFor(spec, ours)
      const { session, cwd } = spec
      const limit = softNoFile(spec, context.hardNoFile)
      const pid = spawnProcess({ file, argv: [...argv], env, cwd, fds: layout.fds, session, softNoFile: limit })
      context.watch(pid)
      return { request, spec, lane, id: fullId, pid, closeChannel: channel?.close ?? null }
    } catch (error) {
      channel?.close()
      lane.endOfProcess()
      throw error
    } finally {
      fds.close()
      channel?.closeChildEnd()
    }
  }

  /** 0, 1, 2, the sockets from 3 on in their order, then what Holdfast adds. */
  private layOutFds(
    spec: ServiceSpec,
    fds: { out: number; err: number; notify: number; command: number },
    channel: number | null,
  ) {
    const { listeners, devNull } = this.context
    const stdin = spec.stdin === null ? devNull : listeners.get(spec.stdin.socket).fd
    const sockets = spec.sockets.map((name, index) => {
      const { address, spec: socket } = listeners.get(name)
      return { name, fd: 3 + index, starterKey: starterKey(address), backlog: socket.backlog }
    })
    const notifyFd = 3 + sockets.length
    const all = [
      stdin,
      fds.out,
      fds.err,
      ...spec.sockets.map((name) => listeners.get(name).fd),
      fds.notify,
      fds.command,
    ]
    if (channel !== null) all.push(channel)
    return {
      fds: all,
      gifts: { sockets, notifyFd, commandFd: notifyFd + 1, channelFd: channel === null ? null : notifyFd + 2 },
    }
  }

  /** The process runs already: a disk that takes no record must not make it one that nobody knows. */
  private leaveRecord(request: LaunchRequest, { index, output }: Lane, record: WorkerRecord): void {
    const { service, slot, pid } = record
    try {
      request.service.heartbeats.begin(slot, index, pid, output.owner)
      writeRecord(this.context.paths.record(service, slot, index), record)
    } catch (error) {
      const problem = error instanceof Error ? error.message : String(error)
      this.context.onTrouble(request, `no record of pid ${record.pid} for a later supervisor: ${problem}`)
    }
  }

  /** Somebody may have removed the directories under us (a cleaner of /run or /dev/shm): then they are made anew, once. */
  private openLane(request: LaunchRequest, spec: ServiceSpec): { lane: Lane; fds: LaneFds } {
    const onNotify = (chunk: Buffer): void => this.context.onNotify(request, chunk)
    let lane: Lane | null = null
    try {
      lane = this.freeLane(request, spec)
      return { lane, fds: lane.open(spec, onNotify) }
    } catch (error) {
      if ((error as NodeJS.ErrnoException).code !== 'ENOENT') throw error
      this.context.onTrouble(request, 'the runtime directory of the workers was removed; it is made anew')
      lane?.close()
      if (lane !== null) slotRuntime(request.service, request.slot).lanes[lane.index] = null
      restoreWorkerDirectories(this.context.paths)
      request.service.heartbeats.forget()
      const fresh = this.freeLane(request, spec)
      return { lane: fresh, fds: fresh.open(spec, onNotify) }
    }
  }

  private freeLane({ service, slot }: LaunchRequest, spec: ServiceSpec): Lane {
    const runtime = slotRuntime(service, slot)
    const used = new Set([...runtime.processes.values()].map(({ lane }) => lane.index))
    const index: LaneIndex = used.has(0) ? 1 : 0
    if (used.has(index)) throw new Error('both lanes of the slot are taken (bug)')
    if (service.output.key !== outputKey(spec)) service.output = this.context.makeOutput(spec)
    const { output, state } = service
    const known = runtime.lanes[index]
    if (known?.output === output) return known
    known?.close()
    if (known !== null) {
      this.closeUnusedOutput(service, known.output)
      service.heartbeats.forget()
    }
    const { paths, epoll, devNull } = this.context
    makeServiceDirectory(paths.service(state.name), output.owner)
    const lane = new Lane(index, state.name, slot, { paths, epoll, output, devNull })
    runtime.lanes[index] = lane
    return lane
  }

  /** After a change of stdout, stderr or user: the last lane that wrote to the old place is gone. */
  private closeUnusedOutput(service: ServiceRuntime, output: ServiceOutput): void {
    const lanes = [...service.slots.values()].flatMap((slot) => slot.lanes)
    if (output !== service.output && !lanes.some((lane) => lane?.output === output)) void output.log.close()
  }

  private record(
    { slot, number, generation }: LaunchRequest,
    spec: ServiceSpec,
    lane: LaneIndex,
    id: string,
    identity: { pid: number; startTime: number },
  ): WorkerRecord {
    const hash = this.hashes.get(spec) ?? specHash(spec)
    this.hashes.set(spec, hash)
    const { stop, session, cwd, user, sockets } = spec
    const startedAt = new Date().toISOString()
    return {
      version: 1,
      service: spec.name,
      slot,
      lane,
      number,
      generation,
      id,
      ...identity,
      bootId: bootId(),
      startedAt,
      specHash: hash,
      sockets,
      stop,
      session,
      cwd,
      user,
    }
  }
}

/** That the worker writes itself. */
function hasDeadlines({ heartbeat, requestTimeout }: ServiceSpec): boolean {
  return heartbeat !== null || requestTimeout !== null
}
