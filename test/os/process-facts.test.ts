// Small readings of the kernel: limits, memory, clock, boot, peers.
import { execFileSync } from 'node:child_process'
import { openSync, readFileSync, writeSync } from 'node:fs'
import { connect, createServer, type Socket } from 'node:net'
import { describe, expect, test } from 'vitest'
import { bootId } from '../../src/os/boot-id.ts'
import { setCloseOnExec } from '../../src/os/close-on-exec.ts'
import { readAvailable } from '../../src/os/fifo.ts'
import { hasFunction, libcFunction, requirePlatform } from '../../src/os/libc.ts'
import { noFileLimit } from '../../src/os/limits.ts'
import { monotonicMillis, monotonicNanos } from '../../src/os/monotonic-clock.ts'
import { OsError, withOsErrors } from '../../src/os/os-error.ts'
import { fdOfSocket, peerCredentials } from '../../src/os/peer-credentials.ts'
import { pssOf, usageOf } from '../../src/os/resource-usage.ts'
import { socketPair } from '../../src/os/socket-pair.ts'
import { isRoot, until, useScratch, within } from './scratch.ts'

const scratch = useScratch()

describe('libc', () => {
  test('this machine has what is needed', () => {
    requirePlatform()
  })

  test('a function that is not there is named', () => {
    expect(hasFunction('posix_spawn')).toBe(true)
    expect(hasFunction('no_such_function_np')).toBe(false)
    const missing = libcFunction<[number], number>('int no_such_function_np(int x)')
    expect(() => missing(1)).toThrow(
      expect.objectContaining({ code: 'HF_PLATFORM', message: "this system's C library has no no_such_function_np" }),
    )
  })

  test('nothing is loaded by an import', async () => {
    const result = await scratch.now.program(`
      import { startTimeOf } from 'src/os/process-identity.ts'
      import { lockHolder } from 'src/os/file-lock.ts'
      import { signalProcess } from 'src/os/send-signal.ts'
      import { spawnProcess } from 'src/os/spawn.ts'
      import { findCommand } from 'src/os/command-path.ts'
      startTimeOf(process.pid)
      lockHolder('/nowhere')
      try { findCommand('no-such-command', '/bin', '/') } catch {}
      const loaded = () => Object.keys(require.cache).some((file) => file.includes('koffi'))
      const before = loaded()
      try { spawnProcess({ file: '/nope', argv: [], env: [], cwd: null, fds: [], session: true, softNoFile: null }) } catch {}
      console.log(JSON.stringify([before, loaded(), typeof signalProcess]))
    `)
    expect(result).toEqual([false, true, 'function'])
  })
})

describe('OsError', () => {
  test('says call, subject, reason and code', () => {
    const error = new OsError('bind', 98, { subject: '127.0.0.1:80' })
    expect(error.message).toBe('bind 127.0.0.1:80: address already in use (EADDRINUSE)')
    expect(error).toMatchObject({ syscall: 'bind', errno: 98, code: 'EADDRINUSE', problem: 'address already in use' })
    expect(new OsError('poke', 11).message).toBe('poke: resource temporarily unavailable (EAGAIN)')
    expect(new OsError('poke', 9999).code).toBe('E9999')
    expect(new OsError('poke', 22, { explanation: 'not so' }).message).toBe('poke: not so (EINVAL)')
  })

  test('is what becomes of errors of fs; others pass', () => {
    expect(() => withOsErrors(() => readFileSync('/no/such/file'))).toThrow(OsError)
    expect(() => withOsErrors(() => readFileSync('/no/such/file'))).toThrow(
      'open /no/such/file: no such file or directory (ENOENT)',
    )
    expect(() => withOsErrors(() => JSON.parse('{'))).toThrow(SyntaxError)
  })
})

describe('limits', () => {
  test('are those of /proc/self/limits', () => {
    const [, soft, hard] = /^Max open files\s+(\d+)\s+(\d+)/m.exec(readFileSync('/proc/self/limits', 'utf8')) ?? []
    expect(noFileLimit()).toEqual({ soft: Number(soft), hard: Number(hard) })
  })
})

describe('clock and boot', () => {
  test('is CLOCK_MONOTONIC, the same that other languages read', () => {
    const before = monotonicMillis()
    const perl = 'use Time::HiRes qw(clock_gettime CLOCK_MONOTONIC); print clock_gettime(CLOCK_MONOTONIC)'
    const theirs = Number(execFileSync('perl', ['-e', perl], { encoding: 'utf8' })) * 1000
    const after = Number(monotonicNanos()) / 1e6
    expect(theirs).toBeGreaterThan(before - 1)
    expect(theirs).toBeLessThan(after + 1)
  })

  test('boot id is a UUID', () => {
    expect(bootId()).toMatch(/^[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}$/)
    expect(bootId()).toBe(bootId())
  })
})

describe('resource usage', () => {
  test('memory and time of processes, the dead ones missing', async () => {
    const child = scratch.now.sh('i=0; while [ $i -lt 200000 ]; do i=$((i+1)); done; echo done; exec sleep 1000')
    const usage = usageOf([process.pid, 4_190_000])
    expect([...usage.keys()]).toEqual([process.pid])
    const own = usage.get(process.pid)
    const rss = process.memoryUsage.rss()
    expect(own?.rss).toBeGreaterThan(rss * 0.8)
    expect(own?.rss).toBeLessThan(rss * 1.2)
    expect(Math.abs((own?.cpuSeconds ?? 0) - cpuTime())).toBeLessThan(0.2)
    await until('its memory', () => (usageOf([child.pid]).get(child.pid)?.rss ?? 0) > 100_000)
    await until('its time', () => (usageOf([child.pid]).get(child.pid)?.cpuSeconds ?? 0) > 0.05)
  })

  test('proportional memory is less than the resident one, and null for nobody', () => {
    const pss = pssOf(process.pid)
    expect(pss).toBeGreaterThan(1_000_000)
    expect(pss).toBeLessThanOrEqual(process.memoryUsage.rss() * 1.2)
    expect(pssOf(4_190_000)).toBeNull()
  })

  function cpuTime(): number {
    const { userCPUTime, systemCPUTime } = process.resourceUsage()
    return (userCPUTime + systemCPUTime) / 1e6
  }
})

describe('setCloseOnExec', () => {
  test('decides what a program that we execute keeps', () => {
    const fd = scratch.now.closing(openSync('/dev/null', 'r'))
    const isSet = () => /^flags:\s+0?2\d{6}$/m.test(readFileSync(`/proc/self/fdinfo/${fd}`, 'utf8'))
    expect(isSet()).toBe(true)
    setCloseOnExec(fd, false)
    expect(isSet()).toBe(false)
    setCloseOnExec(fd, true)
    setCloseOnExec(fd, true)
    expect(isSet()).toBe(true)
    expect(() => setCloseOnExec(99_999, true)).toThrow('fd 99999: bad file descriptor (EBADF)')
  })
})

describe('socketPair', () => {
  test('is connected both ways and close-on-exec', () => {
    const [a, b] = socketPair()
    for (const fd of [a, b]) {
      scratch.now.closing(fd)
      expect(readFileSync(`/proc/self/fdinfo/${fd}`, 'utf8')).toMatch(/^flags:\s+02000002$/m)
    }
    const buffer = Buffer.alloc(10)
    writeSync(a, 'to b')
    expect(buffer.toString('utf8', 0, readAvailable(b, buffer))).toBe('to b')
    writeSync(b, 'to a')
    expect(buffer.toString('utf8', 0, readAvailable(a, buffer))).toBe('to a')
  })
})

describe('peer credentials', () => {
  async function accepted(start: (path: string) => void): Promise<Socket> {
    const path = scratch.now.path('s')
    const server = createServer()
    scratch.now.atEnd(() => server.close())
    const socket = new Promise<Socket>((resolve) => server.once('connection', resolve))
    await new Promise<void>((resolve) => server.listen(path, resolve))
    start(path)
    const connection = await within(socket, 'connection')
    scratch.now.atEnd(() => connection.destroy())
    return connection
  }

  test('are those of this process for a connection of its own', async () => {
    const socket = await accepted((path) => {
      const client = connect(path)
      scratch.now.atEnd(() => client.destroy())
    })
    expect(peerCredentials(fdOfSocket(socket))).toEqual({
      pid: process.pid,
      uid: process.getuid?.(),
      gid: process.getgid?.(),
    })
  })

  test.runIf(isRoot)('are those of another user', async () => {
    let pid = 0
    const socket = await accepted((path) => {
      execFileSync('chmod', ['-R', 'a+rwX', scratch.now.directory])
      const perl = `use Socket; socket(my $s, AF_UNIX, SOCK_STREAM, 0); connect($s, sockaddr_un($ARGV[0])) or die $!; sleep 1000`
      const drop = ['--reuid=65534', '--regid=65534', '--clear-groups', 'perl', '-e', perl, path]
      pid = scratch.now.start('/usr/bin/setpriv', drop).pid
    })
    expect(peerCredentials(fdOfSocket(socket))).toEqual({ pid, uid: 65534, gid: 65534 })
  })

  test('of a closed socket are an error, not those of somebody else', async () => {
    const socket = await accepted((path) => {
      const client = connect(path)
      scratch.now.atEnd(() => client.destroy())
    })
    socket.destroy()
    await new Promise((resolve) => socket.once('close', resolve))
    expect(() => fdOfSocket(socket)).toThrow('closed')
  })
})
