import { closeSync, openSync, readSync } from 'node:fs'

let shared = Buffer.allocUnsafe(64 * 1024)

/**
 * Bytes of a small file of /proc, null when the process is gone or the file may not be read.
 * The result is a view of one shared buffer: use it before the next call. Half the price of readFileSync.
 * `short`: the kernel hands it out in one piece (stat, statm), so that nobody has to ask for its end.
 */
export function readProcFile(path: string, { short = false } = {}): Buffer | null {
  let fd: number
  try {
    fd = openSync(path, 'r')
  } catch {
    return null
  }
  try {
    let length = 0
    for (;;) {
      const count = readSync(fd, shared, length, shared.length - length, null)
      length += count
      if (count === 0 || short) return shared.subarray(0, length)
      if (length === shared.length) shared = Buffer.concat([shared, Buffer.allocUnsafe(shared.length)])
    }
  } catch {
    // ESRCH: it ended between open and read.
    return null
  } finally {
    closeSync(fd)
  }
}
