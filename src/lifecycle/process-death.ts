// The end of a process: its exit, and what becomes of the rest of its group.
import type { Millis, ServiceSpec } from '../config/effective.ts'
import type { ProcessEffect } from './process-effect.ts'
import type { ProcessEventOf } from './process-event.ts'
import type { Instant, ProcessExit, ProcessIdentity, ProcessStateOf, StopReason } from './process-state.ts'
import type { ProcessStep } from './process-transition.ts'

/** What is left of a group after its leader's death gets TERM, and after this time KILL. */
export const SWEEP_GRACE: Millis = 2_000

export function die(
  state: { process: ProcessIdentity },
  { at, code, signal, leftover }: ProcessEventOf<'exited'>,
  rest: { readyAt: Instant | null; announced: boolean; asked: StopReason | null },
  spec: ServiceSpec,
): ProcessStep {
  const exit: ProcessExit = { at, code, signal, spawnError: null, ...rest }
  const forget: ProcessEffect = { do: 'forget-readiness' }
  if (!leftover || !spec.stop.group) return [{ is: 'gone', exit }, [forget, { do: 'release' }]]
  const { process } = state
  return [
    { is: 'sweeping', process, exit, step: 'term', deadline: at + SWEEP_GRACE },
    [forget, { do: 'watch-group', process }],
  ]
}

export function sweepWithForce(state: ProcessStateOf<'sweeping'>, at: Instant): ProcessStep {
  const why = 'left over from a worker that is dead'
  return [
    { ...state, step: 'kill', deadline: at + SWEEP_GRACE },
    [{ do: 'signal', process: state.process, signal: 'KILL', scope: 'group', why }],
  ]
}

export function end(exit: ProcessExit): ProcessStep {
  return [{ is: 'gone', exit }, [{ do: 'release' }]]
}

export function spawnFailure(at: Instant, error: string, asked: StopReason | null, gotNoLock = false): ProcessExit {
  const exit = { at, code: null, signal: null, readyAt: null, announced: false, asked, spawnError: error }
  return gotNoLock ? { ...exit, gotNoLock } : exit
}
