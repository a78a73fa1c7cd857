import { chmodSync, mkdirSync, openSync, readFileSync, realpathSync, writeFileSync } from 'node:fs'
import { describe, expect, test } from 'vitest'
import { noFileLimit } from '../../src/os/limits.ts'
import { OsError } from '../../src/os/os-error.ts'
import { type SpawnOptions, spawnProcess } from '../../src/os/spawn.ts'
import { isRoot, openFds, useScratch } from './scratch.ts'

const scratch = useScratch()

/** fd → what it is, as `ls -l /proc/self/fd` shows it; the fd by which ls reads the directory is left out. */
function parseFds(listing: string): Record<string, string> {
  const found = [...listing.matchAll(/ (\d+) -> (.*)$/gm)].filter(([, , target]) => !target?.startsWith('/proc/'))
  return Object.fromEntries(found.map(([, fd, target]) => [fd, target]))
}

function failure(options: Partial<SpawnOptions> & { file: string }): OsError {
  const devNull = scratch.now.closing(openSync('/dev/null', 'r+'))
  const whole = {
    argv: [options.file],
    env: [],
    cwd: null,
    fds: [devNull],
    session: true,
    softNoFile: null,
    ...options,
  }
  try {
    spawnProcess(whole)
  } catch (error) {
    if (error instanceof OsError) return error
    throw error
  }
  throw new Error('it was started')
}

describe('fds of the child', () => {
  test('are those that were given, in their order, and no others', async () => {
    const { now } = scratch
    const files = ['a', 'b', 'c'].map((name) => now.closing(openSync(now.path(name), 'w+')))
    const [a = -1, b = -1, c = -1] = files
    // ls writes to fd 1 = a.
    await now.start('/bin/ls', ['-l', '/proc/self/fd'], { fds: [c, a, b, b, a] }).done()
    expect(parseFds(readFileSync(now.path('a'), 'utf8'))).toEqual({
      0: now.path('c'),
      1: now.path('a'),
      2: now.path('b'),
      3: now.path('b'),
      4: now.path('a'),
    })
  })

  test('may swap places, stand where they are already, and have gaps', async () => {
    const { now } = scratch
    const [out = -1, x = -1, y = -1, z = -1] = ['out', 'x', 'y', 'z'].map((name) =>
      now.closing(openSync(now.path(name), 'w+')),
    )
    const fds = Array.from({ length: Math.max(x, y, z) + 1 }, () => -1)
    fds[1] = out
    fds[x] = y
    fds[y] = x
    fds[z] = z
    const before = openFds()
    await now.start('/bin/ls', ['-l', '/proc/self/fd'], { fds }).done()
    expect(parseFds(readFileSync(now.path('out'), 'utf8'))).toEqual({
      1: now.path('out'),
      [x]: now.path('y'),
      [y]: now.path('x'),
      [z]: now.path('z'),
    })
    // The copies that a swap needs are gone again.
    expect(openFds()).toEqual(before)
  })

  test('do not include what Node overlooked when this process inherited it', async () => {
    const source = `
      import { readdirSync, readFileSync, openSync } from 'node:fs'
      import { spawnProcess } from 'src/os/spawn.ts'
      const file = openSync('${scratch.now.path('list')}', 'w')
      const isLeak = /flags:\\s+0?[01]\\d{5}$/m.test(readFileSync('/proc/self/fdinfo/60', 'utf8'))
      const pid = spawnProcess({ file: '/bin/ls', argv: ['ls', '-l', '/proc/self/fd'], env: [], cwd: null, fds: [file, file], session: true, softNoFile: null })
      const text = () => readFileSync('${scratch.now.path('list')}', 'utf8')
      const wait = setInterval(() => {
        if (!/State:\\s+Z/.test(readFileSync('/proc/' + pid + '/status', 'utf8'))) return
        clearInterval(wait)
        console.log(JSON.stringify({ isLeak, fds: text() }))
      }, 5)
    `
    const result = await scratch.now.program(source, {
      prefix: ['bash', '-c', 'exec 60</etc/hosts; exec "$@"', 'bash'],
    })
    const { isLeak, fds } = result as { isLeak: boolean; fds: string }
    expect(isLeak).toBe(true)
    expect(Object.keys(parseFds(fds))).toEqual(['0', '1'])
  })

  test('are none when none are given', async () => {
    const script = 'for fd in 0 1 2 3; do if [ -e /proc/self/fd/$fd ]; then exit 1; fi; done'
    await scratch.now.sh(script, { fds: [] }).done()
  })
})

describe('signals of the child', () => {
  test('are at their defaults and unblocked, although Node ignores SIGPIPE', async () => {
    expect(readFileSync('/proc/self/status', 'utf8')).not.toMatch(/^SigIgn:\t0+$/m)
    const status = await scratch.now.start('/bin/cat', ['/proc/self/status']).done()
    expect(status).toMatch(/^SigIgn:\t0{16}$/m)
    expect(status).toMatch(/^SigBlk:\t0{16}$/m)
    expect(status).toMatch(/^SigCgt:\t0{16}$/m)
  })
})

describe('session', () => {
  const script = 'cut -d" " -f1,5,6 /proc/self/stat; echo $$'

  test('of its own: leader of session and group', async () => {
    const child = scratch.now.sh(script)
    const [numbers = ''] = (await child.done()).split('\n')
    expect(numbers.split(' ').slice(1)).toEqual([String(child.pid), String(child.pid)])
  })

  test('ours, but a group of its own', async () => {
    const own = readFileSync('/proc/self/stat', 'latin1').split(' ')
    const child = scratch.now.sh(script, { session: 'group' })
    const [numbers = ''] = (await child.done()).split('\n')
    expect(numbers.split(' ').slice(1)).toEqual([String(child.pid), own[5]])
  })

  test('ours, where it is not wanted', async () => {
    const own = readFileSync('/proc/self/stat', 'latin1').split(' ')
    const [numbers = ''] = (await scratch.now.sh(script, { session: false }).done()).split('\n')
    expect(numbers.split(' ').slice(1)).toEqual([own[4], own[5]])
  })
})

describe('limit of open files', () => {
  test('is the wanted soft one with our hard one, and ours stays', async () => {
    const before = noFileLimit()
    const text = await scratch.now.sh('ulimit -Sn; ulimit -Hn', { softNoFile: 300 }).done()
    expect(text).toBe(`300\n${before.hard}\n`)
    expect(noFileLimit()).toEqual(before)
  })

  test('is never above the hard one', async () => {
    const { hard } = noFileLimit()
    expect(await scratch.now.sh('ulimit -Sn', { softNoFile: hard + 1000 }).done()).toBe(`${hard}\n`)
  })

  test('is ours again after a start that failed', () => {
    const before = noFileLimit()
    expect(failure({ file: '/no/such/program', softNoFile: 100 }).code).toBe('ENOENT')
    expect(noFileLimit()).toEqual(before)
  })
})

describe('arguments and environment', () => {
  test('arrive byte for byte, empty ones too', async () => {
    const args = ['', 'a b', 'ünï ☃', '*', '$HOME', "'", 'x=y', '\n']
    const text = await scratch.now.start('/usr/bin/printf', ['[%s]', ...args]).done()
    expect(text).toBe(args.map((arg) => `[${arg}]`).join(''))
  })

  test('environment is exactly the given one, with dots and dashes', async () => {
    const env = ['a.b=c', 'x-y=', 'LANG=ü', 'EMPTY=', 'WITH=a=b']
    expect(await scratch.now.start('/usr/bin/env', [], { env }).done()).toBe(`${env.join('\n')}\n`)
    expect(await scratch.now.start('/usr/bin/env', [], { env: [] }).done()).toBe('')
  })

  test('1,000 variables of 1,000 bytes arrive', async () => {
    const env = Array.from({ length: 1000 }, (_, index) => `V${index}=${'x'.repeat(995)}`)
    const text = await scratch.now.start('/usr/bin/env', [], { env }).done()
    expect(text.trimEnd().split('\n')).toEqual(env)
  })

  test('a NUL byte is refused instead of cutting the string', () => {
    const error = failure({ file: '/bin/true', argv: ['true', 'a\0b'] })
    expect(error.code).toBe('EINVAL')
    expect(failure({ file: '/bin/true', env: ['A=\0'] }).code).toBe('EINVAL')
  })

  test('too much of it is E2BIG', () => {
    expect(failure({ file: '/bin/true', argv: ['true', 'x'.repeat(1024 * 1024)] }).code).toBe('E2BIG')
  })
})

describe('cwd', () => {
  test('is where the program starts, and what a relative path is relative to', async () => {
    const { now } = scratch
    const directory = now.path('dir ü')
    mkdirSync(directory)
    writeFileSync(`${directory}/hello`, '#!/bin/sh\npwd -P\n', { mode: 0o755 })
    expect(await now.start('./hello', [], { cwd: directory }).done()).toBe(`${realpathSync(directory)}\n`)
  })

  test('that does not exist, or is no directory, is named in the error', () => {
    const missing = failure({ file: '/bin/true', cwd: '/no/such/directory' })
    expect(missing.message).toBe('chdir /no/such/directory: no such file or directory (ENOENT)')
    expect(failure({ file: '/bin/true', cwd: '/etc/passwd' }).message).toMatch(/^chdir \/etc\/passwd: .*ENOTDIR/)
  })
})

describe('a program that cannot be started', () => {
  test('because it is not there', () => {
    const error = failure({ file: '/no/such/program' })
    expect(error).toMatchObject({ syscall: 'spawn', code: 'ENOENT', errno: 2 })
    expect(error.message).toBe('spawn /no/such/program: no such file or directory (ENOENT)')
  })

  test('because its interpreter is not there', () => {
    const file = scratch.now.path('script')
    writeFileSync(file, '#!/no/such/interpreter -x\n', { mode: 0o755 })
    expect(failure({ file }).message).toContain('its interpreter /no/such/interpreter does not exist (ENOENT)')
  })

  test('because it is not executable, or a directory', () => {
    const file = scratch.now.path('file')
    writeFileSync(file, '')
    chmodSync(file, 0o644)
    expect(failure({ file }).code).toBe('EACCES')
    expect(failure({ file: '/etc' }).code).toBe('EACCES')
  })

  test('because the kernel does not know the format', () => {
    const file = scratch.now.path('text')
    writeFileSync(file, 'echo no shebang\n', { mode: 0o755 })
    const error = failure({ file })
    expect(error.code).toBe('ENOEXEC')
    expect(error.message).toContain('no #! line')
  })

  test('because one of the fds is closed', () => {
    const error = failure({ file: '/bin/true', fds: [999] })
    expect(error.message).toBe('spawn /bin/true: one of the fds 999 is not open (EBADF)')
  })

  test('leaves no fd behind', () => {
    const devNull = scratch.now.closing(openSync('/dev/null', 'r'))
    const fds = Array.from({ length: devNull + 2 }, () => devNull)
    failure({ file: '/no/such/program', fds })
    const before = openFds()
    failure({ file: '/no/such/program', fds: fds.map((fd) => fd) })
    // failure() itself opens one fd that is closed with the test.
    expect(openFds().length).toBe(before.length + 1)
  })
})

test.runIf(isRoot)('a spawn leaves our own session, directory, umask and signals alone', async () => {
  const look = () => {
    const status = readFileSync('/proc/self/status', 'latin1')
    return [process.cwd(), status.match(/^(Umask|Sig(Ign|Blk|Cgt)|Uid|Gid):.*$/gm)]
  }
  const before = look()
  await scratch.now.start('/bin/true', [], { cwd: '/', softNoFile: 64 }).done()
  expect(look()).toEqual(before)
})
