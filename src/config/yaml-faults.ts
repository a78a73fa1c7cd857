// What the YAML library complains of, in plain words, at the place where the slip was made, once for each.
import { Lexer } from 'yaml'
import { shorten } from './written-scalar.ts'

export interface YamlError {
  readonly code: string
  readonly pos: readonly [number, number]
  readonly message: string
}

export interface SyntaxFault {
  readonly start: number
  readonly end: number
  readonly problem: string
  readonly mend: string
}

// After the first few the library is only confused.
const MOST_FAULTS = 5

export function explainYamlErrors(text: string, errors: readonly YamlError[]): readonly SyntaxFault[] {
  if (errors.length === 0) return []
  const other = otherFormat(text)
  if (other !== null) return [other]
  const reader = new FaultReader(text, errors)
  const faults: SyntaxFault[] = []
  const explained = new Set<number>()
  for (const error of errors) {
    // A line that is indented too far is two errors at one place.
    if (explained.has(error.pos[0])) continue
    explained.add(error.pos[0])
    // What comes after a broken document is told as single tokens.
    if (faults.length > 0 && / in YAML stream/.test(error.message)) break
    const fault = reader.explain(error)
    // One slip is several errors, mostly on its own line.
    if (!faults.some(({ start }) => lineOf(text, start) === lineOf(text, fault.start))) faults.push(fault)
    if (faults.length >= MOST_FAULTS) break
  }
  return faults
}

/** Another program's config, or a module under the wrong name. */
export function otherFormat(text: string): SyntaxFault | null {
  const ini = /^(?:[ \t\r]*(?:[#;][^\n]*)?\n)*\[[\w:.@ -]+\][ \t]*\r?\n/.exec(text)
  if (ini !== null) {
    const start = ini[0].lastIndexOf('[')
    const mend = 'Holdfast reads YAML: services: { web: { command: … } }. See docs/coming-from.md.'
    return { start, end: ini[0].trimEnd().length, problem: 'this is an INI file, as of supervisord or systemd', mend }
  }
  const module = /^(?:export default|module\.exports|import .* from|const \w+ =).*$/m.exec(text)
  if (module === null) return null
  const mend = 'Name the file holdfast.mjs (or .js, .ts), or write YAML.'
  return { start: module.index, end: module.index + module[0].length, problem: 'this is a JavaScript module', mend }
}

function lineOf(text: string, offset: number): number {
  return text.lastIndexOf('\n', offset - 1)
}

class FaultReader {
  readonly #text: string
  readonly #errors: readonly YamlError[]
  #marks: readonly Mark[] | null = null

  constructor(text: string, errors: readonly YamlError[]) {
    this.#text = text
    this.#errors = errors
  }

  explain(error: YamlError): SyntaxFault {
    const { code, message } = error
    const [start, end] = error.pos
    const at = (problem: string, mend: string, from = start, to = end): SyntaxFault => ({
      start: from,
      end: to,
      problem,
      mend,
    })
    const text = this.#text
    const variable = this.#variableAt(start)
    if (variable !== null) {
      const written = text.slice(variable.start, variable.end)
      const mend = `Within { } and [ ] YAML takes the braces for its own. ${inQuotes(written)}`
      return { ...variable, problem: `${shorten(written)} needs quotes here`, mend }
    }
    if (message.startsWith('Missing closing')) {
      const quote = this.#lastQuote(start)
      return at(
        `this quote is not closed`,
        `Close it with ${text[quote] === "'" ? "'" : '"'}.`,
        quote,
        lineEnd(text, quote),
      )
    }
    if (/^Flow (map|sequence)/.test(message)) return this.#unclosedBracket(start) ?? at(message, GENERAL)
    if (code === 'TAB_AS_INDENT') return at('a tab is used to indent', 'YAML indents with blanks.')
    if (code === 'TAG_RESOLVE_FAILED') return at(shorten(message, 160), 'Only plain YAML values can be used here.')
    if (code === 'BAD_INDENT') return this.#badIndent(start)
    if (code === 'BLOCK_AS_IMPLICIT_KEY') return this.#nestedMapping(start)
    if (code === 'MULTILINE_IMPLICIT_KEY' || message.startsWith('Implicit map keys need'))
      return at(
        'there is no ":" after this key',
        'Write KEY: VALUE, or KEY: with what belongs to it indented below.',
        start,
        lineEnd(text, start),
      )
    if (code === 'BAD_SCALAR_START') {
      const value = text.slice(start, lineEnd(text, start)).replace(/\s+#.*$/, '')
      return at(`a value can not begin with ${text[start]}`, inQuotes(value))
    }
    if (code === 'BAD_DQ_ESCAPE')
      return at(
        `${text.slice(start, start + 2)} means nothing in double quotes`,
        'Use single quotes, or write the backslash twice.',
      )
    if (/^Unexpected flow-(map|seq)-end/.test(message))
      return at(`this ${text[start]} closes nothing`, 'Take it out, or open it before.')
    if (/^Missing ,/.test(message))
      return at(
        'a comma is missing before this',
        'Write { a: 1, b: 2 } or [a, b]; put a value with blanks and colons in quotes.',
      )
    if (code === 'UNEXPECTED_TOKEN') return at('the value has ended before this', 'Put the whole value in quotes.')
    return at(shorten(message.charAt(0).toLowerCase() + message.slice(1), 160), GENERAL)
  }

  /** `${NAME}` without quotes, of which YAML has read the brace as its own. */
  #variableAt(offset: number): { start: number; end: number } | null {
    const text = this.#text
    const brace = text[offset] === '{' ? offset : offset - 1
    if (text[brace] !== '{' || text[brace - 1] !== '$') return null
    let start = brace - 1
    while (start > 0 && /[^\s,[\]{}"']/.test(text[start - 1] ?? ' ')) start--
    const rest = /^\{[^\n}]*\}[^\s,[\]{}"']*/.exec(text.slice(brace, brace + 500))
    return rest === null ? null : { start, end: brace + rest[0].length }
  }

  #badIndent(offset: number): SyntaxFault {
    const lineStart = lineOf(this.#text, offset) + 1
    const end = lineEnd(this.#text, lineStart)
    const indent = /^ */.exec(this.#text.slice(lineStart, end))?.[0].length ?? 0
    const mend = 'What belongs together begins in the same column; what belongs to a key is indented below it.'
    return { start: lineStart + indent, end, problem: 'this line is not indented as those around it', mend }
  }

  /** Either the value holds another `: `, or the next line is indented as if it went on with this value. */
  #nestedMapping(offset: number): SyntaxFault {
    const text = this.#text
    const end = lineEnd(text, offset)
    const isMultiline = this.#errors.some(({ code, pos }) => code === 'MULTILINE_IMPLICIT_KEY' && pos[0] === offset)
    const next = /\n[ \t]*[^\s#]/.exec(text.slice(end))
    if (isMultiline && next !== null) return this.#badIndent(end + next.index + 1)
    const value = text.slice(offset, end).replace(/\s+#.*$/, '')
    return {
      start: offset,
      end,
      problem: 'this value has a ": " in it',
      mend: inQuotes(value),
    }
  }

  #lastQuote(before: number): number {
    return (
      this.#readMarks().findLast(({ char, offset }) => (char === '"' || char === "'") && offset < before)?.offset ??
      before
    )
  }

  #unclosedBracket(before: number): SyntaxFault | null {
    const open: Mark[] = []
    for (const mark of this.#readMarks()) {
      if (mark.offset >= before) break
      if (mark.char === '{' || mark.char === '[') open.push(mark)
      else if (mark.char === '}' || mark.char === ']') open.pop()
    }
    const last = open.at(-1)
    if (last === undefined) return null
    const closing = last.char === '{' ? '}' : ']'
    const mend = `Close it with ${closing}; what stands between must be indented.`
    return { start: last.offset, end: last.offset + 1, problem: `this ${last.char} is not closed`, mend }
  }

  #readMarks(): readonly Mark[] {
    this.#marks ??= marksIn(this.#text)
    return this.#marks
  }
}

interface Mark {
  readonly char: string
  readonly offset: number
}

/** Brackets, and where quotes open. */
function marksIn(text: string): readonly Mark[] {
  const marks: Mark[] = []
  let offset = 0
  let isScalar = false
  for (const lexeme of new Lexer().lex(text)) {
    // Of the control characters that the lexer puts in between only that before a scalar matters.
    const isControl = lexeme === '\x02' || lexeme === '\x18' || lexeme === '\x1f'
    const char = lexeme.charAt(0)
    const isMark = /^["']/.test(lexeme) || /^[[\]{}]$/.test(lexeme)
    if (isMark && !isScalar) marks.push({ char, offset })
    isScalar = lexeme === '\x1f'
    if (!isControl) offset += lexeme.length
  }
  return marks
}

function lineEnd(text: string, offset: number): number {
  const newline = text.indexOf('\n', offset)
  return newline < 0 ? text.length : newline
}

function inQuotes(value: string): string {
  return value.length > 60 ? 'Write it in quotes.' : `Write it in quotes: ${JSON.stringify(value)}.`
}

const GENERAL = 'The file is neither JSON nor YAML as it stands.'
