import { colourOfState, type Paint } from '../control/colours.ts'
import type { JournalEntry } from '../supervisor/engine-api.ts'

/** One line: `2026-01-02T03:04:05.678Z web/0 running → backoff  exited with code 1 (pid 77, generation 3)`. */
export function eventText(entry: JournalEntry, paint: Paint): string {
  return `${paint('dim', entry.at)} ${eventSentence(entry, paint)}\n`
}

/** Without the time. */
export function eventSentence(entry: JournalEntry, paint: Paint): string {
  const subject = entry.worker ?? entry.service ?? 'supervisor'
  const colour = entry.to === undefined ? 'dim' : colourOfState(entry.to)
  const facts = [
    ...(entry.pid === undefined ? [] : [`pid ${entry.pid}`]),
    ...(entry.generation === undefined ? [] : [`generation ${entry.generation}`]),
  ]
  const tail = facts.length > 0 ? paint('dim', ` (${facts.join(', ')})`) : ''
  return `${paint('bold', subject)} ${paint(colour, changeOf(entry))}  ${entry.reason}${tail}`
}

/** States of a worker as they are, but what happens beside the process in service, and to a rollout, in words. */
function changeOf({ kind, event, from, to }: JournalEntry): string {
  if (kind === 'rollout') return ROLLOUT[to ?? ''] ?? event
  if (to === 'coming') return from === 'none' ? 'new process started' : 'new process ready'
  if (to === 'gone') return from === 'coming' ? 'new process ended' : 'old process ended'
  if (event === 'swap') return 'new process in service'
  if (to === undefined || from === to) return event
  return from === undefined ? to : `${from} → ${to}`
}

const ROLLOUT: Readonly<Record<string, string>> = {
  canary: 'rollout begins',
  rolling: 'rollout',
  stable: 'rollout done',
  failed: 'rollout failed',
  cancelled: 'rollout cancelled',
}
