// Reading logs back, for `holdfast logs`. Needs nothing but the files: also used while no supervisor runs.
import { HoldfastError } from '../errors/holdfast-error.ts'
import { parseLine } from './layout.ts'
import { LineSplitter } from './line-splitter.ts'
import type { LogLine, LogStream } from './log-line.ts'
import type { FileIdentity } from './open-log.ts'
import { RotatedSet } from './rotated-set.ts'

export interface ReadLogOptions {
  /** How many of the last lines. Default 50; Infinity: all. */
  readonly lines?: number
  readonly since?: Date
  readonly stream?: LogStream
  /** `web/0`; all if absent. */
  readonly workers?: readonly string[]
  /** What the lines of a raw file are to be called. Without it a raw file is recognised by its lines, which come with empty `at` and `worker`. */
  readonly raw?: { readonly worker: string; readonly stream: LogStream }
  /** Where to end, from LogFile.written. Default: what is there. */
  readonly until?: FileIdentity | null
}

// The start of a line that holds time, worker (at most 63 + 1 + 10 characters) and stream.
const LONGEST_PREFIX = 120
const LONGEST_LINE = 4 * 1024 * 1024
// So many lines without one in the default layout are a raw file.
const ENOUGH_TO_TELL = 1_000
const LAYOUT_START = '0000-00-00T'

/**
 * The last lines of a log, across FILE.5 … FILE.1, FILE, oldest first. The files are searched from their end, then read
 * on from where the lines start: memory does not grow with their number. A torn or foreign line is handed on as it is,
 * with empty `at` and `worker`, unless something is asked for that it does not tell.
 * @throws HoldfastError HF_LOG_RAW when since, stream or workers are asked of a raw file
 */
export async function* readLastLines(file: string, options: ReadLogOptions = {}): AsyncGenerator<LogLine> {
  const filter = filterOf(options)
  if (options.raw !== undefined && filter !== null) throw rawError(file, options)
  const set = await RotatedSet.open(file, options.until ?? null)
  try {
    const start = await findStart(set, file, options, filter)
    if (start !== null) yield* linesFrom(set, start, options, filter)
  } finally {
    await set.close()
  }
}

interface Filter {
  readonly since: string
  accepts(line: LogLine): boolean
}

interface Start {
  readonly file: number
  readonly offset: number
}

function filterOf({ since, stream, workers }: ReadLogOptions): Filter | null {
  if (since === undefined && stream === undefined && workers === undefined) return null
  const names = workers === undefined ? null : new Set(workers)
  const from = since?.toISOString() ?? ''
  return {
    since: from,
    accepts: (line) =>
      line.at >= from && (stream === undefined || line.stream === stream) && (names === null || names.has(line.worker)),
  }
}

/** Where the first of the lines asked for starts; null if there is none. */
async function findStart(
  set: RotatedSet,
  file: string,
  options: ReadLogOptions,
  filter: Filter | null,
): Promise<Start | null> {
  let wanted = options.lines ?? 50
  if (wanted <= 0) return null
  let start: Start | null = null
  const seen = { inLayout: 0, foreign: 0 }
  let newest = true
  for await (const block of set.backwards()) {
    let end = newest ? endOfWholeLines(block.text, options) : block.text.length
    newest = false
    while (end > 0) {
      const lineStart = end < 2 ? 0 : block.text.lastIndexOf('\n', end - 2) + 1
      const verdict =
        filter === null
          ? 'wanted'
          : judge(block.text.slice(lineStart, Math.min(end, lineStart + LONGEST_PREFIX)), filter, seen)
      if (verdict === 'older') return start
      if (verdict === 'wanted') {
        start = { file: block.file, offset: block.start + lineStart }
        if (--wanted <= 0) return start
      }
      end = lineStart
    }
    if (seen.inLayout === 0 && seen.foreign >= ENOUGH_TO_TELL) throw rawError(file, options)
  }
  if (seen.inLayout === 0 && seen.foreign > 0) throw rawError(file, options)
  return start
}

function judge(
  prefix: string,
  filter: Filter,
  seen: { inLayout: number; foreign: number },
): 'wanted' | 'other' | 'older' {
  const line = parseLine(prefix)
  if (line === null) {
    seen.foreign++
    return 'other'
  }
  seen.inLayout++
  if (line.at < filter.since) return 'older'
  return filter.accepts(line) ? 'wanted' : 'other'
}

/** Without a last line that has no end and begins like one of the layout: it is being written, or its writer died. */
function endOfWholeLines(text: string, options: ReadLogOptions): number {
  const end = text.lastIndexOf('\n') + 1
  return isTorn(text.slice(end, end + LONGEST_PREFIX), options) ? end : text.length
}

/** What is raw may end anywhere. */
function isTorn(rest: string, { raw }: ReadLogOptions): boolean {
  const start = rest.slice(0, LAYOUT_START.length).replaceAll(/[0-9]/g, '0')
  return raw === undefined && start !== '' && LAYOUT_START.startsWith(start)
}

async function* linesFrom(
  set: RotatedSet,
  start: Start,
  options: ReadLogOptions,
  filter: Filter | null,
): AsyncGenerator<LogLine> {
  let wanted = options.lines ?? 50
  for await (const bytes of wholeLines(set, start, options)) {
    let text = bytes.toString('utf8')
    if (text.endsWith('\r')) text = text.slice(0, -1)
    const parsed = options.raw === undefined ? parseLine(text) : null
    const line = parsed ?? { at: '', worker: '', stream: 'out', ...options.raw, line: text }
    if (filter !== null && (parsed === null || !filter.accepts(line))) continue
    yield line
    if (--wanted <= 0) return
  }
}

async function* wholeLines(set: RotatedSet, start: Start, options: ReadLogOptions): AsyncGenerator<Buffer> {
  let splitter = new LineSplitter({ maxLine: LONGEST_LINE })
  let current = start.file
  for await (const { file, bytes } of set.forwards({ file: start.file, offset: start.offset })) {
    if (file !== current) {
      const rest = splitter.flush()
      if (rest !== null) yield rest.bytes
      splitter = new LineSplitter({ maxLine: LONGEST_LINE })
      current = file
    }
    for (const line of splitter.push(bytes)) yield line.bytes
  }
  const rest = splitter.flush()
  if (rest === null) return
  const isNewest = current === set.count - 1
  if (!isNewest || !isTorn(rest.bytes.toString('latin1', 0, LONGEST_PREFIX), options)) yield rest.bytes
}

function rawError(file: string, { since, stream, workers }: ReadLogOptions): HoldfastError {
  const asked = [since && 'since a time', stream && 'of one stream', workers && 'of single workers'].filter(Boolean)
  return new HoldfastError('HF_LOG_RAW', { file, asked: asked.join(' and ') })
}
