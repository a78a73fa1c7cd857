import { relative } from 'node:path'
import { type Problem, printable } from './problem.ts'

const MOST_SHOWN = 50

/**
 * All problems for a terminal: `file:line:column: path: message`, the line with a caret, and a hint. Files below the current
 * directory are named relative to it.
 */
export function formatProblems(problems: readonly Problem[], { color }: { color: boolean }): string {
  const paint = color
    ? (code: string, text: string) => `\x1b[${code}m${text}\x1b[0m`
    : (_: string, text: string) => text
  const shown = problems.slice(0, MOST_SHOWN).map((problem) => formatProblem(problem, paint))
  if (problems.length > shown.length) shown.push(`… and ${problems.length - shown.length} more\n`)
  return shown.join('\n')
}

function formatProblem(problem: Problem, paint: (code: string, text: string) => string): string {
  const { file, line, column, path, code, message, hint, excerpt, caret } = problem
  const hasPosition = excerpt !== '' || line > 1 || column > 1
  const where = hasPosition ? `${displayName(file)}:${line}:${column}:` : `${displayName(file)}:`
  const isWarning = code === 'HF_CONFIG_WARNING'
  const what = isWarning ? `${paint('33', 'warning:')} ${printable(message)}` : paint('31', printable(message))
  const lines = [
    [paint('1', where), path === '' ? '' : `${printable(path)}:`, what].filter((part) => part !== '').join(' '),
  ]
  if (excerpt.trim() !== '') lines.push(`  ${excerpt}`, `  ${paint(isWarning ? '33' : '31', caret)}`)
  if (hint !== '') lines.push(`  ${paint('2', printable(hint))}`)
  return `${lines.join('\n')}\n`
}

function displayName(file: string): string {
  const below = relative(process.cwd(), file)
  return printable(below === '' || below.startsWith('..') ? file : below)
}
