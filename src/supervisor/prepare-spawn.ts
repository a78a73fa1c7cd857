// All that comes before a worker's spawn: its lane and fds, its environment, its exec chain.

import type { ServiceSpec } from '../config/effective.ts'
import { ladderFor, timeUntilKill } from '../lifecycle/stop-ladder.ts'
import { findCommand } from '../os/command-path.ts'
import type { EpollLoop } from '../os/epoll.ts'
import type { FifoReaders } from '../os/fifo-readers.ts'
import type { SpawnOptions } from '../os/spawn.ts'
import { VARIABLES } from '../wire/worker-environment.ts'
import type { BaseEnvironment } from './base-environment.ts'
import type { EngineHost } from './engine-host.ts'
import { executableFor, softNoFile } from './exec-settings.ts'
import { type IpcChannel, openIpcChannel } from './ipc-channel.ts'
import { Lane, type LaneFds } from './lane.ts'
import type { Listeners } from './listeners.ts'
import { starterKey } from './listeners.ts'
import { giftEnvironment } from './process-environment.ts'
import type { LaneIndex, RuntimePaths } from './runtime-paths.ts'
import { makeServiceDirectory } from './service-directory.ts'
import type { LockGift } from './service-election.ts'
import { outputKey, type ServiceOutput, type ServiceRuntime, slotRuntime } from './service-runtime.ts'
import { restoreWorkerDirectories } from './worker-directories.ts'

export interface LaunchRequest {
  readonly service: ServiceRuntime
  readonly slot: number
  readonly number: number
  readonly generation: number
  /** Of a service with `slots`. */
  readonly lock?: LockGift
}

/** Followed by `settle`, once it is known whether there is a process. */
export interface PreparedSpawn {
  readonly request: LaunchRequest
  readonly spec: ServiceSpec
  readonly lane: Lane
  readonly id: string
  readonly options: SpawnOptions
  readonly closeChannel: (() => void) | null
  /** The child has its fds, or there is none. */
  settle(isRunning: boolean): void
}

export interface PreparationContext {
  readonly host: EngineHost
  readonly paths: RuntimePaths
  readonly epoll: EpollLoop
  readonly readers: FifoReaders
  readonly listeners: Listeners
  readonly devNull: number
  readonly hardNoFile: number
  /** Own part of HOLDFAST_ID that all our processes share. */
  readonly idPrefix: string
  /** HOLDFAST_ID of the Holdfast that runs us, if one does. */
  readonly outerId: string | null
  readonly environment: BaseEnvironment
  readonly makeOutput: (spec: ServiceSpec) => ServiceOutput
  readonly onTrouble: (request: LaunchRequest, problem: string) => void
  readonly onNotify: (request: LaunchRequest, chunk: Buffer) => void
  readonly onIpcReady: (request: LaunchRequest) => void
}

export class SpawnPreparation {
  private readonly context: PreparationContext
  /** Programs found in this turn: a thousand services often run the same one. */
  private readonly found = new Map<string, string>()
  /** Lanes of processes that nobody knows yet. */
  private readonly taken = new Set<Lane>()

  constructor(context: PreparationContext) {
    this.context = context
  }

  /** A file may have come or gone. */
  beginTurn(): void {
    this.found.clear()
  }

  /** @throws Error; nothing is left open then */
  prepare(request: LaunchRequest): PreparedSpawn {
    const { context } = this
    const { service, slot, number, generation } = request
    const spec = service.state.specs[generation]
    if (spec === undefined) throw new Error(`generation ${generation} is not known any more`)
    const id = `${context.idPrefix}.${spec.name}.${slot}.${number}`
    const { lane, fds } = this.openLane(request, spec)
    this.taken.add(lane)
    let channel: IpcChannel | null = null
    const settle = (isRunning: boolean): void => {
      this.taken.delete(lane)
      fds.close()
      lane.letGo()
      channel?.closeChildEnd()
      if (isRunning) return
      channel?.close()
      lane.endOfProcess()
    }
    try {
      channel = spec.ready.by === 'ipc' ? openIpcChannel(context.epoll, () => context.onIpcReady(request)) : null
      const layout = this.layOutFds(spec, fds, channel?.childFd ?? null, request.lock)
      const fullId = context.outerId === null ? id : `${context.outerId}/${id}`
      const gifts = {
        id: fullId,
        slot,
        generation,
        role: request.lock?.role ?? 'main',
        token: request.lock?.token ?? null,
        mainSlot: request.lock?.slot ?? null,
        heartbeat: service.heartbeats.prepare(slot, lane.index, lane.output.owner, hasDeadlines(spec)),
        ...layout.gifts,
      } as const
      const stopTimeout = timeUntilKill(ladderFor({ kind: 'stop', text: '' }, spec))
      const ours = giftEnvironment(spec, gifts)
      if (stopTimeout !== null) ours.HOLDFAST_STOP_TIMEOUT_MS = String(stopTimeout)
      const { path, shellUnsafe } = context.environment.of(spec)
      const { find } = this
      const own = context.host.workers
      if (own !== undefined) Object.assign(ours, own.environment({ service: spec.name, slot }))
      const inherited = own?.inherited?.() ?? []
      if (inherited.length > 0) ours[VARIABLES.lifelineFd] = String(layout.fds.length)
      const allFds = [...layout.fds, ...inherited]
      const listenPid = spec.sockets.length > 0 && (own?.wantsListenPid ?? true)
      const { file, argv } = executableFor(spec, spec.command, { listenPid, path, shellUnsafe, find })
      const env = context.environment.linesFor(spec, ours)
      const { session, cwd } = spec
      const limit = softNoFile(spec, context.hardNoFile)
      const options = { file, argv, env, cwd, fds: allFds, session, softNoFile: limit }
      return { request, spec, lane, id: fullId, options, closeChannel: channel?.close ?? null, settle }
    } catch (error) {
      settle(false)
      throw error
    }
  }

  /** 0, 1, 2, the sockets from 3 on in their order, then what Holdfast adds. */
  private layOutFds(
    spec: ServiceSpec,
    fds: { out: number; err: number; notify: number; command: number },
    channel: number | null,
    lock: LockGift | undefined,
  ) {
    const { listeners, devNull } = this.context
    // Commands as words come on stdin, from the same FIFO as otherwise the messages.
    const byWords = spec.stdin === 'commands'
    const stdin = this.standardInput(spec, fds.command)
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
      byWords ? devNull : fds.command,
    ]
    if (channel !== null) all.push(channel)
    all.push(...(lock?.fds ?? []))
    return {
      fds: all,
      gifts: {
        sockets,
        notifyFd,
        commandFd: byWords ? null : notifyFd + 1,
        channelFd: channel === null ? null : notifyFd + 2,
        lockFds: lock?.fds.map((_, index) => all.length - lock.fds.length + index) ?? [],
      },
    }
  }

  private standardInput({ stdin }: ServiceSpec, commands: number): number {
    if (stdin === null) return this.context.devNull
    return stdin === 'commands' ? commands : this.context.listeners.get(stdin.socket).fd
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
    const used = new Set<unknown>([...runtime.processes.values()].map(({ lane }) => lane))
    const isFree = (index: LaneIndex): boolean => {
      const lane = runtime.lanes[index]
      return lane === null || !(used.has(lane) || this.taken.has(lane))
    }
    const index: LaneIndex = isFree(0) ? 0 : 1
    if (!isFree(index)) throw new Error('both lanes of the slot are taken (bug)')
    if (service.output.key !== outputKey(spec)) service.output = this.context.makeOutput(spec)
    const { output, state } = service
    const known = runtime.lanes[index]
    if (known?.output === output) return known
    known?.close()
    if (known !== null) {
      this.closeUnusedOutput(service, known.output)
      service.heartbeats.forget()
    }
    const { paths, readers, devNull } = this.context
    makeServiceDirectory(paths.service(state.name), output.owner)
    const lane = new Lane(index, state.name, slot, { paths, readers, output, devNull })
    runtime.lanes[index] = lane
    return lane
  }

  /** After a change of stdout, stderr or user: the last lane that wrote to the old place is gone. */
  private closeUnusedOutput(service: ServiceRuntime, output: ServiceOutput): void {
    const lanes = [...service.slots.values()].flatMap((slot) => slot.lanes)
    if (output !== service.output && !lanes.some((lane) => lane?.output === output)) void output.log.close()
  }

  private readonly find: typeof findCommand = (command, path, cwd) => {
    const key = `${command}\0${path}\0${cwd}`
    const known = this.found.get(key)
    if (known !== undefined) return known
    const file = findCommand(command, path, cwd)
    this.found.set(key, file)
    return file
  }
}

/** That the worker writes itself. */
function hasDeadlines({ heartbeat, requestTimeout }: ServiceSpec): boolean {
  return heartbeat !== null || requestTimeout !== null
}
