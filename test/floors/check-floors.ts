// The plan of the house as a check: which folder may import which, and what else must not be found where.
import { posix } from 'node:path'
import { type ScannedSource, scanSource } from './scan-source.ts'

export interface SourceFile {
  /** From the project's root: `src/os/spawn.ts`. */
  readonly path: string
  readonly text: string
}

export const FLOORS: Readonly<Record<string, number>> = {
  os: 0,
  wire: 0,
  errors: 0,
  lifecycle: 1,
  rollout: 1,
  election: 1,
  config: 1,
  logs: 2,
  locks: 2,
  forkserver: 2,
  supervisor: 3,
  control: 4,
  server: 4,
  cli: 5,
  'index.ts': 5,
}

const PURE = new Set(['lifecycle', 'rollout', 'election'])
const MAY_USE_CHILD_PROCESS = /^src\/(?:cli\/|config\/evaluate-in-child\.ts$)/
const LINES_AT_MOST = 400
const EMPTY_NAMES = new Set(['util', 'utils', 'helper', 'helpers', 'manager', 'managers', 'misc', 'common', 'stuff'])
const IMPURE =
  /(?<![.\w$])(?:Date|performance|setTimeout|setInterval|setImmediate|queueMicrotask|globalThis|console|crypto|fetch)(?![\w$])(?!\s*[?]?:)|\bMath\s*\.\s*random\b|(?<![.\w$])process\s*(?:\.|\[)/

interface Scanned extends ScannedSource {
  readonly path: string
  readonly lines: number
  readonly folder: string
  /** Paths within the project. */
  readonly inside: readonly { readonly path: string; readonly typeOnly: boolean }[]
  /** Packages and node:*. */
  readonly outside: readonly string[]
}

/** One sentence for each breach, in the order of the files. */
export function breachesOf(files: readonly SourceFile[]): string[] {
  const scanned = new Map(files.map((file) => [file.path, scan(file)]))
  const breaches = [...scanned.values()].flatMap((file) => [
    ...upwardImports(file),
    ...breachesOfWorker(file),
    ...impurities(file),
    ...forbiddenModules(file),
    ...badShape(file),
  ])
  return [...breaches, ...impureThroughOthers(scanned), ...circles(scanned)]
}

function scan({ path, text }: SourceFile): Scanned {
  const source = scanSource(text)
  const inside = source.imports
    .filter(({ specifier }) => specifier.startsWith('.'))
    .map(({ specifier, typeOnly }) => ({ path: posix.join(posix.dirname(path), specifier), typeOnly }))
  const outside = source.imports.map(({ specifier }) => specifier).filter((specifier) => !specifier.startsWith('.'))
  return { ...source, path, inside, outside, folder: folderOf(path), lines: text.trimEnd().split('\n').length }
}

/** `src/os/x.ts` → `os`, `src/index.ts` → `index.ts`. */
function folderOf(path: string): string {
  return path.split('/')[1] ?? ''
}

function upwardImports(file: Scanned): string[] {
  if (file.folder === 'worker') return []
  const own = FLOORS[file.folder]
  if (own === undefined) return [`${file.path}: the folder ${file.folder} is on no floor`]
  return file.inside.flatMap(({ path }) => {
    if (!path.startsWith('src/')) return [`${file.path} imports ${path}, which is outside of src`]
    const folder = folderOf(path)
    if (folder === 'worker') return own >= 4 ? [] : [`${file.path} imports ${path}: the worker stands apart`]
    const other = FLOORS[folder]
    return other !== undefined && other > own ? [`${file.path} (floor ${own}) imports ${path} (floor ${other})`] : []
  })
}

function breachesOfWorker(file: Scanned): string[] {
  if (file.folder !== 'worker') return []
  const inside = file.inside.filter(({ path }) => !/^src\/(?:worker|wire)\//.test(path)).map(({ path }) => path)
  const outside = file.outside.filter((specifier) => !specifier.startsWith('node:'))
  return [...inside, ...outside].map((what) => `${file.path} imports ${what}: the worker imports wire and node:* only`)
}

function impurities(file: Scanned): string[] {
  if (!PURE.has(file.folder)) return []
  const use = IMPURE.exec(file.code)
  return [
    ...file.outside.map((specifier) => `${file.path} imports ${specifier}: the core is pure`),
    ...(use === null ? [] : [`${file.path} uses ${use[0].trim()}: the core reads no clock and rolls no dice`]),
  ]
}

/** Also what a pure file reaches through others runs when it is imported. */
function impureThroughOthers(files: ReadonlyMap<string, Scanned>): string[] {
  return [...files.values()].flatMap((file) => {
    if (!PURE.has(file.folder)) return []
    const seen = new Set([file.path])
    for (const path of seen) for (const next of valueImports(files.get(path))) seen.add(next)
    return [...seen].flatMap((path) => {
      const reached = files.get(path)
      if (reached === undefined || PURE.has(reached.folder)) return []
      return reached.outside.map((specifier) => `${file.path} reaches ${specifier} through ${path}`)
    })
  })
}

function forbiddenModules(file: Scanned): string[] {
  const mentions = (name: string): boolean => file.literals.includes(name)
  const childProcess = mentions('node:child_process') || mentions('child_process')
  const koffi = file.outside.some((specifier) => specifier === 'koffi' || specifier.startsWith('koffi/'))
  return [
    ...(childProcess && !MAY_USE_CHILD_PROCESS.test(file.path) ? [`${file.path} uses node:child_process`] : []),
    ...((koffi || mentions('koffi')) && file.folder !== 'os'
      ? [`${file.path} uses koffi: only os is the door to Linux`]
      : []),
  ]
}

function badShape(file: Scanned): string[] {
  const name = posix.basename(file.path).replace(/\.[cm]?ts$/, '')
  const empty = name.split(/[-.]/).find((part) => EMPTY_NAMES.has(part))
  return [
    ...(file.lines > LINES_AT_MOST ? [`${file.path} has ${file.lines} lines`] : []),
    ...(empty === undefined ? [] : [`${file.path}: "${empty}" does not say what the file holds`]),
  ]
}

function valueImports(file: Scanned | undefined): string[] {
  return (file?.inside ?? []).filter(({ typeOnly }) => !typeOnly).map(({ path }) => path)
}

/** Each circle once, from its first file on. */
function circles(files: ReadonlyMap<string, Scanned>): string[] {
  const done = new Set<string>()
  const found: string[] = []
  const visit = (path: string, trail: readonly string[]): void => {
    const start = trail.indexOf(path)
    if (start >= 0) {
      found.push(`a circle: ${[...trail.slice(start), path].join(' → ')}`)
      return
    }
    if (done.has(path)) return
    for (const next of valueImports(files.get(path))) visit(next, [...trail, path])
    done.add(path)
  }
  for (const path of files.keys()) visit(path, [])
  return found
}
