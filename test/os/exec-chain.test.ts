import { symlinkSync } from 'node:fs'
import { getPriority } from 'node:os'
import { describe, expect, test } from 'vitest'
import { type ExecChainOptions, execChain, isShellVariableName } from '../../src/os/exec-chain.ts'
import { lookupUser } from '../../src/os/users.ts'
import { isRoot, type Spawned, useScratch } from './scratch.ts'

const scratch = useScratch()
const nothing: ExecChainOptions = {
  user: null,
  group: null,
  umask: null,
  nice: 0,
  limits: {},
  listenPid: false,
  byChroot: false,
}

function start(
  options: Partial<ExecChainOptions>,
  command: readonly string[],
  env: readonly string[] = [],
  cwd = '/',
): Spawned {
  const whole = ['PATH=/usr/bin:/bin', ...env]
  const dotted = whole.filter((variable) => !isShellVariableName(variable.slice(0, variable.indexOf('='))))
  const { file, argv } = execChain({ ...nothing, ...options }, command, dotted)
  return scratch.now.start(file, [], { argv, env: whole, cwd })
}

describe('the chain', () => {
  test('is the command itself when nothing is asked for', () => {
    expect(execChain(nothing, ['/bin/echo', 'a b'], ['a.b=c'])).toEqual({
      file: '/bin/echo',
      argv: ['/bin/echo', 'a b'],
    })
  })

  test('sets limits and nice while it still may, then the user, then the shell part', () => {
    const { file, argv } = execChain(
      {
        user: { uid: 10, gid: 20, groups: [20, 30] },
        group: null,
        umask: 0o27,
        nice: -5,
        limits: { nofile: { soft: 10, hard: null }, core: { soft: 0, hard: 0 } },
        listenPid: true,
        byChroot: false,
      },
      ['/bin/echo', 'x'],
      [],
    )
    expect(file).toBe('/usr/bin/prlimit')
    expect(argv).toEqual([
      ...['/usr/bin/prlimit', '--nofile=10:unlimited', '--core=0:0'],
      ...['/usr/bin/nice', '-n', '-5'],
      ...['/usr/bin/setpriv', '--reuid=10', '--regid=20', '--init-groups'],
      ...['/bin/sh', '-c', 'umask 027; export LISTEN_PID=$$; exec "$@"', 'sh'],
      ...['/bin/echo', 'x'],
    ])
  })
})

describe('really run', () => {
  test('LISTEN_PID is the pid of the program', async () => {
    const child = start({ listenPid: true }, ['/bin/sh', '-c', 'echo $$ $LISTEN_PID'])
    expect(await child.done()).toBe(`${child.pid} ${child.pid}\n`)
  })

  test('arguments survive the shell', async () => {
    const args = ['', 'a b', '$HOME', '`id`', '"', "'", '\n', '*', '-n', 'x=y']
    const text = await start({ listenPid: true, umask: 0o77 }, ['/usr/bin/printf', '[%s]', ...args]).done()
    expect(text).toBe(args.map((arg) => `[${arg}]`).join(''))
  })

  test('variables with dots, dashes and odd names arrive through the shell', async () => {
    const env = [
      'a.b=c d',
      'x-y=$HOME "quoted"',
      '-u=PATH',
      'BASH_FUNC_f%%=() { :; }',
      'PLAIN=1',
      '1x=2',
      'multi.line=a\nb',
    ]
    for (const options of [{ listenPid: true }, { umask: 0o22 }]) {
      const child = start(options, ['/usr/bin/env', '-0'], env)
      const got = (await child.done()).split('\0').filter((variable) => variable !== '' && !variable.startsWith('PWD='))
      const pid = 'listenPid' in options ? [`LISTEN_PID=${child.pid}`] : []
      expect(got.sort()).toEqual(['PATH=/usr/bin:/bin', ...env, ...pid].sort())
    }
  })

  test('a program with = in its path is not taken for a variable', async () => {
    const program = scratch.now.path('a=b')
    symlinkSync('/usr/bin/env', program)
    const child = start({ listenPid: true }, [program], ['a.b=c'])
    const text = await child.done()
    expect(text).toContain(`LISTEN_PID=${child.pid}\n`)
    expect(text).toContain('a.b=c\n')
  })

  test('umask, nice and limits', async () => {
    const limits = {
      nofile: { soft: 64, hard: 128 },
      core: { soft: 0, hard: 0 },
      stack: { soft: 1_048_576, hard: null },
    }
    const text = await start({ umask: 0o137, nice: 7, limits }, [
      '/bin/sh',
      '-c',
      'umask; nice; ulimit -Sn; ulimit -Hn; ulimit -c; ulimit -Ss; ulimit -Hs',
    ]).done()
    expect(text).toBe(`0137\n${Math.min(getPriority() + 7, 19)}\n64\n128\n0\n1024\nunlimited\n`)
  })

  test('umask 0', async () => {
    expect(await start({ umask: 0 }, ['/bin/sh', '-c', 'umask']).done()).toBe('0000\n')
  })

  test.runIf(isRoot).each([false, true])(
    'as nobody, with everything at once and nothing of root left (by chroot: %s)',
    async (byChroot) => {
      const user = lookupUser('nobody')
      const limits = { nofile: { soft: 200, hard: 200 } }
      const child = start(
        { user, umask: 0o27, nice: -3, limits, listenPid: true, byChroot },
        [
          '/bin/sh',
          '-c',
          'id -u; id -g; id -G; umask; nice; ulimit -n; echo $LISTEN_PID; pwd; grep -E "Cap|[UG]id" /proc/self/status',
        ],
        ['a.b=c'],
        '/usr',
      )
      const lines = (await child.done()).trimEnd().split('\n')
      const nice = String(Math.max(getPriority() - 3, -20))
      expect(lines.slice(0, 8)).toEqual(['65534', '65534', '65534', '0027', nice, '200', String(child.pid), '/usr'])
      for (const set of ['CapPrm', 'CapEff', 'CapInh', 'CapAmb']) expect(lines).toContain(`${set}:\t0000000000000000`)
      for (const ids of ['Uid', 'Gid']) expect(lines).toContain(`${ids}:\t65534\t65534\t65534\t65534`)
    },
  )

  test.runIf(isRoot).each([false, true])(
    'a group of its own, and the groups of the user (by chroot: %s)',
    async (byChroot) => {
      const user = { uid: 65534, gid: 65534, groups: byChroot ? [65534, 7, 20] : [65534] }
      const text = await start({ user, group: { gid: 9 }, byChroot }, ['/bin/sh', '-c', 'id -g; id -G']).done()
      expect(text).toBe(byChroot ? '9\n9 7 20 65534\n' : '9\n9 65534\n')
    },
  )

  test.runIf(isRoot)('with a group alone root keeps its uid and loses its other groups', async () => {
    const text = await start({ group: { gid: 1 } }, ['/bin/sh', '-c', 'id -u; id -g; id -G']).done()
    expect(text).toBe('0\n1\n1\n')
  })
})

test('names that a shell keeps', () => {
  expect(['A', '_x9', 'lower'].every(isShellVariableName)).toBe(true)
  expect(['a.b', 'a-b', '9a', '', 'ü', 'a b'].some(isShellVariableName)).toBe(false)
})
