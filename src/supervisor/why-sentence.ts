// One sentence that answers "why", read off the journal alone, so that it works without a supervisor too.
import type { JournalEntry } from './engine-api.ts'

/** What happens to the process beside the one in service says nothing of the worker's own state. */
const BESIDE: ReadonlySet<string> = new Set(['coming', 'draining', 'gone'])

/** Entries of one worker, oldest first. The last change of state, and what led to it. */
export function whySentence(worker: string, entries: readonly JournalEntry[]): string {
  const last = entries.findLast(({ kind, to }) => kind !== 'rollout' && to !== undefined && !BESIDE.has(to))
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
    case 'waiting': {
      // For others, or for its turn; then there is a cause as well.
      const [what, ...cause] = last.reason.split(': ')
      return [`${worker} ${what} ${since}`, ...cause].join(': ')
    }
    case 'fatal':
      return `${worker} is given up ${since}: ${last.reason}`
    default:
      return `${worker} is ${last.to} ${since}: ${last.reason}`
  }
}

/** Why the process in service is not the first one. */
function restartCause(entries: readonly JournalEntry[]): string {
  const start = entries.findLast(isStart)
  if (start === undefined || start.event === 'start') return ''
  return `; it was replaced: ${start.reason.replace(/^waits for its turn: /, '')}`
}

/** Where it had to wait for its turn, the cause stands at the beginning of that. */
function isStart({ event, from, to }: JournalEntry): boolean {
  if (event === 'turn' || event === 'wait') return false
  return to === 'starting' || to === 'waiting' || (to === 'running' && from === 'running')
}

/** Its program left a daemon, which may still hold its port: until the strays of the slot were ended, or it was deployed anew. */
function backgroundHint({ generation }: JournalEntry, entries: readonly JournalEntry[]): string {
  const lastOf = (event: string) => entries.findLastIndex((entry) => entry.event === event)
  const left = entries[lastOf('background')]
  if (left === undefined || left.generation !== generation || lastOf('strays') > lastOf('background')) return ''
  return `; ${left.reason}`
}
