// `svc/` (FIFOs, heartbeat tables) and `workers/` (records) of the runtime directory. Making a file costs 5 us on a tmpfs
// and 400 to 800 us on ext4, and every worker needs six: where the runtime directory is no tmpfs (a container's /run, say),
// the two are symbolic links to a directory of ours in /dev/shm.
import { chmodSync, lstatSync, mkdirSync, readlinkSync, renameSync, rmSync, statSync, symlinkSync } from 'node:fs'
import { basename, dirname, join } from 'node:path'
import { removeTree } from '../os/remove-tree.ts'
import { findFastDirectory, isFastDirectory, makeFastDirectory, removeDeadFastDirectories } from './fast-directory.ts'
import type { RuntimePaths } from './runtime-paths.ts'

/** Every service's user passes through `svc/` to its own directory. */
export function prepareWorkerDirectories(paths: RuntimePaths): void {
  clearWorkerDirectories(paths)
  removeDeadFastDirectories()
  const fast = makeFastDirectory(paths.root)
  for (const [path, mode] of both(paths)) {
    const real = fast === null ? path : join(fast, basename(path))
    mkdirSync(real)
    chmodSync(real, mode)
    if (real !== path) symlinkSync(real, path)
  }
}

/**
 * Where somebody removed them. What only lost its link is linked again, with all that lies in it; else they are made in
 * place: whoever removed them may come again.
 */
export function restoreWorkerDirectories(paths: RuntimePaths): void {
  const fast = findFastDirectory(paths.root)
  for (const [path, mode] of both(paths)) {
    if (isDirectory(path)) continue
    rmSync(path, { recursive: true, force: true })
    mkdirSync(dirname(path), { recursive: true, mode: 0o700 })
    const real = fast === null ? path : join(fast, basename(path))
    if (real !== path) symlinkSync(real, path)
    if (isDirectory(real)) continue
    mkdirSync(real)
    chmodSync(real, mode)
  }
}

/** Only when no worker lives any more. */
export function removeWorkerDirectories(paths: RuntimePaths): void {
  // Ours may have lost its links.
  const own = findFastDirectory(paths.root)
  if (own !== null) removeTree(own)
  for (const [path] of both(paths)) {
    const directory = linkedDirectory(path)
    if (directory !== null) removeTree(directory)
    removeTree(path)
  }
}

/** What a service's user has made irremovable goes out of the way: it must not keep the supervisor from starting. */
function clearWorkerDirectories(paths: RuntimePaths): void {
  try {
    removeWorkerDirectories(paths)
  } catch {
    for (const [path] of both(paths)) {
      if (lstatSync(path, { throwIfNoEntry: false }) === undefined) continue
      renameSync(path, `${path}.irremovable-${process.pid}-${Date.now()}`)
    }
  }
}

function both(paths: RuntimePaths): readonly (readonly [path: string, mode: number])[] {
  return [
    [paths.services, 0o711],
    [paths.records, 0o700],
  ]
}

function linkedDirectory(path: string): string | null {
  if (!lstatSync(path, { throwIfNoEntry: false })?.isSymbolicLink()) return null
  const directory = dirname(readlinkSync(path))
  return isFastDirectory(directory) ? directory : null
}

function isDirectory(path: string): boolean {
  return statSync(path, { throwIfNoEntry: false })?.isDirectory() ?? false
}
