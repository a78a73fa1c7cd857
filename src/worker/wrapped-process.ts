import { builtins } from './builtins.ts'

export const wrappedNote =
  'This program runs as a child of the process that Holdfast started, a shell perhaps. Put `exec` before it: otherwise the ' +
  'shell is taken for the worker, and ends at the stop without waiting for this program.'

/**
 * Whether our parent belongs to the same worker: then it, not we, is the process that the supervisor knows. A heartbeat slot
 * with our pid would be taken for a stranger's.
 */
export function isWrapped(holdfastId: string): boolean {
  if (holdfastId === '') return false
  try {
    const environment = builtins.fs().readFileSync(`/proc/${process.ppid}/environ`, 'latin1')
    return environment.split('\0').includes(`HOLDFAST_ID=${holdfastId}`)
  } catch {
    return false // gone, or another user's
  }
}
