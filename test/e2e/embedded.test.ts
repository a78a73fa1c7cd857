import { mkdtempSync, readdirSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { ConfigError, createSupervisor, HoldfastError } from 'holdfast'
import { expect, onTestFinished, test } from 'vitest'
import { waitFor } from './harness/wait-for.ts'

function temporaryDirectory(): string {
  const directory = mkdtempSync(join(tmpdir(), 'holdfast-embedded-'))
  onTestFinished(() => rmSync(directory, { recursive: true, force: true }))
  return directory
}

function globals() {
  const events = ['SIGTERM', 'SIGINT', 'SIGHUP', 'SIGCHLD', 'SIGUSR1', 'SIGUSR2', 'uncaughtException', 'exit']
  return {
    listeners: events.map((event) => process.listenerCount(event)),
    umask: process.umask(),
    cwd: process.cwd(),
    environment: { ...process.env },
    title: process.title,
  }
}

test('two engines in one process, which they leave as it was', async () => {
  const before = globals()
  const fds = readdirSync('/proc/self/fd').length
  const directory = temporaryDirectory()
  const open = (name: string) =>
    createSupervisor(
      {
        name,
        runtimeDir: `${name}/run`,
        logDir: `${name}/log`,
        services: { idle: { command: 'sleep 1000', instances: 2, ready: { delay: 0 } } },
      },
      { directory },
    )
  const [a, b] = await Promise.all([open('a'), open('b')])
  expect((await a.settled()).ok).toBe(true)
  expect((await b.settled()).ok).toBe(true)
  expect(globals()).toEqual(before)
  const pid = a.status().services[0]?.workers[0]?.pid ?? 0
  process.kill(pid, 'SIGKILL')
  await waitFor(() => a.status().services[0]?.workers[0]?.restarts === 1)
  expect(b.status().services[0]?.workers.map(({ restarts }) => restarts)).toEqual([0, 0])
  expect((await a.operate({ verb: 'restart', targets: ['idle'] })).ok).toBe(true)
  expect((await a.down()).ok).toBe(true)
  expect(b.status().services[0]?.ready).toBe(2)
  expect((await b.down()).ok).toBe(true)
  expect(globals()).toEqual(before)
  expect(readdirSync('/proc/self/fd').length).toBeLessThanOrEqual(fds + 8)
})

test('an invalid config rejects with every problem', async () => {
  const config = { services: { web: { comand: 'x', instances: -1 } } }
  const error = await createSupervisor(config, { directory: temporaryDirectory() }).catch((reason: unknown) => reason)
  expect(error).toBeInstanceOf(ConfigError)
  expect((error as ConfigError).problems.map(({ path }) => path)).toEqual(
    expect.arrayContaining(['services.web.comand', 'services.web.instances']),
  )
  expect(error).toBeInstanceOf(HoldfastError)
})

test('another error is no ConfigError', async () => {
  const directory = temporaryDirectory()
  const config = { runtimeDir: 'run', logDir: 'log', services: {} }
  const supervisor = await createSupervisor(config, { directory })
  const error = await createSupervisor(config, { directory }).catch((reason: unknown) => reason)
  expect(error).toBeInstanceOf(HoldfastError)
  expect(error).not.toBeInstanceOf(ConfigError)
  await supervisor.down()
})
