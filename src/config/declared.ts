// Everything that the files declare, joined: services and sockets by name, each with its `defaults` and the place it stands at.
import { basename } from 'node:path'
import type { ConfigFile } from './config-file.ts'
import { suggestion } from './did-you-mean.ts'
import { type Findings, type Standing, standing } from './findings.ts'
import { mergeSparse } from './read-table.ts'
import type { Sparse } from './setting.ts'
import type { forkserverSettings } from './settings/forkserver.ts'
import { serviceSettings } from './settings/service.ts'
import type { lockSettings } from './settings/slots.ts'
import type { socketSettings } from './settings/socket.ts'
import { keysAt, type SourceFile } from './source-file.ts'

type ServiceSettings = Sparse<typeof serviceSettings>
type SocketSettings = Sparse<typeof socketSettings>

export interface DeclaredService {
  readonly name: string
  /** With `defaults` below; without the built-in defaults. */
  readonly settings: ServiceSettings
  /** Where a key of it stands: in the service, else in `defaults`. */
  at(...keys: (string | number)[]): Standing
}

export interface DeclaredSocket {
  readonly name: string
  readonly settings: SocketSettings
  at(...keys: (string | number)[]): Standing
}

export interface DeclaredForkserver {
  readonly name: string
  readonly settings: Sparse<typeof forkserverSettings>
  at(...keys: (string | number)[]): Standing
}

export type Declarable = 'service' | 'socket' | 'lock' | 'forkserver'
type Declarables = `${Declarable}s`

export interface Declared {
  readonly services: ReadonlyMap<string, DeclaredService>
  readonly sockets: ReadonlyMap<string, DeclaredSocket>
  readonly locks: ReadonlyMap<string, Sparse<typeof lockSettings>>
  readonly forkservers: ReadonlyMap<string, DeclaredForkserver>
  /** Whether a file declares it; also if the declaration was refused. */
  has(what: Declarable, name: string): boolean
  /** How to mend a name that nothing declares. */
  suggest(what: Declarable, name: string): string
}

export function collectDeclared(files: readonly ConfigFile[], findings: Findings): Declared {
  const services = new Map<string, DeclaredService>()
  const sockets = new Map<string, DeclaredSocket>()
  const serviceNames = collectNames(files, 'services', findings)
  const socketNames = collectNames(files, 'sockets', findings)
  const lockNames = collectNames(files, 'locks', findings)
  const forkserverNames = collectNames(files, 'forkservers', findings)
  const forkservers = new Map<string, DeclaredForkserver>()
  const locks = new Map(files.flatMap(({ settings }) => Object.entries(settings.locks ?? {})))
  for (const file of files) {
    const defaults = defaultsFor(file)
    for (const [name, given] of Object.entries(file.settings.services ?? {})) {
      if (serviceNames.get(name) === file.source)
        services.set(name, declaredService(name, withDefaultsOf(defaults, given, name), file))
    }
    for (const [name, settings] of Object.entries(file.settings.sockets ?? {})) {
      const at = (...keys: (string | number)[]) => standing(file.source, ['sockets', name, ...keys], [])
      if (socketNames.get(name) === file.source) sockets.set(name, { name, settings, at })
    }
    for (const [name, settings] of Object.entries(file.settings.forkservers ?? {})) {
      const at = (...keys: (string | number)[]) => standing(file.source, ['forkservers', name, ...keys], [])
      if (forkserverNames.get(name) === file.source) forkservers.set(name, { name, settings, at })
    }
  }
  const names = { service: serviceNames, socket: socketNames, lock: lockNames, forkserver: forkserverNames }
  return {
    services,
    sockets,
    locks,
    forkservers,
    has: (what, name) => names[what].has(name),
    suggest: suggestionsFrom(names),
  }
}

// A name is compared with every name there is: thousands of wrong names among thousands would take minutes.
const MOST_SUGGESTIONS = 100

function suggestionsFrom(names: Readonly<Record<Declarable, ReadonlyMap<string, unknown>>>): Declared['suggest'] {
  const known = new Map<string, string>()
  return (what, name) => {
    const key = `${what} ${name}`
    const answer =
      known.get(key) ??
      (names[what].size === 0 || known.size >= MOST_SUGGESTIONS
        ? declareIt(what, name)
        : suggestion(name, [...names[what].keys()], what))
    known.set(key, answer)
    return answer
  }
}

function declareIt(what: Declarable, name: string): string {
  const example = {
    service: '{ command: … }',
    socket: 'tcp://0.0.0.0:8080',
    lock: '{ type: file }',
    forkserver: '{ preload: ./app.js }',
  }[what]
  return `Declare it at the top of the file, ${what}s: { ${name}: ${example} }, or correct the name.`
}

/** Which file declares each name; a name that a second file declares too is an error. */
function collectNames(files: readonly ConfigFile[], key: Declarables, findings: Findings): Map<string, SourceFile> {
  const names = new Map<string, SourceFile>()
  for (const { source } of files) {
    for (const name of keysAt(source, [key])) {
      const first = names.get(name)
      if (first === undefined) names.set(name, source)
      else reportDuplicate(key, name, first, source, findings)
    }
  }
  return names
}

function reportDuplicate(
  key: Declarables,
  name: string,
  first: SourceFile,
  source: SourceFile,
  findings: Findings,
): void {
  const path = [key, name]
  const spot = first.spot(path, 'key')
  const place = spot === null ? first.file : `${first.file}:${spot.line}:${spot.column}`
  const detail = {
    what: key.slice(0, -1),
    name,
    first: place,
    mend: `Rename one of them (${basename(first.file)}, ${basename(source.file)}).`,
  }
  findings.error({ source, path, standsAt: path }, 'key', 'HF_CONFIG_DUPLICATE', detail)
}

const noDefaults: ServiceSettings = {}

/** The `defaults` of the file and of those that include it, the outermost lowest. */
function defaultsFor(file: ConfigFile): ServiceSettings {
  return [...file.includedBy, file].reduce<ServiceSettings>(
    (joined, { settings }) => mergeSparse(serviceSettings, joined, settings.defaults ?? noDefaults),
    noDefaults,
  )
}

/** `defaults` that make everything depend on `db` do not mean `db` itself. */
function withDefaultsOf(defaults: ServiceSettings, given: ServiceSettings, name: string): ServiceSettings {
  const settings = mergeSparse(serviceSettings, defaults, given)
  const { dependsOn } = settings
  if (dependsOn === undefined || !Object.hasOwn(dependsOn, name) || Object.hasOwn(given.dependsOn ?? {}, name))
    return settings
  return { ...settings, dependsOn: Object.fromEntries(Object.entries(dependsOn).filter(([other]) => other !== name)) }
}

function declaredService(name: string, settings: ServiceSettings, file: ConfigFile): DeclaredService {
  const layers = [file, ...[...file.includedBy].reverse()]
  const at = (...keys: (string | number)[]) => {
    const inDefaults = layers.map(({ source }) => ({ source, path: ['defaults', ...keys] }))
    return standing(file.source, ['services', name, ...keys], inDefaults)
  }
  return { name, settings, at }
}
