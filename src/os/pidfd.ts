// Processes that are not our children: nobody tells us of their death but a pidfd.
import { closePidfd, pidfdOpen } from './pidfd-syscalls.ts'
import { pollReadable } from './poll-handle.ts'
import { isAlive, type ProcessIdentity } from './process-identity.ts'

/** A close-on-exec fd for this very process, null when it is gone or dead. */
export function openPidfd(identity: ProcessIdentity): number | null {
  const fd = pidfdOpen(identity.pid)
  if (fd === null) return null
  // The pid may have had another owner already when we opened it; from here on the fd stays with its process.
  if (isAlive(identity)) return fd
  closePidfd(fd)
  return null
}

/**
 * Calls back once when the process is dead (a zombie is), at the earliest in the next turn of the event loop.
 * Its exit status is for its parent only. After `close` nothing is called.
 */
export function watchExit(identity: ProcessIdentity, onExit: () => void): { close(): void } {
  const fd = openPidfd(identity)
  if (fd === null) {
    const immediate = setImmediate(onExit)
    return { close: () => clearImmediate(immediate) }
  }
  let open = true
  const close = () => {
    if (!open) return
    open = false
    handle.close()
    closePidfd(fd)
  }
  const handle = pollReadable(fd, () => {
    close()
    onExit()
  })
  return { close }
}
