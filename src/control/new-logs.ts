// Logs that come while others are followed: of a service that an apply adds, or whose output goes elsewhere since.
import type { ServiceLog } from '../logs/service-log.ts'
import type { Engine } from '../supervisor/engine-api.ts'

/** Turns of the event loop in which a process that waits for its turn to be spawned is looked for. */
const TURNS = 200

/**
 * Tells each log that is not among those there are, before its first line is read: a log is made with the first process that
 * writes to it, in the turn of the event that says that the process starts, or, where many start at once, a few turns later.
 * @returns what ends it
 */
export function onNewLogs(engine: Engine, tell: (service: string, log: ServiceLog) => void): () => void {
  const known = new Set(engine.serviceLogs(null))
  let turnsLeft = 0
  let looking = false
  let over = false
  const look = (): void => {
    const fresh = engine.serviceLogs(null).filter((log) => !known.has(log))
    if (fresh.length === 0) return
    const names = namesOf(engine)
    for (const log of fresh) {
      known.add(log)
      const name = names.get(log)
      if (name !== undefined) tell(name, log)
    }
  }
  const lookAgain = (): void => {
    if (over || turnsLeft-- === 0) {
      looking = false
      return
    }
    look()
    setImmediate(lookAgain)
  }
  const unsubscribe = engine.onEvent(({ to, pid }) => {
    if (to !== 'starting' && to !== 'coming') return
    // With a pid the process is there already.
    turnsLeft = Math.max(turnsLeft, pid === undefined ? TURNS : 1)
    if (looking) return
    looking = true
    // After all that happens in this turn, and before anything is read.
    queueMicrotask(lookAgain)
  })
  return () => {
    over = true
    unsubscribe()
  }
}

function namesOf(engine: Engine): ReadonlyMap<ServiceLog, string> {
  const names = Object.keys(engine.spec.services)
  return new Map(names.flatMap((name) => engine.serviceLogs([name]).map((log) => [log, name] as const)))
}
