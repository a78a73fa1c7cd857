// The process describes itself, when asked by a signal or by the supervisor. Until then nothing is loaded, opened or measured.
import type * as os from 'node:os'
import type * as vm from 'node:vm'
import { DUMP_EXPRESSION, parseProcessDump } from '../wire/dump-expression.ts'
import { type DumpTable, formatDump, type ProcessDump } from '../wire/dump-text.ts'
import { builtins } from './builtins.ts'

export type { DumpTable }

const loadVm = (): typeof vm => process.getBuiltinModule('node:vm')
const loadOs = (): typeof os => process.getBuiltinModule('node:os')

export interface WriteDumpOptions {
  /** `-` stdout, `+` stderr. Default: `$SIGDUMP_PATH`, else `holdfast-dump-<pid>.log` in the directory for temporary files. */
  readonly path?: string | undefined
  /** Those of this process, if it has some. */
  readonly workers?: DumpTable
  /** Of other processes; below its own. */
  readonly others?: readonly string[]
}

/** Takes 2 ms; the stack is that of the caller. */
export function describeProcess(): ProcessDump {
  // The very expression that asks a hung process from outside, so that there is only one.
  const dump = parseProcessDump(String(loadVm().runInThisContext(DUMP_EXPRESSION)))
  if (dump === null) throw new Error('this process could not describe itself')
  return dump
}

/**
 * Appends a dump of this process to a file.
 * @returns where it was written
 * @throws Error of the file system; also when somebody else's file, or a link, is in the place of ours
 */
export function writeDump({ path = process.env.SIGDUMP_PATH, workers, others = [] }: WriteDumpOptions = {}): string {
  const text = [formatDump(describeProcess(), workers), ...others].join('\n')
  if (path === '-') {
    process.stdout.write(text)
    return 'stdout'
  }
  if (path === '+') {
    process.stderr.write(text)
    return 'stderr'
  }
  const file = path || `${loadOs().tmpdir()}/holdfast-dump-${process.pid}.log`
  appendPrivately(file, text)
  return file
}

/** The name can be guessed, and everybody may write in /tmp: nothing that others put there is written to. */
function appendPrivately(path: string, text: string): void {
  const { openSync, fstatSync, writeSync, closeSync, constants } = builtins.fs()
  const { O_WRONLY, O_CREAT, O_APPEND, O_NOFOLLOW, O_NONBLOCK } = constants
  // O_NONBLOCK: opening a FIFO that nobody reads would hang the process that is to be looked into.
  const fd = openSync(path, O_WRONLY | O_CREAT | O_APPEND | O_NOFOLLOW | O_NONBLOCK, 0o600)
  try {
    const stats = fstatSync(fd)
    if (!stats.isFile() || stats.nlink > 1 || stats.uid !== process.geteuid?.()) {
      throw new Error(
        `the dump is not written to ${path}: it is no regular file, has a second name, or is another user's`,
      )
    }
    const bytes = Buffer.from(text)
    for (let written = 0; written < bytes.length; ) written += writeSync(fd, bytes, written)
  } finally {
    closeSync(fd)
  }
}
