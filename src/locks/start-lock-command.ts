// The small commands that wait for locks.
import type { OwnChildren } from '../os/own-children.ts'
import type { WaitStatus } from '../os/reap.ts'

export interface LockCommand {
  readonly file: string
  readonly argv: readonly string[]
  readonly fds: readonly number[]
}

/** Starts it and calls back once, when it is reaped, never before it returns. @returns the way to kill it @throws OsError */
export type StartLockCommand = (command: LockCommand, onEnd: (status: WaitStatus) => void) => () => void

export interface LockCommandSetting {
  /** `NAME=value`, with a PATH; what names them as ours goes in here. */
  readonly environment: readonly string[]
  readonly softNoFile: number | null
}

export function lockCommandsOf(
  children: OwnChildren,
  { environment: env, softNoFile }: LockCommandSetting,
): StartLockCommand {
  return ({ file, argv, fds }, onEnd) => children.start({ file, argv, env, cwd: '/', fds, softNoFile }, onEnd)
}
