import { libcFunction } from './libc.ts'
import { checked } from './os-error.ts'

/** More than struct sigaction has anywhere (152 bytes on x86-64). */
const SIGACTION_SIZE = 256
/** SIG_IGN stands in its first word. */
const SIG_IGN = 1

const sigaction = libcFunction<[number, Buffer, Buffer | null], number>(
  'int sigaction(int signal, void *new_action, void *old_action)',
)

/** Ignores a signal, below Node, which may have a handler of its own for it. @returns what puts that back, in a forked child too */
export function ignoreSignal(signal: number): () => void {
  const ignore = Buffer.alloc(SIGACTION_SIZE)
  ignore.writeUInt32LE(SIG_IGN)
  const before = Buffer.alloc(SIGACTION_SIZE)
  checked(sigaction(signal, ignore, before), 'sigaction', String(signal))
  return () => {
    checked(sigaction(signal, before, null), 'sigaction', String(signal))
  }
}
