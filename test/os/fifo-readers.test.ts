import { chmodSync, closeSync, constants, openSync, readFileSync, unlinkSync, writeSync } from 'node:fs'
import { describe, expect, test } from 'vitest'
import { EpollLoop } from '../../src/os/epoll.ts'
import { makeFifo } from '../../src/os/fifo.ts'
import type { FifoReader } from '../../src/os/fifo-reader.ts'
import { FifoReaders, type FifoReadersOptions } from '../../src/os/fifo-readers.ts'
import { setSoftNoFile } from '../../src/os/limits.ts'
import { openFds, until, useScratch } from './scratch.ts'

const scratch = useScratch()
const buffer = Buffer.alloc(65_536)

interface Heard {
  readonly reader: FifoReader
  readonly writer: number
  /** The writer closes its end. */
  hangUp(): void
  /** The reader is told where the writer's end is. */
  isHere(): void
  readonly text: string[]
}

function newReaders(options: FifoReadersOptions = {}) {
  const epoll = new EpollLoop()
  const readers = new FifoReaders(epoll, { openAtMost: 2, ...options })
  const all: Heard[] = []
  scratch.now.atEnd(() => {
    for (const { reader } of all) reader.close()
    readers.close()
    epoll.close()
  })
  const open = (name: string): Heard => {
    const path = scratch.now.path(name)
    makeFifo(path, { mode: 0o600, uid: null, gid: null })
    const heardAt: { link: string | null } = { link: null }
    const places = { path: () => path, linkAtWriter: () => heardAt.link, options: {} }
    const reader = readers.open(places, name)
    const writer = openSync(path, constants.O_RDWR)
    let isOpen = true
    const hangUp = (): void => {
      if (isOpen) closeSync(writer)
      isOpen = false
    }
    scratch.now.atEnd(hangUp)
    const isHere = (): void => {
      heardAt.link = `/proc/self/fd/${writer}`
    }
    const heard: Heard = { reader, writer, hangUp, isHere, text: [] }
    reader.listen({
      onReadable: () => {
        const bytes = reader.read(buffer)
        heard.text.push(buffer.toString('latin1', 0, bytes))
      },
    })
    all.push(heard)
    return heard
  }
  const openMany = (count: number): Heard[] => Array.from({ length: count }, (_, index) => open(`fifo${index}`))
  const parked = (): number => all.filter(({ reader }) => reader.fd === null).length
  return { epoll, readers, open, openMany, parked }
}

/** Of io_submit(2), made room for. */
function requestsOfTheMachine(): number {
  return Number(readFileSync('/proc/sys/fs/aio-nr', 'latin1'))
}

describe('more readers than may keep an fd', () => {
  test('the others are parked and hear all the same, again and again', async () => {
    const { openMany, parked } = newReaders({ quiet: 50 })
    const all = openMany(200)
    expect(parked()).toBe(198)
    for (const round of ['a', 'b', 'c']) {
      for (const [index, { writer }] of all.entries()) writeSync(writer, `${round}${index}`)
      await until('all have heard', () => all.every(({ text }) => text.length > 0))
      expect(all.map(({ text }) => text.splice(0).join(''))).toEqual(all.map((_, index) => `${round}${index}`))
      await until('the quiet ones are parked again', () => parked() === 198)
    }
  })

  test('parked they take few fds, and closed none', async () => {
    newReaders()
    const before = openFds().length
    const requests = requestsOfTheMachine()
    const { readers, openMany, epoll } = newReaders()
    const all = openMany(300)
    for (const { hangUp } of all) hangUp()
    // 2 readers, and an epoll fd each for those that are open and those that are not.
    expect(openFds().length - before).toBe(2 + 2)
    for (const { reader } of all) reader.close()
    readers.close()
    epoll.close()
    expect(openFds().length - before).toBe(0)
    // Other tests run meanwhile.
    await until('the requests are gone', () => requestsOfTheMachine() < requests + 600)
  })

  test('what a dead writer said to a parked one is not lost, though nobody has the FIFO open', async () => {
    const { openMany } = newReaders({ openAtMost: 0 })
    const [heard] = openMany(1) as [Heard]
    expect(heard.reader.fd).toBe(null)
    writeSync(heard.writer, 'last words')
    heard.hangUp()
    expect(heard.reader.read(buffer)).toBe(10)
    expect(buffer.toString('latin1', 0, 10)).toBe('last words')
  })

  test('a FIFO whose name is gone, or is the name of another one, is found at the process that writes to it', async () => {
    const { openMany } = newReaders({ openAtMost: 0 })
    const [gone, other, lost] = openMany(3) as [Heard, Heard, Heard]
    for (const heard of [gone, other, lost]) {
      heard.isHere()
      expect(heard.reader.fd).toBe(null)
    }
    for (const name of ['fifo0', 'fifo1', 'fifo2']) unlinkSync(scratch.now.path(name))
    makeFifo(scratch.now.path('fifo1'), { mode: 0o600, uid: null, gid: null })
    for (const { writer } of [gone, other, lost]) writeSync(writer, 'x')
    lost.hangUp()
    await until('two hear', () => gone.text.join('') === 'x' && other.text.join('') === 'x')
    expect(lost.text).toEqual([])
  })

  test('reading a parked one finds nothing where there is nothing, and what others were told stays theirs', async () => {
    const { openMany } = newReaders({ openAtMost: 0 })
    const [silent, other] = openMany(2) as [Heard, Heard]
    writeSync(other.writer, 'x')
    expect(silent.reader.read(buffer)).toBe(0)
    expect(silent.reader.fd).toBe(null)
    await until('the other one hears', () => other.text.length === 1)
  })

  test('who has spoken lately keeps the fd', async () => {
    const { openMany, parked } = newReaders({ openAtMost: 1, quiet: 60_000 })
    const all = openMany(4)
    const [first, second] = all as [Heard, Heard]
    for (const { writer } of [first, second]) writeSync(writer, 'x')
    await until('both have heard', () => first.text.length + second.text.length === 2)
    expect(parked()).toBe(2)
    expect([first.reader.fd, second.reader.fd]).not.toContain(null)
  })

  test('who rests keeps the fd, and what came meanwhile', async () => {
    const { openMany, parked } = newReaders({ openAtMost: 1, quiet: 20 })
    const [resting, other] = openMany(2) as [Heard, Heard]
    resting.reader.pause()
    for (const { writer } of [resting, other]) writeSync(writer, 'x')
    await until('the other one has heard, and is parked again', () => other.text.length === 1 && parked() === 1)
    expect(resting.reader.fd).not.toBe(null)
    resting.reader.resume()
    await until('it hears', () => resting.text.length === 1)
  })

  test('are parked by themselves after a while, without a call', async () => {
    const { openMany, parked } = newReaders({ openAtMost: 1, quiet: 50 })
    openMany(3)
    await until('two are parked', () => parked() === 2)
  })

  test('a FIFO whose owner has taken all rights away is read on', async () => {
    const { openMany } = newReaders({ openAtMost: 0 })
    const [heard] = openMany(1) as [Heard]
    chmodSync(scratch.now.path('fifo0'), 0)
    writeSync(heard.writer, 'x')
    await until('it hears', () => heard.text.length === 1)
  })

  test('without an fd to be had it is read when there is one', async () => {
    const { openMany } = newReaders({ openAtMost: 0 })
    const [heard] = openMany(1) as [Heard]
    const setBack = setSoftNoFile(Math.max(...openFds().map(Number)) + 1)
    const filling: number[] = []
    try {
      for (;;) filling.push(openSync('/dev/null', 'r'))
    } catch (error) {
      expect((error as NodeJS.ErrnoException).code).toBe('EMFILE')
    }
    writeSync(heard.writer, 'x')
    expect(heard.reader.read(buffer)).toBe(0)
    for (const fd of filling) closeSync(fd)
    setBack()
    await until('it hears', () => heard.text.length === 1)
  })

  test('closing one parks nobody twice and leaves the others', async () => {
    const { openMany } = newReaders({ openAtMost: 0 })
    const all = openMany(100)
    for (const [index, { reader }] of all.entries()) if (index % 3 > 0) reader.close()
    const left = all.filter((_, index) => index % 3 === 0)
    for (const { writer } of left) writeSync(writer, 'x')
    await until('all that are left hear', () => left.every(({ text }) => text.join('') === 'x'))
  })
})
