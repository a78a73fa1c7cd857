// The pid file of a server: what init scripts and people look at. Written when the server is up to it, removed at its end.
import { mkdirSync, readFileSync, unlinkSync } from 'node:fs'
import { dirname } from 'node:path'
import { HoldfastError } from '../errors/holdfast-error.ts'
import { writeFileAtomically } from '../os/atomic-file.ts'

const READABLE = 0o644

/** With its directory. @throws HoldfastError HF_DIRECTORY */
export function writePidFile(path: string): void {
  try {
    mkdirSync(dirname(path), { recursive: true })
    writeFileAtomically(path, `${process.pid}\n`, READABLE)
  } catch (error) {
    const problem = error instanceof Error ? error.message : String(error)
    const mend = 'Set another pidFile, or see to its directory.'
    throw new HoldfastError('HF_DIRECTORY', { what: 'the pid file', dir: path, problem, mend }, { cause: error })
  }
}

/** If it is still ours. */
export function removePidFile(path: string): void {
  try {
    if (readPidFile(path) === process.pid) unlinkSync(path)
  } catch {
    // Its directory is gone, or not ours any more: nobody is misled by what is not there.
  }
}

/** Null: there is none, or it says nothing. */
export function readPidFile(path: string): number | null {
  try {
    const pid = Number.parseInt(readFileSync(path, 'latin1'), 10)
    return Number.isInteger(pid) && pid > 0 ? pid : null
  } catch {
    return null
  }
}
