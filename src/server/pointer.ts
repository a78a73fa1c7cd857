// The pointer that `up` leaves for each config: where its supervisor is, or was. It stays after `down`, so that `logs`,
// `why` and `events` still know where to look.
import { closeSync, constants, fstatSync, lstatSync, openSync, readFileSync, statSync } from 'node:fs'
import { dirname } from 'node:path'
import { pointerBases } from '../config/runtime-base.ts'
import { sha256 } from '../config/sha256.ts'
import { isAlive, type ProcessIdentity } from '../os/process-identity.ts'

export interface Pointer {
  readonly socket: string
  readonly pid: number
  readonly runtimeDir: string
  readonly stateDir: string
  readonly logDir: string
  /** Clock ticks since boot: with the pid it says whether that supervisor still lives. */
  readonly startTime?: number
  readonly configFile?: string
  /** Not in the file: root has found it among the pointers of this user, who could have written anything into it. */
  readonly foreign?: { readonly uid: number; readonly gid: number }
}

interface Seeker {
  readonly environment: Readonly<Record<string, string | undefined>>
  readonly uid: number
}

const OTHERS_MAY_WRITE = 0o022

/** Start time 0, which matches no process, where the pointer does not tell it. */
export function supervisorOf({ pid, startTime = 0 }: Pointer): ProcessIdentity {
  return { pid, startTime }
}

/** @param configFile the config's real path; or that of a directory that its supervisor writes to. */
export function pointerPath(base: string, configFile: string): string {
  return `${base}/by-config/${sha256(configFile)}`
}

/**
 * In the bases of this user; for root also in those of the config's owner, who may have started it. One whose supervisor
 * lives comes before one that was only left behind. null: there is none, or none that may be read and trusted.
 */
export function findPointer(configFile: string, { environment, uid }: Seeker): Pointer | null {
  const own = firstPointer(configFile, pointerBases(environment, uid), [uid, 0])
  if (uid !== 0 || (own !== null && isAlive(supervisorOf(own)))) return own
  const foreign = foreignPointer(configFile)
  return foreign !== null && (own === null || isAlive(supervisorOf(foreign))) ? foreign : own
}

function foreignPointer(configFile: string): Pointer | null {
  const owner = ownerOf(configFile)
  if (owner === null || owner === 0) return null
  // Without the user's environment: where XDG_RUNTIME_DIR is unless somebody moved it, and where we go without it.
  for (const base of [`/run/user/${owner}/holdfast`, `/tmp/holdfast-${owner}`]) {
    if (!isOwnedBy(base, owner)) continue
    const pointer = firstPointer(configFile, [base], [owner])
    if (pointer !== null) return { ...pointer, foreign: { uid: owner, gid: lstatSync(base).gid } }
  }
  return null
}

/** Of a config that was deleted while its supervisor runs: of its directory. */
function ownerOf(configFile: string): number | null {
  const stats = (path: string) => statSync(path, { throwIfNoEntry: false })
  try {
    return (stats(configFile) ?? stats(dirname(configFile)))?.uid ?? null
  } catch {
    return null
  }
}

/** In /tmp anybody may have made a directory of that name. */
function isOwnedBy(base: string, owner: number): boolean {
  return [base, `${base}/by-config`].every((directory) => {
    const stats = lstatSync(directory, { throwIfNoEntry: false })
    return stats?.isDirectory() && stats.uid === owner && (stats.mode & OTHERS_MAY_WRITE) === 0
  })
}

function firstPointer(configFile: string, bases: readonly string[], owners: readonly number[]): Pointer | null {
  for (const base of bases) {
    const pointer = readPointer(pointerPath(base, configFile), owners)
    if (pointer) return pointer
  }
  return null
}

function readPointer(path: string, owners: readonly number[]): Pointer | null {
  let fd: number
  try {
    fd = openSync(path, constants.O_RDONLY | constants.O_NOFOLLOW | constants.O_NONBLOCK)
  } catch {
    return null
  }
  try {
    // Somebody else's pointer under a guessable name in /tmp would send our commands to their socket.
    const stats = fstatSync(fd)
    return stats.isFile() && owners.includes(stats.uid) ? asPointer(JSON.parse(readFileSync(fd, 'utf8'))) : null
  } catch {
    return null
  } finally {
    closeSync(fd)
  }
}

function asPointer(value: unknown): Pointer | null {
  const { socket, pid, runtimeDir, stateDir, logDir, startTime, configFile } = (value ?? {}) as Partial<Pointer>
  if (!isText(socket) || !isText(runtimeDir) || !isText(stateDir) || !isText(logDir)) return null
  if (typeof pid !== 'number') return null
  const known = { socket, pid, runtimeDir, stateDir, logDir }
  return {
    ...known,
    ...(typeof startTime === 'number' ? { startTime } : {}),
    ...(isText(configFile) ? { configFile } : {}),
  }
}

function isText(value: unknown): value is string {
  return typeof value === 'string'
}
