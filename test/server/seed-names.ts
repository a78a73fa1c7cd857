// Whether a name of docs/reference/seed-options.md is there: in a table where there is one, else in the text of the sources.
// Types are gone when a test runs, so interfaces are read as text.
import { readdirSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { GLOBAL_OPTIONS, VERBS } from '../../src/cli/verb-table.ts'
import type { Setting, SettingTable } from '../../src/config/setting.ts'
import { serviceSettings } from '../../src/config/settings/service.ts'
import { supervisorSettings } from '../../src/config/settings/supervisor.ts'
import type { ValueType } from '../../src/config/value-type.ts'
import { ROUTES } from '../../src/control/routes.ts'
import { PROGRAM_COMMANDS } from '../../src/server/program-command.ts'
import { SERVER_ACTIONS, SIGNAL_MAPS } from '../../src/server/signal-maps.ts'
import { socketVariable, VARIABLES } from '../../src/wire/worker-environment.ts'

/** `later`: the name is fixed, but what it stands for is not built. `partly`: some of its values work. */
export type Found = 'there' | 'partly' | 'later' | 'missing'

const ROOT = join(import.meta.dirname, '../../src')
const source = (file: string): string => readFileSync(join(ROOT, file), 'utf8')
const found = (is: boolean): Found => (is ? 'there' : 'missing')

const INTERFACES = {
  Engine: 'supervisor/engine-api.ts',
  ForkserverSettings: 'server/server-options.ts',
  InitFileOptions: 'server/server-options.ts',
  LogRotationSettings: 'server/server-options.ts',
  RunningServer: 'server/running-server.ts',
  Server: 'server/define-server.ts',
  ServerHooks: 'server/server-hooks.ts',
  ServerOptions: 'server/server-options.ts',
  ServerProcessSettings: 'server/server-options.ts',
  Supervisor: 'index.ts',
  TitleSettings: 'server/server-options.ts',
  UpgradeSettings: 'server/server-options.ts',
  Worker: 'worker/worker.ts',
  WorkerContext: 'server/worker-definition.ts',
  WorkerDefinition: 'server/worker-definition.ts',
  WorkerEnd: 'server/server-hooks.ts',
} as const

type InterfaceName = keyof typeof INTERFACES
const isInterface = (name: string): name is InterfaceName => Object.hasOwn(INTERFACES, name)

/** Its own members, and those of what it extends. */
export function membersOf(name: InterfaceName): string[] {
  const declaration = new RegExp(`^export interface ${name}\\b([^{]*)\\{\\n(.*?)^\\}`, 'ms')
  const [, head = '', body = ''] = declaration.exec(source(INTERFACES[name])) ?? []
  const own = [...body.matchAll(/^ {2}(?:readonly )?(\w+)\??[:(<]/gm)].map(([, member = '']) => member)
  const above = [...head.matchAll(/\w+/g)].map(([word]) => word).filter((word) => word !== name && isInterface(word))
  return [...own, ...(above as InterfaceName[]).flatMap(membersOf)]
}

const LOOK: Readonly<Record<string, (name: string) => Found>> = {
  config: (name) => settingFound(supervisorSettings, name.split('.')),
  option: optionFound,
  command: commandFound,
  verb: verbFound,
  hook: (name) => {
    const [where, hook = ''] = name.split('.')
    if (where === 'server') return found(membersOf('ServerHooks').includes(hook))
    return found(where === 'worker' && membersOf('WorkerDefinition').includes(hook))
  },
  map: (name) => found(Object.hasOwn(SIGNAL_MAPS, name)),
  action: (name) => found(Object.hasOwn(SERVER_ACTIONS, name)),
  signal: (name) => found(source('server/supervisor-signals.ts').includes(`process.on('SIG${name}', `)),
  sdk: (name) => found(name.startsWith('ctx.') && membersOf('WorkerContext').includes(name.slice('ctx.'.length))),
  api: apiFound,
  route: (name) => found(ROUTES.some(({ method, path }) => name === `${method} ${path}`)),
  env: (name) => found(variables().has(name)),
  state: (name) =>
    found(
      /type WorkerStateName =(.*?)\nexport/s.exec(source('supervisor/status-report.ts'))?.[1]?.includes(`'${name}'`) ===
        true,
    ),
}

export function look(kind: string, name: string): Found {
  return LOOK[kind]?.(name) ?? 'missing'
}

/** `services.stop.signals.every`: names of services and numbers of list items are left out. */
function settingFound(table: SettingTable, path: readonly string[]): Found {
  const [key = '', ...rest] = path
  const setting: Setting | undefined = Object.hasOwn(table, key) ? table[key] : undefined
  if (setting === undefined) return 'missing'
  const inner = rest.length === 0 ? 'there' : settingFound(keysBelow(setting.type), rest)
  if (inner === 'missing' || !setting.laterEngine) return inner
  return setting.worksNow === undefined ? 'later' : 'partly'
}

function keysBelow({ table, element }: ValueType<unknown>): SettingTable {
  return table ?? (element === undefined ? {} : keysBelow(element))
}

/** Options that are objects. */
const OBJECTS: Readonly<Record<string, InterfaceName>> = {
  forkserver: 'ForkserverSettings',
  initFile: 'InitFileOptions',
  logRotation: 'LogRotationSettings',
  serverProcess: 'ServerProcessSettings',
  titles: 'TitleSettings',
  upgrade: 'UpgradeSettings',
}

/** `stop.signals`, `initFile.code`, `serverProcess.stop.file`, `workerType=thread`. */
function optionFound(name: string): Found {
  const [key = '', ...rest] = name.split(/[.=]/)
  const text = source('server/server-options.ts')
  if (name.includes('=')) {
    const types = /type WorkerType = (.*)/.exec(text)?.[1] ?? ''
    return found(key === 'workerType' && types.includes(`'${rest[0]}'`))
  }
  if (membersOf('ServerOptions').includes(key)) {
    if (rest.length === 0) return 'there'
    const inner = Object.hasOwn(OBJECTS, key) ? OBJECTS[key] : undefined
    if (inner !== undefined && membersOf(inner).includes(rest.join('.'))) return 'there'
    if (key === 'serverProcess')
      return ['heartbeat', 'restart', 'stop'].includes(rest[0] ?? '') ? settingFound(serviceSettings, rest) : 'missing'
    return key === 'slots' ? settingFound(serviceSettings, ['slots', ...rest]) : 'missing'
  }
  const ofSupervisor = /typeof supervisorSettings>, (.*?)>/s.exec(text)?.[1] ?? ''
  if (ofSupervisor.includes(`'${key}'`)) return settingFound(supervisorSettings, [key, ...rest])
  const byServer = /type GivenByServer = (.*)/.exec(text)?.[1] ?? ''
  return byServer.includes(`'${key}'`) ? 'missing' : settingFound(serviceSettings, [key, ...rest])
}

function commandFound(name: string): Found {
  if (!Object.hasOwn(PROGRAM_COMMANDS, name)) return 'missing'
  return source('server/program.ts').includes(`case '${name}':\n        return this.notAvailable(`) ? 'later' : 'there'
}

/** `up`, `up --detach`, `--version`. */
function verbFound(name: string): Found {
  const [verb = '', option] = name.startsWith('--') ? ['', name] : name.split(' ')
  const row = VERBS.find((one) => one.name === verb)
  if (row === undefined && verb !== '') return 'missing'
  const options = [...(row?.options ?? []), ...GLOBAL_OPTIONS]
  const wanted = options.find(({ long }) => option === `--${long}`)
  if (option !== undefined && wanted === undefined) return 'missing'
  return row?.later || wanted?.later ? 'later' : 'there'
}

/** `createSupervisor`, `RunningServer.scale`: both must be exported by the package. */
function apiFound(name: string): Found {
  const [what = '', member] = name.split('.')
  const lists = [...source('index.ts').matchAll(/^export (?:type )?\{(.*?)\}/gms)].map(([, list = '']) => list)
  const words = lists
    .join(',')
    .replaceAll(/\btype /g, '')
    .split(',')
    .map((word) => word.trim())
  const isExported =
    words.includes(what) ||
    new RegExp(`^export (async function|class|interface) ${what}\\b`, 'm').test(source('index.ts'))
  return found(isExported && (member === undefined || (isInterface(what) && membersOf(what).includes(member))))
}

let known: ReadonlySet<string> | null = null

/** Given to workers; and what the sources read from the environment: `environment.NO_COLOR`. */
function variables(): ReadonlySet<string> {
  if (known !== null) return known
  const texts = readdirSync(ROOT, { recursive: true, encoding: 'utf8' })
    .filter((file) => file.endsWith('.ts'))
    .map(source)
  const read = texts.flatMap((text) => [...text.matchAll(/\b(?:environment|ours)\.([A-Z][A-Z_]+)\b/g)])
  const inLiterals = texts.flatMap((text) => [...text.matchAll(/^\s+([A-Z][A-Z_]+): /gm)])
  const names = [...read, ...inLiterals].map(([, name = '']) => name)
  known = new Set([...Object.values(VARIABLES), socketVariable('<NAME>'), ...names])
  return known
}
