import { execFileSync, spawn } from 'node:child_process'
import { once } from 'node:events'
import { closeSync, mkdtempSync, openSync, readFileSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterEach, beforeEach, expect, test } from 'vitest'
import { LineWriter, logLineText } from '../../src/cli/log-text.ts'
import { ReaderGone, writeAll } from '../../src/cli/output.ts'
import { paintFor } from '../../src/control/colours.ts'
import { openFifo } from '../../src/os/fifo.ts'

let directory: string
beforeEach(() => {
  directory = mkdtempSync(join(tmpdir(), 'holdfast-output-'))
})
afterEach(() => rmSync(directory, { recursive: true, force: true }))

test('a pipe that is full and non-blocking is waited for: nothing is lost', async () => {
  const fifo = join(directory, 'fifo')
  execFileSync('mkfifo', [fifo])
  const fd = openFifo(fifo)
  const reader = spawn('sh', ['-c', 'sleep 0.1; exec head -c 1000000 "$0" > "$1"', fifo, join(directory, 'read')])
  const text = 'ä'.repeat(500_000)
  writeAll(fd, text)
  await once(reader, 'close')
  closeSync(fd)
  expect(readFileSync(join(directory, 'read'), 'utf8')).toBe(text)
})

test('a reader that is gone is told apart from other failures', async () => {
  const fifo = join(directory, 'fifo')
  execFileSync('mkfifo', [fifo])
  const reader = spawn('sleep', ['0.05'], { stdio: [openSync(fifo, 'r+'), 'ignore', 'ignore'] })
  const fd = openSync(fifo, 'w')
  await once(reader, 'close')
  closeSync(fd)
  expect(() => writeAll(fd, 'x')).toThrow(ReaderGone)
  const full = openSync('/dev/full', 'w')
  expect(() => writeAll(full, 'x')).toThrow(expect.objectContaining({ code: 'ENOSPC' }))
  closeSync(full)
})

test('the lines of one turn are one write, and a failure of it is not lost', async () => {
  const writes: string[] = []
  let broken = false
  const writer = new LineWriter({
    isTty: false,
    columns: 80,
    rows: 24,
    write(text) {
      if (broken) throw new ReaderGone()
      writes.push(text)
    },
  })
  writer.write('a\n')
  writer.write('b\n')
  await new Promise((resolve) => setImmediate(resolve))
  expect(writes).toEqual(['a\nb\n'])
  broken = true
  writer.write('c\n')
  await expect(writer.failed).rejects.toBeInstanceOf(ReaderGone)
})

test('colours are for terminals, and not for those who do not want them', () => {
  const red = (isTty: boolean, option: boolean, environment: Record<string, string>) =>
    paintFor(isTty, option, environment)('red', 'x')
  expect(red(true, false, {})).toBe('\u001b[31mx\u001b[39m')
  expect(red(true, false, { NO_COLOR: '' })).toBe('\u001b[31mx\u001b[39m')
  expect(red(true, false, { NO_COLOR: '1' })).toBe('x')
  expect(red(true, false, { TERM: 'dumb' })).toBe('x')
  expect(red(true, true, {})).toBe('x')
  expect(red(false, false, {})).toBe('x')
})

test('a log line: as in the file for programs, short for people', () => {
  const entry = { at: '2026-01-02T03:04:05.678Z', worker: 'web/0', stream: 'err' as const, line: 'oops' }
  const plain = paintFor(false, false, {})
  expect(logLineText(entry, false, plain)).toBe('2026-01-02T03:04:05.678Z web/0 err oops\n')
  expect(logLineText(entry, true, plain)).toMatch(/^\d\d:\d\d:\d\d\.678 web\/0 ! oops\n$/)
  expect(logLineText({ ...entry, at: '', worker: '' }, true, plain)).toBe('oops\n')
})
