import { colourOfState, type Paint } from '../control/colours.ts'
import type { JournalEntry } from '../supervisor/engine-api.ts'

/** One line: `2026-01-02T03:04:05.678Z web/0 running → backoff  exited with code 1 (pid 77, generation 3)`. */
export function eventText(entry: JournalEntry, paint: Paint): string {
  return `${paint('dim', entry.at)} ${eventSentence(entry, paint)}\n`
}

/** Without the time. */
export function eventSentence(entry: JournalEntry, paint: Paint): string {
  const subject = entry.worker ?? entry.service ?? 'supervisor'
  const { from, to } = entry
  const change = to === undefined || from === to ? entry.event : from === undefined ? to : `${from} → ${to}`
  const colour = to === undefined ? 'dim' : colourOfState(to)
  const facts = [
    ...(entry.pid === undefined ? [] : [`pid ${entry.pid}`]),
    ...(entry.generation === undefined ? [] : [`generation ${entry.generation}`]),
  ]
  const tail = facts.length > 0 ? paint('dim', ` (${facts.join(', ')})`) : ''
  return `${paint('bold', subject)} ${paint(colour, change)}  ${entry.reason}${tail}`
}
