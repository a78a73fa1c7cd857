// The file that a program with a server in it is, and the module that its worker may be.
import { realpathSync, statSync } from 'node:fs'
import { HoldfastError } from '../errors/holdfast-error.ts'

export function isModule(worker: unknown): worker is URL | string {
  return worker instanceof URL || typeof worker === 'string'
}

/** The file that was run. @throws HoldfastError where there is none: `node -e`, the REPL, a program on stdin */
export function programOfThisProcess(): string {
  const [, program] = process.argv
  if (program === undefined || program === '' || program === '-') {
    throw new HoldfastError('HF_USAGE', {
      problem: 'a server needs a program in a file: each of its workers runs that program again',
      verb: '',
    })
  }
  // `node .`: paths are relative to the directory of the file.
  return isDirectory(program) ? fileOf(program) : program
}

/** Whether both are the same file now, however they are written: a link may have been moved since one of them was. */
export function isSameProgram(one: string, other: string): boolean {
  return one === other || realFileOf(one) === realFileOf(other)
}

function realFileOf(program: string): string {
  try {
    return realpathSync(fileOf(program))
  } catch {
    return program
  }
}

/** As Node finds it: the main file of a directory, a name without its ending. */
function fileOf(program: string): string {
  try {
    return process.getBuiltinModule('node:module').createRequire(program).resolve(program)
  } catch {
    return program
  }
}

function isDirectory(path: string): boolean {
  return statSync(path, { throwIfNoEntry: false })?.isDirectory() ?? false
}
