import { mkdirSync, rmdirSync, rmSync, writeFileSync } from 'node:fs'
import { dirname, join } from 'node:path'
import { describe, expect, test } from 'vitest'
import { directorySlot, withDiskSlot } from '../../src/logs/disk-slots.ts'
import {
  eventually,
  expectToTurn,
  hangingFile,
  smallFileSystem,
  temporaryDirectory,
  watchEventLoop,
} from '../logs/support.ts'
import { ended, open, start } from './logger-setup.ts'

describe('a disk that does not take it', () => {
  test('full: nothing throws, what waits is bounded and counted; it all comes when there is room', async (context) => {
    const directory = smallFileSystem(context, '64k')
    const { logger, to, troubles, messages } = open({ to: join(directory, 'shop.log') })
    const ballast = join(directory, 'ballast')
    logger.info('first')
    await logger.flush()
    writeFileSync(ballast, Buffer.alloc(56 * 1024))
    for (let index = 0; index < 40; index++) logger.info(String(index).padEnd(1_000, '.'))
    await eventually('trouble', () => troubles.length > 0)
    expect(troubles).toEqual(['ENOSPC'])
    expect(await logger.flush({ deadline: 20 })).toBe(false)
    rmSync(ballast)
    expect(await logger.flush({ deadline: 10_000 })).toBe(true)
    const lines = messages()
    expect(lines.filter((line) => /^INFO \d/.test(line)).map((line) => Number.parseInt(line.slice(5), 10))).toEqual(
      Array.from({ length: 40 }, (_, index) => index),
    )
    expect(lines.filter((line) => line.startsWith('WARN'))).toEqual([
      expect.stringMatching(/^WARN for \d+\.\d s this log could not be written: ENOSPC/),
    ])
    expect(to).toContain(directory)
  })

  test('a directory in the way: lines wait, and are written when it is gone', async () => {
    const to = join(temporaryDirectory(), 'shop.log')
    mkdirSync(to)
    const { logger, troubles, messages } = open({ to })
    expect(logger.info('one')).toBe(true)
    await eventually('trouble', () => troubles.length > 0)
    expect(troubles).toEqual(['EISDIR'])
    rmdirSync(to)
    logger.reopen()
    expect(await logger.flush({ deadline: 10_000 })).toBe(true)
    expect(messages().at(-1)).toBe('INFO one')
  })

  test('hanging: the event loop turns on, what is too much is dropped and counted where it is missing', async () => {
    const to = hangingFile()
    const { logger } = open({ to })
    const loop = watchEventLoop()
    const line = 'x'.repeat(1_000)
    let taken = 0
    for (let index = 0; index < 3_000; index++) {
      if (logger.info(`${index} ${line}`)) taken++
      if (index % 100 === 0) await new Promise((resolve) => setImmediate(resolve))
    }
    expectToTurn(loop.stop())
    expect(taken).toBeGreaterThan(900)
    expect(logger.dropped).toBe(3_000 - taken)
    expect(logger.dropped).toBeGreaterThan(1_000)
    const started = performance.now()
    expect(await logger.close({ deadline: 50 })).toBe(false)
    expect(performance.now() - started).toBeLessThan(2_000)
  })

  test('flush waits for what was said before, not for what others go on saying', async () => {
    const { logger, text } = open()
    let talking = true
    const talk = (): void => {
      if (!talking) return
      for (let index = 0; index < 20; index++) logger.info('talk')
      setImmediate(talk)
    }
    talk()
    logger.info('mine')
    try {
      expect(await logger.flush({ deadline: 5_000 })).toBe(true)
      expect(text()).toContain('INFO mine\n')
    } finally {
      talking = false
    }
  })

  test('says how many lines are missing, and where', async () => {
    const { logger, messages } = open()
    // In one turn: nothing is written meanwhile.
    const line = 'x'.repeat(10_000)
    for (let index = 0; index < 200; index++) logger.info(`${index} ${line}`)
    const { dropped } = logger
    expect(dropped).toBeGreaterThan(50)
    await logger.flush()
    logger.info('after')
    await logger.flush()
    const lines = messages()
    expect(lines).toHaveLength(200 - dropped + 2)
    expect(lines.at(-2)).toBe(`WARN ${dropped} lines dropped here: they came faster than this log could be written`)
    expect(lines.at(-1)).toBe('INFO after')
    for (let index = 0; index < 200; index++) logger.info(`${index} ${line}`)
    // Also where nothing is said any more.
    await logger.close()
    expect(messages().at(-1)).toMatch(/^WARN \d+ lines dropped here/)
  })

  test('closed while it looks at the file: what comes of the look is not used', async () => {
    const { logger, to, messages } = open()
    logger.info('one')
    await logger.flush()
    // All that the disk's threads may do for this directory: the look waits for its turn.
    let release = () => {}
    const busy = new Promise<void>((resolve) => {
      release = resolve
    })
    const held = Array.from({ length: 16 }, () => withDiskSlot(directorySlot(dirname(to)), () => busy))
    logger.info('two')
    expect(await logger.close({ deadline: 0 })).toBe(false)
    release()
    await Promise.all(held)
    expect(await logger.flush()).toBe(true)
    expect(messages()).toEqual(['INFO one'])
  })

  test('trouble is said on stderr where nobody asked to be told', async () => {
    const to = join(temporaryDirectory(), 'shop.log')
    mkdirSync(to)
    const child = start(
      `const logger = createLogger({ to: process.argv[2] as string }); logger.info('x')
       setTimeout(() => logger.close({ deadline: 0 }), 200)`,
      [to],
    )
    const { code, err } = await ended(child)
    expect({ code, err }).toEqual({ code: 0, err: expect.stringMatching(`^holdfast: log ${to}: EISDIR: [^\\n]*\\n$`) })
  })
})
