// The lines of sd_notify(3), as they come through a notification FIFO: `READY=1`, `STATUS=…`. A bare newline is READY=1.

export type NotifyMessage =
  | { readonly kind: 'ready' }
  | { readonly kind: 'stopping' }
  | { readonly kind: 'reloading' }
  | { readonly kind: 'watchdog' }
  | { readonly kind: 'status'; readonly text: string }
  /** Microseconds from now. */
  | { readonly kind: 'extend-timeout'; readonly micros: number }

/** A longer line, newline not counted, is dropped. */
export const LONGEST_NOTIFY_LINE = 4096

const NEWLINE = 0x0a

/** Cuts a stream of bytes into messages. Holds one line at most, whatever the worker sends. */
export class NotifyParser {
  /** Lines that were dropped because they were too long. */
  dropped = 0
  #start = Buffer.alloc(0)
  #skipping = false

  /**
   * Takes what was read; `chunk` may be used again afterwards. At most one message of each kind comes back, the last one,
   * in the order of their last occurrence: a worker that floods its channel costs no more than one that does not.
   */
  push(chunk: Buffer): NotifyMessage[] {
    const messages = new Map<string, NotifyMessage>()
    let from = 0
    for (;;) {
      const end = chunk.indexOf(NEWLINE, from)
      if (end === -1) break
      const message = this.#line(chunk, from, end)
      from = end + 1
      if (message === null) continue
      messages.delete(message.kind)
      messages.set(message.kind, message)
    }
    this.#keep(chunk, from)
    return [...messages.values()]
  }

  /** The line that ends at `end`, with what was kept of it before. */
  #line(chunk: Buffer, from: number, end: number): NotifyMessage | null {
    const length = this.#start.length + end - from
    if (this.#skipping || length > LONGEST_NOTIFY_LINE) {
      this.#drop()
      this.#skipping = false
      return null
    }
    if (this.#start.length === 0)
      return length === 0 ? { kind: 'ready' } : parseNotifyLine(chunk.toString('utf8', from, end))
    const line = Buffer.concat([this.#start, chunk.subarray(from, end)]).toString('utf8')
    this.#start = Buffer.alloc(0)
    return parseNotifyLine(line)
  }

  #keep(chunk: Buffer, from: number): void {
    if (from === chunk.length || this.#skipping) return
    if (this.#start.length + chunk.length - from > LONGEST_NOTIFY_LINE) {
      this.#drop()
      this.#skipping = true
      return
    }
    this.#start = Buffer.concat([this.#start, chunk.subarray(from)])
  }

  /** Counts a line once, when it is found to be too long. */
  #drop(): void {
    if (!this.#skipping) this.dropped++
    this.#start = Buffer.alloc(0)
  }
}

/** One line without its newline; null for what Holdfast does not know or does not take (`MAINPID=…`). */
export function parseNotifyLine(line: string): NotifyMessage | null {
  const text = line.endsWith('\r') ? line.slice(0, -1) : line
  switch (text) {
    case '':
    case 'READY=1':
      return { kind: 'ready' }
    case 'STOPPING=1':
      return { kind: 'stopping' }
    case 'RELOADING=1':
      return { kind: 'reloading' }
    case 'WATCHDOG=1':
      return { kind: 'watchdog' }
  }
  if (text.startsWith('STATUS=')) return { kind: 'status', text: printable(text.slice(7)) }
  if (text.startsWith('EXTEND_TIMEOUT_USEC=')) return extendTimeout(text.slice(20))
  return null
}

function extendTimeout(digits: string): NotifyMessage | null {
  const micros = /^\d{1,20}$/.test(digits) ? Number(digits) : Number.NaN
  return Number.isSafeInteger(micros) ? { kind: 'extend-timeout', micros } : null
}

/** It will be shown on terminals: nothing that moves a cursor. */
function printable(text: string): string {
  return text.replace(/[\u0000-\u001f\u007f-\u009f]/g, ' ').trim()
}
