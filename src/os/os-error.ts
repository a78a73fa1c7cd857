import { constants } from 'node:os'
import { getSystemErrorMap } from 'node:util'
import { errno as lastErrno } from './libc.ts'

export interface OsErrorOptions {
  /** What the call was about: a path, an address, a pid. */
  readonly subject?: string
  /** Instead of the system's text. */
  readonly explanation?: string
  readonly cause?: unknown
}

/** A system call that failed: `bind 127.0.0.1:80: address already in use (EADDRINUSE)`. */
export class OsError extends Error {
  readonly syscall: string
  readonly errno: number
  readonly code: string
  /** What the call was about, if it is known: a path, an address, a pid. */
  readonly subject: string | null
  /** The reason alone: `address already in use`. */
  readonly problem: string

  constructor(syscall: string, errno: number, options: OsErrorOptions = {}) {
    const code = errorName(errno)
    const problem = options.explanation ?? errorText(errno)
    const what = options.subject === undefined ? syscall : `${syscall} ${options.subject}`
    super(`${what}: ${problem} (${code})`, options.cause === undefined ? undefined : { cause: options.cause })
    this.name = 'OsError'
    this.syscall = syscall
    this.errno = errno
    this.code = code
    this.subject = options.subject ?? null
    this.problem = problem
  }
}

/** The error of the call that has just returned -1. */
export function lastOsError(syscall: string, subject?: string): OsError {
  return new OsError(syscall, lastErrno(), subject === undefined ? {} : { subject })
}

/** `result`, unless it is -1. */
export function checked(result: number, syscall: string, subject?: string): number {
  if (result === -1) throw lastOsError(syscall, subject)
  return result
}

/** Runs `action`; what Node's own fs throws comes out as an OsError. */
export function withOsErrors<T>(action: () => T): T {
  try {
    return action()
  } catch (error) {
    throw fromNodeError(error)
  }
}

function fromNodeError(error: unknown): unknown {
  if (!(error instanceof Error) || !('errno' in error) || typeof error.errno !== 'number') return error
  if (error instanceof OsError) return error
  const { syscall, path } = error as NodeJS.ErrnoException
  return new OsError(
    syscall ?? 'call',
    Math.abs(error.errno),
    path === undefined ? { cause: error } : { subject: path, cause: error },
  )
}

/** `EADDRINUSE` for 98; `E98`-like for a number without a name. */
export function errorName(errno: number): string {
  return names().get(errno) ?? `E${errno}`
}

let cachedNames: Map<number, string> | null = null

function names(): Map<number, string> {
  if (cachedNames === null) {
    cachedNames = new Map()
    for (const [name, number] of Object.entries(constants.errno)) {
      // EAGAIN and EWOULDBLOCK, ENOTSUP and EOPNOTSUPP share a number: the first of the alphabet is the usual one.
      if (!cachedNames.has(number)) cachedNames.set(number, name)
    }
  }
  return cachedNames
}

function errorText(errno: number): string {
  if (errno === constants.errno.ENOEXEC) return 'not a program that the kernel can run (no #! line?)'
  return getSystemErrorMap().get(-errno)?.[1] ?? 'system error'
}
