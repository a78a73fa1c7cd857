import type { Pointer } from '../server/pointer.ts'

/**
 * Where root has found the pointer of another user, this process gives up being root for that user before it uses anything of
 * it: what stands there is that user's word, and must not make root command, signal or remove what the user could not.
 */
export function becomeOwner({ foreign }: Pointer): void {
  if (foreign === undefined || process.getuid?.() !== 0) return
  process.setgroups?.([])
  process.setgid?.(foreign.gid)
  process.setuid?.(foreign.uid)
}
