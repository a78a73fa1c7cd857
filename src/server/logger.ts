// A log for programs: to a file that rotates, or to stdout or stderr. Needs no supervisor.

import { resolve } from 'node:path'
import { format } from 'node:util'
import { timestamp } from '../logs/layout.ts'
import { terminalWriter } from '../logs/terminal-writer.ts'
import { DEFAULT_LOG_LEVEL, isAtLeast, type LogLevel } from '../wire/log-level.ts'
import { type LineOutlet, LineWriter } from './line-writer.ts'
import { type LogLevelChoice, readLogLevel } from './log-levels.ts'
import { requireLoggerOptions } from './logger-options.ts'
import { SharedLogFile } from './shared-log-file.ts'
import { StreamOutlet } from './stream-outlet.ts'

const MIB = 1024 * 1024

export type { LogLevel } from '../wire/log-level.ts'
export type { LogLevelChoice } from './log-levels.ts'

/**
 * Where a log goes, and what of it.
 * @example
 * ```ts
 * import { createLogger, type LoggerOptions } from 'holdfast'
 *
 * const options: LoggerOptions = { to: 'shop.log', level: 'info', maxSize: 1024 * 1024, keep: 3, mode: 0o600 }
 * const log = createLogger(options)
 * log.debug('is not written')
 * await log.close()
 * ```
 */
export interface LoggerOptions {
  /** A file, or `stdout` (also `-`) or `stderr` (`./stdout` is a file). Several processes may write to one file. */
  readonly to: string
  /** What is below is not written. Default `debug`. */
  readonly level?: LogLevelChoice
  /** Bytes; the file is rotated before it would become larger. Default 10 MiB; Infinity: never. */
  readonly maxSize?: number
  /** Rotated files kept: FILE.1 … FILE.5. Default 5; with 0 the file begins anew. */
  readonly keep?: number
  /** Of new files, default 0o640. */
  readonly mode?: number
  /** Told once when writing starts to fail, and again when the reason changes. Default: a line on stderr. */
  readonly onTrouble?: (error: Error) => void
}

interface Place {
  readonly prefix: string
  readonly parent: Logger | null
  readonly level: LogLevel | null
}

/**
 * Opens a log.
 * @throws HoldfastError for options that can not be; nothing else, not for a file that can not be written either
 * @example
 * ```ts
 * import { createLogger } from 'holdfast'
 *
 * const log = createLogger({ to: 'shop.log', level: 'info' })
 * log.info('order %d is paid', 4711)
 * log.child('mail').error(new Error('no answer'))
 * await log.close()
 * ```
 */
export function createLogger(options: LoggerOptions): Logger {
  requireLoggerOptions(options)
  const level = readLogLevel(options.level ?? DEFAULT_LOG_LEVEL)
  const note = (text: string): string => linesOf('warn', text)
  const writer = new LineWriter(openOutlet(options, note), (dropped) =>
    note(`${dropped} line${dropped === 1 ? '' : 's'} dropped here: they came faster than this log could be written`),
  )
  return new Logger(writer, { prefix: '', parent: null, level })
}

function openOutlet(options: LoggerOptions, noteOf: (text: string) => string): LineOutlet {
  const { to, maxSize = 10 * MIB, keep = 5, mode } = options
  if (to === 'stdout' || to === '-') return new StreamOutlet(1)
  if (to === 'stderr') return new StreamOutlet(2)
  const path = resolve(to)
  const tell =
    options.onTrouble ?? ((error) => terminalWriter(2)(`holdfast: log ${path}: ${error.message}\n`, () => {}))
  const onTrouble = (error: Error): void => {
    try {
      tell(error)
    } catch (fault) {
      // The user's own mistake must not look like trouble with the disk, nor get lost.
      setImmediate(() => {
        throw fault
      })
    }
  }
  return new SharedLogFile({ path, maxSize, keep, onTrouble, noteOf, ...(mode === undefined ? {} : { mode }) })
}

/**
 * Lines as `2026-01-02T03:04:05.678Z [4711] INFO message`. Values are formatted as console.log does it. Each method takes
 * its line at once, never waits for a disk and never throws; it returns whether the line was taken: false if the level is
 * too low, or so much waits that it was dropped. The log itself says how many were.
 */
export class Logger {
  readonly #writer: LineWriter
  readonly #place: Place
  #level: LogLevel | null

  /** Made by createLogger. */
  constructor(writer: LineWriter, place: Place) {
    this.#writer = writer
    this.#place = place
    this.#level = place.level
  }

  /** A child has its parent's, until it is given its own. */
  get level(): LogLevel {
    return this.#level ?? this.#place.parent?.level ?? DEFAULT_LOG_LEVEL
  }

  /** From now on, also for children without a level of their own. @throws HoldfastError for an unknown level */
  set level(choice: LogLevelChoice) {
    this.#level = readLogLevel(choice)
  }

  /** Lines dropped so far, of all loggers of this file. */
  get dropped(): number {
    return this.#writer.dropped
  }

  /** Whether a line of this level would be written. @throws HoldfastError for an unknown level */
  isEnabled(level: LogLevelChoice): boolean {
    return isAtLeast(readLogLevel(level), this.level)
  }

  /** TRACE. */
  trace(...values: readonly unknown[]): boolean {
    return this.#say('trace', values)
  }
  /** DEBUG. */
  debug(...values: readonly unknown[]): boolean {
    return this.#say('debug', values)
  }
  /** INFO. */
  info(...values: readonly unknown[]): boolean {
    return this.#say('info', values)
  }
  /** WARN. */
  warn(...values: readonly unknown[]): boolean {
    return this.#say('warn', values)
  }
  /** ERROR. */
  error(...values: readonly unknown[]): boolean {
    return this.#say('error', values)
  }
  /** FATAL. */
  fatal(...values: readonly unknown[]): boolean {
    return this.#say('fatal', values)
  }
  /** INFO. */
  notice(...values: readonly unknown[]): boolean {
    return this.#say('info', values)
  }
  /** FATAL. */
  crit(...values: readonly unknown[]): boolean {
    return this.#say('fatal', values)
  }
  /** FATAL. */
  alert(...values: readonly unknown[]): boolean {
    return this.#say('fatal', values)
  }
  /** FATAL. */
  emerg(...values: readonly unknown[]): boolean {
    return this.#say('fatal', values)
  }

  /** A line of this level. @throws HoldfastError for an unknown level */
  log(level: LogLevelChoice, ...values: readonly unknown[]): boolean {
    return this.#say(readLogLevel(level), values)
  }

  /** Writes to the same place, each message after `prefix: `. */
  child(prefix: string): Logger {
    return new Logger(this.#writer, { prefix: `${this.#place.prefix}${prefix}: `, parent: this, level: null })
  }

  /** Opens the file anew, after somebody has moved it. (A move is also noticed without this, within a second.) */
  reopen(): void {
    this.#writer.reopen()
  }

  /** Resolves when all lines are written: true; false if the deadline (milliseconds, default 5 s) came first. */
  flush(options: { deadline?: number } = {}): Promise<boolean> {
    return this.#writer.flush(options)
  }

  /** Flushes and closes, for parent and children alike. False if the deadline came first: the rest is given up. */
  close(options: { deadline?: number } = {}): Promise<boolean> {
    return this.#writer.close(options)
  }

  #say(level: LogLevel, values: readonly unknown[]): boolean {
    if (!isAtLeast(level, this.level)) return false
    return this.#writer.append(linesOf(level, this.#place.prefix + messageOf(values)))
  }
}

function messageOf(values: readonly unknown[]): string {
  try {
    return format(...values)
  } catch (error) {
    // A getter or toString of the program's own threw.
    return `(a value that can not be shown: ${error instanceof Error ? error.message : 'it throws'})`
  }
}

/** Each line of a message gets all that stands before: nobody can make up a line of another level, and grep finds stacks. */
function linesOf(level: LogLevel, message: string): string {
  const before = `${timestamp(Date.now())} [${process.pid}] ${level.toUpperCase()} `
  const lines = message.replace(/\s+$/, '').split(/\r\n|[\r\n]/)
  return lines.map((line) => `${before}${line}\n`).join('')
}
