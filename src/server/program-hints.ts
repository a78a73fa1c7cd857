// Errors whose words are the daemon's, as a program with a server in it says them: it has other commands, and no config file.
import type { HoldfastError } from '../errors/holdfast-error.ts'
import type { ErrorCode } from '../errors/table.ts'
import { type ProgramCommand, typedProgramCommand } from './program-command.ts'

export interface ErrorWords {
  readonly message: string
  readonly hint: string
}

type Typed = (command: ProgramCommand) => string
type Words = (error: HoldfastError, typed: Typed) => Partial<ErrorWords>

const OWN_WORDS: Partial<Record<ErrorCode, Words>> = {
  HF_USAGE: (_, typed) => ({ hint: `Its commands: ${typed('help')}` }),
  HF_ROLLOUT_IN_PROGRESS: ({ detail }, typed) => ({
    message: `a restart is in progress since ${detail.since}; nothing was changed`,
    hint: `Try again when it is over: ${typed('status')}`,
  }),
  HF_APPLY_IN_PROGRESS: (_, typed) => ({
    message: 'a reload is in progress; nothing was changed',
    hint: `Try again when it is over: ${typed('status')}`,
  }),
  HF_APPLY_REFUSED: (_, typed) => ({ hint: `Take the change back, or: ${typed('hard-restart')}` }),
  HF_GOING_DOWN: (_, typed) => ({
    message: 'it is being stopped',
    hint: `When it is gone, start it again: ${typed('start')}`,
  }),
  HF_UNREACHABLE: (_, typed) => ({ message: 'it has ended meanwhile', hint: `Start it again: ${typed('start')}` }),
  HF_CONNECTION_LOST: (_, typed) => ({
    message: 'it ended the connection before it had answered',
    hint: `Look at it: ${typed('status')}`,
  }),
  HF_SLOTS_FIXED: (_, typed) => ({ hint: `Change slots in the options; then ${typed('hard-restart')}` }),
  HF_RUNTIME_DIR_TAKEN: ({ detail }) => ({
    message: `the runtime directory ${detail.dir} belongs to another server: ${detail.config}`,
    hint: 'Give one of the two another name, or a runtimeDir of its own.',
  }),
  HF_DIRECTORY_SHARED: ({ detail }) => ({
    message: `${detail.key} ${detail.dir} is in use by another server (pid ${detail.pid}): ${detail.config}`,
    hint: `Give one of the two a ${detail.key} of its own.`,
  }),
}

/** @param program as it was called; empty: in no file, as by `node -e`, where no command can be told to type */
export function programWords(error: HoldfastError, program: string): ErrorWords {
  if (program === '') return { message: error.message, hint: '' }
  const own = OWN_WORDS[error.code]?.(error, (command) => typedProgramCommand(program, command))
  // Each problem of its options comes with how to mend it.
  const hint = error.detail.problems === undefined ? error.hint : ''
  return { message: error.message, hint, ...own }
}
