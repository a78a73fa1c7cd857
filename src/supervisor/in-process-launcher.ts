// Starts workers inside our process. What a process gets as descriptors and files they get as memory: no FIFO, no record, no
// heartbeat table, and no pid.
import { closeSync } from 'node:fs'
import type { ServiceSpec } from '../config/effective.ts'
import { ladderFor, timeUntilKill } from '../lifecycle/stop-ladder.ts'
import { duplicateFd } from '../os/duplicate-fd.ts'
import type { WaitStatus } from '../os/reap.ts'
import { newHeartbeatMemory, SharedHeartbeat } from '../wire/shared-heartbeat.ts'
import { isTaken, type SocketGift } from '../wire/thread-gift.ts'
import type { WorkerHost } from './engine-host.ts'
import { InProcessLane } from './in-process-lane.ts'
import type { InProcessRunner } from './in-process-worker.ts'
import type { Listeners } from './listeners.ts'
import type { LaunchRequest } from './prepare-spawn.ts'
import { nameEnvironment } from './process-environment.ts'
import type { LaneIndex } from './runtime-paths.ts'
import { NOTHING_HEARD, type RunningProcess, slotRuntime } from './service-runtime.ts'
import type { SupervisedClock } from './supervised-clock.ts'
import type { WorkerLauncher } from './worker-launcher.ts'

export interface InProcessLauncherContext {
  readonly runner: InProcessRunner
  readonly workers: WorkerHost
  readonly clock: SupervisedClock
  readonly listeners: Listeners
  readonly inherited: Readonly<Record<string, string>>
  /** Own part of HOLDFAST_ID that all our workers share. */
  readonly idPrefix: string
  readonly outerId: string | null
  readonly onSpawned: (process: RunningProcess) => void
  readonly onFailed: (request: LaunchRequest, error: string) => void
  readonly onTrouble: (request: LaunchRequest, problem: string) => void
  readonly onNotify: (request: LaunchRequest, chunk: Buffer) => void
  readonly onEnded: (process: RunningProcess, status: WaitStatus) => void
}

/** Refused by every call that takes a pid, should one ever get it. */
const NO_PID = 0

export class InProcessLauncher implements WorkerLauncher {
  private readonly context: InProcessLauncherContext
  private readonly lanes = new Map<string, InProcessLane>()
  private started = 0

  constructor(context: InProcessLauncherContext) {
    this.context = context
  }

  request(request: LaunchRequest): void {
    try {
      this.start(request)
    } catch (error) {
      this.context.onFailed(request, error instanceof Error ? error.message : String(error))
    }
  }

  cancel(): boolean {
    return false
  }

  bulk(act: () => void): void {
    act()
  }

  whenSettled(act: () => void): void {
    act()
  }

  close(): void {}

  private start(request: LaunchRequest): void {
    const { context } = this
    const { service, slot, number, generation } = request
    const spec = service.state.specs[generation]
    if (spec === undefined) throw new Error(`generation ${generation} is not known any more`)
    const own = `${context.idPrefix}.${spec.name}.${slot}.${number}`
    const id = context.outerId === null ? own : `${context.outerId}/${own}`
    const lane = this.freeLane(request, spec)
    const environment = this.environmentOf(request, spec, id)
    const memory = newHeartbeatMemory()
    const sockets = this.duplicates(spec)
    const taken = new SharedArrayBuffer(sockets.length)
    const closeRest = (): void => {
      for (const [index, { fd }] of sockets.entries()) if (!isTaken(taken, index)) closeSync(fd)
    }
    const order = { worker: `${spec.name}/${slot}`, environment, sockets, taken, heartbeat: memory }
    const ears = {
      said: (line: string) => context.onNotify(request, Buffer.from(`${line}\n`)),
      note: (reason: string) => context.onTrouble(request, reason),
      ended: (status: WaitStatus) => {
        closeRest()
        context.onEnded(process, status)
      },
    }
    let inside: RunningProcess['inside']
    try {
      const worker = context.runner.start({ ...order, out: lane.out, err: lane.err }, ears)
      const shared = new SharedHeartbeat(memory)
      inside = { worker, heartbeat: () => shared.read() }
    } catch (error) {
      closeRest()
      throw error
    }
    const process: RunningProcess = {
      service: spec.name,
      slot,
      number,
      generation,
      spec,
      lane,
      // The start time tells it from the others, as that of a process does.
      identity: { pid: NO_PID, startTime: ++this.started },
      pid: null,
      inside,
      id,
      startedAt: context.clock.now(),
      ...NOTHING_HEARD,
      closeChannel: null,
    }
    context.onSpawned(process)
  }

  private environmentOf({ slot, generation }: LaunchRequest, spec: ServiceSpec, id: string): Record<string, string> {
    const { inherited, workers } = this.context
    const environment = {
      ...inherited,
      ...spec.env,
      ...nameEnvironment(spec, { id, slot, generation, role: 'main' }),
      ...workers.environment({ service: spec.name, slot }),
    }
    const stopTimeout = timeUntilKill(ladderFor({ kind: 'stop', text: '' }, spec))
    return stopTimeout === null ? environment : { ...environment, HOLDFAST_STOP_TIMEOUT_MS: String(stopTimeout) }
  }

  /** Closing the listener's own descriptor in one worker would close it for all of them. */
  private duplicates(spec: ServiceSpec): SocketGift[] {
    const made: SocketGift[] = []
    try {
      for (const name of spec.sockets) {
        const { fd, spec: socket } = this.context.listeners.get(name)
        made.push({ name, fd: duplicateFd(fd), backlog: socket.backlog })
      }
      return made
    } catch (error) {
      for (const { fd } of made) closeSync(fd)
      throw error
    }
  }

  private freeLane({ service, slot }: LaunchRequest, spec: ServiceSpec): InProcessLane {
    const used = new Set([...slotRuntime(service, slot).processes.values()].map(({ lane }) => lane.index))
    const index: LaneIndex = used.has(0) ? 1 : 0
    if (used.has(index)) throw new Error('both lanes of the slot are taken (bug)')
    const worker = `${spec.name}/${slot}`
    const key = `${worker}/${index}`
    const lane = this.lanes.get(key) ?? new InProcessLane(index, worker, spec, service.output)
    this.lanes.set(key, lane)
    lane.begin()
    return lane
  }
}
