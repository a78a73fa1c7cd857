import { execFileSync, spawn } from 'node:child_process'
import { closeSync, constants, openSync, readFileSync, readSync, writeSync } from 'node:fs'
import { join } from 'node:path'
import { stripVTControlCharacters } from 'node:util'
import { describe, expect, test } from 'vitest'
import { ForegroundOutput } from '../../src/logs/foreground.ts'
import { terminalWriter } from '../../src/logs/terminal-writer.ts'
import { eventually, temporaryDirectory, watchEventLoop } from './support.ts'

const collecting = (color = false) => {
  const written: string[] = []
  const output = new ForegroundOutput({
    color,
    write: (text, done) => {
      written.push(text)
      done()
    },
  })
  return { output, written, text: () => written.join('') }
}

describe('ForegroundOutput', () => {
  test('puts the worker before each line, padded to the longest name seen, stdout and stderr told apart', async () => {
    const { output, text, written } = collecting()
    output.line('web/0', 'out', 'one')
    output.line('clock/12', 'err', 'two')
    output.line('web/0', 'out', 'three')
    output.event('web/0 ready')
    await output.flush()
    expect(text()).toBe('web/0 | one\nclock/12 ! two\nweb/0    | three\nweb/0 ready\n')
    expect(written.length).toBe(1)
  })

  test('the columns stand from the first line on when the workers are known, whatever is said first', async () => {
    const { output, text } = collecting()
    for (const worker of ['web/0', 'clock/12', `${'long'.repeat(10)}/0`]) output.expect(worker)
    output.line('web/0', 'out', 'one')
    output.line(`${'long'.repeat(10)}/0`, 'out', 'two')
    await output.flush()
    expect(text()).toBe(`web/0    | one\n${'long'.repeat(10)}/0 | two\n`)
  })

  test('trouble has a colour of its own', async () => {
    const { output, text } = collecting(true)
    output.event('usual')
    output.event('gone', 'trouble')
    await output.flush()
    expect(text()).toBe('\x1b[2musual\x1b[0m\n\x1b[33mgone\x1b[0m\n')
  })

  test('a colour per service, the same for all its workers and at the next start, another for another service', async () => {
    const colors = async (names: string[]) => {
      const { output, text } = collecting(true)
      for (const name of names) output.line(name, 'out', 'x')
      await output.flush()
      return text()
        .split('\n')
        .slice(0, -1)
        .map((line) => line.slice(0, line.indexOf('m')))
    }
    const [web, webToo, clock] = await colors(['web/0', 'web/1', 'clock/0'])
    expect(web).toBe(webToo)
    expect(web).not.toBe(clock)
    expect((await colors(['web/5']))[0]).toBe(web)
    const nine = await colors(['a/0', 'b/0', 'c/0', 'd/0', 'e/0', 'f/0', 'g/0', 'h/0', 'i/0', 'k/0'])
    expect(new Set(nine).size).toBe(10)
  })

  test('colours do not leak out of a line, and a carriage return does not hide the prefix', async () => {
    const { output, text } = collecting(true)
    output.line('web/0', 'out', '\x1b[31mred')
    output.line('web/0', 'err', '10 %\r55 %\r100 %')
    await output.flush()
    const lines = text().split('\n')
    expect(lines[0]?.endsWith('\x1b[31mred\x1b[0m')).toBe(true)
    expect(stripVTControlCharacters(lines[1] ?? '')).toBe('web/0 ! 100 %')
  })

  test('a terminal that takes nothing: at most 1 MiB waits, the rest is dropped and counted', async () => {
    const written: string[] = []
    let finish = (): void => {}
    const output = new ForegroundOutput({
      color: false,
      write: (text, done) => {
        written.push(text)
        finish = done
      },
    })
    const line = 'x'.repeat(100)
    for (let count = 0; count < 20_000; count++) output.line('web/0', 'out', line)
    const start = performance.now()
    await output.flush({ deadline: 30 })
    expect(performance.now() - start).toBeLessThan(1_000)
    expect(written.length).toBe(1)
    const flushed = output.flush({ deadline: 5_000 })
    await eventually('all written', () => {
      finish()
      return written.join('').includes('not shown')
    })
    finish()
    await flushed
    const lines = written.join('').split('\n').slice(0, -1)
    const shown = lines.filter((text) => text.endsWith(line)).length
    expect(written.join('').length).toBeLessThan(1_100_000)
    expect(shown).toBeGreaterThan(9_000)
    expect(lines.at(-1)).toContain(`${20_000 - shown} lines are not shown`)
    output.line('web/0', 'out', 'again')
    await eventually('goes on', () => written.at(-1) === 'web/0 | again\n')
  })
})

describe('terminalWriter', () => {
  const fifo = () => {
    const path = join(temporaryDirectory(), 'fifo')
    execFileSync('mkfifo', [path])
    return path
  }

  test('a pipe that nobody reads holds nothing up; what is read later is complete', async () => {
    const path = fifo()
    const fd = openSync(path, constants.O_RDWR)
    const loop = watchEventLoop()
    let done = 0
    terminalWriter(fd)('x'.repeat(300_000), () => done++)
    await new Promise((resolve) => setTimeout(resolve, 50))
    expect(done).toBe(0)
    expect(loop.stop().waited).toBeLessThan(500)
    // The flag is not set for others that share the pipe.
    expect(
      Number.parseInt(/^flags:\s*(\d+)$/m.exec(readFileSync(`/proc/self/fdinfo/${fd}`, 'utf8'))?.[1] ?? '', 8) &
        constants.O_NONBLOCK,
    ).toBe(0)
    let read = 0
    const buffer = Buffer.alloc(64 * 1024)
    const reader = openSync(path, constants.O_RDONLY | constants.O_NONBLOCK)
    await eventually('all read', () => {
      try {
        read += readSync(reader, buffer)
      } catch {}
      return read === 300_000
    })
    await eventually('done', () => done === 1)
    closeSync(reader)
    closeSync(fd)
  })

  test('a reader that is gone: swallowed', async () => {
    const path = fifo()
    const reader = spawn('head', ['-c', '10', path], { stdio: ['ignore', 'ignore', 'inherit'] })
    const fd = openSync(path, constants.O_WRONLY)
    const write = terminalWriter(fd)
    let done = 0
    for (let count = 1; count <= 5; count++) {
      write('x'.repeat(200_000), () => done++)
      await eventually('done', () => done === count)
    }
    reader.kill()
    closeSync(fd)
  })

  test('a regular file', async () => {
    const path = join(temporaryDirectory(), 'out.txt')
    const fd = openSync(path, 'w')
    writeSync(fd, 'first\n')
    let done = false
    terminalWriter(fd)('second\n', () => {
      done = true
    })
    await eventually('done', () => done)
    closeSync(fd)
    expect(readFileSync(path, 'utf8')).toBe('first\nsecond\n')
  })
})
