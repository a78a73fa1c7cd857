import { LogFile, type LogFileOptions } from './log-file.ts'
import { RotatedSet } from './rotated-set.ts'

export interface JournalFileOptions
  extends Pick<LogFileOptions, 'path' | 'mode' | 'uid' | 'gid' | 'onTrouble' | 'onRecovered'> {
  /** Bytes, default 10 MiB (some 40,000 entries). */
  readonly maxSize?: number
  /** Rotated files kept, default 2. */
  readonly keep?: number
  /** What to write instead of entries that were dropped because the disk did not take them. */
  readonly gapEntry?: (dropped: number) => object
}

/**
 * Events, one JSON object a line. Written like a log: asynchronously, bounded, never waited for. There is no pipe behind
 * it that could hold entries back: while 1 MiB waits for the disk, entries are dropped and counted.
 */
export class JournalFile {
  readonly #file: LogFile
  readonly #gapEntry: (dropped: number) => object
  #dropped = 0
  #closed = false

  constructor(options: JournalFileOptions) {
    this.#file = new LogFile({ ...options, keep: options.keep ?? 2 })
    this.#gapEntry = options.gapEntry ?? defaultGapEntry
  }

  get path(): string {
    return this.#file.path
  }

  append(entry: object): void {
    if (this.#file.full) {
      // Tells of the gap even if no entry follows.
      if (this.#dropped++ === 0) this.#file.onDrain(() => this.#tellGap())
      return
    }
    this.#tellGap()
    this.#file.append(toLine(entry))
  }

  stalled(): number {
    return this.#file.stalled()
  }

  get trouble(): Error | null {
    return this.#file.trouble
  }

  reopen(): void {
    this.#file.reopen()
  }

  /** False if the deadline (milliseconds, default 5 s) came first. */
  flush(options: { deadline?: number } = {}): Promise<boolean> {
    return this.#file.flush(options)
  }

  close(options: { deadline?: number } = {}): Promise<boolean> {
    this.#closed = true
    return this.#file.close(options)
  }

  #tellGap(): void {
    if (this.#dropped === 0 || this.#file.full || this.#closed) return
    this.#file.append(toLine(this.#gapEntry(this.#dropped)))
    this.#dropped = 0
  }
}

function toLine(entry: object): Buffer {
  return Buffer.from(`${JSON.stringify(entry)}\n`)
}

function defaultGapEntry(dropped: number): object {
  const reason = `${dropped} entries are missing here: the disk did not take them in time`
  return { at: new Date().toISOString(), kind: 'supervisor', event: 'journal-gap', reason }
}

/**
 * The last entries of a journal, oldest first, across its rotated files. Lines that are not whole JSON objects are
 * skipped: the last line of a writer that died is torn. @param options.last default 1,000; counts entries that pass the filter
 */
export async function readJournal<Entry extends object = Record<string, unknown>>(
  path: string,
  options: { last?: number; filter?: (entry: Entry) => boolean } = {},
): Promise<Entry[]> {
  const last = options.last ?? 1_000
  const entries: Entry[] = []
  const set = await RotatedSet.open(path)
  try {
    for await (const { text } of set.backwards()) {
      const lines = Buffer.from(text, 'latin1').toString('utf8').split('\n')
      for (const line of lines.reverse()) {
        if (entries.length >= last) break
        const entry = parseEntry<Entry>(line)
        if (entry !== null && (options.filter?.(entry) ?? true)) entries.push(entry)
      }
      if (entries.length >= last) break
    }
  } finally {
    await set.close()
  }
  return entries.reverse()
}

/** The caller knows what it wrote to its journal: the shape is not checked beyond being an object. */
function parseEntry<Entry extends object>(line: string): Entry | null {
  if (!line.startsWith('{')) return null
  try {
    const entry: Entry = JSON.parse(line)
    return entry
  } catch {
    return null
  }
}
