// The ways down as data: file, command, then signals, each with its own wait.
import type { Millis, ServiceSpec, SignalStep } from '../config/effective.ts'
import type { ProcessEffect } from './process-effect.ts'
import type { Descent, Instant, ProcessIdentity, StopReason } from './process-state.ts'

export type Rung =
  | { readonly by: 'file'; readonly path: string; readonly wait: Millis | null }
  | { readonly by: 'command'; readonly command: readonly string[]; readonly wait: Millis | null }
  | {
      readonly by: 'signal'
      readonly signal: string
      readonly scope: 'process' | 'group'
      readonly wait: Millis | null
      readonly every: Millis | null
      readonly increment: Millis
    }

/** Beyond the last rung: the last signal again, this often. A process in uninterruptible sleep dies when the kernel lets it. */
export const OVERTIME: Millis = 5_000

/** The rungs for a reason: a hung worker gets the signals of its heartbeat, every other end the service's own ladder. */
export function ladderFor(why: StopReason, spec: ServiceSpec): readonly Rung[] {
  const { stop, heartbeat } = spec
  const scope = stop.group ? 'group' : 'process'
  const signal = (step: SignalStep): Rung => ({ by: 'signal', scope, ...step })
  if ((why.kind === 'heartbeat' || why.kind === 'request') && heartbeat) return heartbeat.signals.map(signal)
  const signals = stop.signals.map((step, index) => {
    if (index > 0) return signal(step)
    return signal({ ...step, signal: why.firstSignal ?? step.signal, wait: firstWait(step.wait, why, spec) })
  })
  if (why.onlySignals) return signals
  const rungs: Rung[] = []
  if (stop.file !== null) rungs.push({ by: 'file', path: stop.file, wait: stop.fileTimeout })
  if (stop.command !== null) rungs.push({ by: 'command', command: stop.command, wait: stop.timeout })
  return [...rungs, ...signals]
}

function firstWait(usual: Millis | null, { kind, longer = 0 }: StopReason, { stop }: ServiceSpec): Millis | null {
  const wait = kind === 'replace' && stop.drainTimeout !== null ? stop.drainTimeout : usual
  return wait === null ? null : Math.max(0, wait + longer)
}

/** How much longer a process may take that is replaced than one that is stopped; less than 0: not as long. */
export function drainsLonger({ stop }: ServiceSpec): Millis {
  const usual = stop.signals[0]?.wait ?? null
  return stop.drainTimeout === null || usual === null ? 0 : stop.drainTimeout - usual
}

/** A stop for good outranks a replacement, and that a deadline that passed. */
export function graver(a: StopReason, b: StopReason): StopReason {
  const rank = (why: StopReason) => (why.kind === 'stop' ? 2 : why.kind === 'replace' ? 1 : 0)
  return rank(b) > rank(a) ? b : a
}

/** Asked again, before or on its way down. What was only replaced, and is to stop, has as long as a stop gives. */
export function regraded<D extends Pick<Descent, 'why' | 'rungs'>>(before: D, asked: StopReason, spec: ServiceSpec): D {
  const why = graver(before.why, asked)
  const less = drainsLonger(spec)
  if (less <= 0 || before.why.kind !== 'replace' || why.kind !== 'stop') return { ...before, why }
  const first = before.rungs.findIndex(({ by }) => by === 'signal')
  const shorter = (rung: Rung): Rung =>
    rung.by === 'signal' && rung.signal === 'KILL' ? rung : { ...rung, wait: Math.max(0, Number(rung.wait) - less) }
  return { ...before, why, rungs: before.rungs.map((rung, index) => (index === first ? shorter(rung) : rung)) }
}

/** On its way down: what is left of the rung that it stands on counts from now. */
export function outranked(before: Descent, asked: StopReason, at: Instant, spec: ServiceSpec): Descent {
  const descent = regraded(before, asked, spec)
  const { rung, rungEndsAt } = descent
  const standing = descent.rungs[rung]
  if (standing === before.rungs[rung]) return descent
  return { ...descent, rungEndsAt: Math.min(Number(rungEndsAt), at + Number(standing?.wait)) }
}

/** The shortest ladder there is. */
export function killLadder(spec: ServiceSpec): readonly Rung[] {
  const scope = spec.stop.group ? 'group' : 'process'
  return [{ by: 'signal', signal: 'KILL', scope, wait: OVERTIME, every: null, increment: 0 }]
}

/** Time until KILL is sent, null if a rung before it waits without end. */
export function timeUntilKill(rungs: readonly Rung[]): Millis | null {
  let sum = 0
  for (const rung of rungs) {
    if (rung.by === 'signal' && rung.signal === 'KILL') return sum
    if (rung.wait === null) return null
    sum += rung.wait
  }
  return sum
}

export function beginDescent(
  process: ProcessIdentity,
  why: StopReason,
  rungs: readonly Rung[],
  at: Instant,
): readonly [Descent, readonly ProcessEffect[]] {
  return stand({ why, rungs, rung: 0, rungEndsAt: null, resend: null, overtime: 0 }, process, at)
}

/** The deadline has passed: send again, or step down. */
export function continueDescent(
  descent: Descent,
  process: ProcessIdentity,
  at: Instant,
): readonly [Descent, readonly ProcessEffect[]] {
  const { rungEndsAt, resend } = descent
  if (rungEndsAt !== null && at >= rungEndsAt) return stepDown(descent, process, at)
  const rung = descent.rungs[descent.rung]
  if (resend === null || at < resend.at || rung?.by !== 'signal') return [descent, []]
  const every = resend.every + rung.increment
  return [{ ...descent, resend: { at: at + every, every } }, [send(rung, process, descent.why, ', again')]]
}

/** On to the next rung now; on the last one, its signal again. One that waits `never` is not hurried beyond that. */
export function stepDown(
  descent: Descent,
  process: ProcessIdentity,
  at: Instant,
): readonly [Descent, readonly ProcessEffect[]] {
  if (descent.rung + 1 < descent.rungs.length) return stand({ ...descent, rung: descent.rung + 1 }, process, at)
  const overtime = descent.overtime + 1
  const [again, effects] = stand({ ...descent, overtime }, process, at)
  const note: ProcessEffect = {
    do: 'note',
    event: 'will-not-die',
    reason: `still there after the whole stop ladder (attempt ${overtime}); a process in uninterruptible sleep dies only when the kernel lets it`,
  }
  return [{ ...again, rungEndsAt: again.rungEndsAt === null ? null : at + OVERTIME }, [...effects, note]]
}

function stand(descent: Descent, process: ProcessIdentity, at: Instant): readonly [Descent, readonly ProcessEffect[]] {
  const rung = descent.rungs[descent.rung]
  if (rung === undefined) return stand({ ...descent, rungs: LAST_RESORT, rung: 0 }, process, at)
  const rungEndsAt = rung.wait === null ? null : at + rung.wait
  const standing = { ...descent, rungEndsAt, resend: null }
  switch (rung.by) {
    case 'file':
      return [standing, [{ do: 'make-stop-file', process, path: rung.path }]]
    case 'command':
      return [standing, [{ do: 'run-stop-command', process, command: rung.command }]]
    case 'signal': {
      const resend = rung.every === null ? null : { at: at + rung.every, every: rung.every }
      return [{ ...standing, resend }, [send(rung, process, descent.why, '')]]
    }
  }
}

/** An empty ladder is a mistake of the caller's; a process is never left standing for it. */
const LAST_RESORT: readonly Rung[] = [
  { by: 'signal', signal: 'KILL', scope: 'group', wait: OVERTIME, every: null, increment: 0 },
]

function send(rung: Rung & { by: 'signal' }, process: ProcessIdentity, why: StopReason, suffix: string): ProcessEffect {
  return { do: 'signal', process, signal: rung.signal, scope: rung.scope, why: `${why.text}${suffix}` }
}
