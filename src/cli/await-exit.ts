import { HoldfastError } from '../errors/holdfast-error.ts'
import { isAlive, type ProcessIdentity } from '../os/process-identity.ts'

/** What the process had to do is done when this starts: only its own exit is waited for. */
const LIMIT = 30_000

/**
 * Resolves when the process is dead. Polled: one that is not our child cannot be waited for without libc, which the quick
 * commands do not load, and it takes milliseconds. @throws HoldfastError HF_LEFT_RUNNING after 30 s
 */
export async function awaitExit(identity: ProcessIdentity): Promise<void> {
  for (let waited = 0, pause = 2; isAlive(identity); waited += pause, pause = Math.min(100, pause * 2)) {
    if (waited > LIMIT) throw new HoldfastError('HF_LEFT_RUNNING', { workers: `supervisor ${identity.pid}` })
    await new Promise((resolve) => setTimeout(resolve, pause))
  }
}
