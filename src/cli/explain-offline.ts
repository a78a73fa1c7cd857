import type { JournalEntry, WhyReport } from '../supervisor/engine-api.ts'

const CHAIN = 10

/** The state that each worker was left in, from its journal entries (oldest first). */
export function explainOffline(target: string, journal: readonly JournalEntry[]): WhyReport {
  const byWorker = new Map<string, JournalEntry[]>()
  for (const entry of journal) {
    const subject = entry.worker ?? entry.service ?? ''
    const entries = byWorker.get(subject)
    if (entries) entries.push(entry)
    else byWorker.set(subject, [entry])
  }
  const answers = [...byWorker].map(([worker, entries]) => {
    const last = entries.findLast((entry) => entry.to !== undefined) ?? entries.at(-1)
    return { worker, sentence: sentenceFor(worker, last), chain: entries.slice(-CHAIN) }
  })
  return { target, answers }
}

function sentenceFor(worker: string, last: JournalEntry | undefined): string {
  if (last === undefined) return `${worker}: the journal has nothing about it`
  const state = last.to === undefined ? last.event : `was ${last.to}`
  return `${worker} ${state} when the supervisor was last heard of: ${last.reason}`
}
