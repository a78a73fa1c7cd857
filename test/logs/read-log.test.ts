import { execFileSync } from 'node:child_process'
import { appendFileSync, linkSync, readdirSync, readFileSync, readlinkSync, statSync, writeFileSync } from 'node:fs'
import { dirname, join } from 'node:path'
import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { formatLine } from '../../src/logs/layout.ts'
import { LogFile } from '../../src/logs/log-file.ts'
import type { LogLine } from '../../src/logs/log-line.ts'
import { mergeLogs } from '../../src/logs/merge-logs.ts'
import { type ReadLogOptions, readLastLines } from '../../src/logs/read-log.ts'
import { temporaryDirectory } from './support.ts'

const START = Date.UTC(2026, 0, 1)

const lineAt = (second: number, line = `line ${second}`): LogLine => ({
  at: new Date(START + second * 1000).toISOString(),
  worker: `web/${second % 3}`,
  stream: second % 2 === 0 ? 'out' : 'err',
  line,
})

async function collect<T>(source: AsyncIterable<T>): Promise<T[]> {
  const all: T[] = []
  for await (const one of source) all.push(one)
  return all
}

const read = (file: string, options?: ReadLogOptions) => collect(readLastLines(file, options))

/** Writes lines over FILE.n … FILE.1, FILE. */
function writeSet(lines: LogLine[], files: number): string {
  const path = join(temporaryDirectory(), 'web.log')
  const share = Math.ceil(lines.length / files)
  for (let index = 0; index < files; index++) {
    const number = files - 1 - index
    const part = lines.slice(index * share, (index + 1) * share)
    writeFileSync(number === 0 ? path : `${path}.${number}`, Buffer.concat(part.map(formatLine)))
  }
  return path
}

describe('readLastLines', () => {
  const lines = Array.from({ length: 1_000 }, (_, second) => lineAt(second))

  test('the last lines, in order, across rotated files', async () => {
    const path = writeSet(lines, 6)
    expect(await read(path, { lines: 3 })).toEqual(lines.slice(-3))
    expect(await read(path)).toEqual(lines.slice(-50))
    expect(await read(path, { lines: 700 })).toEqual(lines.slice(-700))
    expect(await read(path, { lines: Number.POSITIVE_INFINITY })).toEqual(lines)
    expect(await read(path, { lines: 0 })).toEqual([])
  })

  test('of some workers, of one stream, since a time, and all of it', async () => {
    const path = writeSet(lines, 6)
    const since = new Date(START + 400_000)
    const err = lines.filter((line) => line.stream === 'err')
    expect(await read(path, { lines: 90, stream: 'err' })).toEqual(err.slice(-90))
    const some = lines.filter((line) => line.worker !== 'web/1')
    expect(await read(path, { lines: 200, workers: ['web/0', 'web/2'] })).toEqual(some.slice(-200))
    expect(await read(path, { lines: 900, since })).toEqual(lines.slice(400))
    expect(await read(path, { lines: 10, since })).toEqual(lines.slice(-10))
    const one = lines.slice(400).filter((line) => line.worker === 'web/1' && line.stream === 'out')
    expect(await read(path, { lines: 1_000, since, stream: 'out', workers: ['web/1'] })).toEqual(one)
    expect(await read(path, { workers: ['db/0'] })).toEqual([])
  })

  test('whatever the lengths of the lines and the files: as if all were read', async () => {
    const lengths = fc.array(fc.oneof(fc.integer({ min: 0, max: 50 }), fc.integer({ min: 60_000, max: 140_000 })), {
      minLength: 1,
      maxLength: 30,
    })
    await fc.assert(
      fc.asyncProperty(
        lengths,
        fc.integer({ min: 1, max: 5 }),
        fc.integer({ min: 1, max: 31 }),
        async (all, files, wanted) => {
          const some = all.map((length, second) => lineAt(second, 'é'.repeat(length)))
          const path = writeSet(some, files)
          expect(await read(path, { lines: wanted })).toEqual(some.slice(-wanted))
          expect(await read(path, { lines: wanted, stream: 'out' })).toEqual(
            some.filter(({ stream }) => stream === 'out').slice(-wanted),
          )
        },
      ),
      { numRuns: 40 },
    )
  }, 30_000)

  test('no file: no lines; a file that cannot be read: an error', async () => {
    const directory = temporaryDirectory()
    expect(await read(join(directory, 'none.log'))).toEqual([])
    await expect(read(join(directory, 'x'.repeat(300)))).rejects.toMatchObject({ code: 'ENAMETOOLONG' })
  })

  test('between a rename and the next line FILE is not there; a crash left a gap in the numbers', async () => {
    const path = writeSet(lines, 4)
    execFileSync('mv', [`${path}.3`, `${path}.5`])
    execFileSync('mv', [`${path}.2`, `${path}.3`])
    execFileSync('mv', [`${path}.1`, `${path}.2`])
    execFileSync('mv', [path, `${path}.1`])
    expect(await read(path, { lines: 1_000 })).toEqual(lines)
  })

  test('a file that is met twice because it was rotated meanwhile is read once', async () => {
    const path = writeSet(lines, 1)
    linkSync(path, `${path}.1`)
    expect(await read(path, { lines: 2_000 })).toEqual(lines)
  })

  test('torn and foreign lines are handed on as they are, unless something is asked that they do not tell', async () => {
    const path = join(temporaryDirectory(), 'web.log')
    const whole = formatLine(lineAt(1))
    writeFileSync(
      path,
      Buffer.concat([formatLine(lineAt(0)), whole.subarray(0, 12), Buffer.from('\nTraceback:\n\n'), whole]),
    )
    const foreign = (line: string) => ({ at: '', worker: '', stream: 'out', line })
    expect(await read(path)).toEqual([
      lineAt(0),
      foreign('2026-01-01T0'),
      foreign('Traceback:'),
      foreign(''),
      lineAt(1),
    ])
    expect(await read(path, { stream: 'err' })).toEqual([lineAt(1)])
    expect(await read(path, { since: new Date(START) })).toEqual([lineAt(0), lineAt(1)])
  })

  test.each([1, 4, 11, 24, 40])('a last line of which only %d bytes are written is left out', async (length) => {
    const path = writeSet(lines.slice(0, 5), 1)
    appendFileSync(path, formatLine(lineAt(6)).subarray(0, length))
    expect(await read(path, { lines: 2 })).toEqual(lines.slice(3, 5))
  })

  test('ends where it is told to', async () => {
    const path = writeSet(lines, 4)
    const { dev, ino } = statSync(`${path}.1`)
    const size = 10 * formatLine(lineAt(500)).length
    expect((await read(path, { lines: 2, until: { device: dev, inode: ino, size } })).map(({ line }) => line)).toEqual([
      'line 508',
      'line 509',
    ])
  })

  test('a raw file', async () => {
    const path = join(temporaryDirectory(), 'raw.log')
    writeFileSync(`${path}.1`, 'one\n')
    writeFileSync(path, 'two\nunfinished')
    const texts = (found: LogLine[]) => found.map(({ line }) => line)
    expect(texts(await read(path))).toEqual(['one', 'two', 'unfinished'])
    expect(texts(await read(path, { lines: 2 }))).toEqual(['two', 'unfinished'])
    const raw = { worker: 'web', stream: 'err' } as const
    expect((await read(path, { lines: 1, raw }))[0]).toEqual({ at: '', ...raw, line: 'unfinished' })
    const refused = { code: 'HF_LOG_RAW', exit: 2, message: expect.stringContaining(path) }
    await expect(read(path, { stream: 'out' })).rejects.toMatchObject(refused)
    await expect(read(path, { since: new Date(0) })).rejects.toMatchObject(refused)
    await expect(read(path, { workers: ['web/0'], raw })).rejects.toMatchObject(refused)
  })

  test('a log that is no regular file has nothing to read back', async () => {
    const path = join(temporaryDirectory(), 'fifo')
    execFileSync('mkfifo', [path])
    expect(await read(path)).toEqual([])
  })

  test('the last 50 of 6 files of 10 MB come in a few milliseconds', async () => {
    const block = Buffer.concat(
      Array.from({ length: 90_000 }, (_, second) => formatLine(lineAt(second, 'x'.repeat(80)))),
    )
    const path = join(temporaryDirectory(), 'web.log')
    for (const number of [1, 2, 3, 4, 5]) writeFileSync(`${path}.${number}`, block)
    writeFileSync(path, block)
    expect(block.length).toBeGreaterThan(10_000_000)
    const times = []
    for (let round = 0; round < 10; round++) {
      const start = performance.now()
      expect((await read(path)).length).toBe(50)
      times.push(performance.now() - start)
    }
    expect(Math.min(...times)).toBeLessThan(20)
    // Leaving early closes the files.
    const opened = () =>
      readdirSync('/proc/self/fd').filter((fd) => {
        try {
          return readlinkSync(`/proc/self/fd/${fd}`).startsWith(path)
        } catch {
          return false
        }
      }).length
    for await (const _ of readLastLines(path)) {
      expect(opened()).toBe(6)
      break
    }
    expect(opened()).toBe(0)
  })

  test('reads while the writer rotates: lines in order, none twice, none left out', async () => {
    const path = join(temporaryDirectory(), 'web.log')
    const file = new LogFile({ path, maxSize: 5_000, keep: 100 })
    let written = 0
    for (let round = 0; round < 60; round++) {
      file.append(Buffer.concat(Array.from({ length: 40 }, () => formatLine(lineAt(written++)))))
      const found = (await read(path, { lines: 100 })).map(({ line }) => Number(line.slice(5)))
      const first = found[0] ?? 0
      expect(found).toEqual(found.map((_, index) => first + index))
    }
    await file.close()
  })
})

describe('what the command line loads to read logs', () => {
  test.each(['read-log.ts', 'merge-logs.ts', 'journal-file.ts'])('%s needs no koffi', (name) => {
    const seen = new Set<string>()
    const visit = (file: string): void => {
      if (seen.has(file)) return
      seen.add(file)
      for (const [, path = ''] of readFileSync(file, 'utf8').matchAll(
        /^(?:import|export) (?!type ).* from '(.+)'$/gm,
      )) {
        if (path.startsWith('.')) visit(join(dirname(file), path))
        else expect(path).toMatch(/^node:/)
      }
    }
    visit(join('src/logs', name))
    for (const file of seen) expect(file).toMatch(/^src\/(logs|errors)\//)
  })
})

describe('mergeLogs', () => {
  async function* from(...lines: LogLine[]) {
    yield* lines
  }

  test('orders by time and keeps the order within a log', async () => {
    const web = [lineAt(1), lineAt(3), lineAt(2, 'clock set back'), lineAt(7)]
    const db = [lineAt(2), lineAt(5)]
    const merged = await collect(mergeLogs([from(...web), from(...db), from()]))
    expect(merged).toEqual([web[0], db[0], web[1], web[2], db[1], web[3]])
  })

  test('only the last so many', async () => {
    const many = Array.from({ length: 1_000 }, (_, second) => lineAt(second))
    const even = many.filter((_, second) => second % 2 === 0)
    const odd = many.filter((_, second) => second % 2 === 1)
    expect(await collect(mergeLogs([from(...even), from(...odd)], { last: 7 }))).toEqual(many.slice(-7))
    expect(await collect(mergeLogs([from(...even)], { last: 0 }))).toEqual([])
  })

  test('closes its sources when it is left early, and when one fails', async () => {
    let closed = 0
    async function* watched(fails: boolean) {
      try {
        yield lineAt(1)
        if (fails) throw new Error('cannot read')
        yield lineAt(2)
      } finally {
        closed++
      }
    }
    for await (const _ of mergeLogs([watched(false), watched(false)])) break
    expect(closed).toBe(2)
    await expect(collect(mergeLogs([watched(true), watched(false)]))).rejects.toThrow('cannot read')
    expect(closed).toBe(4)
  })
})
