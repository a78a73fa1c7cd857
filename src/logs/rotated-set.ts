import { constants } from 'node:fs'
import { dirname } from 'node:path'
import { directorySlot, withDiskSlot } from './disk-slots.ts'
import { close, errorCode, fstat, open, read } from './file-calls.ts'
import type { FileIdentity } from './open-log.ts'
import { rotatedPath } from './rotated-files.ts'

const BLOCK = 64 * 1024
const LONGEST_LINE = 4 * 1024 * 1024
const MOST_FILES = 1_000

/** Whole lines of one file; at a file's end the last line may lack its \n. */
export interface LinesBlock {
  /** Index in the set, from the oldest file. */
  readonly file: number
  /** Offset of the text in the file. */
  readonly start: number
  /** The bytes as Latin-1 characters: offsets in it are offsets in the file. */
  readonly text: string
}

interface HeldFile extends FileIdentity {
  readonly fd: number
}

/** FILE.n … FILE.1, FILE as they are at one moment, open for reading: a rotation under way harms nothing. */
export class RotatedSet {
  readonly #files: readonly HeldFile[]
  readonly #slot: string

  private constructor(files: readonly HeldFile[], slot: string) {
    this.#files = files
    this.#slot = slot
  }

  /** Files that are missing or cannot be read as files are left out. @param until where to end, instead of at the newest end */
  static async open(path: string, until: FileIdentity | null = null): Promise<RotatedSet> {
    const slot = directorySlot(dirname(path))
    const files: HeldFile[] = []
    let missing = 0
    try {
      // From the newest on: files only move up meanwhile, so one may be met twice, but none is missed.
      for (let number = 0; missing < 2 && number < MOST_FILES; number++) {
        const name = number === 0 ? path : rotatedPath(path, number)
        const file = await withDiskSlot(slot, () => openToRead(name))
        // A crash during a rotation leaves one number out.
        missing = file === null && number > 0 ? missing + 1 : 0
        if (file === null) continue
        if (files.some((other) => isSame(other, file))) await close(file.fd)
        else files.push(file)
      }
    } catch (error) {
      for (const { fd } of files) await close(fd)
      throw error
    }
    const end = until === null ? -1 : files.findIndex((file) => isSame(file, until))
    if (until !== null && end >= 0) {
      for (const { fd } of files.splice(0, end)) await close(fd)
      const last = files[0]
      if (last !== undefined) files[0] = { ...last, size: Math.min(last.size, until.size) }
    }
    return new RotatedSet(files.reverse(), slot)
  }

  get count(): number {
    return this.#files.length
  }

  async close(): Promise<void> {
    for (const { fd } of this.#files) await withDiskSlot(this.#slot, () => close(fd))
  }

  /** Blocks of whole lines from the newest end to the oldest beginning. */
  async *backwards(): AsyncGenerator<LinesBlock> {
    for (let file = this.#files.length - 1; file >= 0; file--) {
      let position = this.#files[file]?.size ?? 0
      let carry = ''
      while (position > 0) {
        const length = Math.min(BLOCK, position)
        position -= length
        const text = (await this.#read(file, position, length)).toString('latin1') + carry
        const lineStart = position === 0 || text.length > LONGEST_LINE ? 0 : text.indexOf('\n') + 1
        carry = lineStart === 0 && position > 0 && text.length <= LONGEST_LINE ? text : text.slice(0, lineStart)
        if (carry.length < text.length) yield { file, start: position + lineStart, text: text.slice(lineStart) }
      }
    }
  }

  /** The bytes from an offset of one file to the end of the newest, file by file. */
  async *forwards(from: {
    readonly file: number
    readonly offset: number
  }): AsyncGenerator<{ file: number; bytes: Buffer }> {
    for (let file = from.file; file < this.#files.length; file++) {
      const size = this.#files[file]?.size ?? 0
      let position = file === from.file ? from.offset : 0
      while (position < size) {
        const bytes = await this.#read(file, position, Math.min(BLOCK, size - position))
        if (bytes.length === 0) break // truncated meanwhile
        position += bytes.length
        yield { file, bytes }
      }
    }
  }

  async #read(file: number, position: number, length: number): Promise<Buffer> {
    const held = this.#files[file]
    if (held === undefined) return Buffer.alloc(0)
    const buffer = Buffer.allocUnsafe(length)
    const bytes = await withDiskSlot(this.#slot, () => read(held.fd, buffer, 0, length, position))
    return buffer.subarray(0, bytes)
  }
}

async function openToRead(path: string): Promise<HeldFile | null> {
  let fd: number
  try {
    // Without O_NONBLOCK a FIFO would keep us until somebody writes.
    fd = await open(path, constants.O_RDONLY | constants.O_NONBLOCK | constants.O_NOCTTY)
  } catch (error) {
    if (errorCode(error) === 'ENOENT' || errorCode(error) === 'ENXIO') return null
    throw error
  }
  const is = await fstat(fd)
  if (is.isFile()) return { fd, device: is.dev, inode: is.ino, size: is.size }
  await close(fd)
  return null
}

function isSame(one: FileIdentity, other: FileIdentity): boolean {
  return one.device === other.device && one.inode === other.inode
}
