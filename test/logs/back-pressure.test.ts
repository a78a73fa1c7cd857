import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { readFileSync, rmSync, writeFileSync, writeSync } from 'node:fs'
import { join } from 'node:path'
import { describe, expect, test } from 'vitest'
import { captureSetup } from './capture-setup.ts'
import { eventually, expectToTurn, hangingFile, linesOf, readSet, smallFileSystem, watchEventLoop } from './support.ts'

const COUNT = 700_000

/** Bytes that a process has written so far. */
const writtenBy = (pid: number | undefined) =>
  Number(/^wchar: (\d+)$/m.exec(readFileSync(`/proc/${pid}/io`, 'utf8'))?.[1])

const withoutPrefix = (lines: string[]) => lines.map((line) => line.slice(line.indexOf(' out ') + 5))

const numbersTo = (count: number) => Array.from({ length: count }, (_, index) => String(index + 1))

describe('back-pressure', () => {
  test('a disk that hangs: the writer waits, nothing grows, the event loop turns, and all arrives in the end', async () => {
    const path = hangingFile()
    const { log, openStream } = captureSetup({ file: path })
    const stream = openStream()
    const loop = watchEventLoop()
    const before = process.memoryUsage().external
    const child = stream.run('seq', String(COUNT))
    const ended = once(child, 'exit')
    await eventually('stuck', () => log.stalled() > 200)
    const written = writtenBy(child.pid)
    await eventually('stuck for longer', () => log.stalled() > 500)
    expect(writtenBy(child.pid)).toBe(written)
    expect(written).toBeLessThan(4_000_000) // of 4,788,895
    expect(process.memoryUsage().external - before).toBeLessThan(32_000_000)
    expectToTurn(loop.stop())
    // The last words of a process are read even now.
    const heard: string[] = []
    const stop = stream.capture.onLine(({ line }) => heard.push(line))
    stream.capture.drain()
    expect(heard.length).toBeGreaterThan(0)
    stop()

    const reader = spawn('cat', [path], { stdio: ['ignore', 'pipe', 'inherit'] })
    const chunks: Buffer[] = []
    reader.stdout.on('data', (chunk: Buffer) => chunks.push(chunk))
    await ended
    stream.capture.endOfProcess()
    expect(await log.flush()).toBe(true)
    const last = Buffer.from(` out ${COUNT}\n`)
    await eventually('all read', () => chunks.at(-1)?.subarray(-last.length).equals(last) === true)
    reader.kill()
    expect(withoutPrefix(linesOf(Buffer.concat(chunks)))).toEqual(numbersTo(COUNT))
  })

  test('a full file system: the writer waits, and when there is room nothing is lost', async (context) => {
    const directory = smallFileSystem(context, '24m')
    const filler = join(directory, 'filler')
    writeFileSync(filler, Buffer.alloc(23_500_000))
    const troubles: string[] = []
    const { log, openStream } = captureSetup({
      file: join(directory, 'web.log'),
      maxSize: 5_000_000,
      keep: 20,
      onTrouble: (error) => troubles.push(error.message),
    })
    const stream = openStream()
    const loop = watchEventLoop()
    const child = stream.run('seq', '400000')
    const ended = once(child, 'exit')
    await eventually('full', () => log.trouble !== null)
    const written = await settled(() => writtenBy(child.pid))
    expect(written).toBeLessThan(2_700_000) // of 2,688,895
    expectToTurn(loop.stop())
    rmSync(filler)
    await ended
    stream.capture.endOfProcess()
    expect(await log.flush({ deadline: 10_000 })).toBe(true)
    expect(troubles.length).toBe(1)
    expect(troubles[0]).toContain('ENOSPC')
    const lines = linesOf(readSet(join(directory, 'web.log')))
    const notices = lines.filter((line) => line.includes(' holdfast err this log could not be written for '))
    expect(notices.length).toBe(1)
    expect(withoutPrefix(lines.filter((line) => !notices.includes(line)))).toEqual(numbersTo(400_000))
  })

  test('processes that end while the disk hangs: memory has an end, the rest waits in the FIFO', async () => {
    const path = hangingFile()
    const { log, openStream } = captureSetup({ file: path })
    const streams = Array.from({ length: 8 }, (_, index) => openStream(`web/${index}`))
    const fds = streams.map(({ openForWriting }) => openForWriting())
    const before = process.memoryUsage().external
    let kept = 0
    // Each round is the whole output of a process that ended.
    for (let round = 0; round < 300; round++) {
      for (const [index, { capture }] of streams.entries()) {
        if (capture.drain()) {
          writeSync(fds[index] ?? -1, 'x'.repeat(60_000).concat('\n'))
          capture.endOfProcess()
          kept++
        }
      }
      await new Promise((resolve) => setImmediate(resolve))
    }
    expect(kept * 60_000).toBeLessThan(12_000_000)
    expect(process.memoryUsage().external - before).toBeLessThan(40_000_000)
    expect(await log.close({ deadline: 10 })).toBe(false)
  })
})

/** The value once it has stayed the same for 100 ms. */
async function settled(value: () => number): Promise<number> {
  let last = value()
  let since = performance.now()
  await eventually('settled', () => {
    const now = value()
    if (now !== last) since = performance.now()
    last = now
    return performance.now() - since > 100
  })
  return last
}
