import { constants } from 'node:os'
import { addressOf } from './libc.ts'
import { OsError } from './os-error.ts'

const GROWTH = 4096

/** A string takes 8 bytes for its address, whether there are that many or not. */
const ROOM = 64

/**
 * `char *[]`, ended by a null pointer. One Buffer holds pointers and bytes, so that nothing in it can be collected by itself;
 * 5 times cheaper than an array that koffi converts string by string. It is used again for the next call: a new one for each
 * spawn costs its allocation, and the collector's work afterwards. What the next call has in common with this one from the
 * first string on (an environment, as a rule) stays where it is.
 */
export class CStringArray {
  #buffer = Buffer.alloc(0)
  #base = 0
  /** Where the text begins: behind so many pointers. */
  #room = 0
  #strings: readonly string[] = []
  /** Where the text of each string ends. */
  readonly #ends: number[] = []

  /** Valid until the next call. @throws OsError EINVAL for a string with a NUL byte in it */
  fill(strings: readonly string[], call: string): Buffer {
    const known = this.#known(strings)
    // Nothing is known of what is half written.
    this.#strings = []
    const rest = known === 0 ? strings : strings.slice(known)
    const text = rest.length === 0 ? '' : `${rest.join('\0')}\0`
    const start = this.#ends[known - 1] ?? this.#room * 8
    // A UTF-16 unit becomes 3 bytes at most.
    if (strings.length >= this.#room || start + text.length * 3 > this.#buffer.length) {
      this.#grow(strings)
      return this.fill(strings, call)
    }
    this.#write(text, { start, index: known, count: strings.length, call })
    this.#buffer.fill(0, strings.length * 8, strings.length * 8 + 8)
    this.#strings = strings
    return this.#buffer
  }

  /** How many, from the first one on, stand in the buffer already. */
  #known(strings: readonly string[]): number {
    let count = 0
    while (count < strings.length && strings[count] === this.#strings[count]) count++
    return count
  }

  #write(text: string, { start, index, count, call }: { start: number; index: number; count: number; call: string }) {
    const end = start + this.#buffer.write(text, start)
    let at = start
    while (at < end && index < count) {
      this.#point(index * 8, at)
      at = this.#buffer.indexOf(0, at) + 1
      this.#ends[index++] = at
    }
    // A NUL inside of a string would silently cut it in two.
    if (index !== count || at !== end) {
      throw new OsError(call, constants.errno.EINVAL, { explanation: 'an argument or variable contains a NUL byte' })
    }
  }

  /** User addresses have 47 bits: exact in a double, and cheaper as two halves than as a BigInt. */
  #point(offset: number, at: number): void {
    const address = this.#base + at
    this.#buffer.writeUInt32LE(address % 0x1_0000_0000, offset)
    this.#buffer.writeUInt32LE(Math.floor(address / 0x1_0000_0000), offset + 4)
  }

  #grow(strings: readonly string[]): void {
    this.#room = Math.max(this.#room, strings.length + ROOM)
    const length = strings.reduce((sum, string) => sum + string.length + 1, 0)
    this.#buffer = Buffer.allocUnsafeSlow(this.#room * 8 + length * 3 + GROWTH)
    this.#base = Number(addressOf(this.#buffer))
  }
}
