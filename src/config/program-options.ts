// What `defineServer` takes beside the keys of the config file, by the same rules: type by type, all problems at once. Their docs
// stand with their types in server/server-options.ts.
import { HoldfastError } from '../errors/holdfast-error.ts'
import { nearestName, plainName, suggestion } from './did-you-mean.ts'
import { readTable } from './read-table.ts'
import { type SettingTable, setting } from './setting.ts'
import { serviceSettings } from './settings/service.ts'
import { slotSettings } from './settings/slots.ts'
import { supervisorSettings } from './settings/supervisor.ts'
import { type ReadContext, reportRefusal, type ValueType, wrongType } from './value-type.ts'
import { listOf, objectOf } from './values/collections.ts'
import { positiveDuration } from './values/duration.ts'
import { nameOf } from './values/names.ts'
import { anything, boolean, filledText, integer, oneOf, path, text } from './values/scalars.ts'
import { isObject } from './written-scalar.ts'

export interface OptionProblem {
  /** `serverProcess.stop` */
  readonly path: string
  readonly message: string
  readonly hint: string
}

export const SERVER_HOOKS = [
  'initialize',
  'beforeRun',
  'afterStart',
  'afterRun',
  'stop',
  'restart',
  'upgrade',
  'reloadConfig',
  'onSpawn',
  'onHeartbeat',
  'onReap',
  'onWait',
  'onFinish',
] as const

export const WORKER_HOOKS = ['initialize', 'beforeFork', 'run', 'stop', 'reload', 'afterStart'] as const

const row = <Out, In>(type: ValueType<Out, In>, more: { readonly required?: true; readonly doc?: string } = {}) =>
  setting(type, { doc: '', ...more })

/** Every option, in any order. Those of `holdfast.yaml` are read as its keys, later. */
const OPTIONS = {
  ...Object.fromEntries(
    [...Object.keys(serviceSettings), ...Object.keys(supervisorSettings)].map((key) => [key, row(anything)]),
  ),
  name: row(nameOf('server', ['all'])),
  workers: row(anything),
  workerType: row(oneOf(['process', 'thread', 'embedded', 'spawn', 'fork'])),
  config: row(anything),
  supervised: row(boolean),
  slots: row(objectOf(slotSettings)),
  serverProcess: row(
    objectOf({
      heartbeat: row(serviceSettings.heartbeat.type),
      restart: row(serviceSettings.restart.type),
      stop: row(serviceSettings.stop.type),
      detachWait: row(positiveDuration),
      enableDetach: row(boolean),
      exitOnDetach: row(boolean),
    }),
  ),
  upgrade: row(
    objectOf(
      {
        file: row(path, { required: true, doc: 'It is made for each main; %p is the pid of its server.' }),
        timeout: row(positiveDuration),
      },
      { instead: () => "Write upgrade: { file: '/run/shop/upgrade.%p' }." },
    ),
  ),
  titles: row(titles()),
  server: row(functions(SERVER_HOOKS, 'Write server: { afterStart(server) { … } }.')),
  worker: row(anything),
  command: row(anything),
  commandSender: row(oneOf(['signal', 'pipe'])),
  signals: row(anything),
  orphans: row(oneOf(['finish', 'stay'])),
  logLevel: row(anything),
  pidFile: row(path),
  daemonizeErrorExitCode: row(integer({ min: 1, max: 255 })),
  initFile: row(
    objectOf({
      description: row(text),
      requiredStart: row(listOf(filledText)),
      requiredStop: row(listOf(filledText)),
      config: row(path),
      code: row(text),
      program: row(path),
    }),
  ),
  quiet: row(boolean),
} satisfies SettingTable

/** Keys of the config file that a server has another word for, or none. */
const NOT_HERE: Readonly<Record<string, string>> = {
  instances: 'Write workers.',
  autostart: 'A server starts its workers.',
  dependsOn: 'A server has one kind of workers. Several, that wait for each other: services of a holdfast.yaml.',
  services: 'A server has one kind of workers. For several write a holdfast.yaml.',
  defaults: 'Write its keys beside the name.',
  include: 'An option is what your program says.',
  locks: 'slots makes its own.',
  $schema: 'It is for config files.',
}

/** What can not be, whatever the rest says: of wrong types, and keys that nobody knows. */
export function optionProblems(options: unknown): readonly OptionProblem[] {
  const problems: OptionProblem[] = []
  const context: ReadContext = {
    directory: '/',
    cpus: 1,
    report({ code, path: at, detail }) {
      const { message, hint } = new HoldfastError(code, detail)
      problems.push({ path: at.reduce<string>(pathText, ''), message, hint })
    },
    adviseUnknownKey: (at, _, table) => {
      const known = Object.keys(table).filter((key) => table !== KNOWN || !Object.hasOwn(NOT_HERE, key))
      return { mend: suggestion(String(at.at(-1)), known, 'key') }
    },
    isTopKey: () => false,
  }
  if (!isObject(options)) {
    reportRefusal(wrongType('an object', options, 'Write defineServer({ name: …, worker: { … } }).'), [], context)
    return problems
  }
  // In JavaScript a key without a value is one that is not there.
  const given = Object.entries(options).filter(([, value]) => value !== undefined)
  for (const [key] of given.filter(([name]) => Object.hasOwn(NOT_HERE, name)))
    problems.push({ path: key, message: 'a server has no such option', hint: NOT_HERE[key] ?? '' })
  if (options.name === undefined)
    problems.push({ path: 'name', message: 'it is missing', hint: 'Its sockets, logs and processes are known by it.' })
  // In YAML `slots:` with nothing after it is an empty object; null, here, is more likely a value that somebody has not got.
  for (const [key] of given.filter(([name, value]) => value === null && OBJECTS.has(name)))
    reportRefusal(wrongType('an object', null, ''), [key], context)
  const readable = given.filter(
    ([name, value]) => !Object.hasOwn(NOT_HERE, name) && !(value === null && OBJECTS.has(name)),
  )
  readTable(KNOWN, Object.fromEntries(readable), [], context)
  const { worker } = options
  if (isObject(worker) && !(worker instanceof URL)) functions(WORKER_HOOKS, '').read(worker, ['worker'], context)
  return problems
}

const KNOWN: SettingTable = OPTIONS

const OBJECTS: ReadonlySet<string> = new Set([
  'slots',
  'serverProcess',
  'upgrade',
  'titles',
  'initFile',
  'server',
  'sockets',
  'control',
])

function pathText(before: string, key: string | number): string {
  if (typeof key === 'number') return `${before}[${key}]`
  return before === '' ? key : `${before}.${key}`
}

/** Hooks by their names, and whatever else the object keeps for them; a function whose name is nearly that of a hook is a slip. */
function functions(names: readonly string[], mend: string): ValueType<object, object> {
  return {
    name: 'object',
    schema: {},
    read(raw, at, context) {
      if (!isObject(raw)) {
        reportRefusal(wrongType('an object', raw, mend), at, context)
        return undefined
      }
      for (const name of names) {
        const value = raw[name]
        if (value !== undefined && typeof value !== 'function')
          reportRefusal(
            wrongType('a function', value, `Write ${name}() { … }, or leave it out.`),
            [...at, name],
            context,
          )
      }
      for (const [key, value] of Object.entries(raw)) {
        const near = typeof value !== 'function' || names.includes(key) ? null : nearlyNamed(key, names)
        if (near === null) continue
        const detail = { key, mend: `Did you mean "${near}"?` }
        context.report({ code: 'HF_CONFIG_UNKNOWN_KEY', path: [...at, key], at: 'key', detail })
      }
      return raw
    },
  }
}

/** `step` is no slip for `stop`. */
function nearlyNamed(key: string, names: readonly string[]): string | null {
  if (key.length >= 6) return nearestName(key, names)
  return names.find((name) => plainName(name) === plainName(key)) ?? null
}

function titles(): ValueType<object | false, object | false> {
  const object = objectOf({ supervisor: row(text), server: row(text), worker: row(text), standby: row(text) })
  return {
    name: 'object or false',
    schema: {},
    read: (raw, at, context) => (raw === false ? false : object.read(raw, at, context)),
  }
}
