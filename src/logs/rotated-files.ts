import { errorCode, rename, stat, unlink } from './file-calls.ts'

/** FILE.1 is the newest of the rotated ones. */
export function rotatedPath(path: string, number: number): string {
  return `${path}.${number}`
}

/**
 * FILE becomes FILE.1, FILE.1 becomes FILE.2 and so on; FILE.keep is dropped. A crash in the middle leaves a gap in the
 * numbers; the next rotation moves only what stands before the gap, so that nothing is dropped too early.
 */
export async function shiftRotatedFiles(path: string, keep: number): Promise<void> {
  if (keep < 1) {
    await unlink(path)
    return
  }
  let last = 1
  while (last < keep && (await exists(rotatedPath(path, last)))) last++
  for (let number = last; number > 1; number--) {
    await rename(rotatedPath(path, number - 1), rotatedPath(path, number))
  }
  await rename(path, rotatedPath(path, 1))
}

async function exists(path: string): Promise<boolean> {
  try {
    await stat(path)
    return true
  } catch (error) {
    if (errorCode(error) === 'ENOENT') return false
    throw error
  }
}
