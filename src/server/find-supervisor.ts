// Which supervisor a command is for. Never reads a config's contents: `status` and `down` work although it is broken.
import { accessSync, constants, realpathSync } from 'node:fs'
import { basename, dirname, join, resolve } from 'node:path'
import { findConfig } from '../config/find-config.ts'
import { pointerBases } from '../config/runtime-base.ts'
import { HoldfastError } from '../errors/holdfast-error.ts'
import { findPointer, type Pointer } from './pointer.ts'

export interface Surroundings {
  readonly cwd: string
  readonly environment: Record<string, string | undefined>
  readonly uid: number
}

export interface SupervisorPlace {
  readonly socket: string
  /** null: the socket was named, by --socket or HOLDFAST_SOCKET. */
  readonly pointer: Pointer | null
}

export interface SearchOptions {
  readonly config: string | null
  readonly socket: string | null
}

/**
 * --socket; else, with -c, the pointer of that config; else $HOLDFAST_SOCKET; else the pointer of the config found here.
 * @throws HoldfastError HF_UNREACHABLE
 */
export function findSupervisor(options: SearchOptions, around: Surroundings): SupervisorPlace {
  const socket = namedSocket(options, around)
  if (socket !== null) return { socket, pointer: null }
  const configFile = configFileOf(options.config, around)
  if (configFile === null) {
    throw new HoldfastError('HF_UNREACHABLE', {
      where: `: no config file in ${around.cwd} or /etc/holdfast`,
      config: ' -c FILE',
    })
  }
  const pointer = findPointer(configFile, around)
  if (pointer) return { socket: pointer.socket, pointer }
  throw unreachable(configFile, hiddenBases(around))
}

/** By --socket, or without -c by HOLDFAST_SOCKET. */
export function namedSocket({ socket, config }: SearchOptions, { cwd, environment }: Surroundings): string | null {
  if (socket !== null) return resolve(cwd, socket)
  const fromEnvironment = environment.HOLDFAST_SOCKET ?? ''
  return config === null && fromEnvironment !== '' ? fromEnvironment : null
}

/** The real path of the config, whether it can be read or not; null if none is named and none is found. */
export function configFileOf(named: string | null, around: Surroundings): string | null {
  const path = findConfig(around.cwd, named)
  return path === null ? null : realPath(path)
}

/** A config that was deleted while its supervisor runs has no real path any more, its directory has. */
function realPath(path: string): string {
  try {
    return realpathSync(path)
  } catch {
    try {
      return join(realpathSync(dirname(path)), basename(path))
    } catch {
      return path
    }
  }
}

/** Where pointers may be that this user must not see. */
function hiddenBases({ environment, uid }: Surroundings): string[] {
  return pointerBases(environment, uid).filter((base) => {
    try {
      accessSync(`${base}/by-config`, constants.X_OK)
      return false
    } catch (error) {
      return (error as NodeJS.ErrnoException).code === 'EACCES'
    }
  })
}

function unreachable(configFile: string, hidden: readonly string[]): HoldfastError {
  const unseen = hidden.length > 0 ? ` (what stands in ${hidden.join(', ')} is not yours to see)` : ''
  return new HoldfastError('HF_UNREACHABLE', { where: ` for ${configFile}${unseen}`, config: '' })
}
