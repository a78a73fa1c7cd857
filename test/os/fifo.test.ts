import { chmodSync, closeSync, constants, readFileSync, statSync, symlinkSync, writeFileSync, writeSync } from 'node:fs'
import { describe, expect, test } from 'vitest'
import { makeFifo, openDevNull, openFifo, openFifoForChild, readAvailable, setPipeSize } from '../../src/os/fifo.ts'
import { isRoot, until, useScratch, within } from './scratch.ts'

const scratch = useScratch()
const plain = { mode: 0o600, uid: null, gid: null } as const
const buffer = Buffer.alloc(65_536)

function flagsOf(fd: number): number {
  return Number.parseInt(/^flags:\s+(\d+)$/m.exec(readFileSync(`/proc/self/fdinfo/${fd}`, 'utf8'))?.[1] ?? '', 8)
}

describe('makeFifo', () => {
  test('makes one with exactly this mode, whatever the umask', () => {
    const path = scratch.now.path('fifo')
    makeFifo(path, { ...plain, mode: 0o666 })
    expect(statSync(path).isFIFO()).toBe(true)
    expect(statSync(path).mode & 0o7777).toBe(0o666)
  })

  test('keeps one that is there, with what is in it, and mends its mode', () => {
    const path = scratch.now.path('fifo')
    makeFifo(path, plain)
    const fd = scratch.now.closing(openFifo(path))
    writeSync(fd, 'kept')
    const { ino } = statSync(path)
    chmodSync(path, 0o644)
    makeFifo(path, plain)
    expect(statSync(path)).toMatchObject({ ino })
    expect(statSync(path).mode & 0o7777).toBe(0o600)
    expect(readAvailable(fd, buffer)).toBe(4)
  })

  test.runIf(isRoot)('gives it to a user', () => {
    const path = scratch.now.path('fifo')
    makeFifo(path, { mode: 0o620, uid: 65534, gid: 65534 })
    expect(statSync(path)).toMatchObject({ uid: 65534, gid: 65534 })
    expect(statSync(path).mode & 0o7777).toBe(0o620)
  })

  test('does not take a file or a link for one', () => {
    const file = scratch.now.path('file')
    writeFileSync(file, 'mine')
    expect(() => makeFifo(file, plain)).toThrow(/mkfifo .*file: something else is there \(EEXIST\)/)
    const link = scratch.now.path('link')
    makeFifo(scratch.now.path('fifo'), plain)
    symlinkSync(scratch.now.path('fifo'), link)
    expect(() => makeFifo(link, plain)).toThrow('EEXIST')
    expect(readFileSync(file, 'utf8')).toBe('mine')
    expect(() => makeFifo(scratch.now.path('no/such/fifo'), plain)).toThrow('ENOENT')
  })
})

describe('the two ends', () => {
  test('ours does not block, the child one does, and both are close-on-exec', () => {
    const path = scratch.now.path('fifo')
    makeFifo(path, plain)
    const ours = scratch.now.closing(openFifo(path))
    const childs = scratch.now.closing(openFifoForChild(path))
    const cloexec = 0o2000000
    expect(flagsOf(ours) & (constants.O_NONBLOCK | constants.O_RDWR | cloexec)).toBe(
      constants.O_NONBLOCK | constants.O_RDWR | cloexec,
    )
    expect(flagsOf(childs) & (constants.O_NONBLOCK | constants.O_RDWR | cloexec)).toBe(constants.O_RDWR | cloexec)
    expect(readAvailable(ours, buffer)).toBe(0)
  })

  test('a missing FIFO is an OsError', () => {
    expect(() => openFifo(scratch.now.path('none'))).toThrow(/open .*none: no such file or directory \(ENOENT\)/)
  })

  test('reading a closed fd is an error, and the size of one is 0', () => {
    expect(() => readAvailable(99_999, buffer)).toThrow('read fd 99999: bad file descriptor (EBADF)')
    expect(setPipeSize(99_999, 65_536)).toBe(0)
  })
})

describe('a writer outlives its reader', () => {
  test('it blocks on a full pipe without EPIPE, and a new reader finds every line', async () => {
    const { now } = scratch
    const path = now.path('fifo')
    makeFifo(path, plain)
    const first = now.closing(openFifo(path))
    setPipeSize(first, 4096)
    const end = openFifoForChild(path)
    // 20,000 lines: far more than fits, so that it must wait for somebody to read.
    const writer = now.sh('i=0; while [ $i -lt 20000 ]; do i=$((i+1)); echo line $i; done', {
      fds: [openForChild('/dev/null'), end, end],
    })
    closeSync(end)
    let text = ''
    const drain = (fd: number) => {
      for (let count = readAvailable(fd, buffer); count > 0; count = readAvailable(fd, buffer)) {
        text += buffer.toString('utf8', 0, count)
      }
    }
    await until('some lines', () => {
      drain(first)
      return text.length > 10_000
    })
    closeSync(first)
    // The supervisor is dead: nobody else has the FIFO open. The pipe fills, and the writer waits in write.
    await until(
      'a waiting writer',
      () => readFileSync(`/proc/${writer.pid}/wchan`, 'utf8').includes('pipe_write') || blocked(writer.pid),
    )
    const second = now.closing(openFifo(path))
    let ended = false
    void writer.exited.then(() => {
      ended = true
    })
    await until('the end', () => {
      drain(second)
      return ended
    })
    drain(second)
    expect(await within(writer.exited, 'exit')).toEqual({ code: 0, signal: null })
    const lines = text.trimEnd().split('\n')
    expect(lines).toHaveLength(20_000)
    expect(lines.every((line, index) => line === `line ${index + 1}`)).toBe(true)
  })

  function openForChild(path: string): number {
    return scratch.now.closing(path === '/dev/null' ? openDevNull() : openFifoForChild(path))
  }

  function blocked(pid: number): boolean {
    return /^State:\tS/m.test(readFileSync(`/proc/${pid}/status`, 'utf8'))
  }
})

test('setPipeSize says what the pipe has afterwards', () => {
  const path = scratch.now.path('fifo')
  makeFifo(path, plain)
  const fd = scratch.now.closing(openFifo(path))
  expect(setPipeSize(fd, 4096)).toBe(4096)
  expect(setPipeSize(fd, 100_000)).toBe(131_072)
  // Not less than what is in it.
  writeSync(fd, Buffer.alloc(50_000))
  expect(setPipeSize(fd, 4096)).toBe(131_072)
})
