import { lookupUser } from '../os/users.ts'

/**
 * This process gives up being root for the user whose runtime directory it is about to clean up: what stands there is that
 * user's word, and must not make root signal or remove anything that the user could not.
 */
export function becomeOwner(uid: number): void {
  // Also loads what needs libc, which that user may not be able to read.
  const user = lookupUser(uid)
  process.setgroups?.(user === null ? [] : [...user.groups])
  process.setgid?.(user?.gid ?? uid)
  process.setuid?.(uid)
}
