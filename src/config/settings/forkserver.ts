// Forkservers: processes that load an application once, and fork workers from themselves.
import { ComputedDefault, setting } from '../setting.ts'
import { listOf, objectOf, oneOrMore, recordOf } from '../values/collections.ts'
import { command } from '../values/command.ts'
import { positiveDuration } from '../values/duration.ts'
import { account, anyScalar, boolean, filledText, integer, nullable, oneOf, path, text } from '../values/scalars.ts'
import { environmentKeys } from './environment.ts'
import { insteadOfRestart } from './instead.ts'
import { restartSettings } from './restart.ts'

const shareable = oneOf(
  ['sockets', 'timers', 'threads'],
  'sockets: open connections and listeners; timers: they run on in each worker; threads: they are missing in the workers.',
)

export const forkserverSettings = {
  description: setting(text, { default: '', doc: 'One line about it: `status --json` has it.' }),
  runtime: setting(oneOf(['node', 'python', 'perl', 'ruby']), {
    default: 'node',
    doc: 'Language of the application.',
    knownElsewhereAs: ['language', 'type', 'interpreter'],
  }),
  preload: setting(oneOrMore(filledText), {
    default: [],
    doc: 'What is loaded before the first fork, in this order: files (`./app.js`, relative to `cwd`), or what the language calls a module (`lodash`, `shop.app`, `My::Module`).',
    knownElsewhereAs: ['preloads', 'require', 'imports', 'modules', 'app'],
  }),
  command: setting(command, {
    default: new ComputedDefault("Holdfast's own forkserver for `runtime`"),
    doc: 'A forkserver of your own, in any language: docs/forkservers.md has its protocol. `runtime`, `preload`, `executable`, `arguments` and `allow` are not used then.',
    knownElsewhereAs: ['cmd', 'exec', 'run'],
  }),
  executable: setting(filledText, {
    default: new ComputedDefault('the Node that runs Holdfast, `python3`, `perl`, `ruby`'),
    doc: 'The program of `runtime`: `./venv/bin/python3`. A name is looked for in `PATH`.',
  }),
  arguments: setting(listOf(filledText), {
    default: [],
    doc: 'Options for it: `[--max-old-space-size=512]`. For Node they come after `--max-semi-space-size=4 --heap-growing-percent=30`, with which more of the memory stays shared.',
    knownElsewhereAs: ['args', 'execArgv', 'flags', 'options'],
  }),
  cwd: setting(path, {
    default: new ComputedDefault("the config file's directory"),
    doc: 'Working directory while it loads. A worker has that of its service.',
    knownElsewhereAs: ['directory', 'dir', 'workdir', 'workingDir', 'WorkingDirectory', 'chdir'],
  }),
  env: setting(recordOf(environmentKeys, anyScalar), {
    default: {},
    doc: "Environment variables while it loads, added to the supervisor's own environment. The workers have them, too; `env` of the service wins.",
    knownElsewhereAs: ['environment', 'envs', 'vars'],
  }),
  user: setting(nullable(account), {
    default: null,
    doc: 'User who loads the application, by name or number. The workers are of this user, too. Left out: the user of the supervisor, and a service may have a `user` of its own.',
    knownElsewhereAs: ['uid', 'username'],
  }),
  group: setting(nullable(account), {
    default: null,
    doc: 'Group. Left out: that of the user.',
    knownElsewhereAs: ['gid'],
  }),
  auto: setting(boolean, {
    default: true,
    reason: 'nobody has to think of it',
    doc: 'Started when the first worker is wanted, stopped when none is left. `false`: by `holdfast start forkserver:NAME` and `stop` alone.',
    knownElsewhereAs: ['autostart'],
  }),
  allow: setting(oneOrMore(shareable), {
    default: [],
    doc: 'What the loaded application may hold open although all workers would share it. Otherwise it is refused, with a list of what it holds.',
    reason: 'a connection that several processes write to carries nonsense',
  }),
  refork: setting(oneOrMore(integer({ min: 1 })), {
    default: [],
    unit: 'requests',
    doc: 'When a worker has done so many requests it becomes the new forkserver, so that code that is compiled and caches that are filled by then are shared, and the others are replaced by workers forked from it. A list: `[1000, 10000]`, once after each. Only for `runtime: node`.',
    knownElsewhereAs: ['reforkAfter', 'refork_after'],
  }),
  startTimeout: setting(positiveDuration, {
    default: '60s',
    doc: 'A forkserver that has not loaded its application after this time is ended.',
    reason: 'twice that of a worker: it loads what all of them need',
  }),
  forkTimeout: setting(positiveDuration, {
    default: '5s',
    doc: 'A fork that is not there after this time is ended, and its worker is started without the forkserver; a forkserver that does not answer for 2 s more is ended as well.',
    reason: 'a fork takes milliseconds',
  }),
  restart: setting(objectOf(restartSettings, { instead: insteadOfRestart }), {
    doc: 'What follows the death of the forkserver itself, as of a worker. Its workers live on.',
  }),
} as const

export const forkserver = objectOf(forkserverSettings)
