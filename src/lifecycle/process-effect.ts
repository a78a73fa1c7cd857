import type { ProcessIdentity } from './process-state.ts'

/** What the interpreter is to do for one process. Data only; outcomes come back as events. */
export type ProcessEffect =
  /** To the process, or to its group, after an identity check. */
  | {
      readonly do: 'signal'
      readonly process: ProcessIdentity
      readonly signal: string
      readonly scope: 'process' | 'group'
      readonly why: string
    }
  /** The stop message on the command FIFO; `deadlineIn` milliseconds until force, null: never. */
  | { readonly do: 'tell-stop'; readonly reason: string; readonly deadlineIn: number | null }
  | { readonly do: 'make-stop-file'; readonly process: ProcessIdentity; readonly path: string }
  | { readonly do: 'remove-stop-file'; readonly process: ProcessIdentity; readonly path: string }
  | { readonly do: 'run-stop-command'; readonly process: ProcessIdentity; readonly command: readonly string[] }
  | { readonly do: 'watch-readiness'; readonly process: ProcessIdentity }
  | { readonly do: 'forget-readiness' }
  /** It is ready: the deadlines that it writes itself count from now. */
  | { readonly do: 'became-ready' }
  /** It said that it ends by itself. */
  | { readonly do: 'announced-end' }
  | { readonly do: 'send-reload'; readonly process: ProcessIdentity }
  | { readonly do: 'reload-done'; readonly error: string | null }
  /** Take it out of the spawn queue, and say `spawn-cancelled` if it was still there. */
  | { readonly do: 'cancel-spawn' }
  /** Look until nothing of the group is left, then say `swept`. */
  | { readonly do: 'watch-group'; readonly process: ProcessIdentity }
  /** The process is gone: its FIFOs, record and heartbeat slot are free. */
  | { readonly do: 'release' }
  /** Something worth a journal line that is no change of state. */
  | { readonly do: 'note'; readonly event: string; readonly reason: string }
