// The words of ServerEngine's `command_sender: "pipe"`: what a worker reads on stdin in place of a signal, one a line.

const WORDS: Readonly<Record<string, string>> = {
  TERM: 'GRACEFUL_STOP',
  QUIT: 'IMMEDIATE_STOP',
  USR1: 'GRACEFUL_RESTART',
  HUP: 'IMMEDIATE_RESTART',
  USR2: 'RELOAD',
  INT: 'DETACH',
  CONT: 'DUMP',
}

/** @param signal with or without SIG; null: it has no word, and is sent itself (KILL) */
export function commandWord(signal: string): string | null {
  return WORDS[signal.replace(/^SIG/, '')] ?? null
}
