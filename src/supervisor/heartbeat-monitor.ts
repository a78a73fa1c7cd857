// Reads the heartbeat tables once a tick, and ticks only while a service asks for it.
import { lstatSync } from 'node:fs'
import { freshVitals, heard, type Overdue, overdue, shifted } from '../lifecycle/heartbeat.ts'
import type { ProcessEffect } from '../lifecycle/process-effect.ts'
import { LONGEST_EXTENSION } from '../lifecycle/process-transition.ts'
import { monotonicMillis } from '../os/monotonic-clock.ts'
import type { HeartbeatSlot } from '../wire/heartbeat-slot.ts'
import type { RunningProcess, ServiceRuntime } from './service-runtime.ts'
import type { SupervisedClock } from './supervised-clock.ts'

const UNSEEN: ProcessEffect = {
  do: 'note',
  event: 'heartbeat-unseen',
  reason: 'its heartbeat table was removed: whether it hangs can not be seen any more, until it is restarted',
}
const LONGEST_TICK = 500
const SHORTEST_TICK = 25

interface Watched {
  readonly service: ServiceRuntime
  /** Inode of the table that the worker was given, null: there was none, and none is needed. */
  readonly table: number | null
  /** It says WATCHDOG=1, which needs no table. */
  speaks: boolean
}

export class HeartbeatMonitor {
  private readonly watched = new Map<RunningProcess, Watched>()
  private readonly clock: SupervisedClock
  private readonly onOverdue: (process: RunningProcess, overdue: Overdue) => void
  private readonly onFinishing: (process: RunningProcess) => void
  private readonly onUnseen: (service: ServiceRuntime, process: RunningProcess, note: ProcessEffect) => void
  private readonly onBeat: (process: RunningProcess) => void
  private timer: NodeJS.Timeout | null = null
  private interval = LONGEST_TICK

  constructor(
    clock: SupervisedClock,
    onOverdue: (process: RunningProcess, overdue: Overdue) => void,
    onFinishing: (process: RunningProcess) => void,
    onUnseen: (service: ServiceRuntime, process: RunningProcess, note: ProcessEffect) => void = () => {},
    onBeat: (process: RunningProcess) => void = () => {},
  ) {
    this.clock = clock
    this.onOverdue = onOverdue
    this.onFinishing = onFinishing
    this.onUnseen = onUnseen
    this.onBeat = onBeat
  }

  /** From ready on. Services without heartbeat and request deadlines cost nothing. */
  watch(service: ServiceRuntime, process: RunningProcess): void {
    const { heartbeat, requestTimeout } = process.spec
    process.vitals = freshVitals(monotonicMillis(), process.spec)
    process.lastSeen = this.clock.now()
    if (heartbeat === null && requestTimeout === null) return
    const table = process.inside === null ? inodeOf(service.heartbeats.path) : null
    this.watched.set(process, { service, table, speaks: false })
    this.retime()
  }

  forget(process: RunningProcess): void {
    if (this.watched.delete(process)) this.retime()
  }

  /** WATCHDOG=1 */
  beat(process: RunningProcess): void {
    if (process.vitals === null || process.spec.heartbeat === null) return
    const watched = this.watched.get(process)
    if (watched !== undefined) watched.speaks = true
    const deadline = monotonicMillis() + process.spec.heartbeat.timeout
    process.vitals = heard(process.vitals, deadline, process.vitals.requestDeadline)
    process.lastSeen = this.clock.now()
    this.onBeat(process)
  }

  /** The supervisor did not run for so long. */
  shift(gap: number): void {
    for (const process of this.watched.keys()) {
      if (process.vitals !== null) process.vitals = shifted(process.vitals, gap)
    }
  }

  /** Takes over what the worker last wrote: for status, and before a deadline acts. */
  refresh(service: ServiceRuntime, processes: readonly RunningProcess[]): void {
    if (processes.length === 0) return
    const entries = entriesOf(service, processes)
    for (const [index, process] of processes.entries()) {
      const entry = entries[index]
      if (!entry) continue
      process.requests = entry.requests
      process.busyMillis = entry.busy / 1e6
      if (process.vitals === null) continue
      const before = process.vitals
      const requestDeadline = entry.requestDeadline === 0 ? null : entry.requestDeadline / 1e6
      process.vitals = heard(before, believable(entry.deadline / 1e6, process), requestDeadline)
      if (process.vitals.heartbeatDeadline !== before.heartbeatDeadline) {
        const timeout = process.spec.heartbeat?.timeout ?? 0
        process.lastSeen =
          this.clock.now() - Math.max(0, monotonicMillis() - (process.vitals.heartbeatDeadline - timeout))
        this.onBeat(process)
      }
      if (entry.state === 'finishing') this.onFinishing(process)
    }
  }

  close(): void {
    this.watched.clear()
    this.retime()
  }

  private retime(): void {
    let interval = LONGEST_TICK
    for (const { spec } of this.watched.keys()) {
      const shortest = Math.min(spec.heartbeat?.timeout ?? LONGEST_TICK, spec.requestTimeout ?? LONGEST_TICK)
      interval = Math.min(interval, Math.max(SHORTEST_TICK, shortest / 4))
    }
    if (this.watched.size > 0 && this.timer !== null && interval === this.interval) return
    if (this.timer !== null) clearInterval(this.timer)
    this.interval = interval
    const idle = this.watched.size === 0
    this.timer = idle ? null : setInterval(() => this.tick(), interval)
    this.clock.expectWake('heartbeat', idle ? null : this.clock.now() + interval)
  }

  private tick(): void {
    // The clock notices a gap (and shifts the deadlines) before any of them is looked at. What a worker writes right
    // after a common pause is seen after one more turn of the loop.
    this.clock.expectWake('heartbeat', this.clock.now() + this.interval)
    setImmediate(() => this.look())
  }

  private look(): void {
    const byService = new Map<ServiceRuntime, RunningProcess[]>()
    for (const [process, { service }] of this.watched) {
      const list = byService.get(service)
      if (list === undefined) byService.set(service, [process])
      else list.push(process)
    }
    for (const [service, processes] of byService) this.refresh(service, processes)
    const now = monotonicMillis()
    for (const [process, watched] of [...this.watched]) {
      const late = process.vitals === null ? null : overdue(process.vitals, now, process.spec)
      if (late === null) continue
      if (canBeHeard(watched)) this.onOverdue(process, late)
      else this.lose(watched.service, process)
    }
  }

  /** Its table was removed under it: it beats where nobody can look. That is no reason to kill it. */
  private lose(service: ServiceRuntime, process: RunningProcess): void {
    this.forget(process)
    this.onUnseen(service, process, UNSEEN)
  }
}

/** What each last wrote: in the table of its service, or in memory that we share with it. */
function entriesOf(service: ServiceRuntime, processes: readonly RunningProcess[]): (HeartbeatSlot | null)[] {
  const outside = processes.filter(({ inside }) => inside === null)
  const addresses = outside.map(({ slot, lane, identity }) => ({ slot, lane: lane.index, pid: identity.pid }))
  const entries = addresses.length === 0 ? [] : service.heartbeats.read(addresses)
  return processes.map(({ inside }) => (inside === null ? (entries.shift() ?? null) : inside.heartbeat()))
}

function canBeHeard({ service, table, speaks }: Watched): boolean {
  return speaks || table === null || inodeOf(service.heartbeats.path) === table
}

/**
 * One that is further away was written by mistake (another clock, another unit): with it nobody would ever see the worker
 * hang. 0: it does not count.
 */
function believable(deadline: number, { spec }: RunningProcess): number {
  const furthest = monotonicMillis() + Math.max(spec.heartbeat?.timeout ?? 0, LONGEST_EXTENSION)
  return deadline > furthest ? 0 : deadline
}

function inodeOf(path: string): number | null {
  return lstatSync(path, { throwIfNoEntry: false })?.ino ?? null
}
