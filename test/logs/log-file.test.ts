import { execFileSync, spawn } from 'node:child_process'
import {
  existsSync,
  mkdirSync,
  readFileSync,
  renameSync,
  rmdirSync,
  rmSync,
  statSync,
  truncateSync,
  writeFileSync,
} from 'node:fs'
import { stat } from 'node:fs/promises'
import { join } from 'node:path'
import { describe, expect, test } from 'vitest'
import { LogFile, type LogFileOptions } from '../../src/logs/log-file.ts'
import { setSoftNoFile } from '../../src/os/limits.ts'
import {
  eventually,
  filesOfSet,
  hangingFile,
  linesOf,
  readSet,
  smallFileSystem,
  temporaryDirectory,
} from './support.ts'

const numbered = (from: number, to: number, width = 20) =>
  Array.from({ length: to - from }, (_, index) => `line ${from + index} `.padEnd(width, '.'))

const asBuffer = (lines: string[]) => Buffer.from(lines.map((line) => `${line}\n`).join(''))

const logFile = (options: Partial<LogFileOptions> = {}) => {
  const path = options.path ?? join(temporaryDirectory(), 'web.log')
  const troubles: string[] = []
  const recovered: number[] = []
  const file = new LogFile({
    ...options,
    path,
    onTrouble: (error) => troubles.push('code' in error ? String(error.code) : error.message),
    onRecovered: ({ milliseconds }) => recovered.push(milliseconds),
  })
  return { path, file, troubles, recovered }
}

describe('LogFile', () => {
  test('opens at the first line, appends to what is there, makes the directory', async () => {
    const { path, file } = logFile({ path: join(temporaryDirectory(), 'not/yet/web.log') })
    await file.flush()
    expect(existsSync(path)).toBe(false)
    file.append(asBuffer(['one']))
    file.append([asBuffer(['two']), asBuffer(['three'])])
    expect(await file.close()).toBe(true)
    const again = new LogFile({ path })
    again.append(asBuffer(['four']))
    await again.close()
    expect(readFileSync(path, 'utf8')).toBe('one\ntwo\nthree\nfour\n')
    expect(statSync(path).mode & 0o777).toBe(0o640 & ~process.umask())
  })

  test('rotates at the end of a line, before the file would be too large', async () => {
    const { path, file } = logFile({ maxSize: 10_000, keep: 100 })
    const lines = numbered(0, 5_000)
    // Appended in few large buffers: the file is cut within them.
    for (let from = 0; from < lines.length; from += 1_111) file.append(asBuffer(lines.slice(from, from + 1_111)))
    await file.close()
    const files = filesOfSet(path)
    expect(files.length).toBe(Math.ceil(lines.length / Math.floor(10_000 / 21)))
    for (const name of files) {
      expect(statSync(name).size).toBeLessThanOrEqual(10_000)
      linesOf(readFileSync(name))
    }
    expect(linesOf(readSet(path))).toEqual(lines)
  })

  test('keeps so many rotated files and drops the oldest', async () => {
    const { path, file } = logFile({ maxSize: 210, keep: 3 })
    file.append(asBuffer(numbered(0, 100)))
    await file.close()
    expect(filesOfSet(path)).toEqual([`${path}.3`, `${path}.2`, `${path}.1`, path])
    expect(linesOf(readSet(path))).toEqual(numbered(60, 100))
  })

  test('a line longer than the file may be gets a file of its own', async () => {
    const { path, file } = logFile({ maxSize: 100, keep: 9 })
    const lines = ['short', 'x'.repeat(500), 'y'.repeat(99), 'end']
    file.append(asBuffer(lines))
    await file.close()
    expect(filesOfSet(path).map((name) => statSync(name).size)).toEqual([6, 501, 100, 4])
    expect(linesOf(readSet(path))).toEqual(lines)
  })

  test('closes a gap in the numbers before it drops anything', async () => {
    const { path, file } = logFile({ maxSize: 210, keep: 3 })
    writeFileSync(`${path}.1`, 'one\n')
    writeFileSync(`${path}.3`, 'three\n')
    file.append(asBuffer(numbered(0, 15)))
    await file.close()
    expect(readFileSync(`${path}.3`, 'utf8')).toBe('three\n')
    expect(readFileSync(`${path}.2`, 'utf8')).toBe('one\n')
  })

  test('ends the torn line of a writer that died', async () => {
    const { path, file } = logFile()
    writeFileSync(path, 'whole\ntor')
    file.append(asBuffer(['new']))
    await file.close()
    expect(readFileSync(path, 'utf8')).toBe('whole\ntor\nnew\n')
  })

  test('reopens a file that was moved away, and goes on in a file moved away without it', async () => {
    const { path, file } = logFile()
    file.append(asBuffer(['one']))
    await file.flush()
    renameSync(path, `${path}.old`)
    file.append(asBuffer(['two']))
    await file.flush()
    file.reopen()
    file.append(asBuffer(['three']))
    await file.close()
    expect(readFileSync(`${path}.old`, 'utf8')).toBe('one\ntwo\n')
    expect(readFileSync(path, 'utf8')).toBe('three\n')
  })

  test('does not rotate a file that somebody has moved or truncated meanwhile', async () => {
    const { path, file } = logFile({ maxSize: 210 })
    file.append(asBuffer(numbered(0, 10)))
    await file.flush()
    truncateSync(path)
    file.append(asBuffer(numbered(10, 15)))
    await file.flush()
    expect(filesOfSet(path)).toEqual([path])
    renameSync(path, `${path}.moved`)
    file.append(asBuffer(numbered(15, 30)))
    await file.close()
    expect(linesOf(readFileSync(`${path}.moved`))).toEqual(numbered(10, 20))
    expect(linesOf(readFileSync(path))).toEqual(numbered(20, 30))
  })

  test('waits out a moment without file descriptors', async () => {
    const { path, file, troubles } = logFile()
    const setBack = setSoftNoFile(3)
    setTimeout(setBack, 50)
    file.append(asBuffer(['one']))
    await file.close()
    expect(readFileSync(path, 'utf8')).toBe('one\n')
    expect(troubles).toEqual([])
  })

  test('says where the last line stands, also when more was written after it', async () => {
    const { path, file } = logFile({ maxSize: 1_000, keep: 50 })
    const ends = []
    for (let from = 0; from < 300; from += 7) {
      file.append(asBuffer(numbered(from, from + 7)))
      ends.push({ lines: from + 7, end: file.written() })
    }
    for (const { lines, end } of ends) {
      const position = await end
      const files = filesOfSet(path)
      const index = files.findIndex((name) => statSync(name).ino === position?.inode)
      const bytes = Buffer.concat([
        ...files.slice(0, index).map((name) => readFileSync(name)),
        readFileSync(files[index] ?? '').subarray(0, position?.size),
      ])
      expect(linesOf(bytes).length).toBe(lines)
    }
    await file.close()
  })

  test('takes nothing after close', async () => {
    const { file } = logFile()
    await file.close()
    expect(() => file.append(asBuffer(['late']))).toThrow('is closed')
    expect(await file.close()).toBe(true)
  })
})

describe('LogFile in trouble', () => {
  test('a full device: told once, lines kept, full after 1 MiB, close gives up at its deadline', async () => {
    const { file, troubles } = logFile({ path: '/dev/full' })
    const block = asBuffer(numbered(0, 5_000))
    for (let count = 0; count < 5; count++) file.append(block)
    expect(file.full).toBe(false)
    for (let count = 0; count < 6; count++) file.append(block)
    expect(file.full).toBe(true)
    let drained = false
    file.onDrain(() => {
      drained = true
    })
    await eventually('trouble', () => file.trouble !== null)
    await new Promise((resolve) => setTimeout(resolve, 400)) // some more tries
    expect(troubles).toEqual(['ENOSPC'])
    expect(drained).toBe(false)
    expect(await file.close({ deadline: 20 })).toBe(false)
    expect(file.queuedBytes).toBe(0)
  })

  test('when it works again a line says how long it did not, and nothing is lost', async () => {
    const recoveryLine = () => Buffer.from('works again\n')
    const { path, file, troubles, recovered } = logFile({ recoveryLine })
    mkdirSync(path)
    file.append(asBuffer(numbered(0, 10)))
    await eventually('trouble', () => file.trouble !== null)
    rmdirSync(path)
    expect(await file.flush()).toBe(true)
    await file.close()
    expect(troubles).toEqual(['EISDIR'])
    expect(recovered.length).toBe(1)
    expect(recovered[0]).toBeGreaterThan(0)
    expect(linesOf(readFileSync(path))).toEqual([...numbered(0, 10), 'works again'])
  })

  test('reopen tries again at once', async () => {
    const { path, file } = logFile()
    mkdirSync(path)
    file.append(asBuffer(['one']))
    await eventually('third try', () => file.trouble !== null)
    await new Promise((resolve) => setTimeout(resolve, 750)) // the next try is some time away now
    rmdirSync(path)
    const start = performance.now()
    file.reopen()
    await file.flush()
    expect(performance.now() - start).toBeLessThan(500)
    await file.close()
  })

  test('a rotation that fails: told, and it goes on in the same file', async () => {
    const { path, file, troubles } = logFile({ maxSize: 210, keep: 1 })
    mkdirSync(`${path}.1`)
    file.append(asBuffer(numbered(0, 100)))
    await file.close()
    expect(troubles).toEqual(['EISDIR'])
    expect(linesOf(readFileSync(path))).toEqual(numbered(0, 100))
  })

  // Lines are written in part here, up to the last byte that fits.
  test('a full file system: the torn line is completed when there is room, nothing lost or doubled', async (context) => {
    const directory = smallFileSystem(context, '2m')
    const filler = join(directory, 'filler')
    writeFileSync(filler, Buffer.alloc(1_500_000))
    const { path, file, troubles } = logFile({ path: join(directory, 'web.log') })
    const lines = numbered(0, 40_000)
    file.append(asBuffer(lines))
    await eventually('full', () => troubles.length > 0)
    expect(troubles).toEqual(['ENOSPC'])
    expect(statSync(path).size).toBeGreaterThan(100_000)
    rmSync(filler)
    expect(await file.close()).toBe(true)
    expect(linesOf(readFileSync(path))).toEqual(lines)
  })

  test('a full file system, and the log itself is deleted to make room: the torn line is written again, whole', async (context) => {
    const directory = smallFileSystem(context, '2m')
    writeFileSync(join(directory, 'filler'), Buffer.alloc(1_000_000))
    const { path, file } = logFile({ path: join(directory, 'web.log') })
    const lines = numbered(0, 60_000)
    file.append(asBuffer(lines))
    await eventually('full', () => file.trouble !== null)
    const before = readFileSync(path)
    rmSync(path)
    expect(await file.close()).toBe(true)
    const whole = linesOf(before.subarray(0, before.lastIndexOf(10) + 1))
    expect([...whole, ...linesOf(readFileSync(path))]).toEqual(lines)
  })
})

describe('LogFile on a disk that hangs', () => {
  test('keeps the lines, says how long it has been stuck, and holds up neither other devices nor other file work', async () => {
    const directory = temporaryDirectory()
    const hanging = Array.from({ length: 6 }, () => logFile({ path: hangingFile() }))
    const block = asBuffer(numbered(0, 5_000))
    for (const { file } of hanging) for (let count = 0; count < 12; count++) file.append(block)
    await eventually('stuck', () => hanging.every(({ file }) => file.stalled() > 50))
    for (const { file } of hanging) expect(file.full).toBe(true)
    // 4 threads: 2 are stuck at most, so this is answered.
    expect((await stat(directory)).isDirectory()).toBe(true)
    const elsewhere = logFile({ path: `/dev/shm/holdfast-logs-${process.pid}.log` })
    try {
      elsewhere.file.append(asBuffer(['fine']))
      expect(await elsewhere.file.close()).toBe(true)
    } finally {
      execFileSync('rm', ['-f', elsewhere.path])
    }
    const start = performance.now()
    expect(await hanging[0]?.file.flush({ deadline: 30 })).toBe(false)
    expect(performance.now() - start).toBeLessThan(500)
    // The disk answers again: a reader for all.
    const readers = hanging.map(({ path }) => readAll(path, 12 * block.length))
    for (const { file } of hanging) expect(await file.close({ deadline: 10_000 })).toBe(true)
    for (const read of readers)
      expect((await read).equals(Buffer.concat(Array.from({ length: 12 }, () => block)))).toBe(true)
  })

  test('close gives up at its deadline', async () => {
    const { path, file } = logFile({ path: hangingFile() })
    const block = asBuffer(numbered(0, 5_000))
    file.append(block)
    await eventually('stuck', () => file.stalled() > 20)
    const start = performance.now()
    expect(await file.close({ deadline: 50 })).toBe(false)
    expect(performance.now() - start).toBeLessThan(500)
    expect(file.queuedBytes).toBe(0)
    expect((await readAll(path, block.length)).equals(block)).toBe(true)
  })
})

async function readAll(path: string, bytes: number): Promise<Buffer> {
  const reader = spawn('head', ['-c', String(bytes), path], { stdio: ['ignore', 'pipe', 'inherit'] })
  const chunks: Buffer[] = []
  for await (const chunk of reader.stdout) chunks.push(chunk)
  return Buffer.concat(chunks)
}
