// Init files that are shell scripts, and what holds for all.
import type { SpawnSyncReturns } from 'node:child_process'
import { existsSync, rmSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { describe, expect, test } from 'vitest'
import { INIT_FILE_KINDS, type InitFileFacts, initFile } from '../../src/server/init-file.ts'
import { facts, install, ODD, scratch, shell } from './init-file-install.ts'

const shown = ({ status, stdout, stderr }: SpawnSyncReturns<string>) => ({ status, stdout, stderr })

describe('every kind', () => {
  test.each(INIT_FILE_KINDS)('%s: no line of it comes out of a description, whatever stands in it', (kind) => {
    const evil = 'one\r\nreboot\nExecStart=/bin/evil\n### END INIT INFO\nreboot \\'
    const text = initFile(kind, { ...facts, description: evil, shortDescription: evil, version: 'x\nreboot' })
    expect(text.split('\n').filter((line) => /^\s*(?:reboot|ExecStart=\/bin\/evil|### END)/.test(line))).toEqual(
      kind === 'sysv' ? ['### END INIT INFO'] : [],
    )
    if (kind === 'systemd') expect(text).not.toMatch(/\\\n/)
    expect(text.endsWith('\n') && !text.endsWith('\n\n')).toBe(true)
  })
})

describe('sysv', () => {
  test('has the header of the Linux Standard Base', () => {
    expect(initFile('sysv', facts).split('\n').slice(0, 14)).toEqual([
      '#!/bin/sh',
      '# Generated at 2026-01-02T03:04:05.678Z with Holdfast 1.2.3',
      '',
      '### BEGIN INIT INFO',
      '# Provides:          shop',
      '# Required-Start:    $remote_fs $network postgresql',
      '# Required-Stop:     $remote_fs',
      '# Default-Start:     2 3 4 5',
      '# Default-Stop:      0 1 6',
      '# Short-Description: Web shop',
      '# Description:       The shop.',
      '#                    Sells what there is.',
      '### END INIT INFO',
      '',
    ])
  })

  test.each<[Partial<InitFileFacts>, string]>([
    [{ name: 'my shop' }, '# Provides:          my-shop\n'],
    [{ name: '$all' }, '# Provides:          all\n'],
    [{ requiredStart: [] }, '# Required-Start:\n'],
    [{ requiredStart: ['$a  $b', 'c\n'] }, '# Required-Start:    $a $b c\n'],
    [{ description: '' }, '# Description:       Web shop\n'],
    [{ description: 'a\n\n b\r\nc' }, '# Description:       a\n#                    b\n#                    c\n'],
    [{ initConfig: '/etc/default/shop' }, '\n[ -r /etc/default/shop ] && . /etc/default/shop\n'],
    [{ initConfig: "/etc/it's" }, "\n[ -r '/etc/it'\\''s' ] && . '/etc/it'\\''s'\n"],
    [{ initCode: 'if true\nthen\n  FOO=1\nfi\n' }, '\nif true\nthen\n  FOO=1\nfi\n'],
  ])('%j', (change, expected) => {
    expect(initFile('sysv', { ...facts, ...change })).toContain(expected)
  })

  test('passes on all arguments as they are, and the exit code', () => {
    const installed = { ...install(), execArgv: ['--flag', 'a b'], programArguments: ["gi'ven", ''] }
    const script = initFile('sysv', installed)
    expect(shown(shell(script, ['start', 'two words', '', '$HOME', '*'], { CODE: '7' }))).toEqual({
      status: 7,
      stdout: `in ${installed.workingDirectory}\n${['--flag', 'a b', installed.program, 'start', "gi'ven", '', 'two words', '', '$HOME', '*'].map((word) => `<${word}>\n`).join('')}SHOP=\n`,
      stderr: '',
    })
  })

  test('force-reload, which LSB asks each script for, is reload', () => {
    const { status, stdout } = shell(initFile('sysv', install()), ['force-reload'])
    expect({ status, stdout }).toEqual({ status: 0, stdout: expect.stringContaining('<reload>') })
  })

  test('becomes the program: signals reach it', () => {
    const installed = install()
    writeFileSync(installed.node, '#!/bin/sh\necho $$\n')
    const { pid, stdout } = shell(initFile('sysv', installed), ['foreground'])
    expect(stdout).toBe(`${pid}\n`)
  })

  test('without a command it says how it is used, and starts nothing', () => {
    const installed = install()
    expect(shown(shell(initFile('sysv', installed), []))).toEqual({
      status: 2,
      stdout: '',
      stderr: `in ${installed.workingDirectory}\n<${installed.program}>\n<help>\nSHOP=\n`,
    })
  })

  test.each<[string, 'node' | 'program' | 'workingDirectory', string]>([
    ['the program', 'program', 'Required program'],
    ['Node', 'node', 'Required program'],
    ['the working directory', 'workingDirectory', 'Working directory'],
  ])('says that %s is missing', (_, which, what) => {
    const installed = { ...install(), [which]: scratch.now.path(`${ODD} gone`) }
    const script = initFile('sysv', installed)
    const stderr = expect.stringContaining(`${what} ${installed[which]} not found!\n`)
    expect(shown(shell(script, ['start']))).toEqual({ status: 5, stdout: '', stderr })
    expect(shown(shell(script, []))).toEqual({ status: 5, stdout: '', stderr })
    // LSB has a table of its own for status: 4 is "unknown", 5 is nothing.
    for (const word of ['status', '--status']) expect(shell(script, [word]).status).toBe(4)
  })

  test('reads the init config, if it is there, then runs the init code, then the program', () => {
    const initConfig = scratch.now.path(`${ODD}.conf`)
    const installed = { ...install(), initConfig, initCode: 'SHOP="$SHOP code"\nexport SHOP # as the last line' }
    const script = initFile('sysv', installed)
    const environment = { SHOP: "it's", CODE: '3' }
    expect(shell(script, ['start'], environment).stdout).toContain("SHOP=it's code\n")
    writeFileSync(initConfig, 'SHOP="$SHOP config"\nCODE=4\n')
    const { status, stdout } = shell(script, ['start'], environment)
    expect({ status, stdout }).toEqual({ status: 4, stdout: expect.stringContaining("SHOP=it's config code\n") })
    // A relative one is taken from the working directory, not looked up in PATH.
    writeFileSync(join(installed.workingDirectory, 'true'), 'export SHOP=relative\n')
    expect(shell(initFile('sysv', { ...installed, initConfig: 'true' }), ['start']).stdout).toContain('SHOP=relative')
  })

  test('the init code stands in it as it is, with what follows on a line of its own', () => {
    const initCode = 'cat <<\\END\n\t$not  `touched`\nEND\nexport SHOP=last # \\'
    const { stdout, status } = shell(initFile('sysv', { ...install(), initCode }), ['start'])
    expect({ stdout, status }).toEqual({ stdout: expect.stringMatching(/^\t\$not {2}`touched`\nin /), status: 0 })
    expect(stdout).toContain('SHOP=last')
  })
})

describe('openrc', () => {
  test('hands everything on to the program', () => {
    expect(initFile('openrc', { ...facts, pidFile: '/run/shop.pid' })).toBe(`#!/sbin/openrc-run
# Generated at 2026-01-02T03:04:05.678Z with Holdfast 1.2.3

name=shop
description='Web shop'
command=/usr/bin/node
command_args=/srv/shop/server.js
pidfile=/run/shop.pid
extra_started_commands='reload'

depend() {
\tneed localmount
\tuse netmount
\tneed net
\tneed postgresql
}

run_program() (
if ! [ -x /usr/bin/node ]; then
  printf '%s\\n' 'Required program /usr/bin/node not found!' >&2
  case "\${1-}" in *status) exit 4 ;; *) exit 5 ;; esac
fi
if ! [ -r /srv/shop/server.js ]; then
  printf '%s\\n' 'Required program /srv/shop/server.js not found!' >&2
  case "\${1-}" in *status) exit 4 ;; *) exit 5 ;; esac
fi
if ! cd /srv/shop; then
  printf '%s\\n' 'Working directory /srv/shop not found!' >&2
  case "\${1-}" in *status) exit 4 ;; *) exit 5 ;; esac
fi
program_command=$1
eval "set -- $command_args"
exec "$command" "$@" "$program_command"
)

start() {
\tebegin "Starting $name"
\trun_program start
\teend $?
}

stop() {
\tebegin "Stopping $name"
\trun_program stop
\teend $?
}

reload() {
\tebegin "Reloading $name"
\trun_program reload
\teend $?
}

status() {
\trun_program status
}
`)
  })

  /** OpenRC's part, as far as our script needs it. */
  const run = (script: string, command: string, environment: Record<string, string> = {}) =>
    shell(
      `ebegin() { echo "* $*"; }; eend() { echo "end $1"; return $1; }; need() { echo "need $*"; }; use() { echo "use $*"; }
${script}
${command}`,
      [],
      environment,
    )

  test.each(['start', 'stop', 'reload'])('%s: words arrive as they are, and the code', (command) => {
    const installed = { ...install(), execArgv: ['a  b'], programArguments: ["gi'ven", ''] }
    const { status, stdout } = run(initFile('openrc', installed), command, { CODE: '7' })
    const words = ['a  b', installed.program, command, "gi'ven", ''].map((word) => `<${word}>\n`).join('')
    expect(status).toBe(7)
    expect(stdout).toContain(`in ${installed.workingDirectory}\n${words}SHOP=\nend 7\n`)
    expect(stdout).toMatch(/^\* \w+ing o'dd /)
  })

  test('status is the program’s own; missing, 4', () => {
    const installed = install()
    expect(shown(run(initFile('openrc', installed), 'status', { CODE: '3' }))).toMatchObject({
      status: 3,
      stdout: expect.stringMatching(/^in .*\n.*\n<status>\nSHOP=\n$/),
    })
    rmSync(installed.program)
    expect(run(initFile('openrc', installed), 'status').status).toBe(4)
    expect(run(initFile('openrc', installed), 'start').status).toBe(5)
  })

  test('reading it runs nothing: OpenRC does that to learn of dependencies', () => {
    const touched = scratch.now.path('touched')
    const installed = { ...install(), initCode: `echo code > ${touched}` }
    const { status, stdout } = run(initFile('openrc', { ...installed, requiredStart: ['$x y'] }), 'depend')
    expect({ status, stdout }).toEqual({ status: 0, stdout: 'need $x\nneed y\n' })
    expect(existsSync(touched)).toBe(false)
    expect(run(initFile('openrc', { ...installed, requiredStart: [] }), 'depend')).toMatchObject({
      status: 0,
      stdout: '',
    })
    run(initFile('openrc', installed), 'start')
    expect(existsSync(touched)).toBe(true)
  })
})
