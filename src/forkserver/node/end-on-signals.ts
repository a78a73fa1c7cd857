// An application that handles SIGTERM and SIGINT as its workers should would keep the forkserver alive: it has nothing to finish.

const SIGNALS = ['SIGTERM', 'SIGINT'] as const

/** Calls `end` at these signals, whatever the application does. @returns what takes that back, for the children */
export function endOnSignals(end: () => void): () => void {
  // Where nobody listens the kernel ends it.
  const heard = SIGNALS.filter((signal) => process.listenerCount(signal) > 0)
  for (const signal of heard) process.prependListener(signal, end)
  return () => {
    for (const signal of heard) process.removeListener(signal, end)
  }
}
