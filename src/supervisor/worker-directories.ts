// `svc/` (FIFOs, heartbeat tables) and `workers/` (records) of the runtime directory. Making a file costs 5 us on a tmpfs
// and 400 to 800 us on ext4, and every worker needs six: where the runtime directory is no tmpfs (a container's /run, say),
// the two are symbolic links to a directory of ours in /dev/shm.
import {
  chmodSync,
  lstatSync,
  mkdirSync,
  mkdtempSync,
  readlinkSync,
  rmSync,
  statfsSync,
  statSync,
  symlinkSync,
} from 'node:fs'
import { dirname, join } from 'node:path'
import { removeTree } from '../os/remove-tree.ts'
import type { RuntimePaths } from './runtime-paths.ts'

const TMPFS_MAGIC = 0x01021994
const SHARED_MEMORY = '/dev/shm'
const PREFIX = 'holdfast-'

/** Every service's user passes through `svc/` to its own directory. */
export function prepareWorkerDirectories(paths: RuntimePaths): void {
  removeWorkerDirectories(paths)
  const fast = isTmpfs(paths.root) ? null : fastDirectory()
  for (const [path, mode] of [
    [paths.services, 0o711],
    [paths.records, 0o700],
  ] as const) {
    const real = fast === null ? path : join(fast, path === paths.services ? 'svc' : 'workers')
    mkdirSync(real)
    chmodSync(real, mode)
    if (real !== path) symlinkSync(real, path)
  }
}

/** Where they are gone; in place then, without a link: whoever removed them may come again. */
export function restoreWorkerDirectories(paths: RuntimePaths): void {
  for (const [path, mode] of [
    [paths.services, 0o711],
    [paths.records, 0o700],
  ] as const) {
    if (statSync(path, { throwIfNoEntry: false })?.isDirectory()) continue
    rmSync(path, { recursive: true, force: true })
    mkdirSync(path, { recursive: true })
    chmodSync(path, mode)
  }
}

/** Only when no worker lives any more. */
export function removeWorkerDirectories(paths: RuntimePaths): void {
  for (const path of [paths.services, paths.records]) {
    const elsewhere = linkTarget(path)
    if (elsewhere !== null) removeTree(dirname(elsewhere))
    removeTree(path)
  }
}

/** Null where there is no tmpfs for everybody either. */
function fastDirectory(): string | null {
  if (!isTmpfs(SHARED_MEMORY)) return null
  try {
    const directory = mkdtempSync(join(SHARED_MEMORY, `${PREFIX}${process.getuid?.() ?? 0}-`))
    chmodSync(directory, 0o711)
    return directory
  } catch {
    // No permission, or no space: slower, but all the same.
    return null
  }
}

/** Where a link of ours points to; what else may stand there is not followed. */
function linkTarget(path: string): string | null {
  if (!lstatSync(path, { throwIfNoEntry: false })?.isSymbolicLink()) return null
  const target = readlinkSync(path)
  const directory = dirname(target)
  const ours = dirname(directory) === SHARED_MEMORY && directory.startsWith(join(SHARED_MEMORY, PREFIX))
  return ours && lstatSync(directory, { throwIfNoEntry: false })?.uid === process.getuid?.() ? target : null
}

function isTmpfs(path: string): boolean {
  try {
    return statfsSync(path).type === TMPFS_MAGIC
  } catch {
    return false
  }
}
