// Math.random with a state that can be set anew: V8's own can not, and siblings would go on with the same numbers. xoshiro128**, the
// upper 53 bits of two steps.
import { randomFillSync } from 'node:crypto'

const TWO_TO_26 = 0x400_0000
const TWO_TO_53 = 0x20_0000_0000_0000

const fresh = new Int32Array(4)
// Small integers of their own, not elements of an array: three times as fast.
let a = 0
let b = 0
let c = 0
let d = 0

/** Before anything keeps a reference to Math.random, as many libraries do when they are loaded. */
export function replaceMathRandom(): void {
  seedMathRandom()
  Object.defineProperty(Math, 'random', { value: random, configurable: true, writable: true, enumerable: false })
}

export function seedMathRandom(): void {
  randomFillSync(fresh)
  a = fresh[0] ?? 0
  b = fresh[1] ?? 0
  c = fresh[2] ?? 0
  // All zeros would stay all zeros.
  d = fresh[3] || 1
}

function random(): number {
  const high = next() >>> 5
  const low = next() >>> 6
  return (high * TWO_TO_26 + low) / TWO_TO_53
}

function next(): number {
  const product = Math.imul(b, 5)
  const result = Math.imul((product << 7) | (product >>> 25), 9)
  const t = b << 9
  c ^= a
  d ^= b
  b ^= c
  a ^= d
  c ^= t
  d = (d << 11) | (d >>> 21)
  return result
}
