// A service script of OpenRC: /etc/init.d/NAME.
import type { InitFileFacts } from './init-file.ts'
import { generatedBy, installedLines, oneLine, preludeLines } from './init-file-shell.ts'
import { shellWord, shellWords } from './shell-words.ts'

/** LSB's facilities in OpenRC's words. */
const FACILITIES: Readonly<Record<string, string>> = {
  $local_fs: 'need localmount',
  $remote_fs: 'need localmount\n\tuse netmount',
  $network: 'need net',
  $named: 'use dns',
  $portmap: 'need rpcbind',
  $syslog: 'use logger',
  $time: 'use clock',
  $all: 'after *',
}

export function openrcInitFile(facts: InitFileFacts): string {
  const { name, node, execArgv, program, programArguments, pidFile, shortDescription } = facts
  const label = shellWord(oneLine(name))
  return [
    '#!/sbin/openrc-run',
    `# ${generatedBy(facts)}`,
    '',
    `name=${label}`,
    `description=${shellWord(oneLine(shortDescription))}`,
    `command=${shellWord(node)}`,
    // Quoted once more: it is a list of shell words in one variable, as openrc-run has it.
    `command_args=${shellWord(shellWords([...execArgv, program]))}`,
    ...(pidFile === null ? [] : [`pidfile=${shellWord(pidFile)}`]),
    "extra_started_commands='reload'",
    '',
    ...dependencies(facts),
    '',
    // In a subshell: OpenRC reads this file also to learn of dependencies, when nothing is to be run.
    'run_program() (',
    ...preludeLines(facts),
    ...installedLines(facts),
    'program_command=$1',
    'eval "set -- $command_args"',
    `exec "$command" "$@" "$program_command"${programArguments.map((word) => ` ${shellWord(word)}`).join('')}`,
    ')',
    '',
    ...delegated('start', 'Starting'),
    ...delegated('stop', 'Stopping'),
    ...delegated('reload', 'Reloading'),
    'status() {',
    '\trun_program status',
    '}',
    '',
  ].join('\n')
}

function delegated(command: string, doing: string): string[] {
  return [`${command}() {`, `\tebegin "${doing} $name"`, `\trun_program ${command}`, '\teend $?', '}', '']
}

function dependencies({ requiredStart }: InitFileFacts): string[] {
  const words = oneLine(requiredStart.join(' '))
    .split(' ')
    .filter((word) => word !== '')
  const lines = words.flatMap((word) => (FACILITIES[word] ?? `need ${shellWord(word)}`).split('\n\t'))
  const body = [...new Set(lines)].map((line) => `\t${line}`)
  return ['depend() {', ...(body.length === 0 ? ['\t:'] : body), '}']
}
