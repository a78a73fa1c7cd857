import { spawnSync } from 'node:child_process'
import { existsSync, rmSync, writeFileSync } from 'node:fs'
import { describe, expect, test } from 'vitest'
import { type InitFileFacts, initFile } from '../../src/server/init-file.ts'
import { facts, install, ODD, scratch } from './init-file-install.ts'

describe('systemd', () => {
  const lines = (change: Partial<InitFileFacts> = {}) => initFile('systemd', { ...facts, ...change }).split('\n')

  test('runs the program in the foreground', () => {
    expect(initFile('systemd', facts)).toBe(`# Generated at 2026-01-02T03:04:05.678Z with Holdfast 1.2.3

[Unit]
Description=Web shop
After=remote-fs.target network-online.target postgresql.service
Wants=network-online.target

[Service]
Type=exec
WorkingDirectory=/srv/shop
ExecStart=/usr/bin/node /srv/shop/server.js foreground
ExecStop=/usr/bin/node /srv/shop/server.js stop
ExecReload=/usr/bin/node /srv/shop/server.js reload
KillMode=mixed
TimeoutStopSec=16s
Restart=on-failure

[Install]
WantedBy=multi-user.target
`)
  })

  test.each<[Partial<InitFileFacts>, string[]]>([
    [{ pidFile: 'run/shop.pid' }, ['Type=forking', 'PIDFile=/srv/shop/run/shop.pid']],
    [{ pidFile: '/run/shop.pid' }, ['ExecStart=/usr/bin/node /srv/shop/server.js start', 'TimeoutStartSec=infinity']],
    // In the foreground it would have no supervisor, and no standbys.
    [{ supervised: true }, ['Type=forking', 'ExecStart=/usr/bin/node /srv/shop/server.js start']],
    [{ stopTimeoutMillis: Number.POSITIVE_INFINITY }, ['TimeoutStopSec=infinity']],
    [{ requiredStart: ['$local_fs'], requiredStop: ['$named'] }, ['After=nss-lookup.target']],
    [{ shortDescription: '100% sure \\' }, ['Description=100%% sure']],
    [{ workingDirectory: '/srv/50% off' }, ['WorkingDirectory=/srv/50%% off']],
    [
      { programArguments: ['--x=1', '', 'a b', '%h', '$HOME', '"', '\\', "it's", 'two\nlines', ';'] },
      [
        'ExecReload=/usr/bin/node /srv/shop/server.js reload --x=1 "" "a b" "%%h" "$$HOME" "\\"" "\\\\" "it\'s" "two\\nlines" ";"',
      ],
    ],
    [
      { initConfig: '/etc/default/shop', initCode: 'export A="$B"\n' },
      [
        'ExecStop=/bin/sh -c "[ -r /etc/default/shop ] && . /etc/default/shop\\nexport A=\\"$$B\\"\\n\\nexec \\"$$@\\"" sh /usr/bin/node /srv/shop/server.js stop',
      ],
    ],
  ])('%j', (change, expected) => {
    expect(lines(change)).toEqual(expect.arrayContaining(expected))
  })

  /** A command line as systemd reads it: quotes, escapes of C, `%%` and `$$`. */
  function decode(commandLine: string): string[] {
    return [...commandLine.matchAll(/"((?:[^"\\]|\\.)*)"|(\S+)/g)].map(([, quoted, plain]) =>
      (quoted ?? plain ?? '')
        .replace(/\\(?:x(..)|(.))/g, (_, hex?: string, character = '') =>
          hex === undefined
            ? ({ n: '\n', t: '\t' }[character as string] ?? character)
            : String.fromCharCode(Number.parseInt(hex, 16)),
        )
        .replaceAll('%%', '%')
        .replaceAll('$$', '$'),
    )
  }

  test('reads the init config and runs the init code before each command, which then is the main process', () => {
    const initConfig = scratch.now.path(`${ODD}.conf`)
    writeFileSync(initConfig, 'export SHOP=config CODE=7\n')
    const installed = { ...install(), initConfig, initCode: 'SHOP="$SHOP code" # 100%' }
    const programArguments = [ODD, '', 'two\nlines\x01']
    for (const [key, verb] of [
      ['ExecStart', 'foreground'],
      ['ExecReload', 'reload'],
    ]) {
      const line = lines({ ...installed, programArguments }).find((one) => one.startsWith(`${key}=`)) ?? ''
      const [file = '', ...args] = decode(line.slice(`${key}=`.length))
      const { status, stdout } = spawnSync(file, args, { encoding: 'utf8', cwd: installed.workingDirectory, env: {} })
      const words = [installed.program, verb, ...programArguments].map((word) => `<${word}>\n`).join('')
      expect({ status, stdout }).toEqual({
        status: 7,
        stdout: `in ${installed.workingDirectory}\n${words}SHOP=config code\n`,
      })
    }
  })

  test('refuses what can not be written', () => {
    for (const workingDirectory of ['/a\nb', '/a\\', '/a '])
      expect(() => lines({ workingDirectory })).toThrow(expect.objectContaining({ code: 'HF_CONFIG_VALUE' }))
  })

  const analyze = ['/usr/bin/systemd-analyze', '/bin/systemd-analyze'].find((path) => existsSync(path))
  test.skipIf(analyze === undefined)('systemd finds nothing wrong with it', () => {
    const verify = (text: string) => {
      const unit = scratch.now.path('shop.service')
      writeFileSync(unit, text)
      const { status, stdout, stderr } = spawnSync(analyze ?? '', ['verify', '--man=no', unit], { encoding: 'utf8' })
      const complaints = `${stdout}${stderr}`.split('\n').filter((line) => line.includes('shop.service'))
      return { status, complaints }
    }
    const installed = { ...install(), requiredStart: ['$network', '$remote_fs'] }
    const all = {
      ...installed,
      shortDescription: ODD,
      pidFile: `/run/${ODD}.pid`,
      programArguments: [ODD, '', `${ODD}\n\t\x01`],
      initConfig: `/etc/${ODD}`,
      initCode: `echo '${ODD}'`,
      stopTimeoutMillis: Number.POSITIVE_INFINITY,
    }
    const plain = install('plain % $name ;')
    for (const one of [installed, { ...installed, supervised: true }, plain, all]) {
      const { complaints } = verify(initFile('systemd', one))
      expect(complaints).toEqual([])
    }
    // It would have said so.
    rmSync(plain.node)
    expect(verify(initFile('systemd', plain)).complaints).not.toEqual([])
  })
})
