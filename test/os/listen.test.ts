import { closeSync, existsSync, linkSync, mkdirSync, openSync, readFileSync, statSync, writeFileSync } from 'node:fs'
import { connect, createServer, type Socket } from 'node:net'
import { describe, expect, test } from 'vitest'
import {
  backlogLength,
  closeListener,
  formatAddress,
  type ListenAddress,
  type Listener,
  type ListenSpec,
  openListener,
  relisten,
  socketAddress,
} from '../../src/os/listen.ts'
import { OsError } from '../../src/os/os-error.ts'
import { isRoot, openFds, until, useScratch, within } from './scratch.ts'

const scratch = useScratch()
const O_NONBLOCK = 0o4000
const O_CLOEXEC = 0o2000000

function open(listen: ListenAddress, options: Partial<ListenSpec> = {}): Listener {
  const spec = {
    listen,
    backlog: 16,
    mode: null,
    user: null,
    group: null,
    nonblocking: false,
    v6only: true,
    ...options,
  }
  const listener = openListener(spec)
  scratch.now.closing(listener.fd)
  return listener
}

function failure(listen: ListenAddress, options: Partial<ListenSpec> = {}): OsError {
  const before = openFds()
  try {
    open(listen, options)
  } catch (error) {
    if (!(error instanceof OsError)) throw error
    // Nothing is left open.
    expect(openFds()).toEqual(before)
    return error
  }
  throw new Error('it was opened')
}

function flagsOf(fd: number): number {
  return Number.parseInt(/^flags:\s+(\d+)$/m.exec(readFileSync(`/proc/self/fdinfo/${fd}`, 'utf8'))?.[1] ?? '', 8)
}

function portOf({ address }: Listener): number {
  return address.family === 'unix' ? 0 : address.port
}

async function connected(to: { port: number; host: string } | { path: string }): Promise<Socket> {
  const socket = connect(to)
  scratch.now.atEnd(() => socket.destroy())
  await within(
    new Promise<void>((resolve, reject) => {
      socket.once('connect', resolve)
      socket.once('error', reject)
    }),
    'connection',
  )
  return socket
}

describe('tcp', () => {
  test.each([
    ['tcp4', '127.0.0.1', '127.0.0.1'],
    ['tcp4', 'localhost', '127.0.0.1'],
    ['tcp4', '0.0.0.0', '0.0.0.0'],
    ['tcp6', '::1', '::1'],
    ['tcp6', '::', '::'],
  ] as const)('%s %s port 0 takes connections and says its port', async (family, host, real) => {
    const listener = open({ family, host, port: 0 })
    expect(listener.address).toEqual({ family, host: real, port: expect.any(Number) })
    const port = portOf(listener)
    expect(port).toBeGreaterThan(0)
    expect(socketAddress(listener.fd)).toMatchObject({ family, type: 'stream', host: real, port, listening: true })
    await connected({ port, host: family === 'tcp6' ? '::1' : '127.0.0.1' })
  })

  test('blocks and is close-on-exec; O_NONBLOCK only when asked for', () => {
    const blocking = open({ family: 'tcp4', host: '127.0.0.1', port: 0 })
    expect(flagsOf(blocking.fd) & (O_NONBLOCK | O_CLOEXEC)).toBe(O_CLOEXEC)
    const nonblocking = open({ family: 'tcp4', host: '127.0.0.1', port: 0 }, { nonblocking: true })
    expect(flagsOf(nonblocking.fd) & (O_NONBLOCK | O_CLOEXEC)).toBe(O_NONBLOCK | O_CLOEXEC)
  })

  test('a port in use is EADDRINUSE with the address', () => {
    const port = portOf(open({ family: 'tcp4', host: '127.0.0.1', port: 0 }))
    const error = failure({ family: 'tcp4', host: '127.0.0.1', port })
    expect(error).toMatchObject({ syscall: 'bind', code: 'EADDRINUSE' })
    expect(error.message).toBe(`bind 127.0.0.1:${port}: address already in use (EADDRINUSE)`)
    const v6 = portOf(open({ family: 'tcp6', host: '::1', port: 0 }))
    expect(failure({ family: 'tcp6', host: '::1', port: v6 }).message).toContain(`bind [::1]:${v6}:`)
  })

  test('a port is free again at once, in spite of connections in TIME_WAIT', async () => {
    const server = createServer((socket) => socket.end())
    await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
    const { port } = server.address() as { port: number }
    const client = await connected({ port, host: '127.0.0.1' })
    client.resume()
    await within(new Promise((resolve) => client.once('close', resolve)), 'close')
    await within(new Promise((resolve) => server.close(resolve)), 'close')
    open({ family: 'tcp4', host: '127.0.0.1', port })
  })

  test('an address that this machine does not have, and a host without address', () => {
    expect(failure({ family: 'tcp4', host: '192.0.2.1', port: 0 }).code).toBe('EADDRNOTAVAIL')
    expect(failure({ family: 'tcp4', host: '::1', port: 0 }).message).toMatch(/^resolve ::1: no IPv4 address: /)
  })

  test('v6only decides who gets IPv4', async () => {
    const both = portOf(open({ family: 'tcp6', host: '::', port: 0 }, { v6only: false }))
    await connected({ port: both, host: '127.0.0.1' })
    const only = portOf(open({ family: 'tcp6', host: '::', port: 0 }, { v6only: true }))
    await expect(connected({ port: only, host: '127.0.0.1' })).rejects.toMatchObject({ code: 'ECONNREFUSED' })
  })

  test('connections wait in the backlog, which can be counted and set again', async () => {
    const listener = open({ family: 'tcp4', host: '127.0.0.1', port: 0 }, { backlog: 5 })
    expect(backlogLength(listener.fd)).toBe(0)
    for (let count = 0; count < 3; count++) await connected({ port: portOf(listener), host: '127.0.0.1' })
    await until('three in the queue', () => backlogLength(listener.fd) === 3)
    expect(queueLimit(portOf(listener))).toBe(5)
    relisten(listener.fd, 77)
    expect(queueLimit(portOf(listener))).toBe(77)
    expect(backlogLength(listener.fd)).toBe(3)
  })

  /** What `ss` shows as Send-Q, by sock_diag; /proc/net/tcp does not have it. */
  function queueLimit(port: number): number {
    const { execFileSync } = process.getBuiltinModule('node:child_process')
    const text = execFileSync('ss', ['-Hltn', `sport = :${port}`], { encoding: 'utf8' })
    return Number(text.trim().split(/\s+/)[2])
  }
})

describe('udp', () => {
  test.each([
    ['udp4', '127.0.0.1'],
    ['udp6', '::1'],
  ] as const)('%s is bound, not listened on', (family, host) => {
    const listener = open({ family, host, port: 0 })
    expect(socketAddress(listener.fd)).toMatchObject({ family, type: 'datagram', listening: false, host })
    expect(portOf(listener)).toBeGreaterThan(0)
    expect(backlogLength(listener.fd)).toBeNull()
  })

  test('nobody else can take the port', () => {
    const port = portOf(open({ family: 'udp4', host: '127.0.0.1', port: 0 }))
    expect(failure({ family: 'udp4', host: '127.0.0.1', port }).code).toBe('EADDRINUSE')
  })
})

describe('unix', () => {
  test('takes connections, and says which file it made', async () => {
    const path = scratch.now.path('s')
    const listener = open({ family: 'unix', path })
    const { dev, ino } = statSync(path)
    expect(listener).toMatchObject({ address: { family: 'unix', path }, device: dev, inode: ino })
    expect(socketAddress(listener.fd)).toMatchObject({ family: 'unix', type: 'stream', path, listening: true })
    expect(backlogLength(listener.fd)).toBeNull()
    await connected({ path })
  })

  test('has the wanted mode', () => {
    const path = scratch.now.path('s')
    open({ family: 'unix', path }, { mode: 0o606 })
    expect(statSync(path).mode & 0o777).toBe(0o606)
  })

  test.runIf(isRoot)('has the wanted owner, by name or number', () => {
    const path = scratch.now.path('s')
    open({ family: 'unix', path }, { user: 'nobody', group: '1', mode: 0o660 })
    expect(statSync(path)).toMatchObject({ uid: 65534, gid: 1 })
    expect(statSync(path).mode & 0o777).toBe(0o660)
  })

  test('an unknown owner is refused before anything is made', () => {
    const path = scratch.now.path('s')
    expect(failure({ family: 'unix', path }, { user: 'no-such-user' }).message).toContain(
      'there is no user no-such-user',
    )
    expect(failure({ family: 'unix', path }, { group: 'no-such-group' }).message).toContain('there is no group')
    expect(existsSync(path)).toBe(false)
  })

  test('replaces the file of a socket whose owner is dead', async () => {
    const path = scratch.now.path('s')
    const dead = open({ family: 'unix', path })
    closeSync(dead.fd)
    expect(existsSync(path)).toBe(true)
    open({ family: 'unix', path })
    await connected({ path })
  })

  test('leaves a live one alone, also when its queue is full', () => {
    const path = scratch.now.path('s')
    const live = open({ family: 'unix', path }, { backlog: 0 })
    expect(failure({ family: 'unix', path })).toMatchObject({ syscall: 'bind', code: 'EADDRINUSE', subject: path })
    // The look at it took the one place in its queue.
    expect(failure({ family: 'unix', path }).code).toBe('EADDRINUSE')
    expect(statSync(path).ino).toBe(live.inode)
  })

  test('does not replace what is no socket', () => {
    const path = scratch.now.path('file')
    writeFileSync(path, 'mine')
    expect(failure({ family: 'unix', path }).code).toBe('EADDRINUSE')
    expect(readFileSync(path, 'utf8')).toBe('mine')
  })

  test('takes a path of 107 bytes and refuses one of 108 in plain words', async () => {
    const base = `${scratch.now.directory}/`
    const longest = base + 'x'.repeat(107 - base.length)
    open({ family: 'unix', path: longest })
    expect(statSync(longest).isSocket()).toBe(true)
    await connected({ path: longest })
    const error = failure({ family: 'unix', path: `${longest}x` })
    expect(error.code).toBe('ENAMETOOLONG')
    expect(error.message).toContain('the path has 108 bytes, and a unix socket')
    expect(failure({ family: 'unix', path: '' }).code).toBe('EINVAL')
  })

  test('counts bytes, not characters', () => {
    const base = `${scratch.now.directory}/`
    expect(failure({ family: 'unix', path: base + 'ü'.repeat(60) }).code).toBe('ENAMETOOLONG')
  })

  test('without its directory is ENOENT', () => {
    expect(failure({ family: 'unix', path: scratch.now.path('no/s') }).code).toBe('ENOENT')
  })

  test('a failure after bind leaves no file', () => {
    const directory = scratch.now.path('d')
    mkdirSync(directory)
    const path = `${directory}/s`
    // chown needs privileges that an ordinary user does not have, and a gid that root does not have either.
    if (!isRoot) expect(failure({ family: 'unix', path }, { user: '0' }).code).toBe('EPERM')
    expect(existsSync(path)).toBe(false)
  })
})

describe('closeListener', () => {
  test('removes the file', () => {
    const path = scratch.now.path('s')
    const { fd } = open({ family: 'unix', path })
    closeListener(fd, path)
    expect(existsSync(path)).toBe(false)
  })

  test('leaves a file that somebody else made since, and without a path only closes', () => {
    const path = scratch.now.path('s')
    const first = open({ family: 'unix', path })
    closeSync(first.fd)
    // Keeps the inode's number from being given to the next file.
    linkSync(path, scratch.now.path('kept'))
    const second = open({ family: 'unix', path })
    const third = open({ family: 'tcp4', host: '127.0.0.1', port: 0 })
    closeListener(third.fd, path, first)
    expect(statSync(path).ino).toBe(second.inode)
    closeListener(second.fd, null)
    expect(existsSync(path)).toBe(true)
  })
})

test('what is no socket is an OsError', () => {
  expect(() => socketAddress(99_999)).toThrow('EBADF')
  const file = scratch.now.closing(openSync('/dev/null', 'r'))
  expect(() => socketAddress(file)).toThrow('ENOTSOCK')
})

test('formatAddress', () => {
  expect(formatAddress({ family: 'tcp4', host: '0.0.0.0', port: 80 })).toBe('0.0.0.0:80')
  expect(formatAddress({ family: 'udp6', host: '::', port: 53 })).toBe('[::]:53')
  expect(formatAddress({ family: 'unix', path: '/run/s' })).toBe('/run/s')
})

test('a connection is no listener', async () => {
  const listener = open({ family: 'tcp4', host: '127.0.0.1', port: 0 })
  const socket = await connected({ port: portOf(listener), host: '127.0.0.1' })
  const { _handle } = socket as unknown as { _handle: { fd: number } }
  expect(socketAddress(_handle.fd).listening).toBe(false)
  expect(backlogLength(_handle.fd)).toBeNull()
})
