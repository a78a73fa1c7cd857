// A hook that computes without end holds every timer of its process, and every signal that has a listener: the kernel ends that
// one, and who waits for it is told beforehand which hook it is.
import { writeSync } from 'node:fs'
import { endThisProcessIn } from '../os/alarm.ts'
import { VARIABLES } from '../wire/worker-environment.ts'
import type { HookWatch } from './hook-failure.ts'

/** Seconds beyond what a hook may take: one that waits for something is ended by a timer, with more words. */
const MORE = 2
const LONGEST_ALARM = 2 ** 31 - 1

/** For a process that is the server's. @param tell who waits for it */
export function endEndlessHooks(tell: HookWatch): HookWatch {
  return (hook, limit) => {
    tell(hook, limit)
    endThisProcessIn(hook === null ? 0 : Math.min(Math.ceil(limit / 1_000) + MORE, LONGEST_ALARM))
  }
}

/** To the supervisor above: `status` shows it, and what a server has said last stands below the failure of its start. */
export function tellSupervisor(environment: Readonly<Record<string, string | undefined>>): HookWatch {
  const fd = Number(environment[VARIABLES.notifyFd])
  return (hook) => {
    if (hook !== null) say(2, `${hook} is called`)
    if (Number.isInteger(fd) && fd > 2) say(fd, `STATUS=${hook === null ? '' : `calls ${hook}`}`)
  }
}

function say(fd: number, line: string): void {
  try {
    writeSync(fd, `${line}\n`)
  } catch {
    // The supervisor is dead, or does not read just now: that is no reason for a hook not to be called.
  }
}
