import { once } from 'node:events'
import { closeSync, constants, existsSync, openSync, readFileSync, rmSync, statSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { describe, expect, test } from 'vitest'
import { eventually, filesOfSet, hangingFile, linesOf, temporaryDirectory } from '../logs/support.ts'
import { within } from '../os/scratch.ts'
import { ended, messageOf, open, scratch, start } from './logger-setup.ts'

describe('several processes with one file', () => {
  test('rotate it together: no line lost, torn or doubled, each file of the right size, no complaint', async () => {
    const to = join(temporaryDirectory(), 'shop.log')
    const [processes, lines, maxSize] = [3, 4_000, 20_000]
    const children = Array.from({ length: processes }, (_, index) =>
      start(
        `const [to, name, count] = process.argv.slice(2) as [string, string, string]
         const logger = createLogger({ to, maxSize: ${maxSize}, keep: 500, onTrouble: (error) => console.error(error) })
         const turn = (from: number) => {
           for (let index = from; index < from + 20; index++) logger.info(name + ' ' + String(index).padStart(6, '0'))
           if (from + 20 < Number(count)) setTimeout(turn, 1, from + 20)
         }
         turn(0)`,
        [to, `p${index}`, String(lines)],
      ),
    )
    const ends = await Promise.all(children.map(ended))
    for (const { code, out, err } of ends) expect({ code, out, err }).toEqual({ code: 0, out: '', err: '' })
    const files = filesOfSet(to)
    const all = files.flatMap((file) => linesOf(readFileSync(file)))
    for (const line of all) expect(line).toMatch(/^\S{24} \[\d+\] INFO p\d \d{6}$/)
    for (const [index, child] of children.entries()) {
      const own = all
        .filter((line) => line.includes(`[${child.pid}] INFO p${index} `))
        .map((line) => Number(line.slice(-6)))
      expect(own.toSorted((one, other) => one - other)).toEqual(Array.from({ length: lines }, (_, number) => number))
    }
    expect(all).toHaveLength(processes * lines)
    const expected = (all.length * 54) / maxSize
    expect(files.length).toBeGreaterThan(expected * 0.7)
    // Batches of the others may come between the look and the write.
    for (const file of files) expect(statSync(file).size).toBeLessThan(processes * maxSize)
  }, 60_000)

  test('who opens it while another one is in the middle of a long write ends no line for it', async () => {
    const to = join(temporaryDirectory(), 'shop.log')
    const block = Buffer.from(`${'x'.repeat(99)}\n`.repeat(80_000))
    const writer = start(
      `import { openSync, writeSync } from 'node:fs'
       const fd = openSync(process.argv[2] as string, 'a')
       const block = Buffer.from(('x'.repeat(99) + '\\n').repeat(80_000))
       for (let count = 0; count < 10; count++) writeSync(fd, block)`,
      [to],
    )
    let isWriting = true
    const end = ended(writer).finally(() => {
      isWriting = false
    })
    while (isWriting) {
      const { logger } = open({ to, maxSize: 1_000_000_000 })
      logger.info('a line')
      await logger.close()
    }
    expect(await end).toMatchObject({ code: 0 })
    const bytes = readFileSync(to)
    expect(bytes.includes('\n\n')).toBe(false)
    expect(bytes.length).toBeGreaterThan(10 * block.length)
  })

  test('a process that dies within a rotation holds up nobody', async () => {
    const { logger, to } = open({ maxSize: 1_000, keep: 9 })
    writeFileSync(to, `${'x'.repeat(990)}\n`)
    const holder = scratch.now.sh(`exec 8<${to}; flock 8; echo locked; exec sleep 1000`)
    await eventually('the lock', () => holder.output() === 'locked\n')
    logger.info('one')
    // Waits for the other to be done with it.
    expect(await logger.flush({ deadline: 100 })).toBe(false)
    process.kill(holder.pid, 'SIGKILL')
    expect(await logger.flush({ deadline: 10_000 })).toBe(true)
    expect(filesOfSet(to)).toEqual([`${to}.1`, to])
  })

  test('one that is stopped within a rotation neither, for long', async () => {
    const { logger, to, messages } = open({ maxSize: 1_000, keep: 9 })
    writeFileSync(to, `${'x'.repeat(990)}\n`)
    const holder = scratch.now.sh(`exec 8<${to}; flock 8; echo locked; exec sleep 1000`)
    await eventually('the lock', () => holder.output() === 'locked\n')
    logger.info('one')
    expect(await logger.flush({ deadline: 10_000 })).toBe(true)
    expect(filesOfSet(to)).toEqual([to])
    expect(messages().at(-1)).toBe('INFO one')
  })
})

describe('stdout and stderr', () => {
  const SAY = `const logger = createLogger({ to: process.argv[2] as string, maxSize: 100 })
    for (let index = 0; index < 3_000; index++) logger.info('line', index)`

  test.each([
    ['stdout', 'out'],
    ['-', 'out'],
    ['stderr', 'err'],
  ] as const)('%s, whole, however slowly it is read; no file is made', async (to, which) => {
    const child = start(SAY, [to])
    const result = await ended(child)
    const lines = linesOf(Buffer.from(result[which])).map(messageOf)
    expect(lines).toEqual(Array.from({ length: 3_000 }, (_, index) => `INFO line ${index}`))
    expect(result[which === 'out' ? 'err' : 'out']).toBe('')
    expect(result.code).toBe(0)
    expect(existsSync(to)).toBe(false)
  })

  test('a pipe that is read late gets everything: lines that wait keep the process', async () => {
    const go = hangingFile()
    const child = start(
      `const logger = createLogger({ to: 'stdout' })
       for (let index = 0; index < 900; index++) logger.info(String(index).padEnd(1_000, '.'))
       setImmediate(() => process.stderr.write('said'))`,
      [],
      { through: ['{ cat "$0" >/dev/null; exec cat; }', go] },
    )
    const result = ended(child)
    await within(once(child.stderr ?? child, 'data'), 'its words')
    writeFileSync(go, '')
    const { out } = await result
    expect(linesOf(Buffer.from(out))).toHaveLength(900)
  })

  test('a reader that is gone ends nothing', async () => {
    const child = start(`${SAY}\nlogger.flush().then((done) => process.stderr.write('done ' + done))`, ['stdout'])
    child.stdout?.destroy()
    const { code, err } = await ended(child)
    expect({ code, err }).toEqual({ code: 0, err: 'done true' })
  })

  test('a reader that does not read keeps neither the event loop nor process.exit()', async () => {
    for (const [end, expected] of [
      ['logger.close({ deadline: 10 }).then(leave)', 'turns; false; true'],
      ['leave()', 'turns; undefined; true'],
    ]) {
      // A pipe (what a spawn gives is a socket), and this process holds its reading end.
      const pipe = openSync(hangingFile(), constants.O_RDWR | constants.O_NONBLOCK)
      const child = start(
        `const logger = createLogger({ to: 'stdout' })
         for (let index = 0; index < 9_000; index++) logger.info('x'.repeat(1_000))
         const leave = (closed?: boolean) => {
           process.stderr.write('turns; ' + closed + '; ' + (logger.dropped > 5_000))
           process.exit(3)
         }
         setTimeout(() => { ${end} }, 50)`,
        [],
        { stdout: pipe },
      )
      closeSync(pipe)
      const { code, err } = await ended(child)
      expect({ code, err }).toEqual({ code: 3, err: expected })
    }
  })
})

describe('the end of the process', () => {
  test.each([
    ['process.exit()', 'process.exit(3)', 3],
    ['an error that nobody catches', "throw new Error('odd')", 1],
    ['nothing left to do', '', 0],
  ])('%s: the last lines are there', async (_, end, expected) => {
    const to = join(temporaryDirectory(), 'shop.log')
    const source = `const logger = createLogger({ to: process.argv[2] as string })
      logger.info('first')
      setImmediate(() => { logger.fatal('last'); ${end} })`
    const { code } = await ended(start(source, [to]))
    expect(code).toBe(expected)
    expect(linesOf(readFileSync(to)).map(messageOf)).toEqual(['INFO first', 'FATAL last'])
    const { out } = await ended(start(source, ['stdout']))
    expect(linesOf(Buffer.from(out)).map(messageOf)).toEqual(['INFO first', 'FATAL last'])
  })

  test('lines that are on their way to the disk just then are there too, once', async () => {
    const to = join(temporaryDirectory(), 'shop.log')
    // Ends in another stage of the way each time: open, look, handed on, written.
    for (let turns = 0; turns < 12; turns++) {
      const child = start(
        `const logger = createLogger({ to: process.argv[2] as string })
         logger.info('first')
         let left = Number(process.argv[3])
         const turn = () => {
           if (left-- === 0) process.exit(0)
           logger.info('turn', left)
           setImmediate(turn)
         }
         turn()`,
        [to, String(turns)],
      )
      expect((await ended(child)).code).toBe(0)
      const expected = ['INFO first', ...Array.from({ length: turns }, (_, index) => `INFO turn ${turns - index - 1}`)]
      expect(linesOf(readFileSync(to)).map(messageOf)).toEqual(expected)
      rmSync(to)
    }
  })

  test('many logs are no leak', async () => {
    const before = process.listenerCount('exit')
    const loggers = Array.from({ length: 20 }, () => open().logger)
    expect(process.listenerCount('exit')).toBeLessThanOrEqual(before + 1)
    await Promise.all(loggers.map((logger) => logger.close()))
  })
})
