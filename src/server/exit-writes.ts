// Writing in a process's last moment, when nothing asynchronous happens any more.
import { fstatSync, readSync, writeSync } from 'node:fs'

/** All of it, or as much as can be written without waiting. Throws what the system answers. */
export function writeFully(fd: number, text: string): void {
  let rest = Buffer.from(text)
  while (rest.length > 0) rest = rest.subarray(writeSync(fd, rest))
}

/** Stands still. What threads have begun goes on meanwhile. */
export function pause(milliseconds: number): void {
  Atomics.wait(new Int32Array(new SharedArrayBuffer(Int32Array.BYTES_PER_ELEMENT)), 0, 0, milliseconds)
}

/** Waits until the text stands near the end of the file, where others may write too; false after so many milliseconds. */
export function awaitAtEnd(fd: number, text: string, milliseconds: number): boolean {
  const bytes = Buffer.from(text)
  const tail = Buffer.alloc(2 * bytes.length + 64 * 1024)
  const end = performance.now() + milliseconds
  for (;;) {
    const from = Math.max(0, fstatSync(fd).size - tail.length)
    const length = readSync(fd, tail, 0, tail.length, from)
    if (tail.subarray(0, length).includes(bytes)) return true
    if (performance.now() >= end) return false
    pause(1)
  }
}
