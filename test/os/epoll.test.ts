import { closeSync, openSync, writeSync } from 'node:fs'
import { describe, expect, test } from 'vitest'
import { EpollLoop } from '../../src/os/epoll.ts'
import { makeFifo, openFifo, readAvailable } from '../../src/os/fifo.ts'
import { socketPair } from '../../src/os/socket-pair.ts'
import { openFds, until, useScratch } from './scratch.ts'

const scratch = useScratch()
const buffer = Buffer.alloc(65_536)

function newLoop(): EpollLoop {
  const loop = new EpollLoop()
  scratch.now.atEnd(() => loop.close())
  return loop
}

function newFifo(name: string): number {
  makeFifo(scratch.now.path(name), { mode: 0o600, uid: null, gid: null })
  return scratch.now.closing(openFifo(scratch.now.path(name)))
}

/** Turns of the event loop, so that what would come has come. */
async function turns(count: number): Promise<void> {
  for (let turn = 0; turn < count; turn++) await new Promise((resolve) => setImmediate(resolve))
}

describe('callbacks', () => {
  test('come on the event loop as long as something is there (level-triggered)', async () => {
    const loop = newLoop()
    const fifo = newFifo('a')
    let calls = 0
    loop.add(fifo, () => {
      calls++
      if (calls === 3) readAvailable(fifo, buffer)
    })
    writeSync(fifo, 'x')
    await until('three calls', () => calls === 3)
    await turns(10)
    expect(calls).toBe(3)
  })

  test('may await: promises and next ticks run in the same turn', async () => {
    const loop = newLoop()
    const fifo = newFifo('a')
    const log: string[] = []
    loop.add(fifo, () => {
      readAvailable(fifo, buffer)
      process.nextTick(() => log.push('tick'))
      void Promise.resolve().then(() => log.push('promise'))
      setImmediate(() => log.push('immediate'))
    })
    writeSync(fifo, 'x')
    await until('all three', () => log.length === 3)
    expect(log).toEqual(['tick', 'promise', 'immediate'])
  })

  test('come for the end of the other side', async () => {
    const loop = newLoop()
    const [ours, theirs] = socketPair()
    scratch.now.closing(ours)
    let bytes = -1
    loop.add(ours, () => {
      bytes = readAvailable(ours, buffer)
      loop.remove(ours)
    })
    closeSync(theirs)
    await until('end', () => bytes === 0)
  })

  test('do not come when nothing is there: an O_RDWR FIFO whose writers are gone is silent', async () => {
    const loop = newLoop()
    const fifo = newFifo('a')
    let calls = 0
    loop.add(fifo, () => {
      calls++
      readAvailable(fifo, buffer)
    })
    const writer = openSync(scratch.now.path('a'), 'w')
    writeSync(writer, 'x')
    closeSync(writer)
    await until('first', () => calls === 1)
    await turns(20)
    expect(calls).toBe(1)
  })
})

describe('pause and resume', () => {
  test('leave bytes in the pipe', async () => {
    const loop = newLoop()
    const fifo = newFifo('a')
    let got = ''
    loop.add(fifo, () => {
      got += buffer.toString('utf8', 0, readAvailable(fifo, buffer))
    })
    loop.pause(fifo)
    loop.pause(fifo)
    writeSync(fifo, 'hello')
    await turns(10)
    expect(got).toBe('')
    loop.resume(fifo)
    loop.resume(fifo)
    await until('hello', () => got === 'hello')
  })

  test('stay silent when the other side closes meanwhile', async () => {
    const loop = newLoop()
    const [ours, theirs] = socketPair()
    scratch.now.closing(ours)
    let calls = 0
    loop.add(ours, () => {
      calls++
      loop.remove(ours)
    })
    loop.pause(ours)
    closeSync(theirs)
    await turns(10)
    expect(calls).toBe(0)
    loop.resume(ours)
    await until('the end', () => calls === 1)
  })

  test('within a callback hold for the same pass', () => {
    const loop = newLoop()
    const [a, b] = [newFifo('a'), newFifo('b')]
    const calls: number[] = []
    for (const [fd, other] of [
      [a, b],
      [b, a],
    ] as const) {
      loop.add(fd, () => {
        calls.push(fd)
        loop.pause(other)
      })
    }
    writeSync(a, 'x')
    writeSync(b, 'x')
    loop.drainNow()
    expect(calls).toHaveLength(1)
  })
})

describe('drainNow', () => {
  test('runs one pass at once', () => {
    const loop = newLoop()
    const fifos = ['a', 'b', 'c'].map(newFifo)
    const calls: number[] = []
    for (const fifo of fifos) loop.add(fifo, () => calls.push(fifo))
    for (const fifo of fifos) writeSync(fifo, 'x')
    loop.drainNow()
    expect(calls.sort()).toEqual(fifos.sort())
    loop.drainNow()
    expect(calls).toHaveLength(6)
  })

  test('may be called within a callback', () => {
    const loop = newLoop()
    const [a, b] = [newFifo('a'), newFifo('b')]
    const got: string[] = []
    for (const [name, fifo] of [
      ['a', a],
      ['b', b],
    ] as const) {
      loop.add(fifo, () => {
        if (readAvailable(fifo, buffer) > 0) got.push(name)
        loop.drainNow()
      })
    }
    writeSync(a, 'x')
    writeSync(b, 'x')
    loop.drainNow()
    expect(got.sort()).toEqual(['a', 'b'])
  })

  test('reaches all of more fds than fit in one pass', async () => {
    const loop = newLoop()
    const fifo = newFifo('a')
    const seen = new Set<number>()
    for (let index = 0; index < 600; index++) {
      const fd = scratch.now.closing(openFifo(scratch.now.path('a')))
      loop.add(fd, () => {
        seen.add(fd)
        loop.remove(fd)
      })
    }
    writeSync(fifo, 'x')
    await until('all 600', () => seen.size === 600)
  })
})

describe('remove', () => {
  test('holds for the same pass, also when the number is used again', () => {
    const loop = newLoop()
    const [a, b] = [newFifo('a'), newFifo('b')]
    makeFifo(scratch.now.path('c'), { mode: 0o600, uid: null, gid: null })
    const calls: string[] = []
    const replace = (own: string, other: number) => () => {
      calls.push(own)
      loop.remove(other)
      closeSync(other)
      const again = scratch.now.closing(openFifo(scratch.now.path('c')))
      expect(again).toBe(other)
      loop.add(again, () => calls.push('newcomer'))
    }
    loop.add(a, replace('a', b))
    loop.add(b, replace('b', a))
    writeSync(a, 'x')
    writeSync(b, 'x')
    loop.drainNow()
    expect(calls).toHaveLength(1)
  })

  test('of what is not there is nothing, and an fd may be added again', () => {
    const loop = newLoop()
    const fifo = newFifo('a')
    loop.remove(fifo)
    loop.add(fifo, () => {})
    expect(() => loop.add(fifo, () => {})).toThrow('already')
    loop.remove(fifo)
    loop.add(fifo, () => {})
  })
})

test('close gives the fd back and is final', async () => {
  const before = openFds().length
  const loop = new EpollLoop()
  const fifo = newFifo('a')
  let calls = 0
  loop.add(fifo, () => calls++)
  writeSync(fifo, 'x')
  loop.close()
  loop.close()
  loop.drainNow()
  await turns(10)
  expect(calls).toBe(0)
  expect(openFds().length).toBe(before + 1)
})

test('an exception in one callback does not stop the others, and comes out as uncaught', async () => {
  const result = await scratch.now.program(`
    import { EpollLoop } from 'src/os/epoll.ts'
    import { socketPair } from 'src/os/socket-pair.ts'
    import { writeSync } from 'node:fs'
    const errors = []
    process.on('uncaughtException', (error) => errors.push(error.message))
    const loop = new EpollLoop()
    const pairs = [socketPair(), socketPair(), socketPair()]
    let calls = 0
    for (const [index, [ours, theirs]] of pairs.entries()) {
      loop.add(ours, () => { calls++; loop.remove(ours); throw new Error('boom ' + index) })
      writeSync(theirs, 'x')
    }
    setTimeout(() => { loop.close(); console.log(JSON.stringify({ calls, errors: errors.sort() })) }, 100)
  `)
  expect(result).toEqual({ calls: 3, errors: ['boom 0', 'boom 1', 'boom 2'] })
})

test('survives garbage collection, and does not keep the process when unreferenced', async () => {
  const source = `
    import { EpollLoop } from 'src/os/epoll.ts'
    import { socketPair } from 'src/os/socket-pair.ts'
    import { readAvailable } from 'src/os/fifo.ts'
    import { writeSync } from 'node:fs'
    const [ours, theirs] = socketPair()
    let calls = 0
    const late = setTimeout(() => console.log(calls), 5000)
    function round() {
      if (calls === 5) {
        console.log(calls)
        return clearTimeout(late)
      }
      global.gc()
      writeSync(theirs, 'x')
    }
    function start() {
      const loop = new EpollLoop()
      loop.add(ours, () => { calls++; readAvailable(ours, Buffer.alloc(10)); setTimeout(round, 5) })
      loop.unref()
    }
    start()
    setTimeout(round, 5)
  `
  expect(await scratch.now.program(source, { flags: ['--expose-gc'] })).toBe(5)
})
