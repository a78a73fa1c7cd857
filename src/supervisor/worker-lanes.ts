// Finds a process its lane: one of the two of its slot, with its FIFOs made and our ends of them open.
import type { ServiceSpec } from '../config/effective.ts'
import type { FifoReaders } from '../os/fifo-readers.ts'
import { Lane } from './lane.ts'
import type { LaunchRequest } from './prepare-spawn.ts'
import type { LaneIndex, RuntimePaths } from './runtime-paths.ts'
import { makeServiceDirectory } from './service-directory.ts'
import { outputKey, type ServiceOutput, type ServiceRuntime, slotRuntime } from './service-runtime.ts'
import { restoreWorkerDirectories } from './worker-directories.ts'

export interface WorkerLanesContext {
  readonly paths: RuntimePaths
  readonly readers: FifoReaders
  readonly devNull: number
  /** See LaneContext. */
  readonly endsForkservers: boolean
  readonly makeOutput: (spec: ServiceSpec) => ServiceOutput
  readonly onTrouble: (request: LaunchRequest, problem: string) => void
}

export class WorkerLanes {
  private readonly context: WorkerLanesContext
  /** Lanes of processes that nobody knows yet. */
  private readonly taken = new Set<Lane>()

  constructor(context: WorkerLanesContext) {
    this.context = context
  }

  /**
   * Somebody may have removed the directories under us (a cleaner of /run or /dev/shm): then they are made anew, once. The lane is
   * taken until `giveBack`. @throws OsError
   */
  take<Opened>(
    request: LaunchRequest,
    spec: ServiceSpec,
    open: (lane: Lane) => Opened,
  ): { readonly lane: Lane; readonly opened: Opened } {
    let lane: Lane | null = null
    try {
      lane = this.freeLane(request, spec)
      return this.taking(lane, open(lane))
    } catch (error) {
      if ((error as NodeJS.ErrnoException).code !== 'ENOENT') throw error
      this.context.onTrouble(request, 'the runtime directory of the workers was removed; it is made anew')
      lane?.close()
      if (lane !== null) slotRuntime(request.service, request.slot).lanes[lane.index] = null
      restoreWorkerDirectories(this.context.paths)
      request.service.heartbeats.forget()
      const fresh = this.freeLane(request, spec)
      return this.taking(fresh, open(fresh))
    }
  }

  /** Its process is known, or there is none. */
  giveBack(lane: Lane): void {
    this.taken.delete(lane)
  }

  private taking<Opened>(lane: Lane, opened: Opened): { lane: Lane; opened: Opened } {
    this.taken.add(lane)
    return { lane, opened }
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
    const { paths, readers, devNull, endsForkservers } = this.context
    makeServiceDirectory(paths.service(state.name), output.owner)
    const lane = new Lane(index, state.name, slot, { paths, readers, output, devNull, endsForkservers })
    runtime.lanes[index] = lane
    return lane
  }

  /** After a change of stdout, stderr or user: the last lane that wrote to the old place is gone. */
  private closeUnusedOutput(service: ServiceRuntime, output: ServiceOutput): void {
    const lanes = [...service.slots.values()].flatMap((slot) => slot.lanes)
    if (output !== service.output && !lanes.some((lane) => lane?.output === output)) void output.log.close()
  }
}
