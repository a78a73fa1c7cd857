// Two supervisors that write logs and journal into one directory would mix them up, and rotate the files away below each other.
// Two configs side by side have the same default of `logDir`, so it happens easily. Beside the pointer of its config each
// supervisor therefore leaves the same pointer for each directory that it writes to.
import { realpathSync } from 'node:fs'
import { basename, dirname, join } from 'node:path'
import type { SupervisorSpec } from '../config/effective.ts'
import { HoldfastError } from '../errors/holdfast-error.ts'
import { isAlive } from '../os/process-identity.ts'
import type { Surroundings } from './find-supervisor.ts'
import { findPointer, supervisorOf } from './pointer.ts'

/** @throws HoldfastError HF_DIRECTORY_SHARED */
export function refuseSharedDirectory(spec: SupervisorSpec, around: Pick<Surroundings, 'environment' | 'uid'>): void {
  for (const { key, dir, path } of writtenDirectories(spec)) {
    const other = findPointer(path, around)
    if (other?.configFile === undefined || other.configFile === spec.configFile) continue
    if (!isAlive(supervisorOf(other))) continue
    const { configFile: config, pid } = other
    throw new HoldfastError('HF_DIRECTORY_SHARED', { key, dir, config, pid, name: spec.name })
  }
}

/** The real paths of the directories that a supervisor writes logs and journal to. */
export function writtenDirectories({ logDir, stateDir }: SupervisorSpec) {
  const directories = [{ key: 'logDir', dir: logDir, path: realDirectory(logDir) }]
  if (stateDir !== logDir) directories.push({ key: 'stateDir', dir: stateDir, path: realDirectory(stateDir) })
  return directories
}

/** Of what is not there yet: as it will be. */
function realDirectory(path: string): string {
  try {
    return realpathSync(path)
  } catch {
    const parent = dirname(path)
    return parent === path ? path : join(realDirectory(parent), basename(path))
  }
}
