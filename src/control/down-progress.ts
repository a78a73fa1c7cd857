// What `down` tells while it stops everything.
import type { Engine, Progress } from '../supervisor/engine-api.ts'
import { Narrator } from '../supervisor/narrator.ts'

/** Each worker that has ended, and each that has to be asked again. @returns what ends it */
export function reportDown(engine: Engine, report: (progress: Progress) => void): () => void {
  const pids = new Map<string, number | null>()
  for (const { workers } of engine.status({ brief: true }).services)
    for (const { id, pid, startedAt } of workers) if (startedAt !== null) pids.set(id, pid)
  const narrator = new Narrator({ pidOf: (worker) => pids.get(worker) ?? null, minReady: () => 0, desired: () => 0 })
  const total = pids.size
  let done = 0
  return engine.onEvent((entry) => {
    const { kind, service, worker, to } = entry
    const message = narrator.tell(entry)
    if (kind !== 'worker' || service === undefined || worker === undefined) return
    if (to === 'stopped' && pids.delete(worker)) done++
    // With a thousand services the end of each is enough.
    if (message !== null && to !== 'stopping') report({ service, worker, message, done, total })
  })
}
