import { randomBytes } from 'node:crypto'
import { existsSync, readFileSync, renameSync, writeFileSync, writeSync } from 'node:fs'
import { join } from 'node:path'
import { describe, expect, test } from 'vitest'
import { followLogs } from '../../src/logs/follow-logs.ts'
import { parseLine } from '../../src/logs/layout.ts'
import type { LogLine } from '../../src/logs/log-line.ts'
import { captureSetup } from './capture-setup.ts'
import { eventually, linesOf, readSet, temporaryDirectory } from './support.ts'

describe('ServiceLog', () => {
  test('raw: the bytes as they came, binary ones too', async () => {
    const directory = temporaryDirectory()
    const out = join(directory, 'out.raw')
    const { log, openStream } = captureSetup({ stdout: { file: out } })
    const bytes = randomBytes(3_000_000)
    writeFileSync(join(directory, 'input'), bytes)
    await openStream().runToEnd('cat', join(directory, 'input'))
    await log.flush()
    expect(readFileSync(out).equals(bytes)).toBe(true)
  })

  test('raw: a line longer than maxLine stays as it is', async () => {
    const out = join(temporaryDirectory(), 'out.raw')
    const { log, openStream } = captureSetup({ stdout: { file: out }, maxLine: 1_000 })
    await openStream().runToEnd('sh', '-c', 'head -c 10000 /dev/zero | tr "\\0" x; echo; echo next')
    await log.flush()
    expect(readFileSync(out, 'utf8')).toBe(`${'x'.repeat(10_000)}\nnext\n`)
  })

  test('raw: unfinished lines of several processes do not mix', async () => {
    const out = join(temporaryDirectory(), 'out.raw')
    const { log, openStream } = captureSetup({ stdout: { file: out }, stderr: { file: out }, maxLine: 4 })
    const first = openStream('web/0', 'out')
    const second = openStream('web/1', 'err')
    await first.runToEnd('printf', 'one')
    await second.runToEnd('printf', 'two')
    await second.runToEnd('printf', 'tri')
    const fd = first.openForWriting()
    writeSync(fd, 'too lo')
    first.capture.drain()
    await second.runToEnd('printf', 'in\\n')
    writeSync(fd, 'ng\n')
    first.capture.drain()
    await log.flush()
    expect(readFileSync(out, 'utf8')).toBe('one\ntwo\ntri\ntoo \nin\nlong\n')
  })

  test('stdout to the log, stderr to a raw file, each tells what it is', async () => {
    const err = join(temporaryDirectory(), 'err.raw')
    const { log, file, openStream } = captureSetup({ stderr: { file: err } })
    expect(log.files.map(({ path, raw, streams }) => ({ path, raw, streams }))).toEqual([
      { path: file, raw: false, streams: ['out'] },
      { path: err, raw: true, streams: ['err'] },
    ])
    await openStream('web/0', 'out').runToEnd('echo', 'to the log')
    await openStream('web/0', 'err').runToEnd('echo', 'as it is')
    await log.flush()
    expect(readFileSync(file, 'utf8')).toMatch(/^\S+Z web\/0 out to the log\n$/)
    expect(readFileSync(err, 'utf8')).toBe('as it is\n')
  })

  test('a stream that is not captured cannot be opened', () => {
    const { log, openStream } = captureSetup({ stdout: 'ignore', stderr: 'inherit' })
    expect(log.files).toEqual([])
    expect(() => openStream('web/0', 'err')).toThrow('web/0: stderr is not captured')
  })

  test('tells lines of all workers, also of those opened later, until unsubscribed', () => {
    const { log, openStream } = captureSetup()
    const say = (stream: ReturnType<typeof openStream>, text: string) => {
      writeSync(stream.openForWriting(), text)
      stream.capture.drain()
    }
    const first = openStream('web/0')
    const heard: string[] = []
    const stop = log.onLine(({ worker, line }) => heard.push(`${worker} ${line}`))
    const second = openStream('web/1', 'err')
    say(first, 'a\n')
    say(second, 'b\n')
    first.capture.close()
    stop()
    say(second, 'c\n')
    expect(heard).toEqual(['web/0 a', 'web/1 b'])
  })

  test('reopens its files', async () => {
    const { log, file, openStream } = captureSetup()
    const stream = openStream()
    await stream.runToEnd('echo', 'old')
    await log.flush()
    renameSync(file, `${file}.moved`)
    log.reopen()
    await stream.runToEnd('echo', 'new')
    await log.flush()
    expect(readFileSync(file, 'utf8')).toMatch(/ new\n$/)
    expect(linesOf(readFileSync(`${file}.moved`)).length).toBe(1)
  })
})

describe('followLogs', () => {
  test('history and new lines meet without a gap or a repeat, across rotations, under a fast writer', async () => {
    const { log, file, openStream } = captureSetup({ maxSize: 50_000, keep: 200 })
    const stream = openStream()
    const writer = 'i=0; while [ $i -lt 300 ]; do seq $((i*100+1)) $((i*100+100)); i=$((i+1)); done'
    const ended = stream.runToEnd('sh', '-c', writer)
    await eventually('something is written', () => existsSync(file))
    // Several at different moments of the stream.
    const followers = await Promise.all(
      [0, 20, 50, 120].map(async (delay) => {
        await new Promise((resolve) => setTimeout(resolve, delay))
        const lines: number[] = []
        const followed = followLogs([log], { lines: 500 }, ({ line }) => lines.push(Number(line)))
        await followed.history
        return lines
      }),
    )
    await ended
    for (const lines of followers) {
      expect(lines.length).toBeGreaterThan(0)
      expect(lines.at(-1)).toBe(30_000)
      const first = lines[0] ?? 0
      expect(lines.every((line, index) => line === first + index)).toBe(true)
    }
  })

  test('several services by time, filtered, then live; nothing after close', async () => {
    const web = captureSetup()
    const db = captureSetup()
    const webOut = web.openStream('web/0', 'out')
    const webErr = web.openStream('web/0', 'err')
    const dbErr = db.openStream('db/0', 'err')
    const say = async (stream: typeof webOut, text: string) => {
      await stream.runToEnd('echo', text)
      await new Promise((resolve) => setTimeout(resolve, 3)) // times differ
    }
    await say(webErr, 'one')
    await say(dbErr, 'two')
    await say(webOut, 'not this')
    await say(webErr, 'three')
    const heard: LogLine[] = []
    const followed = followLogs([web.log, db.log], { stream: 'err' }, (line) => heard.push(line))
    await followed.history
    await say(dbErr, 'four')
    await say(webOut, 'nor this')
    followed.close()
    await say(webErr, 'too late')
    await web.log.flush()
    expect(heard.map(({ worker, line }) => `${worker} ${line}`)).toEqual([
      'web/0 one',
      'db/0 two',
      'web/0 three',
      'db/0 four',
    ])
    expect(linesOf(readSet(web.file)).map((line) => parseLine(line)?.line)).toEqual([
      'one',
      'not this',
      'three',
      'nor this',
      'too late',
    ])
  })

  test('a raw file: its lines as they are; what it cannot tell is refused, of one stream is told', async () => {
    const err = join(temporaryDirectory(), 'err.raw')
    const { log, openStream } = captureSetup({ stderr: { file: err } })
    await openStream('web/0', 'err').runToEnd('echo', 'as it is')
    const heard: LogLine[] = []
    const listener = (line: LogLine) => heard.push(line)
    await followLogs([log], { stream: 'err' }, listener).history
    expect(heard).toEqual([{ at: '', worker: '', stream: 'err', line: 'as it is' }])
    await expect(followLogs([log], { workers: ['web/0'] }, listener).history).rejects.toMatchObject({
      code: 'HF_LOG_RAW',
    })
  })
})
