// One sentence that answers "why", read off the journal alone, so that it works without a supervisor too.
import type { JournalEntry } from './engine-api.ts'

/** What happens to the process beside the one in service says nothing of the worker's own state. */
const BESIDE: ReadonlySet<string> = new Set(['coming', 'draining', 'gone'])

/** Entries of one worker, oldest first. The last change of state, and what led to it. */
export function whySentence(worker: string, entries: readonly JournalEntry[]): string {
  const last = entries.findLast((entry) => entry.to !== undefined && !BESIDE.has(entry.to))
  if (last === undefined) return `${worker}: nothing has happened to it yet`
  return stateSentence(worker, last, entries) + backgroundHint(last, entries)
}

function stateSentence(worker: string, last: JournalEntry, entries: readonly JournalEntry[]): string {
  const since = `since ${last.at}`
  switch (last.to) {
    case 'running':
      return `${worker} runs ${since}${restartCause(entries)}`
    case 'starting':
      return `${worker} is starting ${since}: ${last.reason}`
    case 'stopping':
      return `${worker} is stopping ${since}: ${last.reason}`
    case 'backoff':
      return `${worker} is down ${since}: ${last.reason}`
    case 'waiting':
      return `${worker} ${last.reason} ${since}`
    case 'fatal':
      return `${worker} is given up ${since}: ${last.reason}`
    default:
      return `${worker} is ${last.to} ${since}: ${last.reason}`
  }
}

/** Why the process in service is not the first one. */
function restartCause(entries: readonly JournalEntry[]): string {
  const start = entries.findLast(
    (entry) => entry.to === 'starting' || (entry.to === 'running' && entry.from === 'running'),
  )
  return start === undefined || start.event === 'start' ? '' : `; it was replaced: ${start.reason}`
}

/** Its program left a daemon, which may still hold its port: until the strays of the slot were ended, or it was deployed anew. */
function backgroundHint({ generation }: JournalEntry, entries: readonly JournalEntry[]): string {
  const lastOf = (event: string) => entries.findLastIndex((entry) => entry.event === event)
  const left = entries[lastOf('background')]
  if (left === undefined || left.generation !== generation || lastOf('strays') > lastOf('background')) return ''
  return `; ${left.reason}`
}
