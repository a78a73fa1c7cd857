import type { LineListener, LogLine } from './log-line.ts'
import { mergeLogs } from './merge-logs.ts'
import { type ReadLogOptions, readLastLines } from './read-log.ts'
import type { ServiceLog, ServiceLogFile } from './service-log.ts'

export interface FollowLogsOptions extends Pick<ReadLogOptions, 'since' | 'stream' | 'workers'> {
  /** Lines of history, of all services together. Default 50. */
  readonly lines?: number
  /** Milliseconds to wait for a disk before the history is left out. Default 2 s. */
  readonly deadline?: number
}

export interface FollowedLogs {
  /** Resolves when the history is told. Rejects with HoldfastError HF_LOG_RAW; nothing more is told then. */
  readonly history: Promise<void>
  close(): void
}

// New lines that may wait while the old ones are being read.
const MOST_WAITING = 20_000

/** The last lines of some services, then each new line as it comes: none twice and none left out, across rotations. */
export function followLogs(
  logs: readonly ServiceLog[],
  options: FollowLogsOptions,
  listener: LineListener,
): FollowedLogs {
  const accepts = filterOf(options)
  let waiting: LogLine[] | null = []
  let dropped = 0
  let closed = false
  const onLine = (line: LogLine): void => {
    if (!accepts(line)) return
    if (waiting === null) listener(line)
    else if (waiting.length < MOST_WAITING) waiting.push(line)
    else dropped++
  }
  // In one turn: what was read before this moment is history, what is read after it comes to onLine.
  const removals = logs.map((log) => log.onLine(onLine))
  const sources = logs.flatMap((log) =>
    log.files.filter((file) => isAskedFor(file, options)).map((file) => historyOf(log, file, options)),
  )
  const close = (): void => {
    closed = true
    for (const remove of removals) remove()
  }
  const tellHistory = async (): Promise<void> => {
    const readable = (await Promise.all(sources)).filter((source) => source !== null)
    for await (const line of mergeLogs(readable, { last: options.lines ?? 50 })) {
      if (closed) return
      listener(line)
    }
    const missed = waiting ?? []
    waiting = null
    for (const line of missed) listener(line)
    if (dropped > 0) listener(gap(dropped))
  }
  const history = tellHistory().catch((error: unknown) => {
    close()
    throw error
  })
  return { history, close }
}

function filterOf({ stream, workers }: FollowLogsOptions): (line: LogLine) => boolean {
  const names = workers === undefined ? null : new Set(workers)
  return (line) => (stream === undefined || line.stream === stream) && (names === null || names.has(line.worker))
}

function isAskedFor(file: ServiceLogFile, { stream }: FollowLogsOptions): boolean {
  return stream === undefined || file.streams.includes(stream)
}

async function historyOf(
  log: ServiceLog,
  file: ServiceLogFile,
  options: FollowLogsOptions,
): Promise<AsyncGenerator<LogLine> | null> {
  const { deadline = 2_000, lines = 50, since, stream, workers } = options
  const until = await log.written(file.path, { deadline })
  if (until === null) return null // the disk does not answer; what is new is told all the same
  const only = file.streams.length === 1 ? file.streams[0] : undefined
  return readLastLines(file.path, {
    until,
    lines,
    ...(since === undefined ? {} : { since }),
    ...(workers === undefined ? {} : { workers }),
    // A raw file of one stream holds what was asked for.
    ...(stream === undefined || (file.raw && only !== undefined) ? {} : { stream }),
    ...(file.raw ? { raw: { worker: '', stream: only ?? 'out' } } : {}),
  })
}

function gap(dropped: number): LogLine {
  const line = `${dropped} lines are not shown here: they came too fast. The log has them.`
  return { at: new Date().toISOString(), worker: 'holdfast', stream: 'err', line }
}
