// What the tests of init files share: a program to write one for, and a shell to run it with.
import { spawnSync } from 'node:child_process'
import { chmodSync, mkdirSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import type { InitFileFacts } from '../../src/server/init-file.ts'
import { useScratch } from '../os/scratch.ts'

export const scratch = useScratch()

export const facts: InitFileFacts = {
  name: 'shop',
  program: '/srv/shop/server.js',
  node: '/usr/bin/node',
  execArgv: [],
  programArguments: [],
  workingDirectory: '/srv/shop',
  description: 'The shop.\nSells what there is.',
  shortDescription: 'Web shop',
  pidFile: null,
  supervised: false,
  requiredStart: ['$remote_fs', '$network', 'postgresql'],
  requiredStop: ['$remote_fs'],
  initConfig: null,
  initCode: null,
  stopTimeoutMillis: 10_500,
  version: '1.2.3',
  date: new Date('2026-01-02T03:04:05.678Z'),
}

export const ODD = `o'dd "na$me" \\n % ;&|`

/** A directory with everything in it that shells and systemd could stumble over, and a program that shows what it got. */
export function install(name = ODD): InitFileFacts {
  const workingDirectory = scratch.now.path(name)
  mkdirSync(workingDirectory)
  const node = join(workingDirectory, 'node')
  const program = join(workingDirectory, 'server.js')
  writeFileSync(
    node,
    `#!/bin/sh
printf 'in %s\\n' "$PWD"; for word in "$@"; do printf '<%s>\\n' "$word"; done; printf 'SHOP=%s\\n' "$SHOP"
exit "\${CODE-0}"
`,
  )
  chmodSync(node, 0o755)
  writeFileSync(program, '')
  return { ...facts, name, workingDirectory, node, program }
}

export function shell(script: string, args: readonly string[], environment: Record<string, string> = {}) {
  const file = scratch.now.path('script')
  writeFileSync(file, script)
  return spawnSync('sh', [file, ...args], {
    encoding: 'utf8',
    cwd: '/',
    env: { PATH: '/usr/bin:/bin', ...environment },
  })
}
