import { writeSync } from 'node:fs'
import { describe, expect, test } from 'vitest'
import { parseLine } from '../../src/logs/layout.ts'
import type { LogLine } from '../../src/logs/log-line.ts'
import { captureSetup } from './capture-setup.ts'
import { eventually, expectToTurn, filesOfSet, linesOf, readSet, watchEventLoop } from './support.ts'

const parsed = (file: string): LogLine[] =>
  linesOf(readSet(file)).map((text) => {
    const line = parseLine(text)
    if (line === null) throw new Error(`torn: ${text}`)
    return line
  })

const numbers = (count: number) => Array.from({ length: count }, (_, index) => String(index + 1))

describe('StreamCapture', () => {
  test('a fast writer: every line once, whole and in order, across rotations', async () => {
    const { log, file, openStream } = captureSetup({ maxSize: 3_000_000, keep: 100 })
    const stream = openStream()
    // seq writes 4 KiB at a time, so nearly every read ends within a line.
    await stream.runToEnd('seq', '500000')
    expect(await log.flush()).toBe(true)
    expect(filesOfSet(file).length).toBeGreaterThan(6)
    const lines = parsed(file)
    expect(lines.length).toBe(500_000)
    expect(
      lines.every(
        ({ line, worker, stream: name }, index) => line === String(index + 1) && worker === 'web/0' && name === 'out',
      ),
    ).toBe(true)
  })

  test('two workers and both streams at once: no two lines mix', async () => {
    const { log, file, openStream } = captureSetup()
    const sources = [
      openStream('web/0', 'out'),
      openStream('web/0', 'err'),
      openStream('web/1', 'out'),
      openStream('web/1', 'err'),
    ]
    await Promise.all(sources.map((stream) => stream.runToEnd('seq', '60000')))
    await log.flush()
    const lines = parsed(file)
    for (const { capture } of sources) {
      const own = lines.filter((line) => line.worker === capture.worker && line.stream === capture.stream)
      expect(own.map(({ line }) => line)).toEqual(numbers(60_000))
    }
    expect(lines.length).toBe(240_000)
  })

  test('waits for the end of a line; the end of the process ends it', async () => {
    const { log, file, openStream } = captureSetup()
    const stream = openStream()
    const fd = stream.openForWriting()
    const heard: string[] = []
    stream.capture.onLine(({ line }) => heard.push(line))
    writeSync(fd, 'one\ntw')
    await eventually('the first line', () => heard.length === 1)
    writeSync(fd, 'o\nlast wor')
    await eventually('the second line', () => heard.length === 2)
    writeSync(fd, 'ds')
    stream.capture.endOfProcess()
    expect(heard).toEqual(['one', 'two', 'last words'])
    await log.flush()
    expect(parsed(file).map(({ line }) => line)).toEqual(heard)
  })

  test('a line of 100 MB: split and marked, memory bounded, the event loop turns', async () => {
    const { log, file, openStream } = captureSetup({ maxSize: Number.POSITIVE_INFINITY })
    const stream = openStream()
    const loop = watchEventLoop()
    const before = process.memoryUsage()
    await stream.runToEnd('sh', '-c', 'head -c 100000000 /dev/zero | tr "\\0" x; echo; echo next')
    expect(await log.flush({ deadline: 20_000 })).toBe(true)
    expectToTurn(loop.stop())
    const after = process.memoryUsage()
    expect(after.external - before.external).toBeLessThan(64_000_000)
    const lines = parsed(file).map(({ line }) => line)
    expect(lines.length).toBe(Math.ceil(100_000_000 / 1_048_576) + 1)
    expect(lines.at(-1)).toBe('next')
    const pieces = lines.slice(0, -1)
    expect(pieces.every((piece, index) => piece.startsWith('… ') === index > 0)).toBe(true)
    expect(pieces.every((piece, index) => piece.endsWith(' …') === index < pieces.length - 1)).toBe(true)
    expect(pieces.map((piece) => piece.replaceAll(/^… | …$/g, '')).join('').length).toBe(100_000_000)
  })

  test('keeps reading in time: a single line is there at once, without a rest', async () => {
    const { openStream } = captureSetup()
    const stream = openStream()
    const fd = stream.openForWriting()
    let heard = 0
    stream.capture.onLine(() => heard++)
    for (let count = 1; count <= 20; count++) {
      const start = performance.now()
      writeSync(fd, 'x\n')
      await eventually('the line', () => heard === count, 1_000)
      expect(performance.now() - start).toBeLessThan(200)
    }
  })

  test('drain reads what is there, at once, and what comes later is still read', async () => {
    const { openStream } = captureSetup()
    const stream = openStream()
    const fd = stream.openForWriting()
    const heard: string[] = []
    stream.capture.onLine(({ line }) => heard.push(line))
    writeSync(fd, 'a\nb\n')
    expect(stream.capture.drain()).toBe(true)
    expect(heard).toEqual(['a', 'b'])
    expect(stream.capture.drain()).toBe(true)
    writeSync(fd, 'c\n')
    await eventually('the third line', () => heard.length === 3)
  })

  test('keeps the last lines if asked: at most 20, of at most 400 characters, the unfinished one too', () => {
    const { openStream } = captureSetup()
    const { capture, openForWriting } = openStream()
    const fd = openForWriting()
    const say = (text: string) => {
      writeSync(fd, text)
      capture.drain()
    }
    say('before\n')
    expect(capture.tail(5)).toEqual([])
    capture.keepTail(true)
    say(`${numbers(30).join('\n')}\n`)
    expect(capture.tail(3)).toEqual(['28', '29', '30'])
    expect(capture.tail(99)).toEqual(numbers(30).slice(10))
    expect(capture.tail(0)).toEqual([])
    say(`\r\n${'€'.repeat(401)}\nPassword: `)
    expect(capture.tail(3)).toEqual(['', `${'€'.repeat(399)}…`, 'Password: '])
    capture.keepTail(true)
    expect(capture.tail(3)).toEqual(['Password: '])
    capture.keepTail(false)
    expect(capture.tail(3)).toEqual([])
  })

  test('listeners come and go, also while they are being told', () => {
    const { openStream } = captureSetup()
    const { capture, openForWriting } = openStream()
    const fd = openForWriting()
    const heard: string[] = []
    const removeFirst = capture.onLine(({ line }) => {
      heard.push(`first ${line}`)
      removeFirst()
    })
    const removeSecond = capture.onLine(({ at, worker, stream, line }) => {
      expect(at).toMatch(/^\d{4}-.*Z$/)
      heard.push(`second ${worker} ${stream} ${line}`)
    })
    writeSync(fd, 'a\r\nb\n')
    capture.drain()
    removeSecond()
    writeSync(fd, 'c\n')
    capture.drain()
    expect(heard).toEqual(['first a', 'second web/0 out a', 'second web/0 out b'])
  })

  test('a listener that throws costs neither lines nor the other listeners theirs', async () => {
    const { log, file, openStream } = captureSetup()
    const { capture, openForWriting } = openStream()
    const fd = openForWriting()
    const heard: string[] = []
    capture.onLine(() => {
      throw new Error('bad listener')
    })
    capture.onLine(({ line }) => heard.push(line))
    writeSync(fd, 'a\nb\n')
    expect(() => capture.drain()).toThrow('bad listener')
    expect(heard).toEqual(['a', 'b'])
    await log.flush()
    expect(parsed(file).length).toBe(2)
  })

  test('the FIFO is used again by the next process', async () => {
    const { log, file, openStream } = captureSetup()
    const stream = openStream('web/0')
    await stream.runToEnd('printf', 'one\\nunfinished')
    stream.capture.setWorker('web/1')
    await stream.runToEnd('printf', 'two\\n')
    await log.flush()
    expect(parsed(file).map(({ worker, line }) => `${worker} ${line}`)).toEqual([
      'web/0 one',
      'web/0 unfinished',
      'web/1 two',
    ])
  })

  test('reads no more after close, and what it held of an unfinished line is written', async () => {
    const { log, file, openStream } = captureSetup()
    const { capture, openForWriting } = openStream()
    const fd = openForWriting()
    writeSync(fd, 'a\nb')
    capture.drain()
    capture.close()
    writeSync(fd, 'c\n')
    expect(capture.drain()).toBe(true)
    await log.flush()
    expect(parsed(file).map(({ line }) => line)).toEqual(['a', 'b'])
  })

  test('a stream that keeps saying a little is read every 5 ms, not at each line', async () => {
    const { log, openStream } = captureSetup()
    const { capture, openForWriting } = openStream()
    const fd = openForWriting()
    const times = new Set<string>()
    let heard = 0
    capture.onLine(({ at }) => {
      times.add(at)
      heard++
    })
    const end = performance.now() + 300
    let said = 0
    while (performance.now() < end) {
      writeSync(fd, 'x\n')
      said++
      await new Promise((resolve) => setImmediate(resolve))
    }
    await eventually('all heard', () => heard === said)
    expect(said).toBeGreaterThan(300)
    // Each read has a time of its own: some 60 rests of 5 ms fit in. Without them there is one in each millisecond.
    expect(times.size).toBeLessThan(130)
    await log.flush()
  })

  test('many full pipes are read in turns of 20 ms: they do not hold up the event loop', async () => {
    let runs = 0
    const sink = {
      full: false,
      choked: false,
      onDrain: () => {},
      write: () => {
        const end = performance.now() + 1
        while (performance.now() < end);
        runs++
      },
    }
    const { openStream } = captureSetup()
    const streams = Array.from({ length: 200 }, (_, index) => openStream(`web/${index}`, 'out', sink))
    for (const { openForWriting } of streams) writeSync(openForWriting(), 'x\n')
    await new Promise((resolve) => setTimeout(resolve)) // this process is the writer too: not what is measured
    const loop = watchEventLoop()
    await eventually('all read', () => runs === 200)
    expectToTurn(loop.stop())
  })
})
