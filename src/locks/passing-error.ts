// Errors of the system that pass by themselves: no fds, no memory, no processes just now.
const PASSING: ReadonlySet<unknown> = new Set(['EMFILE', 'ENFILE', 'ENOMEM', 'EAGAIN', 'EINTR'])

/** Milliseconds. */
const FIRST_WAIT = 20
const LONGEST_WAIT = 1_000
/** After that it counts as a failure, and who wanted it is started again by its back-off. */
const PATIENCE = 10_000

export interface PassingErrorWatch {
  /** False: nobody wants it any more. */
  readonly isWanted: () => boolean
  /** Each time it fails, and null when it did not. */
  readonly onTrouble?: (error: Error | null) => void
}

/** Tries again, a little later each time, as long as the error is one that passes. @throws what `act` throws at last */
export async function whilePassing<T>(act: () => Promise<T>, { isWanted, onTrouble }: PassingErrorWatch): Promise<T> {
  const began = performance.now()
  for (let wait = FIRST_WAIT; ; wait = Math.min(2 * wait, LONGEST_WAIT)) {
    try {
      const result = await act()
      onTrouble?.(null)
      return result
    } catch (error) {
      if (!isPassing(error) || !isWanted() || performance.now() - began > PATIENCE) throw error
      onTrouble?.(error)
      await new Promise((resolve) => setTimeout(resolve, wait))
      if (!isWanted()) throw error
    }
  }
}

function isPassing(error: unknown): error is Error {
  return error instanceof Error && 'code' in error && PASSING.has(error.code)
}
