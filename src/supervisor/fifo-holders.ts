// Processes known by the FIFOs they hold. A program that writes its title over its environment (nginx, PostgreSQL, sendmail)
// has no HOLDFAST_ID left to be found by, and one whose record could not be written has no record; but both were born with
// the FIFOs of their slot open.
import { readdirSync, readFileSync, readlinkSync, realpathSync } from 'node:fs'
import { type ProcessIdentity, startTimeOf } from '../os/process-identity.ts'

export interface SlotName {
  readonly service: string
  readonly slot: number
}

export interface FifoHolder extends ProcessIdentity, SlotName {}

const FIFO = /^([A-Za-z][\w-]*(?::[\w-]+@\d+)?)\/(\d+)\.[ab]\.(?:out|err|notify|command|log)(?: \(deleted\))?$/
const ACCESS_MODE = 3
const READ_WRITE = 2

/** Where the links in /proc lead to: `svc/` itself may be a link. Null: it is not there. */
export function realServicesDirectory(path: string): string | null {
  try {
    return realpathSync(path)
  } catch {
    return null
  }
}

/**
 * The slot whose FIFOs this process was given; null: none, gone, or not ours to look at.
 * @param directories real paths of `svc/`
 */
export function slotByFifos(pid: number, directories: Iterable<string>): SlotName | null {
  let fds: string[]
  try {
    fds = readdirSync(`/proc/${pid}/fd`)
  } catch {
    return null
  }
  for (const fd of fds) {
    const slot = slotOfPath(linkOf(pid, fd), directories)
    if (slot !== null && isOpenForBoth(pid, fd)) return slot
  }
  return null
}

/** Of all processes of the machine (0.1 ms each), but for this one. */
export function fifoHolders(directory: string): FifoHolder[] {
  return readdirSync('/proc').flatMap((name) => {
    const pid = Number(name)
    if (!Number.isInteger(pid) || pid === process.pid) return []
    const startTime = startTimeOf(pid)
    const slot = startTime === null ? null : slotByFifos(pid, [directory])
    // The same process before and after its files were looked at.
    return slot === null || startTime === null || startTimeOf(pid) !== startTime ? [] : [{ pid, startTime, ...slot }]
  })
}

/** Whether this process, which may be gone, has the file at `path` open. */
export function holdsOpen(pid: number, path: string): boolean {
  try {
    const real = realpathSync(path)
    return readdirSync(`/proc/${pid}/fd`).some((fd) => linkOf(pid, fd) === real)
  } catch {
    return false
  }
}

function slotOfPath(path: string, directories: Iterable<string>): SlotName | null {
  for (const directory of directories) {
    if (!path.startsWith(`${directory}/`)) continue
    const [, service, slot] = FIFO.exec(path.slice(directory.length + 1)) ?? []
    if (service !== undefined) return { service, slot: Number(slot) }
  }
  return null
}

function linkOf(pid: number, fd: string): string {
  try {
    return readlinkSync(`/proc/${pid}/fd/${fd}`)
  } catch {
    return ''
  }
}

/** As we give them to workers. Somebody who looks into a FIFO by hand (`cat`) has it open for reading only. */
function isOpenForBoth(pid: number, fd: string): boolean {
  try {
    const [, flags = '0'] = /^flags:\s*(\d+)$/m.exec(readFileSync(`/proc/${pid}/fdinfo/${fd}`, 'latin1')) ?? []
    return (Number.parseInt(flags, 8) & ACCESS_MODE) === READ_WRITE
  } catch {
    return false
  }
}
