// Where the event loop of a forked worker has nothing more to do, Node would take everything down, and wait for threads that were never
// there. The last that it does before is to emit 'exit': from there the process ends by process.reallyExit, with the same code.
import { entryWaits } from './run-entry.ts'

const UNSETTLED_TOP_LEVEL_AWAIT = 13

/** What Node does not document, but looks up by these names. */
interface Innermost {
  emit: (name: string | symbol, ...args: unknown[]) => boolean
  reallyExit: (code: number | string) => never
  _fatalException: (...args: unknown[]) => boolean
  readonly _exiting?: boolean
}

export function endWithTheLoop(): void {
  const innermost = process as unknown as Innermost
  const { emit, reallyExit, _fatalException: fatalException } = innermost
  // An error that nobody catches is printed after 'exit' was emitted.
  let inError = false
  define('_fatalException', function (this: unknown, ...args: unknown[]) {
    inError = true
    try {
      return fatalException.apply(this, args)
    } finally {
      inError = false
    }
  })
  define('emit', function (this: unknown, name: string | symbol, ...args: unknown[]) {
    const heard = emit.call(this, name, ...args)
    if (name === 'exit' && innermost._exiting === true && !inError) reallyExit.call(process, exitCode())
    return heard
  })
}

function exitCode(): number | string {
  if (process.exitCode !== undefined && process.exitCode !== null) return process.exitCode
  if (!entryWaits()) return 0
  process.stderr.write('Warning: Detected unsettled top-level await in the entry of this worker\n')
  return UNSETTLED_TOP_LEVEL_AWAIT
}

function define(name: 'emit' | '_fatalException', value: (...args: never[]) => boolean): void {
  Object.defineProperty(process, name, { value, configurable: true, writable: true, enumerable: false })
}
