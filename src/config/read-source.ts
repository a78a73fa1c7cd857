// Reads a config file whole, within limits: what is no text, too large or no regular file is refused before it is read.
import { isUtf8 } from 'node:buffer'
import { constants, type Stats } from 'node:fs'
import { type FileHandle, open } from 'node:fs/promises'
import { formatSize } from './values/size.ts'

export const LARGEST_CONFIG = 10 * 1024 * 1024

export type FileText =
  | { readonly ok: true; readonly text: string }
  | { readonly ok: false; readonly problem: string; readonly mend: string }

function refused(problem: string, mend: string): FileText {
  return { ok: false, problem, mend }
}

export async function readConfigText(file: string, largest = LARGEST_CONFIG): Promise<FileText> {
  let handle: FileHandle
  try {
    // O_NONBLOCK: opening a FIFO would wait for a writer.
    handle = await open(file, constants.O_RDONLY | constants.O_NONBLOCK)
  } catch (error) {
    return refused(`cannot open it: ${reasonOf(error)}`, 'Check the path and its permissions.')
  }
  try {
    const stats = await handle.stat()
    return refuseByKind(stats, largest) ?? decode(await readUpTo(handle, largest), largest)
  } catch (error) {
    return refused(`cannot read it: ${reasonOf(error)}`, 'Check the file system it lies on.')
  } finally {
    await handle.close()
  }
}

function refuseByKind(stats: Stats, largest: number): FileText | null {
  if (stats.isDirectory()) return refused('it is a directory', 'Name the config file in it.')
  if (!stats.isFile()) return refused('it is not a regular file', 'Write the config to a file.')
  return stats.size > largest ? tooLarge(stats.size, largest) : null
}

function tooLarge(size: number, largest: number): FileText {
  return refused(
    `it has ${size} bytes, more than ${formatSize(largest)}`,
    'This is hardly a config; is it the right file?',
  )
}

/** A file that grows meanwhile is read to the limit and no further. */
async function readUpTo(handle: FileHandle, largest: number): Promise<Buffer> {
  const chunks: Buffer[] = []
  let total = 0
  while (total <= largest) {
    const { bytesRead, buffer } = await handle.read(Buffer.allocUnsafe(256 * 1024), 0, 256 * 1024, null)
    if (bytesRead === 0) break
    chunks.push(buffer.subarray(0, bytesRead))
    total += bytesRead
  }
  return Buffer.concat(chunks)
}

function decode(bytes: Buffer, largest: number): FileText {
  if (bytes.length > largest) return tooLarge(bytes.length, largest)
  const zero = bytes.indexOf(0)
  if (zero >= 0) {
    const isUtf16 = (bytes[0] === 0xff && bytes[1] === 0xfe) || (bytes[0] === 0xfe && bytes[1] === 0xff)
    if (isUtf16) return refused('it is written in UTF-16', 'Save it as UTF-8.')
    return refused(`it is binary: byte ${zero} is zero`, 'A config is text: YAML, JSON, or a JavaScript module.')
  }
  try {
    // Also takes a byte order mark away.
    return { ok: true, text: new TextDecoder('utf-8', { fatal: true }).decode(bytes) }
  } catch {
    return refused(
      `it is not UTF-8: ${firstBadByte(bytes)}`,
      'A config is UTF-8 text: YAML, JSON, or a JavaScript module.',
    )
  }
}

function firstBadByte(bytes: Buffer): string {
  let low = 0
  let high = bytes.length
  // The longest prefix that is sound, give or take an incomplete character at its end.
  while (low < high) {
    const middle = (low + high + 1) >> 1
    if (isUtf8Prefix(bytes.subarray(0, middle))) low = middle
    else high = middle - 1
  }
  // A character that breaks off is bad from its first byte on.
  const start = bytes.subarray(0, low).findLastIndex((byte) => (byte & 0xc0) !== 0x80)
  if (start >= 0 && !isUtf8(bytes.subarray(start, low))) low = start
  return `byte ${low} is 0x${(bytes[low] ?? 0).toString(16).padStart(2, '0')}`
}

function isUtf8Prefix(bytes: Buffer): boolean {
  try {
    new TextDecoder('utf-8', { fatal: true }).decode(bytes, { stream: true })
    return true
  } catch {
    return false
  }
}

/** `no such file or directory` of `ENOENT: no such file or directory, open '/x'` */
export function reasonOf(error: unknown): string {
  const message = error instanceof Error ? error.message : String(error)
  return /^[A-Z0-9]+: ([^,]+)/.exec(message)?.[1] ?? message
}
