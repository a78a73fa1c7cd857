// One process in each of its states, and one event of each kind, for walks over the whole table.
import type { ProcessEvent } from '../../src/lifecycle/process-event.ts'
import type {
  Instant,
  ProcessExit,
  ProcessIdentity,
  ProcessState,
  ProcessStateOf,
  StopReason,
} from '../../src/lifecycle/process-state.ts'
import { step } from '../model/service-spec.ts'

export const PROCESS: ProcessIdentity = { pid: 77, startTime: 4_711 }
export const WHY: StopReason = { kind: 'stop', text: 'stopped by the operator' }
export const EXIT: ProcessExit = {
  at: 4_000,
  code: 1,
  signal: null,
  readyAt: 1_000,
  announced: false,
  asked: null,
  spawnError: null,
}

export const SPAWNING: ProcessStateOf<'spawning'> = { is: 'spawning' }
export const PARKED: ProcessStateOf<'parked'> = { is: 'parked', since: 300 }
export const CANCELLING: ProcessStateOf<'cancelling'> = {
  is: 'cancelling',
  why: { kind: 'replace', text: 'replaced' },
  rungs: [{ by: 'signal', scope: 'group', ...step('TERM', 10_000) }],
}
export const BOOTING: ProcessStateOf<'booting'> = { is: 'booting', process: PROCESS, since: 500, deadline: 30_500 }
export const READY: ProcessStateOf<'ready'> = { is: 'ready', process: PROCESS, readyAt: 1_000 }
export const RELOADING: ProcessStateOf<'reloading'> = {
  is: 'reloading',
  process: PROCESS,
  readyAt: 1_000,
  deadline: 20_000,
  announced: false,
}
export const FINISHING: ProcessStateOf<'finishing'> = {
  is: 'finishing',
  process: PROCESS,
  readyAt: 1_000,
  deadline: 9_000,
}
export const STOPPING: ProcessStateOf<'stopping'> = {
  is: 'stopping',
  process: PROCESS,
  readyAt: 1_000,
  announced: false,
  descent: {
    why: { kind: 'heartbeat', text: 'no heartbeat' },
    rungs: [
      { by: 'signal', scope: 'group', ...step('TERM', 10_000) },
      { by: 'signal', scope: 'group', ...step('KILL', 10_000) },
    ],
    rung: 0,
    rungEndsAt: 12_000,
    resend: null,
    overtime: 0,
  },
}
export const SWEEPING: ProcessStateOf<'sweeping'> = {
  is: 'sweeping',
  process: PROCESS,
  exit: EXIT,
  step: 'term',
  deadline: 6_000,
}
export const GONE: ProcessStateOf<'gone'> = { is: 'gone', exit: EXIT }

export function representatives(): ProcessState[] {
  return [
    SPAWNING,
    PARKED,
    CANCELLING,
    BOOTING,
    READY,
    RELOADING,
    { ...RELOADING, announced: true },
    FINISHING,
    { ...FINISHING, readyAt: null },
    STOPPING,
    { ...STOPPING, descent: { ...STOPPING.descent, rung: 1, overtime: 2 } },
    SWEEPING,
    { ...SWEEPING, step: 'kill' },
    GONE,
  ]
}

export function allEvents(at: Instant): ProcessEvent[] {
  return [
    { is: 'spawned', at, process: { pid: 78, startTime: 4_712 } },
    { is: 'spawn-failed', at, error: 'no such file' },
    { is: 'spawn-cancelled', at },
    { is: 'parked', at },
    { is: 'ready', at },
    { is: 'reloading', at },
    { is: 'finishing', at },
    { is: 'extend', at, by: 1_000 },
    { is: 'overdue', at, which: 'heartbeat', late: 100 },
    { is: 'overdue', at, which: 'request', late: 100 },
    { is: 'reload', at },
    { is: 'reload-sent', at, error: null },
    { is: 'reload-sent', at, error: 'it is gone' },
    { is: 'stop', at, why: WHY },
    { is: 'stop', at, why: { kind: 'replace', text: 'replaced' } },
    { is: 'hurry', at },
    { is: 'kill', at, why: WHY },
    { is: 'exited', at, code: 0, signal: null, leftover: false },
    { is: 'exited', at, code: null, signal: 'KILL', leftover: true },
    { is: 'swept', at },
    { is: 'tick', at },
    { is: 'tick', at: at + 1_000_000 },
  ]
}
