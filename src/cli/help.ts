import type { Paint } from '../control/colours.ts'
import { usageLine } from './parse-command.ts'
import { GLOBAL_OPTIONS, type OptionRow, VERBS, type VerbRow } from './verb-table.ts'

const GROUPS: readonly (readonly [VerbRow['group'], string])[] = [
  ['run', 'Run'],
  ['look', 'Look'],
  ['drive', 'Drive'],
  ['config', 'Config'],
  ['later', 'Not available yet'],
]

const TARGETS = 'TARGET is a service (web), one of its workers (web/2), a tag (@blue), a shell glob (web*) or "all".\n'

export function generalHelp(paint: Paint): string {
  const groups = GROUPS.map(([group, title]) => {
    const verbs = VERBS.filter((verb) => verb.group === group && !verb.hidden)
    if (group === 'later') return `${paint('bold', title)}\n  ${verbs.map((verb) => verb.name).join(' ')}\n`
    return `${paint('bold', title)}\n${columns(verbs.map((verb) => [[verb.name, ...verb.arguments].join(' '), verb.summary]))}`
  })
  return [
    'Keeps processes up, shares their sockets, restarts them without a dropped request.\n',
    `${paint('bold', 'Usage')}\n  holdfast [options] COMMAND …\n`,
    ...groups,
    `${paint('bold', 'Options for every command')}\n${optionList(GLOBAL_OPTIONS)}`,
    TARGETS,
    'More about one command: holdfast COMMAND --help\n',
  ].join('\n')
}

export function verbHelp(verb: VerbRow, paint: Paint): string {
  const takesTargets = verb.arguments.some((word) => word.includes('TARGET'))
  const sentence = `${verb.summary.charAt(0).toUpperCase()}${verb.summary.slice(1)}.`
  const parts = [`${usageLine(verb)}\n`, `${sentence}${verb.later ? ' Not available yet.' : ''}\n`]
  if (verb.details) parts.push(`${wrap(verb.details, 100)}\n`)
  if (verb.options.length > 0) parts.push(`${paint('bold', 'Options')}\n${optionList(verb.options)}`)
  parts.push(`${paint('bold', 'Options for every command')}\n${optionList(GLOBAL_OPTIONS)}`)
  if (verb.examples.length > 0) parts.push(`${paint('bold', 'Examples')}\n${columns(verb.examples)}`)
  if (takesTargets) parts.push(TARGETS)
  return parts.join('\n')
}

function optionList(options: readonly OptionRow[]): string {
  return columns(
    options.map(({ short, long, value, doc, later }) => [
      `${short ? `-${short}, ` : '    '}--${long}${value ? ` ${value}` : ''}`,
      later ? `${doc} (not available yet)` : doc,
    ]),
  )
}

function columns(rows: readonly (readonly [string, string])[]): string {
  const width = Math.max(...rows.map(([left]) => left.length)) + 3
  return rows.map(([left, right]) => `  ${left.padEnd(width)}${right}\n`).join('')
}

function wrap(text: string, width: number): string {
  return text.replace(new RegExp(`(.{1,${width}})(?: |$)`, 'g'), '$1\n').trimEnd()
}
