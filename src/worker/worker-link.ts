import type { CommandMessage } from '../wire/command-messages.ts'
import type { WorkerLogger } from './worker.ts'

/** What a worker hears. */
export interface LinkEars {
  obey(message: CommandMessage): void
  /** SIGTERM or SIGINT, which carry no reason and no deadline. */
  asked(signal: string): void
  hangup(): void
}

/** Where the worker's 64 bytes go (heartbeat-slot.ts). */
export interface HeartbeatPlace {
  /** @throws Error: nobody reads them any more */
  write(bytes: Buffer): void
}

/** Sockets of the service, as they reached this worker. */
export interface GivenSockets {
  readonly names: readonly string[]
  /** For one `listen`. Null: the service has none of that name. @throws Error when it did not reach this worker */
  take(name: string): { readonly fd: number; readonly backlog: number } | null
}

/**
 * How a worker is joined to its supervisor: by descriptors and signals where it is a process, by a port where it is a thread.
 * What they say to each other is the same.
 */
export interface WorkerLink {
  /** False where nobody listens: outside Holdfast, and in threads that a program made itself. */
  readonly isOpen: boolean
  /** What is wrong with it; told with the first use of the SDK. */
  readonly problems: readonly string[]
  readonly heartbeat: HeartbeatPlace | null
  readonly sockets: GivenSockets
  readonly logger: WorkerLogger
  /** @param line of sd_notify text, without its newline */
  send(line: string, importance: 'keep' | 'may-drop'): void
  /** From now on. */
  listen(ears: LinkEars): void
  /** Somebody wants to know of SIGHUP; until then it does what it does by default. */
  listenToHangup(): void
  /** Takes in what is there now, for a program that does not return to the event loop. */
  poll(): void
  /** Whether waiting for a message keeps the worker alive, which it does not by default: one with nothing left to do ends. */
  hold(on: boolean): void
  /** Ends the worker: the process, the thread, or what stands for them. */
  end(code?: number): void
}
