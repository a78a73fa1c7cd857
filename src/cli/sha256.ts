// SHA-256 for the names of pointer files. node:crypto gives the same, but loading it costs every `status` 3 to 6 % of a bare
// Node start; a path is hashed here in microseconds.

const K = new Uint32Array(64)
const INITIAL = new Uint32Array(8)
fillConstants()

/** Lower-case hexadecimal digest of the text's UTF-8 bytes. */
export function sha256(text: string): string {
  const message = Buffer.from(text, 'utf8')
  // Message, a 1 bit, zeros, the length in bits as 64 bit: to a multiple of 64 bytes.
  const padded = Buffer.alloc(Math.ceil((message.length + 9) / 64) * 64)
  message.copy(padded)
  padded[message.length] = 0x80
  padded.writeBigUInt64BE(BigInt(message.length) * 8n, padded.length - 8)
  const hash = Uint32Array.from(INITIAL)
  const words = new Uint32Array(64)
  for (let offset = 0; offset < padded.length; offset += 64) compress(hash, words, padded, offset)
  return [...hash].map((word) => word.toString(16).padStart(8, '0')).join('')
}

function compress(hash: Uint32Array, words: Uint32Array, block: Buffer, offset: number): void {
  for (let i = 0; i < 16; i++) words[i] = block.readUInt32BE(offset + 4 * i)
  for (let i = 16; i < 64; i++) {
    const w15 = at(words, i - 15)
    const w2 = at(words, i - 2)
    const s0 = rotate(w15, 7) ^ rotate(w15, 18) ^ (w15 >>> 3)
    const s1 = rotate(w2, 17) ^ rotate(w2, 19) ^ (w2 >>> 10)
    words[i] = at(words, i - 16) + s0 + at(words, i - 7) + s1
  }
  let [a = 0, b = 0, c = 0, d = 0, e = 0, f = 0, g = 0, h = 0] = hash
  for (let i = 0; i < 64; i++) {
    const s1 = rotate(e, 6) ^ rotate(e, 11) ^ rotate(e, 25)
    const t1 = (h + s1 + ((e & f) ^ (~e & g)) + at(K, i) + at(words, i)) | 0
    const s0 = rotate(a, 2) ^ rotate(a, 13) ^ rotate(a, 22)
    const t2 = (s0 + ((a & b) ^ (a & c) ^ (b & c))) | 0
    h = g
    g = f
    f = e
    e = (d + t1) | 0
    d = c
    c = b
    b = a
    a = (t1 + t2) | 0
  }
  for (const [i, value] of [a, b, c, d, e, f, g, h].entries()) hash[i] = at(hash, i) + value
}

function at(array: Uint32Array, index: number): number {
  return array[index] ?? 0
}

function rotate(value: number, by: number): number {
  return (value >>> by) | (value << (32 - by))
}

/** The first 32 bits of the fractional parts of the cube (square) roots of the first 64 (8) primes. */
function fillConstants(): void {
  const fraction = (root: number) => (root - Math.floor(root)) * 0x1_0000_0000
  for (let candidate = 2, found = 0; found < 64; candidate++) {
    if (!isPrime(candidate)) continue
    K[found] = fraction(Math.cbrt(candidate))
    if (found < 8) INITIAL[found] = fraction(Math.sqrt(candidate))
    found++
  }
}

function isPrime(n: number): boolean {
  for (let divisor = 2; divisor * divisor <= n; divisor++) if (n % divisor === 0) return false
  return true
}
