// The dump of a worker thread from outside, also of one that hangs: the debugger of our own process is asked, without a port, for those
// of its threads, and those answer in the middle of a loop.
import type { Session } from 'node:inspector'
import { DUMP_EXPRESSION, parseProcessDump } from '../wire/dump-expression.ts'
import { formatDump, formatSections } from '../wire/dump-text.ts'
import { inTime } from './in-time.ts'

export interface DumpableThread {
  readonly threadId: number
  /** `shop/0` */
  readonly worker: string
}

/** Milliseconds. */
const DEADLINE = 5_000

interface FromWorker {
  readonly params: { readonly sessionId: string; readonly message: string }
}
interface AttachedToWorker {
  readonly params: { readonly sessionId: string; readonly workerInfo: { readonly workerId: string } }
}

/** One text for each of them, in their order. Never rejects for a thread's sake. */
export async function dumpThreads(threads: readonly DumpableThread[], deadline = DEADLINE): Promise<string[]> {
  if (threads.length === 0) return []
  const { Session } = process.getBuiltinModule('node:inspector')
  const session = new Session()
  session.connect()
  try {
    const answers = new ThreadAnswers(session)
    session.post('NodeWorker.enable', { waitForDebuggerOnStart: false })
    return await Promise.all(
      threads.map(async (thread) => textFor(thread, await inTime(deadline, answers.of(thread), 'late'), deadline)),
    )
  } finally {
    session.post('NodeWorker.disable')
    session.disconnect()
  }
}

class ThreadAnswers {
  private readonly waiting = new Map<string, (answer: string) => void>()
  private readonly sessions = new Map<string, string>()
  private readonly session: Session

  constructor(session: Session) {
    this.session = session
    session.on('NodeWorker.attachedToWorker', ({ params }: AttachedToWorker) => {
      this.sessions.set(params.workerInfo.workerId, params.sessionId)
    })
    session.on('NodeWorker.receivedMessageFromWorker', ({ params }: FromWorker) => {
      this.waiting.get(params.sessionId)?.(params.message)
      this.waiting.delete(params.sessionId)
    })
  }

  /** Null: it is not there any more. It may take for ever. */
  of({ threadId }: DumpableThread): Promise<string | null> {
    const sessionId = this.sessions.get(String(threadId))
    if (sessionId === undefined) return Promise.resolve(null)
    const params = { expression: DUMP_EXPRESSION, returnByValue: true, silent: true }
    const message = JSON.stringify({ id: 1, method: 'Runtime.evaluate', params })
    return new Promise((resolve) => {
      this.waiting.set(sessionId, resolve)
      this.session.post('NodeWorker.sendMessageToWorker', { sessionId, message })
    })
  }
}

function textFor({ worker }: DumpableThread, answer: string | null | 'late', deadline: number): string {
  const title = `thread ${worker}`
  if (answer === null) return without(title, 'the thread has ended')
  if (answer === 'late') {
    return without(
      title,
      `no answer within ${deadline / 1_000} s: it is in native code, in a system call, or waits for another thread`,
    )
  }
  const dump = parseProcessDump(valueIn(answer))
  return dump === null ? without(title, 'it answered with something that is no dump') : formatDump({ ...dump, title })
}

/** Of the answer to an evaluation; empty where it threw. */
function valueIn(answer: string): string {
  const { result } = JSON.parse(answer) as { result?: { result?: { value?: unknown } } }
  return String(result?.result?.value ?? '')
}

function without(title: string, reason: string): string {
  const header = { at: new Date().toISOString(), pid: process.pid, title }
  return formatSections(header, [{ title: 'Stack', lines: [`(not to be had: ${reason})`] }])
}
