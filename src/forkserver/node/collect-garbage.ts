import { Session } from 'node:inspector'
import { setFlagsFromString } from 'node:v8'
import { runInNewContext } from 'node:vm'

type Collect = (options?: { type: 'minor' | 'major' }) => void

/** A context has it only if it was made while the flag was set. */
export function garbageCollection(): Collect {
  setFlagsFromString('--expose-gc')
  const collect = runInNewContext('gc') as Collect
  setFlagsFromString('--no-expose-gc')
  return collect
}

/**
 * Once, before the first fork: what has become garbage is not copied into the workers; what is left lies close together, so that they put
 * what is new on pages of their own, not into holes of shared ones; and the young generation is as small as at the start. Measured with an
 * application of 150 MB: 105 MB are left.
 */
export async function packMemory(): Promise<void> {
  const session = new Session()
  session.connect()
  setFlagsFromString('--compact-on-every-full-gc')
  try {
    // gc() leaves the young generation as large as it has become.
    await new Promise<void>((resolve) => session.post('HeapProfiler.collectGarbage', () => resolve()))
    await new Promise((resolve) => setImmediate(resolve))
  } finally {
    setFlagsFromString('--no-compact-on-every-full-gc')
    session.disconnect()
  }
}
