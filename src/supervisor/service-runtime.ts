// What the interpreter keeps of a service beside its pure state: open things, and what the worker said of itself.
import type { ServiceSpec } from '../config/effective.ts'
import type { Vitals } from '../lifecycle/heartbeat.ts'
import type { Instant, ProcessIdentity } from '../lifecycle/process-state.ts'
import { currentOf, type SlotState } from '../lifecycle/slot-state.ts'
import type { ServiceLog } from '../logs/service-log.ts'
import type { ServiceState } from '../rollout/service-state.ts'
import type { HeartbeatSlot } from '../wire/heartbeat-slot.ts'
import type { NotifyParser } from '../wire/notify-text.ts'
import type { HeartbeatTable } from './heartbeat-table.ts'
import type { InProcessWorker } from './in-process-worker.ts'
import type { Lane } from './lane.ts'
import type { WorkerLane } from './worker-lane.ts'

export interface InProcessBody {
  readonly worker: InProcessWorker
  /** What it last wrote; null before its first word. */
  readonly heartbeat: () => HeartbeatSlot | null
}

/** A process (or what stands for one) that was spawned and is not gone yet. */
export interface RunningProcess {
  readonly service: string
  readonly slot: number
  readonly number: number
  readonly generation: number
  readonly spec: ServiceSpec
  readonly lane: WorkerLane
  /** Pid 0 where it is no process. */
  readonly identity: ProcessIdentity
  /** Null: it is a thread of ours, or code in our own event loop. */
  readonly pid: number | null
  /** What it is then. */
  readonly inside: InProcessBody | null
  readonly id: string
  readonly startedAt: Instant
  /** Deadlines that it writes itself; null until it is ready. */
  vitals: Vitals | null
  /** Supervisor time of its last sign of life. */
  lastSeen: Instant | null
  /** STATUS= */
  message: string
  requests: number | null
  busyMillis: number | null
  /** Cuts what it says on its notification fd into messages; made with its first word. */
  notify: NotifyParser | null
  /** Ends the readiness probe under way. */
  stopProbe: (() => void) | null
  /** Ends the reading of its IPC channel. */
  closeChannel: (() => void) | null
}

/** Of one that has just been started. */
export const NOTHING_HEARD = {
  vitals: null,
  lastSeen: null,
  message: '',
  requests: null,
  busyMillis: null,
  notify: null,
  stopProbe: null,
} as const satisfies Partial<RunningProcess>

export interface SlotRuntime {
  readonly lanes: [Lane | null, Lane | null]
  readonly processes: Map<number, RunningProcess>
  /** The last lines of the process that ended last, for error messages. */
  lastOutput: readonly string[]
  /** What its programs have left running in the background, as it was last seen. */
  daemons: readonly ProcessIdentity[]
}

/** Where the output of processes with the same stdout, stderr, user and group goes, and whom their files belong to. */
export interface ServiceOutput {
  readonly key: string
  readonly log: ServiceLog
  readonly owner: { readonly uid: number; readonly gid: number } | null
}

export interface ServiceRuntime {
  state: ServiceState
  /** Of the newest spec that a process was started from; lanes of older processes keep theirs. */
  output: ServiceOutput
  readonly heartbeats: HeartbeatTable
  readonly slots: Map<number, SlotRuntime>
  /** Descendants outside of the process groups that are being ended. */
  strays: number
}

/** Specs with the same key share files and FIFOs. */
export function outputKey({ stdout, stderr, user, group }: ServiceSpec): string {
  return JSON.stringify([stdout, stderr, user, group])
}

export function slotRuntime(service: ServiceRuntime, slot: number): SlotRuntime {
  const known = service.slots.get(slot)
  if (known !== undefined) return known
  const made: SlotRuntime = { lanes: [null, null], processes: new Map(), lastOutput: [], daemons: [] }
  service.slots.set(slot, made)
  return made
}

/** After a scale down: the fds of slots that are no more. Their FIFOs stay, for the next scale up. */
export function closeUnusedSlots({ slots, state }: ServiceRuntime): void {
  for (const [slot, { lanes }] of slots) {
    if (slot < state.slots.length) continue
    for (const lane of lanes) lane?.close()
    slots.delete(slot)
  }
}

/** The process in service of a slot, if it is there. */
export function currentProcess(service: ServiceRuntime, slot: SlotState): RunningProcess | null {
  const live = currentOf(slot.phase)
  return live === null ? null : (service.slots.get(slot.slot)?.processes.get(live.number) ?? null)
}
