// A server that has ended by itself (`earlyDeath`, exit codes that say so) before who started it could ask how it came up.
import { callSupervisor, hasEnded } from '../control/client.ts'
import { HoldfastError } from '../errors/holdfast-error.ts'
import { readJournal } from '../logs/journal-file.ts'
import type { JournalEntry, OperationOutcome } from '../supervisor/engine-api.ts'
import { journalPath } from '../supervisor/runtime-paths.ts'

const BY_ITSELF: ReadonlySet<string> = new Set(['shut-down', 'stop-all'])

/** Milliseconds. */
const LOOK_EVERY = 5_000
const LEAST_PATIENCE = 500

/**
 * How its workers came up; null: it ends, or is gone.
 * @param patience milliseconds: a server that says nothing at all for so long hangs @throws HoldfastError HF_NO_ANSWER
 */
export async function askSettled(socket: string, patience: number): Promise<OperationOutcome | null> {
  const waiting = new AbortController()
  const limit = Math.max(patience, LEAST_PATIENCE)
  const look = (): void => {
    callSupervisor(socket, { method: 'GET', path: '/v1/status', answerWithin: limit / 1_000 }).catch(
      (error: unknown) => {
        if (isSilence(error)) waiting.abort(error)
      },
    )
  }
  const timer = setInterval(look, Math.min(LOOK_EVERY, limit))
  try {
    const asked = callSupervisor(socket, { method: 'GET', path: '/v1/settled', signal: waiting.signal })
    const { body } = await asked.catch(nullIfEnded)
    const outcome = body as OperationOutcome | null
    return outcome?.goingDown ? null : outcome
  } finally {
    clearInterval(timer)
  }
}

export function isSilence(error: unknown): boolean {
  return error instanceof HoldfastError && error.code === 'HF_NO_ANSWER'
}

export function nullIfEnded(error: unknown): { readonly body: null } {
  if (hasEnded(error)) return { body: null }
  throw error
}

/** What its journal says, once it is gone. @param since ISO 8601 */
export async function whyItEnded(stateDir: string, since: string): Promise<string> {
  const filter = ({ at, event }: JournalEntry) => at >= since && BY_ITSELF.has(event)
  const [entry] = await readJournal<JournalEntry>(journalPath(stateDir), { last: 1, filter })
  if (entry === undefined) return 'it was stopped meanwhile'
  return [entry.worker, entry.reason].filter((text) => text !== undefined).join(': ')
}

/** Whether the supervisor `pid`, now gone, was asked to stop. @param since ISO 8601: another one may have had the pid */
export async function wasAskedToStop(stateDir: string, pid: number, since: string): Promise<boolean> {
  const filter = (entry: JournalEntry) => entry.at >= since && entry.event === 'down' && entry.pid === pid
  return (await readJournal<JournalEntry>(journalPath(stateDir), { last: 1, filter })).length > 0
}
