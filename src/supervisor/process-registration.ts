// A process is there: its record for a later supervisor, and the news of it, before anybody can hear of its death.
import { specHash } from '../config/diff.ts'
import type { ServiceSpec } from '../config/effective.ts'
import { bootId } from '../os/boot-id.ts'
import type { ProcessIdentity } from '../os/process-identity.ts'
import type { Lane } from './lane.ts'
import type { LaunchRequest } from './prepare-spawn.ts'
import type { LaneIndex, RuntimePaths } from './runtime-paths.ts'
import { NOTHING_HEARD, type RunningProcess } from './service-runtime.ts'
import type { SupervisedClock } from './supervised-clock.ts'
import { type WorkerRecord, writeRecord } from './worker-record.ts'

export interface RegistrationContext {
  readonly paths: RuntimePaths
  readonly clock: SupervisedClock
  readonly onSpawned: (process: RunningProcess) => void
  readonly onTrouble: (request: LaunchRequest, problem: string) => void
}

export interface NewProcess {
  readonly request: LaunchRequest
  readonly spec: ServiceSpec
  readonly lane: Lane
  readonly id: string
  /** Which of its descriptors is the notification FIFO; null: nobody knows. */
  readonly notifyFd: number | null
  readonly closeChannel: (() => void) | null
}

export class ProcessRegistration {
  private readonly context: RegistrationContext
  private readonly hashes = new WeakMap<ServiceSpec, string>()

  constructor(context: RegistrationContext) {
    this.context = context
  }

  register({ request, spec, lane, id, notifyFd, closeChannel }: NewProcess, identity: ProcessIdentity): RunningProcess {
    const { slot, number, generation } = request
    lane.belongsTo(identity.pid, notifyFd)
    this.leaveRecord(request, lane, this.record(request, spec, lane.index, id, identity))
    const process: RunningProcess = {
      service: spec.name,
      slot,
      number,
      generation,
      spec,
      lane,
      identity,
      pid: identity.pid,
      inside: null,
      id,
      startedAt: this.context.clock.now(),
      ...NOTHING_HEARD,
      closeChannel,
    }
    this.context.onSpawned(process)
    return process
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
