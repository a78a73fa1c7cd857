// Users and groups as the name service knows them (files, LDAP, systemd …), not only /etc/passwd.
import { constants } from 'node:os'
import { addressOf, libcFunction } from './libc.ts'
import { OsError } from './os-error.ts'

export interface User {
  readonly uid: number
  readonly gid: number
  readonly name: string
  readonly home: string
  readonly shell: string
  /** Of the user database: the primary one and the supplementary ones. */
  readonly groups: readonly number[]
}

export interface Group {
  readonly gid: number
  readonly name: string
}

type ByName = [string, Buffer, Buffer, number, Buffer]
type ById = [number, Buffer, Buffer, number, Buffer]

const getpwnam = libcFunction<ByName, number>(
  'int getpwnam_r(const char *name, void *entry, void *buffer, size_t length, void *result)',
)
const getpwuid = libcFunction<ById, number>(
  'int getpwuid_r(uint32_t id, void *entry, void *buffer, size_t length, void *result)',
)
const getgrnam = libcFunction<ByName, number>(
  'int getgrnam_r(const char *name, void *entry, void *buffer, size_t length, void *result)',
)
const getgrgid = libcFunction<ById, number>(
  'int getgrgid_r(uint32_t id, void *entry, void *buffer, size_t length, void *result)',
)
const getgrouplist = libcFunction<[string, number, Buffer, Buffer], number>(
  'int getgrouplist(const char *user, uint32_t group, void *groups, void *count)',
)

// struct passwd: name, password, uid, gid, gecos, home, shell. struct group: name, password, gid, members.
const ENTRY_SIZE = 48
const PW = { name: 0, uid: 16, gid: 20, home: 32, shell: 40 } as const
const GR = { name: 0, gid: 16 } as const

/** A user by name, or by number as text; null if there is none. A name that looks like a number is looked up first. */
export function lookupUser(nameOrId: string | number): User | null {
  const entry =
    findEntry('getpwnam_r', (...rest) => getpwnam(String(nameOrId), ...rest)) ??
    byNumber(nameOrId, (id) => findEntry('getpwuid_r', (...rest) => getpwuid(id, ...rest)))
  if (entry === null) return null
  const name = entry.string(PW.name)
  const gid = entry.number(PW.gid)
  return {
    uid: entry.number(PW.uid),
    gid,
    name,
    home: entry.string(PW.home),
    shell: entry.string(PW.shell),
    groups: groupsOf(name, gid),
  }
}

/** A group by name, or by number as text; null if there is none. */
export function lookupGroup(nameOrId: string | number): Group | null {
  const entry =
    findEntry('getgrnam_r', (...rest) => getgrnam(String(nameOrId), ...rest)) ??
    byNumber(nameOrId, (id) => findEntry('getgrgid_r', (...rest) => getgrgid(id, ...rest)))
  return entry === null ? null : { gid: entry.number(GR.gid), name: entry.string(GR.name) }
}

interface Entry {
  number(offset: number): number
  string(offset: number): string
}

type Lookup = (entry: Buffer, buffer: Buffer, length: number, result: Buffer) => number

function byNumber(nameOrId: string | number, find: (id: number) => Entry | null): Entry | null {
  const id = Number(nameOrId)
  return /^\d{1,10}$/.test(String(nameOrId)) && id < 0xffff_ffff ? find(id) : null
}

function findEntry(call: string, lookup: Lookup): Entry | null {
  // A group with thousands of members needs more room than anybody would guess.
  for (let size = 4096; ; size *= 4) {
    const entry = Buffer.alloc(ENTRY_SIZE)
    const buffer = Buffer.alloc(size)
    const result = Buffer.alloc(8)
    const error = lookup(entry, buffer, size, result)
    if (error === constants.errno.ERANGE && size < 64 * 1024 * 1024) continue
    // Some name services say "not found" with one of these numbers instead of a null result.
    const { ENOENT, ESRCH, EBADF, EPERM } = constants.errno
    if (error !== 0 && ![ENOENT, ESRCH, EBADF, EPERM].includes(error)) throw new OsError(call, error)
    if (error !== 0 || result.readBigUInt64LE(0) === 0n) return null
    return entryView(entry, buffer)
  }
}

/** The strings of an entry lie in `buffer`; the entry points to them. */
function entryView(entry: Buffer, buffer: Buffer): Entry {
  const base = addressOf(buffer)
  return {
    number: (offset) => entry.readUInt32LE(offset),
    string(offset) {
      const start = Number(entry.readBigUInt64LE(offset) - base)
      if (start < 0 || start >= buffer.length) return ''
      return buffer.toString('utf8', start, buffer.indexOf(0, start))
    },
  }
}

function groupsOf(user: string, gid: number): number[] {
  for (let room = 64; ; ) {
    const groups = Buffer.alloc(room * 4)
    const count = Buffer.alloc(4)
    count.writeInt32LE(room, 0)
    const result = getgrouplist(user, gid, groups, count)
    const found = count.readInt32LE(0)
    if (result !== -1) return Array.from({ length: found }, (_, index) => groups.readUInt32LE(index * 4))
    room = Math.max(found, room * 2)
  }
}
