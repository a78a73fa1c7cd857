// YAML text to plain values, with the place of every key and value. Own conversion instead of the library's toJS: it keeps
// positions and written text, and bounds what aliases may expand to.
import {
  Composer,
  type CST,
  type Document,
  isAlias,
  isMap,
  isPair,
  isScalar,
  isSeq,
  Lexer,
  LineCounter,
  type Node,
  type Pair,
  Parser,
  Scalar,
  type YAMLMap,
  type YAMLSeq,
} from 'yaml'
import type { Path } from './value-type.ts'
import { shorten, WrittenScalar } from './written-scalar.ts'
import { explainYamlErrors, otherFormat } from './yaml-faults.ts'

/** Offsets in the text. */
export interface Range {
  readonly start: number
  readonly end: number
}

export interface Place {
  /** null in a list. */
  readonly key: Range | null
  readonly value: Range
}

export interface Fault {
  readonly range: Range
  readonly path: Path
  readonly code: 'HF_CONFIG_SYNTAX' | 'HF_CONFIG_DUPLICATE'
  readonly detail: Readonly<Record<string, string>>
}

export interface YamlTree {
  readonly tree: unknown
  readonly faults: readonly Fault[]
  readonly lines: LineCounter
  /** Places of the elements of each object and list in `tree`. */
  readonly places: ReadonlyMap<object, ReadonlyMap<string | number, Place>>
}

const DEEPEST = 64
const MOST_BY_ALIAS = 100_000

export function parseYaml(text: string): YamlTree {
  const lines = new LineCounter()
  const builder = new TreeBuilder(lines)
  const tokens = tokensOf(text, lines)
  if (typeof tokens !== 'number') return { tree: compose(tokens, text, builder), ...builder.results() }
  builder.fault({ start: tokens, end: tokens }, [], ...TOO_DEEP)
  return { tree: null, ...builder.results() }
}

/**
 * The tokens, or the offset at which they are nested too deep. The library composes by recursion, and a stack that ends while
 * V8 compiles a regular expression ends the process; its tokenizer does not recurse, but slows down with the depth.
 */
function tokensOf(text: string, lines: LineCounter): readonly CST.Token[] | number {
  const tokens: CST.Token[] = []
  const parser = new Parser(lines.addNewLine)
  lines.addNewLine(0)
  for (const lexeme of new Lexer().lex(text)) {
    tokens.push(...parser.next(lexeme))
    // Beside the collections the document and a scalar are on the stack.
    if (parser.stack.length > DEEPEST + 2) return parser.offset
  }
  tokens.push(...parser.end())
  return tokens
}

function compose(tokens: readonly CST.Token[], text: string, builder: TreeBuilder): unknown {
  // Its own check for duplicate keys compares every key with every other: minutes for a large file.
  const composer = new Composer({ prettyErrors: false, uniqueKeys: false })
  const [document, second] = composer.compose(tokens, true, text.length)
  if (second !== undefined)
    builder.fault(
      rangeOfDocument(second),
      [],
      'more than one YAML document',
      'Put everything into one, or use `include`.',
    )
  if (document === undefined) return null
  for (const { start, end, problem, mend } of explainYamlErrors(text, [...document.errors, ...document.warnings]))
    builder.fault({ start, end }, [], problem, mend)
  if (document.contents === null) return null
  const other = isScalar(document.contents) ? otherFormat(text) : null
  if (other !== null) builder.fault({ start: other.start, end: other.end }, [], other.problem, other.mend)
  return builder.convert(document.contents, [])
}

function rangeOfDocument(document: Document.Parsed): Range {
  return { start: document.range[0], end: document.range[0] }
}

const TOO_DEEP = ['nested too deep', `A config has at most ${DEEPEST} levels.`] as const

interface Converted {
  readonly value: unknown
  /** Number of values after aliases are expanded. */
  readonly size: number
}

class TreeBuilder {
  readonly #faults: Fault[] = []
  readonly #places = new Map<object, Map<string | number, Place>>()
  readonly #lines: LineCounter
  /** null while the anchored value itself is being converted. */
  readonly #anchors = new Map<string, Converted | null>()
  #expandedByAlias = 0

  constructor(lines: LineCounter) {
    this.#lines = lines
  }

  results(): Omit<YamlTree, 'tree'> {
    return { faults: this.#faults, lines: this.#lines, places: this.#places }
  }

  convert(node: Node, path: Path): unknown {
    return this.#node(node, path).value
  }

  fault(range: Range, path: Path, problem: string, mend: string): void {
    this.#faults.push({ range, path, code: 'HF_CONFIG_SYNTAX', detail: { problem, mend } })
  }

  #node(node: unknown, path: Path): Converted {
    if (isAlias(node)) return this.#alias(node.source, rangeOf(node), path)
    const anchor = isScalar(node) || isMap(node) || isSeq(node) ? node.anchor : undefined
    if (anchor !== undefined) this.#anchors.set(anchor, null)
    const converted = this.#content(node, path)
    if (anchor !== undefined) this.#anchors.set(anchor, converted)
    return converted
  }

  #content(node: unknown, path: Path): Converted {
    if (isScalar(node)) return { value: scalarValue(node), size: 1 }
    if (path.length > DEEPEST) {
      this.fault(rangeOf(node), path, ...TOO_DEEP)
      return NOTHING
    }
    if (isMap(node)) return this.#map(node, path)
    return isSeq(node) ? this.#sequence(node, path) : NOTHING
  }

  #alias(anchor: string, range: Range, path: Path): Converted {
    const target = this.#anchors.get(anchor)
    const name = shorten(anchor)
    if (target === undefined) {
      this.fault(
        range,
        path,
        `there is no anchor &${name} before this alias`,
        `If *${name} is meant as text, write it in quotes; else put the anchor first.`,
      )
      return NOTHING
    }
    if (target === null) {
      this.fault(range, path, `the alias *${name} refers to itself`, 'Take it out.')
      return NOTHING
    }
    this.#expandedByAlias += target.size
    if (this.#expandedByAlias <= MOST_BY_ALIAS) return target
    if (this.#expandedByAlias - target.size <= MOST_BY_ALIAS) {
      this.fault(
        range,
        path,
        `the aliases expand to more than ${MOST_BY_ALIAS} values`,
        'Use fewer aliases of aliases.',
      )
    }
    return NOTHING
  }

  #sequence(node: YAMLSeq, path: Path): Converted {
    const list: unknown[] = []
    const places = new Map<string | number, Place>()
    let size = 1
    node.items.forEach((item, index) => {
      if (isPair(item)) return
      const converted = this.#node(item, [...path, index])
      list.push(converted.value)
      size += converted.size
      places.set(index, { key: null, value: rangeOf(item) })
    })
    this.#places.set(list, places)
    return { value: list, size }
  }

  #map(node: YAMLMap, path: Path): Converted {
    // Without a prototype: `__proto__` is then a key like any other.
    const object: Record<string, unknown> = Object.create(null)
    const places = new Map<string | number, Place>()
    this.#places.set(object, places)
    const merged = new Set<string>()
    let size = 1
    for (const pair of node.items) {
      if (isMergeKey(pair)) {
        size += this.#merge(pair, object, places, merged, path)
        continue
      }
      const key = this.#key(pair, path)
      if (key === null) continue
      const keyRange = rangeOf(pair.key)
      if (node.flow && isGlued(pair, key)) {
        const mend = `Write ${shorten(key.replace(/:(?=[^/])/, ': '))}.`
        this.fault(keyRange, path, 'a blank is missing after the colon', mend)
      }
      const converted = this.#node(pair.value, [...path, key])
      size += converted.size
      const first = merged.has(key) ? undefined : places.get(key)?.key
      if (first) this.#duplicate(key, keyRange, first, path)
      merged.delete(key)
      object[key] = converted.value
      places.set(key, { key: keyRange, value: pair.value === null ? keyRange : rangeOf(pair.value) })
    }
    return { value: object, size }
  }

  #key({ key }: Pair, path: Path): string | null {
    if (isScalar(key) && key.value !== null) {
      return typeof key.value === 'string' ? key.value : (key.source ?? String(key.value))
    }
    this.fault(rangeOf(key), path, 'a key must be a plain word', 'Write KEY: VALUE.')
    return null
  }

  #duplicate(name: string, range: Range, first: Range, path: Path): void {
    const { line, col } = this.#lines.linePos(first.start)
    const detail = {
      what: 'key',
      name: shorten(name),
      first: `${line}:${col}`,
      mend: 'Take one of them out, or join them.',
    }
    this.#faults.push({ range, path: [...path, name], code: 'HF_CONFIG_DUPLICATE', detail })
  }

  /** `<<: *base`: keys of the base that are not given here. */
  #merge(
    pair: Pair,
    object: Record<string, unknown>,
    places: Map<string | number, Place>,
    merged: Set<string>,
    path: Path,
  ): number {
    const sources = isSeq(pair.value) ? pair.value.items : [pair.value]
    let size = 0
    for (const source of sources) {
      const { value, size: sourceSize } = this.#node(source, path)
      size += sourceSize
      const from =
        typeof value === 'object' && value !== null && !Array.isArray(value) ? this.#places.get(value) : undefined
      if (from === undefined) {
        if (value !== null)
          this.fault(rangeOf(source), path, 'only an object can be merged with <<', 'Write <<: *NAME.')
        continue
      }
      for (const [key, place] of from) {
        if (typeof key === 'number' || places.has(key)) continue
        object[key] = (value as Record<string, unknown>)[key]
        places.set(key, place)
        merged.add(key)
      }
    }
    return size
  }
}

const NOTHING: Converted = { value: null, size: 1 }

function isMergeKey({ key }: Pair): boolean {
  return isScalar(key) && key.value === '<<' && key.type === Scalar.PLAIN
}

/** `{ PORT:8080 }`: to YAML one key without a value. */
function isGlued({ key, value }: Pair, text: string): boolean {
  const isEmpty = value === null || (isScalar(value) && value.value === null && value.source === '')
  return isEmpty && isScalar(key) && key.type === Scalar.PLAIN && /^[\w.-]+:[^/\s]/.test(text)
}

function scalarValue(node: Scalar): unknown {
  const { value, source } = node
  if (typeof value === 'string' || source === undefined) return value
  return String(value) === source ? value : new WrittenScalar(source, value, false)
}

function rangeOf(node: unknown): Range {
  const range = isScalar(node) || isAlias(node) || isMap(node) || isSeq(node) ? node.range : null
  return { start: range?.[0] ?? 0, end: range?.[1] ?? 0 }
}
