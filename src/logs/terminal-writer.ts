import * as fs from 'node:fs'
import { errorCode } from './file-calls.ts'

const FIRST_RETRY = 10
const LAST_RETRY = 250

/**
 * Writes to a terminal or pipe of ours without ever waiting for it. (process.stdout waits: when nobody reads the pipe, or
 * the terminal is stopped with ^S, the whole process stands still.) For this it opens the fd's file anew with O_NONBLOCK:
 * set on the fd itself, the flag would be seen by every process that shares the terminal. Where that is not possible
 * (a socket, a regular file) it writes in a thread. When the reader is gone everything is swallowed.
 */
export function terminalWriter(fd: number): (text: string, done: () => void) => void {
  const own = openWithoutWaiting(fd)
  let gone = false
  const write = (rest: Buffer, done: () => void, retry = FIRST_RETRY): void => {
    if (gone || rest.length === 0) {
      done()
      return
    }
    const result = (error: unknown, bytes: number): void => {
      if (error === null) write(rest.subarray(bytes), done)
      else if (errorCode(error) === 'EAGAIN')
        setTimeout(write, retry, rest, done, Math.min(LAST_RETRY, 2 * retry)).unref()
      else {
        gone = true
        done()
      }
    }
    if (own === null) fs.write(fd, rest, 0, rest.length, null, result)
    else writeNow(own, rest, result)
  }
  return (text, done) => write(Buffer.from(text), done)
}

function writeNow(fd: number, rest: Buffer, result: (error: unknown, bytes: number) => void): void {
  let bytes = 0
  try {
    bytes = fs.writeSync(fd, rest)
  } catch (error) {
    result(error, 0)
    return
  }
  result(null, bytes)
}

function openWithoutWaiting(fd: number): number | null {
  try {
    const is = fs.fstatSync(fd)
    if (!is.isFIFO() && !is.isCharacterDevice()) return null
    const { O_WRONLY, O_NONBLOCK, O_NOCTTY } = fs.constants
    return fs.openSync(`/proc/self/fd/${fd}`, O_WRONLY | O_NONBLOCK | O_NOCTTY)
  } catch {
    return null
  }
}
