import { chmodSync, mkdirSync, writeFileSync } from 'node:fs'
import { createServer, type Server } from 'node:net'
import { userInfo } from 'node:os'
import { join } from 'node:path'
import { describe, expect, onTestFinished, test } from 'vitest'
import { allProblems, checkHost, checkServices, loadConfig } from '../../src/config/load.ts'
import { costOf } from '../cost-of.ts'
import { filesIn } from './temporary-config.ts'

const isRoot = process.geteuid?.() === 0
const base = 'runtimeDir: rt\n'

async function hostProblems(
  yaml: string,
  files: Record<string, string> = {},
  environment: Record<string, string> = { PATH: '/usr/bin:/bin' },
) {
  const directory = filesIn({ 'holdfast.yaml': base + yaml, ...files })
  return { directory, problems: await problemsOf(directory, environment) }
}

async function problemsOf(directory: string, environment: Record<string, string> = { PATH: '/usr/bin:/bin' }) {
  const result = await loadConfig(join(directory, 'holdfast.yaml'), environment)
  if (!result.ok) throw new Error(JSON.stringify(result.problems))
  return checkHost(result.spec, { environment }).map(
    ({ line, column, path, message }) => `${line}:${column} ${path} ${message}`,
  )
}

async function listening(server: Server, address: { port: number; host: string } | { path: string }): Promise<Server> {
  await new Promise<void>((resolve) => server.listen(address, resolve))
  onTestFinished(() => void server.close())
  return server
}

test('a config that fits the machine', async () => {
  const { problems } = await hostProblems(
    `sockets: { http: 'tcp://127.0.0.1:0', app: 'unix:app.sock' }
services:
  a: { command: sleep 1, user: ${userInfo().username}, group: '${userInfo().gid}' }
  b: { command: ./run, stdout: 'file:b.log' }
  c: { command: 'echo $HOME' }
`,
    { run: '#!/bin/sh\n' },
  )
  // ./run is not executable yet.
  expect(problems).toEqual([
    expect.stringMatching(/^5:17 services\.b\.command command cannot be run: \.\/run: .*not executable/),
  ])
})

test('commands, working directories, users, each at its place', async () => {
  const { problems, directory } = await hostProblems(`defaults: { group: no-such-group }
services:
  a: { command: no-such-program }
  b: { command: sleep 1, cwd: nowhere }
  c: { command: [./dir], cwd: holdfast.yaml }
  d: { command: sleep 1, user: no-such-user, group: root }
  e: { command: only-there, env: { PATH: /nowhere } }
  f:
    command: sleep 1
    ready: { exec: probe }
    stop: { command: [stopper, x] }
    reload: { command: reloader }
`)
  expect(problems.filter((problem) => !problem.includes('no-such-group'))).toEqual([
    '4:17 services.a.command command not found: no-such-program',
    `5:31 services.b.cwd working directory ${directory}/nowhere: no such directory`,
    `6:31 services.c.cwd working directory ${directory}/holdfast.yaml: not a directory`,
    '7:32 services.d.user there is no user no-such-user',
    '8:17 services.e.command command not found: only-there',
    '11:20 services.f.ready.exec command not found: probe',
    '13:24 services.f.reload.command command not found: reloader',
    '12:22 services.f.stop.command command not found: stopper',
  ])
  expect(problems.filter((problem) => problem.includes('no-such-group'))).toHaveLength(5)
  expect(problems).toContain('2:20 services.a.group there is no group no-such-group')
})

test('a user who is somebody else needs root', async () => {
  const { problems } = await hostProblems('services: { a: { command: sleep 1, user: nobody } }\n')
  expect(problems).toEqual(isRoot ? [] : ['2:42 services.a.user only root can run a service as nobody'])
})

test('directories that can not be made', async () => {
  const { problems, directory } = await hostProblems(
    "logDir: holdfast.yaml/log\nservices: { a: { command: sleep 1, stderr: 'file:holdfast.yaml/x' } }\n",
  )
  expect(problems).toEqual([
    `3:44 services.a.stderr ${directory}/holdfast.yaml: not a directory`,
    `2:9 logDir ${directory}/holdfast.yaml: not a directory`,
  ])
})

test.skipIf(isRoot)('a directory without permission', async () => {
  const directory = filesIn({ 'holdfast.yaml': 'runtimeDir: rt\nlogDir: log/x\n' })
  mkdirSync(join(directory, 'log'))
  chmodSync(join(directory, 'log'), 0o555)
  expect(await problemsOf(directory)).toEqual([`2:9 logDir ${directory}/log: no permission to write`])
})

test.runIf(isRoot)('a runtime directory of somebody else', async () => {
  const { chownSync } = await import('node:fs')
  const directory = filesIn({ 'holdfast.yaml': base })
  mkdirSync(join(directory, 'rt'))
  chownSync(join(directory, 'rt'), 65_534, 65_534)
  expect(await problemsOf(directory)).toEqual([`1:13 runtimeDir ${directory}/rt belongs to nobody`])
})

describe('addresses', () => {
  test('a port and a unix socket that are taken', async () => {
    const directory = filesIn({})
    const tcp = await listening(createServer(), { port: 0, host: '127.0.0.1' })
    await listening(createServer(), { path: join(directory, 'app.sock') })
    const address = tcp.address()
    if (address === null || typeof address === 'string') throw new Error('no port')
    writeFileSync(join(directory, 'file'), '')
    writeFileSync(
      join(directory, 'holdfast.yaml'),
      `${base}sockets:\n  http: tcp://127.0.0.1:${address.port}\n  far: { listen: 'tcp://192.0.2.1:1' }\n  app: unix:app.sock\n  file: unix:file\n`,
    )
    const problems = await problemsOf(directory)
    expect(problems).toEqual([
      expect.stringMatching(
        /^3:9 sockets\.http\.listen cannot listen on tcp:\/\/127\.0\.0\.1:\d+: address already in use/,
      ),
      expect.stringMatching(/^4:18 sockets\.far\.listen cannot listen on tcp:\/\/192\.0\.2\.1:1: /),
      `5:8 sockets.app.listen ${directory}/app.sock is in use`,
      `6:9 sockets.file.listen ${directory}/file is there and is no socket`,
    ])
  })

  test('are ours while our supervisor runs, or when they are handed to us', async () => {
    const directory = filesIn({})
    const tcp = await listening(createServer(), { port: 0, host: '127.0.0.1' })
    const address = tcp.address()
    if (address === null || typeof address === 'string') throw new Error('no port')
    writeFileSync(join(directory, 'holdfast.yaml'), `${base}sockets: { http: 'tcp://127.0.0.1:${address.port}' }\n`)
    expect(await problemsOf(directory)).toHaveLength(1)
    expect(await problemsOf(directory, { PATH: '/bin', LISTEN_FDS: '1' })).toEqual([])
    mkdirSync(join(directory, 'rt'))
    await listening(createServer(), { path: join(directory, 'rt/holdfast.sock') })
    expect(await problemsOf(directory)).toEqual([])
  })
})

test('a thousand services ask each question once', async () => {
  const services = Object.fromEntries(
    Array.from({ length: 1000 }, (_, index) => [
      `s${index}`,
      { command: 'no-such-program', user: userInfo().username },
    ]),
  )
  const directory = filesIn({ 'holdfast.yaml': JSON.stringify({ services }) })
  const result = await loadConfig(join(directory, 'holdfast.yaml'), {})
  if (!result.ok) throw new Error('refused')
  const environment = { PATH: Array.from({ length: 50 }, (_, index) => `/nowhere/${index}`).join(':') }
  const { value: problems, millis } = await costOf(() => checkServices(result.spec, environment))
  expect(problems).toHaveLength(1000)
  expect(millis).toBeLessThan(2000)
})

describe('beside errors of the file', () => {
  async function all(yaml: string, files: Record<string, string> = {}) {
    const environment = { PATH: '/usr/bin:/bin' }
    const directory = filesIn({ 'holdfast.yaml': yaml, ...files })
    const result = await loadConfig(join(directory, 'holdfast.yaml'), environment)
    expect(result.ok).toBe(false)
    const problems = allProblems(result, (spec) => checkHost(spec, { environment }))
    return problems.map(({ file, line, column, path, message }) => {
      const place = file.endsWith('holdfast.yaml') ? '' : `${file.replace(/.*\//, '')}:`
      return `${place}${line}:${column} ${path} ${message.replaceAll(directory, '.')}`
    })
  }

  test('what the sound parts need of the machine is told in the same run, in the order of the file', async () => {
    const server = await listening(createServer(), { port: 0, host: '127.0.0.1' })
    const address = server.address()
    const port = typeof address === 'object' ? address?.port : null
    const problems = await all(`runtimeDir: rt
services:
  a:
    command: no-such-program
    instnaces: 2
  b:
    comand: sleep 1
    user: no-such-user
  c:
    command: sleep 1
    cwd: nowhere
    startTimeout: soon
sockets:
  http: { backlog: many, listen: 'tcp://127.0.0.1:${port}' }
`)
    expect(problems).toEqual([
      '4:14 services.a.command command not found: no-such-program',
      '5:5 services.a.instnaces unknown key "instnaces"',
      '7:5 services.b.comand unknown key "comand"',
      '8:11 services.b.user there is no user no-such-user',
      '11:10 services.c.cwd working directory ./nowhere: no such directory',
      '12:19 services.c.startTimeout "soon" is not a duration',
      '14:20 sockets.http.backlog expected a whole number, found text "many"',
      expect.stringMatching(/^14:34 sockets\.http\.listen cannot listen on /),
    ])
  })

  test('what was refused is not looked up, nor what depends on it', async () => {
    const problems = await all(`control: { mode: rw }
logDir: "/proc/\${NOPE}"
defaults: { cwd: 5 }
sockets: { http: 'tcp://203.0.113.1:80' }
services:
  relative: { command: ./there/in/cwd }
  unset: { command: "\${NOPE} x", cwd: . }
  path: { command: only-in-path, cwd: ., env: { PATH: "\${NOPE}" } }
  user: { command: sleep 1, cwd: ., user: "\${NOPE}" }
`)
    expect(problems.map((problem) => problem.split(' ').slice(0, 2).join(' '))).toEqual([
      '1:18 control.mode',
      '2:16 logDir',
      '3:18 defaults.cwd',
      '7:22 services.unset.command',
      '8:56 services.path.env.PATH',
      '9:44 services.user.user',
    ])
  })

  test('also in included files; not where nothing could be read', async () => {
    const files = { 'b.yaml': 'services:\n  b: { command: no-such-program, nic: 1 }\n' }
    expect(await all('runtimeDir: rt\ninclude: b.yaml\nservices: { a: { command: [ }\n', files)).toHaveLength(1)
    expect(
      await all('runtimeDir: rt\ninclude: b.yaml\nservices: { a: { command: not-there } }\nx: 1\n', files),
    ).toEqual([
      '3:27 services.a.command command not found: not-there',
      '4:1 x unknown key "x"',
      'b.yaml:2:17 services.b.command command not found: no-such-program',
      'b.yaml:2:34 services.b.nic unknown key "nic"',
    ])
  })
})
