import type { LaneIndex } from './runtime-paths.ts'

/** What the engine needs of the place where a worker runs: its output, and a way to send it a line. */
export interface WorkerLane {
  readonly index: LaneIndex
  /** Everything that it has said so far is handed on, synchronously. */
  drain(): void
  /** It is dead: all output, the unfinished line too. */
  endOfProcess(): void
  /** Each line of either stream. @returns the unsubscription */
  onLine(listener: (line: string) => void): () => void
  lastOutput(lines: number): string[]
  /** False: it will not be read. */
  send(text: string): boolean
  /** For somebody who tells the worker something when we may be dead. @throws Error where it has no FIFO for that */
  openCommands(): { readonly fd: number; readonly close: () => void }
}
