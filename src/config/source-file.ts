// One file of the config: its text, its values, and where in the text each value stands.
import type { Spot } from './problem.ts'
import type { Path } from './value-type.ts'
import { isObject } from './written-scalar.ts'
import type { Fault, Place, Range, YamlTree } from './yaml-tree.ts'

export interface SourceFile {
  /** Absolute real path. */
  readonly file: string
  /** What the file says, before `${…}` is replaced. */
  readonly tree: unknown
  readonly faults: readonly Fault[]
  /** There may be a `${…}` in it, literal or behind an escape. */
  readonly mayHaveVariables: boolean
  /** Where a key or value stands, or the nearest thing around it; null where no position is known. */
  spot(path: Path, at: 'key' | 'value', part?: string): Spot | null
  spotOf(range: Range): Spot | null
}

/** @param places parses the text for positions; called once, and only when a position is asked for. */
export function sourceFile(
  file: string,
  text: string,
  tree: unknown,
  faults: readonly Fault[],
  places: () => YamlTree,
): SourceFile {
  let parsed: YamlTree | null = null
  const yaml = () => {
    parsed ??= places()
    return parsed
  }
  return {
    file,
    tree,
    faults,
    mayHaveVariables: /\$\{|\\[ux]/i.test(text),
    spotOf: (range) => spotAt(text, yaml(), range),
    spot(path, at, part) {
      const range = findRange(yaml(), path, at)
      return range === null
        ? spotAt(text, yaml(), { start: 0, end: 1 })
        : spotAt(text, yaml(), narrowed(text, range, part))
    },
  }
}

/** Values of a module or a program: there is no text to point into. */
export function computedFile(file: string, tree: unknown): SourceFile {
  return { file, tree, faults: [], mayHaveVariables: true, spot: () => null, spotOf: () => null }
}

/** Whether the file itself gives this path. */
export function hasPath(source: SourceFile, path: Path): boolean {
  let value: unknown = source.tree
  for (const key of path) {
    if (
      Array.isArray(value)
        ? typeof key !== 'number' || key >= value.length
        : !isObject(value) || !Object.hasOwn(value, key)
    )
      return false
    value = (value as Record<string | number, unknown>)[key]
  }
  return true
}

/** The keys of an object in the file, also of entries that could not be read. */
export function keysAt(source: SourceFile, path: Path): readonly string[] {
  let value: unknown = source.tree
  for (const key of path) value = isObject(value) && Object.hasOwn(value, key) ? value[key] : null
  return isObject(value) ? Object.keys(value) : []
}

function findRange({ tree, places }: YamlTree, path: Path, at: 'key' | 'value'): Range | null {
  let value: unknown = tree
  let last: Place | null = null
  for (const [index, key] of path.entries()) {
    const place = typeof value === 'object' && value !== null ? places.get(value)?.get(key) : undefined
    if (place === undefined) return last === null ? null : nearestRange(last, isObject(value))
    last = place
    value = (value as Record<string | number, unknown>)[key]
    if (index === path.length - 1 && at === 'value') return valueRange(place)
  }
  return last === null ? null : (last.key ?? last.value)
}

/** A key that is missing is shown at the key of the object that misses it; `listen` of `http: tcp://…` at the address. */
function nearestRange(around: Place, isMissing: boolean): Range {
  return isMissing ? (around.key ?? around.value) : valueRange(around)
}

/** `key:` with nothing after it has no value to point at. */
function valueRange({ key, value }: Place): Range {
  return value.end > value.start ? value : (key ?? value)
}

function narrowed(text: string, range: Range, part: string | undefined): Range {
  const start = part === undefined || part === '' ? -1 : text.slice(range.start, range.end).indexOf(part)
  return start < 0 ? range : { start: range.start + start, end: range.start + start + (part?.length ?? 0) }
}

function spotAt(text: string, { lines }: YamlTree, { start, end }: Range): Spot {
  const offset = Math.min(start, text.length)
  const { line, col } = lines.linePos(offset)
  const lineStart = offset - (col - 1)
  const newline = text.indexOf('\n', lineStart)
  const lineText = text.slice(lineStart, newline < 0 ? text.length : newline).replace(/\r$/, '')
  const length = Math.min(end, lineStart + lineText.length) - offset
  return { line: Math.max(1, line), column: Math.max(1, col), length: Math.max(1, length), lineText }
}
