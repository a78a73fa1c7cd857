import type { DependencyCondition } from '../effective.ts'
import { ComputedDefault, setting } from '../setting.ts'
import { type Path, type ReadContext, reportRefusal, type ValueType, wrongValue } from '../value-type.ts'
import { listOf, objectOf, oneOrMore, recordOf } from '../values/collections.ts'
import { command } from '../values/command.ts'
import { positiveDuration } from '../values/duration.ts'
import { instances } from '../values/instances.ts'
import { nameKeys, nameOf } from '../values/names.ts'
import { permissionBits } from '../values/octal.ts'
import { output, standardInput } from '../values/output.ts'
import {
  account,
  anyScalar,
  boolean,
  filledText,
  integer,
  nullable,
  oneOf,
  path,
  text,
  withWords,
} from '../values/scalars.ts'
import { isObject, plainValue } from '../written-scalar.ts'
import { earlyDeathSettings } from './early-death.ts'
import { environmentKeys } from './environment.ts'
import { heartbeatSettings } from './heartbeat.ts'
import {
  insteadOfDependencies,
  insteadOfEarlyDeath,
  insteadOfEnvironment,
  insteadOfHeartbeat,
  insteadOfLimits,
  insteadOfPace,
  insteadOfRestart,
  insteadOfRollout,
  insteadOfService,
  insteadOfSocketList,
  insteadOfSocketName,
  insteadOfStop,
} from './instead.ts'
import { laterServiceSettings } from './later.ts'
import { limitSettings } from './limits.ts'
import { paceSettings } from './pace.ts'
import { ready } from './ready.ts'
import { reloadWay } from './reload.ts'
import { restartSettings } from './restart.ts'
import { rolloutSettings } from './rollout.ts'
import { slotSettings } from './slots.ts'
import { stopSettings } from './stop.ts'

const off = { off: null, never: null } as const
const condition = oneOf(['ready', 'started', 'exited'], 'ready: it serves; started: it runs; exited: it has ended.')
const dependencies: ValueType<
  Readonly<Record<string, DependencyCondition>>,
  Readonly<Record<string, DependencyCondition>>
> = recordOf(nameKeys('service'), condition, insteadOfDependencies)

export const serviceSettings = {
  command: setting(command, {
    required: true,
    doc: 'What to run. A list is run as it is. A text is split at blanks, and run by `/bin/sh -c` only if it contains something that means something to a shell (one of ``|&;<>()$`\\"\'*?[]#~=%!{}`` or a newline).',
    knownElsewhereAs: ['cmd', 'exec', 'script', 'ExecStart', 'run', 'entrypoint', 'program', 'executable'],
  }),
  forkserver: setting(nullable(nameOf('forkserver')), {
    default: null,
    doc: 'In place of `command`: the workers are forked from this one of `forkservers`, and share what it has loaded.',
    knownElsewhereAs: ['proxy', 'mold', 'zygote'],
  }),
  entry: setting(nullable(filledText), {
    default: null,
    doc: 'What a forked worker runs: a file, or a function in it (`./worker.js#main`, `shop.worker:main`); see docs/forkservers.md. Left out: what the last `preload` exports to be run.',
    knownElsewhereAs: ['main', 'target', 'callable'],
  }),
  description: setting(text, { default: '', doc: 'One line for `status`.' }),
  tags: setting(listOf(nameOf('tag', ['all'])), {
    default: [],
    doc: 'Groups of services for the command line: `holdfast restart @TAG`.',
    knownElsewhereAs: ['groups'],
  }),
  instances: setting(instances, {
    default: 1,
    unit: 'workers',
    doc: 'Number of workers: a number, `cpus`, or `cpus-1`. 0 is allowed.',
    reason: 'not every program may run twice',
    knownElsewhereAs: ['workers', 'numprocs', 'replicas', 'processes', 'scale'],
  }),
  autostart: setting(boolean, { default: true, doc: 'Start with the supervisor. Otherwise at `holdfast start`.' }),
  dependsOn: setting(dependencies, {
    default: {},
    doc: 'Services that come first, each with what to wait for: `{ db: ready }`, `started` or `exited`. Stopped in reverse order.',
    knownElsewhereAs: ['dependencies'],
  }),
  cwd: setting(path, {
    default: new ComputedDefault("the config file's directory"),
    doc: 'Working directory.',
    knownElsewhereAs: ['directory', 'dir', 'workdir', 'workingDir', 'WorkingDirectory', 'chdir'],
  }),
  user: setting(nullable(account), {
    default: null,
    doc: 'User, by name or number, with its supplementary groups; `USER`, `LOGNAME` and `HOME` are set to match, unless `env` says otherwise. Left out: the user of the supervisor.',
    knownElsewhereAs: ['uid', 'username'],
  }),
  group: setting(nullable(account), {
    default: null,
    doc: 'Group. Left out: that of the user.',
    knownElsewhereAs: ['gid'],
  }),
  umask: setting(nullable(permissionBits), {
    default: null,
    doc: "File mode mask, in octal: `'0022'`. Left out: that of the supervisor.",
  }),
  nice: setting(integer({ min: -20, max: 19 }), {
    default: 0,
    doc: 'Added to the scheduling priority of the supervisor, which is 0 as a rule: from -20 (first) to 19 in all.',
  }),
  env: setting(recordOf(environmentKeys, anyScalar, insteadOfEnvironment), {
    default: {},
    doc: "Environment variables, added to the supervisor's own environment.",
    knownElsewhereAs: ['environment', 'envs', 'vars'],
  }),
  envFile: setting(oneOrMore(path), {
    default: [],
    doc: 'One or more files with `NAME=value` lines. `env` wins over them, a later file over an earlier one.',
    knownElsewhereAs: ['environmentFile', 'dotenv'],
  }),
  limits: setting(objectOf(limitSettings, { instead: insteadOfLimits }), {
    default: {},
    doc: 'Resource limits: `{ nofile: 65536, core: 0 }`. A number sets both limits; also `unlimited` and `{ soft, hard }`.',
    knownElsewhereAs: ['ulimits', 'rlimits'],
  }),
  session: setting(withWords(boolean, { group: 'group' }), {
    default: true,
    doc: 'Run in a session and process group of its own; with `group`, in a process group of its own, in the session of the supervisor. With `false` the worker shares the group of the supervisor, a terminal signal reaches both, and `stop.group` is off.',
    reason: 'signals reach a worker and its helpers, and nobody else',
  }),
  sockets: setting(listOf(nameOf('socket', [], insteadOfSocketName), insteadOfSocketList), {
    default: [],
    doc: 'Sockets that the workers get, as file descriptors 3, 4, … in this order.',
  }),
  stdin: setting(nullable(standardInput), {
    default: null,
    doc: '`socket:NAME`: the listening socket as stdin, for programs in the manner of inetd. `commands`: instead of signals (but for KILL) the program reads words on stdin, one a line: `GRACEFUL_STOP` for TERM, `IMMEDIATE_STOP` for QUIT, `RELOAD` for USR2, `GRACEFUL_RESTART` for USR1, `IMMEDIATE_RESTART` for HUP, `DETACH` for INT, `DUMP` for CONT. Left out: `/dev/null`.',
  }),
  stdout: setting(output, {
    default: 'log',
    doc: '`log`, `ignore`, `inherit` (that of the supervisor), `file:PATH` (appended).',
  }),
  stderr: setting(output, {
    default: 'log',
    doc: 'As `stdout`.',
  }),
  startTimeout: setting(positiveDuration, {
    default: '30s',
    doc: 'A worker that is not ready after this time is ended, and the start counts as a failure.',
    reason: 'a boot that takes longer is usually stuck; raise it for those that are not',
    knownElsewhereAs: ['bootTimeout'],
  }),
  ready: setting(ready, {
    default: { delay: '1s' },
    doc: 'How a worker shows that it serves: `notify`, or one of `{ delay }`, `{ tcp }`, `{ http }`, `{ exec }`, `{ log }`, `{ ipc: true }`. Probes run every 250 ms, each for 2 s at most.',
    reason: 'what a program does not say can only be waited for',
    knownElsewhereAs: ['readiness', 'readinessProbe'],
  }),
  heartbeat: setting(withWords(nullable(objectOf(heartbeatSettings, { instead: insteadOfHeartbeat })), off), {
    default: null,
    doc: 'Signs of life that the worker gives: `{ interval, timeout, signals }`, or `off`.',
    reason: 'needs the SDK or the heartbeat table',
    knownElsewhereAs: ['watchdog'],
  }),
  requestTimeout: setting(withWords(nullable(positiveDuration), off), {
    default: null,
    doc: 'Longest time for one request; the worker writes the deadline, the supervisor ends a worker that misses it. Or `off`.',
    reason: 'only the application knows what is long',
  }),
  restart: setting(objectOf(restartSettings, { instead: insteadOfRestart }), {
    doc: 'What follows a death: restart at once, back-off, give up.',
  }),
  pace: setting(objectOf(paceSettings, { instead: insteadOfPace }), {
    doc: 'Workers of the service start one after the other: `{ interval, jitter }`.',
    knownElsewhereAs: ['stagger', 'startDelay', 'startWorkerDelay'],
  }),
  earlyDeath: setting(objectOf(earlyDeathSettings, { instead: insteadOfEarlyDeath }), {
    doc: 'What follows when a worker dies before it was ready, or less than `restart.resetAfter` after: `back-off`, as `restart` says, or `shut-down`, which stops all workers of the service and leaves them `fatal`: `{ firstBoot, newGeneration, steady }`.',
  }),
  stop: setting(objectOf(stopSettings, { instead: insteadOfStop }), {
    doc: 'How a worker is stopped.',
    knownElsewhereAs: ['kill'],
  }),
  reload: setting(reloadWay, {
    default: 'rolling',
    doc: '`rolling` (new processes), `{ signal }` or `{ command }` (the same process reads its config again), each with a `timeout`.',
  }),
  rollout: setting(objectOf(rolloutSettings, { instead: insteadOfRollout }), {
    doc: 'How a rolling restart goes.',
    knownElsewhereAs: ['deploy', 'update'],
  }),
  slots: setting(objectOf(slotSettings), {
    doc: 'Main and standby: `mains` of the workers work, `standbys` wait to take over. Sets `instances` to their sum.',
    knownElsewhereAs: ['leaderElection', 'standby'],
  }),
  ...laterServiceSettings,
} as const

/** Keys that a service can not do without, unless `defaults` give them. */
const object = objectOf(serviceSettings, { layered: true, instead: insteadOfService })

export const service = { ...object, definition: 'service', read: readService }

function readService(raw: unknown, path: Path, context: ReadContext): ReturnType<typeof object.read> {
  const misplaced = misplacedKey(raw, path, context)
  if (misplaced === null) return object.read(raw, path, context)
  const problem = `"${String(path.at(-1))}" stands here as the name of a service`
  reportRefusal(wrongValue(problem, misplaced), path, context, 'key')
  return undefined
}

/** A key whose indentation makes it the name of a service; null: a service, or something else that is wrong. */
function misplacedKey(raw: unknown, path: Path, context: ReadContext): string | null {
  const name = String(path.at(-1))
  if (path.length !== 2 || plainValue(raw) === null) return null
  if (isObject(raw) && (Object.keys(raw).length === 0 || hasServiceKey(raw))) return null
  if (context.isTopKey(name) && isObject(raw)) return `If the key "${name}" of the file is meant, do not indent it.`
  return Object.hasOwn(serviceSettings, name)
    ? `If the key "${name}" of a service is meant, indent it below that service's name.`
    : null
}

function hasServiceKey(raw: Readonly<Record<string, unknown>>): boolean {
  return Object.keys(raw).some((key) => Object.hasOwn(serviceSettings, key))
}
