// The directories that a supervisor needs, made with the modes of the contract, or refused with a clear word.
import { chmodSync, lstatSync, mkdirSync, rmSync, writeFileSync } from 'node:fs'
import { dirname, join } from 'node:path'
import type { SupervisorSpec } from '../config/effective.ts'
import { pointerBases } from '../config/runtime-base.ts'
import { HoldfastError } from '../errors/holdfast-error.ts'

/**
 * Makes the runtime, log and state directories. @throws HoldfastError HF_DIRECTORY
 * The runtime directory is 0700, and 0711 where another user has to pass through it: to its service's own directory, or to
 * the control socket.
 */
export function prepareDirectories(spec: SupervisorSpec): void {
  prepareRuntimeDirectory(spec)
  makeWritable('log directory', spec.logDir)
  makeWritable('state directory', spec.stateDir)
}

/** That one alone. @throws HoldfastError HF_DIRECTORY */
export function prepareRuntimeDirectory(spec: SupervisorSpec): void {
  const others = spec.control.allow.length > 0 || Object.values(spec.services).some(({ user }) => user !== null)
  const mode = others ? 0o711 : 0o700
  makeOwn('runtime directory', spec.runtimeDir, mode)
  if (others) openForPassing(dirname(spec.runtimeDir))
}

function makeOwn(what: string, dir: string, mode: number): void {
  attempt(what, dir, () => mkdirSync(dir, { recursive: true, mode }))
  const stats = attempt(what, dir, () => lstatSync(dir))
  if (!stats.isDirectory())
    throw refused(what, dir, 'it is not a directory', 'Remove it, or set another path in the config.')
  const uid = process.getuid?.() ?? 0
  if (stats.uid !== uid) {
    throw refused(
      what,
      dir,
      `it belongs to uid ${stats.uid}, not to uid ${uid}`,
      'Remove it, or set runtimeDir in the config.',
    )
  }
  // Only where it differs: whoever watches the directory would take it for a change.
  if ((stats.mode & 0o777) !== mode) attempt(what, dir, () => chmodSync(dir, mode))
  probe(what, dir)
}

function makeWritable(what: string, dir: string): void {
  attempt(what, dir, () => mkdirSync(dir, { recursive: true, mode: 0o755 }))
  probe(what, dir)
}

/** A read-only or full file system says so at the first write only. */
function probe(what: string, dir: string): void {
  const file = join(dir, `.holdfast-probe-${process.pid}`)
  try {
    attempt(what, dir, () => writeFileSync(file, 'x'))
  } finally {
    rmSync(file, { force: true })
  }
}

/** `<base>` lets others through, too. Any other directory is the user's own business: it may be a home. */
function openForPassing(parent: string): void {
  const uid = process.getuid?.() ?? 0
  if (!pointerBases(process.env, uid).includes(parent)) return
  try {
    const stats = lstatSync(parent)
    if (stats.uid === uid && (stats.mode & 0o777) === 0o700) chmodSync(parent, 0o711)
  } catch {
    // The directory itself could be made: whether others may pass is then no longer in our hands.
  }
}

function attempt<T>(what: string, dir: string, make: () => T): T {
  try {
    return make()
  } catch (error) {
    const { code, message } = error as NodeJS.ErrnoException
    const [problem, mend] = EXPLAINED[code ?? ''] ?? [message, 'Check the path and its permissions.']
    throw refused(what, dir, problem, mend, error)
  }
}

const EXPLAINED: Readonly<Record<string, readonly [string, string]>> = {
  EACCES: ['permission denied', 'Run as its owner, or set another path in the config.'],
  EPERM: ['operation not permitted', 'Run as its owner, or set another path in the config.'],
  EROFS: ['the file system is read-only', 'Set a path on a writable file system in the config.'],
  ENOSPC: ['no space left on the device', 'Free some space, or set a path on another file system.'],
  EDQUOT: ['the disk quota is used up', 'Free some space, or set a path on another file system.'],
  ENOTDIR: ['a part of the path is not a directory', 'Mend the path in the config.'],
  EEXIST: ['it is not a directory', 'Remove it, or set another path in the config.'],
}

function refused(what: string, dir: string, problem: string, mend: string, cause?: unknown): HoldfastError {
  return new HoldfastError('HF_DIRECTORY', { what, dir, problem, mend }, { cause })
}
