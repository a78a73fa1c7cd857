// Lines into a FIFO, as orders to a forkserver. What does not fit waits here: nobody waits for a forkserver that does not read.
import { closeSync, writeSync } from 'node:fs'
import { type OpenFifoOptions, openFifo, readAvailable } from '../os/fifo.ts'

/** Milliseconds until a full FIFO is tried again. */
const TRY_AGAIN = 2
const scratch = Buffer.allocUnsafe(16_384)

export class ForkChannel {
  private readonly fd: number
  private queue: Buffer[] = []
  private timer: NodeJS.Timeout | null = null
  private closed = false

  /** `empty` it first: what the process before has left unread is not for this one. @throws OsError */
  constructor(path: string, options: OpenFifoOptions, { empty }: { readonly empty: boolean }) {
    this.fd = openFifo(path, options)
    while (empty && readAvailable(this.fd, scratch) > 0);
  }

  send(line: string): void {
    this.queue.push(Buffer.from(line))
    if (this.timer === null) this.write()
  }

  close(): void {
    if (this.closed) return
    this.closed = true
    if (this.timer !== null) clearTimeout(this.timer)
    this.timer = null
    this.queue = []
    closeSync(this.fd)
  }

  private write(): void {
    this.timer = null
    for (let [first] = this.queue; first !== undefined; [first] = this.queue) {
      const count = this.tryToWrite(first)
      if (count < first.length) {
        this.queue[0] = first.subarray(count)
        this.timer = setTimeout(() => this.write(), TRY_AGAIN)
        return
      }
      this.queue.shift()
    }
  }

  private tryToWrite(bytes: Buffer): number {
    try {
      return writeSync(this.fd, bytes)
    } catch (error) {
      if ((error as NodeJS.ErrnoException).code === 'EAGAIN') return 0
      throw error
    }
  }
}
