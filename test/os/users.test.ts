import { execFileSync, spawnSync } from 'node:child_process'
import { readFileSync, writeFileSync } from 'node:fs'
import { describe, expect, test } from 'vitest'
import { lookupGroup, lookupUser } from '../../src/os/users.ts'
import { isRoot, useScratch } from './scratch.ts'

const scratch = useScratch()
const mayUnshare = isRoot && spawnSync('unshare', ['-m', 'true']).status === 0

/** A command that executes the rest where `/etc/passwd` and `/etc/group` have more in them. */
function withUsers(passwd: string, group: string): string[] {
  const { now } = scratch
  for (const [name, more] of [
    ['passwd', passwd],
    ['group', group],
  ] as const) {
    writeFileSync(now.path(name), `${readFileSync(`/etc/${name}`, 'utf8')}${more}\n`, { mode: 0o644 })
  }
  const mount = `mount --bind ${now.path('passwd')} /etc/passwd && mount --bind ${now.path('group')} /etc/group`
  return ['unshare', '-m', 'sh', '-c', `${mount} && exec "$@"`, 'sh']
}

describe('lookupUser', () => {
  test('knows everybody in /etc/passwd as id(1) does', () => {
    const names = readFileSync('/etc/passwd', 'utf8').trim().split('\n')
    for (const line of names) {
      const [name = '', , uid = '', gid = '', , home, shell] = line.split(':')
      const user = lookupUser(name)
      expect(user).toMatchObject({ name, uid: Number(uid), gid: Number(gid), home, shell })
      const groups = execFileSync('id', ['-G', name], { encoding: 'utf8' }).trim().split(' ').map(Number)
      expect([...(user?.groups ?? [])].sort()).toEqual(groups.sort())
    }
  })

  test('takes a number, as text too', () => {
    expect(lookupUser('0')?.name).toBe('root')
    expect(lookupUser(0)?.name).toBe('root')
  })

  test('says null for nobody', () => {
    for (const name of ['no-such-user', '', '4000000', '-1', '4294967295', '0x0', 'root\n']) {
      expect(lookupUser(name)).toBeNull()
    }
  })

  test.runIf(mayUnshare)('finds supplementary groups, more than fit at first', async () => {
    const groups = Array.from({ length: 100 }, (_, index) => `team${index}:x:${50_000 + index}:deploy`).join('\n')
    const source = `
      import { lookupUser } from 'src/os/users.ts'
      console.log(JSON.stringify(lookupUser('deploy')))
    `
    const prefix = withUsers('deploy:x:4242:4243:Deploy:/home/deploy:/bin/sh', `deploy:x:4243:\n${groups}`)
    expect(await scratch.now.program(source, { prefix })).toEqual({
      uid: 4242,
      gid: 4243,
      name: 'deploy',
      home: '/home/deploy',
      shell: '/bin/sh',
      groups: [4243, ...Array.from({ length: 100 }, (_, index) => 50_000 + index)],
    })
  })

  test.runIf(mayUnshare)(
    'a process started as a user has all its groups, and another primary one if asked for',
    async () => {
      const source = `
      import { execFileSync } from 'node:child_process'
      import { execChain } from 'src/os/exec-chain.ts'
      import { lookupGroup, lookupUser } from 'src/os/users.ts'
      const run = (user, group) => {
        const { file, argv } = execChain({ user, group, umask: null, nice: 0, limits: {}, listenPid: false },
          ['/bin/sh', '-c', 'id -u; id -g; id -G'], [])
        return execFileSync(file, argv.slice(1), { encoding: 'utf8' }).trim().split('\\n')
      }
      const user = lookupUser('deploy')
      console.log(JSON.stringify([run(user, null), run(user, lookupGroup('team1')), run(null, lookupGroup('team2'))]))
    `
      const prefix = withUsers(
        'deploy:x:4242:4243:Deploy:/home/deploy:/bin/sh',
        'deploy:x:4243:\nteam1:x:50001:deploy\nteam2:x:50002:deploy\nteam3:x:50003:',
      )
      expect(await scratch.now.program(source, { prefix })).toEqual([
        ['4242', '4243', '4243 50001 50002'],
        ['4242', '50001', '50001 4243 50002'],
        ['0', '50002', '50002'],
      ])
    },
  )
})

describe('lookupGroup', () => {
  test('by name and by number', () => {
    expect(lookupGroup('root')).toEqual({ gid: 0, name: 'root' })
    expect(lookupGroup('0')).toEqual({ gid: 0, name: 'root' })
    expect(lookupGroup('daemon')).toEqual({ gid: 1, name: 'daemon' })
    expect(lookupGroup('no-such-group')).toBeNull()
  })
})
