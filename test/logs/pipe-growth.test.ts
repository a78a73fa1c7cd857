import { closeSync } from 'node:fs'
import { join } from 'node:path'
import { describe, expect, onTestFinished, test } from 'vitest'
import { PipeGrowth } from '../../src/logs/pipe-growth.ts'
import { makeFifo, openFifo, setPipeSize } from '../../src/os/fifo.ts'
import { temporaryDirectory } from './support.ts'

const KIB = 1024
const MIB = 1024 * KIB

function openPipes(count: number): number[] {
  const directory = temporaryDirectory()
  return Array.from({ length: count }, (_, index) => {
    const path = join(directory, `fifo${index}`)
    makeFifo(path, { mode: 0o600, uid: null, gid: null })
    const fd = openFifo(path)
    onTestFinished(() => closeSync(fd))
    return fd
  })
}

/** Asking for more than a user may have changes nothing and tells the size. */
const sizeOf = (fd: number) => setPipeSize(fd, 2 ** 31)

describe('PipeGrowth', () => {
  test('grows the pipe of a stream that is hot, and of no other', () => {
    const [hot = -1, steady = -1, quiet = -1] = openPipes(3)
    const growth = new PipeGrowth()
    growth.noteRead(hot, 64 * KIB, 0)
    for (let read = 0; read < 8; read++) growth.noteRead(steady, 5_000, read)
    for (let read = 0; read < 100; read++) growth.noteRead(quiet, read % 7 === 0 ? 100 : 5_000, read)
    expect([hot, steady, quiet].map(sizeOf)).toEqual([MIB, MIB, 64 * KIB])
    expect([hot, steady, quiet].map((fd) => growth.sizeOf(fd))).toEqual([MIB, MIB, 64 * KIB])
  })

  test('no more than the sum allows; a stream that went quiet makes room', () => {
    const [first = -1, second = -1, third = -1] = openPipes(3)
    const growth = new PipeGrowth({ inTotal: 2 * MIB })
    for (const fd of [first, second, third]) growth.noteRead(fd, 64 * KIB, 0)
    expect([first, second, third].map(sizeOf)).toEqual([MIB, MIB, 64 * KIB])
    growth.noteRead(second, 64 * KIB, 9_000)
    growth.noteRead(third, 64 * KIB, 9_500)
    expect(sizeOf(third)).toBe(64 * KIB)
    growth.noteRead(third, 64 * KIB, 10_500)
    expect([first, second, third].map(sizeOf)).toEqual([64 * KIB, MIB, MIB])
  })

  test('a stream that is closed gives its share back', () => {
    const [first = -1, second = -1] = openPipes(2)
    const growth = new PipeGrowth({ inTotal: MIB })
    growth.noteRead(first, 64 * KIB, 0)
    growth.forget(first)
    growth.noteRead(second, 64 * KIB, 1)
    expect([first, second].map(sizeOf)).toEqual([64 * KIB, MIB])
  })
})
