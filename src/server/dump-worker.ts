// The dump of a worker from outside, also of one that hangs. Its debugger is woken by SIGUSR1, asked for the stack in the middle
// of the loop, and ended: 5 ms, 50 where it is idle. What was tried besides: Node's report on a signal is written by the event loop, so never
// by a worker that hangs; a thread in each worker that watches the main thread costs 10 to 18 MB and 12 ms at each start.
import { constants } from 'node:os'
import { basename } from 'node:path'
import { monotonicMillis } from '../os/monotonic-clock.ts'
import { isAlive, type ProcessIdentity } from '../os/process-identity.ts'
import { catchesSignal, executableOf, mainThreadState } from '../os/thread-states.ts'
import { type DumpTable, formatDump, type ProcessDump } from '../wire/dump-text.ts'
import { type StderrLines, visitDebugger } from './debugger-visit.ts'
import { inTime } from './in-time.ts'
import { kernelDump } from './kernel-dump.ts'

export interface DumpProcessOptions {
  /** Milliseconds. Default: 5000. */
  readonly deadline?: number
  /**
   * The lines of its stderr. Only for a process that was started with `workerDumpFlags` and does not listen for SIGUSR1
   * itself: without them the debugger would open port 9229 to every user of the machine, so it is left alone.
   */
  readonly stderrLines?: StderrLines | undefined
  readonly workers?: DumpTable
}

const DEADLINE = 5_000
const LOOKS = 5
const LOOK_MILLIS = 20

/**
 * What `node` needs before the program's name, so that its debugger can be woken without harm: any free port, and its
 * address on stderr only. By default everybody on the machine could ask the port for the secret part of the address.
 * They cost no time and no memory until then.
 */
export function workerDumpFlags(): readonly string[] {
  return ['--inspect-port=127.0.0.1:0', '--inspect-publish-uid=stderr']
}

/** Text for people. Where JavaScript can not be asked: why, and what the kernel knows. Never rejects for the process's sake. */
export async function dumpProcess(identity: ProcessIdentity, options: DumpProcessOptions = {}): Promise<string> {
  const { workers, stderrLines } = options
  const reason = whyNeverToAsk(identity, stderrLines !== undefined) ?? (await whyNotNow(identity.pid))
  if (reason !== null || stderrLines === undefined) return kernelDump(identity, reason ?? '', workers)
  const answer = await ask(identity, stderrLines, options.deadline ?? DEADLINE)
  return typeof answer === 'string' ? kernelDump(identity, answer, workers) : formatDump(answer, workers)
}

function whyNeverToAsk(identity: ProcessIdentity, prepared: boolean): string | null {
  const { pid } = identity
  if (!isAlive(identity)) return 'the process has ended'
  const program = executableOf(pid)
  if (program === null) return 'its program may not be seen: that needs its user, or root'
  if (!isNode(program)) return `${program} is not Node: it has no JavaScript stack`
  if (!prepared) return `it was not started with ${workerDumpFlags().join(' ')}, or listens for SIGUSR1 itself`
  return null
}

/** Null: the signal does no harm now. What hangs is found at the same place again; others come through it in a moment. */
async function whyNotNow(pid: number): Promise<string | null> {
  let reason = whyNotAtThisMoment(pid)
  for (let looks = 1; reason !== null && looks < LOOKS; looks++) {
    await new Promise((resolve) => setTimeout(resolve, LOOK_MILLIS))
    reason = whyNotAtThisMoment(pid)
  }
  return reason
}

function whyNotAtThisMoment(pid: number): string | null {
  const thread = mainThreadState(pid)
  switch (thread) {
    case 'gone':
      return 'the process has ended'
    case 'runs':
    case 'waits':
      // Before Node's start is through, and after the program took away a handler of its own.
      return catchesSignal(pid, constants.signals.SIGUSR1) ? null : 'it has no handler for SIGUSR1, which would end it'
    case 'stopped':
      return 'it was stopped by a signal (SIGSTOP, SIGTSTP) or a tracer and runs nothing until SIGCONT'
    case 'uninterruptible':
      return 'its main thread is in uninterruptible sleep, for a disk or a network file system'
    case 'in-call':
      return 'its main thread is in a system call, which a signal would make fail (EINTR); no JavaScript runs until it returns'
    case 'unknown':
      return 'its main thread sleeps, and in what may not be seen: that needs its user, or root'
    default:
      return thread satisfies never
  }
}

function isNode(program: string): boolean {
  return program === process.execPath || /^node(?:js)?[-.\d]*$/.test(basename(program))
}

/** The dump, or why there is none. In time, though the visit may go on: until its debugger can be ended. */
async function ask(identity: ProcessIdentity, lines: StderrLines, deadline: number): Promise<ProcessDump | string> {
  const end = monotonicMillis() + deadline
  const orNull = <T>(promise: Promise<T>) => inTime(Math.max(0, end - monotonicMillis()), promise, null)
  try {
    for (;;) {
      const visit = visitDebugger(identity, lines)
      const isOld = visit.answered
      const dump = isOld ? null : await orNull(visit.dump)
      const isOver = await orNull(visit.over.then(() => true))
      if (dump !== null) return dump
      if (!isOld || !isOver) break
    }
    return `no answer within ${deadline / 1000} s: it is in native code or a system call, or its stderr goes elsewhere`
  } catch (error) {
    return error instanceof Error ? error.message : String(error)
  }
}
