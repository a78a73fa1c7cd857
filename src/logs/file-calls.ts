// Asynchronous file calls on plain descriptors, as promises. (fs.promises hands out FileHandles, which close themselves
// when collected.)
import * as fs from 'node:fs'
import { promisify } from 'node:util'

export const open = promisify(fs.open)
export const close = promisify(fs.close)
export const fstat = promisify(fs.fstat)
export const stat = promisify(fs.stat)
export const fchown = promisify(fs.fchown)
export const rename = promisify(fs.rename)
export const unlink = promisify(fs.unlink)
export const mkdir = promisify(fs.mkdir)

/** @returns bytes read; 0 at the end of the file */
export function read(fd: number, buffer: Buffer, offset: number, length: number, position: number): Promise<number> {
  return new Promise((resolve, reject) => {
    fs.read(fd, buffer, offset, length, position, (error, bytes) => (error ? reject(error) : resolve(bytes)))
  })
}

/** At the end of the file (it is opened to append). @returns bytes written, perhaps fewer than asked */
export function append(fd: number, buffers: readonly Buffer[]): Promise<number> {
  return new Promise((resolve, reject) => {
    const done = (error: Error | null, bytes: number) => (error ? reject(error) : resolve(bytes))
    const only = buffers.length === 1 ? buffers[0] : undefined
    if (only !== undefined) fs.write(fd, only, 0, only.length, null, done)
    else fs.writev(fd, buffers, null, done)
  })
}

export function errorCode(error: unknown): string {
  return error instanceof Error && 'code' in error && typeof error.code === 'string' ? error.code : ''
}
