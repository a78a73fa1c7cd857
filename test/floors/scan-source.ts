// Reads what a TypeScript file imports, without a compiler: comments and the insides of literals are told apart first.

export interface ImportedModule {
  readonly specifier: string
  /** `import type` and `export type`: gone at run time. */
  readonly typeOnly: boolean
}

export interface ScannedSource {
  readonly imports: readonly ImportedModule[]
  /** Every string literal, wherever it stands. */
  readonly literals: readonly string[]
  /** The code with comments blanked and the insides of literals removed. */
  readonly code: string
}

/** Before one of these a slash begins a regular expression, after anything else it divides. */
const REGEX_MAY_FOLLOW = /(?:^|[(,=:[!&|?{};+\-*%<>~^]|\b(?:return|typeof|case|in|of|new|delete|void|do|else))\s*$/

export function scanSource(text: string): ScannedSource {
  const literals: string[] = []
  let code = ''
  let at = 0
  /** Depths of the braces in which template literals are interrupted. */
  const templates: number[] = []
  let braces = 0

  const readTemplate = (): void => {
    const start = at
    while (at < text.length && text[at] !== '`') {
      if (text[at] === '$' && text[at + 1] === '{') {
        literals.push(text.slice(start, at))
        code += '`'
        at += 2
        templates.push(braces)
        return
      }
      at += text[at] === '\\' ? 2 : 1
    }
    literals.push(text.slice(start, at))
    code += '`'
    at++
  }
  const readUntil = (end: string): void => {
    const start = at
    let inClass = false
    while (at < text.length && text[at] !== '\n' && (text[at] !== end || inClass)) {
      if (end === '/' && text[at] === '[') inClass = true
      if (end === '/' && text[at] === ']') inClass = false
      at += text[at] === '\\' ? 2 : 1
    }
    if (end === '/') code += '//'
    else {
      // The number of the literal stands in the code, so that an import can be found with its specifier.
      code += `'${literals.length}'`
      literals.push(text.slice(start, at))
    }
    at++
  }

  while (at < text.length) {
    const two = text.slice(at, at + 2)
    const one = text.charAt(at)
    if (two === '//') {
      while (at < text.length && text[at] !== '\n') at++
    } else if (two === '/*') {
      const end = text.indexOf('*/', at + 2)
      at = end < 0 ? text.length : end + 2
      code += ' '
    } else if (one === "'" || one === '"') {
      at++
      readUntil(one)
    } else if (one === '`') {
      at++
      readTemplate()
    } else if (one === '/' && REGEX_MAY_FOLLOW.test(code)) {
      at++
      readUntil('/')
    } else if (one === '}' && templates.at(-1) === braces) {
      templates.pop()
      at++
      readTemplate()
    } else {
      if (one === '{') braces++
      if (one === '}') braces--
      code += one
      at++
    }
  }
  return { imports: importsIn(code, literals), literals, code }
}

function importsIn(code: string, literals: readonly string[]): ImportedModule[] {
  const found: ImportedModule[] = []
  const add = (index: string | undefined, typeOnly: boolean): void => {
    found.push({ specifier: literals[Number(index)] ?? '', typeOnly })
  }
  for (const [, word, index] of code.matchAll(/\b(?:import|export)\b(\s+type\b)?[^'=;()`]*?\bfrom\s*'(\d+)'/g)) {
    add(index, word !== undefined)
  }
  for (const [, index] of code.matchAll(/\bimport\s*'(\d+)'/g)) add(index, false)
  for (const [, index] of code.matchAll(/\b(?:import|require|getBuiltinModule)\s*\(\s*'(\d+)'/g)) add(index, false)
  return found
}
