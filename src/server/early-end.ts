// A server that has ended by itself (`earlyDeath`, exit codes that say so) before who started it could ask how it came up.
import { callSupervisor, hasEnded } from '../control/client.ts'
import { readJournal } from '../logs/journal-file.ts'
import type { JournalEntry, OperationOutcome } from '../supervisor/engine-api.ts'
import { journalPath } from '../supervisor/runtime-paths.ts'

const BY_ITSELF: ReadonlySet<string> = new Set(['shut-down', 'stop-all'])

/** How its workers came up; null: it ends, or is gone. */
export async function askSettled(socket: string): Promise<OperationOutcome | null> {
  const { body } = await callSupervisor(socket, { method: 'GET', path: '/v1/settled' }).catch(nullIfEnded)
  const outcome = body as OperationOutcome | null
  return outcome?.goingDown ? null : outcome
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
