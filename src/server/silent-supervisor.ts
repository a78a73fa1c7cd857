// A supervisor that lives and says nothing: stopped by SIGSTOP or a debugger, or stuck. It is not waited for for ever, and
// the error says which process it is and what to do with it.
import { HoldfastError } from '../errors/holdfast-error.ts'
import { isStopped, type ProcessIdentity } from '../os/process-identity.ts'

const LOOK_EVERY = 500
/** A process that is stopped for longer than this is not going on by itself. */
const STOPPED_FOR = 3_000

export interface StopWatch {
  end(): void
}

/** Calls `onStopped` once when the process has been stopped for 3 s on end. */
export function watchForStop({ pid }: ProcessIdentity, onStopped: (error: HoldfastError) => void): StopWatch {
  let since: number | null = null
  const timer = setInterval(() => {
    if (!isStopped(pid)) since = null
    else {
      since ??= performance.now()
      if (performance.now() - since < STOPPED_FOR) return
      clearInterval(timer)
      onStopped(silent({ pid, limit: '3 s' }))
    }
  }, LOOK_EVERY)
  timer.unref()
  return { end: () => clearInterval(timer) }
}

export interface Silence {
  /** Null: not known. */
  readonly pid: number | null
  /** For how long it was waited: `10 s`. */
  readonly limit: string
  /** By --timeout, which has an exit code of its own. */
  readonly timedOut?: boolean
}

/** HF_NO_ANSWER, or HF_TIMED_OUT_UNANSWERED. */
export function silent({ pid, limit, timedOut = false }: Silence): HoldfastError {
  const code = timedOut ? 'HF_TIMED_OUT_UNANSWERED' : 'HF_NO_ANSWER'
  const who = pid === null ? '' : ` (pid ${pid})`
  if (pid === null || !isStopped(pid)) {
    const mend = 'It may be stuck: look at its process, and at its log, holdfast.log.'
    return new HoldfastError(code, { who, limit, state: '', mend })
  }
  return new HoldfastError(code, { who, limit, state: ': its process is stopped', mend: howToGoOn(pid) })
}

/** For one that is stopped. */
export function howToGoOn(pid: number): string {
  return `Let it go on with: kill -CONT ${pid}. What it was asked to do meanwhile is done then.`
}
