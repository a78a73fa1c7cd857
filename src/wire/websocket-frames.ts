// As much of WebSocket (RFC 6455) as a debugger's client needs: text both ways, and the end of the connection.

const TEXT = 1
const CLOSE = 8
const FINAL = 0x80
const MASKED = 0x80
const LENGTH_16 = 126
const LENGTH_64 = 127
/** More than any answer we ask for: who says more is not what we take it for. */
const LENGTH_LIMIT = 16 * 1024 * 1024

export type WebSocketEvent = { readonly text: string } | 'closed'

/** A frame to the server. @param mask 4 bytes: a client must mask, though nobody here needs to be kept from guessing them */
export function textFrame(text: string, mask: Uint8Array): Buffer {
  const payload = Buffer.from(text)
  const header = headerOf(payload.length)
  for (const [at, byte] of payload.entries()) payload[at] = byte ^ (mask[at % 4] ?? 0)
  return Buffer.concat([header, mask, payload])
}

function headerOf(length: number): Buffer {
  if (length < LENGTH_16) return Buffer.from([FINAL | TEXT, MASKED | length])
  const header = Buffer.alloc(length < 65_536 ? 4 : 10)
  header[0] = FINAL | TEXT
  header[1] = MASKED | (header.length === 4 ? LENGTH_16 : LENGTH_64)
  if (header.length === 4) header.writeUInt16BE(length, 2)
  else header.writeBigUInt64BE(BigInt(length), 2)
  return header
}

/** Frames from the server. */
export class WebSocketReader {
  #rest: Buffer = Buffer.alloc(0)

  /** @throws Error for a frame that is too long */
  take(chunk: Buffer): WebSocketEvent[] {
    this.#rest = this.#rest.length === 0 ? chunk : Buffer.concat([this.#rest, chunk])
    const events: WebSocketEvent[] = []
    for (let frame = this.#next(); frame !== null; frame = this.#next()) {
      if (frame.kind === CLOSE) events.push('closed')
      else if (frame.kind === TEXT) events.push({ text: frame.payload.toString('utf8') })
    }
    return events
  }

  #next(): { kind: number; payload: Buffer } | null {
    const rest = this.#rest
    const short = (rest[1] ?? 0) & 0x7f
    const start = short === LENGTH_16 ? 4 : short === LENGTH_64 ? 10 : 2
    if (rest.length < start) return null
    const length = start === 2 ? short : start === 4 ? rest.readUInt16BE(2) : Number(rest.readBigUInt64BE(2))
    if (length > LENGTH_LIMIT) throw new Error(`a WebSocket frame of ${length} bytes`)
    if (rest.length < start + length) return null
    this.#rest = rest.subarray(start + length)
    return { kind: (rest[0] ?? 0) & 0x0f, payload: rest.subarray(start, start + length) }
  }
}
