import { chmodSync, closeSync, openSync, renameSync, unlinkSync, writeSync } from 'node:fs'
import { withOsErrors } from './os-error.ts'

let count = 0

/**
 * Replaces a file as a whole: readers see the old text or the new one. `mode` is set exactly. Not flushed to disk: it is
 * meant for the runtime directory, where a crash of the machine empties everything anyway.
 */
export function writeFileAtomically(path: string, text: string, mode: number): void {
  withOsErrors(() => {
    // In the same directory, or rename would have to copy; pid and count keep writers apart.
    const temporary = `${path}.${process.pid}.${count++}.tmp`
    try {
      writeWhole(temporary, text, mode)
      renameSync(temporary, path)
    } catch (error) {
      removeQuietly(temporary)
      throw error
    }
  })
}

function writeWhole(path: string, text: string, mode: number): void {
  const fd = createExclusively(path)
  try {
    const bytes = Buffer.from(text)
    for (let written = 0; written < bytes.length; ) written += writeSync(fd, bytes, written)
  } finally {
    closeSync(fd)
  }
  if (mode !== 0o600) chmodSync(path, mode)
}

/** Owner only until it is complete, and never through a link that somebody put there. */
function createExclusively(path: string): number {
  try {
    return openSync(path, 'wx', 0o600)
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== 'EEXIST') throw error
    // Left behind by a process with our pid that died in the middle.
    unlinkSync(path)
    return openSync(path, 'wx', 0o600)
  }
}

function removeQuietly(path: string): void {
  try {
    unlinkSync(path)
  } catch {}
}
