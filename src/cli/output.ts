// Writing to the terminal or a pipe without process.stdout, whose set-up costs every short command more than its answer.
import { fstatSync, writeSync } from 'node:fs'
import { hasReader } from '../os/pipe-reader.ts'

export interface Output {
  write(text: string): void
  readonly isTty: boolean
  /** Terminal width and height; 80 and 24 where they are not known. */
  readonly columns: number
  readonly rows: number
  /** For who writes only now and then: calls back within a second when nobody reads the pipe any more. @returns what ends it */
  onReaderGone?(act: () => void): () => void
}

/** The reader (`head`, a closed terminal) is gone: there is nobody left to tell anything. */
export class ReaderGone extends Error {
  override name = 'ReaderGone'
}

const PAUSE = 5

/** Writes all of the text before it returns. @throws ReaderGone */
export function writeAll(fd: number, text: string): void {
  let bytes = Buffer.from(text, 'utf8')
  while (bytes.length > 0) {
    try {
      bytes = bytes.subarray(writeSync(fd, bytes))
    } catch (error) {
      const { code } = error as NodeJS.ErrnoException
      // A pipe that somebody else made non-blocking, and that is full: wait for its reader.
      if (code === 'EAGAIN') Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0, PAUSE)
      else if (code === 'EPIPE' || code === 'EIO' || code === 'EBADF') throw new ReaderGone()
      else throw error
    }
  }
}

/** `node:tty` takes 2 ms to load: only asked about what could be a terminal at all. */
function isTerminal(fd: number): boolean {
  try {
    const stats = fstatSync(fd)
    if (!stats.isCharacterDevice() || stats.rdev >> 8 === MEMORY_DEVICES) return false
  } catch {
    // Closed.
    return false
  }
  return process.getBuiltinModule('node:tty').isatty(fd)
}

/** /dev/null and its like. */
const MEMORY_DEVICES = 1

export function outputTo(fd: 1 | 2): Output {
  const isTty = isTerminal(fd)
  return {
    write: (text) => writeAll(fd, text),
    isTty,
    // Only asked for on a terminal, where process.stdout follows its size.
    get columns() {
      return (isTty ? terminal(fd).columns : undefined) || 80
    },
    get rows() {
      return (isTty ? terminal(fd).rows : undefined) || 24
    },
    onReaderGone: (act) => watchReader(fd, act),
  }
}

const LOOK_EVERY = 1000

function terminal(fd: 1 | 2): NodeJS.WriteStream {
  return fd === 1 ? process.stdout : process.stderr
}

function watchReader(fd: number, act: () => void): () => void {
  if (!fstatSync(fd).isFIFO()) return () => {}
  const timer = setInterval(() => {
    if (!hasReader(fd)) act()
  }, LOOK_EVERY)
  timer.unref()
  return () => clearInterval(timer)
}
