// All that comes before a worker's spawn: its lane and fds, its environment, its exec chain.

import type { ServiceSpec } from '../config/effective.ts'
import { coldCommand } from '../forkserver/runner-command.ts'
import { ladderFor, timeUntilKill } from '../lifecycle/stop-ladder.ts'
import { findCommand } from '../os/command-path.ts'
import type { EpollLoop } from '../os/epoll.ts'
import type { SpawnOptions } from '../os/spawn.ts'
import { VARIABLES } from '../wire/worker-environment.ts'
import type { BaseEnvironment } from './base-environment.ts'
import type { EngineHost, WorkerHost } from './engine-host.ts'
import { executableFor, softNoFile } from './exec-settings.ts'
import { instanceOf } from './forkserver-name.ts'
import { type IpcChannel, openIpcChannel } from './ipc-channel.ts'
import type { Lane } from './lane.ts'
import type { Listeners } from './listeners.ts'
import { starterKey } from './listeners.ts'
import { forkserverEnvironment, giftEnvironment, type ProcessGifts, proxyEnvironment } from './process-environment.ts'
import type { LockGift } from './service-election.ts'
import type { ServiceRuntime } from './service-runtime.ts'
import type { WorkerLanes } from './worker-lanes.ts'

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
  readonly epoll: EpollLoop
  readonly listeners: Listeners
  readonly devNull: number
  readonly hardNoFile: number
  /** Own part of HOLDFAST_ID that all our processes share. */
  readonly idPrefix: string
  /** HOLDFAST_ID of the Holdfast that runs us, if one does. */
  readonly outerId: string | null
  readonly environment: BaseEnvironment
  readonly lanes: WorkerLanes
  readonly onNotify: (request: LaunchRequest, chunk: Buffer) => void
  readonly onIpcReady: (request: LaunchRequest) => void
  /** Of a forkserver that is not ours: what it writes of its workers if it is a proxy of ControlFreak. Null: it is ours. */
  readonly proxyLog: (forkserver: string) => ((chunk: Buffer) => void) | null
}

export class SpawnPreparation {
  private readonly context: PreparationContext
  /** Programs found in this turn: a thousand services often run the same one. */
  private readonly found = new Map<string, string>()

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
    const onNotify = (chunk: Buffer): void => context.onNotify(request, chunk)
    const { lane, opened: fds } = context.lanes.take(request, spec, (one) => one.open(spec, onNotify))
    let channel: IpcChannel | null = null
    let log: ReturnType<Lane['openLog']> | null = null
    const settle = (isRunning: boolean): void => {
      context.lanes.giveBack(lane)
      fds.close()
      log?.close()
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
      const own = context.host.workers
      const forkserver = instanceOf(spec.name)
      const onLog = forkserver === null ? null : context.proxyLog(spec.name)
      log = onLog === null ? null : lane.openLog(onLog)
      if (log !== null) layout.fds.push(log.fd)
      const asProxy = log === null ? {} : proxyEnvironment(layout.gifts, layout.fds.length - 1)
      const ours =
        forkserver === null
          ? workerEnvironment(request, spec, lane, fullId, layout.gifts, own)
          : {
              ...forkserverEnvironment({ ...forkserver, id: fullId, ...layout.gifts }),
              ...asProxy,
              ...own?.forkserverEnvironment?.(),
            }
      const { path, shellUnsafe } = context.environment.of(spec)
      const { find } = this
      const inherited = own?.inherited?.() ?? []
      if (inherited.length > 0) ours[VARIABLES.lifelineFd] = String(layout.fds.length)
      const allFds = [...layout.fds, ...inherited]
      const listenPid = forkserver === null && spec.sockets.length > 0 && (own?.wantsListenPid ?? true)
      const { file, argv } = executableFor(spec, commandOf(spec), { listenPid, path, shellUnsafe, find })
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
    const given = spec.sockets.map((name) =>
      instanceOf(spec.name) === null ? listeners.get(name) : listeners.find(name),
    )
    const sockets = given.flatMap((listener, index) => {
      // A forkserver outlives the sockets of services that are gone; the others keep their numbers.
      if (listener === null) return []
      const { name, address, spec: socket } = listener
      return [{ name, fd: 3 + index, starterKey: starterKey(address), backlog: socket.backlog }]
    })
    const notifyFd = 3 + given.length
    const all = [
      stdin,
      fds.out,
      fds.err,
      ...given.map((listener) => listener?.fd ?? devNull),
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

  private readonly find: typeof findCommand = (command, path, cwd) => {
    const key = `${command}\0${path}\0${cwd}`
    const known = this.found.get(key)
    if (known !== undefined) return known
    const file = findCommand(command, path, cwd)
    this.found.set(key, file)
    return file
  }
}

/** Of a worker whose forkserver can not fork it. @throws Error where nobody knows how else to start it */
function commandOf({ command, forkserver, entry }: ServiceSpec): readonly string[] {
  if (forkserver === null) return command
  const cold = coldCommand(forkserver, entry)
  if (cold === null)
    throw new Error(`without its forkserver ${forkserver.name}, which has a command of its own, it can not be started`)
  return cold
}

/** What the process of a worker finds, however it is made. */
export function workerEnvironment(
  { service, slot, generation, lock }: LaunchRequest,
  spec: ServiceSpec,
  lane: Lane,
  id: string,
  layout: Pick<ProcessGifts, 'sockets' | 'notifyFd' | 'commandFd' | 'channelFd' | 'lockFds'>,
  own: WorkerHost | undefined,
): Record<string, string> {
  const ours = giftEnvironment(spec, {
    id,
    slot,
    generation,
    role: lock?.role ?? 'main',
    token: lock?.token ?? null,
    mainSlot: lock?.slot ?? null,
    heartbeat: service.heartbeats.prepare(slot, lane.index, lane.output.owner, hasDeadlines(spec)),
    ...layout,
  })
  const stopTimeout = timeUntilKill(ladderFor({ kind: 'stop', text: '' }, spec))
  if (stopTimeout !== null) ours.HOLDFAST_STOP_TIMEOUT_MS = String(stopTimeout)
  if (own !== undefined) Object.assign(ours, own.environment({ service: spec.name, slot }))
  return ours
}

/** That the worker writes itself. */
function hasDeadlines({ heartbeat, requestTimeout }: ServiceSpec): boolean {
  return heartbeat !== null || requestTimeout !== null
}
