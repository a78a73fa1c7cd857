import type { JournalEntry, WhyReport } from '../supervisor/engine-api.ts'
import { whySentence } from '../supervisor/why-sentence.ts'

/** As long as the chain of a living supervisor. */
const CHAIN = 12

/** The state that each worker was left in, from its journal entries (oldest first). */
export function explainOffline(target: string, journal: readonly JournalEntry[]): WhyReport {
  const workers = new Set(journal.flatMap(({ worker }) => (worker === undefined ? [] : [worker])))
  const answers = [...workers].map((worker) => {
    const service = worker.split('/')[0]
    const own = journal.filter(
      (entry) => entry.worker === worker || (entry.kind === 'rollout' && entry.service === service),
    )
    const sentence = whySentence(
      worker,
      own.filter((entry) => entry.worker === worker),
    )
    return { worker, sentence, chain: own.slice(-CHAIN) }
  })
  return { target, answers }
}
