export type LogStream = 'out' | 'err'

/** One line of a worker's output. */
export interface LogLine {
  /** When it was read: ISO 8601 in UTC. Empty for a line that was read back from a raw file. */
  readonly at: string
  /** `web/0`. Empty for a line that was read back from a raw file. */
  readonly worker: string
  readonly stream: LogStream
  /** Without the line end. */
  readonly line: string
}

export type LineListener = (line: LogLine) => void
