// What `up` checks and leaves in the directories that several configs share: whose runtime directory it is, and the pointer.
import { lstatSync, mkdirSync, readFileSync } from 'node:fs'
import { dirname, join } from 'node:path'
import type { SupervisorSpec } from '../config/effective.ts'
import { pointerBases, runtimeBase } from '../config/runtime-base.ts'
import { HoldfastError } from '../errors/holdfast-error.ts'
import { writeFileAtomically } from '../os/atomic-file.ts'
import { isAlive, startTimeOf } from '../os/process-identity.ts'
import { livingLeftovers } from '../supervisor/leftover.ts'
import type { Surroundings } from './find-supervisor.ts'
import { findPointer, type Pointer, pointerPath, supervisorOf } from './pointer.ts'
import { refuseSecond } from './refuse-second.ts'
import { refuseSharedDirectory, writtenDirectories } from './shared-directory.ts'

/** In the runtime directory: which config it belongs to. */
const OWNER_FILE = 'config.json'
const OTHERS_MAY_WRITE = 0o022

/**
 * @throws HoldfastError HF_ALREADY_RUNNING, HF_RUNTIME_DIR_TAKEN, HF_DIRECTORY_SHARED, HF_DIRECTORY; nothing is changed but
 * `<base>` made.
 */
export function claimRuntime(
  spec: SupervisorSpec,
  { environment, uid }: Pick<Surroundings, 'environment' | 'uid'>,
): void {
  const base = runtimeBase(environment, uid)
  // In /tmp somebody else may have made it before us.
  if (dirname(spec.runtimeDir) === base) makeBase(base, uid)
  if (spec.configFile === null) return
  refuseSecond(spec.configFile, { environment, uid })
  refuseForeignRuntime(spec, { environment, uid })
  refuseSharedDirectory(spec, { environment, uid })
}

function refuseForeignRuntime(
  { runtimeDir, configFile }: SupervisorSpec,
  around: Pick<Surroundings, 'environment' | 'uid'>,
): void {
  const owner = ownerOf(runtimeDir)
  if (owner === null || owner === configFile) return
  const other = findPointer(owner, around)
  // A config that does not run, and left no workers, has no claim: the next release in another directory takes over.
  if (!(other && isAlive(supervisorOf(other))) && livingLeftovers(runtimeDir).length === 0) return
  throw new HoldfastError('HF_RUNTIME_DIR_TAKEN', { dir: runtimeDir, config: owner })
}

/** Once it runs: so that the commands find it. @throws HoldfastError HF_DIRECTORY */
export function leavePointer(
  spec: SupervisorSpec,
  { environment, uid }: Pick<Surroundings, 'environment' | 'uid'>,
): void {
  const { runtimeDir, stateDir, logDir, configFile } = spec
  if (configFile === null) return
  const { pid } = process
  const startTime = startTimeOf(pid) ?? 0
  const pointer: Pointer = { socket: spec.control.socket, pid, runtimeDir, stateDir, logDir, startTime, configFile }
  writeFileAtomically(join(runtimeDir, OWNER_FILE), `${JSON.stringify({ configFile })}\n`, 0o600)
  const base = writableBase(environment, uid)
  for (const key of [configFile, ...writtenDirectories(spec).map(({ path }) => path)]) {
    const path = pointerPath(base, key)
    mkdirSync(dirname(path), { recursive: true, mode: 0o700 })
    writeFileAtomically(path, `${JSON.stringify(pointer)}\n`, 0o600)
  }
}

/** Whether the commands would find this process. */
export function isPointerThere(
  { configFile }: SupervisorSpec,
  { environment, uid }: Pick<Surroundings, 'environment' | 'uid'>,
): boolean {
  return configFile === null || findPointer(configFile, { environment, uid })?.pid === process.pid
}

function ownerOf(runtimeDir: string): string | null {
  try {
    const { configFile } = JSON.parse(readFileSync(join(runtimeDir, OWNER_FILE), 'utf8'))
    return typeof configFile === 'string' ? configFile : null
  } catch {
    return null
  }
}

/** The usual one; where that cannot be (a container with a read-only /run), the last place that is looked at. */
function writableBase(environment: Surroundings['environment'], uid: number): string {
  const usual = runtimeBase(environment, uid)
  try {
    makeBase(usual, uid)
    return usual
  } catch (error) {
    const last = pointerBases(environment, uid).at(-1) ?? usual
    if (last === usual) throw error
    makeBase(last, uid)
    return last
  }
}

function makeBase(base: string, uid: number): void {
  const refuse = (problem: string, cause?: unknown) => {
    const mend = 'Remove it, or have its owner remove it.'
    return new HoldfastError('HF_DIRECTORY', { what: 'directory', dir: base, problem, mend }, { cause })
  }
  try {
    mkdirSync(base, { recursive: true, mode: 0o700 })
  } catch (error) {
    throw refuse((error as Error).message, error)
  }
  const stats = lstatSync(base)
  if (!stats.isDirectory()) throw refuse('it is not a directory')
  if (stats.uid !== uid && stats.uid !== 0) throw refuse(`it belongs to uid ${stats.uid}`)
  if ((stats.mode & OTHERS_MAY_WRITE) !== 0) throw refuse('others may write to it')
}
