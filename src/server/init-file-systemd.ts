// A unit of systemd: /etc/systemd/system/NAME.service. Its quoting: systemd.syntax(7), systemd.service(5) "COMMAND LINES".
import { resolve } from 'node:path'
import { HoldfastError } from '../errors/holdfast-error.ts'
import type { InitFileFacts } from './init-file.ts'
import { facilityName, generatedBy, oneLine, preludeLines } from './init-file-shell.ts'

/** LSB's facilities as units; empty: systemd always sees to it. */
const FACILITIES: Readonly<Record<string, string>> = {
  $local_fs: '',
  $syslog: '',
  $all: '',
  $remote_fs: 'remote-fs.target',
  $network: 'network-online.target',
  $named: 'nss-lookup.target',
  $portmap: 'rpcbind.target',
  $time: 'time-sync.target',
}

/** What a stop of the program takes is the program's to end; systemd kills what is left a little later. */
const GRACE_SECONDS = 5

export function systemdInitFile(facts: InitFileFacts): string {
  const { pidFile, workingDirectory } = facts
  const background = pidFile !== null || facts.supervised
  return [
    `# ${generatedBy(facts)}`,
    '',
    '[Unit]',
    // A backslash at the end would join the next line.
    line('Description', oneLine(facts.shortDescription).replace(/[\s\\]+$/, '')),
    ...dependencies(facts),
    '',
    '[Service]',
    ...(background
      ? [
          'Type=forking',
          // Without one systemd finds the process itself: the only one whose parent is systemd.
          ...(pidFile === null ? [] : [line('PIDFile', resolve(workingDirectory, pidFile))]),
          // `start` returns when every worker is ready, or has had its startTimeout.
          'TimeoutStartSec=infinity',
        ]
      : // `exec` waits until the program could be executed; `notify` would wait for words that nobody says.
        ['Type=exec']),
    line('WorkingDirectory', workingDirectory),
    // No User=: the server keeps the rights to bind its sockets, and its workers take their user themselves.
    command('ExecStart', facts, background ? 'start' : 'foreground'),
    // Also where TERM would do: which signal is the graceful one is the program's to know.
    command('ExecStop', facts, 'stop'),
    command('ExecReload', facts, 'reload'),
    // The server ends its workers itself; what is left at the end of the time is killed.
    'KillMode=mixed',
    `TimeoutStopSec=${stopSeconds(facts.stopTimeoutMillis)}`,
    'Restart=on-failure',
    '',
    '[Install]',
    'WantedBy=multi-user.target',
    '',
  ].join('\n')
}

function stopSeconds(millis: number): string {
  return Number.isFinite(millis) ? `${Math.ceil(millis / 1000) + GRACE_SECONDS}s` : 'infinity'
}

/** Started after them is stopped before them: Required-Stop is the same order. */
function dependencies({ requiredStart, requiredStop }: InitFileFacts): string[] {
  const words = oneLine([...requiredStart, ...requiredStop].join(' '))
    .split(' ')
    .filter((word) => word !== '')
  const units = new Set(words.map((word) => FACILITIES[word] ?? `${facilityName(word)}.service`))
  units.delete('')
  const lines = units.size === 0 ? [] : [`After=${[...units].join(' ')}`]
  // The order alone would not bring the network up.
  if (units.has('network-online.target')) lines.push('Wants=network-online.target')
  return lines
}

/** systemd takes no such program, however it is quoted; as an argument of a shell it may be called anything. */
const NO_PROGRAM = /[\x00-\x1f\x7f\\"']/

/** Init config and init code are shell, so a shell runs them and then becomes the program. */
function command(key: string, facts: InitFileFacts, verb: string): string {
  const words = [facts.node, ...facts.execArgv, facts.program, verb, ...facts.programArguments]
  const prelude = preludeLines(facts)
  const direct = prelude.length === 0 && !NO_PROGRAM.test(facts.node)
  const all = direct ? words : ['/bin/sh', '-c', [...prelude, 'exec "$@"'].join('\n'), 'sh', ...words]
  const [file = '', ...args] = all
  // In the path of the program a `$` stands for itself, in the rest for a variable.
  return `${key}=${[word(file), ...args.map((arg) => word(arg).replaceAll('$', '$$$$'))].join(' ')}`
}

function word(text: string): string {
  return /^[A-Za-z0-9_@+=:,./-]+$/.test(text) ? text : quoted(text)
}

function quoted(text: string): string {
  const escaped = text
    .replace(/[\\"]/g, '\\$&')
    .replaceAll('%', '%%')
    .replaceAll('\n', '\\n')
    .replaceAll('\t', '\\t')
    .replace(/[\x00-\x1f\x7f]/g, (control) => `\\x${control.charCodeAt(0).toString(16).padStart(2, '0')}`)
  return `"${escaped}"`
}

/** A value that is taken as it stands, to the end of the line: there is no way to quote. */
function line(key: string, value: string): string {
  if (/[\x00-\x1f\x7f]|\\$|^\s|\s$/.test(value))
    throw new HoldfastError('HF_CONFIG_VALUE', {
      problem: `${key}=${JSON.stringify(value)} can not be written in a unit of systemd`,
      mend: 'It must not hold line ends, nor end with a blank or a backslash.',
    })
  return `${key}=${value.replaceAll('%', '%%')}`
}
