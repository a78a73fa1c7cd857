// Files that say something by being there, often in directories that others may write to as well.
import { closeSync, constants, mkdirSync, openSync } from 'node:fs'
import { dirname } from 'node:path'

const { O_CREAT, O_EXCL, O_NOFOLLOW, O_WRONLY } = constants

/**
 * Makes it, and its directory, where they are not there. What is in a file of that name stays, and a link is not followed: it would
 * be somebody else's choice which file of ours that is.
 * @param how `new`: it must not be there yet (EEXIST) @throws Error of the file system
 */
export function makeEmptyFile(path: string, how: 'new' | 'kept' = 'kept'): void {
  mkdirSync(dirname(path), { recursive: true })
  closeSync(openSync(path, O_WRONLY | O_CREAT | O_NOFOLLOW | (how === 'new' ? O_EXCL : 0), 0o644))
}
