// Workers that are no processes: threads of ours, or code in our own event loop. Who makes them is the library; here is what the
// engine wants of them. None has a pid, and nothing that is done by pid (kill, /proc, records) is done to them.
import type { WaitStatus } from '../os/reap.ts'
import type { CommandMessage } from '../wire/command-messages.ts'
import type { SocketGift } from '../wire/thread-gift.ts'

export interface InProcessRunner {
  /** More workers than that are refused; null: no limit. */
  readonly most: number | null
  /** Returns at once; what can still go wrong is told by `ears.ended`, never before this has returned. @throws Error */
  start(order: InProcessOrder, ears: InProcessEars): InProcessWorker
}

export interface InProcessOrder {
  readonly worker: string
  /** Complete. */
  readonly environment: Readonly<Record<string, string>>
  readonly sockets: readonly SocketGift[]
  /** See thread-gift.ts. */
  readonly taken: SharedArrayBuffer
  /** Where it writes its 64 bytes. */
  readonly heartbeat: SharedArrayBuffer
  readonly out: OutputInlet
  readonly err: OutputInlet
}

export interface OutputInlet {
  /** @returns false: nothing more should come before `onRoom` */
  push(chunk: Buffer): boolean
  onRoom(act: () => void): void
}

export interface InProcessEars {
  /** A line of sd_notify text. */
  said(line: string): void
  /** Something that the journal is to have. */
  note(reason: string): void
  /** Once. All of its output has been pushed. */
  ended(status: WaitStatus): void
}

export interface InProcessWorker {
  tell(message: CommandMessage): void
  /** `TERM`, `KILL` … without SIG: what a signal would tell a process. */
  signal(name: string): void
}
