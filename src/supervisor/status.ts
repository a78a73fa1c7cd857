// From the engine's state to what `status` shows.
import type { ServiceSpec } from '../config/effective.ts'
import { describeExit } from '../lifecycle/exit-reason.ts'
import { type Instant, isServing, type ProcessExit } from '../lifecycle/process-state.ts'
import { currentOf, type SlotState, slotIsParked, slotIsUp, slotServes } from '../lifecycle/slot-state.ts'
import { isAlive } from '../os/process-identity.ts'
import { expectedTurn, isWanted, readyCount, type ServiceState, specOf, wantedSlots } from '../rollout/service-state.ts'
import type { Elections } from './elections.ts'
import { currentProcess, type RunningProcess, type ServiceRuntime } from './service-runtime.ts'
import type {
  ExitReport,
  OtherProcessReport,
  ServiceReport,
  ServiceStateName,
  WorkerReport,
  WorkerStateName,
} from './status-report.ts'
import type { SupervisedClock } from './supervised-clock.ts'

export interface Usage {
  readonly rss: number
  readonly cpuSeconds: number
}

export interface StatusSources {
  readonly clock: SupervisedClock
  readonly iso: (at: Instant) => string
  readonly brief: boolean
  readonly usageOf: (pid: number) => Usage | null
  /** Null: not asked for. */
  readonly pssOf: ((pid: number) => number | null) | null
  readonly elections: Pick<Elections, 'roleOf'>
}

/** `slots` null: all. */
export function reportService(
  runtime: ServiceRuntime,
  slots: readonly number[] | null,
  sources: StatusSources,
): ServiceReport {
  const { state } = runtime
  const spec = specOf(state, state.generation)
  const shown = state.slots.filter((slot) => slots === null || slots.includes(slot.slot))
  return {
    name: state.name,
    description: spec.description,
    tags: [...spec.tags],
    state: serviceStateName(state),
    desired: state.wanted === 'up' ? state.desired : 0,
    ready: readyCount(state),
    generation: state.generation,
    target: state.goal,
    rollout: { state: state.rollout.is, reason: rolloutReason(state) },
    workers: shown.map((slot) => (sources.brief ? reportBriefly : reportWorker)(runtime, slot, sources)),
  }
}

export function serviceStateName(state: ServiceState): ServiceStateName {
  const live = state.slots.filter((slot) => slot.phase.is !== 'stopped' || slot.other !== null)
  if (live.length === 0) return 'stopped'
  if (state.wanted === 'down') return 'stopping'
  const wanted = wantedSlots(state)
  if (wanted.length === 0) return live.some((slot) => slot.phase.is === 'stopping') ? 'stopping' : 'stopped'
  const serving = wanted.filter(slotIsUp).length
  if (serving === state.desired) return 'running'
  if (serving > 0) return 'degraded'
  const names = new Set(wanted.map((slot) => workerStateName(state, slot)))
  // Those that wait for their turn come after one that starts.
  for (const name of ['fatal', 'backoff', 'starting', 'waiting', 'stopping', 'exited'] as const) {
    if (names.has(name)) return name
  }
  // One that has announced its end, or is being reloaded, runs all the same.
  return names.has('running') ? 'degraded' : 'stopped'
}

/** What is kept back, or has to wait for its turn, is not asked for yet, whatever its slot thinks. */
function workerStateName(state: ServiceState, slot: SlotState): WorkerStateName {
  return slotIsParked(slot) || expectedTurn(state, slot.slot) !== null ? 'waiting' : slot.phase.is
}

function nextStart(state: ServiceState, { slot, phase }: SlotState, iso: StatusSources['iso']): string | null {
  const at = phase.is === 'backoff' ? phase.until : expectedTurn(state, slot)
  return at === null ? null : iso(at)
}

function reportWorker(runtime: ServiceRuntime, slot: SlotState, sources: StatusSources): WorkerReport {
  const { clock, iso } = sources
  const { state } = runtime
  const live = currentOf(slot.phase)
  const process = currentProcess(runtime, slot)
  const spec = specOf(state, live?.generation ?? state.generation)
  const pid = process?.pid ?? null
  const usage = pid === null ? null : sources.usageOf(pid)
  return {
    id: `${state.name}/${slot.slot}`,
    slot: slot.slot,
    state: workerStateName(state, slot),
    ready: slotServes(slot),
    role: sources.elections.roleOf(state.name, slot.slot, live?.number ?? null),
    pid,
    startTime: pid === null ? null : (process?.identity.startTime ?? null),
    generation: live?.generation ?? state.generation,
    since: iso(slot.phase.since),
    startedAt: process === null ? null : iso(process.startedAt),
    restarts: slot.restarts,
    failures: failuresNow(slot, spec, clock),
    nextRetryAt: nextStart(state, slot, iso),
    other: reportOther(runtime, slot),
    lastExit: slot.lastExit === null ? null : reportExit(slot.lastExit, iso),
    heartbeatAge: heartbeatAge(process, clock),
    requests: process?.requests ?? null,
    busy: busyShare(process, clock),
    rss: usage?.rss ?? null,
    ...(sources.pssOf === null ? {} : { pss: pid === null ? null : sources.pssOf(pid) }),
    cpuSeconds: usage?.cpuSeconds ?? null,
    adopted: false,
    message: messageOf(runtime, slot, process),
  }
}

/** A row of a table: half of the fields are half of the time, with 1,000 services on both sides of the socket. */
function reportBriefly(runtime: ServiceRuntime, slot: SlotState, sources: StatusSources): WorkerReport {
  const { iso } = sources
  const process = currentProcess(runtime, slot)
  const pid = process?.pid ?? null
  const usage = pid === null ? null : sources.usageOf(pid)
  const brief: Partial<WorkerReport> = {
    id: `${runtime.state.name}/${slot.slot}`,
    state: workerStateName(runtime.state, slot),
    ready: slotServes(slot),
    pid,
    startedAt: process === null ? null : iso(process.startedAt),
    restarts: slot.restarts,
    rss: usage?.rss ?? null,
    ...(sources.pssOf === null ? {} : { pss: pid === null ? null : sources.pssOf(pid) }),
    cpuSeconds: usage?.cpuSeconds ?? null,
    message: messageOf(runtime, slot, process),
    nextRetryAt: nextStart(runtime.state, slot, iso),
    other: reportOther(runtime, slot),
    lastExit: pid === null && slot.lastExit !== null ? reportExit(slot.lastExit, iso) : null,
  }
  return brief as WorkerReport
}

/** A worker that has been ready long enough has no failures behind it, although the next death has not said so yet. */
function failuresNow(slot: SlotState, spec: ServiceSpec, clock: SupervisedClock): number {
  const state = currentOf(slot.phase)?.state
  if (state?.is === 'ready' && clock.now() - state.readyAt >= spec.restart.resetAfter) return 0
  return slot.failures
}

function reportOther(runtime: ServiceRuntime, slot: SlotState): OtherProcessReport | null {
  if (slot.other === null) return null
  const { is, live } = slot.other
  const pid = runtime.slots.get(slot.slot)?.processes.get(live.number)?.pid
  return pid === undefined ? null : { pid, generation: live.generation, state: is, ready: isServing(live.state) }
}

function reportExit(exit: ProcessExit, iso: StatusSources['iso']): ExitReport {
  const { code, signal, at } = exit
  return { code, signal: signal === null ? null : `SIG${signal}`, at: iso(at), reason: describeExit(exit) }
}

function heartbeatAge(process: RunningProcess | null, clock: SupervisedClock): number | null {
  if (process === null || process.spec.heartbeat === null || process.lastSeen === null) return null
  return Math.max(0, Math.round(clock.now() - process.lastSeen)) / 1000
}

function busyShare(process: RunningProcess | null, clock: SupervisedClock): number | null {
  if (process === null || process.busyMillis === null) return null
  const age = Math.max(1, clock.now() - process.startedAt)
  return Math.round(Math.min(1, process.busyMillis / age) * 1000) / 1000
}

function messageOf(runtime: ServiceRuntime, slot: SlotState, process: RunningProcess | null): string {
  const daemon = runtime.slots.get(slot.slot)?.daemons.find(isAlive)
  const own = ownMessage(runtime.state, slot, process)
  if (daemon === undefined) return own
  const hint = `runs in the background as pid ${daemon.pid}: start it in the foreground`
  return own === '' ? hint : `${own}; ${hint}`
}

function ownMessage(state: ServiceState, slot: SlotState, process: RunningProcess | null): string {
  switch (slot.phase.is) {
    case 'waiting':
      return `waits for ${slot.phase.on.join(', ')}`
    case 'backoff':
      return `${slot.phase.crashLoop ? 'crash loop: ' : ''}${slot.lastExit === null ? '' : describeExit(slot.lastExit)}`
    case 'fatal':
      return slot.phase.why
    case 'stopped':
      return isWanted(state, slot.slot) ? '' : slot.phase.why
    case 'exited':
      return slot.lastExit === null ? '' : describeExit(slot.lastExit)
    default:
      if (expectedTurn(state, slot.slot) !== null) return 'waits for its turn'
      return process?.message ?? waitsForForkserver(state, slot)
  }
}

function waitsForForkserver(state: ServiceState, { phase }: SlotState): string {
  const live = currentOf(phase)
  const forkserver = live === null ? null : specOf(state, live.generation).forkserver
  return phase.is === 'starting' && forkserver !== null ? `waits for forkserver ${forkserver.name}` : ''
}

function rolloutReason(state: ServiceState): string {
  switch (state.rollout.is) {
    case 'stable':
      return ''
    case 'failed':
      return `${state.rollout.step}: ${state.rollout.reason}`
    case 'cancelled':
      return state.rollout.reason
    default:
      return state.rollout.cause
  }
}
