// The pid file of a server: what init scripts and people look at. Written when the server is up to it, removed at its end.
import { readFileSync, unlinkSync } from 'node:fs'
import { writeFileAtomically } from '../os/atomic-file.ts'

const READABLE = 0o644

/** @throws OsError */
export function writePidFile(path: string): void {
  writeFileAtomically(path, `${process.pid}\n`, READABLE)
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
