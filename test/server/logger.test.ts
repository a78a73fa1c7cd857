import {
  existsSync,
  mkdirSync,
  readFileSync,
  renameSync,
  rmSync,
  statSync,
  symlinkSync,
  truncateSync,
  writeFileSync,
} from 'node:fs'
import { join } from 'node:path'
import { describe, expect, test } from 'vitest'
import { createLogger, type Logger, type LoggerOptions } from '../../src/server/logger.ts'
import { rotateTogether } from '../../src/server/rotate-together.ts'
import { eventually, filesOfSet, linesOf, readSet, temporaryDirectory } from '../logs/support.ts'
import { messageOf, open } from './logger-setup.ts'

describe('levels', () => {
  const every = (logger: Logger) => [
    logger.trace('t'),
    logger.debug('d'),
    logger.info('i'),
    logger.notice('n'),
    logger.warn('w'),
    logger.error('e'),
    logger.crit('c'),
    logger.alert('a'),
    logger.emerg('m'),
    logger.fatal('f'),
  ]

  test('a line has its time, pid and level; those of syslog are mapped', async () => {
    const { logger, text, messages } = open({ level: 'trace' })
    const before = new Date().toISOString()
    expect(every(logger)).toEqual(Array(10).fill(true))
    expect(await logger.flush()).toBe(true)
    const expected = [
      'TRACE t',
      'DEBUG d',
      'INFO i',
      'INFO n',
      'WARN w',
      'ERROR e',
      'FATAL c',
      'FATAL a',
      'FATAL m',
      'FATAL f',
    ]
    expect(messages()).toEqual(expected)
    for (const line of linesOf(Buffer.from(text()))) {
      const [, at = '', pid] = /^(\S{24}) \[(\d+)\] [A-Z]+ .$/.exec(line) ?? []
      expect(Number(pid)).toBe(process.pid)
      expect(at >= before && at <= new Date().toISOString()).toBe(true)
    }
  })

  test.each<[LoggerOptions['level'] | 'default', string, string]>([
    ['default', 'debug', 'dinwecamf'],
    ['trace', 'trace', 'tdinwecamf'],
    [-1, 'trace', 'tdinwecamf'],
    [0, 'debug', 'dinwecamf'],
    ['info', 'info', 'inwecamf'],
    [1, 'info', 'inwecamf'],
    ['notice', 'info', 'inwecamf'],
    ['warn', 'warn', 'wecamf'],
    [2, 'warn', 'wecamf'],
    ['error', 'error', 'ecamf'],
    ['fatal', 'fatal', 'camf'],
    ['crit', 'fatal', 'camf'],
    [4, 'fatal', 'camf'],
  ])('%s', async (level, name, expected) => {
    const { logger, messages } = open(level === 'default' ? {} : { level: level ?? 'debug' })
    expect(logger.level).toBe(name)
    const taken = every(logger).map((is, index) => (is ? 'tdinwecamf'[index] : ''))
    expect(taken.join('')).toBe(expected)
    await logger.flush()
    expect(
      messages()
        .map((text) => text.split(' ')[1])
        .join(''),
    ).toBe(expected)
    expect(logger.isEnabled(name as 'info')).toBe(true)
    expect(logger.isEnabled('trace')).toBe(name === 'trace')
  })

  test('can be changed; an unknown one is refused and changes nothing', async () => {
    const { logger, messages } = open({ level: 'error' })
    expect(logger.info('no')).toBe(false)
    logger.level = 'INFO' as 'info'
    expect(logger.level).toBe('info')
    logger.info('yes')
    logger.level = 3
    logger.warn('no')
    const refused = (level: unknown) =>
      expect(() => {
        logger.level = level as number
      })
    refused('wran').toThrow(
      expect.objectContaining({
        code: 'HF_CONFIG_VALUE',
        message: 'unknown log level "wran"',
        hint: expect.stringContaining('Did you mean "warn"?'),
      }),
    )
    for (const level of [7, 1.5, Number.NaN, '', null, {}, 'toString']) refused(level).toThrow('unknown log level')
    expect(logger.level).toBe('error')
    expect(() => createLogger({ to: '/nowhere', level: 'loud' as 'info' })).toThrow('unknown log level "loud"')
    expect(() => logger.log('loud' as 'info', 'x')).toThrow('unknown log level "loud"')
    logger.log('emerg', 'last')
    await logger.flush()
    expect(messages()).toEqual(['INFO yes', 'FATAL last'])
  })
})

test.each<[unknown, string]>([
  [undefined, 'createLogger: expected an object, found nothing'],
  ['shop.log', 'createLogger: expected an object, found text "shop.log"'],
  [{}, 'createLogger: to: expected the path of a file'],
  [{ to: '' }, 'createLogger: to: expected the path of a file'],
  [{ to: 5 }, 'createLogger: to: expected the path of a file'],
  [{ to: '/dev/null', maxSize: Number.NaN }, 'createLogger: maxSize: expected a number of bytes'],
  [{ to: '/dev/null', maxSize: -1 }, 'createLogger: maxSize: expected a number of bytes'],
  [{ to: '/dev/null', maxSize: '1MB' }, 'createLogger: maxSize: expected a number of bytes'],
  [{ to: '/dev/null', keep: 1.5 }, 'createLogger: keep: expected a number of files'],
  [{ to: '/dev/null', mode: '640' }, 'createLogger: mode: expected permission bits'],
  [{ to: '/dev/null', onTrouble: 5 }, 'createLogger: onTrouble: expected a function'],
  [{ to: '/dev/null', lvel: 'info' }, 'createLogger: there is no option "lvel"'],
])('options that can not be: %j', (options, message) => {
  expect(() => createLogger(options as never)).toThrow(
    expect.objectContaining({ code: 'HF_CONFIG_VALUE', message: expect.stringContaining(message) }),
  )
})

describe('messages', () => {
  test('are formatted as console.log does; each line of one stands alone', async () => {
    const { logger, messages } = open()
    logger.info('%s has %d', 'shop', 3, { a: [1] })
    logger.info('größer', 'ж', '💡')
    logger.warn('one\ntwo\r\nthree\r2026-01-01T00:00:00.000Z [1] FATAL made up\n\n')
    logger.info('')
    logger.error(new TypeError('odd'))
    await logger.flush()
    const [first, second, ...rest] = messages()
    expect([first, second]).toEqual(['INFO shop has 3 { a: [ 1 ] }', 'INFO größer ж 💡'])
    expect(rest.slice(0, 5)).toEqual([
      'WARN one',
      'WARN two',
      'WARN three',
      'WARN 2026-01-01T00:00:00.000Z [1] FATAL made up',
      'INFO ',
    ])
    expect(rest[5]).toBe('ERROR TypeError: odd')
    expect(rest[6]).toMatch(/^ERROR {5}at /)
  })

  test('a value that throws when it is shown does not throw here', async () => {
    const { logger, messages } = open()
    const bad = {
      [Symbol.for('nodejs.util.inspect.custom')]() {
        throw new Error('never')
      },
    }
    expect(logger.info('see', bad)).toBe(true)
    await logger.flush()
    expect(messages()).toEqual(['INFO (a value that can not be shown: never)'])
  })

  test('children: prefixes add up, the level is the parent’s until it is their own', async () => {
    const { logger, messages } = open({ level: 'info' })
    const http = logger.child('http')
    const deep = http.child('GET')
    expect(deep.debug('no')).toBe(false)
    logger.level = 'debug'
    deep.debug('one')
    http.level = 'error'
    expect([deep.info('no'), logger.info('two'), deep.error('three')]).toEqual([false, true, true])
    await deep.flush()
    expect(messages()).toEqual(['DEBUG http: GET: one', 'INFO two', 'ERROR http: GET: three'])
    await http.close()
    expect(logger.info('after the end')).toBe(false)
    logger.reopen()
    expect(await logger.flush()).toBe(true)
    expect(messages()).toHaveLength(3)
  })
})

describe('a file', () => {
  const fill = (logger: Logger, from: number, to: number) => {
    for (let index = from; index < to; index++) logger.info(`line ${String(index).padStart(6, '0')}`)
  }
  const numbersIn = (bytes: Buffer) => linesOf(bytes).map((line) => Number(line.slice(-6)))
  const numbers = (from: number, to: number) => Array.from({ length: to - from }, (_, index) => from + index)

  test('is made with its directory at the first line, and appended to', async () => {
    const { logger, to, messages } = open({ to: join(temporaryDirectory(), 'not/yet/shop.log') })
    expect(existsSync(to)).toBe(false)
    logger.info('one')
    expect(await logger.close()).toBe(true)
    expect(statSync(to).mode & 0o777).toBe(0o640 & ~process.umask())
    const again = open({ to })
    again.logger.info('two')
    await again.logger.close()
    expect(messages()).toEqual(['INFO one', 'INFO two'])
  })

  test('rotates before it is too large, keeps so many, loses and mixes nothing', async () => {
    const { logger, to } = open({ maxSize: 10_000, keep: 50 })
    fill(logger, 0, 5_000)
    await logger.flush()
    const files = filesOfSet(to)
    const perFile = Math.floor(10_000 / Buffer.byteLength(`${readFileSync(to, 'utf8').split('\n')[0]}\n`))
    expect(files.length).toBe(Math.ceil(5_000 / perFile))
    for (const file of files) expect(statSync(file).size).toBeLessThanOrEqual(10_000)
    for (const file of files.slice(0, -1)) expect(statSync(file).size).toBeGreaterThan(9_900)
    expect(numbersIn(readSet(to))).toEqual(numbers(0, 5_000))
    const { logger: few, to: other } = open({ maxSize: 10_000, keep: 2 })
    fill(few, 0, 5_000)
    await few.close()
    expect(filesOfSet(other)).toEqual([`${other}.2`, `${other}.1`, other])
    expect(numbersIn(readSet(other)).at(-1)).toBe(4_999)
  })

  test('counts what was there before, and what others write', async () => {
    const { logger, to } = open({ maxSize: 1_000, keep: 3 })
    writeFileSync(to, `${'x'.repeat(990)}\n`)
    logger.info('one')
    await logger.flush()
    expect(statSync(`${to}.1`).size).toBe(991)
    writeFileSync(to, `${'y'.repeat(990)}\n`, { flag: 'a' })
    logger.info('two')
    await logger.flush()
    expect(linesOf(readFileSync(`${to}.1`))[1]).toMatch(/^y+$/)
    expect(linesOf(readFileSync(to)).map(messageOf)).toEqual(['INFO two'])
  })

  test('a message longer than the file may be gets a file of its own', async () => {
    const { logger, to } = open({ maxSize: 200, keep: 9 })
    logger.info('short')
    logger.info('x'.repeat(500))
    logger.info('end')
    await logger.flush()
    expect(filesOfSet(to).map((file) => messageOf(linesOf(readFileSync(file))[0] ?? '').length)).toEqual([10, 505, 8])
  })

  test('moved away: goes on in a new one that appears under the name, else makes one after a moment', async () => {
    const { logger, to, messages } = open()
    logger.info('one')
    await logger.flush()
    renameSync(to, `${to}.old`)
    logger.info('two')
    await logger.flush()
    expect(existsSync(to)).toBe(false)
    expect(linesOf(readFileSync(`${to}.old`)).map(messageOf)).toEqual(['INFO one', 'INFO two'])
    writeFileSync(to, '')
    logger.info('three')
    await logger.flush()
    expect(messages()).toEqual(['INFO three'])
    rmSync(to)
    let said = 0
    await eventually('a new file', () => {
      logger.info(`again ${said++}`)
      return existsSync(to)
    })
    await logger.flush()
    expect(messages().at(-1)).toBe(`INFO again ${said - 1}`)
  })

  test('rotated by another process: waits for the new one, since the old one is full', async () => {
    const { logger, to, messages } = open()
    logger.info('one')
    await logger.flush()
    renameSync(to, `${to}.1`)
    logger.info('two')
    expect(await logger.flush({ deadline: 100 })).toBe(false)
    writeFileSync(to, '', { flag: 'a' })
    expect(await logger.flush()).toBe(true)
    expect(messages()).toEqual(['INFO two'])
    expect(linesOf(readFileSync(`${to}.1`)).map(messageOf)).toEqual(['INFO one'])
  })

  test('reopen() makes a new one at once', async () => {
    const { logger, to, messages } = open()
    logger.reopen()
    expect(existsSync(to)).toBe(false)
    logger.info('one')
    await logger.flush()
    renameSync(to, `${to}.old`)
    logger.reopen()
    logger.info('two')
    await logger.flush()
    expect(messages()).toEqual(['INFO two'])
    truncateSync(to)
    logger.reopen()
    logger.info('three')
    await logger.flush()
    expect(messages()).toEqual(['INFO three'])
  })

  test('a symbolic link is followed; what is no regular file is not rotated', async () => {
    const { logger, to } = open({ maxSize: 100 })
    const target = join(temporaryDirectory(), 'real.log')
    symlinkSync(target, to)
    logger.info('through the link')
    await logger.flush()
    expect(readFileSync(target, 'utf8')).toContain('INFO through the link\n')
    // By a link of our own: should it be rotated after all, the link is renamed and not the machine's /dev/null.
    const link = join(temporaryDirectory(), 'null.log')
    symlinkSync('/dev/null', link)
    const { logger: nowhere, troubles } = open({ to: link, maxSize: 1 })
    nowhere.info('gone')
    nowhere.info('gone too')
    expect(await nowhere.flush()).toBe(true)
    expect(filesOfSet(link)).toEqual([link])
    expect(troubles).toEqual([])
    const device = { device: statSync(link).dev, inode: statSync(link).ino, size: 0 }
    await expect(rotateTogether(link, 5, device)).rejects.toThrow('no regular file')
    expect(filesOfSet(link)).toEqual([link])
  })

  test('a name that can not be looked at: writes on in the file that is open', async () => {
    const { logger, to, troubles } = open({ maxSize: 200 })
    logger.info('one')
    await logger.flush()
    renameSync(to, `${to}.old`)
    symlinkSync(to, to)
    logger.info('x'.repeat(300))
    expect(await logger.flush()).toBe(true)
    expect(linesOf(readFileSync(`${to}.old`))).toHaveLength(2)
    expect(troubles).toEqual([])
  })

  test('a rotation that fails is told; the file grows', async () => {
    const { logger, to, troubles } = open({ maxSize: 200, keep: 1 })
    mkdirSync(`${to}.1`)
    writeFileSync(join(`${to}.1`, 'in the way'), '')
    fill(logger, 0, 100)
    await logger.flush()
    expect(numbersIn(readFileSync(to))).toEqual(numbers(0, 100))
    expect(troubles).toHaveLength(1)
  })
})
