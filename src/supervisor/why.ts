import { readJournal } from '../logs/journal-file.ts'
import type { JournalEntry, WhyReport } from './engine-api.ts'
import { instanceOf, targetName } from './forkserver-name.ts'
import type { Interpreter } from './interpreter.ts'
import type { Journal } from './journal.ts'
import type { ResolvedTarget } from './targets.ts'
import { whySentence } from './why-sentence.ts'

/** Entries shown of each worker. */
const CHAIN = 12

/** The cause in one sentence and the chain of events behind it, for each worker that the target names. */
export async function explainWorkers(
  target: string,
  resolved: readonly ResolvedTarget[],
  interpreter: Interpreter,
  journal: Journal,
): Promise<WhyReport> {
  await journal.flush()
  const answers = await Promise.all(
    resolved.map(async ({ service, slots }) => {
      const entries = await readJournal<JournalEntry>(journal.file, {
        last: 500,
        filter: (entry) => entry.service === service,
      })
      if (service.startsWith(targetName(''))) return [answer(newestOf(entries) ?? service, entries)]
      const known = interpreter.services.get(service)?.state.slots.map(({ slot }) => slot) ?? []
      const asked = slots ?? (known.length > 0 ? known : [0])
      return asked.map((slot) => answer(`${service}/${slot}`, entries))
    }),
  )
  return { target, answers: answers.flat() }
}

/** Of a forkserver's generations the newest: an older one may have ended after it came. */
function newestOf(entries: readonly JournalEntry[]): string | null {
  const names = entries.flatMap(({ worker }) => (worker === undefined ? [] : [worker]))
  const generation = (name: string): number => instanceOf(name)?.generation ?? 0
  return names.reduce<string | null>(
    (newest, name) => (newest === null || generation(name) > generation(newest) ? name : newest),
    null,
  )
}

function answer(worker: string, entries: readonly JournalEntry[]): WhyReport['answers'][number] {
  const own = entries.filter((entry) => entry.worker === worker || entry.kind === 'rollout')
  const sentence = whySentence(
    worker,
    own.filter((entry) => entry.worker === worker),
  )
  return { worker, sentence, chain: own.slice(-CHAIN) }
}
