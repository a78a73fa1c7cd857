import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { editDistance, nearestName } from '../../src/config/did-you-mean.ts'
import { argvOf } from '../../src/config/values/command.ts'
import { formatDuration, parseDuration } from '../../src/config/values/duration.ts'
import { formatListenAddress, parseListenAddress } from '../../src/config/values/listen-address.ts'
import { formatSize, parseSize } from '../../src/config/values/size.ts'

describe('durations', () => {
  test.each([
    ['500ms', 500],
    ['10s', 10_000],
    ['5m', 300_000],
    ['2h', 7_200_000],
    ['1d', 86_400_000],
    ['1.5h', 5_400_000],
    ['.5s', 500],
    ['3', 3000],
    ['0', 0],
    [' 1s ', 1000],
  ])('%s', (text, millis) => expect(parseDuration(text)).toBe(millis))

  test.each([
    '',
    's',
    '10 s',
    '-5s',
    '1h30m',
    '10S',
    '5 minutes',
    '1e3',
    '1_000',
    '0x10',
    'NaN',
    'Infinity',
    '99999999999999999d',
  ])('not a duration: %s', (text) => expect(parseDuration(text)).toBeNull())

  test('written and read again they are the same', () => {
    fc.assert(fc.property(fc.nat(3_000_000_000), (millis) => parseDuration(formatDuration(millis)) === millis))
  })

  test('any text is a duration or not, and nothing throws', () => {
    fc.assert(
      fc.property(fc.string(), (text) => {
        const millis = parseDuration(text)
        expect(millis === null || (Number.isSafeInteger(millis) && millis >= 0)).toBe(true)
      }),
    )
  })
})

describe('sizes', () => {
  test.each([
    ['64KB', 65_536],
    ['10MB', 10_485_760],
    ['1GB', 1_073_741_824],
    ['1.5KiB', 1536],
    ['2k', 2048],
    ['4096', 4096],
    ['7B', 7],
    ['0', 0],
  ])('%s', (text, bytes) => expect(parseSize(text)).toBe(bytes))

  test.each(['', 'KB', '-1', '1XB', '1e3', '99999999TB'])('not a size: %s', (text) =>
    expect(parseSize(text)).toBeNull(),
  )

  test('written and read again they are the same', () => {
    fc.assert(fc.property(fc.maxSafeNat(), (bytes) => parseSize(formatSize(bytes)) === bytes))
  })
})

describe('commands', () => {
  test('a text is split at blanks', () => {
    expect(argvOf('node  server.js\t--port 80')).toEqual(['node', 'server.js', '--port', '80'])
    expect(argvOf(' sleep 1 ')).toEqual(['sleep', '1'])
    expect(argvOf('a-b_c.d:e,f@g/h+i^j')).toEqual(['a-b_c.d:e,f@g/h+i^j'])
  })

  test.each([...'|&;<>()$`\\"\'*?[]#~=%!{}\n'])('a shell runs what contains %j', (character) => {
    const text = `echo a${character}b`
    expect(argvOf(text)).toEqual(['/bin/sh', '-c', text])
  })
})

describe('addresses', () => {
  test.each([
    ['tcp://0.0.0.0:8080', { family: 'tcp4', host: '0.0.0.0', port: 8080 }],
    ['tcp://:0', { family: 'tcp4', host: '0.0.0.0', port: 0 }],
    ['tcp://*:80', { family: 'tcp4', host: '0.0.0.0', port: 80 }],
    ['tcp://localhost:80', { family: 'tcp4', host: 'localhost', port: 80 }],
    ['tcp6://[::]:80', { family: 'tcp6', host: '::', port: 80 }],
    ['tcp6://::1:80', { family: 'tcp6', host: '::1', port: 80 }],
    ['tcp://[::1]:80', { family: 'tcp6', host: '::1', port: 80 }],
    ['udp://127.0.0.1:53', { family: 'udp4', host: '127.0.0.1', port: 53 }],
    ['udp6://[fe80::1%eth0]:53', { family: 'udp6', host: 'fe80::1%eth0', port: 53 }],
    ['unix:run/app.sock', { family: 'unix', path: '/etc/app/run/app.sock' }],
    ['unix:/run/app.sock', { family: 'unix', path: '/run/app.sock' }],
    ['unix:///run/app.sock', { family: 'unix', path: '/run/app.sock' }],
  ])('%s', (text, address) => expect(parseListenAddress(text, '/etc/app')).toEqual(address))

  test.each([
    '',
    '8080',
    ':80',
    'tcp:80',
    'http://x:80',
    'tcp://x',
    'tcp://x:',
    'tcp://x:y',
    'tcp://x:70000',
    'unix:',
    'tcp6://127.0.0.1:80',
    'tcp4://[::1]:80',
    'tcp://300.0.0.1:80',
    'tcp://a b:80',
  ])('not an address: %s', (text) => expect(parseListenAddress(text, '/')).toHaveProperty('code', 'HF_CONFIG_VALUE'))

  test('written and read again they are the same', () => {
    for (const text of ['tcp://0.0.0.0:80', 'tcp6://[::1]:80', 'udp://127.0.0.1:53', 'udp6://[::]:1', 'unix:/a b/c']) {
      const address = parseListenAddress(text, '/')
      if ('code' in address) throw new Error(text)
      expect(formatListenAddress(address)).toBe(text)
    }
  })
})

describe('did you mean', () => {
  test.each([
    ['restrat', 'restart'],
    ['comand', 'command'],
    ['maxretries', 'maxRetries'],
    ['max_retries', 'maxRetries'],
    ['depends-on', 'dependsOn'],
  ])('%s is %s', (given, meant) =>
    expect(nearestName(given, ['command', 'restart', 'maxRetries', 'dependsOn'])).toBe(meant),
  )

  test('what is far from everything is nothing', () => expect(nearestName('xyz', ['command', 'cwd'])).toBeNull())

  test('a distance is a metric, give or take its limit', () => {
    expect(editDistance('abc', 'abc')).toBe(0)
    expect(editDistance('abc', 'acb')).toBe(1)
    expect(editDistance('', 'abc')).toBe(3)
    fc.assert(
      fc.property(fc.string({ maxLength: 8 }), fc.string({ maxLength: 8 }), (a, b) => {
        expect(editDistance(a, b)).toBe(editDistance(b, a))
        expect(editDistance(a, b)).toBeLessThanOrEqual(Math.max(a.length, b.length))
      }),
    )
  })
})
