import { accessSync, constants as fsConstants, type Stats, statSync } from 'node:fs'
import { constants } from 'node:os'
import { resolve } from 'node:path'
import { OsError } from './os-error.ts'

const { ENOENT, EACCES } = constants.errno

/** Where execvp looks without a PATH. */
const DEFAULT_PATH = '/usr/local/bin:/usr/bin:/bin'

/**
 * Absolute path of the program that a shell in `cwd` would run; symbolic links are kept. A command with a slash is taken
 * from `cwd`, another one is searched in `pathVariable` (an empty entry is `cwd`).
 * Throws OsError ENOENT, or EACCES if there is one that cannot be run.
 */
export function findCommand(command: string, pathVariable: string | undefined, cwd: string): string {
  if (command === '') throw new OsError('find', ENOENT, { explanation: 'the command is empty' })
  if (command.includes('/')) {
    const problem = problemOf(resolve(cwd, command))
    if (problem !== null) throw new OsError('find', problem.errno, { subject: command, explanation: problem.text })
    return resolve(cwd, command)
  }
  let denied: Problem | null = null
  for (const directory of (pathVariable ?? DEFAULT_PATH).split(':')) {
    const path = resolve(cwd, directory, command)
    const problem = problemOf(path)
    if (problem === null) return path
    if (problem.errno === EACCES) denied ??= { errno: EACCES, text: `${path}: ${problem.text}` }
  }
  const problem = denied ?? { errno: ENOENT, text: 'not found in PATH' }
  throw new OsError('find', problem.errno, { subject: command, explanation: problem.text })
}

interface Problem {
  readonly errno: number
  readonly text: string
}

function problemOf(path: string): Problem | null {
  let stats: Stats | undefined
  try {
    stats = statSync(path, { throwIfNoEntry: false })
  } catch (error) {
    const code = (error as NodeJS.ErrnoException).code
    // ENOTDIR, ELOOP, ENAMETOOLONG …: there is no such file either way.
    return code === 'EACCES' ? { errno: EACCES, text: 'permission denied' } : { errno: ENOENT, text: 'no such file' }
  }
  if (stats === undefined) return { errno: ENOENT, text: 'no such file' }
  if (stats.isDirectory()) return { errno: EACCES, text: 'is a directory' }
  if (!stats.isFile()) return { errno: EACCES, text: 'not a regular file' }
  try {
    accessSync(path, fsConstants.X_OK)
    return null
  } catch {
    return { errno: EACCES, text: 'not executable' }
  }
}
