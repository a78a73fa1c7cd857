import { constants } from 'node:os'
import { addressOf } from './libc.ts'
import { OsError } from './os-error.ts'

/** A C array of C strings in one Buffer: keep it referenced as long as C may read it. */
export interface CStringArray {
  readonly buffer: Buffer
}

/**
 * Builds `char *[]`, ended by a null pointer. One Buffer holds pointers and bytes, so that nothing in it can be
 * collected by itself; 5 times cheaper than an array that koffi converts string by string.
 */
export function cStringArray(strings: readonly string[], call: string): CStringArray {
  const text = strings.length === 0 ? '' : `${strings.join('\0')}\0`
  const pointers = (strings.length + 1) * 8
  const buffer = Buffer.allocUnsafeSlow(pointers + Buffer.byteLength(text))
  buffer.write(text, pointers)
  const base = addressOf(buffer)
  let at = pointers
  let index = 0
  while (at < buffer.length && index < strings.length) {
    buffer.writeBigUInt64LE(base + BigInt(at), index * 8)
    at = buffer.indexOf(0, at) + 1
    index++
  }
  // A NUL inside of a string would silently cut it in two.
  if (index !== strings.length || at !== buffer.length) {
    throw new OsError(call, constants.errno.EINVAL, { explanation: 'an argument or variable contains a NUL byte' })
  }
  buffer.writeBigUInt64LE(0n, strings.length * 8)
  return { buffer }
}
