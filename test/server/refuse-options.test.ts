// What somebody may have written in place of an option: each is one clear error with its path, whatever it is.
import { describe, expect, test } from 'vitest'
import { programSettings } from '../../src/config/settings/program.ts'
import { HoldfastError } from '../../src/errors/holdfast-error.ts'
import { refuseUnplaceable } from '../../src/server/refuse-options.ts'
import type { ServerOptions } from '../../src/server/server-options.ts'
import { withPathsFrom } from '../../src/server/server-paths.ts'
import { evaluateOptions, refuseWhatCanNotBe } from '../../src/server/server-spec.ts'

const PROGRAM = '/srv/shop.mjs'
const SLOTS = { mains: 1, standbys: 1 }
const worker = { run: () => {} }

/** Lines `path: message`, and what else the error says. */
async function refused(options: object): Promise<readonly string[]> {
  try {
    const given = { name: 'shop', worker, ...options } as ServerOptions
    await refuseWhatCanNotBe(given, PROGRAM, {}, { host: true })
    await evaluateOptions(withPathsFrom(PROGRAM, given), PROGRAM, {}, { host: true })
  } catch (error) {
    return linesOf(error)
  }
  return []
}

function linesOf(error: unknown): readonly string[] {
  if (!(error instanceof HoldfastError)) throw error
  expect([error.code, error.exit]).toEqual(['HF_CONFIG_INVALID', 2])
  return String(error.detail.problems)
    .split('\n')
    .filter((line) => /^ {2}\S/.test(line))
}

test.each<[object, string]>([
  [{ name: undefined }, 'name: it is missing'],
  [{ name: 5 }, 'name: expected a name, found number 5'],
  [{ name: 'a b' }, 'name: "a b" is not a valid server name'],
  [{ name: 'all' }, 'name: "all" is reserved'],
  [{ pidFile: 5 }, 'pidFile: expected a path'],
  [{ logDir: null }, 'logDir: expected a path'],
  [{ runtimeDir: '' }, 'runtimeDir: it is empty'],
  [{ stateDir: 'a\0b' }, 'stateDir: it contains a NUL character'],
  [{ control: { socket: 5 } }, 'control.socket: expected a path'],
  [{ sockets: null }, 'sockets: expected an object'],
  [{ supervised: 'yes' }, 'supervised: expected true or false'],
  [{ slots: null }, 'slots: expected an object'],
  [{ slots: { mains: 0 } }, 'slots.mains: 0 is out of range'],
  [{ slots: { stopFile: 5 } }, 'slots.stopFile: expected a path'],
  [{ slots: SLOTS, serverProcess: { stop: 5 } }, 'serverProcess.stop: expected an object'],
  [{ supervised: true, serverProcess: { enableDetach: 'x' } }, 'serverProcess.enableDetach: expected true or false'],
  [{ supervised: true, serverProcess: { detachWait: Number.NaN } }, 'serverProcess.detachWait: "NaN" is not'],
  [{ serverProcess: {} }, 'serverProcess: nobody is above the server'],
  [{ slots: SLOTS, upgrade: {} }, 'upgrade.file: it is missing'],
  [{ slots: SLOTS, upgrade: { file: 5 } }, 'upgrade.file: expected a path'],
  [{ titles: { worker: 5 } }, 'titles.worker: expected text'],
  [{ titles: true }, 'titles: expected an object'],
  [{ server: 5 }, 'server: it is not an object of functions'],
  [{ server: { initialize: 5 } }, 'server.initialize: it is not a function'],
  [{ server: { onSpwan() {} } }, 'server.onSpwan: there is no such hook'],
  [{ worker: null }, 'worker: it is not an object of functions'],
  [{ worker: { run() {}, initialise() {} } }, 'worker.initialise: there is no such hook'],
  [{ worker: { run() {}, stop: 5 } }, 'worker.stop: it is not a function'],
  [{ worker: new URL('file:///nowhere/worker.mjs') }, 'worker: there is no file /nowhere/worker.mjs'],
  [{ worker: 'https://shop/worker.mjs' }, 'worker: Node loads no module from https:'],
  [{ worker: './worker.mjs' }, 'worker: "./worker.mjs" is not a URL'],
  [{ command: 'true' }, 'command: it is for workers that are any program'],
  [{ commandSender: 'pipe' }, 'commandSender: it is for workers that are any program'],
  [{ workerType: 'spawn', command: 'true', commandSender: 'x' }, 'commandSender: expected one of signal, pipe'],
  [{ workerType: 'spawn' }, 'command: it is missing'],
  [{ forkserver: {} }, 'forkserver: nothing is forked'],
  [{ workerType: 'fork', forkserver: 'app' }, 'forkserver: expected an object'],
  [
    { workerType: 'fork', forkserver: { allow: ['files'] } },
    'forkserver.allow[0]: expected one of sockets, timers, threads',
  ],
  [{ workerType: 'fork', entry: './worker.mjs' }, 'entry: a server has no such option'],
  [{ workerType: 'fibre' }, 'workerType: expected one of'],
  [{ signals: 'nginx' }, 'signals: unknown signal map "nginx"'],
  [{ signals: null }, 'signals: expected the name of a signal map'],
  [{ orphans: 'leave' }, 'orphans: expected one of finish, stay'],
  [{ logLevel: 'loud' }, 'logLevel: unknown log level "loud"'],
  [{ daemonizeErrorExitCode: 300 }, 'daemonizeErrorExitCode: 300 is out of range'],
  [{ daemonizeErrorExitCode: Number.NaN }, 'daemonizeErrorExitCode: number NaN is not a whole number'],
  [{ initFile: { descripton: 'x' } }, 'initFile.descripton: unknown key'],
  [{ initFile: { requiredStart: '$network' } }, 'initFile.requiredStart: expected a list'],
  [{ quiet: 'yes' }, 'quiet: expected true or false'],
  [{ instances: 3 }, 'instances: a server has no such option'],
  [{ autostart: false }, 'autostart: a server has no such option'],
  [{ wokers: 3 }, 'wokers: unknown key "wokers"'],
  [{ logs: {} }, 'logs: logs is not available yet'],
  [{ orphans: 'finnish' }, 'orphans: expected one of finish, stay, found text "finnish"'],
  [
    { slots: SLOTS, serverProcess: { detachWait: '1m' } },
    'serverProcess.detachWait: with slots no server works beside',
  ],
  [{ slots: { lock: 'shop' } }, 'slots.lock: the slots of a server have a lock of their own'],
  [{ logRotation: { maxSize: 0 } }, 'logRotation.maxSize: no line would have room'],
  [{ config: () => ({ logRotation: { keep: -1 } }) }, 'logRotation.keep: -1 is out of range'],
  [{ config: () => () => {} }, 'config: what it returned is a function'],
  [{ server: { onStart() {} } }, 'server.onStart: there is no such hook'],
  [{ worker: { run() {}, before_fork() {} } }, 'worker.before_fork: there is no such hook'],
])('%j', async (options, line) => {
  expect(await refused(options)).toEqual([expect.stringContaining(`  ${line}`)])
})

describe('what is no mistake', () => {
  test.each<[string, object]>([
    ['keys without a value', { pidFile: undefined, slots: undefined, server: undefined, quiet: undefined }],
    ['a worker with state and functions of its own', { worker: { run() {}, count: 0, step() {}, cache: new Map() } }],
    [
      'hooks of a class',
      {
        server: new (class {
          private readonly log = []
          afterStart() {
            return this.log
          }
        })(),
      },
    ],
    ['titles: false', { titles: false }],
    ['null, where a key of the config file takes it', { user: null, heartbeat: null }],
  ])('%s', async (_, options) => {
    expect(await refused(options)).toEqual([])
  })
})

test('all that is wrong is told at once', async () => {
  const lines = await refused({ workers: 'many', quiet: 1, restart: { initail: '1s' }, stopp: 1 })
  expect(lines.map((line) => line.split(':')[0]?.trim()).sort()).toEqual([
    'quiet',
    'restart.initail',
    'stopp',
    'workers',
  ])
})

test('defineServer of nothing at all', async () => {
  for (const nothing of [undefined, null, 5, 'shop', []]) {
    expect(() => refuseUnplaceable(nothing, PROGRAM)).toThrow('1 error in the options of a server')
    const asked = refuseWhatCanNotBe(nothing as never, PROGRAM, {})
    await expect(asked).rejects.toThrow('1 error in the options of a server')
  }
})

test('status and stop refuse what the server is found by in the words of a start, and nothing else', async () => {
  const wrong = [
    ...[{ name: undefined }, { name: 'a b' }, { pidFile: 5 }, { logDir: null }, { runtimeDir: '' }, { stateDir: {} }],
    ...[{ control: { socket: 5 } }, { slots: { ...SLOTS, stopFile: '' } }, { slots: SLOTS, upgrade: { file: null } }],
    { supervised: true, serverProcess: { stop: { file: 5 } } },
  ]
  const refusedByStop = (options: object): readonly string[] => {
    try {
      refuseUnplaceable({ name: 'shop', worker, ...options }, PROGRAM)
    } catch (error) {
      return linesOf(error)
    }
    return []
  }
  for (const options of wrong) {
    const lines = refusedByStop(options)
    expect(lines).toHaveLength(1)
    expect(await refused(options)).toEqual(lines)
  }
  for (const options of [{ worker: 5 }, { slots: 5 }, { control: null }, { serverProcess: { stop: 5 } }, { wokers: 1 }])
    expect(refusedByStop(options)).toEqual([])
})

test.each([
  ['worker_type', 'Did you mean "workerType"?'],
  ['wrokers', 'Did you mean "workers"?'],
  ['numprocs', 'Did you mean "workers"?'],
  ['pidfile', 'Did you mean "pidFile"?'],
])('what was meant by %s', async (option, mend) => {
  const asked = refuseWhatCanNotBe({ name: 'shop', worker, [option]: 1 } as ServerOptions, PROGRAM, {})
  await expect(asked).rejects.toMatchObject({ detail: { problems: expect.stringContaining(mend) } })
})

const NONSENSE = [
  ...[5, -1, Number.NaN, Number.POSITIVE_INFINITY, true, 10n, null, Symbol('x'), '', '\0', 'nonsense', 'x'.repeat(500)],
  ...[[], [5], {}, { a: 1 }, () => {}, new Date(0), new Map()],
]

test.each([...Object.keys(programSettings), 'nosuchthing'])(
  '%s: nonsense is taken for what it is, or refused by the name of the option',
  async (option) => {
    for (const value of NONSENSE) {
      const lines = await refused({ [option]: value })
      const named = lines.length === 0 || lines.some((line) => line.startsWith(`  ${option}`))
      expect(named ? '' : `${String(value)}: ${lines.join(' ')}`).toBe('')
    }
  },
)
