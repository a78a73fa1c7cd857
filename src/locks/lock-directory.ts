// The files of one lock: a queue, a gate and K slots, the same for M places of standbys, the counter of tokens. Made once, never
// removed: whoever waits for a removed file would get a lock that nobody else sees. Tickets of the queues come and go.
import { close, constants as fsConstants, open, readSync } from 'node:fs'
import { link, mkdir, readdir, readFile, rename, stat, statfs, unlink, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { promisify } from 'node:util'
import { HoldfastError } from '../errors/holdfast-error.ts'
import { bootId } from '../os/boot-id.ts'
import { tryLockDescriptor } from '../os/flock-descriptor.ts'
import type { LockHolder } from './lock-provider.ts'
import { holdersOf } from './slot-holders.ts'
import { FIRST_TOKEN, IDENTITY_WIDTH } from './waiting-script.ts'

export type LockKind = 'slot' | 'standby'

/** f_type of statfs(2): file systems whose locks other machines, or the server after a lost contact, do not honour. */
const REFUSED = new Map([
  [0x6969, 'NFS'],
  [0xff534d42, 'SMB'],
  [0xfe534d42, 'SMB'],
  [0x517b, 'SMB'],
  [0x65735546, 'FUSE'],
  [0x01021997, '9P'],
  [0x00c36400, 'Ceph'],
  [0x5346414f, 'AFS'],
  [0x6b414653, 'AFS'],
])
const BACKEND = 'file'
const CONTENDERS = 'contenders'
const TOKEN_WIDTH = 10

const openFile = promisify(open)
const closeFile = promisify(close)

export type FileSystemType = (dir: string) => Promise<number>
const typeOf: FileSystemType = async (dir) => (await statfs(dir)).type

export interface SlotEntry {
  readonly token: string
  readonly identity: string
}

/** A file as it was when it was opened. */
export interface FileIdentity {
  readonly dev: number
  readonly ino: number
}

export class LockDirectory {
  readonly path: string
  private readonly fileSystemType: FileSystemType

  constructor(path: string, fileSystemType: FileSystemType = typeOf) {
    this.path = path
    this.fileSystemType = fileSystemType
  }

  /** @throws HoldfastError */
  async prepare(): Promise<void> {
    const { path } = this
    try {
      await mkdir(path, { recursive: true, mode: 0o700 })
      await this.refuseNetwork()
      await this.claim()
      await createOnce(join(path, 'boot'), `${bootId()}\n`)
      await createOnce(join(path, 'counter'), `${FIRST_TOKEN}\n`)
      for (const queue of ['slot-queue', 'standby-queue']) await createOnce(join(path, queue), `${FIRST_TOKEN}\n`)
    } catch (error) {
      if (!isSystemError(error)) throw error
      throw new HoldfastError(
        'HF_DIRECTORY',
        {
          what: 'the lock directory',
          dir: path,
          problem: error.message,
          mend: 'Give the lock a directory that the supervisor can write.',
        },
        { cause: error },
      )
    }
    if (!/^[1-9]\d{9}\n/.test(await readFile(join(path, 'counter'), 'latin1'))) throw this.damagedCounter()
  }

  damagedCounter(): Error {
    return new HoldfastError('HF_LOCK_COUNTER', { dir: this.path })
  }

  file(name: string): string {
    return join(this.path, name)
  }

  fileOf(kind: LockKind, index: number | 'gate'): string {
    return this.file(`${kind}-${index}`)
  }

  /** Close-on-exec. The caller's to close. */
  openLock(kind: LockKind, index: number | 'gate'): Promise<number> {
    return openLockFile(this.fileOf(kind, index))
  }

  /** Who contends holds a shared lock on it. */
  openContenders(): Promise<number> {
    return openLockFile(this.file(CONTENDERS))
  }

  /** All or none. */
  async openLocks(kind: LockKind, count: number): Promise<number[]> {
    const opened: number[] = []
    try {
      for (let index = 0; index < count; index++) opened.push(await this.openLock(kind, index))
      return opened
    } catch (error) {
      for (const fd of opened) closeQuietly(fd)
      throw error
    }
  }

  openCounter(): Promise<number> {
    return openFile(join(this.path, 'counter'), fsConstants.O_RDONLY | fsConstants.O_NOFOLLOW)
  }

  /** Who took the slot last, null: nobody ever did. */
  async entryOf(slot: number): Promise<SlotEntry | null> {
    return entryIn(await readFile(this.fileOf('slot', slot), 'latin1').catch(() => ''))
  }

  /** Null: it is not there. */
  async identityOf(kind: LockKind, index: number): Promise<FileIdentity | null> {
    const found = await stat(this.fileOf(kind, index)).catch(() => null)
    return found === null ? null : { dev: found.dev, ino: found.ino }
  }

  contenders(): Promise<LockHolder[]> {
    return holdersOf(this.file(CONTENDERS))
  }

  /** The tickets of the dead, as whoever comes to the queue would; not while somebody is at it. */
  async removeDeadTickets(kind: LockKind): Promise<void> {
    const queue = await openFile(this.file(`${kind}-queue`), fsConstants.O_RDONLY | fsConstants.O_NOFOLLOW)
    try {
      if (!tryLockDescriptor(queue)) return
      const names = (await readdir(this.path)).filter((name) => name.startsWith(`${kind}-ticket-`))
      for (const name of names) await removeIfDead(this.file(name))
    } finally {
      closeQuietly(queue)
    }
  }

  /** Whoever holds a slot or a place, or waits behind a gate. */
  async holders(): Promise<LockHolder[]> {
    const names = (await readdir(this.path)).filter((name) => /^(slot|standby)-/.test(name))
    const found = (await Promise.all(names.map((name) => holdersOf(join(this.path, name))))).flat()
    return [...new Map(found.map((holder) => [holder.pid, holder])).values()]
  }

  private async refuseNetwork(): Promise<void> {
    const name = REFUSED.get(await this.fileSystemType(this.path))
    if (name === undefined) return
    throw new HoldfastError('HF_LOCK_NETWORK', { dir: this.path, type: name })
  }

  /** Locks of two kinds do not see each other: one directory, one kind. */
  private async claim(): Promise<void> {
    const file = join(this.path, 'backend')
    await createOnce(file, `${BACKEND}\n`)
    const found = (await readFile(file, 'latin1')).trim()
    if (found === BACKEND) return
    throw new HoldfastError('HF_LOCK_BACKEND', { dir: this.path, found: found.slice(0, 40) })
  }
}

/** Of a slot's file that is open, and was written a moment ago: nothing is waited for. */
export function entryOfOpen(slot: number): SlotEntry | null {
  const bytes = Buffer.alloc(TOKEN_WIDTH + IDENTITY_WIDTH + 2)
  return entryIn(bytes.toString('latin1', 0, readSync(slot, bytes, 0, bytes.length, 0)))
}

function entryIn(line: string): SlotEntry | null {
  const [, token, identity] = /^(\d{10}) (.{100})\n/.exec(line) ?? []
  return token === undefined || identity === undefined ? null : { token, identity: identity.trimEnd() }
}

/** The width is checked where the line is made: a longer one would run into the next. */
export function requireIdentity(identity: string): void {
  const fits = identity.length <= IDENTITY_WIDTH && /^[\x21-\x7e]+( [\x21-\x7e]+)*$/.test(identity)
  if (!fits) throw new RangeError(`not an identity for a lock: ${JSON.stringify(identity)}`)
}

async function removeIfDead(ticket: string): Promise<void> {
  const fd = await openFile(ticket, fsConstants.O_RDONLY | fsConstants.O_NOFOLLOW)
  try {
    if (tryLockDescriptor(fd, 'shared')) await unlink(ticket)
  } finally {
    closeQuietly(fd)
  }
}

function openLockFile(path: string): Promise<number> {
  return openFile(path, fsConstants.O_RDWR | fsConstants.O_CREAT | fsConstants.O_NOFOLLOW, 0o600)
}

/** No promise: nothing is lost when it fails, and there is nobody who could mend it. */
export function closeQuietly(fd: number): void {
  closeFile(fd).catch(() => {})
}

/** As a whole or not at all, and on the disk before anybody counts on it. Of several at once one wins. */
export async function createOnce(file: string, text: string): Promise<void> {
  if ((await stat(file).catch(() => null)) !== null) return
  const temporary = temporaryFor(file)
  try {
    await writeFile(temporary, text, { mode: 0o600, flag: 'wx', flush: true })
    await link(temporary, file)
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== 'EEXIST') throw error
  } finally {
    await unlink(temporary).catch(() => {})
  }
}

export async function replaceBy(file: string, text: string): Promise<void> {
  const temporary = temporaryFor(file)
  try {
    await writeFile(temporary, text, { mode: 0o600, flag: 'wx', flush: true })
    await rename(temporary, file)
  } finally {
    await unlink(temporary).catch(() => {})
  }
}

function temporaryFor(file: string): string {
  return `${file}.${process.pid}.${Math.random().toString(36).slice(2)}.tmp`
}

function isSystemError(error: unknown): error is NodeJS.ErrnoException {
  return error instanceof Error && 'syscall' in error
}
