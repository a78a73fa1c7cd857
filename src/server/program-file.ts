// The file that a program with a server in it is, and the module that its worker may be.
import { HoldfastError } from '../errors/holdfast-error.ts'

export function isModule(worker: unknown): worker is URL | string {
  return worker instanceof URL || typeof worker === 'string'
}

/** The file that was run. @throws HoldfastError where there is none: `node -e`, the REPL, a program on stdin */
export function programOfThisProcess(): string {
  const [, program] = process.argv
  if (program !== undefined && program !== '' && program !== '-') return program
  throw new HoldfastError('HF_USAGE', {
    problem: 'a server needs a program in a file: each of its workers runs that program again',
    verb: '',
  })
}
