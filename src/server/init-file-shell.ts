// What the init files have in common: words, and the shell code before the program.
import { resolve } from 'node:path'
import type { InitFileFacts } from './init-file.ts'
import { shellWord } from './shell-words.ts'

/** One line for a comment or a title: a line end in it would become code. */
export function oneLine(text: string): string {
  return text.replace(/\s+/g, ' ').trim()
}

export function generatedBy({ date, version }: InitFileFacts): string {
  return `Generated at ${date.toISOString()} with Holdfast ${oneLine(version)}`
}

/** LSB knows facilities as words: no blanks, and a `$` in front is LSB's own. */
export function facilityName(name: string): string {
  return name.replace(/[^A-Za-z0-9_.+-]+/g, '-').replace(/^-+(?=.)/, '')
}

/** Reads the init config and runs the init code, as lines of shell. */
export function preludeLines({ initConfig, initCode, workingDirectory }: InitFileFacts): string[] {
  const lines: string[] = []
  if (initConfig !== null) {
    // Absolute: `.` looks a name without a slash up in PATH.
    const file = shellWord(resolve(workingDirectory, initConfig))
    lines.push(`[ -r ${file} ] && . ${file}`)
  }
  // A line of its own after it: code that ends with a backslash or a comment must not take ours along.
  if (initCode !== null) lines.push(initCode.replace(/\n$/, ''), '')
  return lines
}

/** Ends the script if there is nothing to run, with LSB's codes: 5 for "not installed", 4 where `status` can not know. */
export function installedLines({ node, program, workingDirectory }: InitFileFacts): string[] {
  return [
    ...unless(`[ -x ${shellWord(node)} ]`, `Required program ${node} not found!`),
    ...unless(`[ -r ${shellWord(program)} ]`, `Required program ${program} not found!`),
    ...unless(`cd ${shellWord(workingDirectory)}`, `Working directory ${workingDirectory} not found!`),
  ]
}

function unless(test: string, complaint: string): string[] {
  return [
    `if ! ${test}; then`,
    // Not echo: that of dash would read a backslash in the path as the beginning of something.
    `  printf '%s\\n' ${shellWord(complaint)} >&2`,
    '  case "${1-}" in *status) exit 4 ;; *) exit 5 ;; esac',
    'fi',
  ]
}
