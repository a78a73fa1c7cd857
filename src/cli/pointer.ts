// The pointer that `up` leaves for each config: where its supervisor is, or was. It stays after `down`, so that `logs`,
// `why` and `events` still know where to look.
import { closeSync, constants, fstatSync, openSync, readFileSync } from 'node:fs'
import { sha256 } from './sha256.ts'

export interface Pointer {
  readonly socket: string
  readonly pid: number
  readonly runtimeDir: string
  readonly stateDir: string
  readonly logDir: string
  /** Clock ticks since boot: with the pid it says whether that supervisor still lives. */
  readonly startTime?: number
  readonly configFile?: string
}

/** @param configFile the config's real path. */
export function pointerPath(base: string, configFile: string): string {
  return `${base}/by-config/${sha256(configFile)}`
}

/** null: there is none, or none that may be read and trusted. */
export function findPointer(configFile: string, bases: readonly string[], uid: number): Pointer | null {
  for (const base of bases) {
    const pointer = readPointer(pointerPath(base, configFile), uid)
    if (pointer) return pointer
  }
  return null
}

function readPointer(path: string, uid: number): Pointer | null {
  let fd: number
  try {
    fd = openSync(path, constants.O_RDONLY | constants.O_NOFOLLOW)
  } catch {
    return null
  }
  try {
    // Somebody else's pointer under a guessable name in /tmp would send our commands to their socket.
    const { uid: owner } = fstatSync(fd)
    return owner === uid || owner === 0 ? asPointer(JSON.parse(readFileSync(fd, 'utf8'))) : null
  } catch {
    return null
  } finally {
    closeSync(fd)
  }
}

function asPointer(value: unknown): Pointer | null {
  const { socket, pid, runtimeDir, stateDir, logDir } = (value ?? {}) as Partial<Pointer>
  const complete = [socket, runtimeDir, stateDir, logDir].every((path) => typeof path === 'string')
  return complete && typeof pid === 'number' ? (value as Pointer) : null
}
