// What ends the waiting for an operation before its outcome is there: --timeout and Ctrl-C. The operation itself goes on.
import { humanDuration } from '../control/human-units.ts'
import { HoldfastError } from '../errors/holdfast-error.ts'
import { silent } from './silent-supervisor.ts'

export interface WaitingOptions {
  /** Milliseconds, null: as long as it takes. */
  readonly timeout: number | null
  /** Of the supervisor, as far as it is known. */
  readonly pid: number | null
  /** Said at Ctrl-C: what goes on. */
  readonly goesOn?: string
}

export interface Waiting {
  /** Aborts with a HoldfastError HF_TIMED_OUT, HF_TIMED_OUT_UNANSWERED or HF_INTERRUPTED. */
  readonly signal: AbortSignal
  /** The supervisor has begun with it. */
  accepted(): void
  end(): void
}

export function waitFor({ timeout, pid, goesOn = 'the supervisor goes on with it' }: WaitingOptions): Waiting {
  const controller = new AbortController()
  let accepted = false
  const expire = () => {
    const limit = humanDuration(timeout ?? 0).replace('.0s', 's')
    controller.abort(
      accepted ? new HoldfastError('HF_TIMED_OUT', { timeout: limit }) : silent({ pid, limit, timedOut: true }),
    )
  }
  const interrupt = () => {
    const what = accepted ? goesOn : 'the supervisor had not answered yet'
    controller.abort(new HoldfastError('HF_INTERRUPTED', { what }))
  }
  const timer = timeout === null ? undefined : setTimeout(expire, timeout)
  process.once('SIGINT', interrupt)
  return {
    signal: controller.signal,
    accepted: () => {
      accepted = true
    },
    end() {
      clearTimeout(timer)
      process.off('SIGINT', interrupt)
    },
  }
}
