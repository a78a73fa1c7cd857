// Directories of ours in /dev/shm, for supervisors whose runtime directory lies on a disk. Each says whose it is, so that
// the next supervisor of this user can remove what one that was killed has left: its own config may never start again.
import {
  chmodSync,
  lstatSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  readlinkSync,
  statfsSync,
  writeFileSync,
} from 'node:fs'
import { dirname, join } from 'node:path'
import { isAlive, startTimeOf } from '../os/process-identity.ts'
import { removeTree } from '../os/remove-tree.ts'
import { fifoHolders } from './fifo-holders.ts'
import { readRecords } from './worker-record.ts'

const TMPFS_MAGIC = 0x01021994
const SHARED_MEMORY = '/dev/shm'
const OWNER_FILE = 'owner.json'

interface Owner {
  readonly runtimeDir: string
  readonly pid: number
  readonly startTime: number
  /** Several containers may share one /dev/shm: a pid says nothing in another namespace. */
  readonly pidNamespace: string
}

/** For this runtime directory; null where it is on a tmpfs itself, or there is no tmpfs for everybody. */
export function makeFastDirectory(runtimeDir: string): string | null {
  if (isTmpfs(runtimeDir) || !isTmpfs(SHARED_MEMORY)) return null
  let directory: string | null = null
  try {
    directory = mkdtempSync(join(SHARED_MEMORY, prefix()))
    writeFileSync(join(directory, OWNER_FILE), JSON.stringify(ourselves(runtimeDir)), { mode: 0o600 })
    chmodSync(directory, 0o711)
    return directory
  } catch {
    // No permission, or no space: slower, but all the same.
    if (directory !== null) removeTree(directory)
    return null
  }
}

/** The one that this process made for this runtime directory, if it is still there. */
export function findFastDirectory(runtimeDir: string): string | null {
  const us = JSON.stringify(ourselves(runtimeDir))
  return fastDirectories().find((directory) => JSON.stringify(ownerOf(directory)) === us) ?? null
}

/** Whether `directory` is one of ours in /dev/shm. What else a link may lead to is not followed. */
export function isFastDirectory(directory: string): boolean {
  if (dirname(directory) !== SHARED_MEMORY || !directory.startsWith(join(SHARED_MEMORY, prefix()))) return false
  const stats = lstatSync(directory, { throwIfNoEntry: false })
  return stats?.isDirectory() === true && stats.uid === process.getuid?.()
}

/** Those whose supervisor is dead, as are the workers that it had. */
export function removeDeadFastDirectories(): void {
  for (const directory of fastDirectories()) {
    const owner = ownerOf(directory)
    try {
      if (owner !== null && isDead(owner, directory)) removeTree(directory)
    } catch {
      // A service's user may have left what can not be removed; that is no reason for another config not to start.
    }
  }
}

function isDead(owner: Owner, directory: string): boolean {
  if (owner.pidNamespace !== pidNamespace() || isAlive(owner)) return false
  if (readRecords(join(directory, 'workers')).some(({ record }) => isAlive(record))) return false
  return fifoHolders(join(directory, 'svc')).length === 0
}

function fastDirectories(): string[] {
  try {
    return readdirSync(SHARED_MEMORY)
      .filter((name) => name.startsWith(prefix()))
      .map((name) => join(SHARED_MEMORY, name))
      .filter(isFastDirectory)
  } catch {
    return []
  }
}

/** Null where it can not be told: then the directory is left alone. */
function ownerOf(directory: string): Owner | null {
  try {
    return JSON.parse(readFileSync(join(directory, OWNER_FILE), 'utf8'))
  } catch {
    return null
  }
}

function ourselves(runtimeDir: string): Owner {
  const { pid } = process
  return { runtimeDir, pid, startTime: startTimeOf(pid) ?? 0, pidNamespace: pidNamespace() }
}

function pidNamespace(): string {
  try {
    return readlinkSync('/proc/self/ns/pid')
  } catch {
    return 'unknown'
  }
}

function prefix(): string {
  return `holdfast-${process.getuid?.() ?? 0}-`
}

function isTmpfs(path: string): boolean {
  try {
    return statfsSync(path).type === TMPFS_MAGIC
  } catch {
    return false
  }
}
