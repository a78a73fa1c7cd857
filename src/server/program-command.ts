// The commands of a program with a server in it.
import { relative } from 'node:path'
import { nearestName } from '../config/did-you-mean.ts'
import { HoldfastError } from '../errors/holdfast-error.ts'
import { shellWord } from './shell-words.ts'

export const PROGRAM_COMMANDS = {
  start: 'start the server in the background; returns when every worker is ready',
  stop: 'stop it; returns when nothing of it is left',
  restart: 'replace everything, the server too (a `supervised` one without a gap); starts what does not run',
  'hard-restart': 'stop, then start',
  'rolling-restart': 'replace the workers one by one, without a gap',
  'live-restart': 'a new server takes over while the old one finishes its work (`supervised`)',
  fork: 'start what is missing; for cron',
  reload: 'evaluate the configuration again, and hand it to every worker',
  upgrade: 'ask the mains, by a file, to make room for their successors (`slots`)',
  status:
    'show the server and its workers, with --json as data; exit code 0 running, 1 dead but its pid file is there, 3 not running, 4 unknown',
  foreground: 'run the server here, with everything that its workers say; what you get without a command',
  'init-file': 'print the file that starts it at boot: sysv, systemd or openrc',
  help: 'this',
} as const

/** What a program with a server in it can be told on its command line. */
export type ProgramCommand = keyof typeof PROGRAM_COMMANDS

/** `--hard_restart` is `hard-restart`. @throws HoldfastError HF_USAGE */
export function parseProgramCommand(word: string | undefined): ProgramCommand {
  if (word === undefined) return 'foreground'
  if (typeof word !== 'string') throw new HoldfastError('HF_USAGE', { problem: 'a command is a text', verb: '' })
  const name = word.replace(/^-+/, '').replaceAll('_', '-').toLowerCase()
  if (Object.hasOwn(PROGRAM_COMMANDS, name)) return name as ProgramCommand
  const near = nearestName(name, Object.keys(PROGRAM_COMMANDS))
  const hint = near === null ? '' : `; did you mean ${near}?`
  throw new HoldfastError('HF_USAGE', { problem: `there is no command "${word}"${hint}`, verb: '' })
}

/** `node shop.mjs status`, to be typed where the program was started. */
export function typedProgramCommand(program: string, command: ProgramCommand, directory = process.cwd()): string {
  const path = relative(directory, program)
  const shown = path.startsWith('../../') ? program : path
  return `node ${shellWord(shown)} ${command}`
}

export function programHelp(name: string, program: string): string {
  const width = Math.max(...Object.keys(PROGRAM_COMMANDS).map((command) => command.length)) + 2
  const lines = Object.entries(PROGRAM_COMMANDS).map(([command, doc]) => `  ${command.padEnd(width)}${doc}`)
  return [`Usage: ${program} [COMMAND]`, '', `Commands of the server "${name}":`, ...lines, ''].join('\n')
}
