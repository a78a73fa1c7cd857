import { constants } from 'node:os'
import { addressOf } from './libc.ts'
import { OsError } from './os-error.ts'

const GROWTH = 4096

/**
 * `char *[]`, ended by a null pointer. One Buffer holds pointers and bytes, so that nothing in it can be collected by itself;
 * 5 times cheaper than an array that koffi converts string by string. It is used again for the next call: a new one for each
 * spawn costs its allocation, and the collector's work afterwards.
 */
export class CStringArray {
  #buffer = Buffer.alloc(0)
  #base = 0

  /** Valid until the next call. @throws OsError EINVAL for a string with a NUL byte in it */
  fill(strings: readonly string[], call: string): Buffer {
    const text = strings.length === 0 ? '' : `${strings.join('\0')}\0`
    const pointers = (strings.length + 1) * 8
    // A UTF-16 unit becomes 3 bytes at most.
    this.#reserve(pointers + text.length * 3)
    const buffer = this.#buffer
    const end = pointers + buffer.write(text, pointers)
    let at = pointers
    let index = 0
    while (at < end && index < strings.length) {
      this.#point(index * 8, at)
      at = buffer.indexOf(0, at) + 1
      index++
    }
    // A NUL inside of a string would silently cut it in two.
    if (index !== strings.length || at !== end) {
      throw new OsError(call, constants.errno.EINVAL, { explanation: 'an argument or variable contains a NUL byte' })
    }
    buffer.fill(0, strings.length * 8, pointers)
    return buffer
  }

  /** User addresses have 47 bits: exact in a double, and cheaper as two halves than as a BigInt. */
  #point(offset: number, at: number): void {
    const address = this.#base + at
    this.#buffer.writeUInt32LE(address % 0x1_0000_0000, offset)
    this.#buffer.writeUInt32LE(Math.floor(address / 0x1_0000_0000), offset + 4)
  }

  #reserve(bytes: number): void {
    if (this.#buffer.length >= bytes) return
    this.#buffer = Buffer.allocUnsafeSlow(bytes + GROWTH)
    this.#base = Number(addressOf(this.#buffer))
  }
}
