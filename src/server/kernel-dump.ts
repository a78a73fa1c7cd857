// What can be told about a process without its help.
import { describe, isAlive, type ProcessIdentity } from '../os/process-identity.ts'
import { procText, type ThreadState, threadStates } from '../os/thread-states.ts'
import { type DumpSection, type DumpTable, formatSections, workersSection } from '../wire/dump-text.ts'

/** The lines of /proc/<pid>/status that say where a process hangs; the rest is for others. */
const TELLING =
  /^(?:Name|State|Pid|PPid|TracerPid|Uid|VmPeak|VmRSS|VmSwap|Threads|SigQ|SigPnd|ShdPnd|SigBlk|SigIgn|SigCgt|Seccomp|\w*voluntary_ctxt_switches):/

/** @param reason why there is no JavaScript stack */
export function kernelDump(identity: ProcessIdentity, reason: string, workers?: DumpTable): string {
  const { pid } = identity
  const title = isAlive(identity) ? (describe(pid)?.command ?? '') : 'ended'
  return formatSections({ at: new Date().toISOString(), pid, title }, [
    { title: 'Stack', lines: [`(not available: ${reason})`] },
    ...(isAlive(identity) ? kernelSections(pid) : []),
    ...workersSection(workers),
  ])
}

function kernelSections(pid: number): DumpSection[] {
  const unreadable = '(may not be read)'
  const linesOf = (text: string | null): string[] =>
    text === null ? [unreadable] : text.replaceAll('\t', ' ').split('\n')
  return [
    {
      title: 'Status',
      lines: linesOf(procText(pid, 'status')).filter((line) => line === unreadable || TELLING.test(line)),
    },
    {
      title: 'System call (number, arguments, stack and instruction pointer)',
      lines: linesOf(procText(pid, 'syscall')),
    },
    { title: 'Waits in', lines: linesOf(procText(pid, 'wchan')) },
    { title: 'Kernel stack', lines: linesOf(procText(pid, 'stack')) },
    { title: 'Threads', lines: threadStates(pid).map(threadLine) },
  ]
}

function threadLine({ tid, name, state, waitsIn }: ThreadState): string {
  return `${tid} ${state} ${name}${waitsIn === '' ? '' : ` in ${waitsIn}`}`
}
