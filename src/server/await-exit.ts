import { HoldfastError } from '../errors/holdfast-error.ts'
import { isAlive, type ProcessIdentity } from '../os/process-identity.ts'
import { watchForStop } from './silent-supervisor.ts'
import { waitFor } from './waiting.ts'

export const GOES_ON = 'the supervisor goes on stopping everything, then itself'

/** What the process had to do is done when this starts: only its own exit is waited for. */
const LIMIT = 30_000

/**
 * Resolves when the process is dead. Polled: one that is not our child cannot be waited for without libc, which the quick
 * commands do not load, and it takes milliseconds.
 * @throws HoldfastError HF_LEFT_RUNNING after `limit` ms (30 s), HF_NO_ANSWER when it was stopped; the reason of `signal`
 */
export async function awaitExit(
  identity: ProcessIdentity,
  { limit = LIMIT, signal }: { limit?: number; signal?: AbortSignal } = {},
): Promise<void> {
  let stopped: HoldfastError | null = null
  const watch = watchForStop(identity, (error) => {
    stopped = error
  })
  try {
    for (let waited = 0, pause = 2; isAlive(identity); waited += pause, pause = Math.min(100, pause * 2)) {
      if (stopped !== null) throw stopped
      signal?.throwIfAborted()
      if (waited > limit) throw new HoldfastError('HF_LEFT_RUNNING', { workers: `supervisor ${identity.pid}` })
      await new Promise((resolve) => setTimeout(resolve, pause))
    }
  } finally {
    watch.end()
  }
}

/** @param timeout ms, as far as there is more to wait for than its exit; null: as long as it takes */
export async function awaitDeath(supervisor: ProcessIdentity, timeout?: number | null): Promise<void> {
  const waiting = waitFor({ timeout: timeout ?? null, pid: supervisor.pid, goesOn: GOES_ON })
  waiting.accepted()
  const { signal } = waiting
  try {
    await awaitExit(supervisor, timeout === undefined ? { signal } : { signal, limit: Number.POSITIVE_INFINITY })
  } finally {
    waiting.end()
  }
}
