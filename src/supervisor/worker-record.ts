// What a later supervisor has to know of a running process: one small file each, written at the spawn.
import {
  closeSync,
  constants,
  fstatSync,
  openSync,
  readdirSync,
  readFileSync,
  rmSync,
  unlinkSync,
  writeFileSync,
} from 'node:fs'
import { join } from 'node:path'
import type { ServiceSpec } from '../config/effective.ts'
import type { LaneIndex } from './runtime-paths.ts'

export interface WorkerRecord {
  readonly version: 1
  readonly service: string
  readonly slot: number
  readonly lane: LaneIndex
  readonly number: number
  readonly generation: number
  readonly id: string
  readonly pid: number
  readonly startTime: number
  readonly bootId: string
  /** ISO 8601 */
  readonly startedAt: string
  readonly specHash: string
  /** Names of the sockets at fds 3, 4, … */
  readonly sockets: readonly string[]
  /** How it is to be stopped when its supervisor is dead. */
  readonly stop: ServiceSpec['stop']
  readonly session: ServiceSpec['session']
  readonly cwd: string
  readonly user: string | null
}

/**
 * In one write, without a rename: a supervisor that is killed in the middle leaves a record that can not be read, as it would
 * have left none had it been killed before. The directory is ours alone.
 */
export function writeRecord(path: string, record: WorkerRecord): void {
  try {
    writeFileSync(path, JSON.stringify(record), { mode: 0o600 })
  } catch (error) {
    rmSync(path, { force: true })
    throw error
  }
}

export function removeRecord(path: string): void {
  try {
    unlinkSync(path)
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== 'ENOENT') throw error
  }
}

/** Every record that can be read; one that can not is no reason to forget the others. */
export function readRecords(directory: string): { path: string; record: WorkerRecord }[] {
  let names: string[]
  try {
    names = readdirSync(directory)
  } catch {
    return []
  }
  return names
    .filter((name) => name.endsWith('.json'))
    .flatMap((name) => {
      const path = join(directory, name)
      try {
        const record = JSON.parse(readSmallFile(path)) as WorkerRecord
        return record.version === 1 ? [{ path, record }] : []
      } catch {
        return []
      }
    })
}

const LARGEST = 64 * 1024
const CAREFULLY = constants.O_RDONLY | constants.O_NOFOLLOW | constants.O_NONBLOCK

/** Root may read the records of another user, who may have put a FIFO there: opening that would wait for ever. */
function readSmallFile(path: string): string {
  const fd = openSync(path, CAREFULLY)
  try {
    const stats = fstatSync(fd)
    if (!stats.isFile() || stats.size > LARGEST) throw new Error(`${path} is no record`)
    return readFileSync(fd, 'utf8')
  } finally {
    closeSync(fd)
  }
}
