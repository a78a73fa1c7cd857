// An init script of System V as the Linux Standard Base wants it: /etc/init.d/NAME.
import type { InitFileFacts } from './init-file.ts'
import { facilityName, generatedBy, installedLines, oneLine, preludeLines } from './init-file-shell.ts'
import { shellWord, shellWords } from './shell-words.ts'

export function sysvInitFile(facts: InitFileFacts): string {
  const { node, execArgv, program, programArguments } = facts
  const run = shellWords([node, ...execArgv, program])
  const given = programArguments.map((word) => ` ${shellWord(word)}`).join('')
  return [
    '#!/bin/sh',
    `# ${generatedBy(facts)}`,
    '',
    ...header(facts),
    '',
    ...preludeLines(facts),
    ...installedLines(facts),
    '',
    // The program itself would run in the foreground without a command: not what anybody wants of an init script.
    'if [ "$#" -eq 0 ]; then',
    `  ${run} help >&2`,
    '  exit 2',
    'fi',
    'holdfast_command=$1',
    'shift',
    // LSB asks each script for this word.
    '[ "$holdfast_command" != force-reload ] || holdfast_command=reload',
    `exec ${run} "$holdfast_command"${given} "$@"`,
    '',
  ].join('\n')
}

function header({ name, requiredStart, requiredStop, shortDescription, description }: InitFileFacts): string[] {
  const short = oneLine(shortDescription)
  return [
    '### BEGIN INIT INFO',
    field('Provides', facilityName(name)),
    field('Required-Start', facilities(requiredStart)),
    field('Required-Stop', facilities(requiredStop)),
    field('Default-Start', '2 3 4 5'),
    field('Default-Stop', '0 1 6'),
    field('Short-Description', short),
    ...descriptionLines(description, short),
    '### END INIT INFO',
  ]
}

const WIDTH = 'Short-Description: '.length

function field(key: string, value: string): string {
  return `# ${`${key}:`.padEnd(WIDTH)}${value}`.trimEnd()
}

function facilities(list: readonly string[]): string {
  return oneLine(list.join(' '))
}

/** Only this field may have more lines; each further one starts with a tab or two blanks after the `#`. */
function descriptionLines(description: string, short: string): string[] {
  const lines = description.split(/[\r\n]+/).map(oneLine)
  const [first = short, ...more] = lines.filter((line) => line !== '')
  return [field('Description', first), ...more.map((line) => `#  ${' '.repeat(WIDTH - 1)}${line}`)]
}
